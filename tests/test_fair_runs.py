"""Organizations of one bulk run take turns: a small one is not held up by a large one."""

import asyncio
import random

import pytest

from packcloud_async import PollPolicy, RateLimit, SyncKind, SyncTarget
from packcloud_async._io.turns import WAITING_BELOW, FairSlots
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async.emulator import FaultPlan, SyncTimes

from .support.shop import STEADY, open_shop

ORDERS, STOCKS = SyncKind.ORDERS, SyncKind.STOCKS
SOME = tuple(f"int_{number}" for number in range(1, 3))


async def seconds_until_done(targets, *, integrations=1_000, client=None, **options):
    """Sync on a server that takes a tenth of a second, and return when each organization was done."""
    done, began = {}, asyncio.get_running_loop().time()
    faults, times = FaultPlan(latency=0.1), SyncTimes(median=1.5, spread=0.0)
    world = {"organizations": 3, "integrations": integrations, "faults": faults, "sync_times": times}
    async with open_shop(client=client, **world) as shop:
        run = shop.client.sync_many(targets, kinds={ORDERS}, poll=STEADY, **options)
        async with run:
            async for result in run:
                done[result.organization_id] = asyncio.get_running_loop().time() - began
    return done


SMALL, LARGE = SyncTarget("org_2", SOME), "org_1"


@pytest.mark.parametrize("client", [None, {"rate_limit": RateLimit(50)}], ids=["slots alone", "a rate limit"])
async def test_a_small_organization_is_done_about_as_soon_as_if_it_were_alone(client):
    alone = await seconds_until_done([SMALL], client=client, max_in_flight=10)
    beside = await seconds_until_done([LARGE, SMALL], client=client, max_in_flight=10)
    assert beside["org_1"] > 8 * alone["org_2"]
    # A turn of the large one for each of its own, and what had its turn already and waits for the budget.
    assert beside["org_2"] < alone["org_2"] + 1


async def test_weights_share_the_requests():
    fired = {"org_1": [], "org_2": []}
    faults = FaultPlan(latency=0.1)
    async with open_shop(organizations=2, integrations=400, faults=faults) as shop:
        heavy, light = SyncTarget("org_1", weight=3), SyncTarget("org_2", weight=1)
        async with shop.client.sync_many([light, heavy], kinds={STOCKS}, max_in_flight=8) as run:
            async for _ in run:
                pass
    for sent in shop.transport.sent:
        if sent.method == "POST":
            fired[sent.path.split("/")[0]].append(sent.at)
    until = fired["org_1"][-1]
    meanwhile = len([at for at in fired["org_2"] if at <= until])
    assert 400 / meanwhile == pytest.approx(3, rel=0.15)


async def test_posts_go_before_reads_and_reads_before_new_organizations():
    order = []

    async def note(request, send):
        is_listing = request.url.endswith("/integrations")
        order.append("listing" if is_listing else "POST" if request.method == "POST" else "read")
        return await send(request)

    poll = PollPolicy(first=0.5, growth=1.2, ceiling=0.5, deadline=30, jitter=0)
    world = {"organizations": 12, "integrations": 1, "faults": FaultPlan(latency=0.3), "step_in": note}
    async with open_shop(**world) as shop:
        targets = [SyncTarget(org, ["int_1"]) for org in shop.emulator.organization_ids[:4]]
        targets += shop.emulator.organization_ids[4:]
        async with shop.client.sync_many(targets, kinds={ORDERS}, poll=poll, max_in_flight=1) as run:
            results = [result async for result in run]
    assert len(results) == 12
    # Whoever comes first to an idle client goes first. Then the baselines of the four and their POSTs, while seven
    # listings wait, but for every eighth turn.
    assert order[0] == "listing"
    assert order[1:10].count("listing") == 1
    assert order[1:10].count("POST") == 4


async def test_results_that_nobody_takes_hold_back_the_firing(monkeypatch):
    monkeypatch.setattr("packcloud_async.results.UNREAD_RESULTS_ALLOWED", 10)
    async with (
        open_shop(organizations=1, integrations=3_000, per_page=100) as shop,
        shop.client.sync_many(["org_1"], kinds={STOCKS}, max_in_flight=20) as run,
    ):
        await asyncio.sleep(1_000)
        assert run.report.integrations <= 10 + 2 * 20 + 16 + 1
        assert shop.transport.count("POST") <= 10 + 2 * 20 + 16 + 1
        assert len([result async for result in run]) == 3_000


@pytest.mark.parametrize("weight", [1, 10, 100])
async def test_they_hold_it_back_whatever_the_weight(weight, monkeypatch):
    monkeypatch.setattr("packcloud_async.results.UNREAD_RESULTS_ALLOWED", 10)
    async with open_shop(organizations=20, integrations=50, per_page=100, faults=FaultPlan(latency=0.1)) as shop:
        targets = [SyncTarget(id_, weight=weight) for id_ in shop.emulator.organization_ids]
        async with shop.client.sync_many(targets, kinds={STOCKS}, max_in_flight=20) as run:
            await asyncio.sleep(1_000)
            # Those that were sent when the eleventh came still end.
            assert run.report.integrations <= 10 + 20 + 1
            assert len([result async for result in run]) == 20 * 50


