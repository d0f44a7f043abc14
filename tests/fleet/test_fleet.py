"""Runs that several workers carry out together, in one process, on a real PostgreSQL and an emulator in memory."""

import asyncio
from collections import Counter

import pytest

from packcloud_async import ConfigurationError, Outcome, PollPolicy, RateLimit, SyncKind, SyncTarget
from packcloud_async.emulator import FaultPlan
from packcloud_async.fleet.budget import SharedBudget

from .conftest import QUICK, until

pytestmark = pytest.mark.sockets

BRIEF = PollPolicy(first=0.1, growth=1.5, ceiling=1, deadline=0.3)


def names(results):
    return Counter((one.organization_id, one.integration_id) for one in results)


async def test_every_target_has_one_result_and_every_outcome_is_true(make_yard):
    yard = make_yard(organizations=6, integrations=3, per_page=2)
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(yard.emulator.organization_ids, kinds=SyncKind, poll=QUICK)
    async with yard.working(fleet, other):
        results = await yard.results_of(fleet, run_id)
    assert yard.judged(results) == ([], 0)
    assert names(results) == {
        (f"org_{organization}", f"int_{integration}"): 1 for organization in range(1, 7) for integration in range(1, 4)
    }
    assert all(set(one.kinds) == set(SyncKind) for one in results)
    assert {Outcome.ADVANCED, Outcome.QUIET, Outcome.UNOBSERVABLE} <= {
        outcome.state for one in results for outcome in one.kinds.values()
    }
    # Whoever asks later is told the same.
    assert names(await yard.results_of(other, run_id)) == names(results)
    assert await yard.query("SELECT FROM procrastinate_jobs WHERE queue_name = 'packcloud' AND status <> 'todo'") == []


async def test_the_numbers_of_a_run_are_those_of_its_results(make_yard):
    yard = make_yard(organizations=2, integrations=2)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1", "org_2", "org_unknown"], kinds={SyncKind.ORDERS, SyncKind.STOCKS}, poll=BRIEF)
    before = await fleet.report(run_id)
    assert (before.organizations, before.organizations_done, before.finished) == (3, 0, False)
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    report = await fleet.report(run_id)
    counted = Counter((kind, outcome.state) for one in results for kind, outcome in one.kinds.items())
    assert {(kind, state): n for kind, states in report.outcomes.items() for state, n in states.items()} == counted
    assert (report.organizations, report.organizations_done, report.integrations) == (3, 3, 4)
    assert (report.in_flight, report.not_started, report.finished) == (0, 1, True)
    assert report.requests_sent == sum(yard.emulator.counters.calls.values())
    slowest = [one.elapsed for one in report.slowest]
    assert len(slowest) == 4
    assert slowest == sorted(slowest, reverse=True)
    assert report.elapsed >= slowest[0] > 0
    assert "3 organizations" in str(report)


async def test_what_cannot_be_started_is_a_result_and_stops_nothing_else(make_yard):
    yard = make_yard(organizations=1, integrations=2)
    fleet = await yard.fleet()
    targets = [
        SyncTarget("org_1", ["int_1", "int_missing"]),
        SyncTarget("org_unknown"),
        SyncTarget("org_1", ["int_2"], {SyncKind.STOCKS}),
    ]
    run_id = await fleet.submit(targets, kinds={SyncKind.ORDERS}, poll=BRIEF)
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    told = {(one.organization_id, one.integration_id): one for one in results}
    assert set(told) == {("org_1", "int_1"), ("org_1", "int_missing"), ("org_unknown", None), ("org_1", "int_2")}
    assert "NotFound 404" in str(told["org_unknown", None].error)
    assert "NotFound 404" in str(told["org_1", "int_missing"].error)
    assert told["org_1", "int_2"][SyncKind.STOCKS].state is Outcome.UNOBSERVABLE
    assert set(told["org_1", "int_1"].kinds) == {SyncKind.ORDERS}


async def test_two_runs_of_one_integration_send_one_post(make_yard):
    yard = make_yard(organizations=1, integrations=2)
    fleet, other = await yard.fleet(), await yard.fleet()
    for integration in ("int_1", "int_2"):
        # What has come to its end would be started again.
        yard.emulator.plan_sync("org_1", integration, SyncKind.ORDERS, moves=[(1.8, None)])
    first = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK)
    second = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet, other):
        both = await asyncio.gather(yard.results_of(fleet, first), yard.results_of(fleet, second))
    for results in both:
        assert names(results) == {("org_1", "int_1"): 1, ("org_1", "int_2"): 1}
        assert yard.judged(results) == ([], 0)
    assert len(yard.emulator.books.runs) == 2


async def test_a_small_run_need_not_wait_for_a_large_one(make_yard):
    yard = make_yard(organizations=40, integrations=1, faults=FaultPlan(latency=0.05))
    fleet = await yard.fleet()
    large = await fleet.submit(yard.emulator.organization_ids[:36], kinds={SyncKind.STOCKS}, poll=BRIEF)
    small = await fleet.submit(yard.emulator.organization_ids[36:], kinds={SyncKind.STOCKS}, poll=BRIEF)
    async with yard.working(fleet, concurrency=2):
        await yard.results_of(fleet, small)
        left = await fleet.report(large)
        await yard.results_of(fleet, large)
    fired = [run.organization_id for run in yard.emulator.books.runs]
    assert left.organizations_done < 30
    # And the large one did not wait for it either: they took turns.
    assert fired.index("org_3") < fired.index("org_40")


