"""Reads: how what is due is read, in the fewest requests.

1. What is due together is read by one walk of the list or by single reads, whichever is fewer requests. A walk tells
   every watched integration it passes, due or not.
2. An integration that a walk did not show is read on its own, and one that a single read did not find is looked up
   in the list before it counts as gone: a lost endpoint or credential is not a deleted integration.
3. Of integrations only ids and watermarks are read: what is wrong elsewhere in them tells nothing of a sync.
4. A walk that waits for its turn reads for whatever becomes due meanwhile too: when it leaves, it is the newest look
   there can be.
5. What a probe reads is read together, as the probe decides. The services of an integration that is gone are gone
   too, and that looks like news: it is told once the integration itself was read.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from attrs import Factory, define, field, frozen

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._sansio import answers, endpoints
from packcloud_async._sansio.answers import ReadFailure
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.glimpse import Glimpse
from packcloud_async._sansio.list_knowledge import ListKnowledge
from packcloud_async._sansio.paging import DEFAULT_MAX_PAGES
from packcloud_async._sansio.planning import Walk, goes_on, plan_reads
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.calls import Caller, Listing, T
from packcloud_async.errors import ConfigurationError, InvalidResponse, PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.policies import Routes
from packcloud_async.probes import Probe, ask
from packcloud_async.watched import Group, Watched, WatchedJobs, all_of, any_decides, by_integration

TOLD_AT_ONCE = 100
"""Of so many integrations of one page the jobs are told before the loop may do something else."""


class Telling(Protocol):
    """Who is told what a read showed."""

    def tell(
        self,
        same: Iterable[Watched],
        marks: Mapping[SyncKind, str | None],
        *,
        asked_at: float,
        integration: Glimpse | None = None,
        shared: bool = False,
    ) -> None:
        """Tell jobs what a read showed."""
        ...

    def tell_error(self, watched: Watched, failure: ReadFailure, error: PackCloudError, *, asked_at: float) -> None:
        """Tell a job that a read failed."""
        ...


@define
class Reads:
    """The reads of one moment in one organization; ``with_trade`` when somebody learns from them."""

    organization_id: str
    known: ListKnowledge
    jobs: WatchedJobs
    watch: Telling
    with_trade: bool
    _news: dict[str, Mapping[SyncKind, str]] = field(factory=dict[str, Mapping[SyncKind, str]], init=False)
    _waiting: "_Waiting | None" = field(default=None, init=False)

    def take_along(self, part: list[Watched]) -> bool:
        """Read for these as well, if a walk still waits for its turn; False if they have to be read without it."""
        waiting = self._waiting
        # A read that ends a window is repeated when it fails, and this one may not be.
        if waiting is None or any_decides(part) or any(one.watcher.caller is not waiting.caller for one in part):
            return False
        for watched in part:
            watched.read_with = waiting.due
            # Who left and came back meanwhile is in it already.
            if watched not in waiting.everyone:
                waiting.everyone.add(watched)
                waiting.due.append(watched)
                waiting.missing.setdefault(watched.integration_id, []).append(watched)
        return True

    def leaves(self) -> None:
        """Tell that the walk waits no more."""
        self._waiting = None

    async def read(self, due: list[Watched], probes: Mapping[SyncKind, Probe]) -> None:
        """Read for jobs that are all read the same way: by one probe, or by their integration."""
        kind = due[0].probe
        if kind is None:
            await self._read_integrations(due)
        elif kind in probes:
            await self._read_probe(kind, probes[kind], due)
        else:
            missing = ConfigurationError(
                f"no probe for {kind.value}, which read the baseline: give PackCloudClient probes="
            )
            for watched in due:
                # No later read can succeed either.
                self.watch.tell_error(watched, ReadFailure.NO_ACCESS, missing, asked_at=_now())

    async def _read_probe(self, kind: SyncKind, probe: Probe, due: list[Watched]) -> None:
        wanted = by_integration(due)
        caller = due[0].watcher.caller
        asked_at = _now()
        try:
            shown = await ask(probe, caller if any_decides(due) else _Once(caller), self.organization_id, wanted)
        except PackCloudError as error:
            self._tell_failed_list(due, error, asked_at)
            return
        for integration_id, same in wanted.items():
            if (text := shown.get(integration_id)) is None:
                missing = InvalidResponse("a probe did not show an integration it was asked for", path="$")
                self._tell_failed_list(same, missing, asked_at)
            elif any(watched.progress.would_be_news(kind, text) for watched in same):
                self._news[integration_id] = {kind: text}
            else:
                self.watch.tell(same, {kind: text}, asked_at=asked_at, shared=len(wanted) > 1)
        if self._news:
            await self._read_integrations(all_of({id_: wanted[id_] for id_ in self._news}))

    async def _read_integrations(self, due: list[Watched]) -> None:
        wanted: Group = by_integration(due)
        plan = plan_reads(
            wanted, watched=len(self.jobs), pages=self.known.pages, page_of=lambda id_: _page_of(wanted[id_])
        )
        if isinstance(plan, Walk) or self.known.singles_mislead:
            wanted = await self._walk(wanted, due)
        else:
            self.known.read_without()
        unfound: list[_Unfound] = []
        if len(wanted) == 1:
            ((integration_id, same),) = wanted.items()
            await self._read_one(integration_id, same, unfound)
        elif wanted:
            async with asyncio.TaskGroup() as singles:
                for integration_id, same in wanted.items():
                    singles.create_task(self._read_one(integration_id, same, unfound))
        if unfound:
            await self._look_up(unfound)

    async def _walk(self, wanted: Group, due: list[Watched]) -> Group:
        """Read the list until all wanted were seen; return those that want a single read."""
        everyone = all_of(wanted)
        missing = dict(wanted)
        asking = _Asking(self, _now())
        self._waiting = _Waiting(everyone[0].watcher.caller, due, missing, set(due))
        try:
            await self._walk_until_seen(missing, everyone, asking, thrifty=not self.known.singles_mislead)
        except PackCloudError as error:
            if not any_decides(everyone):
                # The next reads are single ones, because the list is not relied upon for now.
                self._tell_failed_list(all_of(missing), error, asking.planned_at)
                return {}
        finally:
            self._waiting = None
        return missing

    async def _walk_until_seen(
        self,
        missing: dict[str, list[Watched]],
        everyone: Collection[Watched],
        asking: "_Asking",
        *,
        thrifty: bool = False,
    ) -> None:
        """Tell what the list shows, page by page, and take it out of ``missing``.

        A ``thrifty`` walk ends as soon as single reads of what is missing are fewer requests than going on.
        """
        before = self.known.walking()
        try:
            length = await self._walk_pages(missing, everyone, asking, before, thrifty=thrifty)
        except BaseException:
            self.known.walk_failed(before)
            raise
        self.known.walked(length)

    async def _walk_pages(
        self,
        missing: dict[str, list[Watched]],
        everyone: Collection[Watched],
        asking: "_Asking",
        before: int | None,
        *,
        thrifty: bool,
    ) -> int:
        """Read page by page; return how many there are at least."""
        caller = next(iter(everyone)).watcher.caller
        call = endpoints.poll_integrations(caller.routes, self.organization_id, with_trade=self.with_trade)
        listing = Listing(caller, call, DEFAULT_MAX_PAGES)
        pages = listing.pages(once=not any_decides(everyone), observer=asking)
        others = len(self.jobs) > len(missing)
        count = 0
        while missing and not pages.at_the_end:
            expected = map(_page_of, missing.values())
            if thrifty and count and not goes_on(expected, read=count, pages=before, others=others):
                break
            page = await anext(pages)
            count += 1
            for number, integration in enumerate(page.items, 1):
                self._tell_found(integration, missing.pop(integration.id, []), asking.asked_at, page=count)
                if number % TOLD_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return count if pages.at_the_end else max(count, before or 0)

    def _tell_found(
        self, integration: Glimpse, due: Collection[Watched], asked_at: float, *, page: int | None = None
    ) -> None:
        """Tell what a read showed to those it was made for, and to everybody else who watches the integration.

        ``page`` is that of the list, None for a single read.
        """
        first = self.jobs.first_of(integration.id)
        # Who asked for one integration is told whatever the answer calls it.
        is_for_it_alone = not due or (len(due) == 1 and first in due)
        if first is None and not due:
            return
        marks, news = integration.watermarks, self._news.get(integration.id)
        if first is not None and is_for_it_alone and first.following is None and news is None and first.probe is None:
            # The usual one, without lists.
            first.page = first.page if page is None else page
            self.watch.tell((first,), marks, asked_at=asked_at, integration=integration, shared=page is not None)
            return
        bystanders = [w for w in self.jobs.of(integration.id) if w.probe is None and w not in due]
        for told, shown in (due, marks if news is None else {**marks, **news}), (bystanders, marks):
            for watched in told:
                watched.page = watched.page if page is None else page
            self.watch.tell(told, shown, asked_at=asked_at, integration=integration, shared=page is not None)

    async def _read_one(self, integration_id: str, same: list[Watched], unfound: "list[_Unfound]") -> None:
        """Read one integration; jobs for which it would now count as gone are put into ``unfound``."""
        caller = same[0].watcher.caller
        asking, decides = _AskingOne(same, _now()), any_decides(same)
        call = endpoints.poll_integration(
            caller.routes, self.organization_id, integration_id, with_trade=self.with_trade
        )
        try:
            integration = await caller.call(call, observer=asking, once=not decides)
        except PackCloudError as error:
            failure = answers.read_failure(error)
            # Made without retries it is no last look, however long it waited for its turn.
            asked_at = asking.asked_at if decides else asking.planned_at
            gone = [watched for watched in same if _would_be_gone(watched.progress, failure, asked_at)]
            if gone:
                unfound.append(_Unfound(integration_id, gone, failure, error, asked_at))
            for watched in same:
                if watched not in gone:
                    self.watch.tell_error(watched, failure, error, asked_at=asked_at)
        else:
            self._tell_found(integration, same, asking.asked_at)

    async def _look_up(self, unfound: "list[_Unfound]") -> None:
        """Ask the list once about all that single reads did not find."""
        missing = {one.integration_id: one.same for one in unfound}
        everyone = all_of(missing)
        asking = _Asking(self, _now())
        try:
            await self._walk_until_seen(missing, everyone, asking)
        except PackCloudError as error:
            decides = any_decides(everyone)
            self._tell_failed_list(all_of(missing), error, asking.asked_at if decides else asking.planned_at)
            return
        self.known.singles_mislead = self.known.singles_mislead or len(missing) < len(unfound)
        for one in unfound:
            for watched in missing.get(one.integration_id, []):
                self.watch.tell_error(watched, one.failure, one.error, asked_at=one.asked_at)

    def _tell_failed_list(self, same: Iterable[Watched], error: PackCloudError, asked_at: float) -> None:
        failure = answers.list_failure(error)
        for watched in same:
            self.watch.tell_error(watched, failure, error, asked_at=asked_at)


@frozen
class _Waiting:
    """A walk that waits for its turn: what it reads for, by what is due and by what was not shown yet."""

    caller: Caller
    due: list[Watched]
    missing: dict[str, list[Watched]]
    everyone: set[Watched]


def _planned_at(asking: Any) -> float:
    planned_at: float = asking.planned_at
    return planned_at


@define
class _Asking:
    """Knows when the last request of a walk left: what a server shows is not older than that."""

    reads: Reads
    planned_at: float
    asked_at: float = field(default=Factory(_planned_at, takes_self=True))

    async def leaving(self) -> None:
        self.asked_at = _now()
        self.reads.leaves()

    def harmless(self) -> None:
        pass

    def retrying(self, details: RetryDetails) -> None:
        pass


@define
class _AskingOne:
    """Knows when a single read left, and tells its jobs that it is repeated."""

    same: list[Watched]
    planned_at: float
    asked_at: float = field(default=Factory(_planned_at, takes_self=True))

    async def leaving(self) -> None:
        self.asked_at = _now()

    def harmless(self) -> None:
        pass

    def retrying(self, details: RetryDetails) -> None:
        for watched in self.same:
            watched.watcher.retried(watched, details)


@define
class _Once:
    """A caller that never retries: the next read comes anyway."""

    _caller: Caller

    @property
    def routes(self) -> Routes:
        return self._caller.routes

    @property
    def base_url(self) -> str:
        return self._caller.base_url

    async def call(self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False) -> T:  # noqa: ARG002 - always once
        return await self._caller.call(call, observer=observer, once=True)


@define
class _Unfound:
    """An integration that a single read did not find, and the jobs for which it would now count as gone."""

    integration_id: str
    same: list[Watched]
    failure: ReadFailure
    error: PackCloudError
    asked_at: float


def _page_of(same: Collection[Watched]) -> int | None:
    # One for nearly all of them.
    return max([watched.page for watched in same], default=0) or None


def _would_be_gone(progress: SyncProgress, failure: ReadFailure, asked_at: float) -> bool:
    return failure is ReadFailure.REMOVED or (failure is ReadFailure.UNFOUND and progress.ends_if_unfound(asked_at))


def _now() -> float:
    return asyncio.get_running_loop().time()
