"""What hooks and the log are told, as values."""

import asyncio
import logging

import pytest

from packcloud_async import NotFound, PollPolicy, Routes, ServerError, SyncError, SyncKind
from packcloud_async._sansio import endpoints
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.kind_state import KindState
from packcloud_async._sansio.log_records import record_of
from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Sighting, SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.request_events import (
    JobBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
    SharedRead,
    begun,
    ids_in,
    status_of,
)
from packcloud_async._sansio.sync_events import JobEnded, JobFired, JobRead, RunEnded, news_delay
from packcloud_async.models import UNSET
from packcloud_async.report import SyncReport

ORDERS, PRODUCTS, *_ = SyncKind
BASE = "https://api.pack.cloud"
ROUTES = Routes()
NOT_FOUND = NotFound(status=404, method="GET", path="/v1/secret-looking", excerpt="a long\ntext of the server")


def request(call=None, **options):
    call = call or endpoints.sync(ROUTES, "org_1", "int_1", ORDERS)
    return begun(call, routes=ROUTES, base_url=BASE, attempt=1, **options)


@pytest.mark.parametrize(
    ("path", "template", "ids"),
    [
        ("/a/1/b/2", "/a/{x}/b/{y}", {"x": "1", "y": "2"}),
        ("/a/o%2F1%20%C3%A9", "/a/{x}", {"x": "o/1 \u00e9"}),
        ("/a/p-1.q-2", "/a/p-{x}.q-{y}", {"x": "1", "y": "2"}),
        ("/{a}/1", "/{{a}}/{x}", {"x": "1"}),
        ("/a.c/1", "/a.c/{x}", {"x": "1"}),
        ("/abc/1", "/a.c/{x}", {}),
        ("/a/1/2", "/a/{x}", {}),
        ("/a", "/a", {}),
        ("/elsewhere", "/a/{x}", {}),
    ],
)
def test_ids_are_read_out_of_a_path_as_they_were_put_in(path, template, ids):
    assert ids_in(path, template) == ids


@pytest.mark.parametrize("id_", ["int_1", "a/b", "..x", "%2e", "é", "a b", "{x}", "\u202e"])
def test_whatever_an_id_is_it_is_told_as_it_was_given(id_):
    told = begun(endpoints.sync(ROUTES, id_, id_, PRODUCTS), routes=ROUTES, base_url=BASE, attempt=1)
    assert (told.organization_id, told.integration_id, told.kind) == (id_, id_, PRODUCTS)


def test_a_call_without_a_route_has_no_template_and_no_query():
    told = request(endpoints.any_request("GET", "/v1/x", {"find": "secret"}, UNSET))
    assert (told.url, told.template, told.organization_id, told.kind) == (f"{BASE}/v1/x", None, None, None)
    assert "secret" not in repr(told)


def test_events_are_equal_to_themselves_alone():
    one, other = request(), request()
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2


@pytest.mark.parametrize(("error", "status"), [(NOT_FOUND, 404), (SyncError("x"), None), (None, None)])
def test_only_an_answer_has_a_status(error, status):
    assert status_of(error) == status


def machine(*, watched=True, moves=()):
    progress = SyncProgress(PollPolicy(), 10.0, {ORDERS: KindState(), PRODUCTS: KindState()})
    progress.baseline({ORDERS: None, PRODUCTS: None})
    if not watched:
        return progress
    for kind in (ORDERS, PRODUCTS):
        progress.sending(kind)
        progress.accepted(kind)
    progress.watch(13.0)
    for at, mark in moves:
        progress.observed({ORDERS: mark, PRODUCTS: None}, asked_at=at, now=at)
    return progress


def test_the_delay_of_news_counts_from_the_last_answered_post_to_the_first_change():
    moves = [(15.0, None), (20.0, "2026-01-01T00:00:00Z")]
    assert news_delay(machine(moves=moves)) == {ORDERS: 7.0}


def test_it_counts_to_the_first_change_however_many_follow():
    progress = SyncProgress(PollPolicy(settle=100), 10.0, {ORDERS: KindState()})
    progress.baseline({ORDERS: None})
    progress.sending(ORDERS)
    progress.accepted(ORDERS)
    progress.watch(13.0)
    for at in (15.0, 20.0):
        progress.observed({ORDERS: f"2026-01-01T00:00:{at:02.0f}Z"}, asked_at=at, now=at)
    assert len(progress.state_of(ORDERS).steps) == 2
    assert news_delay(progress) == {ORDERS: 2.0}


def test_there_is_no_delay_without_a_watch_or_without_news():
    assert news_delay(machine(watched=False)) == {}
    assert news_delay(machine()) == {}


RUN = RunBegun(kinds=(ORDERS,))
JOB = JobBegun(organization_id="org_1", integration_id="int_1", kinds=(ORDERS,), run=RUN)
RESULT = SyncResult(
    organization_id="org_1", integration_id="int_1", kinds={ORDERS: KindOutcome(state=Outcome.QUIET)}, elapsed=4.5
)


def report(**changes):
    values = {
        "organizations": 2, "integrations": 3, "not_started": 1, "outcomes": {ORDERS: {Outcome.GONE: 2}},
        "requests_sent": 9, "elapsed": 1.25, "slowest": (), "finished": True, "budget": BudgetState(
            rate=None, lowest_rate=None, paused_for=0.0, waited=0.0, refusals=0, retries=0, retries_withheld=0),
    }  # fmt: skip
    return SyncReport(**{**values, **changes})


