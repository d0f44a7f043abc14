"""How a run finds out that it is over, however many of its targets end at once."""

import asyncio

import pytest

from packcloud_async import SyncKind
from packcloud_async.fleet import holding
from packcloud_async.fleet.database import Database
from packcloud_async.fleet.holding import alone_in_searching, finish_if_over

from .conftest import QUICK, until_none

pytestmark = pytest.mark.sockets

SETTLE = "UPDATE packcloud_target SET state = 'failed', settled_by = pg_current_xact_id() WHERE number = %s"


async def a_run(yard, *, organizations):
    fleet = await yard.fleet()
    run_id = await fleet.submit([f"org_{number}" for number in range(organizations)], kinds={SyncKind.ORDERS})
    return fleet, run_id


async def test_who_ends_one_target_of_many_waits_for_no_other(make_yard, monkeypatch):
    monkeypatch.setattr(holding, "MANY_LEFT", 3)
    yard = make_yard()
    await a_run(yard, organizations=5)
    async with Database(yard.dsn).connected() as one, Database(yard.dsn).connected() as other:
        async with one.transaction():
            await one.execute("SELECT FROM packcloud_run FOR UPDATE")
            async with other.transaction(), asyncio.timeout(10):
                await other.execute(SETTLE, (1,))
                assert not await finish_if_over(other, 1)


async def test_of_two_targets_that_end_at_once_the_second_ends_the_run(make_yard):
    yard = make_yard()
    fleet, run_id = await a_run(yard, organizations=2)
    async with Database(yard.dsn).connected() as one, Database(yard.dsn).connected() as other:

        async def end(connection, number):
            async with connection.transaction():
                await connection.execute(SETTLE, (number,))
                return await finish_if_over(connection, 1)

        async with one.transaction():
            await one.execute(SETTLE, (1,))
            assert not await finish_if_over(one, 1)
            second = asyncio.create_task(end(other, 2))
            await until_none(yard, "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        assert await second
    assert (await fleet.report(run_id)).finished


async def test_what_nobody_ended_is_ended_by_a_recovery(make_yard, monkeypatch):
    # As if each of very many had found many others open.
    monkeypatch.setattr(holding, "MANY_LEFT", 0)
    yard = make_yard(organizations=2, integrations=1)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.STOCKS}, poll=QUICK)
    async with yard.working(fleet):
        await until_none(
            yard,
            "SELECT WHERE EXISTS (SELECT FROM packcloud_target WHERE state = 'waiting') OR "
            "EXISTS (SELECT FROM packcloud_job WHERE NOT finished)",
        )
        assert not (await fleet.report(run_id)).finished
        monkeypatch.setattr(holding, "MANY_LEFT", 200)
        assert len(await yard.results_of(fleet, run_id)) == 2
    assert (await fleet.report(run_id)).finished


async def test_one_worker_at_a_time_searches(make_yard):
    yard = make_yard()
    await yard.fleet()
    async with Database(yard.dsn).connected() as one, Database(yard.dsn).connected() as other:
        async with one.transaction(), other.transaction():
            assert await alone_in_searching(one)
            assert not await alone_in_searching(other)
        async with other.transaction():
            assert await alone_in_searching(other)
