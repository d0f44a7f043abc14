"""No callback keeps the loop for 100 ms, on a list of 1,000 integrations.

Counted is the CPU time of each callback, of which the least of three runs counts: the rest is the machine's.
"""

import asyncio
import contextlib
import gc

import pytest

from packcloud_async import AsyncSyncJob, PackCloudClient, PollPolicy, SqliteLedger, SyncKind
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes

from ..support.handle_times import TimedLoop

MANY = 1_000
LIMIT = 0.1
RUNS = 3
POLL = PollPolicy(first=1, growth=1.5, ceiling=5, deadline=20, jitter=0)


def shop(**options):
    return Emulator(
        organizations=1,
        integrations=MANY,
        per_page=MANY,
        sync_times=SyncTimes(median=3, spread=2, finds_nothing=0.3),
        faults=FaultPlan(latency=0.01),
        **options,
    )


class OutsideTheCount:
    """A transport whose work is not counted: in life it is the server's."""

    def __init__(self, inner):
        self.inner = inner

    async def send(self, request):
        loop = asyncio.get_running_loop()
        return await loop.uncounted(self.inner.send(request))

    async def aclose(self):
        await self.inner.aclose()


async def a_page(client, path):
    assert len([item async for item in client.organization("org_1").integrations.list()]) == MANY


async def watching(client, path):
    """Jobs of everything, watched together: most of it is told by one page."""
    names = [item.id async for item in client.organization("org_1").integrations.list()]
    jobs = [
        AsyncSyncJob(client, "org_1", name, kinds={SyncKind.ORDERS, SyncKind.PRODUCTS}, poll=POLL) for name in names
    ]
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(_awaited(job))


async def _awaited(job):
    await job


async def sync_many(client, path):
    async with client.sync_many(["org_1"], kinds={SyncKind.ORDERS, SyncKind.PRODUCTS}, poll=POLL) as run:
        assert len([result async for result in run]) == MANY
    assert run.report.finished
    assert str(run.report)


async def sync_many_with_a_ledger(client, path):
    ledger = SqliteLedger(path, survives_power_cut=False)
    async with client.sync_many(["org_1"], kinds={SyncKind.ORDERS, SyncKind.PRODUCTS}, poll=POLL, ledger=ledger) as run:
        assert len([result async for result in run]) == MANY


async def resuming(client, path):
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2.5):
            await sync_many_with_a_ledger(client, path)
    asyncio.get_running_loop().begin()
    async with client.resume_many(SqliteLedger(path, survives_power_cut=False)) as run:
        assert len([result async for result in run]) > MANY / 2


@contextlib.contextmanager
def uncollected():
    """Without the garbage collector, which looks at the whole test run in whatever callback it comes to."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "act", [a_page, watching, sync_many, sync_many_with_a_ledger, resuming], ids=lambda act: act.__name__
)
def test_no_callback_keeps_the_loop_for_long(act, tmp_path):
    async def measured(number):
        emulator = shop()
        transport = OutsideTheCount(emulator.transport())
        async with PackCloudClient(token=emulator.token, transport=transport, probes={}) as client:
            loop = asyncio.get_running_loop()
            loop.begin()
            await act(client, tmp_path / f"{number}.sqlite")
            # The callback that is running has not been counted yet.
            await asyncio.sleep(0)
            return loop.longest()

    longest = []
    for number in range(RUNS):
        with uncollected(), asyncio.Runner(loop_factory=TimedLoop) as runner:
            longest.append(runner.run(measured(number)))
        if longest[-1][0] < LIMIT:
            return
    raise AssertionError(longest)
