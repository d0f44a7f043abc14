"""What is asked again and again stays cheap when there is much of everything."""

import pytest

from packcloud_async import Outcome, PollPolicy, SyncKind
from packcloud_async.fleet import recovery
from packcloud_async.fleet.database import Database, transaction
from packcloud_async.fleet.holding import COMING_LOOKS, ORPHANS, coming_looks, orphans, take_up
from packcloud_async.fleet.queue import LOOK, TRIGGER, Queue

from .conftest import until, until_none

pytestmark = pytest.mark.sockets

MANY = 3_000


@pytest.mark.parametrize("is_known", [False, True])
async def test_a_search_for_what_nobody_goes_on_with_holds_no_target_against_every_job(make_yard, is_known):
    yard = make_yard()
    fleet = await yard.fleet()
    for table in ("packcloud_target", "procrastinate_jobs"):
        # A run that was just submitted: there are no statistics of it.
        await yard.query(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    await fleet.submit([f"org_{number}" for number in range(MANY)], kinds={SyncKind.ORDERS})
    if is_known:
        await yard.query("ANALYZE packcloud_target, packcloud_job, procrastinate_jobs")
    async with Database(yard.dsn).connected() as connection, connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '20s'")
        assert await orphans(connection) == []
        rows = await connection.execute(f"EXPLAIN {ORPHANS}", {"look": LOOK, "trigger": TRIGGER})
        plan = "\n".join([line async for (line,) in rows])
    # Whatever compares each with each is a filter of a join, or a loop.
    assert "queueing_lock" in plan
    assert not [line for line in plan.splitlines() if "Join Filter" in line and "queueing_lock" in line]
    assert "Nested Loop Anti Join" not in plan


async def test_a_large_run_is_known_to_the_planner_from_the_moment_it_is_there(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    for table in ("packcloud_target", "packcloud_job", "procrastinate_jobs"):
        await yard.query(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
    known = "SELECT relname, reltuples FROM pg_class WHERE relname = ANY(%s) ORDER BY 1"
    tables = ["packcloud_target", "procrastinate_jobs"]
    before = await yard.query(known, tables)
    await fleet.submit(["org_1"], kinds={SyncKind.ORDERS})
    assert await yard.query(known, tables) == before
    async with Database(yard.dsn).connected() as other:
        async with other.transaction():
            # As if its owner made an index: it is waited for, and then left to autovacuum.
            await other.execute("LOCK procrastinate_jobs IN SHARE UPDATE EXCLUSIVE MODE")
            await fleet.submit([f"org_{number}" for number in range(100)], kinds={SyncKind.ORDERS})
    assert await yard.query(known, tables) == before
    await fleet.submit([f"org_{number}" for number in range(MANY)], kinds={SyncKind.ORDERS})
    assert await yard.query(known, tables) == [(name, MANY + 101) for name in tables]
    # And without that it has an index: it need not hold each job against all others.
    async with Database(yard.dsn).connected() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        rows = await connection.execute(
            "EXPLAIN SELECT FROM procrastinate_jobs AS other WHERE lock = 'a' AND (status = 'doing' OR "
            "(status = 'todo' AND (priority > 1 OR (priority = 1 AND id < 1))))"
        )
        assert "packcloud_engine_lock" in "\n".join([line async for (line,) in rows])


WAITING = "SELECT run, number FROM packcloud_target WHERE look_at > now() + interval '30 seconds'"
SLOW = PollPolicy(first=3600, deadline=3600)


async def put_off(yard, fleet, *organizations):
    """A run of these organizations, of which nothing is due for most of a minute."""
    for organization in organizations:
        yard.emulator.plan_sync(organization, "int_1", SyncKind.ORDERS, moves=[])
    run_id = await fleet.submit(organizations, kinds={SyncKind.ORDERS}, poll=SLOW)
    async with yard.working(fleet):
        await until(lambda: len(yard.emulator.books.runs) == len(organizations))
        await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
        await until_none(yard, "SELECT FROM procrastinate_jobs WHERE status = 'doing' AND task_name = %s", TRIGGER)
    assert len(await yard.query(WAITING)) == len(organizations)
    return run_id


async def test_a_look_that_is_not_due_for_long_is_in_nobody_s_way_and_comes_in_time(make_yard, monkeypatch):
    monkeypatch.setattr(recovery, "TOGETHER", 2)
    yard = make_yard(organizations=3, integrations=1)
    fleet = await yard.fleet()
    run_id = await put_off(yard, fleet, "org_1", "org_2", "org_3")
    assert await yard.query("SELECT FROM procrastinate_jobs WHERE task_name = %s", LOOK) == []
    await yard.query("UPDATE packcloud_job SET token = replace(token, '3600', '0.01')")
    await yard.query("UPDATE packcloud_target SET schedule = '', look_at = now()")
    # It waits in the queue already.
    async with Database(yard.dsn).connected() as connection:
        await Queue(fleet._engine.app).look(connection, 1, 2, 0.0)
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    assert [one[SyncKind.ORDERS].state for one in results] == [Outcome.QUIET] * 3
    assert await yard.query("SELECT FROM packcloud_target WHERE look_at IS NOT NULL") == []
    assert await yard.query("SELECT FROM procrastinate_jobs WHERE task_name = %s", LOOK) == []


async def test_a_target_whose_look_is_put_off_is_not_taken_for_one_that_nobody_goes_on_with(make_yard):
    yard = make_yard(organizations=1, integrations=1)
    fleet = await yard.fleet()
    await put_off(yard, fleet, "org_1")
    async with Database(yard.dsn).connected() as connection:
        assert await orphans(connection) == []
        assert await coming_looks(connection, within=20, at_most=10) == []
        ((run, number, at),) = await coming_looks(connection, within=3700, at_most=10)
        # Whoever took it out without putting it into the queue has lost it.
        assert [(one.run, one.number, one.is_to_be_fired) for one in await orphans(connection)] == [
            (run, number, False)
        ]
    assert at > 0


async def test_what_is_cancelled_or_taken_up_is_not_looked_at_any_more(make_yard):
    yard = make_yard(organizations=2, integrations=1)
    fleet = await yard.fleet()
    run_id = await put_off(yard, fleet, "org_1", "org_2")
    async with transaction(fleet._engine.pool, "here") as connection:
        await take_up(connection, 1, 1)
    assert await yard.query(WAITING) == [(1, 2)]
    await fleet.cancel(run_id)
    assert await yard.query(WAITING) == []


async def test_near_looks_are_found_without_looking_at_the_others(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit([f"org_{number}" for number in range(MANY)], kinds={SyncKind.ORDERS})
    await yard.query("UPDATE packcloud_target SET look_at = now() + number * interval '1 minute'")
    await yard.query("VACUUM ANALYZE packcloud_target")
    async with Database(yard.dsn).connected() as connection:
        rows = await connection.execute(f"EXPLAIN {COMING_LOOKS}", {"within": 20, "at_most": 1000})
        plan = "\n".join([line async for (line,) in rows])
    assert "packcloud_target_look" in plan
    assert "Seq Scan on packcloud_target" not in plan
