"""Watch: all jobs of one organization, read by one task, with shared reads.

1. A job joins with its progress machine and leaves when it is done or cancelled. The task starts with the first
   job and ends with the last.
2. What is due is read together: one walk of the list, or single reads, whichever is fewer requests. A walk tells
   every watched integration it passes, due or not.
3. An integration that a walk did not show is read on its own before anything is concluded.
4. When every watched integration is "not found" at once, the list is asked whether the organization still
   answers: a lost endpoint or credential is not a deleted integration.
"""

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable, Collection, Iterable
from typing import assert_never

from attrs import define, field

from packcloud_async._sansio import endpoints
from packcloud_async._sansio.endpoints import ReadFailure
from packcloud_async._sansio.outcomes import Sighting
from packcloud_async._sansio.planning import Singles, Walk, due_by, plan_reads
from packcloud_async._sansio.progress import Decision, Done, SyncProgress, Wait
from packcloud_async.calls import Caller, Integrations
from packcloud_async.errors import PackCloudError
from packcloud_async.models import Integration


@define(eq=False)
class Watched:
    """One job in a watch. Reads for it go through its own ``caller``.

    ``seen`` is called after each read with what it showed; ``ended`` once: with None when the machine is done,
    with the error when the watch cannot go on.
    """

    integration_id: str
    progress: SyncProgress
    caller: Caller
    next_read: Wait
    seen: Callable[[Sighting], None]
    ended: Callable[[BaseException | None], None]
    in_flight: bool = field(default=False, init=False)
    unfound: bool = field(default=False, init=False)
    ticket: int = field(default=0, init=False)


