"""Hooks: what they are told of requests, jobs and runs, and that they change nothing."""

import asyncio
import logging
from contextlib import suppress

import pytest

from packcloud_async import (
    ClientStateError,
    ConfigurationError,
    InvalidResponse,
    NotFound,
    Outcome,
    PackCloudClient,
    PackCloudError,
    RateLimit,
    RetryPolicy,
    Routes,
    ServerError,
    SqliteLedger,
    SyncError,
    SyncKind,
    SyncTarget,
    Timeouts,
    TransportError,
)
from packcloud_async.emulator import FaultPlan
from packcloud_async.hooks import (
    JobBegun,
    JobEnded,
    JobFired,
    JobRead,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RunBegun,
    RunEnded,
    SharedRead,
    log_details,
)

from .io.connecting import INTEGRATION
from .support.scripted_transport import ScriptedTransport, says
from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
GOOD = says(200, {"data": INTEGRATION})
LOST = TransportError("lost", maybe_sent=True)
RETRY = RetryPolicy(attempts=3, first=10, growth=2, ceiling=100)
URL = "https://api.pack.cloud/v1/organizations/org_1/integrations/int_1"
TEMPLATE = "/v1/organizations/{organizationId}/integrations/{integrationId}"


class Told(list):
    """A hook that keeps what it is told."""

    def __call__(self, event):
        self.append(event)

    def of(self, *kinds):
        return [event for event in self if isinstance(event, kinds)]

    @property
    def names(self):
        return [type(event).__name__ for event in self]


async def after(seconds, answer):
    await asyncio.sleep(seconds)
    if isinstance(answer, Exception):
        raise answer
    return answer


def taking(seconds, answer):
    return lambda _: after(seconds, answer)


def client_of(*answers, **options):
    options = {"token": "t", "retry": RETRY, **options}
    return PackCloudClient(transport=ScriptedTransport(list(answers)), **options)


async def get(client):
    return await client.organization("org_1").integrations.get("int_1")


