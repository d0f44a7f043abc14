"""RunContext: what the organizations of one bulk run share, and the client as each of them sees it."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from attrs import define, evolve, field

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._io.tasks import causes_of, only_cause
from packcloud_async._io.telling import Telling
from packcloud_async._io.turns import FairSlots, Turn
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.endpoints import Call, Urgency
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.request_events import RunBegun
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.errors import LedgerError, PackCloudError, SyncError
from packcloud_async.firing import JobClient
from packcloud_async.job_telling import JobTelling, tell_result
from packcloud_async.ledger import Ledger
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy, Routes
from packcloud_async.probes import Probe
from packcloud_async.report import Tally
from packcloud_async.results import ResultQueue
from packcloud_async.senders import PostsUnderWay, Senders
from packcloud_async.targets import SyncTarget
from packcloud_async.watch import Watch

T = TypeVar("T")


@define(eq=False, kw_only=True)
class RunContext:
    """What the organizations of one bulk run share.

    ``was_cut_off`` says that the client was closed before everything was done: the ledger can be resumed.
    ``wall_clock`` and ``loop_clock`` are the same instant; without them both are asked when it is made.
    """

    client: JobClient
    kinds: tuple[SyncKind, ...] | None
    poll: PollPolicy
    on_conflict: OnConflict
    slots: FairSlots
    firing: FairSlots
    draw: Callable[[], float]
    ledger: Ledger | None
    begun: RunBegun
    tally: Tally = field(factory=Tally)
    results: ResultQueue = field(factory=ResultQueue)
    senders: Senders = field(factory=Senders)
    posts: PostsUnderWay = field(factory=PostsUnderWay)
    requests_sent: int = 0
    was_cut_off: bool = False
    _wall_clock: datetime = field(factory=lambda: datetime.now(UTC), alias="wall_clock")
    _loop_clock: float = field(factory=lambda: asyncio.get_running_loop().time(), alias="loop_clock")

    def wall_clock_of(self, instant: float) -> datetime:
        """Return the wall-clock time of an instant of the loop's clock."""
        return self._wall_clock + timedelta(seconds=instant - self._loop_clock)

    def deliver(
        self, result: SyncResult, *, telling: JobTelling | None = None, progress: SyncProgress | None = None
    ) -> None:
        """Count a result, pass it on and tell of it."""
        self.tally.add(result)
        self.results.put(result)
        tell_result(self.client.telling, result, telling=telling, progress=progress, run=self.begun)


@define(eq=False)
class OrganizationClient:
    """The client as one organization of a run sees it: its calls take turns with those of the others.

    ``urgency`` None leaves every call its own.
    """

    run: RunContext
    target: SyncTarget
    urgency: Urgency | None = None

    @property
    def routes(self) -> Routes:
        return self.run.client.routes

    @property
    def base_url(self) -> str:
        return self.run.client.base_url

    @property
    def probes(self) -> Mapping[SyncKind, Probe]:
        return self.run.client.probes

    @property
    def budget(self) -> BudgetState:
        return self.run.client.budget

    @property
    def telling(self) -> Telling | None:
        return self.run.client.telling

    def watch_of(self, organization_id: str) -> Watch:
        return self.run.client.watch_of(organization_id)

    async def call(self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False) -> T:
        """Send a call when it is this organization's turn."""
        if self.urgency is not None:
            call = evolve(call, urgency=self.urgency)
        turn = await self.run.slots.take(self.target.organization_id, call.urgency, self.target.weight)
        try:
            return await self.run.client.call(call, observer=Counting(self.run, turn, observer), once=once)
        finally:
            turn.end()


@define(eq=False)
class Counting:
    """Counts what leaves, gives the turn on, and passes on what it is told."""

    run: RunContext
    turn: Turn
    inner: CallObserver | None

    async def leaving(self) -> None:
        self.run.requests_sent += 1
        self.turn.leave()
        if self.inner is not None:
            await self.inner.leaving()

    def harmless(self) -> None:
        if self.inner is not None:
            self.inner.harmless()

    def retrying(self, details: RetryDetails) -> None:
        if self.inner is not None:
            self.inner.retrying(details)


def without_outcome(organization_id: object, integration_id: object, error: Exception, elapsed: float) -> SyncResult:
    """Make the result of what could not be started, or not be finished."""
    return SyncResult(
        organization_id=str(organization_id),
        integration_id=None if integration_id is None else str(integration_id),
        elapsed=elapsed,
        error=told(error),
    )


def told(error: Exception) -> PackCloudError:
    """Return the error that a result shows: one of this package, which says what any other was."""
    cause = only_cause(error)
    if isinstance(cause, PackCloudError):
        return cause
    shown = SyncError(f"unexpected {type(cause).__name__}")
    shown.__cause__ = cause
    return shown


def cause_of(caught: Exception) -> BaseException:
    """Take an error out of its groups; of those of a broken ledger, which all who wait for it raise, the first one."""
    causes = causes_of(caught)
    return causes[0] if all(isinstance(cause, LedgerError) for cause in causes) else only_cause(caught)
