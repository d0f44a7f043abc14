"""Single flight: two jobs of one client for the same integration and kind send one POST, and both get its result."""

import asyncio
import contextlib
import gc
import random
from collections import Counter
from urllib.parse import urlsplit

import attrs
import pytest
from attrs import define, field

from packcloud_async import (
    AsyncSyncJob,
    BaselineRead,
    ClientStateError,
    Conflict,
    Finished,
    Fired,
    OnConflict,
    Outcome,
    PackCloudError,
    PollPolicy,
    ReadMade,
    RetryPolicy,
    SyncKind,
    SyncTarget,
    TransportError,
    ValidationFailed,
)
from packcloud_async.emulator import FaultPlan, SyncTimes

from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind


@define
class OnePostAtATime:
    """Steps in and notes how many POSTs for one integration and kind were under way at once."""

    under_way: Counter = field(factory=Counter)
    most: int = 0

    async def __call__(self, request, send):
        if request.method != "POST":
            return await send(request)
        path = urlsplit(request.url).path
        self.under_way[path] += 1
        self.most = max(self.most, self.under_way[path])
        try:
            return await send(request)
        finally:
            self.under_way[path] -= 1


def moving(shop, *moves, kind=ORDERS, integration="int_1"):
    shop.emulator.plan_sync("org_1", integration, kind, moves=list(moves), takes=None if moves else 1)


def posts(shop, kind=ORDERS, integration="int_1"):
    return shop.transport.count("POST", f"{integration}/{kind.value.replace('_', '-')}/sync")


def told(result, kind=ORDERS):
    outcome = result[kind]
    return outcome.state, outcome.before, outcome.after, [step.after for step in outcome.steps]


async def run(job):
    return await job


# Every way to start one


async def by_job(shop):
    return await AsyncSyncJob(shop.client, "org_1", "int_1", kinds={ORDERS}, poll=STEADY)


async def by_sync(shop):
    return await shop.org.sync("int_1", ORDERS, poll=STEADY)


async def by_events(shop):
    events = [event async for event in shop.org.sync_job("int_1", ORDERS, poll=STEADY).events()]
    assert isinstance(events[-1], Finished)
    return events[-1].result


async def by_run(shop):
    async with shop.client.sync_many([SyncTarget("org_1", ["int_1"])], kinds={ORDERS}, poll=STEADY) as run:
        (result,) = [result async for result in run]
    return result


async def by_listing(shop):
    async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
        results = {result.integration_id: result async for result in run}
    return results["int_1"]


async def by_token(shop):
    """Go on with the job of another process that has read its baseline and sent nothing."""
    async with shop.connect() as before:
        job = AsyncSyncJob(before, "org_1", "int_1", kinds={ORDERS}, poll=STEADY)
        assert isinstance(await anext(job.events()), BaselineRead)
    return await AsyncSyncJob.resume(shop.client, job.token)


WAYS = [by_job, by_sync, by_events, by_run, by_listing, by_token]


