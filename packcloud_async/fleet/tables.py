"""What is written into the tables of a run and read from them, on a connection that somebody else owns.

What is read together with what is written, or written together, is in one transaction of the caller's.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from packcloud_async._sansio.ledger_book import Batch, Opened, Recorded
from packcloud_async._sansio.ledger_records import (
    DamagedRecord,
    RunRecord,
    TargetState,
    UnfinishedJob,
    UnfinishedTarget,
    read_run,
    read_target,
    read_target_state,
    read_unfinished_job,
    write_run,
    write_target,
)
from packcloud_async._sansio.token import read_token
from packcloud_async.errors import SyncError
from packcloud_async.fleet.database import Connection, Cursor, Refused


@frozen
class NamedRun:
    """A run of the database; ``by_workers`` when a fleet carries it out, and not one process with a ledger."""

    number: int
    record: RunRecord
    by_workers: bool


async def run_named(connection: Connection, name: str) -> NamedRun | None:
    """Return a run by its name; None when there is none."""
    rows = await connection.execute(
        "SELECT id, document, finished, by_workers FROM packcloud_run WHERE name = %s", (name,)
    )
    if (row := await rows.fetchone()) is None:
        return None
    number, document, finished, by_workers = row
    return NamedRun(number, read_run(document, text_of(finished)), by_workers)


async def claimed(connection: Connection, name: str, *, until_disconnected: bool = False) -> bool:
    """Claim a run of one process, until the transaction ends or the connection does; False if another one has it."""
    locking = await connection.execute(_UNTIL_DISCONNECTED if until_disconnected else _UNTIL_COMMITTED, (name,))
    return await locking.fetchone() == (True,)


async def alone_with(connection: Connection, name: str) -> None:
    """Wait until nobody else begins a run of this name, and let nobody until the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('packcloud_submit ' || %s, 0))", (name,))


_UNTIL_DISCONNECTED: Final = "SELECT pg_try_advisory_lock(hashtextextended('packcloud_run ' || %s, 0))"
_UNTIL_COMMITTED: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('packcloud_run ' || %s, 0))"


async def opened(connection: Connection, run: int, record: RunRecord) -> Opened:
    """Return what is known of a run, with the last numbers that were given out."""
    rows = await connection.execute(
        "SELECT (SELECT coalesce(max(number), 0) FROM packcloud_target WHERE run = %(run)s), "
        "(SELECT coalesce(max(number), 0) FROM packcloud_job WHERE run = %(run)s)",
        {"run": run},
    )
    row = await rows.fetchone()
    assert row is not None
    return Opened(record, *row)


async def begin(connection: Connection, name: str, record: RunRecord, *, by_workers: bool) -> int:
    """Write a new run down; return its number in the database."""
    rows = await connection.execute(
        "INSERT INTO packcloud_run (name, document, by_workers) VALUES (%s, %s, %s) RETURNING id",
        (name, write_run(record), by_workers),
    )
    row = await rows.fetchone()
    assert row is not None
    return int(row[0])


async def write(connection: Connection, run: int, batch: Batch) -> None:
    """Write a batch, but for the run itself; raises :class:`Refused` for what cannot follow what is there."""
    async with connection.cursor() as cursor:
        if batch.targets:
            await cursor.executemany(
                "INSERT INTO packcloud_target (run, number, organization, state, document) VALUES (%s, %s, %s, %s, %s)",
                [
                    (run, number, json.dumps(target.organization_id), TargetState.WAITING.value, write_target(target))
                    for number, target in batch.targets.items()
                ],
            )
        if batch.settled:
            await cursor.executemany(
                "UPDATE packcloud_target SET state = %s, error = %s, settled_by = pg_current_xact_id() "
                "WHERE run = %s AND number = %s AND state = %s",
                [
                    (_settled(error).value, error, run, number, TargetState.WAITING.value)
                    for number, error in batch.settled.items()
                ],
            )
            _require(cursor.rowcount, len(batch.settled), "a target was settled that is not waiting")
        if batch.jobs:
            await cursor.executemany(
                "INSERT INTO packcloud_job (run, number, target, integration_id, token, finished) "
                "VALUES (%s, %s, %s, %s, %s, false)",
                [
                    (run, number, job.target, json.dumps(job.integration_id), job.recorded.token)
                    for number, job in batch.jobs.items()
                ],
            )
        await _record(cursor, run, {number: job.recorded for number, job in batch.jobs.items()}, are_new=True)
        await _record(cursor, run, batch.records, are_new=False)
    if batch.finished is not None:
        await finish(connection, run, batch.finished)