class TestRequests:
    async def test_an_answered_request_is_told_when_it_leaves_and_when_it_is_answered(self):
        told = Told()
        await get(client_of(taking(3, GOOD), hooks=[told]))
        begun, ended = told
        assert isinstance(begun, RequestBegun)
        assert (begun.operation, begun.method, begun.url, begun.template) == ("integrations.get", "GET", URL, TEMPLATE)
        assert (begun.organization_id, begun.integration_id, begun.kind) == ("org_1", "int_1", None)
        assert (begun.attempt, begun.resends, begun.waited, begun.purpose) == (1, 0, 0, None)
        assert isinstance(ended, RequestEnded)
        assert ended.request is begun
        assert (ended.status, ended.elapsed, ended.error) == (200, 3, None)

    async def test_each_attempt_is_a_request_and_each_wait_between_them_is_told(self, monkeypatch):
        monkeypatch.setattr("random.random", lambda: 0.0)
        told = Told()
        await get(client_of(taking(1, says(500)), taking(2, LOST), taking(3, GOOD), hooks=[told]))
        assert told.names == ["RequestBegun", "RequestEnded", "RequestRetried"] * 2 + ["RequestBegun", "RequestEnded"]
        begun, ended, retried = told.of(RequestBegun), told.of(RequestEnded), told.of(RequestRetried)
        assert [(one.attempt, one.resends) for one in begun] == [(1, 0), (2, 1), (3, 2)]
        assert [(one.status, one.elapsed, type(one.error)) for one in ended] == [
            (500, 1, ServerError),
            (None, 2, TransportError),
            (200, 3, type(None)),
        ]
        assert [(one.request, one.status, one.elapsed) for one in retried] == [(begun[0], 500, 1), (begun[1], None, 2)]
        assert [type(one.error) for one in retried] == [ServerError, TransportError]
        assert retried[1].wait == 2 * retried[0].wait > 0

    async def test_on_retry_is_told_as_before(self):
        told, retries = Told(), []
        await get(client_of(500, GOOD, hooks=[told], on_retry=retries.append))
        assert [details.attempt for details in retries] == [1]
        assert [one.wait for one in told.of(RequestRetried)] == [details.wait for details in retries]

    async def test_a_renewed_credential_is_the_same_attempt_sent_once_more(self):
        told = Told()
        await get(client_of(401, GOOD, token=None, auth=_Renewing(), hooks=[told]))
        assert [(one.attempt, one.resends) for one in told.of(RequestBegun)] == [(1, 0), (1, 1)]
        assert [one.status for one in told.of(RequestEnded)] == [401, 200]

    async def test_what_it_waited_for_its_turn_is_told_and_adds_up_to_what_the_budget_says(self):
        told = Told()
        client = client_of(taking(2, GOOD), max_connections=1, rate_limit=RateLimit(1, per=5, burst=1), hooks=[told])
        async with asyncio.TaskGroup() as calls:
            for _ in range(3):
                calls.create_task(get(client))
        assert [one.waited for one in told.of(RequestBegun)] == [0, 5, 10]
        assert sum(one.waited for one in told.of(RequestBegun)) == client.budget.waited

    @pytest.mark.parametrize(
        ("call", "kind", "template"),
        [
            (lambda org: org.integrations.sync_orders("a/b"), ORDERS, "{integrationId}/orders/sync"),
            (lambda org: org.integrations.sync_shipping_services("a/b"), SERVICES, "/shipping-services/sync"),
            (lambda org: org.integrations.execute_action("a/b", "c"), None, "{integrationId}/actions/{action}"),
        ],
    )
    async def test_ids_and_kind_come_from_the_route(self, call, kind, template):
        told = Told()
        await call(client_of(202, hooks=[told]).organization("o 1"))
        begun = told[0]
        assert (begun.organization_id, begun.integration_id, begun.kind) == ("o 1", "a/b", kind)
        assert begun.template.endswith(template)

    async def test_an_own_route_is_the_template(self):
        told = Told()
        routes = Routes(sync_orders="/v2/o-{organizationId}/i-{integrationId}.go")
        await client_of(202, routes=routes, hooks=[told]).organization("a").integrations.sync_orders("b")
        assert (told[0].template, told[0].organization_id, told[0].integration_id) == (routes.sync_orders, "a", "b")

    async def test_a_query_is_not_told_and_a_call_of_ones_own_has_no_template(self):
        told = Told()
        await client_of(200, hooks=[told]).request("GET", "/v1/x", query={"find": "canary"})
        assert (told[0].operation, told[0].url) == ("request", "https://api.pack.cloud/v1/x")
        assert (told[0].template, told[0].organization_id) == (None, None)

    async def test_an_answer_that_is_not_understood_has_its_status_and_the_error(self):
        told = Told()
        with pytest.raises(InvalidResponse):
            await get(client_of(says(200, b"{"), hooks=[told]))
        assert (told[-1].status, type(told[-1].error)) == (200, InvalidResponse)

    async def test_one_that_is_cancelled_or_late_is_told_with_that(self):
        told = Told()
        client = client_of(taking(100, GOOD), timeouts=Timeouts(total=20), retry=RetryPolicy(attempts=1), hooks=[told])
        with pytest.raises(TransportError):
            await get(client)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await get(client)
        ended = told.of(RequestEnded)
        assert [(type(one.error), one.status, one.elapsed) for one in ended] == [
            (TransportError, None, 20),
            (asyncio.CancelledError, None, 5),
        ]

    async def test_one_that_never_left_is_not_told_of(self):
        told = Told()
        client = client_of(taking(10, GOOD), max_connections=1, hooks=[told])
        first = asyncio.create_task(get(client))
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await get(client)
        await first
        assert told.names == ["RequestBegun", "RequestEnded"]

    async def test_a_retry_that_is_withheld_is_told(self):
        told = Told()
        thrifty = RetryPolicy(budget=0.0, budget_reserve=0)
        with pytest.raises(ServerError) as caught:
            await get(client_of(taking(2, says(500)), retry=thrifty, hooks=[told]))
        assert told.names == ["RequestBegun", "RequestEnded", "RequestWithheld"]
        withheld = told[-1]
        assert (withheld.request, withheld.status, withheld.elapsed) == (told[0], 500, 2)
        assert withheld.error is caught.value

    async def test_a_retry_of_one_that_never_left_says_so(self):
        told = Told()
        await get(client_of(GOOD, token=None, auth=_Failing(), hooks=[told]))
        retried = told.of(RequestRetried)[0]
        assert (retried.elapsed, retried.request.attempt, type(retried.error)) == (None, 1, TransportError)
        assert [one.attempt for one in told.of(RequestBegun)] == [2]

    async def test_one_of_a_later_attempt_is_not_taken_for_the_one_before(self):
        told = Told()
        await get(client_of(500, GOOD, token=None, auth=_Failing(at=2), hooks=[told]))
        assert [(one.request.attempt, one.elapsed is None) for one in told.of(RequestRetried)] == [
            (1, False),
            (2, True),
        ]
        assert [one.attempt for one in told.of(RequestBegun)] == [1, 3]

    async def test_one_that_never_left_says_what_it_was_for(self):
        told = Told()
        client = client_of(GOOD, token=None, auth=_Failing(), hooks=[told])
        with suppress(PackCloudError):
            await client.organization("org_1").sync("int_1", ORDERS, poll=STEADY)
        assert told.of(RequestRetried)[0].request.purpose is told.of(JobBegun)[0]


