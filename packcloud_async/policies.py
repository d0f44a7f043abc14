"""Numbers and templates that travel together, as frozen values, checked when built.

Durations are seconds (float). ``growth`` and ``jitter`` are ratios. None means "no limit".
"""

import ipaddress
import re
import string
import sys
from collections.abc import Callable, Generator
from functools import cache
from typing import Any, Final, Self, cast
from urllib.parse import quote, urlsplit

import attrs
from attrs import Factory, field, frozen

from packcloud_async._sansio.secret import Secret, secret
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async.errors import ConfigurationError


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _at_least(minimum: float, *, above: bool = False, optional: bool = False) -> Callable[[Any, Any, Any], None]:
    wanted = f"a number {'above' if above else 'of at least'} {minimum:g}" + (" or None" if optional else "")

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if optional and value is None:
            return
        if not _number(value) or value < minimum or (above and value == minimum):
            raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} must be {wanted}, not {value!r}")

    return check


def _ratio(
    *, above_zero: bool = False, below_one: bool = False, optional: bool = False
) -> Callable[[Any, Any, Any], None]:
    lower, upper = ("above" if above_zero else "of at least"), ("below" if below_one else "at most")
    wanted = f"a number {lower} 0 and {upper} 1" + (" or None" if optional else "")

    def check(instance: Any, attribute: Any, value: Any) -> None:
        if optional and value is None:
            return
        fits = _number(value) and 0 <= value <= 1
        if not fits or (above_zero and value == 0) or (below_one and value == 1):
            raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} must be {wanted}, not {value!r}")

    return check


def _whole(minimum: int) -> Callable[[Any, Any, Any], None]:
    def check(instance: Any, attribute: Any, value: Any) -> None:
        check_whole(f"{type(instance).__name__}.{attribute.name}", value, minimum)

    return check


def check_instance(name: str, value: object, wanted: type) -> None:
    """Refuse a value of another class, or a class in place of a value; None is fine."""
    if value is not None and not isinstance(value, wanted):
        article = "an" if wanted.__name__[0] in "AEIO" else "a"
        raise ConfigurationError(f"{name} must be {article} {wanted.__name__}, not {value!r}")


def check_whole(name: str, value: object, minimum: int) -> None:
    """Refuse anything but a whole number of at least the minimum."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ConfigurationError(f"{name} must be a whole number of at least {minimum}, not {value!r}")


@frozen(kw_only=True)
class Timeouts:
    """How long one attempt at one request may take, in seconds; None means no limit.

    ``connect``: name lookup, TCP and TLS. ``read``: silence between two pieces of the answer.
    ``total``: the whole attempt; a connection that does not stand after nine tenths of it is given up, so that the
    request certainly never left. Waiting for a free connection is not counted in any of them.
    """

    connect: float | None = field(default=10.0, validator=_at_least(0, above=True, optional=True))
    read: float | None = field(default=60.0, validator=_at_least(0, above=True, optional=True))
    total: float | None = field(default=90.0, validator=_at_least(0, above=True, optional=True))

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def until_connected(self) -> float | None:
        """Seconds after which an attempt that has no connection is given up; None means no limit."""
        limits = [self.connect, None if self.total is None else 0.9 * self.total]
        return min((limit for limit in limits if limit is not None), default=None)


@frozen(kw_only=True)
class RetryPolicy:
    """When a failed request is tried again, and after how long.

    ``attempts`` counts the first one too; 1 never retries. The wait before attempt ``n + 1`` is drawn evenly
    between half and all of ``first * growth ** (n - 1)``, at most ``ceiling`` seconds. A server's
    Retry-After is waited for in full instead; if it is longer than ``retry_after_ceiling`` seconds the error is
    raised at once, because coming back earlier than asked is worse than saying so.

    ``budget`` is the share of the client's requests that may be retries, counted over the last ``budget_window``
    seconds; ``budget_reserve`` further retries are free in that time, for clients that send little and for a moment
    in which all requests under way fail. What goes beyond is not tried again: its error is raised at once. None
    means no such limit. Refusals that say when to come back (429; 503 with Retry-After) neither need the budget
    nor use it up.
    """

    attempts: int = field(default=4, validator=_whole(1))
    first: float = field(default=0.5, validator=_at_least(0))
    growth: float = field(default=2.0, validator=_at_least(1))
    ceiling: float = field(default=30.0, validator=_at_least(0))
    retry_after_ceiling: float = field(default=120.0, validator=_at_least(0))
    budget: float | None = field(default=0.2, validator=_ratio(optional=True))
    budget_reserve: int = field(default=100, validator=_whole(0))
    budget_window: float = field(default=30.0, validator=_at_least(1))

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def delay_after(self, failures: int, *, retry_after: float | None, draw: float) -> float:
        """Return the seconds to wait after this many failures; ``draw`` is a random number in [0, 1)."""
        if retry_after is not None:
            return min(retry_after, self.retry_after_ceiling)
        try:
            ratio = float(self.growth) ** (failures - 1)
        except OverflowError:
            ratio = sys.float_info.max
        return min(self.ceiling, self.first * ratio) * (0.5 + 0.5 * draw)

    def accepts(self, retry_after: float | None) -> bool:
        """Whether the server's wish is one that this policy waits for."""
        return retry_after is None or retry_after <= self.retry_after_ceiling

    def is_refusal(self, status: int, retry_after: float | None) -> bool:
        """Whether the server turned the request away and so sets the pace itself."""
        return status == 429 or (status == 503 and retry_after is not None)

    def pause_after(self, status: int, retry_after: float | None) -> float:
        """Return the seconds that every request should wait after a refusal; 0 when the status is none."""
        if retry_after is not None and status in {429, 503}:
            return min(retry_after, self.retry_after_ceiling)
        return self.first if status == 429 else 0.0

    def waits(self, draw: Callable[[], float]) -> Generator[float, BaseException | None, None]:
        """Yield the wait after each failure; the generator is sent the failure."""
        failures = 0
        error = yield 0.0
        while True:
            failures += 1
            retry_after = getattr(error, "retry_after", None)
            error = yield self.delay_after(failures, retry_after=retry_after, draw=draw())


