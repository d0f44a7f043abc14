"""sync_many on virtual time: many organizations, bounded, fair to the failing, clean when left."""

import asyncio
import json
import random

import attrs
import pytest

from packcloud_async import (
    ClientStateError,
    ConfigurationError,
    Direction,
    NotFound,
    Outcome,
    PackCloudClient,
    RateLimit,
    RateLimited,
    RetryPolicy,
    SyncKind,
    SyncTarget,
    TransportError,
    Unauthorized,
)
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes

from .support.shop import STEADY, open_shop, slow_to_cancel

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
ALL = set(SyncKind)


async def collect(run):
    return [result async for result in run]


async def sync_orders(shop, targets, **options):
    options = {"kinds": {ORDERS}, "poll": STEADY, **options}
    async with shop.client.sync_many(targets, **options) as run:
        results = await collect(run)
    return run, results


async def test_every_integration_of_every_organization_gets_a_result():
    async with open_shop() as shop:
        run, results = await sync_orders(shop, shop.emulator.organization_ids)
    assert {(r.organization_id, r.integration_id) for r in results} == {
        (f"org_{org}", f"int_{number}") for org in (1, 2, 3) for number in (1, 2, 3, 4)
    }
    assert run.report.finished
    assert run.report.outcomes == {ORDERS: {Outcome.ADVANCED: 12}}
    assert (run.report.organizations, run.report.integrations, run.report.not_started) == (3, 12, 0)


async def test_the_listing_is_the_baseline():
    async with open_shop(organizations=1) as shop:
        await sync_orders(shop, ["org_1"])
    posted = next(index for index, sent in enumerate(shop.transport.sent) if sent.method == "POST")
    assert [(sent.method, sent.path) for sent in shop.transport.sent[:posted]] == [("GET", "org_1/integrations")]
    assert [sent.path for sent in shop.transport.sent if sent.path.endswith("int_1")] == []


async def test_the_pages_of_a_long_listing_are_followed():
    async with open_shop(organizations=1, integrations=60) as shop:
        _, results = await sync_orders(shop, ["org_1"])
    assert len({result.integration_id for result in results}) == 60


async def test_one_that_a_later_page_shows_again_has_its_baseline_from_there():
    async def shift(request, send):
        response = await send(request)
        if not request.url.partition("?")[0].endswith("/integrations"):
            return response
        page = json.loads(response.body)
        if page["data"][0]["id"] == "int_1":
            shown.append(dict(page["data"][0]))
            del page["data"][0]["order_sync_updated_at"]
        else:
            page["data"].extend(shown)
            shown.clear()
        return attrs.evolve(response, body=json.dumps(page).encode())

    shown = []
    async with open_shop(organizations=1, per_page=2, step_in=shift) as shop:
        _, results = await sync_orders(shop, ["org_1"])
    assert len(results) == 4
    assert {result.error for result in results} == {None}


async def test_given_integrations_and_kinds_are_the_only_ones_fired():
    async with open_shop() as shop:
        targets = [SyncTarget("org_1", ["int_2", "int_2"], kinds={STOCKS}), "org_2"]
        _, results = await sync_orders(shop, targets)
    fired = {(result.organization_id, result.integration_id, *result.kinds) for result in results}
    assert ("org_1", "int_2", STOCKS) in fired
    assert len(fired) == 5


async def test_results_come_as_they_finish():
    async with open_shop(organizations=2, integrations=1) as shop:
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(20.0, None)])
        shop.emulator.plan_sync("org_2", "int_1", ORDERS, moves=[(2.0, None)])
        came = []
        async with shop.client.sync_many(["org_1", "org_2"], kinds={ORDERS}, poll=STEADY) as run:
            async for result in run:
                came.append((result.organization_id, asyncio.get_running_loop().time()))
    assert [name for name, _ in came] == ["org_2", "org_1"]
    assert came[0][1] < 5 < came[1][1]