@pytest.mark.parametrize("gap", [0.0, 0.25, 0.75, 2.5, 5.5], ids="after {}s".format)
@pytest.mark.parametrize("second", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("first", WAYS, ids=lambda way: way.__name__)
async def test_two_that_overlap_send_one_post(first, second, gap):
    # A request takes half a second, so the gaps fall into the baseline, the POST, and twice into the watch.
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
        for integration in ("int_1", "int_2", "int_3", "int_4"):
            moving(shop, (6.0, "2026-03-01T10:00:00Z"), integration=integration)
        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            one = group.create_task(first(shop))
            await asyncio.sleep(gap)
            began = asyncio.get_running_loop().time()
            other = group.create_task(second(shop))
    assert posts(shop) == 1
    assert told(one.result()) == told(other.result())
    assert other.result()[ORDERS].state is Outcome.ADVANCED
    # In its own seconds: after the move, which came 6 s after a POST sent at 0.5 or 1.0, and at most one wait later.
    assert 6.5 <= began + other.result()[ORDERS].seen_at < 13


@pytest.mark.parametrize("count", [3, 10])
async def test_any_number_send_one_post(count):
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
        moving(shop, (6.0, None))
        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            tasks = []
            for _ in range(count):
                tasks.append(group.create_task(by_job(shop)))
                await asyncio.sleep(0.3)
    assert posts(shop) == 1
    assert {str(told(task.result())) for task in tasks} == {str(told(tasks[0].result()))}


async def test_the_same_organization_twice_in_a_run_sends_one_post_for_each():
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
        for integration in ("int_1", "int_2", "int_3", "int_4"):
            moving(shop, (6.0, None), integration=integration)
        async with shop.client.sync_many(["org_1", "org_1"], kinds={ORDERS}, poll=STEADY) as run:
            results = [result async for result in run]
    assert shop.transport.count("POST") == 4
    assert len(results) == 8
    assert {result[ORDERS].state for result in results} == {Outcome.ADVANCED}


async def test_one_that_joins_a_watch_reads_no_baseline_and_its_events_say_that_it_shares():
    async with open_shop() as shop:
        moving(shop, (1.5, None), (6.0, None))
        patient = attrs.evolve(STEADY, settle=20)
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.org.sync("int_1", ORDERS, poll=patient))
            await asyncio.sleep(2.5)
            reads = shop.transport.count("GET")
            events = [event async for event in shop.org.sync_job("int_1", ORDERS, poll=patient).events()]
            assert shop.transport.count("GET") > reads
    fired, *_, finished = events
    assert (type(fired), fired.shared, fired.error) == (Fired, True, None)
    first, second = finished.result[ORDERS].steps
    # The first step is older than the job, the second was seen by it.
    assert (first.seen_at, first.before, first.after) == (0, None, second.before)
    assert second.seen_at > 3
    assert len([event for event in events if type(event).__name__ == "Advanced"]) == 2


@pytest.mark.parametrize("order", ["narrow first", "wide first"])
@pytest.mark.parametrize("gap", [0.0, 0.25, 0.75, 2.5])
async def test_kinds_that_overlap_partly_are_sent_once_each(order, gap):
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
        for kind in (ORDERS, PRODUCTS):
            moving(shop, (4.0, None), kind=kind)
        kinds = [(ORDERS,), (ORDERS, PRODUCTS)]
        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            tasks = []
            for own in kinds if order == "narrow first" else reversed(kinds):
                tasks.append(group.create_task(shop.org.sync("int_1", *own, poll=STEADY)))
                await asyncio.sleep(gap)
    assert (posts(shop, ORDERS), posts(shop, PRODUCTS)) == (1, 1)
    assert told(tasks[0].result()) == told(tasks[1].result())
    for task in tasks:
        assert {outcome.state for outcome in task.result().kinds.values()} == {Outcome.ADVANCED}


async def test_one_kind_is_shared_as_soon_as_it_is_answered():
    async def slow_products(request, send):
        await asyncio.sleep(30 if request.url.endswith("products/sync") else 0.5)
        return await send(request)

    async with open_shop(step_in=slow_products) as shop, asyncio.TaskGroup() as group:
        group.create_task(shop.org.sync("int_1", ORDERS, PRODUCTS, poll=STEADY))
        other = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        await other.fire()
        assert asyncio.get_running_loop().time() == 1
        group.create_task(run(other))
    assert (posts(shop, ORDERS), posts(shop, PRODUCTS)) == (1, 1)


async def test_a_baseline_that_is_given_is_not_needed_by_one_that_shares():
    async with open_shop() as shop:
        baseline = await shop.org.integrations.get("int_1")
        moving(shop, (1.5, None))
        job = shop.org.sync_job("int_1", ORDERS, poll=attrs.evolve(STEADY, settle=20))
        async with asyncio.TaskGroup() as group:
            group.create_task(run(job))
            await asyncio.sleep(3)
            # The first one has seen news since, which is not to be taken for news a second time.
            late = shop.org.sync_job("int_1", ORDERS, poll=STEADY, baseline=baseline)
            events = [event async for event in late.events()]
    assert isinstance(events[0], Fired)
    assert [step.seen_at for step in events[-1].result[ORDERS].steps] == [0]


