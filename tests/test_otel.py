"""Spans and metrics, as the SDK's exporters in memory get them."""

import asyncio
import gc
import logging
import subprocess
import sys

import pytest

from packcloud_async import NotFound, PollPolicy, RetryPolicy, ServerError, SqliteLedger, SyncKind
from packcloud_async._sansio import conventions
from packcloud_async.emulator import FaultPlan

pytest.importorskip("opentelemetry.sdk", reason="the SDK of the extra otel")

from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from packcloud_async.otel import OpenTelemetryHook

from .support.scripted_transport import says
from .support.shop import STEADY, open_shop
from .test_hooks import GOOD, LOST, client_of, get

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
ITEM = "/v1/organizations/{organizationId}/integrations/{integrationId}"


class Recorded:
    """A hook with providers of its own, and what came of it."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])
        self.hook = OpenTelemetryHook(tracer_provider=self.tracers, meter_provider=self.meters)
        self.tracer = self.tracers.get_tracer("of the caller")

    @property
    def spans(self):
        return self.exporter.get_finished_spans()

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    @property
    def metrics(self):
        data = self.reader.get_metrics_data()
        found = data.resource_metrics[0].scope_metrics[0].metrics if data is not None else []
        return {metric.name: metric for metric in found}

    def points(self, metric):
        return {
            tuple(sorted((name, value) for name, value in point.attributes.items())): point
            for point in self.metrics[metric.name].data.data_points
        }

    def values(self, metric):
        return {key: point.value for key, point in self.points(metric).items()}


@pytest.fixture
def recorded():
    found = Recorded()
    yield found
    found.meters.shutdown()
    found.tracers.shutdown()


def id_of(span):
    return span.context.span_id


class TestASpanOfARequest:
    async def test_it_is_a_clients_with_the_names_of_the_conventions(self, recorded):
        await get(client_of(GOOD, hooks=[recorded.hook]))
        (span,) = recorded.spans
        assert (span.name, span.kind, span.status.status_code) == (f"GET {ITEM}", SpanKind.CLIENT, StatusCode.UNSET)
        assert span.instrumentation_scope.name == "packcloud_async"
        assert dict(span.attributes) == {
            "http.request.method": "GET",
            "server.address": "api.pack.cloud",
            "server.port": 443,
            "url.full": "https://api.pack.cloud/v1/organizations/org_1/integrations/int_1",
            "url.template": ITEM,
            "http.response.status_code": 200,
            "packcloud.operation": "integrations.get",
            "packcloud.organization.id": "org_1",
            "packcloud.integration.id": "int_1",
            "packcloud.attempt": 1,
            "packcloud.waited": 0,
        }

    async def test_each_attempt_has_one_and_says_what_failed(self, recorded):
        await get(client_of(says(503), LOST, GOOD, hooks=[recorded.hook]))
        spans = recorded.spans
        assert [span.status.status_code for span in spans] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
        assert [span.attributes.get("error.type") for span in spans] == ["503", "TransportError", None]
        assert [span.attributes.get("http.response.status_code") for span in spans] == [503, None, 200]
        assert [span.attributes.get("http.request.resend_count") for span in spans] == [None, 1, 2]

    async def test_it_is_a_child_of_the_callers(self, recorded):
        with recorded.tracer.start_as_current_span("mine") as mine:
            await get(client_of(GOOD, hooks=[recorded.hook]))
            assert trace.get_current_span() is mine
        assert recorded.spans[0].parent.span_id == mine.get_span_context().span_id

    async def test_one_without_a_route_is_named_by_its_method(self, recorded):
        client = client_of(200, hooks=[recorded.hook], base_url="http://localhost:81/x")
        await client.request("GET", "/v1/y", query={"find": "canary"})
        (span,) = recorded.spans
        assert (span.name, span.attributes["url.full"]) == ("GET", "http://localhost:81/x/v1/y")
        assert (span.attributes["server.address"], span.attributes["server.port"]) == ("localhost", 81)
        assert "canary" not in span.to_json()

    async def test_one_that_is_cancelled_ends(self, recorded):
        async def never(_):
            await asyncio.sleep(1000)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await get(client_of(never, hooks=[recorded.hook]))
        assert recorded.spans[0].attributes["error.type"] == "CancelledError"

    async def test_the_kind_of_a_sync_is_told(self, recorded):
        await client_of(202, hooks=[recorded.hook]).organization("org_1").integrations.sync_stocks("int_1")
        assert recorded.spans[0].attributes["packcloud.sync.kind"] == "stocks"


def shop(recorded, **options):
    return open_shop(client={"hooks": [recorded.hook], **options.pop("client", {})}, **options)


class TestASpanOfAJob:
    async def job(self, recorded, **options):
        async with shop(recorded, **options) as opened:
            opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
            with recorded.tracer.start_as_current_span("mine"):
                return await opened.org.sync("int_1", ORDERS, STOCKS, poll=STEADY)

    async def test_it_holds_what_came_of_it_within_the_span_of_the_caller(self, recorded):
        result = await self.job(recorded)
        (span,), (mine,) = recorded.named("packcloud.sync"), recorded.named("mine")
        assert span.parent.span_id == id_of(mine)
        assert span.status.status_code is StatusCode.UNSET
        assert dict(span.attributes) == {
            "packcloud.organization.id": "org_1",
            "packcloud.integration.id": "int_1",
            "packcloud.sync.kinds": ("orders", "stocks"),
            "packcloud.resumed": False,
            "packcloud.sync.end": "done",
            "packcloud.sync.outcome.orders": "advanced",
            "packcloud.sync.outcome.stocks": "unobservable",
            "packcloud.sync.news.delay.orders": result[ORDERS].seen_at,
        }

    async def test_its_baseline_and_its_posts_are_its_children_and_the_reads_belong_to_nobody(self, recorded):
        await self.job(recorded)
        (job,) = recorded.named("packcloud.sync")
        requests = [span for span in recorded.spans if span.kind is SpanKind.CLIENT]
        own = [span for span in requests if span.parent is not None]
        assert {span.parent.span_id for span in own} == {id_of(job)}
        assert sorted(span.attributes["packcloud.operation"] for span in own) == [
            "integrations.get",
            "integrations.sync_orders",
            "integrations.sync_stocks",
        ]
        reads = [span for span in requests if span.parent is None]
        assert len(reads) == len(requests) - 3 >= 3
        assert len({span.context.trace_id for span in reads}) == len(reads)

    async def test_its_reads_are_events_and_links(self, recorded):
        result = await self.job(recorded)
        (job,) = recorded.named("packcloud.sync")
        names = [event.name for event in job.events]
        assert names[:2] == ["packcloud.sync.fired"] * 2
        assert names[2:] == ["packcloud.sync.read"] * (len(result.timeline) - 1)
        reads = [span for span in recorded.spans if span.kind is SpanKind.CLIENT and span.parent is None]
        assert [link.context.span_id for link in job.links] == [id_of(span) for span in reads]
        kinds = {event.attributes["packcloud.sync.kind"] for event in job.events[:2]}
        assert kinds == {"orders", "stocks"}

    async def test_jobs_are_linked_to_the_reads_they_share(self, recorded):
        async with shop(recorded, integrations=8) as opened:
            watch, ids = opened.client.watch_of("org_1"), [f"int_{number}" for number in range(1, 9)]
            # As a bulk run would have learned it.
            watch.known.pages = 1
            for id_ in ids:
                opened.emulator.plan_sync("org_1", id_, ORDERS, moves=[(30.0, None)])
            async with asyncio.TaskGroup() as jobs:
                for id_ in ids:
                    jobs.create_task(opened.org.sync(id_, ORDERS, poll=STEADY))
        lists = [span for span in recorded.spans if span.attributes.get("packcloud.operation") == "integrations.list"]
        links = [{link.context.span_id for link in job.links} for job in recorded.named("packcloud.sync")]
        assert len(links) == 8
        assert len(lists) >= 3
        assert all({id_of(span) for span in lists} <= linked for linked in links)

    async def test_jobs_read_one_by_one_are_linked_each_to_its_own(self, recorded):
        async with shop(recorded, integrations=60, per_page=1) as opened:
            wanted = ("int_2", "int_55")
            for id_ in wanted:
                opened.emulator.plan_sync("org_1", id_, ORDERS, moves=[(3.0, None)])
            async with asyncio.TaskGroup() as jobs:
                for id_ in wanted:
                    jobs.create_task(opened.org.sync(id_, ORDERS, poll=STEADY))
        place = {id_of(span): span.attributes.get("packcloud.integration.id") for span in recorded.spans}
        for job in recorded.named("packcloud.sync"):
            assert {place[link.context.span_id] for link in job.links} == {job.attributes["packcloud.integration.id"]}

    async def test_a_failed_read_and_a_refused_post_are_told(self, recorded):
        async with shop(recorded, client={"retry": RetryPolicy(attempts=1)}) as opened:
            opened.emulator.set_faults(
                [
                    FaultPlan(routes={"sync_orders"}, script=[409]),
                    FaultPlan(routes={"integration", "integrations"}, script=[None, 500]),
                ]
            )
            await opened.org.sync("int_1", ORDERS, poll=STEADY)
        (job,) = recorded.named("packcloud.sync")
        fired, read, *_ = job.events
        assert fired.attributes["error.type"] == "Conflict"
        assert read.attributes["error.type"] == "ServerError"

    async def test_a_job_that_failed_is_an_error_and_one_that_is_left_is_not(self, recorded):
        async with shop(recorded) as opened:
            opened.emulator.set_faults([FaultPlan(routes={"sync_orders"}, script=[422])])
            await opened.org.sync("int_1", ORDERS, poll=STEADY)
            with pytest.raises(NotFound):
                await opened.org.sync("int_99", ORDERS)
        failed, left = recorded.named("packcloud.sync")
        assert (failed.attributes["packcloud.sync.end"], failed.status.status_code) == ("failed", StatusCode.ERROR)
        assert (left.attributes["packcloud.sync.end"], left.attributes["error.type"]) == ("left", "NotFound")
        assert left.status.status_code is StatusCode.UNSET


class TestASpanOfARun:
    async def run(self, recorded, ids, tmp_path=None, **emulator):
        async with shop(recorded, **emulator) as opened:
            with recorded.tracer.start_as_current_span("mine"):
                async with opened.client.sync_many(ids, kinds=[ORDERS, PRODUCTS], poll=STEADY) as run:
                    results = [result async for result in run]
        return run, results

    async def test_its_jobs_and_its_lists_are_its_children(self, recorded):
        run, results = await self.run(recorded, ["org_1", "org_2", "org_9"], organizations=2, integrations=3)
        (span,), (mine,) = recorded.named("packcloud.sync_many"), recorded.named("mine")
        assert span.parent.span_id == id_of(mine)
        assert dict(span.attributes) == {
            "packcloud.sync.kinds": ("orders", "products"),
            "packcloud.resumed": False,
            "packcloud.run.organizations": 3,
            "packcloud.run.integrations": 6,
            "packcloud.run.not_started": 1,
            "packcloud.run.failed": run.report.failed,
            "packcloud.run.requests": run.report.requests_sent,
            "packcloud.run.finished": True,
        }
        jobs = recorded.named("packcloud.sync")
        assert len(jobs) == 6 == len(results) - 1
        assert {job.parent.span_id for job in jobs} == {id_of(span)}
        children = [one for one in recorded.spans if one.parent is not None and one.parent.span_id == id_of(span)]
        lists = [one for one in children if one not in jobs]
        assert {one.attributes["packcloud.operation"] for one in lists} == {"integrations.list"}
        posts = [one for one in recorded.spans if one.name.startswith("POST")]
        assert {one.parent.span_id for one in posts} == {id_of(job) for job in jobs}
        # What is left belongs to nobody, above all not to whichever span was current when a timer was set.
        others = [one for one in recorded.spans if one not in [*children, *posts, span, mine]]
        assert {one.parent for one in others} == {None}

    async def test_every_span_ends_whatever_fails(self, recorded):
        faults = FaultPlan(server_error=0.1, drop_after=0.1, bad_json=0.05, rate_limited=0.05)
        started = []
        recorded.tracers.add_span_processor(_Starting(started))
        await self.run(recorded, [f"org_{number}" for number in range(1, 8)], organizations=6, faults=faults)
        assert len(started) == len(recorded.spans) > 60

    async def test_a_run_that_is_left_early_is_an_error(self, recorded):
        async with shop(recorded, integrations=3) as opened:
            async with opened.client.sync_many(["org_1"], kinds=[ORDERS], poll=STEADY) as run:
                await anext(run)
        (span,) = recorded.named("packcloud.sync_many")
        assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "ClientStateError")


class _Starting(SimpleSpanProcessor):
    def __init__(self, started):
        super().__init__(InMemorySpanExporter())
        self.started = started

    def on_start(self, span, parent_context=None):
        self.started.append(span.name)


class TestMetrics:
    async def test_requests_are_counted_and_timed_by_method_route_and_answer(self, recorded):
        async def slow(_):
            await asyncio.sleep(2)
            return GOOD

        await get(client_of(says(503), slow, hooks=[recorded.hook]))
        by_status = {
            dict(key)["http.response.status_code"]: (point.count, point.sum, dict(key).get("error.type"))
            for key, point in recorded.points(conventions.REQUEST_DURATION).items()
        }
        # The loop's clock is no whole number after the wait between the two.
        assert by_status == {503: (1, 0, "503"), 200: (1, pytest.approx(2), None)}
        (key, *_) = recorded.points(conventions.REQUEST_DURATION)
        assert dict(key)["url.template"] == ITEM
        assert recorded.metrics["http.client.request.duration"].unit == "s"
        (point, *_) = recorded.points(conventions.REQUEST_DURATION).values()
        assert point.explicit_bounds == conventions.REQUEST_DURATION.buckets

    async def test_retries_are_counted_by_what_failed(self, recorded):
        await get(client_of(says(503), LOST, GOOD, hooks=[recorded.hook]))
        assert recorded.values(conventions.RETRIES) == {
            (("error.type", "503"), ("packcloud.operation", "integrations.get")): 1,
            (("error.type", "TransportError"), ("packcloud.operation", "integrations.get")): 1,
        }

    async def test_waiting_for_a_turn_is_what_the_budget_says(self, recorded):
        async def slow(_):
            await asyncio.sleep(2)
            return GOOD

        client = client_of(slow, max_connections=1, hooks=[recorded.hook])
        async with asyncio.TaskGroup() as calls:
            for _ in range(3):
                calls.create_task(get(client))
        (point,) = recorded.points(conventions.WAIT_DURATION).values()
        assert (point.count, point.sum, point.max) == (3, client.budget.waited, 4)

    async def test_what_is_under_way_is_counted(self, recorded):
        async def slow(_):
            await asyncio.sleep(10)
            return GOOD

        client = client_of(slow, hooks=[recorded.hook])
        async with asyncio.TaskGroup() as calls:
            for _ in range(3):
                calls.create_task(get(client))
            await asyncio.sleep(1)
            assert list(recorded.values(conventions.ACTIVE_REQUESTS).values()) == [3]
        assert list(recorded.values(conventions.ACTIVE_REQUESTS).values()) == [0]

    async def test_jobs_are_counted_by_outcome_and_timed(self, recorded):
        async with shop(recorded, integrations=3) as opened:
            opened.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, None)])
            opened.emulator.plan_sync("org_1", "int_2", ORDERS, moves=[])
            async with opened.client.sync_many(["org_1", "org_9"], kinds=[ORDERS, STOCKS], poll=STEADY) as run:
                results = [result async for result in run]
        counted = {}
        for result in results:
            for kind, outcome in result.kinds.items():
                key = (("packcloud.sync.kind", kind.value), ("packcloud.sync.outcome", outcome.state.value))
                counted[key] = counted.get(key, 0) + 1
        assert recorded.values(conventions.OUTCOMES) == counted
        ends = {key[0][1]: point.count for key, point in recorded.points(conventions.JOB_DURATION).items()}
        assert ends == {"done": 3, "failed": 1}
        delays = recorded.points(conventions.NEWS_DELAY)[("packcloud.sync.kind", "orders"),]
        assert delays.count == sum(result.kinds[ORDERS].seen_at is not None for result in results if result.kinds)
        assert list(recorded.values(conventions.ACTIVE_JOBS).values()) == [0]

    async def test_jobs_under_way_are_counted_and_those_thrown_away_are_not(self, recorded):
        client = client_of(GOOD, hooks=[recorded.hook])
        job = client.organization("org_1").sync_job("int_1", ORDERS, poll=STEADY)
        await job.fire()
        assert list(recorded.values(conventions.ACTIVE_JOBS).values()) == [1]
        del job
        # The timers of what was under way knew it.
        await asyncio.sleep(200)
        gc.collect()
        await client.organization("org_1").sync("int_2", ORDERS, poll=STEADY)
        assert list(recorded.values(conventions.ACTIVE_JOBS).values()) == [0]
        assert len(recorded.named("packcloud.sync")) == 1

    async def test_no_id_is_an_attribute_of_a_metric(self, recorded, tmp_path):
        await everything(recorded)
        for metric in recorded.metrics.values():
            for point in metric.data.data_points:
                assert not [name for name in point.attributes if name.endswith(".id") or name == "url.full"]

    async def test_every_metric_that_is_named_is_made(self, recorded):
        await everything(recorded)
        named = {one.name: one for one in vars(conventions).values() if isinstance(one, conventions.Metric)}
        assert recorded.metrics.keys() == named.keys()
        for name, metric in recorded.metrics.items():
            assert (metric.unit, metric.description) == (named[name].unit, named[name].description)


async def everything(recorded):
    """A run in which all there is to be told happens."""
    async with shop(recorded, organizations=2, integrations=3, client={"retry": RetryPolicy(attempts=3)}) as opened:
        opened.emulator.set_faults([FaultPlan(script=[None, 503, 429, "drop_after"])])
        async with opened.client.sync_many(["org_1", "org_2", "org_9"], kinds=SyncKind, poll=STEADY) as run:
            results = [result async for result in run]
    with pytest.raises(ServerError):
        await get(client_of(500, retry=RetryPolicy(budget=0.0, budget_reserve=0), hooks=[recorded.hook]))
    return results


async def test_two_hooks_of_the_same_providers_add_up(recorded):
    other = OpenTelemetryHook(tracer_provider=recorded.tracers, meter_provider=recorded.meters)
    async with open_shop(client={"hooks": [recorded.hook]}) as one, open_shop(client={"hooks": [other]}) as two:
        for opened in (one, two):
            await opened.org.sync("int_1", ORDERS, poll=STEADY)
    assert sum(point.count for point in recorded.points(conventions.JOB_DURATION).values()) == 2
    assert list(recorded.values(conventions.ACTIVE_JOBS).values()) == [0]


async def test_nothing_is_kept_of_what_is_over(recorded):
    await everything(recorded)
    gc.collect()
    spans, numbers = recorded.hook._spans, recorded.hook._numbers
    assert (len(spans._open), len(spans._latest), len(numbers._jobs)) == (0, 0, 0)


async def test_a_resumed_run_is_told_as_one(recorded, tmp_path):
    path = tmp_path / "run.sqlite"
    async with shop(recorded, integrations=3) as opened:
        patient = PollPolicy(first=5, deadline=60)
        async with opened.client.sync_many(["org_1"], kinds=[ORDERS], poll=patient, ledger=SqliteLedger(path)) as run:
            await anext(run)
        async with opened.client.resume_many(SqliteLedger(path)) as run:
            async for _ in run:
                pass
    first, second = recorded.named("packcloud.sync_many")
    assert (first.attributes["packcloud.resumed"], second.attributes["packcloud.resumed"]) == (False, True)


async def test_without_a_provider_nothing_is_recorded_and_nothing_breaks(caplog):
    caplog.set_level(logging.INFO)
    async with open_shop(client={"hooks": [OpenTelemetryHook()]}) as opened:
        result = await opened.org.sync("int_1", ORDERS, poll=STEADY)
    assert result.kinds
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_the_core_does_without():
    told = (
        "import sys; sys.modules['opentelemetry'] = None; import packcloud_async.hooks, packcloud_async.syncs; print(1)"
    )
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)
    assert done.stdout == "1\n"


def test_without_the_extra_it_says_what_to_install():
    told = "import sys; sys.modules['opentelemetry'] = None; import packcloud_async.otel"
    done = subprocess.run([sys.executable, "-c", told], check=False, capture_output=True, text=True)
    (*_, last) = done.stderr.splitlines()
    assert last == "ModuleNotFoundError: packcloud_async.otel needs the extra: pip install 'packcloud_async[otel]'"
