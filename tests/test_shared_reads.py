"""Shared reads: never more requests than the cheaper plan, and nobody is read late for it."""

import asyncio
import random
from collections import Counter, defaultdict
from contextlib import contextmanager

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async import Outcome, PollPolicy, SyncKind, SyncTarget
from packcloud_async._sansio.planning import SLACK
from packcloud_async.emulator import FaultPlan
from packcloud_async.reads import Reads

from .support.jumping_loop import JumpingLoop
from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS = SyncKind.ORDERS, SyncKind.PRODUCTS


@define
class Noted:
    """What was read for whom, by the instant: ``due`` are the integrations, ``late`` how long after it was due and
    ``early`` how far into its slack, in seconds beyond what is allowed.
    """

    due: dict = field(factory=lambda: defaultdict(set))
    late: list = field(factory=list)
    early: list = field(factory=list)

    def take(self, watched, now):
        self.due[now].add(watched.integration_id)
        slack = 0 if watched.decides else SLACK * (watched.due_at - watched.scheduled_at)
        self.late.append(now - watched.due_at)
        self.early.append(watched.due_at - slack - now)


@contextmanager
def noting():
    noted, read = Noted(), Reads.read

    async def note(self, due, probes):
        now = asyncio.get_running_loop().time()
        for watched in due:
            noted.take(watched, now)
        await read(self, due, probes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Reads, "read", note)
        yield noted


seconds = st.floats(0.1, 90)
policies = st.builds(
    PollPolicy,
    first=st.floats(0.5, 5),
    growth=st.floats(1.2, 2),
    ceiling=st.floats(5, 30),
    deadline=st.just(60.0),
    jitter=st.sampled_from([0.0, 0.1, 0.3]),
)


