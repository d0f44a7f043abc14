"""Reads that wait for their turn, on virtual time: until beyond a deadline, or while those they are for come and go."""

import asyncio
import json

import pytest

from packcloud_async import Outcome, PackCloudClient, PollPolicy, RateLimit, Response, SyncKind

from .io.connecting import INTEGRATION

ORDERS = SyncKind.ORDERS
BEFORE, AFTER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


class Shop:
    """Shows news from an instant on; refuses another organization once; fails the first read after another instant."""

    def __init__(self, *, news_at, fails_after, integrations=1):
        self.news_at, self.fails_after, self.integrations = news_at, fails_after, integrations
        self.refused = self.failed = False
        self.failures = []

    async def send(self, request):
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(0.05)
        if request.method == "POST":
            return Response(202, {}, b"{}")
        if "/org_b/" in request.url:
            if not self.refused:
                self.refused = True
                return Response(429, {"retry-after": "5"}, b"{}")
        elif now > self.fails_after and not self.failed:
            self.failed = True
            self.failures.append(now)
            return Response(503, {}, b"{}")
        mark = AFTER if now > self.news_at else BEFORE
        shown = [
            {**INTEGRATION, "id": f"int_{n}", "order_sync_updated_at": mark} for n in range(1, self.integrations + 1)
        ]
        is_one = "/integrations/" in request.url
        document = {"data": shown[0] if is_one else shown, "links": {"next": None}}
        return Response(200, {}, json.dumps(document).encode())

    async def aclose(self):
        pass


async def _pause(client, at):
    """Meet a refusal at an instant, for which everything pauses five seconds."""
    await asyncio.sleep(at)
    await client.organization("org_b").integrations.get("int_1")


@pytest.mark.parametrize("integrations", [1, 10])
async def test_a_read_without_retries_is_no_last_look_although_it_left_after_the_deadline(integrations):
    """It was planned before: its failure is told as of then, and the last look is made with retries."""
    shop = Shop(news_at=9.8, fails_after=10, integrations=integrations)
    poll = PollPolicy(first=1.9, growth=1.0001, ceiling=1.9, jitter=0, deadline=10)
    async with PackCloudClient(token="t", transport=shop, rate_limit=RateLimit(100)) as client:
        pausing = asyncio.create_task(_pause(client, 9.0))
        async with client.sync_many(["org_a"], kinds={ORDERS}, poll=poll) as run:
            states = [result[ORDERS].state async for result in run]
        await pausing
    assert len(shop.failures) == 1
    assert states == [Outcome.ADVANCED] * integrations


async def test_a_job_that_a_dying_read_took_along_is_read_again():
    shop = Shop(news_at=1e9, fails_after=1e9, integrations=3)
    poll = PollPolicy(first=3, jitter=0, deadline=100)
    async with PackCloudClient(token="t", transport=shop, rate_limit=RateLimit(100)) as client:
        jobs = [client.organization("org_a").sync_job(f"int_{n}", ORDERS, poll=poll) for n in (1, 2, 3)]
        for job in jobs:
            await job.fire()
        client.watch_of("org_a").known.pages = 1
        others = [asyncio.create_task(job.wait()) for job in jobs[:2]]
        pausing = asyncio.create_task(_pause(client, 2.0))
        await asyncio.sleep(4)
        for other in others:
            other.cancel()
        async with asyncio.timeout(1_000):
            result = await jobs[2].wait()
        await asyncio.wait([*others, pausing])
    assert result[ORDERS].state is Outcome.QUIET