class TestOneBadShopNeverStopsTheRest:
    async def test_an_unknown_organization_is_a_result(self):
        async with open_shop() as shop:
            run, results = await sync_orders(shop, ["org_1", "org_99", "org_2"])
        bad = [result for result in results if result.error is not None]
        assert [(r.organization_id, r.integration_id, dict(r.kinds), type(r.error)) for r in bad] == [
            ("org_99", None, {}, NotFound)
        ]
        assert len(results) == 9
        assert run.report.not_started == run.report.failed == 1

    async def test_an_unknown_integration_is_a_result(self):
        async with open_shop() as shop:
            run, results = await sync_orders(shop, [SyncTarget("org_1", ["int_1", "int_99"])])
        assert {result.integration_id: type(result.error) for result in results} == {
            "int_1": type(None),
            "int_99": NotFound,
        }
        assert run.report.failed == 1

    @pytest.mark.parametrize("bad", ["", "..", None, 7, ("org_1",)], ids=repr)
    async def test_an_unusable_target_is_a_result(self, bad):
        async with open_shop() as shop:
            _, results = await sync_orders(shop, [bad, "org_1"])
        assert [type(result.error) for result in results if result.error] == [ConfigurationError]
        assert len(results) == 5

    async def test_a_target_that_failed_says_how_long_it_took(self):
        faults = FaultPlan(routes={"integrations", "integration"}, server_error=1)
        async with open_shop(faults=faults) as shop:
            _, results = await sync_orders(shop, ["org_1", SyncTarget("org_2", ["int_1"])])
        # Four attempts with waits of at least half of 0.5, 1 and 2 seconds.
        assert [1.75 <= result.elapsed <= 3.5 for result in results] == [True, True]

    async def test_a_target_without_kinds_is_a_result(self):
        async with open_shop() as shop:
            _, results = await sync_orders(shop, ["org_1", SyncTarget("org_2", kinds={STOCKS})], kinds=None)
        assert {result.organization_id: type(result.error) for result in results} == {
            "org_1": ConfigurationError,
            "org_2": type(None),
        }

    async def test_a_refused_post_of_one_kind_is_its_outcome(self):
        async with open_shop(organizations=1, faults=FaultPlan(routes={"sync_orders"}, script=[403])) as shop:
            run, results = await sync_orders(shop, ["org_1"])
        assert sorted(result[ORDERS].state for result in results) == [*[Outcome.ADVANCED] * 3, Outcome.REJECTED]
        assert run.report.failed == 1

    async def test_a_wrong_token_is_a_result_for_each_organization(self):
        emulator = Emulator()
        async with PackCloudClient(token="wrong", transport=emulator.transport()) as client:
            async with client.sync_many(emulator.organization_ids, kinds=ALL) as run:
                results = await collect(run)
        assert [type(result.error) for result in results] == [Unauthorized] * 3

    async def test_one_unusable_id_of_many_is_a_result(self):
        async with open_shop() as shop:
            _, results = await sync_orders(shop, [SyncTarget("org_1", ["int_1", "..", "int_2"])])
        assert {result.integration_id: type(result.error) for result in results} == {
            "int_1": type(None),
            "..": ConfigurationError,
            "int_2": type(None),
        }

    async def test_a_foreign_fault_in_a_listing_is_a_result(self):
        async def break_down(request, send):
            if request.url.endswith("org_1/integrations"):
                raise ZeroDivisionError
            return await send(request)

        async with open_shop(step_in=break_down) as shop:
            _, results = await sync_orders(shop, ["org_1", "org_2"])
        assert len(results) == 5
        assert ["ZeroDivisionError" in str(result.error) for result in results if result.error] == [True]

    async def test_a_fault_of_a_foreign_kind_is_a_result(self):
        async def break_down(request, send):
            if request.method == "POST" and "org_1/integrations/int_1/" in request.url:
                raise ZeroDivisionError
            return await send(request)

        async with open_shop(organizations=1, step_in=break_down) as shop:
            _, results = await sync_orders(shop, ["org_1"])
        errors = {result.integration_id: result.error for result in results}
        assert "ZeroDivisionError" in str(errors.pop("int_1"))
        assert set(errors.values()) == {None}


