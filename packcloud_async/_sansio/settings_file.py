"""A settings file (``packcloud.toml``) as plain values: what it may hold, and what of it holds for a profile.

1. The top level holds for every profile; what a profile gives takes its place, key by key.
2. The token is never in it: a key that could hold one is refused, and no value beside it is ever quoted.
3. Every profile is checked for keys that are not known, not only the one in force.
"""

from collections.abc import Iterable, Mapping
from typing import Final, cast

import attrs
from attrs import field, frozen

from packcloud_async._sansio.secret import Secret
from packcloud_async.errors import ConfigurationError
from packcloud_async.policies import PollPolicy, RateLimit, RetryPolicy, Routes, Timeouts, route_overrides

FILE_NAME: Final = "packcloud.toml"
SECTIONS: Final[Mapping[str, type]] = {
    "poll": PollPolicy,
    "rate_limit": RateLimit,
    "retry": RetryPolicy,
    "timeouts": Timeouts,
    "routes": Routes,
}
_TOKEN_KEYS: Final = ("token_file", "token_keyring")
_PLAIN: Final = ("base_url", *_TOKEN_KEYS, "max_connections")
_OF_A_PROFILE: Final = (*_PLAIN, *SECTIONS)
_OF_A_FILE: Final = ("profile", "profiles", *_OF_A_PROFILE)
_A_TOKEN_ITSELF: Final = ("token", "password", "secret", "apikey", "authorization", "bearer", "credential")


@frozen
class Setting:
    """A value, and where it comes from in the words of a user: ``--rate``, ``PACKCLOUD_RATE``, a file.

    ``in_table``: other keys come from there too, so that a message names the key beside it.
    """

    value: object = field(repr=False)
    source: str
    in_table: bool = False

    def label(self, key: str) -> str:
        """Return how a message names it."""
        return f"{self.source}: {key}" if self.in_table else self.source


@frozen
class TokenFile:
    """The token is the one line of a file; the path is not shown: it may be the token, put there by mistake."""

    path: str = field(repr=False)


@frozen
class TokenKeyring:
    """The token is an entry of the keyring, by its user name."""

    user: str = field(repr=False)


@frozen
class SettingsFile:
    """A file of settings that was read; ``name`` is how it is told in messages."""

    name: str
    top: Mapping[str, object]
    profiles: Mapping[str, Mapping[str, object]]

    def profile(self, named: Setting | None) -> Setting | None:
        """Return the profile in force: the one that is named, else the one the file names; None for neither."""
        chosen = named
        if chosen is None and "profile" in self.top:
            chosen = Setting(self.top["profile"], f"profile in {self.name}")
        if chosen is None or chosen.value in self.profiles:
            return chosen
        known = ", ".join(self.profiles) or "none"
        raise ConfigurationError(
            f"{chosen.source}: there is no profile {chosen.value!r} in {self.name}; it has: {known}"
        )

    def settings(self, profile: Setting | None) -> Mapping[str, Setting]:
        """Return what holds for a profile, None for what holds without any."""
        found = _settings_of(self.top, self.name)
        if profile is not None:
            name = str(profile.value)
            found |= _settings_of(self.profiles[name], f"{self.name}, profile {name}")
        return found


def read_settings_file(held: Secret[str], name: str) -> SettingsFile:
    """Read a file of settings; ``held`` is its text, which somebody may have put a token into."""
    document = _parsed(held, name)
    _check_keys(document, _OF_A_FILE, name)
    profiles = _table(document.get("profiles", {}), "profiles", name)
    for profile, table in profiles.items():
        place = f"{name}, profile {profile}"
        _check_keys(_table(table, f"profiles.{profile}", name), _OF_A_PROFILE, place)
    chosen = document.get("profile")
    if chosen is not None and not isinstance(chosen, str):
        raise ConfigurationError(f"{name}: profile must be the name of a profile, a text, not {_kind_of(chosen)}")
    return SettingsFile(name, document, cast("Mapping[str, Mapping[str, object]]", profiles))


