"""Hints: a read comes forward because somebody knows of news; none ever comes later for it."""

import asyncio
from itertools import pairwise

import attrs
import pytest

from packcloud_async import (
    ClientStateError,
    ConfigurationError,
    Outcome,
    PollPolicy,
    RateLimit,
    ReadMade,
    RetryPolicy,
    SyncKind,
)
from packcloud_async.emulator import FaultPlan

from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS = SyncKind.ORDERS, SyncKind.PRODUCTS
# Reads at 10, 20, 40, 80, 140, 200 and 240, where the window ends.
SLOW = PollPolicy(first=10, growth=2, ceiling=60, deadline=240, jitter=0, gone_after=10)


def moving(shop, *moves, kind=ORDERS, integration="int_1"):
    shop.emulator.plan_sync("org_1", integration, kind, moves=list(moves), takes=None if moves else 1)


async def hint_at(shop, *instants, integration="int_1"):
    told = []
    for instant in instants:
        await asyncio.sleep(instant - asyncio.get_running_loop().time())
        told.append(shop.org.hint(integration))
    return told


async def synced_with_hints(shop, *instants, poll=SLOW, kinds=(ORDERS,)):
    async with asyncio.timeout(1000), asyncio.TaskGroup() as group:
        syncing = group.create_task(shop.org.sync("int_1", *kinds, poll=poll))
        group.create_task(hint_at(shop, *instants))
    return syncing.result()


def reads(shop, integration="int_1"):
    """When the integration was read, the baseline left out."""
    return shop.transport.times("GET", integration)[1:]


async def test_a_hint_makes_the_next_read_due_now():
    async with open_shop() as shop:
        moving(shop, (23.0, None))
        result = await synced_with_hints(shop, 23.5)
        assert reads(shop) == pytest.approx([10, 20, 23.5])
    assert result[ORDERS].seen_at == pytest.approx(23.5)


async def test_after_a_hint_no_read_is_later_than_it_would_have_been():
    async with open_shop() as shop:
        moving(shop)
        await synced_with_hints(shop, 39, 75)
        # Without hints at 10, 20, 40, 80 and 140; after the hints the next would have been at 78 and 135.
        assert reads(shop) == pytest.approx([10, 20, 39, 40, 75, 80, 140, 200, 240])


async def test_a_hint_long_after_another_is_bounded_too():
    async with open_shop() as shop:
        moving(shop)
        await synced_with_hints(shop, 5, 39, 70, 79)
        read = reads(shop)
    for due in (10, 40, 80, 240):
        assert due in [pytest.approx(at) for at in read]


async def test_many_hints_at_once_are_one_read_and_bound_the_next():
    async with open_shop() as shop:
        moving(shop)
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.org.sync("int_1", ORDERS, poll=SLOW))
            await asyncio.sleep(39)
            assert [shop.org.hint("int_1") for _ in range(50)] == [True] * 50
        assert reads(shop)[:4] == pytest.approx([10, 20, 39, 40])


async def test_hints_while_a_read_is_under_way_make_one_more():
    async with open_shop(faults=FaultPlan(routes={"integration"}, latency=2)) as shop:
        # The baseline takes two seconds; the read of 12 answers at 14, and without a hint the next is at 26.
        moving(shop)
        await synced_with_hints(shop, 12.5, 13, 13.5)
        assert reads(shop)[:3] == pytest.approx([12, 14, 26])


async def test_a_hint_while_a_run_reads_its_list_makes_one_more_read():
    async with open_shop(organizations=1, integrations=3, faults=FaultPlan(routes={"integrations"}, latency=2)) as shop:
        # The listing takes two seconds; the read of 12 answers at 14, and without a hint the next is at 26.
        for name in ("int_1", "int_2", "int_3"):
            moving(shop, (15.0, None), integration=name)
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=SLOW) as run:
            assert await hint_at(shop, 13) == [True]
            async for _ in run:
                pass
        assert sorted({sent.at for sent in shop.transport.sent if sent.method == "GET"}) == [0, 12, 14, 26]


async def test_a_hint_during_a_read_brings_news_that_the_read_was_too_early_for():
    async with open_shop(faults=FaultPlan(routes={"integration"}, latency=2)) as shop:
        moving(shop, (11.0, None))
        result = await synced_with_hints(shop, 13.5)
    assert result[ORDERS].seen_at == pytest.approx(16)


@pytest.mark.parametrize(
    "instants", [[13], [11, 13], [21, 23, 24, 35], [41], [50, 51], [79, 80, 80.5], [230, 231]], ids=str
)
async def test_with_slow_reads_no_read_is_later_either(instants):
    async def reads_of(*hints):
        async with open_shop(faults=FaultPlan(routes={"integration"}, latency=2)) as shop:
            moving(shop)
            await synced_with_hints(shop, *hints)
            return reads(shop)

    read = await reads_of(*instants)
    for hint in instants:
        # Until the next read that there would have been without this hint there are two: the hinted one and one more,
        # which may have to wait for the end of the hinted one.
        without = await reads_of(*[other for other in instants if other < hint])
        usual = next(at for at in without if at > hint)
        assert len([at for at in read if hint <= at <= usual + 2]) >= 2


@pytest.mark.parametrize("hint", [239, 239.99, 240])
async def test_the_window_still_ends_with_a_look_that_is_repeated_when_it_fails(hint):
    async def fail_at_the_end(request, send):
        response = await send(request)
        if request.method == "GET" and asyncio.get_running_loop().time() == 240:
            return attrs.evolve(response, status=500)
        return response

    async with open_shop(step_in=fail_at_the_end, client={"retry": RetryPolicy(first=0.5)}) as shop:
        moving(shop)
        result = await synced_with_hints(shop, hint)
    assert result[ORDERS].state is Outcome.QUIET
    assert 240 < result.elapsed < 241


