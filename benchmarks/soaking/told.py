"""What a client of a soak told: its jobs, their outcomes, and the POSTs it sent."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self
from urllib.parse import unquote

from attrs import field, frozen

from benchmarks.soaking.wire import CUT, LOST, UNSENT
from packcloud_async import SyncKind

Key = tuple[str, str, SyncKind]


@frozen(kw_only=True)
class Told:
    """What the client said of one kind; ``error`` is the class of its error."""

    state: str
    before: str | None = None
    after: str | None = None
    error: str | None = None


@frozen(kw_only=True)
class Job:
    """One job as its caller saw it, instants of the loop's clock.

    ``integration`` None when a whole organization could not be started. ``cuts`` are the (from, until) in which nobody
    drove it. ``error`` is the class of what it ended with, None if it ended with outcomes alone.
    """

    scenario: str
    organization: str
    integration: str | None
    kinds: tuple[SyncKind, ...]
    began: float
    ended: float
    outcomes: Mapping[SyncKind, Told] = field(factory=dict)
    error: str | None = None
    cuts: tuple[tuple[float, float], ...] = ()

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Read what a client wrote as JSON."""
        given = dict(found)
        given["kinds"] = tuple(map(SyncKind, found["kinds"]))
        given["outcomes"] = {SyncKind(kind): Told(**told) for kind, told in found["outcomes"].items()}
        given["cuts"] = tuple((begins, ends) for begins, ends in found["cuts"])
        return cls(**given)

    @property
    def place(self) -> str:
        """Where it was, in words."""
        return f"{self.scenario}: {self.organization}/{self.integration}"


@frozen
class Sent:
    """One sync POST as the client sent it; ``became`` is its status, or UNSENT, LOST or CUT."""

    at: float
    done_at: float
    became: int | str
    comes_back: bool

    @property
    def is_harmless(self) -> bool:
        """Whether it certainly started nothing."""
        return self.became == UNSENT or (isinstance(self.became, int) and starts_nothing(self.became, self.comes_back))

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody can say what it did."""
        return self.became in {LOST, CUT} or (not self.is_harmless and int(self.became) >= 300)

    @property
    def has_started(self) -> bool:
        """Whether a sync runs, ours or another's."""
        return isinstance(self.became, int) and (self.became < 300 or self.became == 409)


def starts_nothing(status: int, comes_back: bool) -> bool:
    """Whether a sync POST that was answered with this status certainly started nothing."""
    return (400 <= status < 500 and status != 408) or status == 501 or (status == 503 and comes_back)


_ROUTES = {
    ("orders", "sync"): SyncKind.ORDERS,
    ("products", "sync"): SyncKind.PRODUCTS,
    ("stocks", "sync"): SyncKind.STOCKS,
    ("shipping-services", "sync"): SyncKind.SHIPPING_SERVICES,
}


def by_key(sent: Iterable[Sequence[Any]]) -> dict[Key, list[Sent]]:
    """Order what a wire noted by organization, integration and kind."""
    found: dict[Key, list[Sent]] = {}
    for path, *rest in sent:
        _, _, _, organization, _, integration, *tail = map(unquote, path.split("/"))
        found.setdefault((organization, integration, _ROUTES[tuple(tail)]), []).append(Sent(*rest))
    return found
