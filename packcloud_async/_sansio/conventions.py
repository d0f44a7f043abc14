"""What telemetry calls things: spans, attributes and metrics, after OpenTelemetry's semantic conventions.

Names that begin with ``http``, ``url``, ``server`` and ``error`` are those of the stable conventions for HTTP clients
(``url.template`` and ``http.client.active_requests``, which have no stable ones yet, are the proposed ones). All others
begin with ``packcloud``. Ids are attributes of spans and never of metrics: there may be thousands of organizations.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async._sansio.request_events import (
    JobBegun,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
)
from packcloud_async._sansio.sync_events import JobEnded, JobFired, JobRead, RunEnded

Attributes: TypeAlias = dict[str, str | bool | int | float | Sequence[str]]


@frozen
class Metric:
    """One instrument; ``buckets`` are the upper bounds that suit a histogram."""

    name: str
    unit: str
    description: str
    buckets: tuple[float, ...] = ()


_OF_A_REQUEST = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_OF_A_WAIT = (0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_OF_A_JOB = (1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)

REQUEST_DURATION: Final = Metric(
    "http.client.request.duration", "s", "How long requests took, from leaving to the end of the answer", _OF_A_REQUEST
)
ACTIVE_REQUESTS: Final = Metric("http.client.active_requests", "{request}", "Requests under way")
RETRIES: Final = Metric("packcloud.client.retries", "{retry}", "Requests that failed and were to be sent again")
WITHHELD_RETRIES: Final = Metric(
    "packcloud.client.withheld_retries", "{retry}", "Requests that failed and were not sent again: too many had been"
)
WAIT_DURATION: Final = Metric(
    "packcloud.client.wait.duration", "s", "How long requests waited for their turn", _OF_A_WAIT
)
ACTIVE_JOBS: Final = Metric("packcloud.sync.active_jobs", "{job}", "Jobs under way")
JOB_DURATION: Final = Metric("packcloud.sync.job.duration", "s", "How long jobs took", _OF_A_JOB)
OUTCOMES: Final = Metric("packcloud.sync.outcomes", "{outcome}", "Syncs of one kind that ended")
NEWS_DELAY: Final = Metric(
    "packcloud.sync.news.delay", "s", "From the last answered POST of a job to the first change seen", _OF_A_JOB
)


def request_span_name(request: RequestBegun) -> str:
    """Return the name of the span of a request."""
    return request.method if request.template is None else f"{request.method} {request.template}"


def of_request(request: RequestBegun) -> Attributes:
    """Return what is known of a request when it leaves."""
    found: Attributes = {
        **_of_server(request),
        "url.full": request.url,
        "packcloud.operation": request.operation,
        "packcloud.attempt": request.attempt,
        "packcloud.waited": request.waited,
        **_of_place(request.organization_id, request.integration_id),
    }
    if request.kind is not None:
        found["packcloud.sync.kind"] = request.kind.value
    if request.resends:
        found["http.request.resend_count"] = request.resends
    return found


def of_answer(event: RequestEnded) -> Attributes:
    """Return what its answer adds."""
    found: Attributes = {}
    if event.status is not None:
        found["http.response.status_code"] = event.status
    if (error := error_type(event.error, event.status)) is not None:
        found["error.type"] = error
    return found


def of_request_in_metrics(event: RequestEnded) -> Attributes:
    """Return what requests are told apart by in the metric of their duration."""
    return {**_of_server(event.request), **of_answer(event)}


def of_active_request(request: RequestBegun) -> Attributes:
    """Return what requests under way are told apart by."""
    return _of_server(request)


def of_retry(event: RequestRetried | RequestWithheld) -> Attributes:
    """Return what retries are told apart by."""
    error = error_type(event.error, event.status)
    return {"packcloud.operation": event.request.operation, "error.type": error or "_OTHER"}


def of_wait(request: RequestBegun) -> Attributes:
    """Return what waits are told apart by."""
    return {"packcloud.operation": request.operation}


def error_type(error: BaseException | None, status: int | None) -> str | None:
    """Return a status that is an error, or else the class of the error; None for neither."""
    if status is not None and status >= 400:
        return str(status)
    return None if error is None else type(error).__name__


def of_job(job: JobBegun) -> Attributes:
    """Return what is known of a job when it begins."""
    return {
        **_of_place(job.organization_id, job.integration_id),
        "packcloud.sync.kinds": [kind.value for kind in job.kinds],
        "packcloud.resumed": job.resumed,
    }


def of_fired(event: JobFired) -> Attributes:
    """Return what is told of a POST in the span of its job."""
    found: Attributes = {"packcloud.sync.kind": event.kind.value, "packcloud.shared": event.shared}
    return found | _of_error(event.error)


def of_read(event: JobRead) -> Attributes:
    """Return what is told of a read in the span of a job."""
    return {"packcloud.shared": event.sighting.shared} | _of_error(event.sighting.error)


def of_ended(event: JobEnded) -> Attributes:
    """Return what the end of a job adds."""
    found: Attributes = {"packcloud.sync.end": how_ended(event)}
    for kind, outcome in outcomes_of(event.result):
        found[f"packcloud.sync.outcome.{kind}"] = outcome
    for kind, delay in event.news_delay.items():
        found[f"packcloud.sync.news.delay.{kind.value}"] = delay
    return found | _of_error(event.error)


def how_ended(event: JobEnded) -> str:
    """Return ``done``, ``failed`` for a result that says so, or ``left`` when nobody waited for one."""
    if event.result is None:
        return "left"
    return "failed" if event.result.failed else "done"


def outcomes_of(result: SyncResult | None) -> Sequence[tuple[str, str]]:
    """Return kinds and their outcomes."""
    return [] if result is None else [(kind.value, one.state.value) for kind, one in result.kinds.items()]


def of_run(run: RunBegun) -> Attributes:
    """Return what is known of a bulk run when it begins."""
    return {"packcloud.sync.kinds": [kind.value for kind in run.kinds or ()], "packcloud.resumed": run.resumed}


def of_run_ended(event: RunEnded) -> Attributes:
    """Return what the end of a bulk run adds."""
    report = event.report
    found: Attributes = {
        "packcloud.run.organizations": report.organizations,
        "packcloud.run.integrations": report.integrations,
        "packcloud.run.not_started": report.not_started,
        "packcloud.run.failed": report.failed,
        "packcloud.run.requests": report.requests_sent,
        "packcloud.run.finished": report.finished,
    }
    return found | _of_error(event.error)


def _of_server(request: RequestBegun) -> Attributes:
    parts = urlsplit(request.url)
    found: Attributes = {
        "http.request.method": request.method,
        "server.address": parts.hostname or "",
        "server.port": parts.port or (443 if parts.scheme == "https" else 80),
    }
    if request.template is not None:
        found["url.template"] = request.template
    return found


def _of_place(organization_id: str | None, integration_id: str | None) -> Attributes:
    ids: Mapping[str, str | None] = {
        "packcloud.organization.id": organization_id,
        "packcloud.integration.id": integration_id,
    }
    # An exporter writes UTF-8, and an id of a server's JSON may hold half a character.
    return {name: id_.encode("utf-8", "replace").decode() for name, id_ in ids.items() if id_ is not None}


def _of_error(error: BaseException | None) -> Attributes:
    return {} if error is None else {"error.type": type(error).__name__}
