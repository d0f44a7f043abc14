"""AsyncSyncJob: fire the syncs of one integration and watch what they did.

Whoever awaits the job drives it, one step at a time: read the baseline, POST, watch. Nothing runs in between, so
a cancelled caller leaves nothing behind, and the token says how far the job came.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol, Self

from attrs import define, evolve, field

from packcloud_async._io.tasks import only_cause
from packcloud_async._sansio import endpoints, events
from packcloud_async._sansio.endpoints import Answer
from packcloud_async._sansio.events import RetryDetails, SyncEvent
from packcloud_async._sansio.outcomes import KindOutcome, Sighting, SyncResult
from packcloud_async._sansio.progress import Done, KindState, Phase, SyncProgress
from packcloud_async._sansio.token import JobRecord, OnConflict, read_token, write_token
from packcloud_async.calls import Caller
from packcloud_async.errors import (
    ApiError,
    ConfigurationError,
    InvalidResponse,
    PackCloudError,
    SyncError,
    TransportError,
)
from packcloud_async.models import Integration, SyncKind
from packcloud_async.policies import PollPolicy, check_instance, path_segment
from packcloud_async.watch import Watch, Watched

logger = logging.getLogger("packcloud_async")


class JobClient(Caller, Protocol):
    """What a job needs of a client."""

    def watch_of(self, organization_id: str) -> Watch:
        """Return the one watch of an organization."""
        ...


class AsyncSyncJob:
    """One integration, several kinds: ``await job`` fires the syncs and watches until each has an outcome.

    >>> async def sync_orders(client) -> None:
    ...     result = await AsyncSyncJob(client, "org_1", "int_1", kinds={SyncKind.ORDERS})
    ...     print(result[SyncKind.ORDERS].state)

    ``kinds`` must not be empty. ``on_conflict`` says what a 409 on a POST means. ``baseline`` is the integration as
    just read by the caller; None reads it first.

    Cancelling whoever awaits detaches: the sync at the server goes on, ``token`` still resumes, and the same
    object can be awaited again. One task at a time drives a job; others that await it wait for the same result.
    """

    def __init__(
        self,
        client: JobClient,
        organization_id: str,
        integration_id: str,
        *,
        kinds: Iterable[SyncKind | str],
        poll: PollPolicy | None = None,
        on_conflict: OnConflict | str = OnConflict.WATCH,
        baseline: Integration | None = None,
    ) -> None:
        path_segment("organization_id", organization_id)
        path_segment("integration_id", integration_id)
        check_instance("poll", poll, PollPolicy)
        check_instance("baseline", baseline, Integration)
        self._setup(
            client,
            JobRecord(
                organization_id=organization_id,
                integration_id=integration_id,
                poll=poll or PollPolicy(),
                on_conflict=_on_conflict(on_conflict),
                started=datetime.now(UTC),
                watched=None,
                kinds=dict.fromkeys(check_kinds(kinds), KindState()),
            ),
            poll=poll,
            baseline=baseline,
        )

    @classmethod
    def resume(cls, client: JobClient, token: str, *, poll: PollPolicy | None = None) -> Self:
        """Go on from a token: what was recorded as sent is never sent again, only watched.

        What is left of the recorded window is watched, with one read at least; ``poll`` replaces the recorded
        policy. Raises :class:`SyncError` for a token this release cannot read.
        """
        check_instance("poll", poll, PollPolicy)
        record = read_token(token)
        job = cls.__new__(cls)
        job._setup(client, record, poll=poll, baseline=None)  # noqa: SLF001 - an own instance
        return job

    def _setup(
        self, client: JobClient, record: JobRecord, *, poll: PollPolicy | None, baseline: Integration | None
    ) -> None:
        self._client = client
        self._record = record
        self._policy = poll or record.poll
        self._spread = random.random()
        self._progress: SyncProgress | None = None
        self._given_baseline = baseline
        self._has_baseline = any(state != KindState() for state in record.kinds.values())
        self._watched: Watched | None = None
        self._failure: BaseException | None = None
        self._timeline: list[Sighting] = []
        self._events: list[SyncEvent] = []
        self._news = asyncio.Event()
        self._result: SyncResult | None = None
        self._driven = False
        self._watch: Watch | None = None
        self._on_end: Callable[[], None] | None = None
        self._steps_told = {kind: len(state.steps) for kind, state in record.kinds.items()}

    def __repr__(self) -> str:
        kinds = ", ".join(kind.value for kind in self._record.kinds)
        place = f"{self.organization_id}/{self.integration_id}"
        return f"<AsyncSyncJob {place} ({kinds}){' done' if self._result else ''}>"

    @property
    def organization_id(self) -> str:
        """The organization the integration belongs to."""
        return self._record.organization_id

    @property
    def integration_id(self) -> str:
        """The integration that is synced."""
        return self._record.integration_id

    @property
    def token(self) -> str:
        """Everything another process needs to go on, as JSON text without secrets; right at any moment."""
        progress = self._progress
        watched_from = None if progress is None else progress.watched_from
        return write_token(
            JobRecord(
                organization_id=self.organization_id,
                integration_id=self.integration_id,
                poll=self._policy,
                on_conflict=self._record.on_conflict,
                started=self._record.started,
                watched=self._record.watched if watched_from is None else self._wall_clock_of(watched_from),
                kinds=self._record.kinds if progress is None else progress.kinds,
            )
        )

    @property
    def result(self) -> SyncResult | None:
        """The result, None while the job is not done."""
        return self._result

    @property
    def outcomes(self) -> Mapping[SyncKind, KindOutcome]:
        """The outcomes so far."""
        return {} if self._progress is None else self._progress.outcomes

    async def fire(self) -> None:
        """Read the baseline and send the POSTs; each is recorded in ``token`` before it leaves.

        Raises what the read of the baseline raises (:class:`NotFound` for an unknown integration, ...), in which
        case nothing was sent. What becomes of a POST is an outcome, not an exception.
        """
        await self._drive(lambda: self._is_fired)

    async def wait(self) -> SyncResult:
        """Watch until every kind has an outcome; raise :class:`SyncError` if the job was not fired."""
        while self._may_post:
            if not self._driven:
                raise SyncError("the job was not fired: await job.fire() first, or await the job itself")
            self._news.clear()
            await self._news.wait()
        await self._drive(lambda: self._result is not None)
        assert self._result is not None
        return self._result

    def __await__(self) -> Generator[object, None, SyncResult]:
        return self._run().__await__()

    async def _run(self) -> SyncResult:
        await self.fire()
        return await self.wait()

    def events(self) -> AsyncIterator[SyncEvent]:
        """Iterate over what happens, from the beginning to :class:`Finished`, driving the job if nobody else does."""
        return _Events(self)

    def watch_for(self, ended: Callable[[], None]) -> None:
        """Join the watch without waiting, for a driver of many jobs: ``ended`` is called once, and then
        :meth:`outcome_of_watch` gives the result or raises. The driver calls :meth:`detach` if it leaves earlier.
        """
        self._on_end = ended
        self._join()
        if self._result is not None:
            ended()

    def outcome_of_watch(self) -> SyncResult:
        """Return the result of a finished watch; raise what ended it early."""
        if self._failure is not None:
            raise self._failure
        assert self._result is not None
        return self._result

    async def detach(self) -> None:
        """Stop watching; the sync at the server goes on and ``token`` resumes.

        Whoever awaits the job gets a :class:`SyncError`.
        """
        self._failure = SyncError("the job was detached while it was watched; await it again, or resume its token")
        self._news.set()
        await self._leave()

    @property
    def _is_being_read(self) -> bool:
        return self._watch is not None and self._watched is not None and self._watch.is_reading(self._watched)

    async def _leave(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None and self._watched is not None:
            await watch.leave(self._watched)

    @property
    def _may_post(self) -> bool:
        kinds = self._record.kinds if self._progress is None else self._progress.kinds
        return any(state.phase is Phase.PLANNED and state.outcome is None for state in kinds.values())

    @property
    def _is_fired(self) -> bool:
        progress = self._progress
        return progress is not None and (progress.watched_from is not None or progress.is_done)

    async def _drive(self, enough: Callable[[], bool]) -> None:
        """Take steps until it is enough; while another task drives, wait for its news or for its place."""
        while not enough():
            if self._driven:
                self._news.clear()
                await self._news.wait()
                continue
            self._driven = True
            try:
                await (self._watch_until(enough) if self._is_fired else self._fire_step())
            finally:
                self._driven = False
                self._news.set()

    async def _fire_step(self) -> None:
        progress = self._progress = self._progress or self._make_progress()
        self._settle_what_was_cut_off(progress)
        if not self._has_baseline:
            await self._read_baseline(progress)
        elif progress.unsent:
            await self._post_all(progress)
        elif not self._is_fired:
            self._begin_window(progress)

    def _make_progress(self) -> SyncProgress:
        now = asyncio.get_running_loop().time()
        if not self._has_baseline:
            # Nothing was read or sent so far: the job starts here, however long ago it was made.
            self._record = evolve(self._record, started=datetime.now(UTC))
        return SyncProgress(
            policy=self._policy,
            # A resumed job counts from its first start, so that durations keep their meaning.
            started_at=now - self._seconds_since(self._record.started) if self._has_baseline else now,
            kinds=dict(self._record.kinds),
            spread=self._spread,
            watched_from=None if self._record.watched is None else now - self._seconds_since(self._record.watched),
        )

    def _settle_what_was_cut_off(self, progress: SyncProgress) -> None:
        for kind, state in list(progress.kinds.items()):
            if state.phase is Phase.SENT and state.outcome is None:
                sentence = f"the POST for {kind.value} was cut off; it may have arrived"
                error = TransportError(sentence, maybe_sent=True)
                progress.in_doubt(kind, error)
                self._tell(events.Fired(at=self._now(progress), kind=kind, error=error))

    async def _read_baseline(self, progress: SyncProgress) -> None:
        integration = self._given_baseline
        if integration is None:
            call = endpoints.get_integration(self._client.routes, self.organization_id, self.integration_id)
            integration = await self._client.call(call, observer=_BaselineObserver(self))
        progress.baseline(integration.watermarks)
        self._has_baseline = True
        at = self._now(progress)
        self._timeline.append(
            Sighting(at=at, watermarks=integration.watermarks, shared=self._given_baseline is not None)
        )
        self._tell(events.BaselineRead(at=at, integration=integration))

    async def _post_all(self, progress: SyncProgress) -> None:
        troubles: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as posts:
                for kind in progress.unsent:
                    posts.create_task(self._post(progress, kind, troubles))
        except ExceptionGroup as group:
            troubles.insert(0, only_cause(group))
        # Outside the except block, so that the group does not become the context of the error in it.
        if troubles:
            raise troubles[0]

    async def _post(self, progress: SyncProgress, kind: SyncKind, troubles: list[BaseException]) -> None:
        call = endpoints.sync(self._client.routes, self.organization_id, self.integration_id, kind)
        try:
            await self._client.call(call, observer=_PostObserver(self, progress, kind))
        except (ApiError, TransportError, InvalidResponse) as error:
            self._take_answer(progress, kind, error)
        except PackCloudError as error:
            troubles.append(error)
        else:
            progress.accepted(kind)
            self._tell(events.Fired(at=self._now(progress), kind=kind))

    def _take_answer(self, progress: SyncProgress, kind: SyncKind, error: PackCloudError) -> None:
        answer = endpoints.answer_of(error)
        if answer is Answer.IN_DOUBT:
            progress.in_doubt(kind, error)
        elif answer is Answer.RUNNING and self._record.on_conflict is OnConflict.WATCH:
            # The refusal was harmless, so the machine stands at PLANNED; joining means standing in for our POST.
            progress.sending(kind)
            progress.joined(kind, error)
        else:
            progress.refused(kind, error)
        self._tell(events.Fired(at=self._now(progress), kind=kind, error=error))

    def request_retried(self, kind: SyncKind | None, details: RetryDetails) -> None:
        """Take note of a request that is sent again; ``kind`` is None for a read."""
        assert self._progress is not None
        self._tell(events.Retrying(at=self._now(self._progress), kind=kind, details=details))

    def _begin_window(self, progress: SyncProgress) -> None:
        decision = progress.watch(asyncio.get_running_loop().time())
        if isinstance(decision, Done):
            self._finish(progress)
        else:
            self._watched = Watched(
                integration_id=self.integration_id,
                progress=progress,
                caller=self._client,
                next_read=decision,
                seen=self._seen,
                retried=lambda details: self.request_retried(None, details),
                ended=self._ended,
            )

    def _join(self) -> None:
        """Begin or go on with the watch; there is nothing to join when the result is already there."""
        assert self._progress is not None
        if self._watched is None and self._result is None:
            self._begin_window(self._progress)
        if self._watched is not None and self._result is None:
            self._failure = None
            self._watch = self._client.watch_of(self.organization_id)
            self._watch.join(self._watched)

    async def _watch_until(self, enough: Callable[[], bool]) -> None:
        self._join()
        try:
            # Leaving would cut off a read that is under way, and its retries would begin anew with the next step.
            while (not enough() or self._is_being_read) and self._failure is None and self._result is None:
                self._news.clear()
                await self._news.wait()
        finally:
            await self._leave()
        if self._failure is not None:
            raise self._failure

    def _seen(self, sighting: Sighting) -> None:
        assert self._progress is not None
        self._timeline.append(sighting)
        self._tell(events.ReadMade(at=sighting.at, sighting=sighting))
        for kind, state in self._progress.kinds.items():
            for step in state.steps[self._steps_told[kind] :]:
                self._tell(events.Advanced(at=sighting.at, kind=kind, step=step))
            self._steps_told[kind] = len(state.steps)

    def _ended(self, failure: BaseException | None) -> None:
        self._failure = failure
        if failure is None and self._result is None:
            assert self._progress is not None
            self._finish(self._progress)
        self._news.set()
        if self._on_end is not None:
            self._on_end()

    def _finish(self, progress: SyncProgress) -> None:
        elapsed = self._now(progress)
        self._result = SyncResult(
            organization_id=self.organization_id,
            integration_id=self.integration_id,
            kinds=progress.outcomes,
            elapsed=elapsed,
            timeline=tuple(self._timeline),
        )
        told = {kind.value: outcome.state.value for kind, outcome in self._result.kinds.items()}
        logger.info(
            "sync of %s/%s: %s",
            self.organization_id,
            self.integration_id,
            ", ".join(f"{kind} {state}" for kind, state in told.items()),
            extra={
                "organization": self.organization_id,
                "integration": self.integration_id,
                "outcomes": told,
                "elapsed": elapsed,
            },
        )
        self._tell(events.Finished(at=elapsed, result=self._result))

    def _tell(self, event: SyncEvent) -> None:
        self._events.append(event)
        self._news.set()

    async def next_event(self, index: int) -> SyncEvent | None:
        """Return an event by its number, driving the job until it has happened; None when there are no more."""
        await self._drive(lambda: len(self._events) > index or self._result is not None)
        return self._events[index] if len(self._events) > index else None

    def _now(self, progress: SyncProgress) -> float:
        return asyncio.get_running_loop().time() - progress.started_at

    def _seconds_since(self, instant: datetime) -> float:
        # A wall clock that went backwards must not lengthen the window.
        return max(0.0, (datetime.now(UTC) - instant).total_seconds())

    def _wall_clock_of(self, loop_instant: float) -> datetime:
        assert self._progress is not None
        return datetime.fromtimestamp(
            self._record.started.timestamp() + loop_instant - self._progress.started_at, tz=UTC
        )


@define
class _BaselineObserver:
    """Tells a job that the read of its baseline is repeated."""

    job: AsyncSyncJob

    async def leaving(self) -> None:
        pass

    def harmless(self) -> None:
        pass

    def retrying(self, details: RetryDetails) -> None:
        self.job.request_retried(None, details)


@define
class _PostObserver:
    """Writes into the machine what happens to one POST, at the moment it happens."""

    job: AsyncSyncJob
    progress: SyncProgress
    kind: SyncKind

    async def leaving(self) -> None:
        self.progress.sending(self.kind)

    def harmless(self) -> None:
        if self.progress.kinds[self.kind].phase is Phase.SENT:
            self.progress.not_sent(self.kind)

    def retrying(self, details: RetryDetails) -> None:
        self.job.request_retried(self.kind, details)


@define
class _Events(AsyncIterator[SyncEvent]):
    """The events of a job, one reader's position in them."""

    job: AsyncSyncJob
    position: int = field(default=0, init=False)

    async def __anext__(self) -> SyncEvent:
        event = await self.job.next_event(self.position)
        if event is None:
            raise StopAsyncIteration
        self.position += 1
        return event


def check_kinds(kinds: Iterable[SyncKind | str]) -> tuple[SyncKind, ...]:
    """Return the kinds in their usual order, each once; refuse none and unknown ones."""
    try:
        wanted = {SyncKind(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)}
    except (ValueError, TypeError):
        known = ", ".join(kind.value for kind in SyncKind)
        raise ConfigurationError(f"kinds must be an iterable of {known}; got {kinds!r}") from None
    if not wanted:
        raise ConfigurationError("kinds must name at least one kind to sync, for example {SyncKind.ORDERS}")
    return tuple(kind for kind in SyncKind if kind in wanted)


def _on_conflict(value: OnConflict | str) -> OnConflict:
    try:
        return OnConflict(value)
    except ValueError:
        raise ConfigurationError(f"on_conflict must be 'watch' or 'reject', not {value!r}") from None