RECORDS = [
    (request(waited=0.5), "DEBUG", "integrations.sync_orders leaves", {"kind": "orders", "attempt": 1, "waited": 0.5}),
    (
        RequestEnded(request=request(), status=404, elapsed=0.25, error=NOT_FOUND),
        "DEBUG",
        "integrations.sync_orders: 404 after 0.250 s",
        {"status": 404, "elapsed": 0.25, "error": "NotFound", "organization": "org_1", "integration": "int_1"},
    ),
    (
        RequestEnded(request=request(), status=None, elapsed=5.0, error=asyncio.CancelledError()),
        "DEBUG",
        "integrations.sync_orders: CancelledError after 5.000 s",
        {"status": None, "error": "CancelledError"},
    ),
    (
        RequestRetried(
            request=request(), status=503, elapsed=1.5, wait=2.0, error=ServerError(status=503, method="GET", path="/")
        ),
        "INFO",
        "integrations.sync_orders failed (attempt 1), next try in 2.00 s: ServerError",
        {"status": 503, "elapsed": 1.5, "wait": 2.0, "error": "ServerError", "method": "POST"},
    ),
    (
        RequestWithheld(request=request(), status=404, elapsed=None, error=NOT_FOUND),
        "INFO",
        "integrations.sync_orders failed, not tried again because the retry budget is used up: NotFound",
        {"status": 404, "elapsed": None, "error": "NotFound", "organization": "org_1", "attempt": 1},
    ),
    (JOB, "DEBUG", "sync of org_1/int_1 begins", {"organization": "org_1", "integration": "int_1"}),
    (
        JobFired(job=JOB, at=1.0, kind=ORDERS, error=None, shared=True),
        "DEBUG",
        "sync of org_1/int_1: orders accepted",
        {"kind": "orders", "shared": True, "error": None, "elapsed": 1.0},
    ),
    (
        JobFired(job=JOB, at=1.0, kind=ORDERS, error=NOT_FOUND, shared=False),
        "DEBUG",
        "sync of org_1/int_1: orders NotFound",
        {"error": "NotFound"},
    ),
    (
        JobRead(job=JOB, sighting=Sighting(at=2.0, shared=True), read=SharedRead(organization_id="org_1")),
        "DEBUG",
        "sync of org_1/int_1: read",
        {"elapsed": 2.0, "shared": True, "error": None},
    ),
    (
        JobRead(job=JOB, sighting=Sighting(at=2.0, error=NOT_FOUND), read=None),
        "DEBUG",
        "sync of org_1/int_1: read failed: NotFound",
        {"error": "NotFound"},
    ),
    (
        JobEnded(job=JOB, result=RESULT, news_delay={ORDERS: 3.0}),
        "INFO",
        "sync of org_1/int_1: orders quiet",
        {"outcomes": {"orders": "quiet"}, "news_delay": {"orders": 3.0}, "elapsed": 4.5, "error": None},
    ),
    (
        JobEnded(job=JOB, result=None, error=SyncError("left"), news_delay={}),
        "INFO",
        "sync of org_1/int_1: no result: SyncError",
        {"outcomes": {}, "elapsed": None, "error": "SyncError"},
    ),
    (
        JobBegun(organization_id="org\n\x1b[31m", integration_id=None, kinds=()),
        "DEBUG",
        "sync of org\\n\\x1b[31m begins",
        {"organization": "org\n\x1b[31m", "integration": None},
    ),
    (RUN, "INFO", "bulk run begins", {"resumed": False}),
    (
        RunEnded(run=RUN, report=report(), error=None),
        "INFO",
        "bulk run: 2 organizations, 3 integrations, 9 requests, 1.2 s, finished",
        {"organizations": 2, "integrations": 3, "not_started": 1, "failed": 3, "requests": 9, "finished": True},
    ),
    (
        RunEnded(run=RUN, report=report(finished=False), error=SyncError("x")),
        "INFO",
        "bulk run: 2 organizations, 3 integrations, 9 requests, 1.2 s, not finished: SyncError",
        {"finished": False, "error": "SyncError"},
    ),
    (
        RunEnded(run=RUN, report=report(organizations=1, integrations=1, requests_sent=1), error=None),
        "INFO",
        "bulk run: 1 organization, 1 integration, 1 request, 1.2 s, finished",
        {"requests": 1},
    ),
    (
        RunEnded(run=RUN, report=report(finished=False), error=None),
        "INFO",
        "bulk run: 2 organizations, 3 integrations, 9 requests, 1.2 s, not finished",
        {"finished": False, "error": None},
    ),
]


@pytest.mark.parametrize(("event", "level", "message", "fields"), RECORDS)
def test_an_event_has_one_line_and_its_fields(event, level, message, fields):
    record = record_of(event)
    assert (logging.getLevelName(record.level), record.message) == (level, message)
    assert {name: record.fields[name] for name in fields} == fields


@pytest.mark.parametrize("event", [row[0] for row in RECORDS])
def test_no_field_is_one_that_records_have_by_themselves_and_none_quotes_a_server(event):
    record = record_of(event)
    usual = vars(logging.makeLogRecord({})).keys() | {"message", "asctime"}
    assert not usual & record.fields.keys()
    assert "text of the server" not in repr(record)
