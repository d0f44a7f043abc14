"""Watch: all jobs of one organization, with shared reads.

1. A job joins with its progress machine and leaves when it is done or cancelled. While nothing is read there is one
   timer and no task; a task is as long as its read, and reads for jobs that all left are cut off.
2. What is due together is read together; :mod:`packcloud_async.reads` says how.
3. An answer tells nothing to a job that joined after it was asked, and everything it shows to all others, also to
   those whose own read is under way: that may fail, or wait for its turn long after the news.
4. A hint brings a read forward, and never puts one off.
5. Who is sending a POST is known here too, so that another job for the same integration and kind shares it.
"""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import NamedTuple, assert_never

from attrs import define, field

from packcloud_async._io.tasks import only_cause, until_done
from packcloud_async._io.telling import PURPOSE, Telling
from packcloud_async._sansio.answers import ReadFailure
from packcloud_async._sansio.due import DueQueue
from packcloud_async._sansio.glimpse import Glimpse
from packcloud_async._sansio.learned_pacing import LearnedPacing
from packcloud_async._sansio.list_knowledge import ListKnowledge
from packcloud_async._sansio.outcomes import Sighting
from packcloud_async._sansio.pacing import Expectation
from packcloud_async._sansio.progress import Decision, Done, Phase, SyncProgress, Wait
from packcloud_async._sansio.request_events import SharedRead
from packcloud_async.errors import PackCloudError
from packcloud_async.flights import Flights
from packcloud_async.models import Integration, SyncKind
from packcloud_async.probes import Probe
from packcloud_async.reads import Reads
from packcloud_async.watched import Watched, WatchedJobs, Watcher, by_probe, parts_of

TIMERS_ARE_EARLY = 1e-6
"""An event loop fires timers up to its clock's resolution early; what is not due yet would be looked at in circles."""


@define(eq=False)
class _Reading:
    """A read of any watch, known to everything that runs within it: what it is for, and whether it is over."""

    due: "list[Watched]"
    is_over: bool = False


_READING: ContextVar[_Reading | None] = ContextVar("packcloud_async_reading", default=None)


class _Look(NamedTuple):
    """What was asked ``asked_at`` is told ``now``, by the read that is for what is ``due``, None by no read."""

    asked_at: float
    now: float
    due: list[Watched] | None