@pytest.mark.parametrize("kinds", [{STOCKS, ORDERS}, set(SyncKind)], ids=len)
@pytest.mark.parametrize("allowed", [10, 11, 12, 13])
async def test_no_post_of_a_job_that_was_begun_waits_for_a_reader(allowed, kinds, monkeypatch):
    """The reader may be waiting for just that sync."""
    monkeypatch.setattr("packcloud_async.results.UNREAD_RESULTS_ALLOWED", allowed)
    poll = PollPolicy(first=1, deadline=2, jitter=0)
    async with open_shop(organizations=4, integrations=40, per_page=100, faults=FaultPlan(latency=0.1)) as shop:
        ids = shop.emulator.organization_ids
        async with shop.client.sync_many(ids, kinds=kinds, poll=poll, max_in_flight=5) as run:
            await anext(run)
            await asyncio.sleep(500)
            async with asyncio.timeout(10_000):
                for id_ in ids:
                    for number in range(1, 41):
                        await shop.client.organization(id_).sync(f"int_{number}", *kinds, poll=poll)
            assert len([result async for result in run]) == 4 * 40 - 1


async def test_ten_thousand_jobs_need_no_task_each():
    most = 0
    async with open_shop(organizations=100, integrations=100, per_page=100) as shop:
        poll = PollPolicy(first=500, ceiling=500, deadline=1_000)
        async with shop.client.sync_many(shop.emulator.organization_ids, kinds={ORDERS}, poll=poll) as run:
            while run.report.integrations < 10_000:
                most = max(most, len(asyncio.all_tasks()))
                await asyncio.sleep(0.01 if shop.transport.count("POST") < 10_000 else 100)
    # Two for each organization under way, one for each job that is being fired, and what these send.
    assert most < 2 * 100 + 3 * 100 + 100


class TestFairSlots:
    async def test_so_many_at_once_and_no_more(self):
        slots, under_way, most = FairSlots(3), 0, 0

        async def hold(flow):
            nonlocal under_way, most
            turn = await slots.take(flow, Urgency.READ, 1.0)
            under_way += 1
            most = max(most, under_way)
            turn.leave()
            await asyncio.sleep(1)
            under_way -= 1
            turn.end()

        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(hold(number % 4))
        assert most == 3
        assert asyncio.get_running_loop().time() == 7

    async def test_what_has_not_left_keeps_others_back_but_for_a_few(self):
        slots = FairSlots(1_000)
        turns = [await slots.take("a", Urgency.READ, 1.0) for _ in range(WAITING_BELOW)]
        late = asyncio.create_task(slots.take("b", Urgency.READ, 1.0))
        await asyncio.sleep(10)
        assert not late.done()
        turns[0].leave()
        turns[0].leave()
        await asyncio.sleep(0)
        assert late.done()
        other = asyncio.create_task(slots.take("b", Urgency.READ, 1.0))
        await asyncio.sleep(10)
        assert not other.done()
        turns[1].end()
        await other

    @pytest.mark.parametrize("seed", range(30))
    async def test_cancelling_loses_no_slot(self, seed):
        draw, slots = random.Random(seed), FairSlots(4)

        async def hold(flow):
            turn = await slots.take(flow, Urgency(draw.randrange(3)), draw.choice([0.5, 1.0, 3.0]))
            try:
                await asyncio.sleep(draw.random() / 4)
                if draw.random() < 0.5:
                    turn.leave()
                await asyncio.sleep(draw.random() / 4)
            finally:
                turn.end()

        tasks = [asyncio.create_task(hold(number % 5)) for number in range(60)]
        for task in draw.sample(tasks, 25):
            await asyncio.sleep(draw.choice([0.0, 0.05]))
            task.cancel()
        await asyncio.wait(tasks)
        # All four are free again.
        async with asyncio.timeout(1):
            for _ in range(4):
                await slots.take("last", Urgency.ACT, 1.0)

    async def test_a_turn_given_in_the_moment_of_a_cancellation_is_the_next_ones(self):
        slots = FairSlots(1)
        first = await slots.take("a", Urgency.READ, 1.0)
        second = asyncio.create_task(slots.take("b", Urgency.READ, 1.0))
        third = asyncio.create_task(slots.take("c", Urgency.READ, 1.0))
        await asyncio.sleep(0)
        first.end()
        second.cancel()
        async with asyncio.timeout(1):
            await third
        assert second.cancelled()


@pytest.mark.parametrize("weight", [0, 0.001, 101, "1", True, None], ids=repr)
def test_an_unusable_weight_is_named(weight):
    with pytest.raises(ValueError, match=r"SyncTarget.weight must be a number from 0.01 to 100"):
        SyncTarget("org_1", weight=weight)