class TestTargets:
    async def test_an_async_iterable_is_read_no_further_than_needed(self):
        drawn = []

        async def endless():
            for number in range(1, 1_000_000):
                drawn.append(number)
                yield f"org_{number}"

        async with open_shop(organizations=1_000_000, integrations=1) as shop:
            options = {"kinds": {ORDERS}, "poll": STEADY, "max_organizations": 5}
            async with shop.client.sync_many(endless(), **options) as run:
                async for _ in run:
                    break
        assert len(drawn) <= 12

    @pytest.mark.parametrize("targets", [None, 5, "org_1", SyncTarget("org_1")], ids=repr)
    async def test_a_single_target_in_place_of_many_is_refused(self, targets):
        async with open_shop() as shop:
            with pytest.raises(ConfigurationError, match="iterable"):
                shop.client.sync_many(targets, kinds=ALL)

    @pytest.mark.parametrize("name", ["max_organizations", "max_in_flight"])
    @pytest.mark.parametrize("value", [0, -1, 1.5, True, None], ids=repr)
    async def test_unusable_bounds_are_named(self, name, value):
        async with open_shop() as shop:
            with pytest.raises(ConfigurationError, match=name):
                shop.client.sync_many(["org_1"], kinds=ALL, **{name: value})

    async def test_an_error_of_the_iterable_reaches_the_caller(self):
        def failing():
            yield "org_1"
            raise ZeroDivisionError("no more")

        async with open_shop() as shop:
            with pytest.raises(ZeroDivisionError, match="no more"):
                await sync_orders(shop, failing())

    async def test_no_targets_is_an_empty_run(self):
        async with open_shop() as shop:
            run, results = await sync_orders(shop, [])
        assert (results, run.report.finished, run.report.requests_sent) == ([], True, 0)


class TestBounds:
    async def test_no_more_organizations_at_once_than_asked(self):
        under_way, most = set(), []

        async def note(request, send):
            under_way.add(request.url.split("/organizations/")[1].split("/")[0])
            most.append(len(under_way))
            return await send(request)

        async with (
            open_shop(organizations=20, integrations=2, step_in=note) as shop,
            shop.client.sync_many(
                shop.emulator.organization_ids, kinds={ORDERS}, poll=STEADY, max_organizations=3
            ) as run,
        ):
            done = {}
            async for result in run:
                done[result.organization_id] = done.get(result.organization_id, 0) + 1
                if done[result.organization_id] == 2:
                    under_way.discard(result.organization_id)
        assert len(done) == 20
        assert max(most) <= 4

    async def test_no_more_calls_in_flight_than_asked(self):
        async with open_shop(organizations=20, faults=FaultPlan(latency=0.2)) as shop:
            await sync_orders(shop, shop.emulator.organization_ids, max_in_flight=7)
        assert shop.emulator.counters.peak_requests == 7

    async def test_a_slow_reader_holds_back_new_organizations(self, monkeypatch):
        monkeypatch.setattr("packcloud_async.results.UNREAD_RESULTS_ALLOWED", 10)
        async with (
            open_shop(organizations=1_000, integrations=2) as shop,
            shop.client.sync_many(shop.emulator.organization_ids, kinds={STOCKS}, max_organizations=5) as run,
        ):
            await asyncio.sleep(1000)
            assert run.report.integrations <= 10 + 2 * 6
            assert len(await collect(run)) == 2_000


