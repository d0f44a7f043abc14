"""Workers of one process to which anything happens at any moment, held against the books.

``PACKCLOUD_TEST_FLEET_SEEDS`` is how many other seeds are tried, each with more of everything; none without it.
"""

import asyncio
import os
import random
from collections import Counter

import pytest

from packcloud_async import LedgerError, SyncKind
from packcloud_async.emulator import FaultPlan

from .conftest import QUICK, until_none

pytestmark = pytest.mark.sockets

SEEDS = int(os.environ.get("PACKCLOUD_TEST_FLEET_SEEDS", "0"))


class Mishaps:
    """What may happen; ``draw`` decides."""

    def __init__(self, yard, draw, crew):
        self.yard, self.draw, self.crew = yard, draw, crew
        self.done = Counter()

    async def one(self):
        mishap = self.draw.choice([self.cut_off, self.cut_off, self.take_over, self.lose, self.break_off, self.replace])
        self.done[mishap.__name__] += await mishap()

    async def cut_off(self):
        """A job of the engine is cancelled, wherever it waits."""
        at_work = [task for task in asyncio.all_tasks() if task.get_name().startswith("process job packcloud:")]
        if at_work:
            self.draw.choice(sorted(at_work, key=lambda task: task.get_name())).cancel()
        return bool(at_work)

    async def take_over(self):
        """Somebody else holds a target."""
        await self.yard.query(
            "UPDATE packcloud_target SET epoch = epoch + 1 WHERE (run, number) = "
            "(SELECT run, number FROM packcloud_target ORDER BY md5(number::text || %s) LIMIT 1)",
            str(self.draw.random()),
        )
        return True

    async def lose(self):
        """A job of the engine is gone, whether it waits or is at work."""
        await self.yard.query(
            "DELETE FROM procrastinate_jobs WHERE id = "
            "(SELECT id FROM procrastinate_jobs WHERE queue_name = 'packcloud' ORDER BY md5(id::text || %s) LIMIT 1)",
            str(self.draw.random()),
        )
        return True

    async def break_off(self):
        """A connection breaks."""
        await self.yard.query(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE "
            "datname = current_database() AND pid <> pg_backend_pid() ORDER BY md5(pid::text || %s) LIMIT 1) AS one",
            str(self.draw.random()),
        )
        return True

    async def replace(self):
        """A worker is told to end, and another one comes."""
        number = self.draw.randrange(len(self.crew.workers))
        await self.crew.end(number)
        self.crew.begin(number)
        return True


class Crew:
    def __init__(self, fleets):
        self.fleets, self.workers = fleets, [None] * len(fleets)
        for number in range(len(fleets)):
            self.begin(number)

    def begin(self, number):
        working = self.fleets[number].run_worker(stop_on=(), silent_for=1, concurrency=4, max_in_flight=4)
        self.workers[number] = asyncio.create_task(working)

    async def end(self, number):
        self.workers[number].cancel()
        await asyncio.wait([self.workers[number]])

    async def leave(self):
        for number in range(len(self.workers)):
            await self.end(number)


@pytest.mark.parametrize("seed", [1, *range(100, 100 + SEEDS)])
async def test_nothing_is_lost_and_nothing_repeated_whatever_happens(make_yard, seed):
    draw = random.Random(seed)
    large = seed >= 100
    yard = make_yard(
        organizations=12 if large else 6,
        integrations=6 if large else 3,
        seed=seed,
        per_page=2,
        faults=FaultPlan(latency=0.02, latency_spread=0.1),
    )
    fleets = [await yard.fleet() for _ in range(3)]
    reader = await yard.fleet()
    run_id = await reader.submit(yard.emulator.organization_ids, kinds={SyncKind.ORDERS, SyncKind.STOCKS}, poll=QUICK)
    crew = Crew(fleets)
    mishaps = Mishaps(yard, draw, crew)
    try:
        for _ in range(60 if large else 20):
            await asyncio.sleep(draw.uniform(0, 0.2))
            await mishaps.one()
        async with asyncio.timeout(120):
            results = await all_results(yard, reader, run_id)
            # Whoever held something has let go of it.
            await until_none(yard, "SELECT FROM procrastinate_jobs WHERE status = 'doing' AND task_name <> %s", RECOVER)
    finally:
        await crew.leave()
    places = Counter((one.organization_id, one.integration_id) for one in results)
    assert set(places.values()) == {1}, mishaps.done
    assert len(places) == (72 if large else 18), mishaps.done
    assert [str(one.error) for one in results if one.error is not None] == []
    assert all(set(one.kinds) == {SyncKind.ORDERS, SyncKind.STOCKS} for one in results)
    assert yard.judged(results, window=0) == ([], 0)
    assert (await reader.report(run_id)).finished


RECOVER = "packcloud:recover"


async def all_results(yard, fleet, run_id):
    """All results, however often a connection breaks meanwhile."""
    while True:
        try:
            return await yard.results_of(fleet, run_id, within=120)
        except LedgerError:
            await asyncio.sleep(0.05)
