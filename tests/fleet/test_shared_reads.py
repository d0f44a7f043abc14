"""Two runs that look at one organization in one worker share their reads, and not their misfortunes."""

import asyncio

import pytest

from packcloud_async import LedgerError, Outcome, PollPolicy, SyncKind
from packcloud_async.fleet.budget import SharedBudget
from packcloud_async.fleet.database import transaction
from packcloud_async.fleet.holding import take_up
from packcloud_async.fleet.queue import Queue
from packcloud_async.fleet.target_look import TargetLook
from packcloud_async.fleet.work import Work
from packcloud_async.policies import RateLimit

from .conftest import until, until_none

pytestmark = pytest.mark.sockets


async def test_a_turn_that_one_run_could_not_ask_for_decides_nothing_of_another_one(make_yard, monkeypatch):
    yard = make_yard(organizations=1, integrations=1)
    yard.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[])
    fleet = await yard.fleet()
    slow = PollPolicy(first=3600, deadline=3600)
    runs = [await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=slow) for _ in range(2)]
    async with yard.working(fleet):
        await until(lambda: yard.emulator.books.runs)
        await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
    # The read that decides is due, of both at once.
    await yard.query("UPDATE packcloud_job SET token = replace(token, '3600', '0.01')")
    await yard.query("UPDATE packcloud_target SET schedule = '', look_at = now()")
    turn, failed = SharedBudget.turn, []

    async def fail_once(self):
        if not failed:
            failed.append(1)
            raise LedgerError("the database is away")
        return await turn(self)

    monkeypatch.setattr(SharedBudget, "turn", fail_once)
    async with yard.client() as client:
        budget = SharedBudget(fleet._engine.pool, "here", "packcloud", RateLimit())
        work = Work(client, fleet._engine.pool, "here", Queue(fleet._engine.app), budget, 100, 30.0)
        looks = []
        for run in await yard.query("SELECT id FROM packcloud_run"):
            async with transaction(fleet._engine.pool, "here") as connection:
                looks.append(work._begun(await take_up(connection, run[0], 1), TargetLook))
        ended = await asyncio.gather(
            *(work._to_its_end(ledger, look, look.look(work.stopping)) for ledger, look in looks),
            return_exceptions=True,
        )
    assert failed
    assert [type(one) for one in ended] == [LedgerError] * 2
    assert await yard.query("SELECT finished FROM packcloud_job") == [(False,), (False,)]
    # Taken up by hand, and so in no queue: the next recovery finds them.
    async with yard.working(fleet):
        for run_id in runs:
            (result,) = await yard.results_of(fleet, run_id)
            assert (result.error, result[SyncKind.ORDERS].state, result[SyncKind.ORDERS].error) == (
                None,
                Outcome.QUIET,
                None,
            )