@settings(derandomize=True, deadline=None, max_examples=120)
@given(
    integrations=st.integers(1, 40),
    per_page=st.integers(1, 25),
    durations=st.lists(seconds, min_size=40, max_size=40),
    poll=policies,
    named=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_more_requests_than_the_cheaper_plan_and_none_late(integrations, per_page, durations, poll, named, seed):
    names = [f"int_{number + 1}" for number in range(integrations)]
    page_of = {name: number // per_page + 1 for number, name in enumerate(names)}

    async def main():
        async with open_shop(organizations=1, integrations=integrations, per_page=per_page) as shop:
            for name, seconds_ in zip(names, durations, strict=False):
                shop.emulator.plan_sync("org_1", name, ORDERS, moves=[(seconds_, None)])
            # Named ones are read before their sync one by one, so that the length of the list stays unknown.
            targets = [SyncTarget("org_1", names) if named else "org_1"]
            async with shop.client.sync_many(targets, kinds={ORDERS}, poll=poll) as run:
                results = {result.integration_id: result async for result in run}
            return results, Counter(sent.at for sent in shop.transport.sent if sent.method == "GET")

    random.seed(seed)
    with noting() as noted, asyncio.Runner(loop_factory=JumpingLoop) as runner:
        results, requests = runner.run(main())
    assert len(results) == integrations
    for at, due in noted.due.items():
        singles, furthest = len(due), max(page_of[name] for name in due)
        assert requests[at] <= (singles if named else min(singles, furthest))
    assert max(noted.late) <= 1e-6
    assert max(noted.early) <= 1e-6
    for name, seconds_ in zip(names, durations, strict=False):
        outcome = results[name][ORDERS]
        # The guarantee of the policy, stretched by the jitter, holds although reads travel together.
        wait = max(poll.first, min(poll.ceiling, seconds_ * (poll.growth - 1))) * (1 + poll.jitter)
        if seconds_ + wait < 60:
            assert outcome.seen_at - seconds_ <= wait + 1e-6
        assert outcome.state is (Outcome.ADVANCED if seconds_ <= 60 else Outcome.QUIET)


async def test_jobs_that_come_and_go_are_read_in_time():
    draw = random.Random(4)
    with noting() as noted:
        async with open_shop(integrations=30, per_page=7) as shop, asyncio.TaskGroup() as group:
            for _ in range(150):
                kinds = draw.sample([ORDERS, PRODUCTS], draw.randint(1, 2))
                syncing = shop.org.sync(f"int_{draw.randint(1, 30)}", *kinds, poll=PollPolicy(first=0.5, deadline=20))
                task = group.create_task(syncing)
                if draw.random() < 0.3:
                    asyncio.get_running_loop().call_later(draw.random() * 10, task.cancel)
                await asyncio.sleep(draw.choice([0, draw.random()]))
    assert len(noted.late) > 300
    assert max(noted.late) <= 1e-6
    assert max(noted.early) <= 1e-6


async def test_two_jobs_of_one_integration_are_told_by_the_reads_of_either():
    async with open_shop() as shop:
        shop.emulator.plan_sync("org_1", "int_1", PRODUCTS, moves=[(6.2, None)])
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[], takes=1)
        async with asyncio.TaskGroup() as group:
            rare = PollPolicy(first=30, deadline=60, jitter=0)
            patient = group.create_task(shop.org.sync("int_1", PRODUCTS, poll=rare))
            group.create_task(shop.org.sync("int_1", ORDERS, poll=STEADY))
    # The other one's read at 6.75.
    assert patient.result()[PRODUCTS].seen_at == 6.75


def find_nothing(shop, count):
    for number in range(1, count + 1):
        shop.emulator.plan_sync("org_1", f"int_{number}", ORDERS, moves=[], takes=1)


@pytest.mark.parametrize("fault", [503, 403, "drop_before", "bad_json"])
async def test_a_walk_that_fails_once_is_made_up_for_by_single_reads_and_then_the_list_is_read_again(fault):
    async with open_shop(organizations=1, integrations=30) as shop:
        find_nothing(shop, 30)
        asyncio.get_running_loop().call_later(
            1.5, shop.emulator.set_faults, FaultPlan(routes={"integrations"}, script=[fault])
        )
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
            states = {result[ORDERS].state async for result in run}
    assert states == {Outcome.QUIET}
    reads = Counter(sent.at for sent in shop.transport.sent if sent.method == "GET" and sent.at > 0)
    # The walk of 2 fails on its first page; at 3 thirty single reads, and from 4.5 on two pages each time.
    assert [reads[at] for at in sorted(reads)] == [2, 1, 30, *[2] * 9]


async def test_a_list_that_is_closed_for_good_is_tried_ever_more_rarely():
    async with open_shop(organizations=1, integrations=30) as shop:
        find_nothing(shop, 30)
        asyncio.get_running_loop().call_later(
            0.5, shop.emulator.set_faults, FaultPlan(routes={"integrations"}, script=[403] * 1000)
        )
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
            states = {result[ORDERS].state async for result in run}
    assert states == {Outcome.QUIET}
    # At the ages 1, 3 and 15.2 of 1, 2, 3, 4.5, 6.8, 10.1, 15.2, 22.8, 32.8, 42.8, 52.8 and 60.
    assert shop.transport.times("GET", "/integrations")[2:] == pytest.approx([1, 3, 15.1875], abs=0.01)


async def test_a_job_is_told_what_a_list_shows_while_its_own_read_is_under_way():
    async with open_shop(organizations=1, integrations=4, per_page=2) as shop:
        find_nothing(shop, 3)
        shop.emulator.plan_sync("org_1", "int_4", ORDERS, moves=[(0.8, None)])
        # int_4 is on the second page, so that the hint is a single read; it hangs, and fails in the end.
        shop.emulator.set_faults(FaultPlan(routes={"integration"}, latency=30, script=["drop_after"]))
        asyncio.get_running_loop().call_later(0.5, shop.org.hint, "int_4")
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
            results = {result.integration_id: result async for result in run}
    assert shop.transport.times("GET", "/int_4")[0] == 0.5
    assert results["int_4"][ORDERS].seen_at == results["int_4"].elapsed == 1


async def test_a_job_that_is_told_by_another_read_waits_for_its_own_before_it_reads_again():
    async with open_shop(organizations=1, integrations=4, per_page=2) as shop:
        find_nothing(shop, 4)
        shop.emulator.set_faults(FaultPlan(routes={"integration"}, latency=5.2))
        asyncio.get_running_loop().call_later(0.5, shop.org.hint, "int_4")
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
            states = {result[ORDERS].state async for result in run}
    assert states == {Outcome.QUIET}
    # The answer of 0.5 came at 5.7; the walks of 1, 2, 3 and 4.5 told it too, and it was read no more often for that.
    assert shop.transport.times("GET", "/int_4") == [0.5]


WAITING = PollPolicy(first=1, growth=1.5, ceiling=10, deadline=60, jitter=0.9)
"""Its jobs are due at instants of their own, from 0.1 to 1.9 seconds after their POST."""


@contextmanager
def nothing_leaves(shop, *, after, seconds):
    asyncio.get_running_loop().call_later(after, shop.client._pipeline.gate.close_for, seconds)
    yield
    gets = [sent for sent in shop.transport.sent if sent.method == "GET" and sent.at > 0]
    assert all(sent.at >= after + seconds for sent in gets)


async def test_a_walk_that_waits_for_its_turn_reads_for_what_becomes_due_meanwhile():
    random.seed(5)
    async with open_shop(organizations=1, integrations=20) as shop:
        for number in range(1, 21):
            shop.emulator.plan_sync("org_1", f"int_{number}", ORDERS, moves=[(5, None)])
        with nothing_leaves(shop, after=0.05, seconds=10):
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=WAITING) as run:
                states = [result[ORDERS].state async for result in run]
    assert states == [Outcome.ADVANCED] * 20
    assert [sent.at for sent in shop.transport.sent if sent.method == "GET"] == pytest.approx([0, 10.05])