class _Renewing:
    async def headers(self, *, refused):
        return {"X-Api-Key": "new" if refused else "old"}


class _Failing:
    def __init__(self, at=1):
        self.asked = 0
        self.at = at

    async def headers(self, *, refused):
        self.asked += 1
        if self.asked == self.at:
            raise TransportError("no credential yet", maybe_sent=False)
        return {"X-Api-Key": "k"}


def shop(told, **options):
    client = {"hooks": [told], **options.pop("client", {})}
    return open_shop(client=client, **options)


class TestJobs:
    async def test_a_job_is_told_from_its_begin_to_its_outcomes(self):
        told = Told()
        async with shop(told) as opened:
            opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
            result = await opened.org.sync("int_1", ORDERS, poll=STEADY)
        assert result[ORDERS].state is Outcome.ADVANCED
        begun, ended = told[0], told[-1]
        assert (begun.organization_id, begun.integration_id, begun.kinds) == ("org_1", "int_1", (ORDERS,))
        assert (begun.resumed, begun.run) == (False, None)
        (fired,) = told.of(JobFired)
        assert (fired.job, fired.kind, fired.error, fired.shared) == (begun, ORDERS, None, False)
        reads = told.of(JobRead)
        assert [read.sighting for read in reads] == list(result.timeline[1:])
        assert {read.job for read in reads} == {begun}
        assert isinstance(ended, JobEnded)
        assert (ended.job, ended.result, ended.error) == (begun, result, None)
        assert ended.news_delay == {ORDERS: result[ORDERS].seen_at - fired.at}

    async def test_its_requests_are_its_own_and_those_of_a_read_are_shared(self):
        told = Told()
        async with shop(told) as opened:
            opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
            await opened.org.sync("int_1", ORDERS, PRODUCTS, poll=STEADY)
            await opened.org.integrations.get("int_1")
        job, requests = told[0], told.of(RequestBegun)
        assert [one.purpose for one in requests[:3]] == [job] * 3
        shared = [one.purpose for one in requests[3:-1]]
        assert {type(one) for one in shared} == {SharedRead}
        # Each read tells once, and says which it was.
        assert [read.read for read in told.of(JobRead)] == shared
        assert len(set(shared)) == len(shared) > 1
        assert requests[-1].purpose is None

    async def test_the_post_of_another_job_is_told_as_shared(self):
        told = Told()
        async with shop(told) as opened:
            async with asyncio.TaskGroup() as jobs:
                for _ in range(2):
                    jobs.create_task(opened.org.sync("int_1", ORDERS, poll=STEADY))
        assert sorted(fired.shared for fired in told.of(JobFired)) == [False, True]
        assert len({fired.job for fired in told.of(JobFired)}) == 2

    async def test_a_refused_post_is_told_with_its_error(self):
        told = Told()
        async with shop(told) as opened:
            opened.emulator.set_faults([FaultPlan(routes={"sync_orders"}, script=[422])])
            result = await opened.org.sync("int_1", ORDERS, poll=STEADY)
        assert told.of(JobFired)[0].error is result[ORDERS].error
        assert told[-1].result is result
        assert told[-1].news_delay == {}

    async def test_a_job_whose_baseline_cannot_be_read_ends_with_the_error(self):
        told = Told()
        async with shop(told) as opened:
            with pytest.raises(NotFound) as caught:
                await opened.org.sync("int_99", ORDERS)
        assert told.names == ["JobBegun", "RequestBegun", "RequestEnded", "JobEnded"]
        assert (told[-1].job, told[-1].result, told[-1].error) == (told[0], None, caught.value)

    async def test_a_fired_job_goes_on_until_somebody_waits_for_its_end(self):
        told = Told()
        async with shop(told) as opened:
            job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            assert told.names[-1] == "JobFired"
            await job.wait()
        assert len(told.of(JobBegun)) == len(told.of(JobEnded)) == 1

    @pytest.mark.parametrize("way", ["cancelled", "detached"])
    async def test_a_job_that_nobody_waits_for_is_left_and_begins_again_as_resumed(self, way):
        told = Told()
        async with shop(told) as opened:
            opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(20.0, None)])
            job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            waiting = asyncio.ensure_future(job.wait())
            await asyncio.sleep(5)
            if way == "cancelled":
                waiting.cancel()
            else:
                await job.detach()
            with pytest.raises((asyncio.CancelledError, SyncError)):
                await waiting
            left = told.of(JobEnded)[0]
            assert (left.job, left.result) == (told[0], None)
            assert type(left.error) is (asyncio.CancelledError if way == "cancelled" else SyncError)
            result = await job.wait()
        first, second = told.of(JobBegun)
        assert (first.resumed, second.resumed) == (False, True)
        assert [(one.job, one.result) for one in told.of(JobEnded)] == [(first, None), (second, result)]

    async def test_a_job_of_another_process_is_resumed(self):
        told = Told()
        async with shop(told) as opened:
            job = opened.org.sync_job("int_1", ORDERS, poll=STEADY)
            await job.fire()
            token = job.token
            told.clear()
            again = type(job).resume(opened.connect(hooks=[told]), token)
            await again
        assert told[0].resumed is True
        assert isinstance(told[-1], JobEnded)


