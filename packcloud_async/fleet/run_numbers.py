"""A run of a fleet in numbers, counted in its tables."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen

from packcloud_async._sansio.outcomes import Outcome, SyncResult
from packcloud_async.fleet.database import Connection
from packcloud_async.fleet.reading import result_of
from packcloud_async.fleet.tables import shown_id
from packcloud_async.models import SyncKind


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
        "WHERE job.run = %s AND job.finished ORDER BY job.ended - job.started DESC NULLS LAST LIMIT %s",
        (run, count),
    )
    return [
        result_of(shown_id(organization), shown_id(integration_id), token, error, ended)
        async for organization, integration_id, token, error, ended in rows
    ]