async def test_jobs_that_each_hold_what_the_other_wants_do_not_wait_for_ever():
    async def slow_products(request, send):
        if request.url.endswith("products/sync"):
            await asyncio.sleep(3)
        return await send(request)

    async with open_shop(step_in=slow_products, faults=FaultPlan(latency=0.5)) as shop:
        kinds = [(ORDERS, STOCKS), (STOCKS, PRODUCTS), (PRODUCTS, ORDERS), (ORDERS, PRODUCTS, STOCKS)]
        baseline = await shop.org.integrations.get("int_1")
        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            for own in kinds:
                group.create_task(run(shop.org.sync_job("int_1", *own, poll=STEADY, baseline=baseline)))
    assert [posts(shop, kind) for kind in (ORDERS, PRODUCTS, STOCKS)] == [1, 1, 1]


@pytest.mark.parametrize("order", [0, 1])
async def test_each_keeps_its_own_policy(order):
    async with open_shop() as shop:
        moving(shop, (20.0, None))
        policies = [attrs.evolve(STEADY, deadline=5), STEADY]
        async with asyncio.TaskGroup() as group:
            hasty, patient = (
                group.create_task(shop.org.sync("int_1", ORDERS, poll=poll))
                for poll in (policies if order == 0 else reversed(policies))
            )
        if order:
            hasty, patient = patient, hasty
    assert posts(shop) == 1
    assert hasty.result()[ORDERS].state is Outcome.QUIET
    assert hasty.result().elapsed == pytest.approx(5)
    assert patient.result()[ORDERS].state is Outcome.ADVANCED


async def test_steps_that_settle_are_kept_by_both():
    async with open_shop() as shop:
        moving(shop, (1.5, None), (3.5, None), (6.0, None), (9.5, None))
        poll = attrs.evolve(STEADY, settle=5)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(shop.org.sync("int_1", ORDERS, poll=poll))
            await asyncio.sleep(5)
            second = group.create_task(shop.org.sync("int_1", ORDERS, poll=poll))
    assert posts(shop) == 1
    assert told(first.result()) == told(second.result())
    assert len(first.result()[ORDERS].steps) == 4


# What the POST came to


@pytest.mark.parametrize("gap", [0.0, 0.25, 0.4])
@pytest.mark.parametrize(
    ("fault", "moves", "state", "error"),
    [
        pytest.param(422, (), Outcome.REJECTED, ValidationFailed, id="refused"),
        pytest.param("drop_before", (), Outcome.AMBIGUOUS, TransportError, id="in doubt"),
        pytest.param("drop_after", ((3.0, None),), Outcome.ADVANCED, TransportError, id="in doubt, but arrived"),
    ],
)
async def test_both_get_what_the_post_came_to(fault, moves, state, error, gap):
    plans = [FaultPlan(routes={"sync_orders"}, script=[fault], latency=0.5), FaultPlan(latency=0.5)]
    async with open_shop(faults=plans) as shop:
        moving(shop, *moves)
        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            one = group.create_task(by_job(shop))
            await asyncio.sleep(gap)
            other = group.create_task(by_job(shop))
    assert posts(shop) == 1
    assert told(one.result()) == told(other.result())
    for task in (one, other):
        assert (task.result()[ORDERS].state, type(task.result()[ORDERS].error)) == (state, error)


async def test_a_doubt_is_shared_while_it_is_watched():
    async with open_shop(faults=FaultPlan(routes={"sync_orders"}, script=["drop_after"])) as shop:
        moving(shop, (6.0, None))
        async with asyncio.TaskGroup() as group:
            group.create_task(by_job(shop))
            await asyncio.sleep(3)
            other = group.create_task(by_job(shop))
    assert posts(shop) == 1
    assert (other.result()[ORDERS].state, type(other.result()[ORDERS].error)) == (Outcome.ADVANCED, TransportError)