class TestRuns:
    async def run(self, told, ids, *, kinds=(ORDERS, PRODUCTS), client=None, **emulator):
        async with shop(told, client=client or {}, **emulator) as opened:
            async with opened.client.sync_many(ids, kinds=kinds, poll=STEADY) as run:
                results = [result async for result in run]
            return opened, run, results

    async def test_a_run_its_jobs_and_their_requests_know_each_other(self):
        told = Told()
        _, run, results = await self.run(told, ["org_1", "org_2"], organizations=2, integrations=3)
        begun, ended = told[0], told[-1]
        assert (type(begun), begun.kinds, begun.resumed) == (RunBegun, (ORDERS, PRODUCTS), False)
        assert (type(ended), ended.run, ended.error) == (RunEnded, begun, None)
        assert ended.report == run.report
        assert ended.report.finished is True
        jobs = told.of(JobBegun)
        assert len({(one.organization_id, one.integration_id) for one in jobs}) == len(jobs) == 6
        assert {one.run for one in jobs} == {begun}
        assert {one.job: one.result for one in told.of(JobEnded)}.keys() == set(jobs)
        assert [one.result for one in told.of(JobEnded)] == results
        lists = [one for one in told.of(RequestBegun) if one.purpose is begun]
        assert {one.operation for one in lists} == {"integrations.list"}
        posts = [one for one in told.of(RequestBegun) if one.method == "POST"]
        assert {(one.purpose, one.kind) for one in posts} == {
            (job, kind) for job in jobs for kind in (ORDERS, PRODUCTS)
        }
        rest = {type(one.purpose) for one in told.of(RequestBegun) if one not in [*lists, *posts]}
        assert rest == {SharedRead}

    async def test_every_request_that_begins_ends_whatever_fails(self):
        told = Told()
        faults = FaultPlan(server_error=0.05, drop_after=0.05, bad_json=0.05, rate_limited=0.03, latency=0.1)
        opened, run, results = await self.run(
            told, [f"org_{number}" for number in range(1, 11)], organizations=9, integrations=4, faults=faults
        )
        begun, ended = told.of(RequestBegun), told.of(RequestEnded)
        assert len(begun) == opened.client.requests_sent > 100
        assert sorted(map(id, begun)) == sorted(id(one.request) for one in ended)
        assert len(told.of(RequestRetried)) == opened.client.budget.retries > 0
        assert [one.result for one in told.of(JobEnded)] == results
        jobs = set(told.of(JobBegun))
        not_begun = [one for one in told.of(JobEnded) if one.job not in jobs]
        assert jobs == {one.job for one in told.of(JobEnded)} - {one.job for one in not_begun}
        assert len(not_begun) == sum(result.integration_id is None for result in results) >= 1
        assert run.report.finished

    async def test_a_job_of_a_run_is_told_of_the_reads_that_show_something(self):
        told = Told()
        _, _, results = await self.run(told, ["org_1"], integrations=2)
        for result in results:
            reads = [one.sighting.at for one in told.of(JobRead) if one.job.integration_id == result.integration_id]
            assert {outcome.seen_at for outcome in result.kinds.values() if outcome.seen_at} <= set(reads)
            assert all(one.read is not None for one in told.of(JobRead))

    async def test_what_could_not_be_started_has_an_end_without_a_begin(self):
        told = Told()
        targets = ["org_9", SyncTarget("org_1", integration_ids=["int_99", ".."])]
        _, _, results = await self.run(told, targets)
        ended = {one.job.integration_id: one for one in told.of(JobEnded)}
        assert [one.result for one in told.of(JobEnded)] == results
        assert ended.keys() == {None, "int_99", ".."}
        assert [one.integration_id for one in told.of(JobBegun)] == ["int_99"]
        assert (ended[None].job.organization_id, type(ended[None].error)) == ("org_9", NotFound)
        assert ended[".."].job.run is told[0]
        assert isinstance(ended[".."].error, ConfigurationError)

    async def test_a_run_that_is_left_early_says_so(self):
        told = Told()
        async with shop(told, integrations=3) as opened:
            async with opened.client.sync_many(["org_1"], kinds=[ORDERS], poll=STEADY) as run:
                await anext(run)
        assert told.names.count("RunEnded") == 1
        assert told[-1].report.finished is False
        assert isinstance(told[-1].error, ClientStateError)
        assert len(told.of(JobEnded)) >= 1

    async def test_a_run_that_is_left_before_its_first_step_says_so(self):
        told = Told()
        async with shop(told) as opened, opened.client.sync_many(["org_1"], kinds=[ORDERS]):
            pass
        assert told.names == ["RunBegun", "RunEnded"]

    async def test_a_run_that_is_gone_on_with_and_its_recorded_jobs_are_resumed(self, tmp_path):
        told, ledger = Told(), tmp_path / "run.sqlite"
        async with shop(told, integrations=3) as opened:
            async with opened.client.sync_many(
                ["org_1"], kinds=[ORDERS], poll=STEADY, ledger=SqliteLedger(ledger)
            ) as run:
                await anext(run)
            told.clear()
            async with opened.client.resume_many(SqliteLedger(ledger)) as run:
                results = [result async for result in run]
        assert told[0].resumed is True
        jobs = told.of(JobBegun)
        assert {one.resumed for one in jobs} == {True}
        assert {one.run for one in jobs} == {told[0]}
        assert [one.result for one in told.of(JobEnded)] == results
        assert told[-1].report.finished is True


