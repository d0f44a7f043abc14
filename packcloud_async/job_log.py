"""JobLog: what happened to one job, for whoever reads its events and its result."""

import asyncio
from collections.abc import Awaitable, Callable

from attrs import define, field

from packcloud_async._io.signal import Bell
from packcloud_async._sansio import events
from packcloud_async._sansio.events import SyncEvent
from packcloud_async._sansio.outcomes import Sighting, SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.calls import Caller
from packcloud_async.errors import PackCloudError
from packcloud_async.job_telling import JobTelling, log_left, tell_result
from packcloud_async.models import Integration, SyncKind
from packcloud_async.watched import Watched


@define(eq=False)
class JobLog:
    """Told by the firing and by the watch of a job; ``news`` rings with everything told.

    ``telling`` None means that there are no hooks. ``failure`` is what ended the watch early, ``result`` is there when
    every kind has an outcome. ``save`` is awaited before a POST leaves, None when nobody saves anything.
    """

    organization_id: str
    integration_id: str
    caller: Caller
    progress: SyncProgress
    news: Bell
    telling: JobTelling | None = None
    save: Callable[[], Awaitable[None]] | None = None
    events: list[SyncEvent] = field(factory=list[SyncEvent], init=False)
    failure: BaseException | None = field(default=None, init=False)
    result: SyncResult | None = field(default=None, init=False)
    sees_all: bool = field(default=True, init=False)
    _is_driven: bool = field(default=False, init=False)
    _timeline: list[Sighting] = field(factory=list[Sighting], init=False)
    _steps_told: dict[SyncKind, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._steps_told = {kind: len(state.steps) for kind, state in self.progress.kinds.items() if state.steps}

    def begin(self) -> None:
        """Somebody drives the job."""
        self._is_driven = True
        if self.telling is not None:
            self.telling.begin()

    def left(self, error: BaseException) -> None:
        """Nobody drives the job any more; told only of one that has no result, and once."""
        if not self._is_driven or self.result is not None:
            return
        self._is_driven = False
        log_left(self.organization_id, self.integration_id, self.progress, error)
        if self.telling is not None:
            self.telling.left(error)

    def baseline_read(self, integration: Integration, *, shared: bool) -> None:
        """The baseline is known."""
        at = self._now()
        self._timeline.append(Sighting(at=at, watermarks=integration.watermarks, shared=shared))
        self._tell(events.BaselineRead(at=at, integration=integration))

    async def sending(self, kind: SyncKind) -> None:  # noqa: ARG002 - the machine has taken note, and with it the token
        """Have the token saved, if somebody wants it."""
        if self.save is not None:
            await self.save()

    def unsent(self, kind: SyncKind) -> None:
        """Do nothing: the machine has taken note, and with it the token."""

    def fired(self, kind: SyncKind, error: PackCloudError | None, *, shared: bool) -> None:
        """A POST is answered or given up."""
        if self.telling is not None:
            self.telling.fired(kind, error, shared=shared)
        self._tell(events.Fired(at=self._now(), kind=kind, error=error, shared=shared))

    def retrying(self, kind: SyncKind | None, details: RetryDetails) -> None:
        """A request is sent again."""
        self._tell(events.Retrying(at=self._now(), kind=kind, details=details))

    def retried(self, watched: Watched, details: RetryDetails) -> None:  # noqa: ARG002 - there is one job
        """A read is repeated."""
        self.retrying(None, details)

    def seen(self, watched: Watched, sighting: Sighting) -> None:  # noqa: ARG002 - there is one job
        """A read told something."""
        self._timeline.append(sighting)
        if self.telling is not None:
            self.telling.seen(sighting)
        self._tell(events.ReadMade(at=sighting.at, sighting=sighting))
        for kind, state in self.progress.kinds.items():
            for step in state.steps[self._steps_told.get(kind, 0) :]:
                self._tell(events.Advanced(at=sighting.at, kind=kind, step=step))
                self._steps_told[kind] = len(state.steps)

    def ended(self, watched: Watched, failure: BaseException | None) -> None:  # noqa: ARG002 - there is one job
        """The watch is over."""
        self.failure = failure
        if failure is None:
            self.finish()
        self.news.ring()

    def finish(self) -> None:
        """Put the outcomes together; once is enough."""
        if self.result is not None:
            return
        self.result = SyncResult(
            organization_id=self.organization_id,
            integration_id=self.integration_id,
            kinds=self.progress.outcomes,
            elapsed=self._now(),
            timeline=tuple(self._timeline),
        )
        telling = self.telling
        tell_result(None if telling is None else telling.hooks, self.result, telling=telling, progress=self.progress)
        self._tell(events.Finished(at=self.result.elapsed, result=self.result))

    def _tell(self, event: SyncEvent) -> None:
        self.events.append(event)
        self.news.ring()

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self.progress.started_at
