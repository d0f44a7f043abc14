"""Work: what one worker does with the jobs the engine gives it.

1. A trigger takes up a target, lists it and fires it; a look takes up a target and reads what is due. Each ends with
   one transaction that holds what was learned and the job that goes on from there: one is never without the other.
2. A worker that is stopped sends nothing more, waits for the answers under way, and leaves the rest to another trigger.
3. Whatever a worker left behind without such an end is found by :meth:`Work.recover`, which begins it again, or by
   itself with :meth:`Work.put_back_forgotten`. That is safe: every POST was recorded before it left, and what is
   recorded as sent is never sent again.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Final, TypeVar

from attrs import define, field
from procrastinate.jobs import Job

from packcloud_async._io.turns import WAITING_BELOW, FairSlots
from packcloud_async._sansio.ledger_records import DamagedRecord, TargetState, UnfinishedJob
from packcloud_async._sansio.request_events import RunBegun
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import LedgerError
from packcloud_async.fleet.budget import SharedBudget
from packcloud_async.fleet.database import Connection, Pool, transaction
from packcloud_async.fleet.fleet_client import FleetClient
from packcloud_async.fleet.holding import TakenUp, finish_if_over, leave, others_of, take_up
from packcloud_async.fleet.queue import AHEAD, Queue
from packcloud_async.fleet.recovery import Recovery
from packcloud_async.fleet.target_firing import TargetFiring
from packcloud_async.fleet.target_ledger import TargetLedger
from packcloud_async.fleet.target_look import TargetLook
from packcloud_async.fleet.target_work import TargetWork
from packcloud_async.fleet.writing_off import give_up
from packcloud_async.run_context import RunContext

W = TypeVar("W", bound=TargetWork)

logger = logging.getLogger("packcloud_async")

LATER: Final = 5.0
"""Seconds until another worker is asked for what belongs to another server."""


@define(eq=False)
class Work:
    """One worker: its client, its connections, and what it shares with the others.

    ``silent_for`` is after how many seconds without a sign of life another worker counts as dead.
    """

    client: PackCloudClient
    pool: Pool
    place: str
    queue: Queue
    budget: SharedBudget
    max_in_flight: int
    silent_for: float
    stopping: asyncio.Event = field(factory=asyncio.Event, init=False)
    recovery: Recovery = field(init=False)
    # Runs of other servers, of which it was told.
    _elsewhere: set[int] = field(factory=set[int], init=False)
    _slots: FairSlots = field(init=False)
    _firing: FairSlots = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.recovery = Recovery(self.pool, self.place, self.queue, self.silent_for)
        self._slots = FairSlots(self.max_in_flight)
        self._firing = FairSlots(2 * self.max_in_flight + WAITING_BELOW)

    async def trigger(self, run: int, number: int) -> None:
        """Fire a target, or what is left of it to be fired."""
        others: Sequence[UnfinishedJob] = ()

        async def take(connection: Connection) -> TakenUp | None:
            nonlocal others
            taken = await take_up(connection, run, number)
            others = () if taken is None else await others_of(connection, taken)
            return taken

        taken = await self._taken(run, number, take)
        if taken is None or taken.target.state is TargetState.FAILED:
            return
        if self._is_elsewhere(taken):
            async with transaction(self.pool, self.place) as connection:
                organization_id = taken.target.target.organization_id
                await self.queue.trigger_behind_all(connection, run, number, organization_id, _later(taken))
            return
        ledger, firing = self._begun(taken, TargetFiring)
        await self._to_its_end(ledger, firing, firing.fire(others, self.stopping))

    async def look(self, run: int, number: int) -> None:
        """Read what is due in a target."""
        taken = await self._taken(run, number, lambda connection: take_up(connection, run, number))
        if taken is None or taken.target.state is not TargetState.LISTED:
            return
        if self._is_elsewhere(taken):
            async with transaction(self.pool, self.place) as connection:
                await self.queue.look(connection, run, number, _later(taken))
            return
        ledger, look = self._begun(taken, TargetLook)
        await self._to_its_end(ledger, look, look.look(self.stopping))

    async def _taken(
        self, run: int, number: int, take: Callable[[Connection], Awaitable[TakenUp | None]]
    ) -> TakenUp | None:
        """Take a target up; one that is damaged in the database is given up, or its run would never be finished."""
        try:
            async with transaction(self.pool, self.place) as connection:
                return await take(connection)
        except LedgerError as error:
            if not isinstance(error.__cause__, DamagedRecord):
                raise
            await self.give_up(run, number, error.__cause__)
            return None

    def _is_elsewhere(self, taken: TakenUp) -> bool:
        """Whether a target belongs to another server than this worker's; it is then left to workers of that one."""
        wanted = taken.record.base_url
        if wanted in {None, self.client.base_url}:
            return False
        if taken.run not in self._elsewhere:
            self._elsewhere.add(taken.run)
            logger.warning(
                "run %s was submitted for %s, and this worker's client is one of %s; it is left to other workers",
                taken.run_id,
                wanted,
                self.client.base_url,
            )
        return True

    def _begun(self, taken: TakenUp, kind: type[W]) -> tuple[TargetLedger, W]:
        record = taken.record
        ledger = TargetLedger.of(self.pool, self.place, taken)
        client = FleetClient(self.client, self.budget)
        context = RunContext(
            client=client,
            kinds=record.kinds,
            poll=record.poll,
            on_conflict=record.on_conflict,
            slots=self._slots,
            firing=self._firing,
            draw=random.random,
            ledger=ledger,
            begun=RunBegun(kinds=record.kinds, resumed=taken.epoch > 1),
            wall_clock=taken.taken_at,
            loop_clock=taken.instant,
        )
        return ledger, kind(context, client, taken, self.client.telling)

    async def _to_its_end(self, ledger: TargetLedger, work: TargetWork, doing: Coroutine[Any, Any, None]) -> None:
        """Do it, and write what is left to be done together with the job that does it."""
        try:
            await doing
        except BaseException:
            # What was told so far is true; who goes on is decided by the engine.
            with suppress(LedgerError):
                await ledger.aclose()
            raise
        await ledger.close(lambda connection: self._leave(connection, work))

    async def _leave(self, connection: Connection, work: TargetWork) -> None:
        taken, schedule = work.taken, work.schedule()
        run, number = taken.run, taken.target.number
        next_due, requests = schedule.next_due, work.run.requests_sent
        now = work.run.wall_clock_of(asyncio.get_running_loop().time()).timestamp()
        if not work.left_unsent and next_due is not None and next_due - now > AHEAD:
            await leave(connection, taken, schedule, requests=requests, look_at=next_due)
            return
        await leave(connection, taken, schedule, requests=requests, look_at=None)
        if work.left_unsent:
            await self.queue.trigger_again(connection, run, number, taken.target.target.organization_id)
        elif next_due is not None:
            await self.queue.look(connection, run, number, next_due)
        else:
            await finish_if_over(connection, run)

    async def give_up(self, run: int, number: int, error: Exception) -> None:
        """End a target with which nobody comes any further, each of its open jobs with this error."""
        name = type(error).__name__
        logger.error("target %d of run %d is given up: unexpected %s", number, run, name)
        async with transaction(self.pool, self.place) as connection:
            await give_up(connection, run, number, name)

    def holding(self, job: Job) -> AbstractContextManager[None]:
        """Know a job of the engine to be at work here while the block lasts."""
        return self.recovery.holding(job)

    async def recover(self) -> None:
        """Begin again what dead workers left behind; see :class:`~packcloud_async.fleet.recovery.Recovery`."""
        await self.recovery.recover()

    async def put_back_forgotten(self) -> None:
        """Begin again what the engine has forgotten here."""
        await self.recovery.put_back_forgotten()


def _later(taken: TakenUp) -> float:
    return taken.taken_at.timestamp() + LATER