async def test_one_that_left_and_came_back_while_a_walk_waits_for_its_turn_is_told_once():
    async with open_shop(organizations=1, integrations=2) as shop:
        find_nothing(shop, 2)
        jobs = [shop.org.sync_job(name, ORDERS, poll=STEADY) for name in ("int_1", "int_2")]
        for job in jobs:
            await job.fire()
        shop.client.watch_of("org_1").known.pages = 1
        with nothing_leaves(shop, after=0.5, seconds=5):
            leaving, other = (asyncio.create_task(job.wait()) for job in jobs)
            await asyncio.sleep(2)
            leaving.cancel()
            await asyncio.sleep(1)
            result, _ = await jobs[0], await other
    assert [sighting.at for sighting in result.timeline][:3] == [0, 5.5, 8.25]


async def slow_for_another(request, send):
    if request.method == "POST" and "org_2" in request.url:
        await asyncio.sleep(20)
    return await send(request)


async def test_a_job_of_another_caller_does_not_wait_for_the_turn_of_a_bulk_run():
    async with open_shop(organizations=2, integrations=2, step_in=slow_for_another) as shop:
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(0.5, None)])
        shop.emulator.plan_sync("org_1", "int_2", ORDERS, moves=[(0.5, None)])
        shop.emulator.plan_sync("org_1", "int_1", PRODUCTS, moves=[(0.5, None)])
        async with shop.client.sync_many(["org_1", "org_2"], kinds={ORDERS}, poll=STEADY, max_in_flight=1) as run:
            await asyncio.sleep(0.6)
            result = await shop.org.sync("int_1", PRODUCTS, poll=STEADY)
            others = {other.integration_id: other.elapsed async for other in run if other.organization_id == "org_1"}
    # The walk of the bulk run is due at 1 and waits until another organization has its answers.
    assert result.elapsed == pytest.approx(1)
    assert others["int_2"] > 20


async def test_a_window_ends_with_a_read_that_waited_beyond_it():
    async with open_shop(organizations=1, integrations=3) as shop:
        find_nothing(shop, 3)
        with nothing_leaves(shop, after=0.5, seconds=80):
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
                results = [result async for result in run]
    assert [result[ORDERS].state for result in results] == [Outcome.QUIET] * 3
    # It was due at 1 and left at 80.5, and so it speaks for all of the minute.
    assert [sent.at for sent in shop.transport.sent if sent.method == "GET"] == [0, 80.5]
    assert {result.elapsed for result in results} == {80.5}
