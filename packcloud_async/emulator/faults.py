"""What can go wrong, as data: a plan of faults, where a plan stands, and what a driver must act out.

1. A request belongs to the first plan whose ``routes`` and ``methods`` hold it, and to nothing if none does.
2. While a plan's script lasts, each of its requests takes one entry. After that, a running burst of server
   errors goes first, then every probability is tried in the order of the fields; the first hit is the fault.
3. A request has at most one fault, beside its latency.
"""

from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum
from typing import TypeAlias

from attrs import define, field, frozen

from packcloud_async._sansio.wire import Response
from packcloud_async.emulator.checks import number, probability, whole
from packcloud_async.emulator.dates import WatermarkFormat
from packcloud_async.emulator.draws import Draws
from packcloud_async.emulator.routes import PATHS, UNKNOWN_ROUTE
from packcloud_async.errors import ConfigurationError


class Fault(StrEnum):
    """Something that goes wrong with one request."""

    REFUSE = "refuse"
    """The connection is refused: the request never arrives. A served emulator cannot, and does DROP_BEFORE."""
    DROP_BEFORE = "drop_before"
    """The request arrives, nothing is done, and the connection ends without an answer."""
    DROP_AFTER = "drop_after"
    """The request is carried out and the connection ends without an answer."""
    TRUNCATE = "truncate"
    """The request is carried out and the connection ends in the middle of the body (DROP_AFTER if there is none)."""
    BAD_JSON = "bad_json"
    """The request is carried out and the body is whole but is not JSON."""
    STALE = "stale"
    """A read answers the values before the latest move, as a lagging replica does; nothing else is changed."""
    SILENT_BEFORE = "silent_before"
    """The request arrives, nothing is done, and the connection stays open in silence before it ends."""
    SILENT_AFTER = "silent_after"
    """The request is carried out, and the connection stays open in silence before it ends."""
    RESET = "reset"
    """The request is carried out, and the connection is reset in the middle of the body (at once if there is none)."""
    SLOW = "slow"
    """The request is carried out, and the body comes in small pieces."""
    EMPTY = "empty"
    """The request is carried out, and the answer has no body."""
    BAD_SHAPE = "bad_shape"
    """The request is carried out, and the body is JSON that says nothing of what was asked."""
    DELETE = "delete"
    """Somebody deletes the integration just before the request is carried out; nothing if it names none."""


AnyFault: TypeAlias = Fault | int
"""A fault, or the status (400 to 599) to answer instead of acting."""


class Envelope(StrEnum):
    """How a body wraps what it carries; no public page of the API shows it."""

    WRAPPED = "wrapped"
    """``{data, links: {prev, next}, meta: {per_page}}``"""
    ROOT_PAGING = "root_paging"
    """``{data, prev, next, per_page}``"""
    BARE = "bare"
    """The object or the array itself; a list is then never paged, there is no place for a link."""


class Fate(Enum):
    """What becomes of a request and its answer."""

    DELIVER = "the answer is delivered"
    REFUSE = "the connection is refused; the emulator did not act"
    DROP_BEFORE = "the connection ends without an answer; the emulator did not act"
    DROP_AFTER = "the connection ends without an answer; the emulator acted"
    TRUNCATE = "the connection ends halfway through the body; the emulator acted"
    RESET = "the connection is reset halfway through the body; the emulator acted"


@frozen
class Reply:
    """What a driver acts out: wait ``delay`` seconds, then do what ``fate`` says.

    ``response`` is None when nothing of it is to be sent. ``lasts`` is the seconds over which its body comes.
    ``fault`` is why, None when nothing goes wrong.
    """

    fate: Fate
    response: Response | None = None
    delay: float = 0.0
    lasts: float = 0.0
    fault: AnyFault | None = field(default=None, eq=False)


