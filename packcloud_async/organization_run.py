"""OrganizationRun: one organization of a bulk run, from its listing to the last of its results.

1. One bad integration is a result with an error, never an exception for the others; a ledger that cannot be written
   ends the run, because nothing may be sent that is not recorded.
2. No task per job: the senders of the run fire the syncs, then the organization's one watch does the rest, and what is
   kept of a watched job is its machine and one record.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from attrs import define, evolve, field

from packcloud_async._io.signal import Signal
from packcloud_async._io.tasks import only_cause
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.ledger_records import NewJob, UnfinishedJob, error_text
from packcloud_async._sansio.outcomes import Sighting, SyncResult
from packcloud_async._sansio.progress import KindState, SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.token import read_token
from packcloud_async.calls import Caller, Integrations
from packcloud_async.errors import ClientStateError, ConfigurationError, LedgerError, PackCloudError, SyncError
from packcloud_async.firing import read_probes
from packcloud_async.job_telling import JobTelling
from packcloud_async.models import SyncKind
from packcloud_async.organization_firing import OrganizationFiring, Start
from packcloud_async.policies import path_segment
from packcloud_async.recorder import JobLine, Recorder
from packcloud_async.run_context import OrganizationClient, RunContext, told, without_outcome
from packcloud_async.targets import SyncTarget
from packcloud_async.watch import Watch
from packcloud_async.watched import Watched

MADE_AT_ONCE = 100
"""So many jobs are made of a list before the loop may do something else."""


@define(eq=False)
class OrganizationRun:
    """One organization; ``number`` is its number in the ledger, 0 for none."""

    run: RunContext
    target: SyncTarget
    number: int = 0
    sees_all: bool = field(default=False, init=False)
    _client: OrganizationClient = field(init=False)
    _watched: int = field(default=0, init=False)
    _news: Signal = field(factory=Signal, init=False)
    _recorder: Recorder = field(init=False)
    # By integration; empty without hooks.
    _told: dict[str, JobTelling] = field(factory=dict[str, JobTelling], init=False)

    def __attrs_post_init__(self) -> None:
        self._client = OrganizationClient(self.run, self.target)
        self._recorder = Recorder(self.run, self.target.organization_id, self._news.set)

    @property
    def caller(self) -> Caller:
        """Through whom the reads of its jobs go."""
        return self._client

    async def act(self, recorded: Sequence[UnfinishedJob] | None) -> None:
        """Sync the organization; ``recorded`` are the jobs a ledger already knows, None when it knows none."""
        began_at = _now()
        try:
            path_segment("organization_id", self.target.organization_id)
            # Held here so that what the listing learned is still known when the jobs are watched.
            watch = self._client.watch_of(self.target.organization_id)
            starts = await self._begin(watch) if recorded is None else list(self._resumed(recorded))
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad organization never stops the rest
            self._give_up(error, began_at)
            return
        try:
            await OrganizationFiring(self.run, self._client, watch, self._recorder, self).fire_all(starts)
            await self._until_all_are_done()
        except BaseException as error:
            for telling in self._told.values():
                telling.left(only_cause(error))
            raise
        finally:
            for watched in [watched for watched in watch.jobs if watched.watcher is self]:
                await watch.leave([watched])
            await watch.stop_if_idle()

    def _give_up(self, error: Exception, began_at: float) -> None:
        if isinstance(error, ClientStateError):
            self.run.was_cut_off = True
        elif self.run.ledger is not None and self.number:
            self.run.ledger.target_failed(self.number, error_text(told(error)))
        self.run.deliver(without_outcome(self.target.organization_id, None, error, _now() - began_at))

    async def _until_all_are_done(self) -> None:
        while self._watched and self._recorder.broken is None:
            self._news.clear()
            await self._news.wait()
        if self._recorder.broken is not None:
            raise self._recorder.broken

    async def _begin(self, watch: Watch) -> list[Start]:
        kinds = self.target.kinds or self.run.kinds
        if kinds is None:
            raise ConfigurationError(f"no kinds for {watch.organization_id!r}: give sync_many or the target kinds=")
        if self.target.integration_ids is None:
            starts = await self._listed(watch, kinds)
            self.run.tally.jobs += len(starts)
        else:
            self.run.tally.jobs += len(self.target.integration_ids)
            named = self._usable(self.target.integration_ids)
            starts = [Start(id_, self._machine(kinds), has_baseline=False) for id_ in named]
        return self._recorded(starts)

    def _usable(self, integration_ids: Iterable[str]) -> Iterator[str]:
        for integration_id in integration_ids:
            try:
                path_segment("integration_id", integration_id)
            except ConfigurationError as error:
                self.run.deliver(without_outcome(self.target.organization_id, integration_id, error, 0.0))
            else:
                yield integration_id

    async def _listed(self, watch: Watch, kinds: tuple[SyncKind, ...]) -> list[Start]:
        """List the integrations, and take what the list shows, and what probes show beside it, as their baselines."""
        starting = evolve(self._client, urgency=Urgency.LISTING)
        pages = made = 0
        starts, partly = dict[str, Start](), dict[str, Mapping[SyncKind, str | None]]()
        # Machines are made page by page: all the models of a list would be most of what a run ever needs at once.
        async for page in Integrations(starting, watch.organization_id).list().pages():
            pages += 1
            for integration in page.items:
                made += 1
                if made % MADE_AT_ONCE == 0:
                    await asyncio.sleep(0)
                machine, shown = self._machine(kinds), integration.watermarks
                machine.expected = watch.expectations_of(integration, kinds)
                # A list that shifts while it is read may show one integration on two pages: the later one counts.
                starts[integration.id] = Start(integration.id, machine, has_baseline=True, page=pages)
                partly.pop(integration.id, None)
                if all(kind in shown for kind in kinds):
                    machine.baseline(shown)
                else:
                    partly[integration.id] = shown
        watch.known.pages = pages
        await self._baselines_beside_probes(kinds, partly, starts)
        return list(starts.values())

    async def _baselines_beside_probes(
        self,
        kinds: tuple[SyncKind, ...],
        partly: Mapping[str, Mapping[SyncKind, str | None]],
        starts: Mapping[str, Start],
    ) -> None:
        """Take the baselines of those that did not show every kind, beside what probes show of the others."""
        organization_id, starting = self.target.organization_id, evolve(self._client, urgency=Urgency.LISTING)
        blind = {kind: [id_ for id_, shown in partly.items() if kind not in shown] for kind in kinds}
        probed = await read_probes(starting, organization_id, blind)
        for number, (integration_id, shown) in enumerate(partly.items(), 1):
            if number % MADE_AT_ONCE == 0:
                await asyncio.sleep(0)
            starts[integration_id].progress.baseline(shown, probed=_shown_of(integration_id, probed))

    def _machine(self, kinds: tuple[SyncKind, ...]) -> SyncProgress:
        states = dict.fromkeys(kinds, _FRESH)
        return SyncProgress(policy=self.run.poll, started_at=_now(), kinds=states, spread=_spread(self.run.draw()))

    def _recorded(self, starts: list[Start]) -> list[Start]:
        if self.run.ledger is None or not self.number:
            return starts
        jobs = [
            NewJob(start.integration_id, self._recorder.token(start.integration_id, start.progress)) for start in starts
        ]
        numbers = self.run.ledger.add_jobs(self.number, jobs)
        for start, number in zip(starts, numbers, strict=True):
            start.number = number
        return starts

    def _resumed(self, recorded: Sequence[UnfinishedJob]) -> Iterator[Start]:
        self.run.tally.jobs += len(recorded)
        for job in recorded:
            try:
                record = read_token(job.token)
            except SyncError as error:
                # Left as it is: the rest of the ledger can be gone on with, now and later.
                self.run.was_cut_off = True
                damaged = LedgerError(f"job {job.number} of the ledger cannot be gone on with: {error}")
                self.run.deliver(without_outcome(self.target.organization_id, job.integration_id, damaged, 0.0))
                continue
            machine = record.progress(
                record.poll, spread=_spread(self.run.draw()), now=_now(), wall_clock=datetime.now(UTC)
            )
            yield Start(job.integration_id, machine, record.has_baseline, recorded=True, number=job.number)

    def telling_of(self, start: Start) -> JobTelling | None:
        """Return who tells of a job, and keep it until the job ends or is left; None when there are no hooks."""
        if (hooks := self.run.client.telling) is None:
            return None
        ids = self.target.organization_id, start.integration_id
        telling = JobTelling(hooks, *ids, start.progress, start.recorded, self.run.begun)
        self._told[start.integration_id] = telling
        return telling

    def fired(self, watch: Watch, start: Start, line: JobLine, failure: Exception | None) -> None:
        """Watch a job that is fired."""
        progress = start.progress
        parts: Sequence[Watched] = ()
        try:
            if failure is None:
                parts = watch.begin(start.integration_id, progress, self, tag=start.number)
        except Exception as error:  # noqa: BLE001 - one bad integration never stops the rest
            failure = error
        if failure is not None or progress.is_done:
            self._end(start.integration_id, progress, start.number, failure)
            return
        for watched in parts:
            watched.page = start.page
        line.record()
        self._watched += 1
        watch.join(parts)

    def seen(self, watched: Watched, sighting: Sighting) -> None:
        """Record the news of a job that goes on; a watermark may go back, and then nobody could see it again."""
        progress = watched.progress
        if (telling := self._told.get(watched.integration_id)) is not None:
            telling.seen(sighting)
        if self.run.ledger is None or progress.is_done:
            return
        latest = [state.steps[-1] for state in progress.kinds.values() if state.steps]
        if any(step.seen_at == sighting.at for step in latest):
            self._recorder.record(watched.integration_id, progress, watched.tag)

    def retried(self, watched: Watched, details: RetryDetails) -> None:
        """Do nothing: a bulk run tells results, not events."""

    def ended(self, watched: Watched, failure: BaseException | None) -> None:
        """Deliver the result of a job."""
        self._watched -= 1
        if not self._watched:
            self._news.set()
        error = failure if failure is None or isinstance(failure, Exception) else SyncError("the watch was ended")
        self._end(watched.integration_id, watched.progress, watched.tag, error)

    def _end(self, integration_id: str, progress: SyncProgress, number: int, error: Exception | None) -> None:
        elapsed = _now() - progress.started_at
        if error is None:
            result = SyncResult(
                organization_id=self.target.organization_id,
                integration_id=integration_id,
                kinds=progress.outcomes,
                elapsed=elapsed,
            )
        else:
            result = without_outcome(self.target.organization_id, integration_id, error, elapsed)
            result = evolve(result, kinds=progress.outcomes)
        if isinstance(error, ClientStateError):
            # A job that ended with its client can be gone on with.
            self.run.was_cut_off = True
        else:
            self._recorder.record(integration_id, progress, number, finished=True, error=result.error)
        self.run.deliver(result, telling=self._told.pop(integration_id, None), progress=progress)


def _shown_of(
    integration_id: str, probed: Mapping[SyncKind, Mapping[str, str | PackCloudError]]
) -> Mapping[SyncKind, str | PackCloudError]:
    """Return what probes showed of one integration."""
    return {kind: shown[integration_id] for kind, shown in probed.items() if integration_id in shown}


def _now() -> float:
    return asyncio.get_running_loop().time()


_FRESH = KindState()

_SPREADS = tuple(step / 256 for step in range(256))
"""The draws of watched jobs, as shared numbers: one of their own each would be a fortieth of their memory."""


def _spread(draw: float) -> float:
    return _SPREADS[int(draw * 256)]
