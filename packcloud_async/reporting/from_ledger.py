"""The story of a run as its ledger tells it: outcomes, begins and changes; no reads, no requests, and few ends."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from packcloud_async._sansio.kind_state import KindState
from packcloud_async._sansio.ledger_records import (
    LedgerJob,
    LedgerTarget,
    RunRecord,
    TargetState,
    error_text,
)
from packcloud_async._sansio.token import JobRecord, read_token
from packcloud_async.errors import SyncError
from packcloud_async.models import SyncKind
from packcloud_async.reporting.story import (
    MOST_MOMENTS,
    JobStory,
    KindStory,
    Mark,
    Moment,
    Source,
    State,
    Story,
    shown_id,
)


def story_of(run: RunRecord, targets: Iterable[LedgerTarget]) -> Story:
    """Tell the run that a ledger holds; one target after the other is read."""
    organizations, jobs = set[str](), list[JobStory]()
    begun = 0
    for target in targets:
        organizations.add(target.target.organization_id)
        begun += target.state is not TargetState.WAITING
        jobs += _jobs_of(target, run.started)
    return Story(
        source=Source.LEDGER,
        started=run.started,
        elapsed=None if run.finished is None else max(0.0, (run.finished - run.started).total_seconds()),
        finished=run.finished is not None,
        kinds=run.kinds,
        jobs=tuple(jobs),
        planned=len(organizations),
        begun=begun,
    )


def _jobs_of(target: LedgerTarget, started: datetime) -> Iterator[JobStory]:
    organization_id = shown_id(target.target.organization_id)
    if target.state is TargetState.FAILED:
        yield JobStory(organization_id, None, 0.0, None, reason=target.error or TargetState.FAILED.value)
    elif target.state is TargetState.WAITING:
        yield JobStory(organization_id, None, 0.0, None, is_finished=False)
    for job in target.jobs:
        yield _job(organization_id, job, started)


def _job(organization_id: str, job: LedgerJob, started: datetime) -> JobStory:
    integration_id = shown_id(job.integration_id)
    try:
        record = read_token(job.token)
    except SyncError as error:
        # One damaged token must not hide the others.
        return JobStory(organization_id, integration_id, 0.0, None, reason=job.error or error_text(error))
    began = (record.started - started).total_seconds()
    moments = tuple(sorted(_moments(record), key=_at))
    return JobStory(
        organization_id,
        integration_id,
        began,
        None,
        tuple(_kind(kind, state, record, job) for kind, state in record.kinds.items()),
        moments[:MOST_MOMENTS],
        max(0, len(moments) - MOST_MOMENTS),
        reason=job.error,
        is_finished=job.finished,
    )


def _kind(kind: SyncKind, state: KindState, record: JobRecord, job: LedgerJob) -> KindStory:
    outcome = state.outcome
    error = state.error if outcome is None else outcome.error
    reason = None if error is None else error_text(error)
    if outcome is None:
        # Of a job that is over it will never have one.
        return KindStory(kind, State.NO_OUTCOME if job.finished else State.UNFINISHED, reason=reason or job.error)
    seen_at = outcome.seen_at
    delay = None if seen_at is None else _delay(seen_at, record)
    return KindStory(kind, State(outcome.state.value), seen_at, delay, reason)


def _delay(seen_at: float, record: JobRecord) -> float | None:
    watched = _watched(record)
    return None if watched is None else max(0.0, seen_at - watched)


def _moments(record: JobRecord) -> Iterator[Moment]:
    if (watched := _watched(record)) is not None:
        yield Moment(watched, Mark.WATCHED)
    for kind, state in record.kinds.items():
        for step in state.steps:
            yield Moment(step.seen_at, Mark.CHANGED, kind.value)


def _watched(record: JobRecord) -> float | None:
    return None if record.watched is None else (record.watched - record.started).total_seconds()


def _at(moment: Moment) -> float:
    return moment.at