async def test_all_workers_together_keep_inside_one_budget(make_yard):
    yard = make_yard(organizations=4, integrations=3)
    # So few that a busy machine comes after them as well.
    limit = RateLimit(5, burst=1)
    fleets = [await yard.fleet(rate_limit=limit) for _ in range(3)]
    run_id = await fleets[0].submit(yard.emulator.organization_ids, kinds={SyncKind.STOCKS}, poll=BRIEF)
    async with yard.working(*fleets):
        await yard.results_of(fleets[0], run_id)
    assert yard.emulator.counters.total == 4 + 4 * 3
    # And they use what there is: with a third for each, whoever waits, no second would hold three.
    assert 3 <= yard.emulator.counters.fullest_second <= 5 + 1


async def test_one_refusal_makes_all_workers_wait(make_yard, monkeypatch):
    yard = make_yard(organizations=8, integrations=3, faults=FaultPlan(script=[None] * 10 + [429], retry_after=2))
    fleets = [await yard.fleet(rate_limit=RateLimit(50)) for _ in range(2)]
    turn, pause, turns, paused = SharedBudget.turn, SharedBudget.pause, [], []

    async def noted_turn(budget):
        until = await turn(budget)
        turns.append(until)
        return until

    async def noted_pause(budget, seconds):
        began = asyncio.get_running_loop().time()
        await pause(budget, seconds)
        paused.append((began, len(turns)))

    monkeypatch.setattr(SharedBudget, "turn", noted_turn)
    monkeypatch.setattr(SharedBudget, "pause", noted_pause)
    run_id = await fleets[0].submit(yard.emulator.organization_ids, kinds={SyncKind.STOCKS}, poll=BRIEF)
    async with yard.working(*fleets):
        await yard.results_of(fleets[0], run_id)
    ((began, given),) = paused
    times = [sent.at for sent in yard.sent]
    # What had its turn when all were told may still leave, and each worker may have one on its way from the database.
    assert len([at for at in times if at < began + 1.9]) <= given + len(fleets) < len(times)
    assert times[-1] >= began + 1.9


@pytest.mark.parametrize(
    ("targets", "options", "told"),
    [
        ("org_1", {"kinds": {SyncKind.ORDERS}}, "iterable of organizations"),
        (["org/..", ".."], {"kinds": {SyncKind.ORDERS}}, "organization_id must be"),
        ([SyncTarget("org_1", [""])], {"kinds": {SyncKind.ORDERS}}, "integration_id must be"),
        (["org_1"], {}, "no kinds for 'org_1'"),
        (["org_1"], {"kinds": {"invoices"}}, "kinds must be"),
        (["org_1"], {"kinds": {SyncKind.ORDERS}, "run_id": "a run\n"}, "run_id must be"),
        (["org_1"], {"kinds": {SyncKind.ORDERS}, "poll": 3}, "poll must be"),
    ],
)
async def test_an_unusable_run_is_refused_whole(make_yard, targets, options, told):
    fleet = await make_yard().fleet()
    with pytest.raises(ConfigurationError, match=told):
        await fleet.submit(targets, **options)
    assert await fleet.runs() == []


async def test_a_name_is_taken_once_and_an_unknown_one_is_told(make_yard):
    fleet = await make_yard().fleet()
    assert await fleet.submit([], kinds={SyncKind.ORDERS}, run_id="nightly") == "nightly"
    with pytest.raises(ConfigurationError, match="'nightly' already"):
        await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, run_id="nightly")
    for ask in (fleet.report, fleet.cancel):
        with pytest.raises(ConfigurationError, match="there is no run 'weekly'"):
            await ask("weekly")
    with pytest.raises(ConfigurationError, match="there is no run 'weekly'"):
        await anext(fleet.results("weekly"))
    (run,) = await fleet.runs()
    # A run of nothing is over at once.
    assert (run.run_id, run.record.finished is not None) == ("nightly", True)
    assert [result async for result in fleet.results("nightly")] == []


async def test_targets_may_come_from_anywhere_and_in_any_number(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()

    async def many():
        for number in range(2_500):
            yield f"org_{number}"

    await fleet.submit(many(), kinds={SyncKind.ORDERS}, run_id="many")
    assert (await fleet.report("many")).organizations == 2_500
    assert await yard.query("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'packcloud:trigger'") == [
        (2_500,)
    ]
    await fleet.cancel("many")
    results = await yard.results_of(fleet, "many")
    assert len(results) == 2_500
    assert all("RunCancelled" in str(one.error) for one in results)


async def test_a_cancelled_run_sends_nothing_more_and_has_a_result_for_everything(make_yard):
    yard = make_yard(organizations=6, integrations=4, faults=FaultPlan(latency=0.05))
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(yard.emulator.organization_ids, kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet, concurrency=2):
        await until(lambda: len(yard.emulator.books.runs) >= 5)
        await other.cancel(run_id)
        results = await yard.results_of(other, run_id, within=5)
        await asyncio.sleep(0.3)
        posts = len(yard.emulator.books.runs)
        await asyncio.sleep(0.5)
        assert len(yard.emulator.books.runs) == posts < 24
    assert any("RunCancelled" in str(one.error) for one in results)
    assert max(names(results).values()) == 1
    assert {one.organization_id for one in results} == set(yard.emulator.organization_ids)
    assert yard.emulator.counters.duplicate_posts == 0
    report = await fleet.report(run_id)
    assert (report.finished, report.in_flight) == (True, 0)
    # Again changes nothing.
    await fleet.cancel(run_id)
    assert names(await yard.results_of(fleet, run_id)) == names(results)