class TestLeaving:
    async def test_leaving_early_stops_everything(self):
        async with open_shop(organizations=20) as shop:
            async with shop.client.sync_many(shop.emulator.organization_ids, kinds=ALL, poll=STEADY) as run:
                async for _ in run:
                    break
            sent = len(shop.transport.sent)
            await asyncio.sleep(1000)
            assert len(shop.transport.sent) == sent
            assert not run.report.finished
            assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_an_error_in_the_block_comes_out_as_it_is(self):
        async with open_shop() as shop:
            with pytest.raises(ZeroDivisionError):
                async with shop.client.sync_many(["org_1"], kinds=ALL, poll=STEADY):
                    raise ZeroDivisionError

    @pytest.mark.parametrize("tenths", range(0, 50, 3))
    async def test_a_timeout_at_any_time_leaves_nothing(self, tenths):
        async with open_shop(faults=FaultPlan(latency=0.35)) as shop:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(tenths / 10):
                    await sync_orders(shop, shop.emulator.organization_ids)
            sent = len(shop.transport.sent)
            await asyncio.sleep(100)
            assert len(shop.transport.sent) == sent

    async def test_a_client_closed_in_the_middle_ends_every_job_with_the_reason(self):
        async with open_shop() as shop:
            async with shop.client.sync_many(["org_1", "org_2"], kinds={ORDERS}, poll=STEADY) as run:
                await asyncio.sleep(0.5)
                await shop.client.aclose()
                results = await collect(run)
        assert {type(result.error) for result in results} == {ClientStateError}
        assert len(results) == 8

    async def test_a_run_runs_once(self):
        async with open_shop() as shop:
            run, _ = await sync_orders(shop, ["org_1"])
            with pytest.raises(ConfigurationError, match="once"):
                async with run:
                    pass

    async def test_a_run_that_was_not_entered_says_so(self):
        async with open_shop() as shop:
            with pytest.raises(ConfigurationError, match="async with"):
                await anext(shop.client.sync_many(["org_1"], kinds=ALL))


class TestConsumers:
    async def test_two_readers_of_one_run_both_see_its_end(self):
        async with open_shop() as shop, asyncio.timeout(500):
            async with shop.client.sync_many(shop.emulator.organization_ids, kinds={ORDERS}, poll=STEADY) as run:
                async with asyncio.TaskGroup() as group:
                    readers = [group.create_task(collect(run)) for _ in range(2)]
        assert sum(len(reader.result()) for reader in readers) == 12

    async def test_a_reader_elsewhere_is_told_that_the_block_was_left(self):
        async with open_shop() as shop, asyncio.timeout(500):
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
                reader = asyncio.create_task(collect(run))
                await asyncio.sleep(0.5)
            with pytest.raises(ClientStateError, match="left"):
                await reader
            assert await collect(run) == []

    async def test_a_block_left_at_once_leaves_nobody_waiting(self):
        async with open_shop() as shop, asyncio.timeout(500):
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
                reader = asyncio.create_task(collect(run))
            with pytest.raises(ClientStateError, match="left"):
                await reader
            elapsed = run.report.elapsed
            await asyncio.sleep(10)
            assert run.report.elapsed == elapsed

    async def test_an_async_generator_of_targets_is_closed_when_the_block_is_left(self):
        closed = []

        async def endless():
            try:
                for number in range(1, 1_000):
                    yield f"org_{number}"
            finally:
                closed.append(asyncio.current_task())

        async with open_shop(organizations=1_000, integrations=1) as shop:
            options = {"kinds": {ORDERS}, "poll": STEADY, "max_organizations": 3}
            async with shop.client.sync_many(endless(), **options) as run:
                async for _ in run:
                    break
            assert len(closed) == 1

    async def test_leaving_twice_cancelled_leaves_no_task(self):
        async with open_shop(step_in=slow_to_cancel, faults=FaultPlan(latency=0.7)) as shop:
            running = asyncio.create_task(sync_orders(shop, ["org_1", "org_2"]))
            await asyncio.sleep(2.6)
            running.cancel()
            await asyncio.sleep(0.5)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert asyncio.all_tasks() == {asyncio.current_task()}