def _names(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _methods(methods: Iterable[str] | None) -> frozenset[str] | None:
    return None if methods is None else frozenset(method.upper() for method in methods)


def _script(steps: Iterable[AnyFault | str | None]) -> tuple[AnyFault | None, ...]:
    return tuple(_scripted(step) for step in steps)


def _scripted(step: AnyFault | str | None) -> AnyFault | None:
    if step is None or isinstance(step, Fault):
        return step
    known = {fault.value: fault for fault in Fault} | {str(status): status for status in range(400, 600)}
    if str(step) not in known:
        names = ", ".join(Fault)
        raise ConfigurationError(f"FaultPlan.script holds {step!r}; known: None, {names}, and statuses 400 to 599")
    return known[str(step)]


def _statuses(given: Mapping[int, float] | Iterable[tuple[int, float]]) -> tuple[tuple[int, float], ...]:
    chances = dict(given)
    for status, chance in chances.items():
        if status not in range(400, 600) or not 0 <= chance <= 1:
            raise ConfigurationError(
                f"FaultPlan.statuses must map statuses 400 to 599 to probabilities, not {status!r} to {chance!r}"
            )
    return tuple(chances.items())


# Enums themselves would take an object as type checkers see it, and anything at all as an editor shows it.
def _format(value: WatermarkFormat | str) -> WatermarkFormat:
    return WatermarkFormat(value)


def _envelope(value: Envelope | str) -> Envelope:
    return Envelope(value)


def _known_routes(instance: object, attribute: object, value: frozenset[str] | None) -> None:  # noqa: ARG001 - attrs gives it
    if value is not None and (unknown := value - PATHS.keys() - {UNKNOWN_ROUTE}):
        raise ConfigurationError(f"FaultPlan.routes names unknown routes {sorted(unknown)}; known: {', '.join(PATHS)}")


@frozen(kw_only=True)
class FaultPlan:
    """What goes wrong, and how often; the default is an emulator without faults.

    Durations are seconds. ``routes`` (names of ``emulator.PATHS``) and ``methods`` aim the whole plan; None
    means all. ``script`` is one entry for each of the next requests aimed at: a :class:`Fault` or its name, a
    status, or None for no fault; when it is used up the probabilities (0 to 1, of each request) take over.

    >>> FaultPlan(routes={"sync_orders"}, script=["drop_after", None, 429]).script
    (<Fault.DROP_AFTER: 'drop_after'>, None, 429)
    """

    # Where
    routes: frozenset[str] | None = field(default=None, converter=_names, validator=_known_routes)
    methods: frozenset[str] | None = field(default=None, converter=_methods)
    script: tuple[AnyFault | None, ...] = field(default=(), converter=_script)

    # Every answer: ``latency`` plus a random part below ``latency_spread``
    latency: float = field(default=0.0, validator=number(0))
    latency_spread: float = field(default=0.0, validator=number(0))

    # Probabilities
    refuse: float = field(default=0.0, validator=probability)
    drop_before: float = field(default=0.0, validator=probability)
    rate_limited: float = field(default=0.0, validator=probability)
    server_error: float = field(default=0.0, validator=probability)
    drop_after: float = field(default=0.0, validator=probability)
    truncate: float = field(default=0.0, validator=probability)
    bad_json: float = field(default=0.0, validator=probability)
    stale: float = field(default=0.0, validator=probability)
    silent_before: float = field(default=0.0, validator=probability)
    silent_after: float = field(default=0.0, validator=probability)
    reset: float = field(default=0.0, validator=probability)
    slow: float = field(default=0.0, validator=probability)
    empty: float = field(default=0.0, validator=probability)
    bad_shape: float = field(default=0.0, validator=probability)
    delete: float = field(default=0.0, validator=probability)
    # Status -> probability, of answers that come in place of acting: ``{401: 0.01, 404: 0.02}``
    statuses: tuple[tuple[int, float], ...] = field(default=(), converter=_statuses)

    # How long a connection is silent before it ends, and over how long a slow body is spread
    silence: float = field(default=60.0, validator=number(0))
    slowness: float = field(default=1.0, validator=number(0))

    # 429: Retry-After as seconds, or as a date to be held against the Date header; None leaves it out
    retry_after: float | None = field(default=1.0, validator=number(0, optional=True))
    retry_after_as_date: bool = False

    # 5xx: ``server_error_burst`` requests in a row fail; ``server_error_acted`` carries them out before failing
    server_error_status: int = field(default=503, validator=whole(500, 599))
    server_error_burst: int = field(default=1, validator=whole(1))
    server_error_acted: bool = False
    server_error_retry_after: float | None = field(default=None, validator=number(0, optional=True))

    # Form of what is answered
    watermark_format: WatermarkFormat = field(default=WatermarkFormat.PLAIN, converter=_format)
    envelope: Envelope = field(default=Envelope.WRAPPED, converter=_envelope)
    relative_links: bool = False

    def aims_at(self, route: str, method: str) -> bool:
        """Whether a request on this route belongs to this plan."""
        in_routes = self.routes is None or route in self.routes
        return in_routes and (self.methods is None or method in self.methods)

    def retry_after_of(self, status: int) -> float | None:
        """Seconds to ask a client to stay away after a status, None to ask nothing."""
        if status == 429:
            return self.retry_after
        return self.server_error_retry_after if status >= 500 else None


@frozen
class Incident:
    """What happens to one request: its fault, None for none, and its latency in seconds."""

    fault: AnyFault | None = None
    delay: float = 0.0


@define
class FaultCourse:
    """Where a plan stands: how far its script is, and whether a burst is running; ``name`` is for the draws."""

    plan: FaultPlan
    _draws: Draws
    _name: int
    _requests: int = field(default=0, init=False)
    _burst: int = field(default=0, init=False)
    _odds: list[tuple[AnyFault, float]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        plan = self.plan
        odds: list[tuple[AnyFault, float]] = [
            (Fault.REFUSE, plan.refuse),
            (Fault.DROP_BEFORE, plan.drop_before),
            (429, plan.rate_limited),
            (plan.server_error_status, plan.server_error),
            (Fault.DROP_AFTER, plan.drop_after),
            (Fault.TRUNCATE, plan.truncate),
            (Fault.BAD_JSON, plan.bad_json),
            (Fault.STALE, plan.stale),
            (Fault.SILENT_BEFORE, plan.silent_before),
            (Fault.SILENT_AFTER, plan.silent_after),
            (Fault.RESET, plan.reset),
            (Fault.SLOW, plan.slow),
            (Fault.EMPTY, plan.empty),
            (Fault.BAD_SHAPE, plan.bad_shape),
            (Fault.DELETE, plan.delete),
            *plan.statuses,
        ]
        self._odds = [(fault, chance) for fault, chance in odds if chance > 0]

    def next(self) -> Incident:
        """Decide about the next request."""
        self._requests += 1
        return Incident(self._fault(), self._delay())

    def _fault(self) -> AnyFault | None:
        if self._requests <= len(self.plan.script):
            return self.plan.script[self._requests - 1]
        if self._burst > 0:
            self._burst -= 1
            return self.plan.server_error_status
        for fault, chance in self._odds:
            if self._draws.unit("fault", self._name, self._requests, fault) < chance:
                self._burst = self.plan.server_error_burst - 1 if fault == self.plan.server_error_status else 0
                return fault
        return None

    def _delay(self) -> float:
        if not self.plan.latency_spread:
            return self.plan.latency
        return self.plan.latency + self.plan.latency_spread * self._draws.unit("latency", self._name, self._requests)