def route_settings(held: Secret[str], source: str) -> Mapping[str, Setting]:
    """Return every route that a file of routes names; one that is named with its default overrides others, too."""
    try:
        overrides = route_overrides(held.reveal())
    except ConfigurationError as error:
        told = str(error)
    else:
        return {f"routes.{route}": Setting(template, source, in_table=True) for route, template in overrides.items()}
    # Outside, so that no frame that holds the text comes along.
    raise ConfigurationError(f"{source}: {told}")


def _parsed(held: Secret[str], name: str) -> Mapping[str, object]:
    import tomllib  # noqa: PLC0415 - few have such a file

    try:
        return tomllib.loads(held.reveal())
    except tomllib.TOMLDecodeError as error:
        told = f"{name}: it is not TOML: {error}"
    # A number of too many digits, and a value nested deeper than the interpreter's stack.
    except (ValueError, RecursionError) as error:
        told = f"{name}: it cannot be read: {type(error).__name__}"
    # Outside, so that no frame that holds the text comes along.
    raise ConfigurationError(told)


def _check_keys(table: Mapping[str, object], known: Iterable[str], place: str) -> None:
    _refuse_unknown(table, known, place)
    for section, kind in SECTIONS.items():
        if section in table:
            inner = _table(table[section], section, place)
            _refuse_unknown(inner, attrs.fields_dict(kind), f"{place}, [{section}]")


def _refuse_unknown(table: Mapping[str, object], known: Iterable[str], place: str) -> None:
    allowed = tuple(known)
    for key in table:
        if key in allowed:
            continue
        if _may_be_a_token(key):
            way = "set PACKCLOUD_TOKEN, or name a file with token_file, or an entry of the keyring with token_keyring"
            raise ConfigurationError(f"{place}: {key!r}: a token has no place in this file: {way}")
        raise ConfigurationError(f"{place}: unknown key {key!r}; allowed: {', '.join(allowed)}")


def _may_be_a_token(key: str) -> bool:
    plain = key.casefold().replace("_", "").replace("-", "").replace(" ", "")
    return any(word in plain for word in _A_TOKEN_ITSELF)


def _settings_of(table: Mapping[str, object], source: str) -> dict[str, Setting]:
    found = {key: Setting(table[key], source, in_table=True) for key in ("base_url", "max_connections") if key in table}
    if (token := _token_of(table, source)) is not None:
        found["token"] = token
    for section in SECTIONS:
        inner = cast("Mapping[str, object]", table.get(section, {}))
        found |= {f"{section}.{key}": Setting(value, source, in_table=True) for key, value in inner.items()}
    return found


def _token_of(table: Mapping[str, object], source: str) -> Setting | None:
    given = [key for key in _TOKEN_KEYS if key in table]
    if len(given) > 1:
        raise ConfigurationError(f"{source}: give token_file or token_keyring, not both")
    for key, kind, wanted in (
        ("token_file", TokenFile, "the path of a file"),
        ("token_keyring", TokenKeyring, "the user name of an entry in the keyring"),
    ):
        if key in table:
            value = table[key]
            if not isinstance(value, str) or not value:
                # Never quoted: it may be the token itself.
                raise ConfigurationError(f"{source}: {key} must be {wanted}, a text, not {_kind_of(value)}")
            return Setting(kind(value), f"{key} in {source}")
    return None


def _table(value: object, key: str, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"{place}: {key} must be a table such as [{key}], not {_kind_of(value)}")
    return cast("Mapping[str, object]", value)


def _kind_of(value: object) -> str:
    """Say what TOML calls a value, without quoting it."""
    if value == "":
        return "an empty text"
    return next((told for kind, told in _KINDS if isinstance(value, kind)), "a date or a time")


_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "yes or no"),
    (int, "a whole number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "a table"),
)
