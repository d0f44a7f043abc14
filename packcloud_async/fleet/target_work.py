"""TargetWork: one target in the hands of one worker; what it does with it is in ``target_firing`` and ``target_look``.

Everything that decides is what one process uses too: the firing, the watch, the machines. A watch is not held between
two looks: what it keeps in memory is taken out of it and written into the database, and put into another one then.
"""

import asyncio
from collections.abc import Mapping, Sequence

from attrs import define, evolve, field

from packcloud_async._io.telling import Telling
from packcloud_async._sansio.ledger_records import UnfinishedJob
from packcloud_async._sansio.outcomes import Sighting, SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.token import read_token
from packcloud_async.calls import Caller
from packcloud_async.errors import ClientStateError, LedgerError, SyncError
from packcloud_async.fleet.fleet_client import FleetClient
from packcloud_async.fleet.holding import TakenUp
from packcloud_async.fleet.schedule import NextRead, Plan, Schedule
from packcloud_async.job_telling import tell_result
from packcloud_async.recorder import Recorder
from packcloud_async.run_context import OrganizationClient, RunContext, without_outcome
from packcloud_async.targets import SyncTarget
from packcloud_async.watch import Watch
from packcloud_async.watched import Watched

_GOLDEN = 0.6180339887498949
"""Multiples of it are spread evenly over [0, 1): the draw of a job is the same in whatever process looks at it."""


@define(eq=False)
class TargetWork:
    """What a worker knows of a target from its take-up on; ``hooks`` are told of results.

    ``left_unsent`` says that some POSTs are still to be sent, by whoever takes it up next.
    """

    run: RunContext
    fleet_client: FleetClient
    taken: TakenUp
    hooks: Telling | None
    left_unsent: bool = field(default=False, init=False)
    sees_all: bool = field(default=False, init=False)
    client: OrganizationClient = field(init=False)
    recorder: Recorder = field(init=False)
    # Held from the first moment: what the listing learned is still known when the jobs are planned.
    watch: Watch = field(init=False)
    # What goes on, by the number of its job.
    parts: dict[int, Sequence[Watched]] = field(factory=dict[int, Sequence[Watched]], init=False)

    def __attrs_post_init__(self) -> None:
        given = self.taken.target.target
        target = SyncTarget(given.organization_id, given.integration_ids, given.kinds, given.weight)
        self.client = OrganizationClient(self.run, target)
        self.recorder = Recorder(self.run, given.organization_id, lambda: None)
        self.watch = self.client.watch_of(given.organization_id)

    @property
    def caller(self) -> Caller:
        """Through whom the reads of its jobs go."""
        return self.client

    def readable_jobs(self) -> Sequence[UnfinishedJob]:
        """Return its open jobs; one whose token cannot be read is written off, because nobody can go on with it."""
        readable: list[UnfinishedJob] = []
        for job in self.taken.target.jobs:
            try:
                read_token(job.token)
            except SyncError as error:
                assert self.run.ledger is not None
                self.run.ledger.record(job.number, job.token, finished=True, error=type(error).__name__)
            else:
                readable.append(job)
        return readable

    def machine_of(self, job: UnfinishedJob) -> SyncProgress:
        """Make the machine of a job as its token says; raises :class:`SyncError` when that cannot be read."""
        record = read_token(job.token)
        spread, instant = job.number * _GOLDEN % 1, now()
        return record.progress(record.poll, spread=spread, now=instant, wall_clock=self.run.wall_clock_of(instant))

    def seen(self, watched: Watched, sighting: Sighting) -> None:
        """Record the news of a job that goes on; a watermark may go back, and then nobody could see it again."""
        self._break_with(sighting.error)
        progress = watched.progress
        if (
            self.fleet_client.broken is None
            and not progress.is_done
            and any(state.steps and state.steps[-1].seen_at == sighting.at for state in progress.kinds.values())
        ):
            self.recorder.record(watched.integration_id, progress, watched.tag)

    def retried(self, watched: Watched, details: RetryDetails) -> None:
        """Do nothing: a fleet tells results, not events."""

    def ended(self, watched: Watched, failure: BaseException | None) -> None:
        """Record the result of a job."""
        self._break_with(failure)
        error = failure if failure is None or isinstance(failure, Exception) else SyncError("the watch was ended")
        self.end(watched.integration_id, watched.progress, watched.tag, error)

    def _break_with(self, error: BaseException | None) -> None:
        # The read may have been that of another target in the same organization, which has a client of its own.
        if self.fleet_client.broken is None and isinstance(error, LedgerError):
            self.fleet_client.broken = error

    def end(self, integration_id: str, progress: SyncProgress, number: int, error: Exception | None) -> None:
        """Record how a job ended; one that ended with its client, or its database, is left to another worker."""
        if isinstance(error, ClientStateError) or self.fleet_client.broken is not None:
            return
        self.parts.pop(number, None)
        organization_id, elapsed = self.taken.target.target.organization_id, now() - progress.started_at
        if error is None:
            result = SyncResult(
                organization_id=organization_id,
                integration_id=integration_id,
                kinds=progress.outcomes,
                elapsed=elapsed,
            )
        else:
            result = without_outcome(organization_id, integration_id, error, elapsed)
            result = evolve(result, kinds=progress.outcomes)
        self.recorder.record(integration_id, progress, number, finished=True, error=result.error)
        tell_result(self.hooks, result, progress=progress, run=self.run.begun)

    def raise_what_broke(self) -> None:
        """Raise why nothing more can be asked or written, if there is such a thing."""
        broken = self.fleet_client.broken or self.recorder.broken
        if broken is not None:
            raise broken from broken.__cause__

    def schedule(self) -> Schedule:
        """Return when what goes on is to be looked at next."""
        known = self.watch.known
        plans = {number: self._plan_of(parts) for number, parts in self.parts.items()}
        return Schedule(plans, known.pages, known.singles_mislead)

    def _plan_of(self, parts: Sequence[Watched]) -> Plan:
        progress = parts[0].progress
        still_open = set(progress.open_kinds)
        reads = [
            NextRead(one.probe, self._wall_clock(one.due_at), one.decides, self._wall_clock(one.scheduled_at))
            for one in parts
            if not still_open.isdisjoint(one.kinds)
        ]
        unfound_from = None if progress.unfound_from is None else self._wall_clock(progress.unfound_from)
        return Plan(tuple(reads), max(one.page for one in parts), unfound_from)

    def _wall_clock(self, instant: float) -> float:
        # One that was never scheduled is due at once.
        return self.run.wall_clock_of(min(instant, now() + _FAR_AWAY)).timestamp()

    def instant(self, wall_clock: float) -> float:
        """Return the instant of the loop's clock that a time of the database's clock is."""
        return self.taken.instant + wall_clock - self.taken.taken_at.timestamp()


_FAR_AWAY = 366 * 86_400.0


def now() -> float:
    """Return the time of the loop's clock."""
    return asyncio.get_running_loop().time()


def reads_of(plan: Plan | None) -> Mapping[object, NextRead]:
    """Return what is planned of a job, by what makes the read."""
    return {} if plan is None else {read.probe: read for read in plan.reads}