def broken(event):
    raise LookupError(type(event).__name__)


class TestHooksThatFail:
    async def test_a_request_and_its_retries_do_as_without_it(self, caplog):
        told = Told()
        client = client_of(500, 500, GOOD, hooks=[broken, told])
        assert (await get(client)).id == "int_1"
        assert told.names.count("RequestEnded") == 3
        failures = [record for record in caplog.records if record.levelname == "ERROR"]
        # Once for each kind of event, with the error.
        assert [record.getMessage() for record in failures] == [
            f"a hook failed on {kind}; further failures on it are not logged: broken"
            for kind in ("RequestBegun", "RequestEnded", "RequestRetried")
        ]
        assert {record.exc_info[0] for record in failures} == {LookupError}

    async def test_no_result_is_lost(self):
        told = Told()
        _, run, results = await TestRuns().run(told, ["org_1"], client={"hooks": [broken, told]}, integrations=3)
        assert len(results) == 3
        assert not any(result.failed for result in results)
        assert run.report.finished
        assert [one.result for one in told.of(JobEnded)] == results

    async def test_the_error_of_the_call_is_the_one_that_is_raised(self):
        with pytest.raises(NotFound) as caught:
            await get(client_of(404, hooks=[broken]))
        assert caught.value.__context__ is None

    async def test_what_is_no_exception_passes_and_leaves_the_client_usable(self):
        def interrupted(event):
            if isinstance(event, RequestBegun) and event.resends == 0 and not told:
                told.append(event)
                raise KeyboardInterrupt

        told = []
        client = client_of(GOOD, max_connections=1, hooks=[interrupted])
        with pytest.raises(KeyboardInterrupt):
            await get(client)
        assert (await get(client)).id == "int_1"


async def later(event):
    pass


class Later:
    async def __call__(self, event):
        pass


