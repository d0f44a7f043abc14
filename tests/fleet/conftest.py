import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from attrs import define, field

from packcloud_async import PackCloudClient, PollPolicy
from packcloud_async.cli.books_check import BooksCheck
from packcloud_async.emulator import Distribution, Emulator, SyncTimes

from ..support.recording import RecordingTransport

pytest.importorskip("procrastinate", reason="the extra fleet")

QUICK = PollPolicy(first=0.1, growth=1.5, ceiling=1, deadline=2.5, gone_after=0.5)
QUICK_SYNCS = SyncTimes(median=0.8, spread=0.7, distribution=Distribution.UNIFORM, finds_nothing=0.15)


async def until(condition, *, within=20):
    """Wait for what nobody tells of."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - an emulator tells nobody
            await asyncio.sleep(0.01)


@define
class Yard:
    """An emulator, and fleets on it that share one database."""

    emulator: Emulator
    dsn: str
    stack: AsyncExitStack
    # By all clients together.
    sent: list = field(factory=list)

    def client(self, **options):
        transport = RecordingTransport(self.emulator.transport(), sent=self.sent)
        return PackCloudClient(token=self.emulator.token, transport=transport, **options)

    async def fleet(self, **options):
        """Another fleet on the database, as another process would have."""
        from packcloud_async.fleet import Fleet

        return await self.stack.enter_async_context(Fleet(self.dsn, self.client, **options))

    async def submit(self, *arguments, **options):
        """Submit a run without saying on which server."""
        from packcloud_async.fleet import Fleet

        async with Fleet(self.dsn) as fleet:
            return await fleet.submit(*arguments, **options)

    @asynccontextmanager
    async def working(self, *fleets, **options):
        """Let each of these fleets work until the end of the block."""
        options = {"stop_on": (), "silent_for": 3.0, **options}
        workers = [asyncio.create_task(fleet.run_worker(**options)) for fleet in fleets]
        try:
            yield workers
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)

    async def results_of(self, fleet, run_id, *, within=30):
        async with asyncio.timeout(within):
            return [result async for result in fleet.results(run_id)]

    def judged(self, results, *, window=1.9):
        """Hold results against the books: what is wrong of them, and whether anything was started twice."""
        check = BooksCheck(self.emulator, expected=0, window=window)
        for result in results:
            check.add(result)
        return check.wrong, self.emulator.counters.duplicate_posts

    async def query(self, statement, *values):
        """What the database answers, row by row."""
        import psycopg

        async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
            rows = await connection.execute(statement, values)
            return await rows.fetchall() if rows.description is not None else []


@pytest.fixture
async def make_yard(fleet_database):
    async with AsyncExitStack() as stack:

        def make(**options):
            options = {"sync_times": QUICK_SYNCS, **options}
            return Yard(Emulator(**options), fleet_database, stack)

        yield make
