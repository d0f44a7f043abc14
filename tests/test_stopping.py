"""SyncRun.stop: nothing more is sent, answers under way are waited for, and the ledger can be gone on with."""

import asyncio

import pytest

from packcloud_async import (
    ClientStateError,
    ConfigurationError,
    Outcome,
    RateLimit,
    SqliteLedger,
    SyncKind,
    SyncTarget,
    read_ledger,
)
from packcloud_async._io.turns import FairSlots
from packcloud_async.emulator import FaultPlan

from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
SLOW_POSTS = FaultPlan(methods={"POST"}, latency=5.0)
TARGETS = {
    "listed": ["org_1", "org_2"],
    "named": [SyncTarget("org_1", [f"int_{number}" for number in range(1, 21)])],
}


async def rest_of(run):
    """What is still to be taken of a run that was stopped."""
    found = []

    async def take():
        async for result in run:
            found.append(result)

    with pytest.raises(ClientStateError, match=r"^the bulk run was left before it was finished$"):
        await take()
    return found


def posts(shop):
    return [sent for sent in shop.transport.sent if sent.method == "POST"]


def states_in(file):
    with read_ledger(file) as contents:
        jobs = [job for target in contents.targets() for job in target.jobs]
        return [kind.state for job in jobs for kind in job.kinds.values()]


async def until_posts(shop, count):
    async with asyncio.timeout(600):
        while len(posts(shop)) < count:  # noqa: ASYNC110 - a recording tells nobody
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
async def test_answers_under_way_are_waited_for_and_nothing_more_is_sent(targets):
    async with open_shop(integrations=20, faults=SLOW_POSTS) as shop:
        async with shop.client.sync_many(targets, kinds={STOCKS}, poll=STEADY, max_in_flight=3) as run:
            await until_posts(shop, 4)
            began = asyncio.get_running_loop().time()
            sent = len(posts(shop))
            await run.stop()
            assert asyncio.get_running_loop().time() - began <= 5
            results = [result for result in await rest_of(run) if not isinstance(result.error, ClientStateError)]
        assert len(posts(shop)) == sent
        assert [result[STOCKS].state for result in results] == [Outcome.UNOBSERVABLE] * sent
        assert not run.report.finished
        assert len(shop.emulator.books.runs) == sent


@pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
async def test_its_ledger_leaves_nothing_in_doubt_and_can_be_gone_on_with(tmp_path, targets):
    file = tmp_path / "run.sqlite"
    async with open_shop(integrations=20, faults=SLOW_POSTS) as shop:
        ledger = SqliteLedger(file)
        async with shop.client.sync_many(targets, kinds={ORDERS}, poll=STEADY, max_in_flight=3, ledger=ledger) as run:
            await until_posts(shop, 4)
            sent = len(posts(shop))
            await run.stop()
        with read_ledger(file) as contents:
            assert contents.run.finished is None
        async with shop.client.resume_many(SqliteLedger(file)) as run:
            results = [result async for result in run]
        assert {result[ORDERS].state for result in results} == {Outcome.ADVANCED}
        assert shop.emulator.counters.duplicate_posts == 0
        assert 0 < sent < len(shop.emulator.books.runs)
        with read_ledger(file) as contents:
            assert contents.run.finished is not None
    assert states_in(file) == ["advanced"] * len(shop.emulator.books.runs)
    assert (
        len(results)
        <= len(shop.emulator.books.runs)
        == 20 * len({run.organization_id for run in shop.emulator.books.runs})
    )


async def test_an_organization_that_is_listed_while_a_run_is_stopped_begins_nothing(monkeypatch):
    add, asked = FairSlots.add, []

    def counted(slots, *arguments):
        asked.append(slots)
        # It once asked for ever, without a step of the loop in between.
        assert len(asked) < 100
        add(slots, *arguments)

    async def late(request, send):
        if "org_2" in request.url:
            await asyncio.sleep(2)
        return await send(request)

    monkeypatch.setattr(FairSlots, "add", counted)
    async with open_shop(organizations=2, faults=SLOW_POSTS) as shop:
        shop.transport.step_in = late
        async with shop.client.sync_many(["org_1", "org_2"], kinds={STOCKS}, poll=STEADY) as run:
            await until_posts(shop, 1)
            sent = len(posts(shop))
            await run.stop()
            results = {result.organization_id: result for result in await rest_of(run)}
    assert shop.transport.count("GET") == 2
    assert len(posts(shop)) == sent
    assert results.keys() == {"org_1"}
    assert results["org_1"][STOCKS].state is Outcome.UNOBSERVABLE


async def test_an_answer_that_takes_too_long_is_given_up(tmp_path):
    file = tmp_path / "run.sqlite"
    async with open_shop(faults=FaultPlan(methods={"POST"}, latency=50.0)) as shop:
        ledger = SqliteLedger(file)
        async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY, ledger=ledger) as run:
            await until_posts(shop, 4)
            began = asyncio.get_running_loop().time()
            await run.stop(patience=2)
            assert asyncio.get_running_loop().time() - began == pytest.approx(2)
    assert states_in(file) == ["sent"] * 4


async def test_what_waits_for_the_budget_is_not_sent():
    async with open_shop(client={"rate_limit": RateLimit(1, per=30)}) as shop:
        async with shop.client.sync_many(["org_1"], kinds={STOCKS}, poll=STEADY) as run:
            await until_posts(shop, 1)
            began = asyncio.get_running_loop().time()
            await run.stop()
            assert asyncio.get_running_loop().time() == pytest.approx(began, abs=0.1)
        assert len(posts(shop)) == 1


async def test_a_run_that_is_over_or_stopped_already_stays_so():
    async with open_shop(organizations=1) as shop:
        async with shop.client.sync_many(["org_1"], kinds={STOCKS}, poll=STEADY) as run:
            assert len([result async for result in run]) == 4
            await run.stop()
            await run.stop()
        assert run.report.finished


async def test_a_run_stopped_before_its_first_step_sends_nothing():
    async with open_shop() as shop:
        async with shop.client.sync_many(["org_1"], kinds={STOCKS}) as run:
            await run.stop()
            assert await rest_of(run) == []
    assert shop.transport.sent == []


async def test_a_run_that_was_not_entered_cannot_be_stopped():
    async with open_shop() as shop:
        with pytest.raises(ConfigurationError, match="enter the run first"):
            await shop.client.sync_many(["org_1"], kinds={STOCKS}).stop()


async def test_a_cancelled_stop_still_ends_the_run():
    async with open_shop(faults=FaultPlan(methods={"POST"}, latency=50.0)) as shop:
        async with shop.client.sync_many(["org_1"], kinds={STOCKS}, poll=STEADY) as run:
            await until_posts(shop, 4)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await run.stop()
            await rest_of(run)


async def test_the_report_counts_what_is_in_flight_and_which_organizations_are_done():
    async with open_shop() as shop:
        targets = [SyncTarget("org_1", kinds={STOCKS}), SyncTarget("org_2", ["int_1", "..", "int_2"]), "org_99"]
        async with shop.client.sync_many(targets, kinds={ORDERS}, poll=STEADY) as run:
            seen = []
            async for _ in run:
                report = run.report
                seen.append((report.organizations_done, report.in_flight))
        assert max(in_flight for _, in_flight in seen) >= 2
        assert (run.report.organizations_done, run.report.in_flight) == (3, 0)
