"""JobTelling: what hooks are told of one job, and what the log is told of its end."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from attrs import define, field

from packcloud_async._io.telling import PURPOSE, Telling, log, tell
from packcloud_async._sansio.log import logger
from packcloud_async._sansio.outcomes import Sighting, SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.request_events import JobBegun, RunBegun, SharedRead
from packcloud_async._sansio.sync_events import JobEnded, JobFired, JobRead, news_delay
from packcloud_async.errors import PackCloudError
from packcloud_async.models import SyncKind

T = TypeVar("T")


@define(eq=False)
class JobTelling:
    """Tells the hooks of a client of one job; ``begun`` is None while nobody drives it."""

    hooks: Telling
    organization_id: str
    integration_id: str
    progress: SyncProgress
    resumed: bool = False
    run: RunBegun | None = None
    begun: JobBegun | None = field(default=None, init=False)

    def begin(self) -> None:
        """Tell that it is driven, unless it was told already; one that is taken up again is resumed."""
        if self.begun is None:
            self.begun = JobBegun(
                organization_id=self.organization_id,
                integration_id=self.integration_id,
                kinds=tuple(self.progress.kinds),
                resumed=self.resumed,
                run=self.run,
            )
            self.resumed = True
            self.hooks(self.begun)

    def begin_task(self) -> None:
        """Tell that it is driven, by the task that runs; all further requests of the task are its own."""
        self.begin()
        PURPOSE.set(self.begun)

    def fired(self, kind: SyncKind, error: PackCloudError | None, *, shared: bool) -> None:
        """A POST is answered or given up."""
        if self.begun is not None:
            at = asyncio.get_running_loop().time() - self.progress.started_at
            self.hooks(JobFired(job=self.begun, at=at, kind=kind, error=error, shared=shared))

    def seen(self, sighting: Sighting) -> None:
        """A read told it something."""
        if self.begun is not None:
            purpose = PURPOSE.get()
            read = purpose if isinstance(purpose, SharedRead) else None
            self.hooks(JobRead(job=self.begun, sighting=sighting, read=read))

    def end(self) -> JobBegun | None:
        """Return what is over; None if that was told already."""
        begun, self.begun = self.begun, None
        return begun

    def left(self, error: BaseException) -> None:
        """Nobody drives it any more, and it has no result."""
        if (begun := self.end()) is not None:
            self.hooks(JobEnded(job=begun, result=None, error=error, news_delay=news_delay(self.progress)))

    async def for_it(self, work: Awaitable[T]) -> T:
        """Await work whose requests are this job's."""
        before = PURPOSE.get()
        PURPOSE.set(self.begun)
        try:
            return await work
        finally:
            # Set and not reset: what is closed by the collector runs in another context.
            PURPOSE.set(before)


def tell_result(
    hooks: Telling | None,
    result: SyncResult,
    *,
    telling: JobTelling | None = None,
    progress: SyncProgress | None = None,
    run: RunBegun | None = None,
) -> None:
    """Tell the log and the hooks, if there are any, that a job has its result."""
    begun = None if telling is None else telling.end()
    if hooks is None and not logger.isEnabledFor(logging.INFO):
        return
    job = begun or _begun_of(result, run)
    delay: Mapping[SyncKind, float] = {} if progress is None else news_delay(progress)
    tell(hooks, JobEnded(job=job, result=result, error=result.error, news_delay=delay))


def log_left(organization_id: str, integration_id: str, progress: SyncProgress, error: BaseException) -> None:
    """Write to the log that nobody drives a job any more; of those of a bulk run its own record says enough."""
    if logger.isEnabledFor(logging.INFO):
        kinds = tuple(progress.kinds)
        job = JobBegun(organization_id=organization_id, integration_id=integration_id, kinds=kinds)
        log(JobEnded(job=job, result=None, error=error, news_delay=news_delay(progress)))


def _begun_of(result: SyncResult, run: RunBegun | None) -> JobBegun:
    kinds = tuple(result.kinds)
    return JobBegun(organization_id=result.organization_id, integration_id=result.integration_id, kinds=kinds, run=run)
