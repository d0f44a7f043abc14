"""Work: what one worker does with the jobs the engine gives it.

1. A trigger takes up a target, lists it and fires it; a look takes up a target and reads what is due. Each ends with
   one transaction that holds what was learned and the job that goes on from there: one is never without the other.
2. A worker that is stopped sends nothing more, waits for the answers under way, and leaves the rest to another trigger.
3. Whatever a worker left behind without such an end is found by :meth:`Work.recover`, which begins it again. That is
   safe: every POST was recorded before it left, and what is recorded as sent is never sent again.
"""

import asyncio
import random
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from attrs import define, field

from packcloud_async._io.turns import WAITING_BELOW, FairSlots
from packcloud_async._sansio.ledger_records import TargetState
from packcloud_async._sansio.request_events import RunBegun
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import LedgerError
from packcloud_async.fleet.budget import SharedBudget
from packcloud_async.fleet.database import Connection, Pool, transaction
from packcloud_async.fleet.fleet_client import FleetClient
from packcloud_async.fleet.holding import TakenUp, finish_if_over, leave, orphans, others_of, take_up
from packcloud_async.fleet.queue import Queue
from packcloud_async.fleet.target_firing import TargetFiring
from packcloud_async.fleet.target_ledger import TargetLedger
from packcloud_async.fleet.target_look import TargetLook
from packcloud_async.fleet.target_work import TargetWork
from packcloud_async.run_context import RunContext

W = TypeVar("W", bound=TargetWork)


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
    _slots: FairSlots = field(init=False)
    _firing: FairSlots = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = FairSlots(self.max_in_flight)
        self._firing = FairSlots(2 * self.max_in_flight + WAITING_BELOW)

    async def trigger(self, run: int, number: int) -> None:
        """Fire a target, or what is left of it to be fired."""
        async with transaction(self.pool, self.place) as connection:
            taken = await take_up(connection, run, number)
            others = () if taken is None else await others_of(connection, taken)
        if taken is None or taken.target.state is TargetState.FAILED:
            return
        ledger, firing = self._begun(taken, TargetFiring)
        await self._to_its_end(ledger, firing, firing.fire(others, self.stopping))

    async def look(self, run: int, number: int) -> None:
        """Read what is due in a target."""
        async with transaction(self.pool, self.place) as connection:
            taken = await take_up(connection, run, number)
        if taken is None or taken.target.state is not TargetState.LISTED:
            return
        ledger, look = self._begun(taken, TargetLook)
        await self._to_its_end(ledger, look, look.look())

    def _begun(self, taken: TakenUp, kind: type[W]) -> tuple[TargetLedger, W]:
        record = taken.record
        if record.base_url not in {None, self.client.base_url}:
            raise LedgerError(
                f"run {taken.run_id} was submitted for {record.base_url}, and this worker's client is one of "
                f"{self.client.base_url}; give its client that base_url"
            )
        ledger = TargetLedger.of(self.pool, self.place, taken)
        context = RunContext(
            client=FleetClient(self.client, self.budget),
            kinds=record.kinds,
            poll=record.poll,
            on_conflict=record.on_conflict,
            slots=self._slots,
            firing=self._firing,
            draw=random.random,
            ledger=ledger,
            begun=RunBegun(kinds=record.kinds, resumed=taken.epoch > 1),
        )
        return ledger, kind(context, taken, self.client.telling)

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
        await leave(connection, taken, schedule, requests=work.run.requests_sent)
        if work.left_unsent:
            await self.queue.trigger_again(connection, run, number, taken.target.target.organization_id)
        elif (next_due := schedule.next_due) is not None:
            await self.queue.look(connection, run, number, next_due)
        else:
            await finish_if_over(connection, run)

    async def recover(self) -> None:
        """Put back what dead workers held, and begin again whatever nobody goes on with."""
        await self.queue.give_back(silent_for=self.silent_for)
        async with transaction(self.pool, self.place) as connection:
            for run, number, organization_id, is_unsent in await orphans(connection):
                if is_unsent:
                    await self.queue.trigger_again(connection, run, number, organization_id)
                else:
                    await self.queue.look(connection, run, number, 0.0)