class TestReport:
    async def test_what_a_job_took_is_without_its_wait_for_a_turn(self):
        async with open_shop(organizations=1, faults=FaultPlan(routes={"sync_stocks"}, latency=2)) as shop:
            _, results = await sync_orders(shop, ["org_1"], kinds={STOCKS}, max_in_flight=1)
        assert asyncio.get_running_loop().time() == 8
        assert [result.elapsed for result in results] == [2] * 4

    async def test_it_counts_requests_and_names_the_slowest(self):
        async with open_shop(organizations=2, integrations=8) as shop:
            shop.emulator.plan_sync("org_2", "int_5", ORDERS, moves=[(50.0, None)])
            run, results = await sync_orders(shop, shop.emulator.organization_ids)
        report = run.report
        assert report.requests_sent == shop.client.requests_sent == len(shop.transport.sent)
        assert (report.slowest[0].organization_id, report.slowest[0].integration_id) == ("org_2", "int_5")
        assert len(report.slowest) == 10
        assert report.elapsed == pytest.approx(max(result.elapsed for result in results))
        assert "16 advanced" in str(report)

    async def test_it_counts_only_its_own_requests(self):
        async with open_shop() as shop:
            await shop.org.integrations.get("int_1")
            run, _ = await sync_orders(shop, ["org_1"])
            assert run.report.requests_sent == shop.client.requests_sent - 1

    async def test_its_numbers_agree_with_their_nouns(self):
        async with open_shop(organizations=1, integrations=1) as shop:
            run, _ = await sync_orders(shop, ["org_1"])
            report = attrs.evolve(run.report, requests_sent=1, elapsed=2.0)
            assert str(report).startswith("1 organization, 1 integration, 1 request, 2.0 s, finished\n")

    async def test_it_can_be_read_at_any_moment(self):
        async with open_shop() as shop:
            run = shop.client.sync_many(["org_1"], kinds=ALL, poll=STEADY)
            assert (run.report.finished, run.report.elapsed) == (False, 0)
            async with run:
                await asyncio.sleep(1)
                assert run.report.elapsed == 1
                assert "not finished" in str(run.report)


async def one_run(seed, *, organizations):
    random.seed(seed)
    async with open_shop(
        organizations=organizations,
        integrations=5,
        seed=seed,
        sync_times=SyncTimes(median=5, spread=3, finds_nothing=0.2, several_steps=0.2),
    ) as shop:
        began = asyncio.get_running_loop().time()
        _, results = await sync_orders(shop, shop.emulator.organization_ids, kinds={ORDERS, PRODUCTS, STOCKS})
        assert asyncio.get_running_loop().time() - began >= 60
        return shop, results


async def test_a_thousand_organizations_agree_with_the_books():
    shop, results = await one_run(7, organizations=1_000)
    assert len(results) == 5_000
    for result in results:
        for kind in (ORDERS, PRODUCTS):
            place = (result.organization_id, result.integration_id, kind)
            (accepted,) = shop.emulator.books.of(*place)
            moves = shop.emulator.books.moves(*place, until=accepted.accepted_at + STEADY.deadline)
            assert (result[kind].state is Outcome.ADVANCED) == bool(moves)
            if moves:
                assert result[kind].after in {value for _, value in moves}
        assert result[STOCKS].state is Outcome.UNOBSERVABLE
    assert shop.emulator.counters.duplicate_posts == 0


async def test_a_run_is_deterministic_for_a_seed():
    _, first = await one_run(7, organizations=100)
    _, again = await one_run(7, organizations=100)
    _, other = await one_run(8, organizations=100)
    assert first == again
    assert first != other


async def test_under_faults_every_outcome_agrees_with_the_books():
    random.seed(3)
    faults = FaultPlan(
        latency=0.05,
        latency_spread=0.2,
        refuse=0.02,
        drop_before=0.02,
        drop_after=0.02,
        rate_limited=0.02,
        server_error=0.02,
        truncate=0.02,
        bad_json=0.02,
        stale=0.1,
        retry_after=0.5,
    )
    options = {"retry": RetryPolicy(attempts=8, first=0.1)}
    times = SyncTimes(median=5, spread=3, finds_nothing=0.3)
    async with open_shop(organizations=100, integrations=5, faults=faults, client=options, sync_times=times) as shop:
        _, results = await sync_orders(shop, shop.emulator.organization_ids)
    books = shop.emulator.books
    assert shop.emulator.counters.duplicate_posts == 0
    assert len(shop.emulator.counters.faults) >= 6
    assert len(results) >= 400
    seen = set()
    for result in results:
        if result.error is not None:
            continue
        outcome = result[ORDERS]
        seen.add(outcome.state)
        moved = books.moves(result.organization_id, result.integration_id, ORDERS, until=50)
        accepted = books.of(result.organization_id, result.integration_id, ORDERS)
        if outcome.state is Outcome.ADVANCED:
            assert accepted
            assert outcome.steps[0].direction in {Direction.FORWARD, Direction.FROM_NULL}
        elif outcome.state is Outcome.QUIET:
            assert accepted
            assert not moved
        elif outcome.state is Outcome.REJECTED:
            assert isinstance(outcome.error, TransportError | RateLimited)
            assert not accepted
        elif outcome.state is Outcome.AMBIGUOUS:
            assert not moved
    assert {Outcome.ADVANCED, Outcome.QUIET, Outcome.AMBIGUOUS} <= seen


