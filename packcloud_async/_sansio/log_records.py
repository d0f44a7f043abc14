"""What the logger ``packcloud_async`` writes of an event: level, message and fields.

The names of the fields are documented in docs/howto-telemetry.md. No message and no field holds a text of a server but
ids, and of an error only its class: a text may be long, and several lines.
"""

import logging
from collections.abc import Mapping
from typing import assert_never

from attrs import frozen

from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async._sansio.request_events import (
    JobBegun,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
)
from packcloud_async._sansio.sync_events import HookEvent, JobEnded, JobFired, JobRead, RunEnded

Fields = Mapping[str, object]


@frozen
class Record:
    """One record; ``fields`` become attributes of it."""

    level: int
    message: str
    fields: Fields


def record_of(event: HookEvent) -> Record:  # noqa: PLR0911 - one for each event
    """Return what is written of an event."""
    match event:
        case RequestBegun():
            return Record(logging.DEBUG, f"{event.operation} leaves", _of_request(event))
        case RequestEnded():
            return _request_ended(event)
        case RequestRetried() | RequestWithheld():
            return _failed(event)
        case JobBegun():
            return Record(logging.DEBUG, f"sync of {_place(event)} begins", _of_job(event))
        case JobFired():
            return _fired(event)
        case JobRead():
            return _read(event)
        case JobEnded():
            return _job_ended(event)
        case RunBegun():
            return Record(logging.INFO, "bulk run begins", {"resumed": event.resumed})
        case RunEnded():
            return _run_ended(event)
        case _:
            assert_never(event)


def _request_ended(event: RequestEnded) -> Record:
    request, error = event.request, _class_of(event.error)
    told = f"{request.operation}: {event.status or error} after {event.elapsed:.3f} s"
    fields = {**_of_request(request), "status": event.status, "elapsed": event.elapsed, "error": error}
    return Record(logging.DEBUG, told, fields)


def _failed(event: RequestRetried | RequestWithheld) -> Record:
    request, error = event.request, _class_of(event.error)
    fields = {**_of_request(request), "status": event.status, "elapsed": event.elapsed, "error": error}
    if isinstance(event, RequestWithheld):
        told = f"{request.operation} failed, not tried again because the retry budget is used up: {error}"
        return Record(logging.INFO, told, fields)
    told = f"{request.operation} failed (attempt {request.attempt}), next try in {event.wait:.2f} s: {error}"
    return Record(logging.INFO, told, {**fields, "wait": event.wait})


def _fired(event: JobFired) -> Record:
    error = _class_of(event.error)
    told = f"sync of {_place(event.job)}: {event.kind.value} {error or 'accepted'}"
    fields = {"kind": event.kind.value, "elapsed": event.at, "shared": event.shared, "error": error}
    return Record(logging.DEBUG, told, {**_of_job(event.job), **fields})


def _read(event: JobRead) -> Record:
    sighting = event.sighting
    error = _class_of(sighting.error)
    told = f"sync of {_place(event.job)}: {f'read failed: {error}' if error else 'read'}"
    fields = {"elapsed": sighting.at, "shared": sighting.shared, "error": error}
    return Record(logging.DEBUG, told, {**_of_job(event.job), **fields})


def _job_ended(event: JobEnded) -> Record:
    result, error = event.result, _class_of(event.error)
    outcomes = _outcomes(result)
    told = ", ".join(f"{kind} {state}" for kind, state in outcomes.items()) if error is None else f"no result: {error}"
    fields = {
        "outcomes": outcomes,
        "news_delay": {kind.value: delay for kind, delay in event.news_delay.items()},
        "elapsed": None if result is None else result.elapsed,
        "error": error,
    }
    return Record(logging.INFO, f"sync of {_place(event.job)}: {told}", {**_of_job(event.job), **fields})


def _run_ended(event: RunEnded) -> Record:
    report, error = event.report, _class_of(event.error)
    ended = "finished" if report.finished else f"not finished: {error}" if error else "not finished"
    told = (
        f"bulk run: {counted(report.organizations, 'organization')}, {counted(report.integrations, 'integration')}, "
        f"{counted(report.requests_sent, 'request')}, {report.elapsed:.1f} s, {ended}"
    )
    fields = {
        "organizations": report.organizations,
        "integrations": report.integrations,
        "not_started": report.not_started,
        "failed": report.failed,
        "requests": report.requests_sent,
        "elapsed": report.elapsed,
        "finished": report.finished,
        "error": error,
    }
    return Record(logging.INFO, told, fields)


def _of_request(request: RequestBegun) -> dict[str, object]:
    return {
        "operation": request.operation,
        "method": request.method,
        "template": request.template,
        "organization": request.organization_id,
        "integration": request.integration_id,
        "kind": None if request.kind is None else request.kind.value,
        "attempt": request.attempt,
        "waited": request.waited,
    }


def _of_job(job: JobBegun) -> dict[str, object]:
    return {"organization": job.organization_id, "integration": job.integration_id}


def _place(job: JobBegun) -> str:
    ids = [job.organization_id] if job.integration_id is None else [job.organization_id, job.integration_id]
    # An id of a server's list may hold anything, and a record is one line.
    return "/".join(id_ if id_.isprintable() else repr(id_)[1:-1] for id_ in ids)


def _outcomes(result: SyncResult | None) -> Mapping[str, str]:
    if result is None:
        return {}
    return {kind.value: outcome.state.value for kind, outcome in result.kinds.items()}


def _class_of(error: BaseException | None) -> str | None:
    return None if error is None else type(error).__name__
