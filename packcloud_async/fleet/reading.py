"""What a fleet's tables say of a run, for those who submitted it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from attrs import frozen

from packcloud_async._sansio.ledger_records import RunRecord, read_error, read_run, read_target
from packcloud_async._sansio.outcomes import KindOutcome, Outcome, SyncResult
from packcloud_async._sansio.token import RecordedError, read_token
from packcloud_async.errors import ConfigurationError, PackCloudError, SyncError
from packcloud_async.fleet.database import Connection
from packcloud_async.fleet.tables import id_of, text_of
from packcloud_async.models import SyncKind


@frozen
class Run:
    """A run in the database; ``cancelled`` is when it was, None if it was not."""

    number: int
    run_id: str
    record: RunRecord
    cancelled: datetime | None


@frozen
class Position:
    """How far somebody has read the results of a run: everything that was committed before this transaction."""

    before: str = "0"


_LAST = str(2**64 - 1)
"""No transaction comes as far as this."""


async def run_of(connection: Connection, run_id: str) -> Run:
    """Return a run by its name; raises :class:`ConfigurationError` when there is none."""
    rows = await connection.execute(
        "SELECT id, name, document, finished, cancelled FROM packcloud_run WHERE name = %s", (run_id,)
    )
    if (row := await rows.fetchone()) is None:
        raise ConfigurationError(f"there is no run {run_id!r} in this database")
    return _run(*row)


async def runs(connection: Connection) -> Sequence[Run]:
    """Return every run, the newest first."""
    rows = await connection.execute(
        "SELECT id, name, document, finished, cancelled FROM packcloud_run ORDER BY id DESC"
    )
    return [_run(*row) async for row in rows]


def _run(number: int, name: str, document: str, finished: datetime | None, cancelled: datetime | None) -> Run:
    return Run(number, name, read_run(document, text_of(finished)), cancelled)


async def results_since(
    connection: Connection, run: int, position: Position
) -> tuple[Sequence[SyncResult], Position, bool]:
    """Return the results of a run since a position, the position after them, and whether there will be no more.

    In one transaction of the caller's that sees one moment (REPEATABLE READ). Raises :class:`ConfigurationError` when
    the run is gone.
    """
    # What a transaction writes that is still under way is seen the next time: nothing is skipped.
    rows = await connection.execute(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, finished IS NOT NULL FROM packcloud_run WHERE id = %s",
        (run,),
    )
    if (found := await rows.fetchone()) is None:
        raise ConfigurationError("the run was forgotten while its results were read")
    until, is_finished = found
    if is_finished:
        # Whatever is told of it was committed before or with that.
        until = _LAST
    wanted = {"run": run, "after": position.before, "until": until}
    results: list[SyncResult] = []
    failed = await connection.execute(
        "SELECT document, error FROM packcloud_target WHERE run = %(run)s AND state = 'failed' "
        "AND settled_by >= %(after)s::xid8 AND settled_by < %(until)s::xid8 ORDER BY settled_by, number",
        wanted,
    )
    async for document, error in failed:
        results.append(_without_start(read_target(document).organization_id, error))
    ended = await connection.execute(
        "SELECT target.organization, job.integration_id, job.token, job.error, job.ended FROM packcloud_job AS job "
        "JOIN packcloud_target AS target ON (target.run, target.number) = (job.run, job.target) "
        "WHERE job.run = %(run)s AND job.finished "
        "AND job.ended_by >= %(after)s::xid8 AND job.ended_by < %(until)s::xid8 ORDER BY job.ended_by, job.number",
        wanted,
    )
    async for organization, integration_id, token, error, at in ended:
        results.append(result_of(str(id_of(organization)), str(id_of(integration_id)), token, error, at))
    return results, Position(until), is_finished


def result_of(organization_id: str, integration_id: str, token: str, error: str | None, ended: datetime) -> SyncResult:
    """Make the result of a job from what was written of it."""
    told = read_error(error)
    kinds: Mapping[SyncKind, KindOutcome] = {}
    elapsed = 0.0
    try:
        record = read_token(token)
    except SyncError as damaged:
        failure: PackCloudError | None = damaged
    else:
        kinds = {kind: state.outcome for kind, state in record.kinds.items() if state.outcome is not None}
        elapsed = max(0.0, (ended.astimezone(UTC) - record.started).total_seconds())
        failure = None if told is None else RecordedError(told)
    return SyncResult(
        organization_id=organization_id, integration_id=integration_id, kinds=kinds, elapsed=elapsed, error=failure
    )


def _without_start(organization_id: str, error: str | None) -> SyncResult:
    told = read_error(error)
    return SyncResult(
        organization_id=organization_id,
        integration_id=None,
        elapsed=0.0,
        error=None if told is None else RecordedError(told),
    )


@frozen(kw_only=True)
class Numbers:
    """A run in numbers; see :class:`~packcloud_async.SyncReport`."""

    organizations: int
    organizations_done: int
    integrations: int
    in_flight: int
    not_started: int
    requests: int
    outcomes: Mapping[SyncKind, Mapping[Outcome, int]]
    slowest: Sequence[SyncResult]
    ended: datetime


async def numbers_of(connection: Connection, run: int, *, slowest: int) -> Numbers:
    """Count a run, in one transaction of the caller's that sees one moment (REPEATABLE READ)."""
    rows = await connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state <> 'waiting' "
        "AND NOT EXISTS (SELECT FROM packcloud_job AS job WHERE job.run = target.run AND job.target = target.number "
        "AND NOT job.finished)), coalesce(sum(requests), 0)::bigint, clock_timestamp() "
        "FROM packcloud_target AS target WHERE run = %s",
        (run,),
    )
    targets = await rows.fetchone()
    rows = await connection.execute(
        "SELECT count(*) FILTER (WHERE finished), count(*) FILTER (WHERE NOT finished), "
        "count(*) FILTER (WHERE error IS NOT NULL) FROM packcloud_job WHERE run = %s",
        (run,),
    )
    jobs = await rows.fetchone()
    assert targets is not None
    assert jobs is not None
    return Numbers(
        organizations=targets[0],
        organizations_done=targets[2],
        integrations=jobs[0],
        in_flight=jobs[1],
        not_started=targets[1] + jobs[2],
        requests=targets[3],
        outcomes=await _outcomes(connection, run),
        slowest=await _slowest(connection, run, slowest),
        ended=targets[4],
    )


