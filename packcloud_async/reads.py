"""Reads: how what is due is read, in the fewest requests.

1. What is due together is read by one walk of the list (:mod:`packcloud_async.walks`) or by single reads, whichever is
   fewer requests.
2. An integration that a walk did not show is read on its own, and one that a single read did not find is looked up
   in the list before it counts as gone: a lost endpoint or credential is not a deleted integration.
3. Of integrations only ids and watermarks are read: what is wrong elsewhere in them tells nothing of a sync.
4. What a probe reads is read together, as the probe decides. The services of an integration that is gone are gone
   too, and that looks like news: it is told once the integration itself was read.
"""

import asyncio
from collections.abc import Iterable, Mapping

from attrs import define, field

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._sansio import answers, endpoints
from packcloud_async._sansio.answers import ReadFailure
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.list_knowledge import ListKnowledge
from packcloud_async._sansio.planning import Walk, plan_reads
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.calls import Caller, T
from packcloud_async.errors import ConfigurationError, InvalidResponse, PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.policies import Routes
from packcloud_async.probes import Probe, ask
from packcloud_async.walks import Asking, Telling, Walks, page_of
from packcloud_async.watched import Watched, WatchedJobs, all_of, any_decides, by_integration


@define
class Reads:
    """The reads of one moment in one organization; ``with_trade`` when somebody learns from them."""

    organization_id: str
    known: ListKnowledge
    jobs: WatchedJobs
    watch: Telling
    with_trade: bool
    walks: Walks = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.walks = Walks(self.organization_id, self.known, self.jobs, self.watch, self.with_trade)

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
                self.walks.news[integration_id] = {kind: text}
            else:
                self.watch.tell(same, {kind: text}, asked_at=asked_at, shared=len(wanted) > 1)
        if self.walks.news:
            await self._read_integrations(all_of({id_: wanted[id_] for id_ in self.walks.news}))

    async def _read_integrations(self, due: list[Watched]) -> None:
        wanted = by_integration(due)
        plan = plan_reads(
            wanted, watched=len(self.jobs), pages=self.known.pages, page_of=lambda id_: page_of(wanted[id_])
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

    async def _walk(self, wanted: dict[str, list[Watched]], due: list[Watched]) -> dict[str, list[Watched]]:
        """Read the list until all wanted were seen; return those that want a single read."""
        everyone, planned_at = all_of(wanted), _now()
        missing = dict(wanted)
        try:
            await self.walks.walk(missing, due, planned_at=planned_at, once=not any_decides(everyone))
        except PackCloudError as error:
            if not any_decides(everyone):
                # The next reads are single ones, because the list is not relied upon for now.
                self._tell_failed_list(all_of(missing), error, planned_at)
                return {}
        return missing

    async def _read_one(self, integration_id: str, same: list[Watched], unfound: "list[_Unfound]") -> None:
        """Read one integration; jobs for which it would now count as gone are put into ``unfound``."""
        caller = same[0].watcher.caller
        planned_at, decides = _now(), any_decides(same)
        asking = _AskingOne(same, planned_at)
        call = endpoints.poll_integration(
            caller.routes, self.organization_id, integration_id, with_trade=self.with_trade
        )
        try:
            integration = await caller.call(call, observer=asking, once=not decides)
        except PackCloudError as error:
            failure = answers.read_failure(error)
            # Made without retries it is no last look, however long it waited for its turn.
            asked_at = asking.asked_at if decides else planned_at
            gone = [watched for watched in same if _would_be_gone(watched.progress, failure, asked_at)]
            if gone:
                unfound.append(_Unfound(integration_id, gone, failure, error, asked_at))
            for watched in same:
                if watched not in gone:
                    self.watch.tell_error(watched, failure, error, asked_at=asked_at)
        else:
            self.walks.tell_one(integration, same, asking.asked_at)

    async def _look_up(self, unfound: "list[_Unfound]") -> None:
        """Ask the list once about all that single reads did not find."""
        missing = {one.integration_id: one.same for one in unfound}
        everyone = all_of(missing)
        planned_at = _now()
        asking = Asking(self.walks, planned_at)
        try:
            await self.walks.until_seen(missing, everyone[0].watcher.caller, asking, once=not any_decides(everyone))
        except PackCloudError as error:
            self._tell_failed_list(all_of(missing), error, asking.asked_at if any_decides(everyone) else planned_at)
            return
        self.known.singles_mislead = self.known.singles_mislead or len(missing) < len(unfound)
        for one in unfound:
            for watched in missing.get(one.integration_id, []):
                self.watch.tell_error(watched, one.failure, one.error, asked_at=one.asked_at)

    def _tell_failed_list(self, same: Iterable[Watched], error: PackCloudError, asked_at: float) -> None:
        failure = answers.list_failure(error)
        for watched in same:
            self.watch.tell_error(watched, failure, error, asked_at=asked_at)


@define
class _AskingOne:
    """Knows when a single read left, and tells its jobs that it is repeated."""

    same: list[Watched]
    asked_at: float

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


def _would_be_gone(progress: SyncProgress, failure: ReadFailure, asked_at: float) -> bool:
    return failure is ReadFailure.REMOVED or (failure is ReadFailure.UNFOUND and progress.ends_if_unfound(asked_at))


def _now() -> float:
    return asyncio.get_running_loop().time()