@define(eq=False)
class Watch:
    """The watched jobs of one organization.

    ``pacing`` None means that nothing is learned, ``telling`` None that there are no hooks. Its repr is short:
    asyncio's debug mode writes that of whatever a timer or a callback belongs to.
    """

    organization_id: str
    probes: Mapping[SyncKind, Probe] = field(factory=dict[SyncKind, Probe], repr=False)
    pacing: LearnedPacing | None = field(default=None, repr=False)
    telling: Telling | None = field(default=None, repr=False)
    known: ListKnowledge = field(factory=ListKnowledge, init=False, repr=False)
    flights: Flights = field(factory=Flights, init=False, repr=False)
    jobs: WatchedJobs = field(factory=WatchedJobs, init=False, repr=False)
    _queue: DueQueue[Watched] = field(factory=DueQueue[Watched], init=False, repr=False)
    _reads: tuple[asyncio.Task[None], ...] = field(default=(), init=False, repr=False)
    _walking: Reads | None = field(default=None, init=False, repr=False)
    _timer: asyncio.Handle | None = field(default=None, init=False, repr=False)
    _looks_at: float = field(default=math.inf, init=False, repr=False)

    @property
    def is_idle(self) -> bool:
        """Whether no job is watched."""
        return not self.jobs

    def is_reading(self, parts: Iterable[Watched]) -> bool:
        """Whether a read for one of these is under way."""
        return any(watched in self.jobs and not watched.is_queued for watched in parts)

    def fired(self, integration_id: str, kind: SyncKind) -> SyncProgress | None:
        """Return a job whose sync of this kind is under way, for another job to share; None if there is none."""
        if self.jobs.first_of(integration_id) is None and not self.flights.has_fired:
            # The usual one.
            return None
        known = [watched.progress for watched in self.jobs.of(integration_id)]
        if (unwatched := self.flights.fired((integration_id, kind))) is None and not known:
            return None
        now = _now()
        if unwatched is not None:
            known.append(unwatched)
        return next((progress for progress in known if progress.can_be_shared(kind, now)), None)

    def expectations_of(self, integration: Integration, kinds: Iterable[SyncKind]) -> Mapping[SyncKind, Expectation]:
        """Return how long syncs of these kinds usually take, as far as that was learned."""
        pacing = self.pacing
        if pacing is None:
            return _NOTHING_EXPECTED
        known = {kind: pacing.expect(kind=kind, **_trade_of(integration)) for kind in kinds}
        return {kind: expected for kind, expected in known.items() if expected is not None}

    def begin(
        self, integration_id: str, progress: SyncProgress, watcher: Watcher, *, tag: int = 0
    ) -> Sequence[Watched]:
        """Open the window of a job and return its parts, ready to join; none when it is done already."""
        now = _now()
        resumed = progress.watched_from is not None
        whole = progress.watch(now)
        parts: list[Watched] = []
        split = parts_of(progress)
        for probe, kinds in split:
            # A single one speaks for all that is open.
            wait = whole if len(split) == 1 else progress.next_read(now, kinds=kinds, resumed=resumed)
            assert isinstance(wait, Wait)
            parts.append(Watched(integration_id, progress, watcher, kinds, probe, tag, wait.until, wait.decides))
        return parts

    def join(self, parts: Iterable[Watched]) -> None:
        """Begin to read for a job, or go on where it left."""
        now = _now()
        for watched in parts:
            if not set(watched.kinds).isdisjoint(watched.progress.open_kinds):
                self.jobs.add(watched)
                self._schedule(watched, watched.where_it_left(now), now)

    async def leave(self, parts: Iterable[Watched]) -> None:
        """Stop reading for a job; the last one out waits until every read has ended."""
        for watched in parts:
            self._remove(watched)
        await self.stop_if_idle()

    async def stop_if_idle(self, *, give_up_at: float | None = None) -> None:
        """Wait for the end of all reads if no job is watched any more; a TimeoutError at ``give_up_at``, None never."""
        if self.is_idle and self._reads:
            self._cut_off()
            reading = _READING.get()
            # What came here out of a read, as an auth object does that closes its client, would wait for its own
            # end, and two of them in two watches for each other's.
            if reading is None or reading.is_over:
                await until_done(*self._reads, give_up_at=give_up_at)

    async def until_read(self) -> None:
        """Wait until all is read that is due now, and whatever becomes due meanwhile."""
        while self.jobs and (self._reads or self._looks_at <= _now()):
            if self._reads:
                await asyncio.wait(self._reads)
            # Whoever looks, or was told, comes first.
            await asyncio.sleep(0)

    def hint(self, integration_id: str) -> bool:
        """Read an integration now, because somebody knows that there may be news; False when nobody watches it."""
        watched_at_all, now = False, _now()
        for watched in self.jobs.of(integration_id):
            watched_at_all = True
            if not watched.is_queued:
                # The read under way may have been asked before the news.
                watched.hinted = True
            elif watched.due_at > now:
                self._put(watched, watched.brought_forward(watched.due_at, now), now)
        return watched_at_all

    def end(self, reason: BaseException) -> None:
        """Tell every job that it cannot go on."""
        self._end_some(self.jobs, reason)

    def _end_some(self, some: Iterable[Watched], reason: BaseException) -> None:
        for watched in some:
            if watched in self.jobs:
                self._remove_all(watched)
                watched.watcher.ended(watched, reason)

    def _look_at(self, instant: float) -> None:
        """Look what is due at an instant of the loop's clock, which is earlier than was meant so far."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._looks_at = instant
        # Not within what changed: more may change in the same turn.
        is_now = instant <= loop.time()
        self._timer = loop.call_soon(self._look) if is_now else loop.call_at(instant, self._look)

    def _look(self) -> None:
        self._timer, self._looks_at = None, math.inf
        if not self.jobs:
            # Read for jobs that left: nobody waits for it.
            self._cut_off()
            return
        now = _now()
        for part in by_probe(self._queue.take(now)):
            if part[0].probe is not None or self._walking is None or not self._walking.walks.take_along(part):
                self._begin_read(part)
        if (next_due := self._queue.next_due()) is not None:
            is_early = 0 < next_due - now <= TIMERS_ARE_EARLY
            self._look_at(now + 2 * TIMERS_ARE_EARLY if is_early else next_due)

    def _begin_read(self, due: list[Watched]) -> None:
        reading = _Reading(due)
        for watched in due:
            watched.read_with = due
        # The one task without a group: leave() and the client's aclose() own it and wait for its end.
        read = asyncio.get_running_loop().create_task(self._read(reading), name=f"watch {self.organization_id}")
        self._reads = (*self._reads, read)

        def ended(_: "asyncio.Task[None]") -> None:
            self._reads = tuple([one for one in self._reads if one is not read])
            # A task that is cancelled before its first step never runs.
            self._read_ended(reading)

        read.add_done_callback(ended)

    async def _read(self, reading: _Reading) -> None:
        _READING.set(reading)
        if self.telling is not None:
            PURPOSE.set(SharedRead(organization_id=self.organization_id))
        due = reading.due
        reads = Reads(self.organization_id, self.known, self.jobs, self, with_trade=self.pacing is not None)
        if due[0].probe is None:
            self._walking = reads
        try:
            await reads.read(due, self.probes)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, with the error itself
            # A fault in somebody's probe is no reason to end the jobs that do not use it.
            self._end_some(self.jobs if due[0].probe is None else due, only_cause(error))
        finally:
            if self._walking is reads:
                self._walking = None
            self._read_ended(reading)

    def _read_ended(self, reading: _Reading) -> None:
        if reading.is_over:
            return
        reading.is_over = True
        for watched in reading.due:
            # Cut off before anything was told; what was told may be in another read by now.
            if watched.read_with is reading.due and watched in self.jobs:
                self._schedule(watched, Wait(watched.due_at, watched.decides), _now())

    def _cut_off(self) -> None:
        for read in self._reads:
            # Once: whoever tidies up because of the first would be cut off by another.
            if not read.cancelling():
                read.cancel()

    def tell(
        self,
        same: Iterable[Watched],
        marks: Mapping[SyncKind, str | None],
        *,
        asked_at: float,
        integration: Glimpse | None = None,
        shared: bool = False,
    ) -> None:
        """Tell jobs what a read showed; ``integration`` None when only a probe was read."""
        look = _look_at(asked_at)
        for watched in same:
            progress = watched.progress
            if watched not in self.jobs or not progress.is_watched_at(asked_at):
                continue
            unmoved = () if self.pacing is None else progress.unmoved_kinds
            found = integration is not None
            decision = progress.observed(marks, asked_at=asked_at, now=look.now, kinds=watched.kinds, found=found)
            if integration is not None and unmoved:
                self._learn(watched, integration, unmoved, look.now)
            watched.looked_at = asked_at
            at = look.now - progress.started_at
            self._told(watched, decision, Sighting(at=at, watermarks=marks, shared=shared), look)

    def tell_unmoved(
        self, found: Iterable[tuple[Watched, Glimpse]], *, asked_at: float
    ) -> Sequence[tuple[Watched, Glimpse]]:
        """Tell jobs that nothing is new; return those of which that is not true, who were told nothing.

        They must be watched here, each of them alone in watching its integration.
        """
        look, moved, put_off = _look_at(asked_at), list[tuple[Watched, Glimpse]](), list[Watched]()
        now, due, soonest = look.now, look.due, self._looks_at
        for one in found:
            watched, integration = one
            wait = None
            if not watched.watcher.sees_all:
                marks = integration.watermarks
                wait = watched.progress.unmoved(marks, asked_at=asked_at, now=now, kinds=watched.kinds)
            if wait is None:
                moved.append(one)
                continue
            watched.looked_at = asked_at
            if watched.hinted or watched.not_later_than < math.inf:
                self._goes_on(watched, wait, look)
            elif watched.read_with is None or watched.read_with is due:
                # As _put() does, which for each job of each read would take twice as long.
                until = wait.until
                watched.scheduled_at, watched.due_at, watched.decides, watched.read_with = (
                    now,
                    until,
                    wait.decides,
                    None,
                )
                put_off.append(watched)
                if until < soonest:  # noqa: PLR1730 - and min() three times
                    soonest = until
        self._queue.put_all(put_off)
        if soonest < self._looks_at:
            self._look_at(soonest)
        return moved

    def tell_error(self, watched: Watched, failure: ReadFailure, error: PackCloudError, *, asked_at: float) -> None:
        """Tell a job that a read failed, and what that means."""
        if watched not in self.jobs:
            return
        now = _now()
        progress, kinds = watched.progress, watched.kinds
        match failure:
            case ReadFailure.UNFOUND:
                decision = progress.unfound(error, asked_at=asked_at, now=now, kinds=kinds)
            case ReadFailure.REMOVED:
                decision = progress.removed(error, now=now)
            case ReadFailure.NO_ACCESS:
                decision = progress.refused_access(error, now=now, kinds=kinds)
            case ReadFailure.PASSING:
                decision = progress.failed(error, asked_at=asked_at, now=now, kinds=kinds)
            case _:
                assert_never(failure)
        self._told(watched, decision, Sighting(at=now - progress.started_at, error=error), _look_at(asked_at))

    def _learn(self, watched: Watched, integration: Glimpse, unmoved: Iterable[SyncKind], now: float) -> None:
        pacing, progress = self.pacing, watched.progress
        if pacing is None or not progress.is_measured or progress.watched_from is None:
            return
        not_yet = max(0.0, watched.looked_at - progress.watched_from)
        for kind in unmoved:
            state = progress.state_of(kind)
            # One that was joined, or may not have arrived, began who knows when.
            if state.steps and state.phase is Phase.ACCEPTED and state.error is None:
                pacing.learn(kind=kind, not_yet=not_yet, seen=now - progress.watched_from, **integration.trade)

    def _told(self, watched: Watched, decision: Decision, sighting: Sighting, look: _Look) -> None:
        watched.watcher.seen(watched, sighting)
        if not isinstance(decision, Done):
            self._goes_on(watched, decision, look)
        elif watched.progress.is_done:
            self._remove_all(watched)
            watched.watcher.ended(watched, None)
        else:
            # What other reads tell of this job is still to come.
            self._remove(watched)

    def _goes_on(self, watched: Watched, wait: Wait, look: _Look) -> None:
        if look.asked_at >= watched.not_later_than:
            watched.not_later_than = math.inf
        # One whose own read is another one waits for that.
        if watched.read_with is None or watched.read_with is look.due:
            if watched.hinted or watched.not_later_than < math.inf:
                wait = watched.as_hinted(wait, look.now)
            self._put(watched, wait, look.now)

    def _schedule(self, watched: Watched, wait: Wait, now: float) -> None:
        self._put(watched, watched.as_hinted(wait, now), now)

    def _put(self, watched: Watched, wait: Wait, now: float) -> None:
        until = wait.until
        watched.scheduled_at, watched.due_at, watched.decides = now, until, wait.decides
        watched.read_with = None
        self._queue.put(watched)
        if until < self._looks_at:
            self._look_at(until)

    def _remove_all(self, watched: Watched) -> None:
        if watched.following is None and self.jobs.first_of(watched.integration_id) is watched:
            # The usual one.
            self._remove(watched)
            return
        for one in list(self.jobs.of(watched.integration_id)):
            if one.progress is watched.progress:
                self._remove(one)

    def _remove(self, watched: Watched) -> None:
        self._queue.discard(watched)
        self.jobs.remove(watched)
        if not self.jobs and self._looks_at > -math.inf:
            self._look_at(-math.inf)


_NOTHING_EXPECTED: Mapping[SyncKind, Expectation] = {}
"""One for all jobs."""


def _look_at(asked_at: float) -> _Look:
    """Return what a read that was asked then, and runs here, tells at this moment."""
    reading = _READING.get()
    return _Look(asked_at, _now(), None if reading is None else reading.due)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _trade_of(integration: Integration) -> dict[str, str | None]:
    # The list of fields the API's pages print has no connector_id, which a creation takes; it may come all the same.
    connector_id = integration.extra.get("connector_id")
    return {
        "connector_id": connector_id if isinstance(connector_id, str) else None,
        "category": str(integration.category),
    }