async def _record(cursor: Cursor, run: int, records: Mapping[int, Recorded], *, are_new: bool) -> None:
    """Write how jobs stand; what is written of a new one already is left out."""
    opened = [(job.token, job.error, run, number) for number, job in records.items() if not (job.finished or are_new)]
    ended = [
        (job.token, job.error, *_outcomes_of(job.token), run, number) for number, job in records.items() if job.finished
    ]
    if opened:
        await cursor.executemany(
            "UPDATE packcloud_job SET token = %s, finished = false, error = %s WHERE run = %s AND number = %s", opened
        )
        _require(cursor.rowcount, len(opened), _MISSING)
    if ended:
        await cursor.executemany(
            "UPDATE packcloud_job SET token = %s, finished = true, error = %s, outcomes = %s, started = %s, "
            "ended = clock_timestamp(), ended_by = pg_current_xact_id() WHERE run = %s AND number = %s",
            ended,
        )
        _require(cursor.rowcount, len(ended), _MISSING)


_MISSING = "a job was recorded that is missing"


def _outcomes_of(token: str) -> tuple[str | None, datetime | None]:
    """Return the outcomes so far as JSON, by kind, and when the job was started; None for what cannot be read."""
    try:
        record = read_token(token)
    except SyncError:
        return None, None
    ended = {kind: state.outcome.state for kind, state in record.kinds.items() if state.outcome is not None}
    return json.dumps(ended), record.started


async def finish(connection: Connection, run: int, at: datetime) -> None:
    """Write down that a run is over; raises :class:`Refused` when it is not."""
    if await unfinished_numbers(connection, run, after=0, limit=1):
        raise Refused("the run was told to be finished, and it is not")
    await connection.execute("UPDATE packcloud_run SET finished = %s WHERE id = %s", (at, run))


async def unfinished(connection: Connection, run: int, *, after: int, limit: int) -> Sequence[UnfinishedTarget]:
    """Return the next targets that somebody has to go on with, by number, each with its open jobs."""
    numbers = await unfinished_numbers(connection, run, after=after, limit=limit)
    rows = await connection.execute(
        "SELECT number, state, document FROM packcloud_target WHERE run = %s AND number = ANY(%s) ORDER BY number",
        (run, numbers),
    )
    found = await rows.fetchall()
    jobs = await open_jobs(connection, run, numbers)
    return tuple(
        UnfinishedTarget(number, read_target(document), read_target_state(state), tuple(jobs.get(number, ())))
        for number, state, document in found
    )


async def unfinished_numbers(connection: Connection, run: int, *, after: int, limit: int) -> list[int]:
    """Return the numbers of the next targets that somebody has to go on with."""
    rows = await connection.execute(
        "SELECT number FROM packcloud_target AS target WHERE run = %(run)s AND number > %(after)s "
        "AND (state = 'waiting' OR EXISTS (SELECT FROM packcloud_job AS job "
        "WHERE job.run = target.run AND job.target = target.number AND NOT job.finished)) "
        "ORDER BY number LIMIT %(limit)s",
        {"run": run, "after": after, "limit": limit},
    )
    return [number async for (number,) in rows]


async def open_jobs(connection: Connection, run: int, targets: Sequence[int]) -> dict[int, list[UnfinishedJob]]:
    """Return the jobs of targets that somebody has to go on with, by target."""
    rows = await connection.execute(
        "SELECT target, number, integration_id, token FROM packcloud_job "
        "WHERE run = %s AND target = ANY(%s) AND NOT finished ORDER BY number",
        (run, list(targets)),
    )
    jobs: dict[int, list[UnfinishedJob]] = {}
    async for target, number, integration_id, token in rows:
        jobs.setdefault(target, []).append(read_unfinished_job(number, id_of(integration_id), token))
    return jobs


def id_of(kept: str) -> object:
    """Read an id as it is kept."""
    try:
        return json.loads(kept)
    except ValueError:
        raise DamagedRecord("the record of a job is damaged (ValueError)") from None


def shown_id(kept: str) -> str:
    """Read an id to be shown; one that is damaged is shown as it is kept."""
    try:
        return str(id_of(kept))
    except DamagedRecord:
        return kept


def _settled(error: str | None) -> TargetState:
    return TargetState.LISTED if error is None else TargetState.FAILED


def _require(done: int, wanted: int, otherwise: str) -> None:
    if done != wanted:
        raise Refused(otherwise)


def text_of(instant: datetime | None) -> str | None:
    """Write an instant as the records of a ledger have it."""
    return None if instant is None else instant.isoformat()