async def test_a_settled_run_keeps_every_step():
    async with open_shop(organizations=5, sync_times=SyncTimes(median=6, spread=0, several_steps=1, steps=3)) as shop:
        poll = attrs.evolve(STEADY, settle=8)
        _, results = await sync_orders(shop, shop.emulator.organization_ids, poll=poll)
    for result in results:
        moves = shop.emulator.books.moves(result.organization_id, result.integration_id, ORDERS)
        assert result[ORDERS].after == moves[-1][1]


class TestReportOfTheBudget:
    async def test_it_says_how_the_client_stands(self):
        faults = FaultPlan(script=[None, 429, 429], retry_after=7)
        async with open_shop(
            organizations=2, faults=faults, client={"rate_limit": RateLimit(20, adaptive=True)}
        ) as shop:
            run, results = await sync_orders(shop, ["org_1", "org_2"])
        assert [result.failed for result in results] == [False] * 8
        budget = run.report.budget
        assert (budget.refusals, budget.retries, budget.retries_withheld) == (2, 2, 0)
        assert budget.lowest_rate < 20
        assert budget.waited > 7
        (line,) = [line for line in str(run.report).splitlines() if line.startswith("budget: ")]
        assert "2 refused for now, 2 sent again" in line

    async def test_a_run_that_nothing_held_up_has_nothing_to_say(self):
        async with open_shop(organizations=1) as shop:
            run, _ = await sync_orders(shop, ["org_1"])
        assert "budget" not in str(run.report)

    async def test_withheld_retries_and_a_plain_rate_are_told(self):
        retry = RetryPolicy(budget=0.01, budget_reserve=0)
        faults = FaultPlan(routes={"sync_orders"}, refuse=1)
        client = {"rate_limit": RateLimit(1_000), "retry": retry}
        async with open_shop(organizations=1, faults=faults, client=client) as shop:
            run, _ = await sync_orders(shop, ["org_1"])
        assert run.report.budget.retries_withheld == 4
        assert "budget: 1000.0 requests per second, 1000.0 at the least" in str(run.report)
        assert "4 not sent again, because too many had failed" in str(run.report)


async def take_all(run, results):
    async for result in run:
        results.append(result)


async def test_an_iterable_that_raises_lets_what_was_begun_finish():
    async def targets():
        yield "org_1"
        await asyncio.sleep(1.5)
        raise ZeroDivisionError("no more")

    results = []
    async with open_shop() as shop, shop.client.sync_many(targets(), kinds={ORDERS}, poll=STEADY) as run:
        with pytest.raises(ZeroDivisionError, match="no more"):
            await take_all(run, results)
    assert [result[ORDERS].state for result in results] == [Outcome.ADVANCED] * 4
    assert not run.report.finished


async def test_a_generator_of_targets_is_closed_when_the_run_is_left():
    closed = []

    def targets():
        try:
            yield from ("org_1", "org_2", "org_3")
        finally:
            closed.append(True)

    given = targets()
    async with open_shop() as shop, shop.client.sync_many(given, kinds={ORDERS}, max_organizations=1) as run:
        async for _ in run:
            break
    assert closed == [True]


async def test_stocks_of_a_job_that_is_still_open_are_not_sent_again():
    async with open_shop() as shop:
        one = asyncio.create_task(_sync(shop, ORDERS, STOCKS))
        await asyncio.sleep(2)
        other = asyncio.create_task(_sync(shop, ORDERS, STOCKS))
        assert (await one)[STOCKS].state is (await other)[STOCKS].state is Outcome.UNOBSERVABLE
        assert shop.transport.count("POST") == 2


async def _sync(shop, *kinds):
    shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(20.0, None)])
    return await shop.org.sync("int_1", *kinds, poll=STEADY)