async def test_the_last_look_is_repeated_when_a_late_answer_and_a_hint_come_before_it():
    async def slow_and_then_failing(request, send):
        now = asyncio.get_running_loop().time()
        response = await send(request)
        if request.method == "GET" and now == 200:
            await asyncio.sleep(45)
        return attrs.evolve(response, status=500) if now == 245 else response

    async with open_shop(step_in=slow_and_then_failing, client={"retry": RetryPolicy(first=0.5)}) as shop:
        moving(shop)
        result = await synced_with_hints(shop, 220)
    assert result[ORDERS].state is Outcome.QUIET
    assert reads(shop)[-2] == 245


async def test_a_hint_for_what_nobody_watches_is_told_so_and_kept_nowhere():
    async with open_shop() as shop:
        moving(shop)
        assert shop.org.hint("int_1") is False
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.org.sync("int_1", ORDERS, poll=SLOW))
            await asyncio.sleep(5)
            assert shop.org.hint("int_2") is False
            assert shop.client.organization("org_2").hint("int_1") is False
            assert shop.org.hint("int_1") is True
        assert reads(shop)[:2] == pytest.approx([5, 10])
        assert shop.org.hint("int_1") is False


async def test_an_unusable_id_and_a_closed_client_are_refused():
    async with open_shop() as shop:
        with pytest.raises(ConfigurationError, match="integration_id"):
            shop.org.hint("")
    with pytest.raises(ClientStateError, match="closed"):
        shop.org.hint("int_1")


async def test_a_fired_job_is_not_watched_until_it_is_awaited():
    async with open_shop() as shop:
        job = shop.org.sync_job("int_1", ORDERS, poll=SLOW)
        await job.fire()
        assert shop.org.hint("int_1") is False
        events = job.events()
        while not isinstance(await anext(events), ReadMade):
            pass
        assert shop.org.hint("int_1") is False


async def test_one_read_serves_every_job_of_the_integration():
    async with open_shop() as shop:
        for kind in (ORDERS, PRODUCTS):
            moving(shop, (12.0, None), kind=kind)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(shop.org.sync("int_1", kind, poll=SLOW)) for kind in (ORDERS, PRODUCTS)]
            group.create_task(hint_at(shop, 12.5))
        # The second baseline is no hinted read.
        assert reads(shop)[1:] == pytest.approx([10, 12.5])
    assert [task.result()[kind].seen_at for task, kind in zip(tasks, (ORDERS, PRODUCTS), strict=True)] == [12.5, 12.5]


async def test_hints_for_many_are_one_walk_of_the_list():
    names = [f"int_{number}" for number in range(1, 31)]
    async with open_shop(integrations=30) as shop:
        for name in names:
            moving(shop, (12.0, None), integration=name)
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=SLOW) as run:

            async def hint_all():
                await asyncio.sleep(12.5)
                return [shop.org.hint(name) for name in names]

            hinting = asyncio.create_task(hint_all())
            results = [result async for result in run]
            assert await hinting == [True] * 30
    assert {result[ORDERS].seen_at for result in results} == {12.5}
    assert shop.transport.times("GET", "/integrations") == pytest.approx([0, 0, 10, 10, 12.5, 12.5])
    assert shop.transport.count("GET") == 6


async def test_a_hinted_read_brings_along_what_may_come_early():
    async with open_shop() as shop:
        for name in ("int_1", "int_2"):
            moving(shop, (31.0, None), integration=name)
        async with asyncio.TaskGroup() as group:
            for name in ("int_1", "int_2"):
                group.create_task(shop.org.sync(name, ORDERS, poll=SLOW))
            group.create_task(hint_at(shop, 30))
            group.create_task(hint_at(shop, 36))
        # The slack of a read due at 40, decided at 20, begins at 35.
        assert reads(shop, "int_2") == pytest.approx([10, 20, 36])


async def test_a_hinted_read_of_a_run_brings_along_only_what_may_come_early():
    async with open_shop(organizations=1, integrations=2, per_page=1) as shop:
        for name in ("int_1", "int_2"):
            moving(shop, integration=name)
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=SLOW) as run:
            await hint_at(shop, 32)
            async for _ in run:
                pass
        # The slack of the read due at 40, decided at 20, begins at 35: int_2, on the second page, is not read at 32.
        read = [sent.at for sent in shop.transport.sent if sent.method == "GET"]
        assert (read.count(20), read.count(32), read.count(40)) == (2, 1, 2)


async def test_hints_stay_within_the_request_budget():
    limit = RateLimit(1, per=1, burst=1)
    async with open_shop(client={"rate_limit": limit}) as shop:
        moving(shop, (60.0, None))
        result = await synced_with_hints(shop, *[20 + n / 10 for n in range(300)])
        sent = [request.at for request in shop.transport.sent]
    assert result[ORDERS].state is Outcome.ADVANCED
    assert min(later - at for at, later in pairwise(sent)) >= 1 - 1e-6
    assert len(sent) > 25


async def test_hints_do_not_make_an_integration_gone_sooner():
    async with open_shop() as shop:
        moving(shop)
        poll = attrs.evolve(STEADY, gone_after=10)
        async with asyncio.TaskGroup() as group:
            syncing = group.create_task(shop.org.sync("int_1", ORDERS, poll=poll))
            await asyncio.sleep(5)
            shop.emulator.delete("org_1", "int_1")
            group.create_task(hint_at(shop, 5.5, 6, 8, 12))
        result = syncing.result()
    assert result[ORDERS].state is Outcome.GONE
    assert result.elapsed == pytest.approx(15.5)