_MOST_LATE = 0.02
"""Seconds by which timers may be late without a request being lost."""


def _enough_for_late_timers(limit: "RateLimit") -> int:
    # Checked only after every field is set.
    if not (_number(limit.requests) and _number(limit.per) and limit.requests and limit.per > 0):
        return 1
    return max(1, int(min(1e9, _MOST_LATE * (limit.requests / limit.per))))


def _yes_or_no(instance: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{type(instance).__name__}.{attribute.name} must be True or False, not {value!r}")


@frozen
class RateLimit:
    """How many requests may begin in a span of time: ``RateLimit(50)`` is 50 per second.

    **How many:** ``requests`` in ``per`` seconds; None is no limit of one's own. ``burst`` is how many may begin at
    once after a quiet time: at most ``requests + burst`` begin in any window of ``per`` seconds, and with a burst
    of 1 never more than ``requests`` in a window that leaves out its last instant. By default it is what the
    rate gives in 20 milliseconds, at least 1, which makes up for timers that are late.

    **Adapting:** with ``adaptive`` a refusal (429; 503 with Retry-After) multiplies the rate by ``decrease``,
    never below the share ``floor`` of it; each ``quiet`` seconds without one add the share ``increase``,
    up to the whole. Requests that began before the rate was lowered lower it no further.

    **The server's headers** on any answer (``RateLimit``, ``X-RateLimit-Remaining`` and their kin) are heeded unless
    ``server_headers`` is False: when at most the share ``little`` of its limit is left, the rest is spread over
    the time until the reset, and when nothing is left requests wait for it, no single one longer than
    ``longest_wait`` seconds. A server that does not name its reset is presumed to count in windows of
    ``presumed_window`` seconds. Where a server sends no such header, nothing is presumed.

    >>> RateLimit(600, per=60).rate
    10.0
    """

    requests: float | None = field(default=None, validator=_at_least(0, above=True, optional=True))
    per: float = field(default=1.0, kw_only=True, validator=_at_least(0, above=True))
    burst: int = field(default=Factory(_enough_for_late_timers, takes_self=True), kw_only=True, validator=_whole(1))
    adaptive: bool = field(default=False, kw_only=True, validator=_yes_or_no)
    decrease: float = field(default=0.7, kw_only=True, validator=_ratio(above_zero=True, below_one=True))
    increase: float = field(default=0.02, kw_only=True, validator=_ratio(above_zero=True))
    quiet: float = field(default=2.0, kw_only=True, validator=_at_least(0, above=True))
    floor: float = field(default=0.05, kw_only=True, validator=_ratio(above_zero=True))
    server_headers: bool = field(default=True, kw_only=True, validator=_yes_or_no)
    little: float = field(default=0.1, kw_only=True, validator=_ratio())
    presumed_window: float = field(default=60.0, kw_only=True, validator=_at_least(0, above=True))
    longest_wait: float = field(default=120.0, kw_only=True, validator=_at_least(0))

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def __attrs_post_init__(self) -> None:
        if self.rate is None and self.adaptive:
            raise ConfigurationError("RateLimit.adaptive needs requests: the rate to come back to")
        if self.rate is not None and not 1e-6 <= self.rate <= 1e6:
            raise ConfigurationError(
                "RateLimit must lie between one request in a million seconds and a million per second, "
                f"not {self.requests!r} in {self.per!r} seconds"
            )

    @property
    def rate(self) -> float | None:
        """Requests per second; None means no limit."""
        return None if self.requests is None else self.requests / self.per


@frozen(kw_only=True)
class PollPolicy:
    """When a watched integration is read again, and when to stop.

    ``first``: seconds from the answer of the POST to the first read. Later reads are due when the job's age has
    grown by the ratio ``growth``, so news is never older than ``growth - 1`` of the sync's own duration; the
    wait between two reads is at most ``ceiling`` seconds. ``deadline``: seconds from the POST after which one
    last read decides; None waits forever. ``settle``: seconds without a further step that end a watch after the
    first change. ``jitter``: each job's waits are stretched by its own ratio, drawn once from
    ``1 - jitter`` to ``1 + jitter``. ``gone_after``: seconds an integration must stay unfound before it counts
    as gone.
    """

    first: float = field(default=1.0, validator=_at_least(0, above=True))
    growth: float = field(default=1.5, validator=_at_least(1, above=True))
    ceiling: float = field(default=60.0, validator=_at_least(0, above=True))
    deadline: float | None = field(default=300.0, validator=_at_least(0, optional=True))
    settle: float = field(default=0.0, validator=_at_least(0))
    jitter: float = field(default=0.1, validator=_at_least(0))
    gone_after: float = field(default=30.0, validator=_at_least(0))

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def __attrs_post_init__(self) -> None:
        if self.jitter >= 1:
            raise ConfigurationError(f"PollPolicy.jitter must be below 1, not {self.jitter!r}")

    def delay_after(self, age: float, *, spread: float = 0.5) -> float:
        """Return the seconds until the next read of a job of this age; ``spread`` is the job's draw in [0, 1)."""
        delay = age * (self.growth - 1)
        if delay < self.first:  # noqa: PLR1730 - for each job of each read, and max() takes three times as long
            delay = self.first
        if delay > self.ceiling:  # noqa: PLR1730 - and so does min()
            delay = self.ceiling
        return delay * (1 + self.jitter * (2 * spread - 1))


_INTEGRATIONS = "/v1/organizations/{organizationId}/integrations"
_INTEGRATION = f"{_INTEGRATIONS}/{{integrationId}}"


def _template(_: Any, attribute: Any, value: Any) -> None:
    name = f"Routes.{attribute.name}"
    if not isinstance(value, str) or not value.startswith("/"):
        raise ConfigurationError(f"{name} must be a path that begins with '/', not {value!r}")
    if any(character in value for character in "?#\\ ") or not value.isascii() or not value.isprintable():
        raise ConfigurationError(f"{name} must be a plain path without query, fragment or spaces, not {value!r}")
    if {".", "..", ""} & set(value[1:].replace("%2e", ".").replace("%2E", ".").split("/")):
        raise ConfigurationError(f"{name} must not have an empty, '.' or '..' segment: {value!r}")
    wanted, found = _placeholders(attribute.default), _placeholders(value)
    if wanted != found:
        listed = ", ".join(f"{{{item}}}" for item in wanted)
        raise ConfigurationError(f"{name} must hold exactly the placeholders {listed}: {value!r}")


def _placeholders(template: str) -> list[str]:
    try:
        found = [(item, spec, conversion) for _, item, spec, conversion in string.Formatter().parse(template)]
    except ValueError:
        return []
    if any(spec or conversion for _, spec, conversion in found):
        return []
    return sorted(item for item, _, _ in found if item is not None)


@cache
def _form(template: str) -> tuple[str, tuple[str, ...]]:
    """Return a template as what ``%`` fills, and the names of what goes in; read once, and filled for each request."""
    parts = [(text.replace("%", "%%"), name) for text, name, _, _ in string.Formatter().parse(template)]
    form = "".join(text if name is None else f"{text}%s" for text, name in parts)
    return form, tuple(name for _, name in parts if name is not None)


def _route(default: str, *, confirmed: bool) -> str:
    return field(default=default, validator=_template, metadata={"confirmed": confirmed})


@frozen(kw_only=True)
class Routes:
    """The path of every call, as a template; ``UNCONFIRMED_ROUTES`` names those that no public page shows.

    Confirmed pages: 4563bfbf8cb5c53f4846256adf82de0d (create integration) and
    1b3ab34db413955c32bbfa109803bd46 (shipping services). The item path follows every other "by id" page of the
    API. The rest is a guess that can be overridden here, or in a TOML file named by ``PACKCLOUD_ROUTES``.

    >>> Routes(sync_orders="/v1/organizations/{organizationId}/integrations/{integrationId}/sync-orders").path(
    ...     "sync_orders", organizationId="org_1", integrationId="a/b")
    '/v1/organizations/org_1/integrations/a%2Fb/sync-orders'
    """

    integrations: str = _route(_INTEGRATIONS, confirmed=True)
    integration: str = _route(_INTEGRATION, confirmed=False)
    actions: str = _route(f"{_INTEGRATION}/actions", confirmed=False)
    execute_action: str = _route(f"{_INTEGRATION}/actions/{{action}}", confirmed=False)
    settings: str = _route(f"{_INTEGRATION}/settings", confirmed=False)
    sync_orders: str = _route(f"{_INTEGRATION}/orders/sync", confirmed=False)
    sync_products: str = _route(f"{_INTEGRATION}/products/sync", confirmed=False)
    sync_stocks: str = _route(f"{_INTEGRATION}/stocks/sync", confirmed=False)
    sync_shipping_services: str = _route(f"{_INTEGRATION}/shipping-services/sync", confirmed=False)
    shipping_services: str = _route("/v1/organizations/{organizationId}/shipping-services", confirmed=True)

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def path(self, route: str, **ids: str) -> str:
        """Fill a template; every id is percent-encoded into its own segment or refused."""
        form, names = _form(getattr(self, route))
        return form % tuple([path_segment(name, ids[name]) for name in names])

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read overrides from TOML: a ``[routes]`` table of route name = template; the rest keep their defaults.

        Raises :class:`ConfigurationError` for anything else.
        """
        return cls(**route_overrides(text))


def route_overrides(text: str) -> dict[str, Any]:
    """Return what the ``[routes]`` table of a TOML file names; the templates are not looked at yet."""
    import tomllib  # noqa: PLC0415 - few have such a file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the routes file is not TOML: {error}") from None
    # A number of too many digits, and a value nested deeper than the interpreter's stack.
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the routes file cannot be read: {type(error).__name__}") from None
    table: object = document.get("routes", {})
    if set(document) - {"routes"} or not isinstance(table, dict):
        raise ConfigurationError("the routes file must hold one table, [routes], of route = template")
    overrides = cast("dict[str, Any]", table)
    if unknown := sorted(set(overrides) - set(attrs.fields_dict(Routes))):
        known = ", ".join(attrs.fields_dict(Routes))
        raise ConfigurationError(f"the routes file names unknown routes {unknown}; known: {known}")
    return overrides


UNCONFIRMED_ROUTES: Final = frozenset(
    name for name, attribute in attrs.fields_dict(Routes).items() if not attribute.metadata["confirmed"]
)
"""Names of the routes whose default path no public page of the API shows."""


_NEEDS_NO_ENCODING = re.compile(r"[A-Za-z0-9_-]+").fullmatch


def path_segment(name: str, value: str) -> str:
    """Percent-encode an id so that it cannot leave its path segment; refuse what no encoding makes safe."""
    given: object = value
    if type(given) is str and _NEEDS_NO_ENCODING(given):
        return given
    if not isinstance(given, str) or given in {"", ".", ".."}:
        raise ConfigurationError(f"{name} must be a non-empty text that is not '.' or '..', not {value!r}")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise ConfigurationError(f"{name} holds characters that cannot be sent: {value!r}") from None


def check_base_url(url: str | Secret[str], *, allow_insecure: bool, variable: str | None = None) -> str:
    """Return the base URL without a slash at its end; refuse one that would send the credential in clear.

    ``variable`` names the environment variable it comes from, None when a caller gave it, who may allow that.
    """
    url = secret(url)  # it may hold a password
    way = "use https://" if variable else "use https://, or allow_insecure=True"
    if complaint := _complaint_about(url.reveal(), allow_insecure=allow_insecure, way=way):
        raise ConfigurationError(f"{variable or 'base_url'} {complaint}")
    return url.reveal().rstrip("/")


def _complaint_about(url: str, *, allow_insecure: bool, way: str) -> str | None:
    given: object = url
    if not isinstance(given, str):
        return f"must be a text, not {type(given).__name__}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        # What the resolver is asked; it refuses empty and overlong labels.
        (host or "").encode("idna")
    except ValueError:
        return f"is not a URL: {_without_userinfo(url)!r}"
    if parts.scheme not in {"http", "https"} or not host:
        return f"must begin with https:// and name a host, not {_without_userinfo(url)!r}"
    if "@" in parts.netloc or any(c in url for c in "?#\\ ") or not url.isascii() or not url.isprintable():
        return "must hold no user, query, fragment, space, backslash or character outside ASCII"
    if parts.scheme == "http" and not allow_insecure and not _is_loopback(host):
        return f"{_without_userinfo(url)!r} would send the credential unencrypted; {way}"
    return None


def _without_userinfo(url: str) -> str:
    return url.rpartition("@")[2]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_loopback_url(url: str) -> bool:
    """Whether a usable base URL leads to this machine."""
    return _is_loopback(urlsplit(url).hostname or "")