async def test_of_a_kind_without_watermark_both_get_the_acceptance():
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop, asyncio.TaskGroup() as group:
        tasks = [group.create_task(shop.org.sync("int_1", STOCKS)) for _ in range(2)]
    assert posts(shop, STOCKS) == 1
    assert {task.result()[STOCKS].state for task in tasks} == {Outcome.UNOBSERVABLE}


WATCH, REJECT = OnConflict.WATCH, OnConflict.REJECT


@pytest.mark.parametrize("gap", [0.25, 2.5])
@pytest.mark.parametrize(
    ("first", "second", "states"),
    [
        (WATCH, WATCH, [Outcome.ADVANCED, Outcome.ADVANCED]),
        (WATCH, REJECT, [Outcome.ADVANCED, Outcome.REJECTED]),
        (REJECT, WATCH, [Outcome.REJECTED, Outcome.ADVANCED]),
        (REJECT, REJECT, [Outcome.REJECTED, Outcome.REJECTED]),
    ],
)
async def test_a_sync_that_was_running_means_to_each_what_it_says(first, second, states, gap):
    async with open_shop(conflict_while_running=True, faults=FaultPlan(latency=0.5)) as shop:
        moving(shop, (6.0, None))
        await shop.org.integrations.sync_orders("int_1")
        async with asyncio.timeout(500), asyncio.TaskGroup() as group:
            tasks = []
            for on_conflict in (first, second):
                syncing = shop.org.sync("int_1", ORDERS, poll=STEADY, on_conflict=on_conflict)
                tasks.append(group.create_task(syncing))
                await asyncio.sleep(gap)
    results = [task.result() for task in tasks]
    assert [result[ORDERS].state for result in results] == states
    assert {type(result[ORDERS].error) for result in results} == {Conflict}
    # One that was rejected is nobody's to share when it is over.
    assert posts(shop) == (3 if first is REJECT and gap > 1 else 2)


@pytest.mark.parametrize("on_conflict", OnConflict)
async def test_a_conflict_that_a_token_recorded_is_one(on_conflict):
    async with open_shop(conflict_while_running=True) as shop:
        moving(shop, (6.0, None))
        await shop.org.integrations.sync_orders("int_1")
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        await job.fire()
        token = job.token
        del job
        resumed = AsyncSyncJob.resume(shop.client, token)
        async with asyncio.TaskGroup() as group:
            group.create_task(run(resumed))
            await asyncio.sleep(1)
            result = await shop.org.sync("int_1", ORDERS, poll=STEADY, on_conflict=on_conflict)
    assert posts(shop) == 2
    assert result[ORDERS].state is (Outcome.ADVANCED if on_conflict is WATCH else Outcome.REJECTED)


async def test_a_foreign_fault_in_the_post_of_one_leaves_the_other_in_doubt():
    async def break_once(request, send):
        if request.method == "POST" and shop.transport.count("POST") == 1:
            await asyncio.sleep(1)
            raise ZeroDivisionError
        return await send(request)

    async with open_shop(step_in=break_once) as shop:
        moving(shop, (3.0, None))
        one, other = asyncio.create_task(by_job(shop)), asyncio.create_task(by_job(shop))
        with pytest.raises(ZeroDivisionError):
            await one
        outcome = (await other)[ORDERS]
    assert (outcome.state, type(outcome.error), outcome.error.maybe_sent) == (Outcome.AMBIGUOUS, TransportError, True)
    assert posts(shop) == 1


async def test_one_that_waits_for_the_post_of_another_ends_with_its_client():
    async with open_shop(faults=FaultPlan(routes={"sync_orders"}, latency=5)) as shop:
        tasks = [asyncio.create_task(by_job(shop)) for _ in range(2)]
        await asyncio.sleep(1)
        await shop.client.aclose()
        async with asyncio.timeout(1):
            await asyncio.wait(tasks)
        assert {type(task.exception()) for task in tasks} == {ClientStateError}


# Cancelled, left, forgotten


