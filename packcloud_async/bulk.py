"""sync_many: many organizations at once, bounded and fair, with results as they come.

1. One bad organization or integration is a result with an error, never an exception for the others.
2. Organizations are begun no further ahead than needed, and none while results nobody has taken pile up.
3. With a ledger every target is recorded before it is begun, and every POST before it leaves.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import attrs
from attrs import define, field

from packcloud_async._io.signal import Signal
from packcloud_async._io.tasks import until_done
from packcloud_async._io.telling import PURPOSE, tell
from packcloud_async._io.turns import WAITING_BELOW, FairSlots
from packcloud_async._sansio.ledger_records import RunRecord, TargetRecord, TargetState, UnfinishedJob
from packcloud_async._sansio.on_conflict import OnConflict
from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async._sansio.request_events import RunBegun
from packcloud_async._sansio.sync_events import RunEnded
from packcloud_async.errors import ClientStateError, ConfigurationError, LedgerError
from packcloud_async.firing import JobClient
from packcloud_async.ledger import Ledger
from packcloud_async.models import SyncKind
from packcloud_async.organization_run import OrganizationRun
from packcloud_async.policies import PollPolicy, check_instance, check_whole, path_segment
from packcloud_async.report import SyncReport, Tally
from packcloud_async.results import End
from packcloud_async.run_context import RunContext, cause_of
from packcloud_async.sync_job import check_kinds, check_on_conflict
from packcloud_async.targets import SyncTarget, Targets, iterating

_LEFT = End(ClientStateError("the bulk run was left before it was finished"))


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
        ledger: Ledger | None,
        resumes: bool = False,
    ) -> None:
        if isinstance(targets, str | SyncTarget):
            raise ConfigurationError(f"targets must be an iterable of organizations, such as [{targets!r}]")
        if not isinstance(targets, Iterable | AsyncIterable):
            raise ConfigurationError(f"targets must be an iterable of organizations, not {targets!r}")
        check_instance("poll", poll, PollPolicy)
        check_whole("max_organizations", max_organizations, 1)
        check_whole("max_in_flight", max_in_flight, 1)
        self._client = client
        self._targets = targets
        self._resumes = resumes
        self._order = RunRecord(
            kinds=None if kinds is None else check_kinds(kinds),
            poll=poll or PollPolicy(),
            on_conflict=check_on_conflict(on_conflict),
            started=datetime.now(UTC),
            base_url=client.base_url,
        )
        self._max_organizations = max_organizations
        self._max_in_flight = max_in_flight
        self._ledger = ledger
        self._numbers: Sequence[int] = ()
        self._context: RunContext | None = None
        self._task: asyncio.Task[None] | None = None
        self._started_at = 0.0
        self._ended_at: float | None = None

    async def __aenter__(self) -> Self:
        if self._context is not None:
            raise ConfigurationError("a bulk run runs once; call sync_many again")
        if self._ledger is not None:
            await self._open(self._ledger)
        self._context = RunContext(
            client=self._client,
            kinds=self._order.kinds,
            poll=self._order.poll,
            on_conflict=self._order.on_conflict,
            slots=FairSlots(self._max_in_flight),
            # More than can be sent, so that a POST waits wherever there is a place for one.
            firing=FairSlots(2 * self._max_in_flight + WAITING_BELOW),
            draw=random.random,
            ledger=self._ledger,
            begun=RunBegun(kinds=self._order.kinds, resumed=self._resumes),
        )
        self._started_at = _now()
        tell(self._client.telling, self._context.begun)
        # Owned by this block: __aexit__ cancels it and waits for its end.
        self._task = asyncio.get_running_loop().create_task(self._run(self._context), name="sync_many")
        return self

    async def _open(self, ledger: Ledger) -> None:
        recorded = await ledger.open()
        try:
            self._order = self._agree(recorded)
            if recorded is None:
                # In one go, and so in one commit: a run that is recorded is recorded with all its targets.
                ledger.begin(self._order)
                if isinstance(self._targets, Collection):
                    self._numbers = _record(ledger, self._targets)
        except BaseException:
            await ledger.aclose()
            raise

    def _agree(self, recorded: RunRecord | None) -> RunRecord:
        if self._resumes:
            if recorded is None:
                raise LedgerError("the ledger holds no run to resume; sync_many(..., ledger=) begins one")
            if recorded.base_url not in (None, self._client.base_url):
                here = f"not on {self._client.base_url}; give the client that base_url"
                raise LedgerError(f"the run in the ledger was begun on {recorded.base_url}, {here}")
            if recorded.finished is not None:
                raise LedgerError("the run in the ledger is finished: there is nothing to resume")
            return recorded
        if recorded is not None:
            state = "unfinished: resume_many() goes on with it" if recorded.finished is None else "finished"
            raise LedgerError(f"the ledger holds a run already, {state}; a new run needs a new ledger")
        return self._order

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._cancel()
        finally:
            if self._ledger is not None:
                await self._ledger.aclose()

    @property
    def posts_under_way(self) -> int:
        """How many POSTs have left and are not answered."""
        return 0 if self._context is None else len(self._context.posts)

    async def stop(self, *, patience: float = 30.0) -> None:
        """End the run early, in good order: send no further POST, and wait for the answers of those under way.

        An answer that takes longer than ``patience`` seconds is given up, and its POST is in doubt. What has an outcome
        by then can still be taken from the run; the iteration then ends with :class:`ClientStateError`. With a ledger
        the run can be gone on with. The syncs at the server go on.

        Raises :class:`ConfigurationError` for a run that was not entered.
        """
        context = self._context
        if context is None:
            raise ConfigurationError("enter the run first: async with client.sync_many(...) as run")
        context.senders.is_closed = True
        try:
            async with asyncio.timeout(patience):
                await context.posts.until_none()
        except TimeoutError:
            pass
        finally:
            await self._cancel()

    async def _cancel(self) -> None:
        assert self._task is not None
        assert self._context is not None
        self._task.cancel()
        try:
            await until_done(self._task)
        finally:
            if self._ended_at is None:
                # A task that is cancelled before its first step never runs, and so tells nobody of its end.
                self._end(self._context, _LEFT)

    def __aiter__(self) -> AsyncIterator[SyncResult]:
        return self

    async def __anext__(self) -> SyncResult:
        if self._context is None:
            raise ConfigurationError("enter the run first: async with client.sync_many(...) as run")
        result = await self._context.results.get()
        if result is None:
            raise StopAsyncIteration
        return result

    @property
    def report(self) -> SyncReport:
        """The numbers so far; final once the iteration has ended."""
        context = self._context
        if context is None:
            return Tally().report(requests_sent=0, elapsed=0.0, finished=False, budget=self._client.budget)
        end = context.results.end
        return self._report(context, finished=end is not None and end.error is None and not context.was_cut_off)

    def _report(self, context: RunContext, *, finished: bool) -> SyncReport:
        return context.tally.report(
            requests_sent=context.requests_sent,
            elapsed=(_now() if self._ended_at is None else self._ended_at) - self._started_at,
            finished=finished,
            budget=self._client.budget,
        )

    def _end(self, context: RunContext, end: End) -> None:
        self._ended_at = _now()
        context.results.put(end)
        report = self._report(context, finished=end.error is None and not context.was_cut_off)
        tell(self._client.telling, RunEnded(run=context.begun, report=report, error=end.error))

    async def _run(self, context: RunContext) -> None:
        end = _LEFT
        PURPOSE.set(context.begun)
        try:
            await (self._resume_all(context) if self._resumes else self._run_all(context))
            if context.ledger is not None and not context.was_cut_off:
                context.ledger.finish()
                await context.ledger.flush()
            end = End(None)
        except Exception as caught:  # noqa: BLE001 - the caller's iterable may raise anything; __anext__ raises it
            end = End(cause_of(caught))
        finally:
            self._end(context, end)

    async def _run_all(self, context: RunContext) -> None:
        ledger, numbers = context.ledger, iter(self._numbers)
        if ledger is not None:
            await ledger.flush()
        failure: Exception | None = None
        async with _organizations(context, self._max_organizations) as organizations:
            try:
                async with iterating(self._targets) as given:
                    async for one in given:
                        target = one if isinstance(one, SyncTarget) else SyncTarget(one)
                        number = next(numbers, None)
                        if number is None:
                            number = 0 if ledger is None else await _record_reached(ledger, target)
                        await organizations.start(target, number, None)
            except Exception as error:  # noqa: BLE001 - raised when what was begun has its results
                failure = error
        if failure is not None:
            raise failure

    async def _resume_all(self, context: RunContext) -> None:
        assert context.ledger is not None
        after = 0
        async with _organizations(context, self._max_organizations) as organizations:
            while found := await context.ledger.unfinished(after=after):
                for target in found:
                    jobs = None if target.state is TargetState.WAITING else target.jobs
                    await organizations.start(SyncTarget(**attrs.asdict(target.target)), target.number, jobs)
                after = found[-1].number


@define(eq=False)
class _Organizations:
    """The organizations under way: no more than ``at_once``, and no new one while results pile up."""

    context: RunContext
    at_once: int
    tasks: asyncio.TaskGroup
    _under_way: int = field(default=0, init=False)
    _one_ended: Signal = field(factory=Signal, init=False)

    async def start(self, target: SyncTarget, number: int, recorded: Sequence[UnfinishedJob] | None) -> None:
        """Begin an organization as soon as there is room."""
        await self.until_at_most(self.at_once - 1)
        await self.context.results.until_taken()
        self._under_way += 1
        self.context.tally.organizations += 1
        organization = OrganizationRun(self.context, target, number)
        task = self.tasks.create_task(organization.act(recorded))
        task.add_done_callback(self._one_is_done)

    async def until_at_most(self, count: int) -> None:
        """Wait until no more than so many are under way."""
        while self._under_way > count:
            self._one_ended.clear()
            await self._one_ended.wait()

    def _one_is_done(self, _: "asyncio.Task[None]") -> None:
        self._under_way -= 1
        self.context.tally.organizations_done += 1
        self._one_ended.set()


@asynccontextmanager
async def _organizations(context: RunContext, at_once: int) -> AsyncGenerator[_Organizations]:
    # The senders end before the organizations do: what an organization holds back from other jobs may be under way
    # until then.
    async with asyncio.TaskGroup() as tasks, context.senders:
        organizations = _Organizations(context, at_once, tasks)
        yield organizations
        await organizations.until_at_most(0)
        context.senders.close()


def _record(ledger: Ledger, targets: Iterable[str | SyncTarget]) -> Sequence[int]:
    """Write targets down; return their numbers, 0 for those that are unusable."""
    records = [_recordable(target) for target in targets]
    numbers = iter(ledger.add_targets([record for record in records if record is not None]))
    return [0 if record is None else next(numbers) for record in records]


async def _record_reached(ledger: Ledger, target: SyncTarget) -> int:
    (number,) = _record(ledger, [target])
    await ledger.flush()
    return number


def _recordable(given: str | SyncTarget) -> TargetRecord | None:
    """Return what is recorded of a target: what is unusable in it is told once, by this run."""
    target = given if isinstance(given, SyncTarget) else SyncTarget(given)
    if not _is_usable(target.organization_id):
        return None
    named = target.integration_ids
    usable = None if named is None else tuple(filter(_is_usable, named))
    return TargetRecord(target.organization_id, usable, target.kinds, target.weight)


def _is_usable(id_: str) -> bool:
    try:
        path_segment("an id", id_)
    except ConfigurationError:
        return False
    return True


def _now() -> float:
    return asyncio.get_running_loop().time()