async def _outcomes(connection: Connection, run: int) -> Mapping[SyncKind, Mapping[Outcome, int]]:
    rows = await connection.execute(
        "SELECT kind, outcome, count(*) FROM packcloud_job, jsonb_each_text(outcomes) AS one(kind, outcome) "
        "WHERE run = %s AND finished GROUP BY kind, outcome",
        (run,),
    )
    counts: dict[SyncKind, dict[Outcome, int]] = {}
    async for kind, outcome, count in rows:
        counts.setdefault(SyncKind(kind), {})[Outcome(outcome)] = count
    return {kind: counts[kind] for kind in SyncKind if kind in counts}


async def _slowest(connection: Connection, run: int, count: int) -> Sequence[SyncResult]:
    rows = await connection.execute(
        "SELECT target.organization, job.integration_id, job.token, job.error, job.ended FROM packcloud_job AS job "
        "JOIN packcloud_target AS target ON (target.run, target.number) = (job.run, job.target) "
        "WHERE job.run = %s AND job.finished ORDER BY job.ended - (job.token::json ->> 'started')::timestamptz DESC "
        "NULLS LAST LIMIT %s",
        (run, count),
    )
    return [
        result_of(str(id_of(organization)), str(id_of(integration_id)), token, error, ended)
        async for organization, integration_id, token, error, ended in rows
    ]
