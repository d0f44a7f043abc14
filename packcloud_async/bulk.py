"""sync_many: many organizations at once, bounded, with results as they come.

1. One bad organization or integration is a result with an error, never an exception for the others.
2. No task per watched job: short tasks fire the syncs of an organization, then its one watch does the rest.
3. No new organization is begun while results nobody has taken pile up.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from attrs import define, evolve, field, frozen

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._io.tasks import only_cause, until_done
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.events import RetryDetails
from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async._sansio.token import OnConflict
from packcloud_async.calls import Integrations
from packcloud_async.errors import ClientStateError, ConfigurationError, PackCloudError, SyncError
from packcloud_async.models import Integration, SyncKind
from packcloud_async.policies import PollPolicy, Routes, check_instance, check_whole, path_segment
from packcloud_async.report import SyncReport, Tally
from packcloud_async.sync_job import AsyncSyncJob, JobClient, check_kinds
from packcloud_async.watch import Watch

T = TypeVar("T")

UNREAD_RESULTS_ALLOWED = 1_000


def _distinct(ids: Iterable[str] | None) -> tuple[str, ...] | None:
    if isinstance(ids, str):
        raise ConfigurationError(f"integration_ids must be an iterable of ids, such as [{ids!r}]")
    return None if ids is None else tuple(dict.fromkeys(ids))


def _kinds_or_none(kinds: Iterable[SyncKind | str] | None) -> tuple[SyncKind, ...] | None:
    return None if kinds is None else check_kinds(kinds)


@frozen
class SyncTarget:
    """What to sync in one organization.

    ``integration_ids`` None means every integration, whose listing is also the baseline. ``kinds`` None means
    the kinds given to ``sync_many``.
    """

    organization_id: str
    integration_ids: tuple[str, ...] | None = field(default=None, converter=_distinct)
    kinds: tuple[SyncKind, ...] | None = field(default=None, converter=_kinds_or_none)


Targets = Iterable[str | SyncTarget] | AsyncIterable[str | SyncTarget]


@define(eq=False)
class _RunClient:
    """The client as one run sees it: its own bound on calls under way, its own count of requests."""

    client: JobClient
    slots: asyncio.Semaphore
    requests_sent: int = 0

    @property
    def routes(self) -> Routes:
        return self.client.routes

    @property
    def base_url(self) -> str:
        return self.client.base_url

    def watch_of(self, organization_id: str) -> Watch:
        return self.client.watch_of(organization_id)

    async def call(self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False) -> T:
        async with self.slots:
            return await self.client.call(call, observer=_Counting(self, observer), once=once)


@define(eq=False)
class _Counting:
    """Counts what leaves, and passes on what it is told."""

    run: _RunClient
    inner: CallObserver | None

    async def leaving(self) -> None:
        self.run.requests_sent += 1
        if self.inner is not None:
            await self.inner.leaving()

    def harmless(self) -> None:
        if self.inner is not None:
            self.inner.harmless()

    def retrying(self, details: RetryDetails) -> None:
        if self.inner is not None:
            self.inner.retrying(details)


@frozen
class _End:
    """The last thing in the queue: how the run itself ended."""

    error: BaseException | None


_LEFT = _End(ClientStateError("the bulk run was left before it was finished"))


class SyncRun:
    """A bulk run: ``async with client.sync_many(...) as run: async for result in run``.

    Leaving the block early cancels what is under way and waits until nothing of it is left. The syncs at the
    server go on.
    """

    def __init__(
        self,
        client: JobClient,
        targets: Targets,
        *,
        kinds: Iterable[SyncKind | str] | None,
        poll: PollPolicy | None,
        on_conflict: OnConflict | str,
        max_organizations: int,
        max_in_flight: int,
    ) -> None:
        if isinstance(targets, str | SyncTarget):
            raise ConfigurationError(f"targets must be an iterable of organizations, such as [{targets!r}]")
        if not isinstance(targets, Iterable | AsyncIterable):
            raise ConfigurationError(f"targets must be an iterable of organizations, not {targets!r}")
        check_instance("poll", poll, PollPolicy)
        check_whole("max_organizations", max_organizations, 1)
        check_whole("max_in_flight", max_in_flight, 1)
        self._kinds = None if kinds is None else check_kinds(kinds)
        self._client = _RunClient(client, asyncio.Semaphore(max_in_flight))
        self._targets = targets
        self._poll = poll
        self._on_conflict = on_conflict
        self._max_organizations = max_organizations
        self._max_in_flight = max_in_flight
        self._tally = Tally()
        self._results: asyncio.Queue[SyncResult | _End] = asyncio.Queue()
        self._taken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._end: _End | None = None
        self._started_at = 0.0
        self._ended_at: float | None = None

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise ConfigurationError("a bulk run runs once; call sync_many again")
        loop = asyncio.get_running_loop()
        self._started_at = loop.time()
        # Owned by this block: __aexit__ cancels it and waits for its end.
        self._task = loop.create_task(self._run(), name="sync_many")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        try:
            await until_done(self._task)
        finally:
            if self._ended_at is None:
                # A task that is cancelled before its first step never runs, and so tells nobody of its end.
                self._ended_at = self._now()
                self._results.put_nowait(_LEFT)

    def __aiter__(self) -> AsyncIterator[SyncResult]:
        return self

    async def __anext__(self) -> SyncResult:
        if self._task is None:
            raise ConfigurationError("enter the run first: async with client.sync_many(...) as run")
        if self._end is None:
            item = await self._results.get()
            self._taken.set()
            if isinstance(item, SyncResult):
                return item
            self._end = item
            # Whoever else waits for a result is to see the end too.
            self._results.put_nowait(item)
            if item.error is not None:
                raise item.error
        raise StopAsyncIteration

    @property
    def report(self) -> SyncReport:
        """The numbers so far; final once the iteration has ended."""
        if self._task is None:
            now = self._started_at
        else:
            now = self._ended_at if self._ended_at is not None else asyncio.get_running_loop().time()
        return self._tally.report(
            requests_sent=self._client.requests_sent,
            elapsed=now - self._started_at,
            finished=self._end is not None and self._end.error is None,
        )

    async def _run(self) -> None:
        end = _LEFT
        try:
            await self._run_all()
            end = _End(None)
        except Exception as caught:  # noqa: BLE001 - the caller's iterable may raise anything; __anext__ raises it
            end = _End(only_cause(caught))
        finally:
            self._ended_at = self._now()
            self._results.put_nowait(end)

    async def _run_all(self) -> None:
        free = asyncio.Semaphore(self._max_organizations)
        async with _closing(self._targets) as targets, asyncio.TaskGroup() as organizations:
            async for target in targets:
                await free.acquire()
                await self._until_results_are_taken()
                task = organizations.create_task(self._run_target(target))
                task.add_done_callback(lambda _: free.release())

    async def _until_results_are_taken(self) -> None:
        while self._results.qsize() > UNREAD_RESULTS_ALLOWED:
            self._taken.clear()
            await self._taken.wait()

    async def _run_target(self, given: str | SyncTarget) -> None:
        self._tally.organizations += 1
        began_at = self._now()
        organization_id = given.organization_id if isinstance(given, SyncTarget) else given
        try:
            target = given if isinstance(given, SyncTarget) else SyncTarget(given)
            path_segment("organization_id", target.organization_id)
            # Held here so that what the listing learned is still known when the jobs are watched.
            watch = self._client.watch_of(target.organization_id)
            jobs = await self._jobs_of(target, watch)
        except Exception as error:  # noqa: BLE001 - one bad organization never stops the rest
            self._deliver(_without_outcome(organization_id, None, error, self._now() - began_at))
            return
        try:
            await self._run_jobs(jobs)
        finally:
            await watch.stop_if_idle()

    async def _jobs_of(self, target: SyncTarget, watch: Watch) -> list[AsyncSyncJob]:
        kinds = target.kinds or self._kinds
        if kinds is None:
            raise ConfigurationError(f"no kinds for {target.organization_id!r}: give sync_many or the target kinds=")
        if target.integration_ids is not None:
            baselines: list[tuple[str, Integration | None]] = [(id_, None) for id_ in target.integration_ids]
        else:
            baselines = [(i.id, i) for i in await self._list_all(watch)]
        jobs: list[AsyncSyncJob] = []
        for integration_id, baseline in baselines:
            try:
                job = AsyncSyncJob(
                    self._client,
                    target.organization_id,
                    integration_id,
                    kinds=kinds,
                    poll=self._poll,
                    on_conflict=self._on_conflict,
                    baseline=baseline,
                )
            except ConfigurationError as error:
                self._deliver(_without_outcome(target.organization_id, integration_id, error, 0.0))
            else:
                jobs.append(job)
        return jobs

    async def _list_all(self, watch: Watch) -> list[Integration]:
        found: dict[str, Integration] = {}
        count = 0
        async for page in Integrations(self._client, watch.organization_id).list().pages():
            count += 1
            # A list that shifts while it is read may show one integration on two pages.
            found.update((integration.id, integration) for integration in page.items)
        watch.pages = count
        return list(found.values())

    async def _run_jobs(self, jobs: list[AsyncSyncJob]) -> None:
        waiting = set(jobs)
        all_done = asyncio.Event()

        def done(job: AsyncSyncJob, result: SyncResult) -> None:
            if job in waiting:
                waiting.discard(job)
                self._deliver(result)
            if not waiting:
                all_done.set()

        try:
            await _for_each(jobs, lambda job: self._fire(job, done), at_once=self._max_in_flight)
            if waiting:
                await all_done.wait()
        finally:
            for job in waiting:
                await job.detach()

    async def _fire(self, job: AsyncSyncJob, done: Callable[[AsyncSyncJob, SyncResult], None]) -> None:
        began_at = self._now()
        try:
            await job.fire()
            job.watch_for(lambda: done(job, _result_of(job, self._now() - began_at)))
        except Exception as error:  # noqa: BLE001 - one bad integration never stops the rest
            done(job, _unfinished(job, error, self._now() - began_at))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _deliver(self, result: SyncResult) -> None:
        self._tally.add(result)
        self._results.put_nowait(result)


def _result_of(job: AsyncSyncJob, elapsed: float) -> SyncResult:
    try:
        return job.outcome_of_watch()
    except Exception as error:  # noqa: BLE001 - what ended the watch is told in the result
        return _unfinished(job, error, elapsed)


def _unfinished(job: AsyncSyncJob, error: Exception, elapsed: float) -> SyncResult:
    result = _without_outcome(job.organization_id, job.integration_id, error, elapsed)
    return evolve(result, kinds=job.outcomes)


def _without_outcome(organization_id: object, integration_id: object, error: Exception, elapsed: float) -> SyncResult:
    cause = only_cause(error)
    if isinstance(cause, PackCloudError):
        told = cause
    else:
        told = SyncError(f"unexpected {type(cause).__name__}")
        told.__cause__ = cause
    return SyncResult(
        organization_id=str(organization_id),
        integration_id=None if integration_id is None else str(integration_id),
        elapsed=elapsed,
        error=told,
    )


@asynccontextmanager
async def _closing(targets: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[AsyncIterator[T]]:
    """Iterate over targets of either kind, and close an async generator instead of leaving it to the collector."""
    if not isinstance(targets, AsyncIterable):
        yield _Steps(iter(targets))
        return
    iterator = aiter(targets)
    try:
        yield iterator
    finally:
        if isinstance(iterator, AsyncGenerator):
            await iterator.aclose()


@define
class _Steps(AsyncIterator[T]):
    """A plain iterator as an async one."""

    _steps: Iterator[T]

    async def __anext__(self) -> T:
        for step in self._steps:
            return step
        raise StopAsyncIteration


async def _for_each(items: Iterable[T], act: Callable[[T], Any], *, at_once: int) -> None:
    """Act on every item, so many at once, without a task for each."""
    waiting = list(items)
    supply: Iterator[T] = iter(waiting)

    async def work() -> None:
        for item in supply:
            await act(item)

    async with asyncio.TaskGroup() as workers:
        for _ in range(min(at_once, len(waiting))):
            workers.create_task(work())
