"""AsyncSyncJob: fire the syncs of one integration and watch what they did.

Whoever awaits the job drives it, one step at a time: read the baseline, POST, watch. Nothing runs in between, so
a cancelled caller leaves nothing behind, and the token says how far the job came.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from attrs import define, evolve, field

from packcloud_async._io.signal import Bell
from packcloud_async._sansio.events import SyncEvent
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import KindOutcome, SyncResult
from packcloud_async._sansio.progress import KindState, Phase
from packcloud_async._sansio.token import JobRecord, read_token, write_token
from packcloud_async.errors import ConfigurationError, SyncError
from packcloud_async.firing import Firing, JobClient, settle_what_was_cut_off
from packcloud_async.flights import Fired
from packcloud_async.job_log import JobLog
from packcloud_async.job_telling import JobTelling
from packcloud_async.models import Integration, SyncKind
from packcloud_async.policies import PollPolicy, check_instance, path_segment
from packcloud_async.watch import Watch
from packcloud_async.watched import Watched


class AsyncSyncJob:
    """One integration, several kinds: ``await job`` fires the syncs and watches until each has an outcome.

    >>> async def sync_orders(client) -> None:
    ...     result = await AsyncSyncJob(client, "org_1", "int_1", kinds={SyncKind.ORDERS})
    ...     print(result[SyncKind.ORDERS].state)

    ``kinds`` must not be empty. ``on_conflict`` says what a 409 on a POST means. ``baseline`` is the integration as
    just read by the caller; None reads it first. A kind that another job of the same client has in flight for the
    same integration is not started again: both jobs get what comes of it. ``save`` is awaited with the token just
    before each POST leaves, for who wants to survive a crash in that moment; what it raises keeps the POST back and is
    raised to whoever drives the job. None saves nothing.

    Cancelling whoever awaits detaches: the sync at the server goes on, ``token`` still resumes, and the same
    object can be awaited again. One task at a time drives a job; others that await it wait for the same result.
    """

    __slots__ = (
        "__weakref__",
        "_client",
        "_driven",
        "_fired",
        "_given_baseline",
        "_has_baseline",
        "_log",
        "_news",
        "_parts",
        "_policy",
        "_record",
        "_save",
        "_spread",
        "_watch",
    )

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
        save: Callable[[str], Awaitable[None]] | None = None,
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
                on_conflict=check_on_conflict(on_conflict),
                started=datetime.now(UTC),
                watched=None,
                kinds=_unsent(check_kinds(kinds)),
            ),
            poll=poll,
            baseline=baseline,
            save=save,
        )

    @classmethod
    def resume(
        cls,
        client: JobClient,
        token: str,
        *,
        poll: PollPolicy | None = None,
        save: Callable[[str], Awaitable[None]] | None = None,
    ) -> Self:
        """Go on from a token: what was recorded as sent is never sent again, only watched.

        What is left of the recorded window is watched, with one read at least; ``poll`` replaces the recorded
        policy. Raises :class:`SyncError` for a token this release cannot read.
        """
        check_instance("poll", poll, PollPolicy)
        record = read_token(token)
        job = cls.__new__(cls)
        job._setup(client, record, poll=poll, baseline=None, save=save)  # noqa: SLF001 - an own instance
        return job

    def _setup(
        self,
        client: JobClient,
        record: JobRecord,
        *,
        poll: PollPolicy | None,
        baseline: Integration | None,
        save: Callable[[str], Awaitable[None]] | None,
    ) -> None:
        self._client = client
        self._save = save
        self._record = record
        self._policy = poll or record.poll
        self._spread = random.random()
        self._given_baseline = baseline
        self._has_baseline = record.has_baseline
        self._log: JobLog | None = None
        self._news = Bell()
        self._driven = False
        self._watch: Watch | None = None
        self._parts: Sequence[Watched] = ()
        self._fired: Fired | None = None

    def __repr__(self) -> str:
        # A traceback of a refusal may show it while it is being built.
        if getattr(self, "_record", None) is None:
            return "<AsyncSyncJob ?>"
        kinds = ", ".join(kind.value for kind in self._record.kinds)
        place = f"{self.organization_id}/{self.integration_id}"
        return f"<AsyncSyncJob {place} ({kinds}){' done' if self.result else ''}>"

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
        record = evolve(self._record, poll=self._policy)
        return write_token(record if self._log is None else record.at(self._log.progress))

    @property
    def result(self) -> SyncResult | None:
        """The result, None while the job is not done."""
        return None if self._log is None else self._log.result

    @property
    def outcomes(self) -> Mapping[SyncKind, KindOutcome]:
        """The outcomes so far."""
        return {} if self._log is None else self._log.progress.outcomes

    async def fire(self) -> None:
        """Read the baseline and send the POSTs; each is recorded in ``token`` before it leaves.

        Raises what the read of the baseline raises (:class:`NotFound` for an unknown integration, ...), in which
        case nothing was sent. What becomes of a POST is an outcome, not an exception.
        """
        await self._drive(lambda: self._is_fired)

    async def wait(self) -> SyncResult:
        """Watch until every kind has an outcome; raise :class:`SyncError` if the job was not fired."""
        return await self._run(fires=False)

    def __await__(self) -> Generator[object, None, SyncResult]:
        return self._run(fires=True).__await__()

    async def _run(self, *, fires: bool) -> SyncResult:
        # One coroutine for both: each that waits inside another takes a quarter of a kilobyte.
        if fires:
            await self.fire()
        while self._may_post:
            if not self._driven:
                raise SyncError("the job was not fired: await job.fire() first, or await the job itself")
            await self._news.next()
        await self._drive(self._has_result)
        assert self.result is not None
        return self.result

    def _has_result(self) -> bool:
        return self.result is not None

    def events(self) -> AsyncIterator[SyncEvent]:
        """Iterate over what happens, from the beginning to :class:`Finished`, driving the job if nobody else does."""
        return _Events(self)

    async def detach(self) -> None:
        """Stop watching; the sync at the server goes on and ``token`` resumes.

        Whoever awaits the job gets a :class:`SyncError`.
        """
        if self._log is not None:
            self._log.failure = SyncError(
                "the job was detached while it was watched; await it again, or resume its token"
            )
            self._tell_left(self._log.failure)
        self._fired = None
        self._news.ring()
        await self._leave()

    def _tell_left(self, error: BaseException) -> None:
        if self._log is not None:
            self._log.left(error)

    async def _leave(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.leave(self._parts)

    @property
    def _may_post(self) -> bool:
        kinds = self._record.kinds if self._log is None else self._log.progress.kinds
        return any(state.phase is Phase.PLANNED and state.outcome is None for state in kinds.values())

    @property
    def _is_fired(self) -> bool:
        log = self._log
        return log is not None and (log.progress.watched_from is not None or log.progress.is_done)

    async def _drive(self, enough: Callable[[], bool]) -> None:
        """Take steps until it is enough; while another task drives, wait for its news or for its place."""
        while not enough():
            if self._driven:
                await self._news.next()
                continue
            self._driven = True
            try:
                log = self._log = self._log or self._begin()
                log.begin()
                if self._is_fired:
                    await self._watch_until(enough, log)
                elif log.telling is None:
                    await self._fire_step(log)
                else:
                    await log.telling.for_it(self._fire_step(log))
            except BaseException as error:
                self._tell_left(error)
                raise
            finally:
                self._driven = False
                self._news.ring()

    async def _fire_step(self, log: JobLog) -> None:
        progress = log.progress
        for kind, error in settle_what_was_cut_off(progress):
            log.fired(kind, error, shared=False)
        firing = Firing(
            self._client, self.organization_id, self.integration_id, progress, self._record.on_conflict, log
        )
        if not self._has_baseline:
            await firing.take_baseline(self._given_baseline)
            self._has_baseline = True
        elif progress.unsent:
            await firing.post_all()
        if self._has_baseline and not progress.unsent:
            # In the same step, so that between them no other job sends the same.
            self._begin_window(log)

    def _begin(self) -> JobLog:
        if not self._has_baseline:
            # Nothing was read or sent so far: the job starts here, however long ago it was made.
            self._record = evolve(self._record, started=datetime.now(UTC))
        progress = self._record.progress(
            self._policy, spread=self._spread, now=asyncio.get_running_loop().time(), wall_clock=datetime.now(UTC)
        )
        tell, ids = self._client.telling, (self.organization_id, self.integration_id)
        telling = None if tell is None else JobTelling(tell, *ids, progress, resumed=self._has_baseline)
        save = None if self._save is None else self._save_token
        return JobLog(*ids, self._client, progress, self._news, telling, save)

    async def _save_token(self) -> None:
        if self._save is not None:
            await self._save(self.token)

    def _begin_window(self, log: JobLog) -> None:
        watch = self._client.watch_of(self.organization_id)
        self._parts = watch.begin(self.integration_id, log.progress, log)
        if log.progress.is_done:
            log.finish()
        else:
            self._hold(watch, log)

    def _hold(self, watch: Watch, log: JobLog) -> None:
        # While nobody awaits the job, others share it through this.
        self._fired = self._fired or watch.flights.hold(self.integration_id, log.progress, keeps=watch)

    async def _watch_until(self, enough: Callable[[], bool], log: JobLog) -> None:
        self._join(log)
        goes_on = False
        try:
            # Leaving would cut off a read that is under way, and its retries would begin anew with the next step.
            while (not enough() or self._is_being_read) and log.failure is None and log.result is None:
                await self._news.next()
            goes_on = log.failure is None and log.result is None
        finally:
            if goes_on and self._watch is not None:
                self._hold(self._watch, log)
            await self._leave()
        if log.failure is not None:
            raise log.failure

    def _join(self, log: JobLog) -> None:
        """Begin or go on with the watch; there is nothing to join when the result is already there."""
        if not self._parts and log.result is None:
            self._begin_window(log)
        if log.result is None:
            log.failure = None
            self._watch = self._client.watch_of(self.organization_id)
            self._watch.join(self._parts)
            # The watch knows it now.
            self._fired = None

    @property
    def _is_being_read(self) -> bool:
        return self._watch is not None and self._watch.is_reading(self._parts)

    async def next_event(self, index: int) -> SyncEvent | None:
        """Return an event by its number, driving the job until it has happened; None when there are no more."""
        await self._drive(lambda: self._told > index or self.result is not None)
        return self._log.events[index] if self._log is not None and self._told > index else None

    @property
    def _told(self) -> int:
        return 0 if self._log is None else len(self._log.events)


def _unsent(kinds: tuple[SyncKind, ...]) -> Mapping[SyncKind, KindState]:
    return _UNSENT.setdefault(kinds, dict.fromkeys(kinds, KindState()))


_UNSENT: dict[tuple[SyncKind, ...], Mapping[SyncKind, KindState]] = {}
"""One for each combination of kinds, shared by all jobs."""


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


def check_on_conflict(value: OnConflict | str) -> OnConflict:
    """Return the value; refuse an unknown one."""
    try:
        return OnConflict(value)
    except ValueError:
        raise ConfigurationError(f"on_conflict must be 'watch' or 'reject', not {value!r}") from None
