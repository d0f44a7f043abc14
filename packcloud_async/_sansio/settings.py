"""What is in force, and where each value comes from: flags before environment before file before the default.

1. Values come in layers of ``key -> Setting``, the first layer that has a key decides. Keys are dotted as they are
   written in a file: ``poll.deadline`` is ``deadline`` in ``[poll]``.
2. What is unusable is told by the place it comes from, its key and what is allowed; a credential is never quoted.
3. A file that was only found in the working directory does not decide where the token is sent, but for this machine;
   nor for that when the file is another user's, who may listen there.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

import attrs
from attrs import field, frozen

from packcloud_async._sansio.quantities import NO_LIMIT, read_duration, read_rate
from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.settings_file import SECTIONS, Setting, TokenFile, TokenKeyring
from packcloud_async.errors import ConfigurationError
from packcloud_async.policies import (
    PollPolicy,
    RateLimit,
    RetryPolicy,
    Routes,
    Timeouts,
    check_base_url,
    check_whole,
    is_loopback_url,
)

T = TypeVar("T")

DEFAULT: Final = "default"
_PLAIN_DEFAULTS: Final[Mapping[str, object]] = {
    "base_url": "https://api.pack.cloud",
    "token": None,
    "max_connections": 100,
}
Token = TokenFile | TokenKeyring | Secret[str] | None


@frozen(kw_only=True)
class Settings:
    """What is in force; ``values`` holds every key with where its value comes from, those of defaults too.

    ``token`` is the token itself, or where it is to be read; None when nothing gives one. ``rate_limit`` None means
    that nothing is asked for: only what the server asks is heeded.
    """

    base_url: str
    token: Token
    max_connections: int
    poll: PollPolicy
    rate_limit: RateLimit | None
    retry: RetryPolicy
    timeouts: Timeouts
    routes: Routes
    values: Mapping[str, Setting] = field(repr=False)


def environment_settings(environment: Mapping[str, Secret[str]]) -> Mapping[str, Setting]:
    """Return what the environment gives; an empty variable is one that is not set."""
    found: dict[str, Setting] = {}
    given = {name: held for name, held in environment.items() if held.reveal()}
    if "PACKCLOUD_TOKEN" in given:
        found["token"] = Setting(given["PACKCLOUD_TOKEN"], "PACKCLOUD_TOKEN")
    elif "PACKCLOUD_TOKEN_FILE" in given:
        found["token"] = Setting(TokenFile(given["PACKCLOUD_TOKEN_FILE"].reveal()), "PACKCLOUD_TOKEN_FILE")
    if "PACKCLOUD_BASE_URL" in given:
        found["base_url"] = Setting(given["PACKCLOUD_BASE_URL"].reveal(), "PACKCLOUD_BASE_URL")
    if "PACKCLOUD_RATE" in given:
        found |= rate_settings(given["PACKCLOUD_RATE"].reveal(), "PACKCLOUD_RATE")
    if "PACKCLOUD_DEADLINE" in given:
        deadline = _seconds(given["PACKCLOUD_DEADLINE"].reveal(), "PACKCLOUD_DEADLINE")
        found["poll.deadline"] = Setting(deadline, "PACKCLOUD_DEADLINE")
    return found


def rate_settings(text: str, source: str) -> Mapping[str, Setting]:
    """Return what a rate such as ``50/s`` sets."""
    rate = _named(source, lambda: read_rate(text))
    return {"rate_limit.requests": Setting(rate.requests, source), "rate_limit.per": Setting(rate.per, source)}


def settings_in_force(
    *layers: Mapping[str, Setting], untrusted: Mapping[str, Setting] | None = None, is_own: bool = True
) -> Settings:
    """Put layers together, the strongest first; ``untrusted`` is the one of a file that nobody named.

    ``is_own`` when that file belongs to who runs the command, or to the system.
    Raises :class:`ConfigurationError` for what is unusable.
    """
    given: dict[str, Setting] = {}
    for layer in layers:
        given = {**layer, **given}
    values = {key: given.get(key, Setting(default, DEFAULT)) for key, default in _PLAIN_DEFAULTS.items()}
    is_trusted = values["base_url"] is not (untrusted or {}).get("base_url")
    base_url = _base_url(values["base_url"], is_trusted=is_trusted, is_own=is_own)
    whole = values["max_connections"]
    check_whole(f"{whole.source}: max_connections", cast("int", whole.value), 1)
    built = {section: _built(section, _within(section, given)) for section in SECTIONS}
    for section, policy in built.items():
        values |= _values_of(section, policy, given)
    return Settings(
        base_url=base_url,
        token=cast("Token", values["token"].value),
        max_connections=cast("int", whole.value),
        poll=cast("PollPolicy", built["poll"]),
        rate_limit=cast("RateLimit", built["rate_limit"]) if _within("rate_limit", given) else None,
        retry=cast("RetryPolicy", built["retry"]),
        timeouts=cast("Timeouts", built["timeouts"]),
        routes=cast("Routes", built["routes"]),
        values=values,
    )


def _base_url(setting: Setting, *, is_trusted: bool, is_own: bool) -> str:
    label = setting.label("base_url")
    url = check_base_url(Secret(cast("str", setting.value)), allow_insecure=False, variable=label)
    is_harmless = url == _PLAIN_DEFAULTS["base_url"] or (is_own and is_loopback_url(url))
    if not is_trusted and not is_harmless:
        raise ConfigurationError(
            f"{label} decides where the token is sent, and that file was only found in the working directory: "
            "name it with --config or PACKCLOUD_CONFIG to use it"
        )
    return url


def _within(section: str, given: Mapping[str, Setting]) -> Mapping[str, Setting]:
    start = f"{section}."
    return {key.removeprefix(start): setting for key, setting in given.items() if key.startswith(start)}


def _built(section: str, given: Mapping[str, Setting]) -> object:
    kind = SECTIONS[section]
    try:
        return kind(**{name: None if setting.value == NO_LIMIT else setting.value for name, setting in given.items()})
    except ConfigurationError as error:
        told = str(error).removeprefix(kind.__name__).replace(" or None", f' or "{NO_LIMIT}"')
    guilty = [name for name in given if told.startswith(f".{name} ")] or list(given)
    sources = ", ".join(dict.fromkeys(given[name].source for name in guilty))
    raise ConfigurationError(f"{sources}: {section}{told}")


def _values_of(section: str, policy: object, given: Mapping[str, Setting]) -> Mapping[str, Setting]:
    names = attrs.fields_dict(SECTIONS[section])
    keys = {f"{section}.{name}": getattr(policy, name) for name in names}
    return {key: given.get(key, Setting(value, DEFAULT)) for key, value in keys.items()}


def _seconds(text: str, source: str) -> object:
    return NO_LIMIT if text == NO_LIMIT else _named(source, lambda: read_duration(text))


def _named(source: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ConfigurationError as error:
        told = str(error)
    raise ConfigurationError(f"{source} {told}")