class TestGivingThem:
    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (print, r"hooks must be an iterable of callables, such as \[hook\]"),
            ("print", "must be an iterable"),
            (None, "must be an iterable"),
            ([None], "must be callables that take an event, not None"),
            ([Told], "must be callables"),
            ([later], "plain functions, and later is a coroutine function"),
            ([Later()], "plain functions, and Later is a coroutine function"),
        ],
    )
    def test_what_cannot_be_a_hook_is_refused(self, given, message):
        with pytest.raises(ConfigurationError, match=message):
            PackCloudClient(token="t", hooks=given)

    @pytest.mark.parametrize("given", [(), [], iter(())], ids=["tuple", "list", "iterator"])
    def test_none_is_as_if_nothing_was_given(self, given):
        assert PackCloudClient(token="t", hooks=given).telling is None

    async def test_several_are_told_in_their_order_by_a_client_of_the_environment_too(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", "t")
        first, second = Told(), Told()
        client = PackCloudClient.from_env(hooks=iter([first, second]))
        client._pipeline.transport = ScriptedTransport([GOOD])
        await get(client)
        assert first == second
        assert len(first) == 2


def records(caplog):
    return [record for record in caplog.records if record.name == "packcloud_async"]


class TestTheLog:
    async def test_a_retry_says_what_failed_how_often_and_how_long_it_took(self, caplog):
        caplog.set_level(logging.INFO)
        await get(client_of(taking(2, says(503)), GOOD))
        (record,) = records(caplog)
        found = {name: getattr(record, name) for name in ("organization", "integration", "kind", "attempt", "status")}
        assert found == {"organization": "org_1", "integration": "int_1", "kind": None, "attempt": 1, "status": 503}
        assert (record.elapsed, record.error, record.method, record.template) == (2, "ServerError", "GET", TEMPLATE)

    async def test_a_job_says_what_came_of_it(self, caplog):
        caplog.set_level(logging.INFO)
        async with open_shop() as opened:
            opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
            result = await opened.org.sync("int_1", ORDERS, STOCKS, poll=STEADY)
        (record,) = records(caplog)
        assert record.getMessage() == "sync of org_1/int_1: orders advanced, stocks unobservable"
        assert (record.organization, record.integration, record.elapsed) == ("org_1", "int_1", result.elapsed)
        assert record.outcomes == {"orders": "advanced", "stocks": "unobservable"}
        assert record.news_delay == {"orders": result[ORDERS].seen_at}

    async def test_a_run_says_when_it_begins_and_what_it_came_to(self, caplog):
        caplog.set_level(logging.INFO)
        _, run, _ = await TestRuns().run(Told(), ["org_1", "org_9"], client={"hooks": ()}, integrations=2)
        told = [record.getMessage() for record in records(caplog)]
        assert told[0] == "bulk run begins"
        assert "sync of org_9: no result: NotFound" in told
        assert told[-1].startswith("bulk run: 2 organizations, 2 integrations, ")
        last = records(caplog)[-1]
        assert (last.organizations, last.not_started, last.failed, last.finished) == (2, 1, 1, True)
        assert last.requests == run.report.requests_sent

    async def test_details_are_written_by_a_hook_that_writes_nothing_twice(self, caplog):
        caplog.set_level(logging.DEBUG)
        async with shop(log_details) as opened:
            opened.emulator.set_faults([FaultPlan(routes={"sync_orders"}, script=[503])])
            await opened.org.sync("int_1", ORDERS, poll=STEADY)
        told = [(record.levelname, record.getMessage()) for record in records(caplog)]
        assert told[:3] == [
            ("DEBUG", "sync of org_1/int_1 begins"),
            ("DEBUG", "integrations.get leaves"),
            ("DEBUG", "integrations.get: 200 after 0.000 s"),
        ]
        assert len([1 for level, _ in told if level == "INFO"]) == 1
        assert ("DEBUG", "sync of org_1/int_1: orders ServerError") in told
        assert ("DEBUG", "sync of org_1/int_1: read") in told
        assert len(told) == len(set(map(id, records(caplog))))
        assert told[-1][1].startswith("sync of org_1/int_1: orders ")

    async def test_nothing_is_written_below_the_level(self, caplog):
        caplog.set_level(logging.INFO)
        await get(client_of(GOOD, hooks=[log_details]))
        assert records(caplog) == []


async def test_the_error_of_a_failed_run_is_told(monkeypatch):
    told = Told()

    def targets():
        yield "org_1"
        raise LookupError("no more")

    async with shop(told) as opened:
        run = opened.client.sync_many(targets(), kinds=[ORDERS], poll=STEADY)
        with pytest.raises(LookupError):
            await all_of(run)
    assert isinstance(told[-1].error, LookupError)


async def all_of(run):
    async with run:
        return [result async for result in run]