@pytest.mark.parametrize(
    ("starts", "cancelled_at", "sent"),
    [
        pytest.param(0.1, 0.25, 1, id="during its baseline"),
        pytest.param(0.1, 0.75, 1, id="during its POST, the second waiting for it"),
        pytest.param(0.6, 0.75, 2, id="during its POST, the second just begun"),
        pytest.param(0.1, 1.75, 1, id="while it watches"),
        pytest.param(0.6, 1.75, 1, id="while it watches, the second begun during its POST"),
        pytest.param(1.6, 1.75, 1, id="while it watches, the second just begun"),
    ],
)
@pytest.mark.parametrize("first", [by_job, by_events, by_run, by_listing])
async def test_the_first_one_cancelled_leaves_the_second_its_result(first, starts, cancelled_at, sent):
    one_at_a_time = OnePostAtATime()
    async with open_shop(step_in=one_at_a_time, faults=FaultPlan(latency=0.5)) as shop:
        for integration in ("int_1", "int_2", "int_3", "int_4"):
            moving(shop, (6.0, None), integration=integration)
        one = asyncio.create_task(first(shop))
        await asyncio.sleep(starts)
        other = asyncio.create_task(by_job(shop))
        await asyncio.sleep(cancelled_at - starts)
        one.cancel()
        async with asyncio.timeout(500):
            assert (await other)[ORDERS].state is Outcome.ADVANCED
        assert one.cancelled()
    # A POST that was cut off may have arrived: who waited for it watches. Who comes later sends its own.
    assert posts(shop) == sent
    assert one_at_a_time.most == 1


async def test_the_second_one_cancelled_leaves_the_first_alone():
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
        moving(shop, (6.0, None))
        for sent, at in enumerate([0.25, 0.75, 1.75], start=1):
            one = asyncio.create_task(by_job(shop))
            other = asyncio.create_task(by_job(shop))
            await asyncio.sleep(at)
            other.cancel()
            assert (await one)[ORDERS].state is Outcome.ADVANCED
            assert posts(shop) == sent
            assert other.cancelled()


async def test_cancelled_while_it_waits_to_send_again_the_next_one_sends():
    faults = FaultPlan(routes={"sync_orders"}, script=[429], retry_after=10)
    async with open_shop(faults=faults) as shop:
        moving(shop, (6.0, None))
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        one, other = asyncio.create_task(run(job)), asyncio.create_task(by_job(shop))
        await asyncio.sleep(5)
        one.cancel()
        async with asyncio.timeout(100):
            assert (await other)[ORDERS].state is Outcome.ADVANCED
        assert '"phase": "planned"' in job.token
    assert posts(shop) == 2


async def test_between_its_baseline_and_its_post_a_job_holds_nobody_up():
    async with open_shop() as shop:
        moving(shop, (6.0, None))
        paused = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        events = paused.events()
        assert isinstance(await anext(events), BaselineRead)
        async with asyncio.TaskGroup() as group:
            other = group.create_task(by_job(shop))
            await asyncio.sleep(3)
            # It finds the sync of the other one under way.
            assert [(event.shared, event.error) async for event in events if isinstance(event, Fired)] == [(True, None)]
        assert told(await paused) == told(other.result())
    assert posts(shop) == 1


async def test_one_that_is_cancelled_and_awaited_again_shares_what_the_other_sent():
    async with open_shop(faults=FaultPlan(latency=0.5)) as shop:
        moving(shop, (6.0, None))
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        one, other = asyncio.create_task(run(job)), asyncio.create_task(by_job(shop))
        await asyncio.sleep(0.25)
        one.cancel()
        await asyncio.sleep(2)
        assert told(await job) == told(await other)
    assert posts(shop) == 1


@pytest.mark.parametrize("until", [Fired, ReadMade])
async def test_one_whose_reader_pauses_is_shared(until):
    async with open_shop() as shop:
        moving(shop, (6.0, None))
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        events = job.events()
        while not isinstance(await anext(events), until):
            pass
        await asyncio.sleep(1)
        assert (await by_job(shop))[ORDERS].state is Outcome.ADVANCED
        assert (await job)[ORDERS].state is Outcome.ADVANCED
    assert posts(shop) == 1


