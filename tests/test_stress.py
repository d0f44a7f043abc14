"""Jobs that are cancelled, cancelled again, awaited again and resumed at random instants, under random faults.

Whatever happens: every job ends, no sync is started twice, no outcome contradicts the emulator's books, and nothing
is left.
"""

import asyncio
import contextlib
import random

import pytest

from packcloud_async import AsyncSyncJob, Outcome, PackCloudError, PollPolicy, RetryPolicy, SyncKind
from packcloud_async.emulator import FaultPlan, SyncTimes

from .support.shop import open_shop

KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
POLL = PollPolicy(first=0.5, deadline=30, gone_after=5)
INTEGRATIONS = [(f"org_{org}", f"int_{number}") for org in (1, 2) for number in range(1, 13)]


def faults(draw):
    often = dict.fromkeys(
        ["refuse", "drop_before", "drop_after", "rate_limited", "server_error", "truncate", "bad_json"], 0.03
    )
    return FaultPlan(latency=draw.choice([0, 0.05]), latency_spread=draw.choice([0, 0.3]), retry_after=0.5, **often)


async def run(job):
    return await job


async def disturb(job, draw):
    """Await a job, cancel whoever awaits it at some instant, perhaps twice, and perhaps go on from its token."""
    waiting = asyncio.create_task(run(job))
    await asyncio.wait([waiting], timeout=draw.choice([0, draw.random() * 2, draw.random() * 20]))
    waiting.cancel()
    for _ in range(draw.randint(0, 4)):
        await asyncio.sleep(0)
    if draw.random() < 0.3:
        waiting.cancel()
    await asyncio.wait([waiting])
    if not waiting.cancelled():
        waiting.exception()


@pytest.mark.parametrize("workers", [1, 2, 6])
@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_cancelled_every_job_ends_right(seed, workers):
    draw = random.Random(seed * 10 + workers)
    random.seed(seed)
    options = {"retry": RetryPolicy(attempts=6, first=0.1)}
    times = SyncTimes(median=3, spread=2, finds_nothing=0.3)
    async with open_shop(
        organizations=2, integrations=12, seed=seed, faults=faults(draw), client=options, sync_times=times
    ) as shop:
        results = {}

        async def sync(organization_id, integration_id):
            job = AsyncSyncJob(shop.client, organization_id, integration_id, kinds=KINDS, poll=POLL)
            for _ in range(draw.randint(0, 3)):
                await disturb(job, draw)
                if draw.random() < 0.4:
                    job = AsyncSyncJob.resume(shop.client, job.token)
            # A baseline that cannot be read is an error, and nothing was sent.
            with contextlib.suppress(PackCloudError):
                async with asyncio.timeout(5_000):
                    results[organization_id, integration_id] = await job

        async def work(share):
            for place in share:
                await sync(*place)
                await asyncio.sleep(draw.choice([0, 0, draw.random()]))

        async with asyncio.TaskGroup() as group:
            for worker in range(workers):
                group.create_task(work(INTEGRATIONS[worker::workers]))

        assert len(results) > len(INTEGRATIONS) / 2
        assert shop.emulator.counters.duplicate_posts == 0
        for place, result in results.items():
            for kind in KINDS:
                accepted = shop.emulator.books.of(*place, kind)
                if result[kind].state in {Outcome.QUIET, Outcome.ADVANCED}:
                    assert len(accepted) == 1
                if result[kind].state is Outcome.REJECTED:
                    assert not accepted
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
