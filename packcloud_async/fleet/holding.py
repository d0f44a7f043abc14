"""Taking up a target: what is known of it, and that nobody else writes of it any more.

A worker that lost touch may still be at work when its target is given to another one. Each take-up has a number, the
epoch; what is written with an earlier one is refused, so that no POST leaves that was not recorded by whoever holds
the target.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from packcloud_async._sansio.ledger_records import (
    RunRecord,
    UnfinishedJob,
    UnfinishedTarget,
    read_run,
    read_target,
    read_target_state,
    read_unfinished_job,
)
from packcloud_async.fleet.database import Connection, TakenOver
from packcloud_async.fleet.queue import LOOK, TRIGGER
from packcloud_async.fleet.schedule import Schedule, read_schedule, write_schedule
from packcloud_async.fleet.tables import open_jobs, shown_id, text_of


@frozen(kw_only=True)
class TakenUp:
    """A target that this worker holds since ``taken_at``, by the clock of the database: ``instant`` by the loop's own.

    Everything that is written of it goes by the database's clock, because no two workers' clocks are the same.
    ``last_job`` is the greatest number of its jobs, 0 for none.
    """

    run: int
    run_id: str
    record: RunRecord
    target: UnfinishedTarget
    epoch: int
    taken_at: datetime
    instant: float
    last_job: int
    schedule: Schedule


async def take_up(connection: Connection, run: int, number: int) -> TakenUp | None:
    """Hold a target from now on; None when there is no such target any more.

    Raises :class:`DamagedRecord` when what is written of it, or of its run, cannot be read.
    """
    # Before the question: what the database holds to be due is never found to be not due yet.
    instant = asyncio.get_running_loop().time()
    rows = await connection.execute(
        "UPDATE packcloud_target SET epoch = epoch + 1, look_at = NULL WHERE run = %s AND number = %s "
        "RETURNING epoch, document, state, schedule, clock_timestamp()",
        (run, number),
    )
    if (row := await rows.fetchone()) is None:
        return None
    epoch, document, state, schedule, taken_at = row
    rows = await connection.execute(
        "SELECT name, document, finished, "
        "(SELECT coalesce(max(number), 0) FROM packcloud_job WHERE run = %(run)s AND target = %(target)s) "
        "FROM packcloud_run WHERE id = %(run)s",
        {"run": run, "target": number},
    )
    found = await rows.fetchone()
    assert found is not None, "a target refers to its run"
    name, order, finished, last_job = found
    jobs = await open_jobs(connection, run, [number])
    return TakenUp(
        run=run,
        run_id=name,
        record=read_run(order, text_of(finished)),
        target=UnfinishedTarget(number, read_target(document), read_target_state(state), tuple(jobs.get(number, ()))),
        epoch=epoch,
        taken_at=taken_at.astimezone(UTC),
        instant=instant,
        last_job=last_job,
        schedule=read_schedule(schedule),
    )


async def check_held(connection: Connection, run: int, number: int, epoch: int) -> None:
    """Raise :class:`TakenOver` if another worker has taken it up since; none does until the transaction ends."""
    rows = await connection.execute(
        "SELECT FROM packcloud_target WHERE run = %s AND number = %s AND epoch = %s FOR UPDATE", (run, number, epoch)
    )
    if await rows.fetchone() is None:
        raise TakenOver("another worker has taken up this target meanwhile")


async def others_of(connection: Connection, taken: TakenUp) -> Sequence[UnfinishedJob]:
    """Return the open jobs that other targets have in the same organization, of whatever run."""
    rows = await connection.execute(
        "SELECT job.number, job.integration_id, job.token FROM packcloud_job AS job "
        "JOIN packcloud_target AS target ON (target.run, target.number) = (job.run, job.target) "
        "WHERE target.organization = %s AND (target.run, target.number) <> (%s, %s) AND NOT job.finished",
        (json.dumps(taken.target.target.organization_id), taken.run, taken.target.number),
    )
    return [
        read_unfinished_job(number, shown_id(integration_id), token) async for number, integration_id, token in rows
    ]


async def leave(
    connection: Connection, taken: TakenUp, schedule: Schedule, *, requests: int, look_at: float | None
) -> None:
    """Write what the next look has to know, and how many requests this one took.

    ``look_at`` is the wall-clock time of a look that is put into the queue when it comes near, None for none.
    """
    await connection.execute(
        "UPDATE packcloud_target SET schedule = %s, requests = requests + %s, look_at = to_timestamp(%s) "
        "WHERE run = %s AND number = %s",
        (write_schedule(schedule), requests, look_at, taken.run, taken.target.number),
    )


COMING_LOOKS: Final = (
    # The clock of the transaction: no index helps with one that goes on within the statement.
    "WITH coming AS (SELECT run, number, look_at FROM packcloud_target "
    "WHERE look_at < now() + %(within)s * interval '1 second' ORDER BY look_at LIMIT %(at_most)s "
    "FOR UPDATE SKIP LOCKED) "
    "UPDATE packcloud_target AS target SET look_at = NULL FROM coming "
    "WHERE (target.run, target.number) = (coming.run, coming.number) "
    "RETURNING target.run, target.number, extract(epoch FROM coming.look_at)::float8"
)


async def coming_looks(connection: Connection, *, within: float, at_most: int) -> Sequence[tuple[int, int, float]]:
    """Take the looks that are due within so many seconds out of the tables: run, target, and wall-clock time.

    What somebody else writes of at the moment is left for the next time.
    """
    rows = await connection.execute(COMING_LOOKS, {"within": within, "at_most": at_most})
    return await rows.fetchall()


MANY_LEFT: Final = 200
"""A run with so many targets and jobs left does not end with the one that ends now: nobody waits to find that out."""

_LEFT: Final = """
SELECT (SELECT count(*) FROM (
    SELECT FROM packcloud_target WHERE run = %(run)s AND state = 'waiting' LIMIT %(at_most)s
) AS targets) + (SELECT count(*) FROM (
    SELECT FROM packcloud_job WHERE run = %(run)s AND NOT finished LIMIT %(at_most)s
) AS jobs)
"""


async def over_and_not_finished(connection: Connection) -> Sequence[int]:
    """Return the runs of workers that are over, of which that is not written.

    There are none unless very many targets of a run ended at the same instant, or somebody has written into the tables.
    """
    rows = await connection.execute(
        "SELECT id FROM packcloud_run AS run WHERE finished IS NULL AND by_workers "
        "AND NOT EXISTS (SELECT FROM packcloud_target WHERE run = run.id AND state = 'waiting') "
        "AND NOT EXISTS (SELECT FROM packcloud_job WHERE run = run.id AND NOT finished) ORDER BY id"
    )
    return [run async for (run,) in rows]


async def finish_if_over(connection: Connection, run: int) -> bool:
    """Write that a run is over if no target is left to go on with; whether it is."""
    if await _left(connection, run) >= MANY_LEFT:
        return False
    # Two targets that end at once would each find the other one open.
    await connection.execute("SELECT FROM packcloud_run WHERE id = %s FOR UPDATE", (run,))
    if await _left(connection, run):
        return False
    rows = await connection.execute(
        "UPDATE packcloud_run SET finished = coalesce(finished, clock_timestamp()) WHERE id = %s", (run,)
    )
    return rows.rowcount == 1


async def _left(connection: Connection, run: int) -> int:
    rows = await connection.execute(_LEFT, {"run": run, "at_most": MANY_LEFT})
    row = await rows.fetchone()
    assert row is not None
    return int(row[0])


@frozen
class Orphan:
    """A target that no job of the engine goes on with; ``is_to_be_fired`` when it was not fired, or not all of it."""

    run: int
    number: int
    organization_id: str
    is_to_be_fired: bool


# Any number will do that nobody else takes for something of theirs: it is ASCII for "packorph".
_SEARCHING: Final = 0x7061636B6F727068

ORPHANS: Final = (
    "SELECT target.run, target.number, target.organization, target.state = 'waiting' OR target.schedule IS NULL "
    "FROM packcloud_target AS target "
    "JOIN packcloud_run AS run ON run.id = target.run AND run.finished IS NULL AND run.by_workers "
    "WHERE target.look_at IS NULL AND (target.state = 'waiting' OR EXISTS (SELECT FROM packcloud_job AS job "
    "WHERE job.run = target.run AND job.target = target.number AND NOT job.finished)) "
    # Two questions, each for one text: for one of two texts each target would be held against each job.
    "AND NOT EXISTS (SELECT FROM procrastinate_jobs AS queued WHERE queued.status IN ('todo', 'doing') "
    "AND queued.queueing_lock = %(look)s || ' ' || target.run || ' ' || target.number) "
    "AND NOT EXISTS (SELECT FROM procrastinate_jobs AS queued WHERE queued.status IN ('todo', 'doing') "
    "AND queued.queueing_lock = %(trigger)s || ' ' || target.run || ' ' || target.number) "
    # Two searches at once put them back in one order, and so never wait for each other.
    "ORDER BY target.run, target.number LIMIT 1000"
)


async def alone_in_searching(connection: Connection) -> bool:
    """Claim the search for orphans until the transaction ends; False if another worker is at it."""
    rows = await connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (_SEARCHING,))
    return await rows.fetchone() == (True,)


async def orphans(connection: Connection) -> Sequence[Orphan]:
    """Return the targets of unfinished runs that no job of the engine goes on with.

    There are none unless a job ended in an error of the program, or somebody deleted it.
    """
    # To a planner that knows nothing yet of the tables, a run that was just submitted is a handful of targets, and each
    # is held against every job.
    await connection.execute("SET LOCAL enable_nestloop = off")
    rows = await connection.execute(ORPHANS, {"look": LOOK, "trigger": TRIGGER})
    return [
        Orphan(run, number, shown_id(organization), is_to_be_fired)
        async for run, number, organization, is_to_be_fired in rows
    ]