@pytest.mark.parametrize("way", [by_job, by_run])
async def test_one_that_is_fired_and_not_awaited_yet_is_shared(way):
    async with open_shop() as shop:
        moving(shop, (6.0, None))
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        await job.fire()
        await asyncio.sleep(2)
        other = await way(shop)
        assert told(await job) == told(other)
    assert posts(shop) == 1


async def test_two_that_are_fired_send_one():
    async with open_shop() as shop:
        moving(shop, (6.0, None))
        jobs = [shop.org.sync_job("int_1", ORDERS, poll=STEADY) for _ in range(2)]
        for job in jobs:
            await job.fire()
        assert [told(await job) for job in jobs] == [told(await jobs[0])] * 2
    assert posts(shop) == 1


async def test_a_fired_job_that_is_dropped_blocks_nobody_and_is_not_shared():
    async with open_shop() as shop:
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        await job.fire()
        del job
        gc.collect()
        assert (await by_job(shop))[ORDERS].state is Outcome.ADVANCED
    assert posts(shop) == 2


async def test_a_job_nobody_watches_any_more_is_not_shared():
    async with open_shop(sync_times=SyncTimes(median=50, spread=0)) as shop:
        left = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        await left.fire()
        await left.detach()
        cut_off = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await cut_off
        assert posts(shop) == 2
        too_old = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        await too_old.fire()
        assert posts(shop) == 3
        await asyncio.sleep(STEADY.deadline)
        await by_job(shop)
        assert posts(shop) == 4
        # Each of them can still be gone on with.
        for job in (left, cut_off, too_old):
            assert (await job)[ORDERS].state is Outcome.ADVANCED
    assert posts(shop) == 4


async def test_a_job_awaited_again_is_shared_again():
    async with open_shop(sync_times=SyncTimes(median=20, spread=0)) as shop:
        job = shop.org.sync_job("int_1", ORDERS, poll=STEADY)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await job
        events = job.events()
        while not isinstance(await anext(events), ReadMade):
            pass
        async with asyncio.TaskGroup() as group:
            group.create_task(run(job))
            await asyncio.sleep(1)
            other = group.create_task(by_job(shop))
        assert other.result()[ORDERS].state is Outcome.ADVANCED
    assert posts(shop) == 1


async def test_a_finished_job_does_not_block_a_new_one():
    async with open_shop() as shop:
        jobs = []
        for _ in range(3):
            jobs.append(shop.org.sync_job("int_1", ORDERS, poll=STEADY))
            assert (await jobs[-1])[ORDERS].state is Outcome.ADVANCED
    assert posts(shop) == 3


async def test_two_clients_share_nothing():
    async with open_shop() as shop, shop.connect() as other, asyncio.TaskGroup() as group:
        group.create_task(by_job(shop))
        group.create_task(other.organization("org_1").sync("int_1", ORDERS, poll=STEADY))
    assert len(shop.emulator.books.of("org_1", "int_1", ORDERS)) == 2


async def test_organizations_and_integrations_are_told_apart():
    async with open_shop() as shop, asyncio.TaskGroup() as group:
        for organization in ("org_1", "org_2"):
            for integration in ("int_1", "int_2"):
                group.create_task(shop.client.organization(organization).sync(integration, ORDERS, poll=STEADY))
    assert shop.transport.count("POST") == 4


async def test_a_resumed_job_is_shared_while_it_is_watched_and_never_sends():
    async with open_shop() as shop:
        moving(shop, (6.0, None))
        async with shop.connect() as before:
            job = AsyncSyncJob(before, "org_1", "int_1", kinds={ORDERS}, poll=STEADY)
            await job.fire()
        async with asyncio.TaskGroup() as group:
            resumed = group.create_task(run(AsyncSyncJob.resume(shop.client, job.token)))
            await asyncio.sleep(2)
            other = group.create_task(by_job(shop))
    assert posts(shop) == 0
    assert told(resumed.result()) == told(other.result())


