"""Turns of the shared budget: what they cost, for how long they are good, and what becomes of those who are late."""

import asyncio
import math

import psycopg
import pytest

from packcloud_async import LedgerError, PollPolicy, RateLimit, SyncKind
from packcloud_async.fleet import budget, fleet_client
from packcloud_async.fleet.target_ledger import TargetLedger

pytestmark = pytest.mark.sockets

WANTED = {"name": "packcloud", "step": 0.001, "saved": 0.0}


async def test_a_turn_is_not_recorded_as_durably_as_a_token(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await budget.SharedBudget(fleet._engine.pool, "of the test", "packcloud", RateLimit()).make()

    async def setting(connection):
        return (await (await connection.execute("SHOW synchronous_commit")).fetchone())[0]

    async with await psycopg.AsyncConnection.connect(yard.dsn, autocommit=True) as connection:
        await connection.execute("SET synchronous_commit = on")
        async with connection.transaction():
            assert await setting(connection) == "on"
            since, _ = await (await connection.execute(budget._TAKE, WANTED)).fetchone()
            assert await setting(connection) == "off"
        assert await setting(connection) == "on"
    assert since <= 0


async def a_budget(make_yard, limit, name="packcloud"):
    fleet = await make_yard().fleet()
    shared = budget.SharedBudget(fleet._engine.pool, "of the test", name, limit)
    await shared.make()
    return shared


async def test_a_turn_is_good_for_the_time_of_a_burst(make_yard):
    shared = await a_budget(make_yard, RateLimit(2, burst=5))
    clock = asyncio.get_running_loop().time
    for _ in range(4):
        asked = clock()
        until = await shared.turn()
        # As long as five turns take, less what it was there before it was asked for: half of what may be saved.
        assert asked + 2.5 - 1 <= until <= clock() + 2.5


async def test_half_a_burst_is_there_after_a_quiet_time(make_yard):
    shared = await a_budget(make_yard, RateLimit(0.1, burst=7))
    asked = [await shared._ask() for _ in range(5)]
    assert [one.good_until is not None for one in asked] == [True] * 4 + [False]
    assert 0 < asked[-1].wait <= 10


async def test_without_a_limit_a_turn_is_good_for_ever_and_waits_for_pauses_alone(make_yard):
    shared = await a_budget(make_yard, RateLimit())
    assert await shared.turn() == math.inf
    clock = asyncio.get_running_loop().time
    paused = clock()
    await shared.pause(0.3)
    assert await shared.turn() == math.inf
    assert clock() >= paused + 0.3


async def test_no_two_who_ask_at_once_have_the_same_turn(make_yard):
    shared = await a_budget(make_yard, RateLimit(0.01, burst=9))
    asked = await asyncio.gather(*(shared._ask() for _ in range(30)))
    assert sum(one.good_until is not None for one in asked) == 5


async def test_who_is_early_writes_nothing(make_yard):
    yard = make_yard()
    fleet = await yard.fleet(rate_limit=RateLimit(0.01))
    shared = fleet._budget()
    await shared.make()
    await shared.turn()
    row = "SELECT ctid::text, xmin::text, xmax::text FROM packcloud_budget"
    before = await yard.query(row)
    assert 0 < (await shared._ask()).wait <= 100
    assert await yard.query(row) == before


async def test_who_is_late_waits_for_another_turn_and_for_no_pause(make_yard):
    shared = await a_budget(make_yard, RateLimit(10, burst=1))
    clock = asyncio.get_running_loop().time
    await shared.turn()
    # It is not there yet.
    began = clock()
    assert began < await shared.another() < began + 5
    await shared.pause(30)
    async with asyncio.timeout(5):
        assert await shared.another() == math.inf


class Turns:
    """Turns of which each is good for so many seconds from now on; texts are errors."""

    def __init__(self, *good_for):
        self.good_for, self.asked = list(good_for), []

    async def turn(self):
        return self._next("turn")

    async def another(self):
        return self._next("another")

    def _next(self, name):
        self.asked.append(name)
        good_for = self.good_for.pop(0)
        if isinstance(good_for, str):
            raise LedgerError(good_for)
        return asyncio.get_running_loop().time() + good_for


@pytest.mark.parametrize(
    ("good_for", "asked"),
    [
        ([1], ["turn"]),
        ([0.1, 1], ["turn", "another"]),
        ([0.1, -1, 1], ["turn", "another", "another"]),
        ([0.1, -1, -1, -1], ["turn", *["another"] * (fleet_client.TURNS_AT_MOST - 1)]),
        ([0.1, "the database is away"], ["turn", "another"]),
    ],
)
async def test_what_is_late_takes_another_turn(good_for, asked):
    class Recording:
        async def leaving(self):
            await asyncio.sleep(0.5)

    client = fleet_client.FleetClient(None, Turns(*good_for))
    await fleet_client._Watching(client, Recording()).leaving()
    assert client.shared.asked == asked
    assert client.broken is None


async def test_posts_whose_tokens_are_written_together_do_not_leave_together(make_yard, monkeypatch):
    commit = TargetLedger._commit

    async def slow(self, batch, then=None):
        await asyncio.sleep(0.4)
        await commit(self, batch, then)

    monkeypatch.setattr(TargetLedger, "_commit", slow)
    yard = make_yard(organizations=3, integrations=8)
    fleet = await yard.fleet(rate_limit=RateLimit(20, burst=1))
    run_id = await fleet.submit(
        yard.emulator.organization_ids, kinds={SyncKind.STOCKS}, poll=PollPolicy(first=0.2, deadline=0.2)
    )
    async with yard.working(fleet):
        await yard.results_of(fleet, run_id)
    posts = [run.accepted_at for run in yard.emulator.books.runs]
    assert len(posts) == 24
    # Eight or more would be there at once.
    assert max(sum(first <= at < first + 0.05 for at in posts) for first in posts) <= 4
    assert yard.emulator.counters.fullest_second <= 20 + 1 + 2
