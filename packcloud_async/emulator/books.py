"""What the emulator saw and did: counters, and the truth about every accepted sync."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import TypeAlias

from attrs import Factory, define, frozen

from packcloud_async.emulator.dates import WatermarkFormat
from packcloud_async.emulator.sync_runs import Move, on_the_wire
from packcloud_async.models import SyncKind

_Key: TypeAlias = tuple[str, str, SyncKind]


@frozen
class SyncRun:
    """One accepted sync POST; instants are emulator seconds.

    ``moves`` are the (at, value) that a client can see, with values exactly as sent: of the watermark, and for
    shipping services of the ``updated_at`` of the services. It is empty when the sync finds nothing, or when
    nothing of it can be seen.
    """

    organization_id: str
    integration_id: str
    kind: SyncKind
    accepted_at: float
    ends_at: float
    _moves: tuple[Move, ...]
    _style: WatermarkFormat

    @property
    def moves(self) -> tuple[tuple[float, str | None], ...]:
        """The moves, in the format that reads used when the sync was accepted."""
        return tuple((at, on_the_wire(value, self._style)) for at, value in self._moves)


class Books:
    """Every accepted sync, in the order of acceptance; ``removed`` says since which second an integration is gone."""

    def __init__(self) -> None:
        self.runs: list[SyncRun] = []
        self.removed: dict[tuple[str, str], float] = {}
        self._by_target: dict[_Key, list[SyncRun]] = {}

    def of(self, organization_id: str, integration_id: str, kind: SyncKind) -> Sequence[SyncRun]:
        """Return the accepted syncs of one kind of one integration."""
        return self._by_target.get((organization_id, integration_id, kind), ())

    def moves(
        self, organization_id: str, integration_id: str, kind: SyncKind, *, until: float | None = None
    ) -> tuple[tuple[float, str | None], ...]:
        """Return every (at, value) by time; ``until`` leaves out later ones, None keeps the planned future too."""
        runs = self.of(organization_id, integration_id, kind)
        moves = sorted((move for run in runs for move in run.moves), key=lambda move: move[0])
        return tuple(move for move in moves if until is None or move[0] <= until)

    def enter(self, run: SyncRun) -> None:
        """Write down an accepted sync."""
        self.runs.append(run)
        self._by_target.setdefault((run.organization_id, run.integration_id, run.kind), []).append(run)


@define
class Counters:
    """Counts since the emulator was built; a refused connection counts under ``faults`` only.

    ``calls`` is by (method, route name); ``faults`` by name or status; ``duplicate_posts`` are sync POSTs
    accepted for a kind of an integration that had accepted one before; ``fullest_second`` is how many requests arrived
    within one second at most, wherever that second began; ``open_connections`` (served only) are
    those of this moment, ``peak_requests`` and ``peak_connections`` (served only) the most at one time;
    ``turned_away`` are the connections beyond those that :meth:`Emulator.serve` allows.
    """

    calls: Counter[tuple[str, str]] = Factory(Counter[tuple[str, str]])
    faults: Counter[str] = Factory(Counter[str])
    duplicate_posts: int = 0
    fullest_second: int = 0
    open_connections: int = 0
    peak_requests: int = 0
    peak_connections: int = 0
    turned_away: int = 0
    _in_flight: int = 0
    _last_second: deque[float] = Factory(deque[float])

    def called(self, method: str, route: str, now: float) -> None:
        """Count a request that arrives at second ``now``."""
        self.calls[method, route] += 1
        latest = self._last_second
        latest.append(now)
        while latest[0] <= now - 1:
            latest.popleft()
        self.fullest_second = max(self.fullest_second, len(latest))

    @property
    def total(self) -> int:
        """All requests that arrived."""
        return self.calls.total()

    @property
    def by_route(self) -> Counter[str]:
        """Requests by route name; a path nobody knows is ``unknown``."""
        return self._summed(1)

    @property
    def by_method(self) -> Counter[str]:
        """Requests by HTTP method."""
        return self._summed(0)

    def arrived(self) -> None:
        """Count a request in."""
        self._in_flight += 1
        self.peak_requests = max(self.peak_requests, self._in_flight)

    def left(self) -> None:
        """Count a request out."""
        self._in_flight -= 1

    def connected(self) -> None:
        """Count a connection in."""
        self.open_connections += 1
        self.peak_connections = max(self.peak_connections, self.open_connections)

    def disconnected(self) -> None:
        """Count a connection out."""
        self.open_connections -= 1

    def _summed(self, position: int) -> Counter[str]:
        counts: Counter[str] = Counter()
        for call, count in self.calls.items():
            counts[call[position]] += count
        return counts
