"""Watch: all jobs of one organization, read by one task, with shared reads.

1. A job joins with its progress machine and leaves when it is done or cancelled. The task starts with the first
   job and ends with the last; whoever joins while it ends starts it anew.
2. What is due is read together: one walk of the list, or single reads, whichever is fewer requests. A walk tells
   every watched integration it passes, due or not.
3. An integration that a walk did not show is read on its own, and one that a single read did not find is looked up
   in the list before it counts as gone: a lost endpoint or credential is not a deleted integration.
4. An answer tells nothing to a job that joined after it was asked.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import assert_never

from attrs import define, field

from packcloud_async._io.tasks import only_cause, until_done
from packcloud_async._sansio import endpoints
from packcloud_async._sansio.due import DueQueue
from packcloud_async._sansio.endpoints import ReadFailure
from packcloud_async._sansio.events import RetryDetails
from packcloud_async._sansio.outcomes import Sighting
from packcloud_async._sansio.planning import Walk, due_by, plan_reads
from packcloud_async._sansio.progress import Decision, Done, SyncProgress, Wait
from packcloud_async.calls import Caller, Integrations
from packcloud_async.errors import PackCloudError
from packcloud_async.models import Integration


@define(eq=False)
class Watched:
    """One job in a watch. Reads for it go through its own ``caller``.

    ``seen`` is called after each read with what it showed, ``retried`` before its own read is repeated, ``ended``
    once: with None when the machine is done, with the error when the watch cannot go on.
    """

    integration_id: str
    progress: SyncProgress
    caller: Caller
    next_read: Wait
    seen: Callable[[Sighting], None]
    retried: Callable[[RetryDetails], None]
    ended: Callable[[BaseException | None], None]


Group = Mapping[str, list[Watched]]
"""Jobs by the integration they watch."""


@define(eq=False)
class Watch:
    """The watched jobs of one organization.

    ``pages`` is the length of its list when last walked, None if never. ``singles_mislead`` is True once the list
    showed an integration that a single read had not found: from then on the list is read.
    """

    organization_id: str
    pages: int | None = None
    singles_mislead: bool = False
    _jobs: dict[str, list[Watched]] = field(factory=dict[str, list[Watched]], init=False)
    _queue: DueQueue[Watched] = field(factory=DueQueue[Watched], init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def is_idle(self) -> bool:
        """Whether no job is watched."""
        return not self._jobs

    def is_reading(self, watched: Watched) -> bool:
        """Whether a read for a job is under way."""
        return self._is_in(watched) and watched not in self._queue

    def join(self, watched: Watched) -> None:
        """Begin to read for a job."""
        self._jobs.setdefault(watched.integration_id, []).append(watched)
        self._schedule(watched, watched.next_read)
        self._start()

    async def leave(self, watched: Watched) -> None:
        """Stop reading for a job; the last one out waits until the task has ended."""
        self._remove(watched)
        await self.stop_if_idle()

    async def stop_if_idle(self) -> None:
        """Wait for the end of the task if no job is watched any more."""
        task = self._task
        if self.is_idle and task is not None and task is not asyncio.current_task():
            task.cancel()
            await until_done(task)

    def end(self, reason: BaseException) -> None:
        """Tell every job that it cannot go on."""
        for watched in self._everyone():
            self._remove(watched)
            watched.ended(reason)

    def _start(self) -> None:
        if self._task is None and self._jobs:
            # The one task without a group: leave() and the client's aclose() own it and wait for its end.
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"watch {self.organization_id}")
            self._task.add_done_callback(self._start_again)

    def _start_again(self, _: "asyncio.Task[None]") -> None:
        # Not at the end of _run(): a task that is cancelled before its first step never runs.
        self._task = None
        self._start()

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as reads:
                await self._start_reads(reads)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, with the error itself
            self.end(only_cause(error))

    async def _start_reads(self, reads: asyncio.TaskGroup) -> None:
        under_way: set[asyncio.Task[None]] = set()
        while self._jobs:
            self._changed.clear()
            now = asyncio.get_running_loop().time()
            wake_at = self._queue.next_due()
            if wake_at is not None and wake_at <= now:
                read = reads.create_task(self._read(self._queue.take(now)))
                under_way.add(read)
                read.add_done_callback(under_way.discard)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(wake_at):
                    await self._changed.wait()
        for read in under_way:
            # Read for jobs that left: nobody waits for it.
            read.cancel()

    async def _read(self, due: list[Watched]) -> None:
        try:
            await self._read_as_planned(due)
        finally:
            for watched in due:
                # Cut off before anything was told.
                if self._is_in(watched) and watched not in self._queue:
                    self._schedule(watched, watched.next_read)

    async def _read_as_planned(self, due: list[Watched]) -> None:
        wanted = _by_integration(due)
        plan = plan_reads(wanted, watched=len(self._jobs), pages=self.pages)
        if isinstance(plan, Walk) or self.singles_mislead:
            wanted = await self._walk(wanted)
        unfound: list[_Unfound] = []
        async with asyncio.TaskGroup() as singles:
            for integration_id, same in wanted.items():
                singles.create_task(self._read_one(integration_id, same, unfound))
        if unfound:
            await self._look_up(unfound)

    async def _walk(self, wanted: Group) -> Group:
        """Read the list until all wanted were seen; return those that want a single read."""
        everyone = _all_of(wanted)
        missing = dict(wanted)
        asked_at = asyncio.get_running_loop().time()
        try:
            await self._walk_until_seen(missing, everyone)
        except PackCloudError as error:
            if not _any_decides(everyone):
                # The next reads are single ones, because the length of the list is not known any more.
                self._tell_failed_list(_all_of(missing), error, asked_at)
                return {}
        return missing

    async def _walk_until_seen(self, missing: dict[str, list[Watched]], everyone: Collection[Watched]) -> None:
        """Tell what the list shows, page by page, and take it out of ``missing``."""
        caller = next(iter(everyone)).caller
        pages = Integrations(caller, self.organization_id).list().pages(once=not _any_decides(everyone))
        known, self.pages = self.pages, None
        count = 0
        while missing and not pages.at_the_end:
            asked_at = asyncio.get_running_loop().time()
            page = await anext(pages)
            count += 1
            for integration in page.items:
                self._tell_listed(integration, missing.pop(integration.id, []), asked_at)
        self.pages = count if pages.at_the_end else max(count, known or 0)

    async def _read_one(self, integration_id: str, same: list[Watched], unfound: "list[_Unfound]") -> None:
        """Read one integration; jobs for which it would now count as gone are put into ``unfound``."""
        caller = same[0].caller
        asked_at = asyncio.get_running_loop().time()
        call = endpoints.get_integration(caller.routes, self.organization_id, integration_id)
        try:
            integration = await caller.call(call, observer=_ReadObserver(same), once=not _any_decides(same))
        except PackCloudError as error:
            failure = endpoints.read_failure(error)
            gone = [watched for watched in same if _would_be_gone(watched.progress, failure, asked_at)]
            if gone:
                unfound.append(_Unfound(integration_id, gone, failure, error, asked_at))
            for watched in same:
                if watched not in gone:
                    self._tell_error(watched, failure, error, asked_at)
        else:
            self._tell(same, integration, asked_at)

    async def _look_up(self, unfound: "list[_Unfound]") -> None:
        """Ask the list once about all that single reads did not find."""
        missing = {one.integration_id: one.same for one in unfound}
        everyone = _all_of(missing)
        asked_at = asyncio.get_running_loop().time()
        try:
            await self._walk_until_seen(missing, everyone)
        except PackCloudError as error:
            self._tell_failed_list(_all_of(missing), error, asked_at)
            return
        self.singles_mislead = self.singles_mislead or len(missing) < len(unfound)
        for one in unfound:
            for watched in missing.get(one.integration_id, []):
                self._tell_error(watched, one.failure, one.error, one.asked_at)

    def _tell_listed(self, integration: Integration, due: Collection[Watched], asked_at: float) -> None:
        bystanders = [w for w in self._jobs.get(integration.id, []) if w in self._queue]
        self._tell([*due, *bystanders], integration, asked_at, shared=True)

    def _tell(
        self, same: Iterable[Watched], integration: Integration, asked_at: float, *, shared: bool = False
    ) -> None:
        now = asyncio.get_running_loop().time()
        marks = integration.watermarks
        for watched in same:
            progress = watched.progress
            if self._is_in(watched) and progress.is_watched_at(asked_at):
                decision = progress.observed(marks, asked_at=asked_at, now=now)
                at = now - progress.started_at
                self._told(watched, decision, Sighting(at=at, watermarks=marks, shared=shared))

    def _tell_failed_list(self, same: Iterable[Watched], error: PackCloudError, asked_at: float) -> None:
        failure = endpoints.list_failure(error)
        for watched in same:
            self._tell_error(watched, failure, error, asked_at)

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
        now = asyncio.get_running_loop().time()
        self._queue.put(watched, due_at=wait.until, from_=wait.until if wait.decides else due_by(now, wait.until))
        self._changed.set()

    def _is_in(self, watched: Watched) -> bool:
        return watched in self._jobs.get(watched.integration_id, ())

    def _everyone(self) -> Collection[Watched]:
        return _all_of(self._jobs)

    def _remove(self, watched: Watched) -> None:
        same = self._jobs.get(watched.integration_id, [])
        if watched in same:
            same.remove(watched)
        if not same:
            self._jobs.pop(watched.integration_id, None)
        self._queue.discard(watched)
        self._changed.set()


@define
class _ReadObserver:
    """Tells the jobs of a read that it is repeated."""

    same: list[Watched]

    async def leaving(self) -> None:
        pass

    def harmless(self) -> None:
        pass

    def retrying(self, details: RetryDetails) -> None:
        for watched in self.same:
            watched.retried(details)


@define
class _Unfound:
    """An integration that a single read did not find, and the jobs for which it would now count as gone."""

    integration_id: str
    same: list[Watched]
    failure: ReadFailure
    error: PackCloudError
    asked_at: float


def _would_be_gone(progress: SyncProgress, failure: ReadFailure, asked_at: float) -> bool:
    return failure is ReadFailure.REMOVED or (failure is ReadFailure.UNFOUND and progress.ends_if_unfound(asked_at))


def _by_integration(due: Iterable[Watched]) -> Group:
    grouped: dict[str, list[Watched]] = {}
    for watched in due:
        grouped.setdefault(watched.integration_id, []).append(watched)
    return grouped


def _all_of(group: Group) -> list[Watched]:
    return [watched for same in group.values() for watched in same]


def _any_decides(same: Iterable[Watched]) -> bool:
    return any(watched.next_read.decides for watched in same)