async def test_a_post_recorded_as_sent_is_shared_as_the_doubt_it_is():
    async with open_shop(faults=FaultPlan(routes={"sync_orders"}, latency=1)) as shop:
        moving(shop, (6.0, None))
        async with shop.connect() as before:
            job = AsyncSyncJob(before, "org_1", "int_1", kinds={ORDERS}, poll=STEADY)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await job.fire()
        async with asyncio.TaskGroup() as group:
            group.create_task(run(AsyncSyncJob.resume(shop.client, job.token)))
            await asyncio.sleep(2)
            other = group.create_task(by_job(shop))
    assert posts(shop) == 0
    assert (other.result()[ORDERS].state, type(other.result()[ORDERS].error)) == (Outcome.ADVANCED, TransportError)


# Anything at any time


POLL = PollPolicy(first=0.5, deadline=20, gone_after=5)


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_starts_and_is_cancelled_nothing_waits_for_ever_and_no_two_are_sent_at_once(seed):
    draw = random.Random(seed)
    random.seed(seed)
    one_at_a_time = OnePostAtATime()
    often = dict.fromkeys(["refuse", "drop_before", "drop_after", "rate_limited", "server_error"], 0.04)
    faults = FaultPlan(latency=0.05, latency_spread=draw.choice([0, 0.5]), retry_after=0.5, **often)
    times = SyncTimes(median=3, spread=2, finds_nothing=0.3)
    options = {"retry": RetryPolicy(attempts=3, first=0.1)}
    async with open_shop(
        step_in=one_at_a_time, integrations=3, seed=seed, faults=faults, sync_times=times, client=options
    ) as shop:
        results, kept = [], []

        def some_job():
            if kept and draw.random() < 0.3:
                job = draw.choice(kept)
                return AsyncSyncJob.resume(shop.client, job.token) if draw.random() < 0.5 else job
            kinds = draw.sample([ORDERS, PRODUCTS, STOCKS], draw.randint(1, 3))
            job = shop.org.sync_job(f"int_{draw.randint(1, 3)}", *kinds, poll=POLL)
            if draw.random() < 0.5:
                kept.append(job)
            return job

        async def finish(job):
            results.append(await job)

        async def fire(job):
            await job.fire()
            await asyncio.sleep(draw.random() * 5)
            await finish(job)

        async def follow(job):
            async for event in job.events():
                await asyncio.sleep(draw.choice([0, draw.random()]))
                if isinstance(event, Finished):
                    results.append(event.result)

        async def many(job):
            targets = [SyncTarget("org_1", draw.sample(["int_1", "int_2", "int_3"], draw.randint(1, 3)))] * 2
            async with shop.client.sync_many(targets, kinds={ORDERS, PRODUCTS}, poll=POLL) as run:
                results.extend([result async for result in run])

        async def client_of_the_shop():
            for _ in range(12):
                way = draw.choice([finish, finish, fire, follow, many])
                task = asyncio.create_task(way(some_job()))
                await asyncio.wait([task], timeout=draw.choice([0, draw.random(), draw.random() * 10, None]))
                task.cancel()
                if draw.random() < 0.3:
                    await asyncio.sleep(0)
                    task.cancel()
                await asyncio.wait([task])
                if not task.cancelled() and (error := task.exception()) is not None:
                    # A baseline that cannot be read.
                    assert isinstance(error, PackCloudError)
                await asyncio.sleep(draw.choice([0, draw.random()]))

        async with asyncio.timeout(20_000), asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(client_of_the_shop())
        for job in kept:
            with contextlib.suppress(PackCloudError):
                async with asyncio.timeout(5_000):
                    results.append(await job)

        assert one_at_a_time.most == 1
        assert len(results) > 30
        for result in results:
            for kind, outcome in result.kinds.items():
                if outcome.state in {Outcome.QUIET, Outcome.ADVANCED, Outcome.UNOBSERVABLE}:
                    assert shop.emulator.books.of("org_1", result.integration_id, kind)
        kept.clear()
        watch = shop.client.watch_of("org_1")
        assert watch.is_idle
        assert not watch.flights._sending
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
