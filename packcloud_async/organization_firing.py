"""OrganizationFiring: the jobs of one organization, from their start to where they can be watched.

1. The usual job has its baseline, and nobody else fires the same: its POSTs take turns with those of all other
   organizations, and are sent by the senders of the run. It needs no task.
2. Any other job may have to read or to wait before it can send anything: it has a task of its own until it is fired.
   One of a ledger that has nothing to send is watched at once.
3. Only a few POSTs of an organization ask for a turn at once: what is kept of the others is where they come in order.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from math import ceil
from typing import Protocol

from attrs import define, field

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._io.signal import Signal
from packcloud_async._io.turns import Ask, Turn
from packcloud_async._sansio.endpoints import Call, Urgency
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async.errors import LedgerError
from packcloud_async.firing import Firing, settle_what_was_cut_off
from packcloud_async.flights import Fired
from packcloud_async.job_telling import JobTelling
from packcloud_async.models import SyncAccepted, SyncKind
from packcloud_async.recorder import JobLine, Recorder
from packcloud_async.run_context import Counting, OrganizationClient, RunContext
from packcloud_async.watch import Watch

TAKEN_UP_AT_ONCE = 100
"""So many recorded jobs are taken up before the loop may do something else."""


@define(eq=False)
class Start:
    """A job to be started, or gone on with when ``recorded``.

    ``number`` is its number in the ledger, 0 for none; ``page`` is where the listing showed it, 0 for nowhere.
    """

    integration_id: str
    progress: SyncProgress
    has_baseline: bool
    recorded: bool = False
    number: int = 0
    page: int = 0


class FiringEnd(Protocol):
    """Who is told that a job is fired."""

    def telling_of(self, start: Start) -> JobTelling | None:
        """Return who tells of a job that is to be fired; None when there are no hooks."""
        ...

    def fired(self, watch: Watch, start: Start, line: JobLine, failure: Exception | None) -> None:
        """Every POST has come to something, or ``failure`` is why they do not."""
        ...


@define(eq=False)
class OrganizationFiring:
    """Fires the jobs of one organization, in their order."""

    run: RunContext
    client: OrganizationClient
    watch: Watch
    recorder: Recorder
    end: FiringEnd
    # The next one last.
    _starts: list[Start] = field(factory=list[Start], init=False)
    _posts: list["_Post"] = field(factory=list["_Post"], init=False)
    _asked: deque[Ask] = field(factory=deque[Ask], init=False)
    _alone: deque[Start] = field(factory=deque[Start], init=False)
    _asked_alone: deque[Ask] = field(factory=deque[Ask], init=False)
    _held: list[Fired] = field(factory=list[Fired], init=False)
    _tasks: asyncio.TaskGroup = field(factory=asyncio.TaskGroup, init=False)
    _under_way: set["_Job"] = field(factory=set["_Job"], init=False)
    _moved: Signal = field(factory=Signal, init=False)
    _most_asked: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        # Who asks for one turn at a time gets no more of them, whatever its weight.
        self._most_asked = 1 + ceil(self.client.target.weight)

    async def fire_all(self, starts: list[Start]) -> None:
        """Fire every job, taking it out of the list; return when none is left and none is under way."""
        self._starts = [start for start in reversed(starts) if start.has_baseline and not start.recorded]
        self._alone = deque(start for start in starts if not start.has_baseline and not start.recorded)
        try:
            async with self._tasks:
                recorded = [start for start in starts if start.recorded]
                starts.clear()
                await self._take_up(recorded)
                await self.run.results.until_taken()
                self._ask_ahead_alone()
                while self._is_busy:
                    self._ask_ahead()
                    await self._moved.wait()
                    self._moved.clear()
                    await self.run.results.until_taken()
        finally:
            self._give_up()

    async def _take_up(self, recorded: Sequence[Start]) -> None:
        """Watch what was sent by an earlier process, before anything is sent that may be the same."""
        for number, start in enumerate(recorded, 1):
            progress = start.progress
            settle_what_was_cut_off(progress)
            if progress.unsent:
                self._alone.append(start)
                self._held.append(self.watch.flights.hold(start.integration_id, progress, keeps=self.watch))
            else:
                line = self._line_of(start)
                if line.telling is not None:
                    line.telling.begin()
                self.end.fired(self.watch, start, line, None)
            if number % TAKEN_UP_AT_ONCE == 0:
                await asyncio.sleep(0)
                await self.run.results.until_taken()

    @property
    def _is_busy(self) -> bool:
        return bool(self._starts or self._posts or self._under_way or self._alone)

    def _give_up(self) -> None:
        for ask in self._asked:
            self.run.slots.give_up(ask)
        for ask in self._asked_alone:
            self.run.firing.give_up(ask)
        self._held.clear()
        while self._under_way:
            self._under_way.pop().firing.end_alone(self.watch)

    def _ask_ahead(self) -> None:
        if self.run.senders.is_closed:
            # A turn that comes at once would be given back at once, and be asked for again.
            return
        asked = self._asked
        while len(asked) < self._most_asked and len(asked) < len(self._starts) + len(self._posts):
            if len(asked) >= len(self._posts) and self.run.results.piles_up:
                # Asked for again when they are taken.
                self._moved.set()
                return
            asked.append(ask := Ask(self._begin))
            self.run.slots.add(ask, self.watch.organization_id, Urgency.ACT, self.client.target.weight)

    def _begin(self, turn: Turn) -> None:
        self._asked.popleft()
        if not self._posts and self.run.results.piles_up:
            # Asked for again when they are taken.
            turn.end()
            self._moved.set()
            return
        if self.run.senders.is_closed or (post := self._next_post()) is None:
            turn.end()
            return
        post.turn = turn
        self.run.senders.send(post)
        self._ask_ahead()

    def _next_post(self) -> "_Post | None":
        while not self._posts:
            if not self._starts:
                return None
            self._posts = self._posts_of(self._starts.pop())
        return self._posts.pop()

    def _posts_of(self, start: Start) -> list["_Post"]:
        """Begin a job, and return its POSTs, the first one last; none if it has to be fired alone."""
        firing, line = self._firing_of(start)
        kinds = firing.begin_alone(self.watch)
        if not kinds:
            self._alone.append(start)
            self._ask_ahead_alone()
            return []
        if line.telling is not None:
            line.telling.begin()
        job = _Job(self, start, firing, line, len(kinds))
        self._under_way.add(job)
        return [_Post(job, kind) for kind in reversed(kinds)]

    def _firing_of(self, start: Start) -> tuple[Firing, JobLine]:
        progress = start.progress
        if not start.recorded:
            # Until here it only waited for its turn.
            progress.started_at = asyncio.get_running_loop().time()
        line = self._line_of(start)
        on_conflict = self.run.on_conflict
        return Firing(self.client, self.watch.organization_id, start.integration_id, progress, on_conflict, line), line

    def _line_of(self, start: Start) -> JobLine:
        telling = self.end.telling_of(start)
        return JobLine(self.recorder, start.integration_id, start.progress, start.number, telling)

    def _ask_ahead_alone(self) -> None:
        while len(self._asked_alone) < min(len(self._alone), self._most_asked):
            self._asked_alone.append(ask := Ask(self._begin_alone))
            self.run.firing.add(ask, self.watch.organization_id, Urgency.ACT, self.client.target.weight)

    def _begin_alone(self, turn: Turn) -> None:
        turn.leave()
        self._asked_alone.popleft()
        fire = self._fire_alone(self._alone.popleft())
        try:
            self._tasks.create_task(fire).add_done_callback(turn.end_with)
        except RuntimeError:
            # The group is being left.
            fire.close()
            turn.end()
        self._ask_ahead_alone()
        if not self._alone:
            self._moved.set()

    async def _fire_alone(self, start: Start) -> None:
        await self.run.results.until_taken()
        firing, line = self._firing_of(start)
        if line.telling is not None:
            line.telling.begin_task()
        try:
            if not start.has_baseline:
                await firing.take_baseline(None)
            if start.progress.unsent:
                await firing.post_all()
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - one bad integration never stops the rest
            self.end.fired(self.watch, start, line, error)
        else:
            self.end.fired(self.watch, start, line, None)

    def is_fired(self, job: "_Job") -> None:
        """Tell what became of a job of which nothing is under way any more."""
        if job not in self._under_way:
            # The organization was left meanwhile.
            return
        self._under_way.remove(job)
        job.firing.end_alone(self.watch)
        failure = next(iter(job.firing.troubles), None)
        if isinstance(failure, LedgerError):
            raise failure
        self.end.fired(self.watch, job.start, job.line, failure)
        if not self._is_busy:
            self._moved.set()


@define(eq=False)
class _Job:
    """A job whose POSTs are under way; ``left`` counts those that have not come to something."""

    organization: OrganizationFiring
    start: Start
    firing: Firing
    line: JobLine
    left: int


@define(eq=False)
class _Post:
    """One POST of a job: what the senders of the run send."""

    job: _Job
    kind: SyncKind
    turn: Turn | None = None

    async def send(self) -> None:
        job = self.job
        try:
            await job.firing.post(self.kind, job.organization.watch, self._call)
        except Exception as error:  # noqa: BLE001 - one bad integration never stops the rest
            job.firing.troubles.insert(0, error)
        job.left -= 1
        if not job.left:
            job.organization.is_fired(job)

    def over(self) -> None:
        assert self.turn is not None
        self.turn.end()

    async def _call(self, call: Call[SyncAccepted], *, observer: CallObserver | None = None) -> SyncAccepted:
        run = self.job.organization.run
        assert self.turn is not None
        sending = run.client.call(call, observer=Counting(run, self.turn, observer))
        telling = self.job.line.telling
        return await (sending if telling is None else telling.for_it(sending))
