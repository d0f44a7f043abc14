"""What telemetry calls things, as values."""

import asyncio

import pytest
from attrs import evolve

from packcloud_async import NotFound, Routes, ServerError, SyncError, SyncKind
from packcloud_async._sansio import conventions, endpoints
from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Sighting, SyncResult
from packcloud_async._sansio.request_events import JobBegun, RequestEnded, RequestRetried, RunBegun, begun
from packcloud_async._sansio.sync_events import JobEnded, JobFired, JobRead, RunEnded
from packcloud_async.models import UNSET

from .test_hook_events import report

ORDERS, *_ = SyncKind
ROUTES = Routes()
ERROR = NotFound(status=404, method="GET", path="/")


def request(call=None, base_url="https://api.pack.cloud", **options):
    call = call or endpoints.sync(ROUTES, "org_1", "int_1", ORDERS)
    return begun(call, routes=ROUTES, base_url=base_url, attempt=1, **options)


OWN = request(endpoints.any_request("GET", "/v1/x", None, UNSET), "http://[::1]:81/p")


def test_a_span_is_named_by_method_and_route_and_never_by_a_path():
    assert conventions.request_span_name(request()) == f"POST {ROUTES.sync_orders}"
    assert conventions.request_span_name(OWN) == "GET"


@pytest.mark.parametrize(
    ("base_url", "address", "port"),
    [
        ("https://api.pack.cloud", "api.pack.cloud", 443),
        ("http://localhost", "localhost", 80),
        ("http://[::1]:8080/p", "::1", 8080),
    ],
)
def test_a_request_names_its_server(base_url, address, port):
    found = conventions.of_request(request(base_url=base_url))
    assert (found["server.address"], found["server.port"]) == (address, port)
    assert found["url.full"] == f"{base_url}/v1/organizations/org_1/integrations/int_1/orders/sync"


def test_what_is_not_there_is_no_attribute():
    assert conventions.of_request(OWN).keys() == {
        "http.request.method", "server.address", "server.port", "url.full",
        "packcloud.operation", "packcloud.attempt", "packcloud.waited",
    }  # fmt: skip
    assert conventions.of_request(request(resends=2))["http.request.resend_count"] == 2


@pytest.mark.parametrize(
    ("status", "error", "type_"),
    [
        (200, None, None),
        (404, ERROR, "404"),
        (503, ServerError(status=503, method="GET", path="/"), "503"),
        (None, asyncio.CancelledError(), "CancelledError"),
        (200, SyncError("unreadable"), "SyncError"),
        (302, SyncError("elsewhere"), "SyncError"),
    ],
)
def test_an_error_is_its_status_or_else_its_class(status, error, type_):
    ended = RequestEnded(request=request(), status=status, elapsed=1.0, error=error)
    found = conventions.of_answer(ended)
    assert (found.get("http.response.status_code"), found.get("error.type")) == (status, type_)
    assert conventions.of_request_in_metrics(ended) == conventions.of_active_request(request()) | found


def test_a_retry_and_a_wait_are_told_by_their_operation():
    retried = RequestRetried(request=request(), status=None, elapsed=None, wait=1.0, error=SyncError("x"))
    operation = {"packcloud.operation": "integrations.sync_orders"}
    assert conventions.of_retry(retried) == {**operation, "error.type": "SyncError"}
    assert conventions.of_wait(request()) == operation


def test_an_id_that_utf_8_cannot_write_is_replaced():
    job = JobBegun(organization_id="org\ud800", integration_id=None, kinds=(ORDERS,))
    assert conventions.of_job(job) == {
        "packcloud.organization.id": "org?",
        "packcloud.sync.kinds": ["orders"],
        "packcloud.resumed": False,
    }


JOB = JobBegun(organization_id="org_1", integration_id="int_1", kinds=(ORDERS,))
RESULT = SyncResult(organization_id="org_1", integration_id="int_1", kinds={ORDERS: KindOutcome(state=Outcome.QUIET)})


def test_what_happens_to_a_job_is_told():
    fired = JobFired(job=JOB, at=1.0, kind=ORDERS, error=None, shared=False)
    assert conventions.of_fired(fired) == {"packcloud.sync.kind": "orders", "packcloud.shared": False}
    assert conventions.of_fired(evolve(fired, error=ERROR))["error.type"] == "NotFound"
    read = JobRead(job=JOB, sighting=Sighting(at=1.0, shared=True, error=ERROR), read=None)
    assert conventions.of_read(read) == {"packcloud.shared": True, "error.type": "NotFound"}


@pytest.mark.parametrize(
    ("result", "how"),
    [
        (RESULT, "done"),
        (evolve(RESULT, kinds={ORDERS: KindOutcome(state=Outcome.GONE)}), "failed"),
        (evolve(RESULT, error=SyncError("x")), "failed"),
        (None, "left"),
    ],
)
def test_a_job_ends_in_one_of_three_ways(result, how):
    assert conventions.how_ended(JobEnded(job=JOB, result=result, news_delay={})) == how


def test_the_end_of_a_job_tells_its_outcomes_and_delays():
    ended = JobEnded(job=JOB, result=RESULT, news_delay={ORDERS: 2.5})
    assert conventions.of_ended(ended) == {
        "packcloud.sync.end": "done",
        "packcloud.sync.outcome.orders": "quiet",
        "packcloud.sync.news.delay.orders": 2.5,
    }
    left = JobEnded(job=JOB, result=None, error=SyncError("x"), news_delay={})
    assert conventions.of_ended(left) == {"packcloud.sync.end": "left", "error.type": "SyncError"}


def test_a_run_tells_its_report():
    assert conventions.of_run(RunBegun(kinds=None, resumed=True)) == {
        "packcloud.sync.kinds": [],
        "packcloud.resumed": True,
    }
    found = conventions.of_run_ended(RunEnded(run=RunBegun(kinds=(ORDERS,)), report=report(), error=ERROR))
    assert found == {
        "packcloud.run.organizations": 2,
        "packcloud.run.integrations": 3,
        "packcloud.run.not_started": 1,
        "packcloud.run.failed": 3,
        "packcloud.run.requests": 9,
        "packcloud.run.finished": True,
        "error.type": "NotFound",
    }


METRICS = [one for one in vars(conventions).values() if isinstance(one, conventions.Metric)]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_buckets_grow_and_names_are_of_the_house_or_of_the_conventions(metric):
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert bool(metric.buckets) is (metric.unit == "s")
    assert metric.name.startswith(("http.client.", "packcloud.client.", "packcloud.sync."))
