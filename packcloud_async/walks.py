"""Walks: one walk of an organization's list of integrations, for everybody who waits for something it shows.

1. A walk tells every watched integration it passes, due or not, and ends when all it was begun for were seen, or when
   single reads of the rest are fewer requests.
2. A walk that waits for its turn reads for whatever becomes due meanwhile too: when it leaves, it is the newest look
   there can be.
3. Nearly every read shows nothing new: what that costs for an integration is a look at its texts and its next instant.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from attrs import define, field, frozen

from packcloud_async._sansio import endpoints
from packcloud_async._sansio.answers import ReadFailure
from packcloud_async._sansio.glimpse import Glimpse
from packcloud_async._sansio.list_knowledge import ListKnowledge
from packcloud_async._sansio.paging import DEFAULT_MAX_PAGES
from packcloud_async._sansio.planning import goes_on
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.calls import Caller, Listing
from packcloud_async.errors import PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.watched import Watched, WatchedJobs, any_decides

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

    def tell_unmoved(
        self, found: Iterable[tuple[Watched, Glimpse]], *, asked_at: float
    ) -> Sequence[tuple[Watched, Glimpse]]:
        """Tell jobs that nothing is new; return those of which that is not true, who were told nothing."""
        ...

    def tell_error(self, watched: Watched, failure: ReadFailure, error: PackCloudError, *, asked_at: float) -> None:
        """Tell a job that a read failed."""
        ...


@define
class Walks:
    """The walks of one moment in one organization; ``with_trade`` when somebody learns from them.

    ``news`` is what probes showed of integrations that are read because of that, until their jobs are told.
    """

    organization_id: str
    known: ListKnowledge
    jobs: WatchedJobs
    watch: Telling
    with_trade: bool
    news: dict[str, Mapping[SyncKind, str]] = field(factory=dict[str, Mapping[SyncKind, str]], init=False)
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

    async def walk(
        self, missing: dict[str, list[Watched]], due: list[Watched], *, planned_at: float, once: bool
    ) -> None:
        """Walk for what is due, taking along what becomes due while it waits; see :meth:`until_seen`."""
        caller = due[0].watcher.caller
        asking = Asking(self, planned_at)
        self._waiting = _Waiting(caller, due, missing, set(due))
        try:
            await self.until_seen(missing, caller, asking, once=once, thrifty=not self.known.singles_mislead)
        finally:
            self._waiting = None

    async def until_seen(
        self,
        missing: dict[str, list[Watched]],
        caller: Caller,
        asking: "Asking",
        *,
        once: bool,
        thrifty: bool = False,
    ) -> None:
        """Tell what the list shows, page by page, and take it out of ``missing``; ``once`` repeats no request.

        A ``thrifty`` walk ends as soon as single reads of what is missing are fewer requests than going on.
        """
        before = self.known.walking()
        try:
            length = await self._walk_pages(missing, caller, asking, before, once=once, thrifty=thrifty)
        except BaseException:
            self.known.walk_failed(before)
            raise
        self.known.walked(length)

    async def _walk_pages(
        self,
        missing: dict[str, list[Watched]],
        caller: Caller,
        asking: "Asking",
        before: int | None,
        *,
        once: bool,
        thrifty: bool,
    ) -> int:
        """Read page by page; return how many there are at least."""
        call = endpoints.poll_integrations(caller.routes, self.organization_id, with_trade=self.with_trade)
        pages = Listing(caller, call, DEFAULT_MAX_PAGES).pages(once=once, observer=asking)
        others = len(self.jobs) > len(missing)
        count = 0
        while missing and not pages.at_the_end:
            if thrifty and count:
                expected = map(page_of, missing.values())
                if not goes_on(expected, read=count, pages=before, others=others):
                    break
            items = (await anext(pages)).items
            count += 1
            for begin in range(0, len(items), TOLD_AT_ONCE):
                if begin:
                    await asyncio.sleep(0)
                self._tell_all(items[begin : begin + TOLD_AT_ONCE], missing, asking.asked_at, count)
        return count if pages.at_the_end else max(count, before or 0)

    def tell_one(self, integration: Glimpse, same: list[Watched], asked_at: float) -> None:
        """Tell what a single read showed; who asked is told whatever the answer calls the integration."""
        self._tell_all([integration], {integration.id: same}, asked_at, None)

    def _tell_all(
        self, shown: Iterable[Glimpse], missing: dict[str, list[Watched]], asked_at: float, page: int | None
    ) -> None:
        """Tell what a read showed to those it was made for, and to everybody else who watches one of them.

        ``page`` is that of the list, None for a single read.
        """
        usual: list[tuple[Watched, Glimpse]] = []
        others: list[tuple[Glimpse, Collection[Watched]]] = []
        take_out, first_of = missing.pop, self.jobs.first_of
        for integration in shown:
            id_ = integration.id
            due, first = take_out(id_, None), first_of(id_)
            is_for_it_alone = due is None or (len(due) == 1 and due[0] is first)
            # The only job of its integration, and no probe asks for it: what a probe showed is not for it.
            is_usual = first is not None and first.following is None and first.probe is None
            if first is not None and is_usual and is_for_it_alone:
                if page is not None:
                    first.page = page
                usual.append((first, integration))
            elif due is not None or first is not None:
                others.append((integration, due or ()))
        shared = page is not None
        # First, because it tells nobody anything after which others may be gone.
        moved = self.watch.tell_unmoved(usual, asked_at=asked_at)
        for integration, told in others:
            self._tell_each(integration, told, asked_at, page)
        for watched, integration in moved:
            marks = integration.watermarks
            self.watch.tell((watched,), marks, asked_at=asked_at, integration=integration, shared=shared)

    def _tell_each(self, integration: Glimpse, due: Collection[Watched], asked_at: float, page: int | None) -> None:
        marks, news = integration.watermarks, self.news.get(integration.id)
        bystanders = [w for w in self.jobs.of(integration.id) if w.probe is None and w not in due]
        for told, shown in (due, marks if news is None else {**marks, **news}), (bystanders, marks):
            for watched in told:
                watched.page = watched.page if page is None else page
            self.watch.tell(told, shown, asked_at=asked_at, integration=integration, shared=page is not None)


@frozen
class _Waiting:
    """A walk that waits for its turn: what it reads for, by what is due and by what was not shown yet."""

    caller: Caller
    due: list[Watched]
    missing: dict[str, list[Watched]]
    everyone: set[Watched]


@define
class Asking:
    """Knows when the last request of a walk left: what a server shows is not older than that."""

    walks: Walks
    asked_at: float

    async def leaving(self) -> None:
        self.asked_at = asyncio.get_running_loop().time()
        self.walks.leaves()

    def harmless(self) -> None:
        pass

    def retrying(self, details: RetryDetails) -> None:
        pass


def page_of(same: Collection[Watched]) -> int | None:
    """Return where a walk saw an integration last, None if none did."""
    # One for nearly all of them.
    return max([watched.page for watched in same], default=0) or None