@define(eq=False)
class Watch:
    """The watched jobs of one organization. ``pages`` is the length of its list when last walked, None if never."""

    organization_id: str
    pages: int | None = None
    _entries: dict[str, list[Watched]] = field(factory=dict[str, list[Watched]], init=False)
    _due: list[tuple[float, int, Watched]] = field(factory=list[tuple[float, int, Watched]], init=False)
    _slack: list[tuple[float, int, Watched]] = field(factory=list[tuple[float, int, Watched]], init=False)
    _tickets: "itertools.count[int]" = field(factory=lambda: itertools.count(1), init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def is_idle(self) -> bool:
        """Whether no job is watched."""
        return not self._entries

    def join(self, watched: Watched) -> None:
        """Begin to read for a job."""
        self._entries.setdefault(watched.integration_id, []).append(watched)
        self._schedule(watched, watched.next_read)
        if self._task is None:
            # The one task without a group: leave() and aclose() are its owners and wait for its end.
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"watch {self.organization_id}")

    async def leave(self, watched: Watched) -> None:
        """Stop reading for a job; the last one out waits until the task has ended."""
        self._remove(watched)
        if self.is_idle:
            await self._stop()

    async def aclose(self, reason: BaseException) -> None:
        """End every job with ``reason`` and stop."""
        self._end_all(reason)
        await self._stop()

    async def _stop(self) -> None:
        task = self._task
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        try:
            while self._entries:
                async with asyncio.TaskGroup() as reads:
                    await self._start_reads(reads)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, with the error itself
            self._end_all(only_cause(error))
        finally:
            self._task = None

    async def _start_reads(self, reads: asyncio.TaskGroup) -> None:
        while self._entries:
            self._changed.clear()
            now = asyncio.get_running_loop().time()
            wake_at = self._next_due()
            if wake_at is not None and wake_at <= now:
                reads.create_task(self._read(self._take_due(now)))
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(wake_at):
                    await self._changed.wait()

    async def _read(self, due: list[Watched]) -> None:
        plan = plan_reads([watched.integration_id for watched in due], watched=len(self._entries), pages=self.pages)
        by_id: dict[str, list[Watched]] = {}
        for watched in due:
            by_id.setdefault(watched.integration_id, []).append(watched)
        match plan:
            case Walk():
                by_id = await self._walk(by_id)
            case Singles():
                pass
            case _:
                assert_never(plan)
        async with asyncio.TaskGroup() as singles:
            for same in by_id.values():
                singles.create_task(self._read_one(same))

    async def _walk(self, wanted: dict[str, list[Watched]]) -> dict[str, list[Watched]]:
        """Read the list until all wanted were seen; return those it did not show."""
        missing = dict(wanted)
        everyone = [watched for same in wanted.values() for watched in same]
        first = everyone[0].caller
        pages = Integrations(first, self.organization_id).list().pages(once=not _any_decides(everyone))
        count = 0
        while missing and not pages.at_the_end:
            asked_at = asyncio.get_running_loop().time()
            try:
                page = await anext(pages)
            except PackCloudError as error:
                # A list that fails must not blind the watch: the next reads are single ones.
                self.pages = None
                self._tell_failure([w for same in missing.values() for w in same], error, asked_at)
                return {}
            count += 1
            for integration in page.items:
                self._tell_seen(integration, missing.pop(integration.id, []), asked_at)
        self.pages = count if pages.at_the_end else max(count, self.pages or 0)
        return missing

    async def _read_one(self, same: list[Watched]) -> None:
        first = same[0]
        asked_at = asyncio.get_running_loop().time()
        call = endpoints.get_integration(first.caller.routes, self.organization_id, first.integration_id)
        try:
            integration = await first.caller.call(call, once=not _any_decides(same))
        except PackCloudError as error:
            await self._judge(same, error, asked_at)
        else:
            self._tell(same, integration, asked_at)

    async def _judge(self, same: list[Watched], error: PackCloudError, asked_at: float) -> None:
        failure = endpoints.read_failure(error)
        for watched in same:
            watched.unfound = failure in {ReadFailure.UNFOUND, ReadFailure.REMOVED}
        if all(watched.unfound for watched in self._everyone()):
            try:
                page = await same[0].caller.call(
                    endpoints.list_integrations(same[0].caller.routes, self.organization_id), once=True
                )
            except PackCloudError as list_error:
                self._tell_failure(same, list_error, asked_at)
                return
            listed = [integration for integration in page.items if integration.id == same[0].integration_id]
            if listed:
                self._tell(same, listed[0], asked_at)
                return
        for watched in same:
            self._tell_error(watched, failure, error, asked_at)

    def _tell_seen(self, integration: Integration, due: Collection[Watched], asked_at: float) -> None:
        bystanders = [w for w in self._entries.get(integration.id, []) if not w.in_flight]
        self._tell([*due, *bystanders], integration, asked_at, shared=True)

    def _tell(
        self, same: Iterable[Watched], integration: Integration, asked_at: float, *, shared: bool = False
    ) -> None:
        now = asyncio.get_running_loop().time()
        marks = integration.watermarks
        for watched in same:
            if self._is_in(watched):
                watched.unfound = False
                decision = watched.progress.observed(marks, asked_at=asked_at, now=now)
                at = now - watched.progress.started_at
                self._told(watched, decision, Sighting(at=at, watermarks=marks, shared=shared))

    def _tell_failure(self, same: Iterable[Watched], error: PackCloudError, asked_at: float) -> None:
        """Tell a failed read that says nothing about a single integration."""
        failure = endpoints.read_failure(error)
        for watched in same:
            told = failure if failure is ReadFailure.NO_ACCESS else ReadFailure.PASSING
            self._tell_error(watched, told, error, asked_at)

    def _tell_error(self, watched: Watched, failure: ReadFailure, error: PackCloudError, asked_at: float) -> None:
        if not self._is_in(watched):
            return
        now = asyncio.get_running_loop().time()
        progress = watched.progress
        match failure:
            case ReadFailure.UNFOUND:
                decision = progress.unfound(error, asked_at=asked_at, now=now)
            case ReadFailure.REMOVED:
                decision = progress.removed(error, now=now)
            case ReadFailure.NO_ACCESS:
                decision = progress.refused_access(error, now=now)
            case ReadFailure.PASSING:
                decision = progress.failed(error, asked_at=asked_at, now=now)
            case _:
                assert_never(failure)
        self._told(watched, decision, Sighting(at=now - progress.started_at, error=error))

    def _told(self, watched: Watched, decision: Decision, sighting: Sighting) -> None:
        watched.in_flight = False
        watched.seen(sighting)
        match decision:
            case Done():
                self._remove(watched)
                watched.ended(None)
            case Wait():
                self._schedule(watched, decision)
            case _:
                assert_never(decision)

    def _schedule(self, watched: Watched, wait: Wait) -> None:
        watched.next_read = wait
        watched.ticket = next(self._tickets)
        now = asyncio.get_running_loop().time()
        early = wait.until if wait.decides else due_by(now, wait.until)
        heapq.heappush(self._due, (wait.until, watched.ticket, watched))
        heapq.heappush(self._slack, (early, watched.ticket, watched))
        self._changed.set()

    def _next_due(self) -> float | None:
        while self._due and not self._is_current(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def _take_due(self, now: float) -> list[Watched]:
        due: list[Watched] = []
        while self._slack and self._slack[0][0] <= now:
            item = heapq.heappop(self._slack)
            if self._is_current(item):
                item[2].in_flight = True
                due.append(item[2])
        return due

    def _is_current(self, item: tuple[float, int, Watched]) -> bool:
        _, ticket, watched = item
        return watched.ticket == ticket and not watched.in_flight and self._is_in(watched)

    def _is_in(self, watched: Watched) -> bool:
        return watched in self._entries.get(watched.integration_id, ())

    def _everyone(self) -> Iterable[Watched]:
        return [watched for same in self._entries.values() for watched in same]

    def _remove(self, watched: Watched) -> None:
        same = self._entries.get(watched.integration_id, [])
        if watched in same:
            same.remove(watched)
        if not same:
            self._entries.pop(watched.integration_id, None)
        watched.in_flight = False
        self._changed.set()

    def _end_all(self, reason: BaseException) -> None:
        for watched in self._everyone():
            self._remove(watched)
            watched.ended(reason)


def _any_decides(same: Iterable[Watched]) -> bool:
    return any(watched.next_read.decides for watched in same)


def only_cause(error: BaseException) -> BaseException:
    """Take an error out of the groups that task groups wrap it in, as long as it is alone in them."""
    causes: tuple[BaseException, ...] = (error,)
    while len(causes) == 1:
        error = causes[0]
        causes = getattr(error, "exceptions", ())
    return error
