"""OrganizationRun: one organization of a bulk run, from its listing to the last of its results.

1. One bad integration is a result with an error, never an exception for the others; a ledger that cannot be written
   ends the run, because nothing may be sent that is not recorded.
2. No task per job: the senders of the run fire the syncs, then the organization's one watch does the rest, and what is
   kept of a watched job is its machine and one record.
"""

import asyncio
from collections.abc import Sequence

from attrs import define, evolve, field

from packcloud_async._io.signal import Signal
from packcloud_async._io.tasks import only_cause
from packcloud_async._sansio.ledger_records import UnfinishedJob, error_text
from packcloud_async._sansio.outcomes import Sighting, SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.calls import Caller
from packcloud_async.errors import ClientStateError, LedgerError, SyncError
from packcloud_async.job_telling import JobTelling
from packcloud_async.organization_firing import OrganizationFiring, Start
from packcloud_async.organization_start import OrganizationStart
from packcloud_async.policies import path_segment
from packcloud_async.recorder import JobLine, Recorder
from packcloud_async.run_context import OrganizationClient, RunContext, told, without_outcome
from packcloud_async.targets import SyncTarget
from packcloud_async.watch import Watch
from packcloud_async.watched import Watched


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
            start = OrganizationStart(self.run, self._client, watch, self._recorder, self.number)
            starts = await start.anew() if recorded is None else list(start.resumed(recorded))
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


def _now() -> float:
    return asyncio.get_running_loop().time()
