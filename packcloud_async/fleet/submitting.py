"""Submitting a run: its targets are written down, each with the job that begins it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from psycopg.errors import InsufficientPrivilege, LockNotAvailable

from packcloud_async._sansio.ledger_book import Batch
from packcloud_async._sansio.ledger_records import RunRecord, TargetRecord
from packcloud_async.errors import ConfigurationError
from packcloud_async.fleet import tables
from packcloud_async.fleet.database import Connection
from packcloud_async.fleet.holding import finish_if_over
from packcloud_async.fleet.queue import Queue
from packcloud_async.policies import path_segment
from packcloud_async.targets import SyncTarget, Targets, iterating

TOGETHER: Final = 1_000
"""So many targets are written with one statement."""
LARGE: Final = 100
"""A run of so many targets changes what the tables are like."""


async def write_run(connection: Connection, queue: Queue, name: str, record: RunRecord, targets: Targets) -> None:
    """Write a run down, in the caller's transaction; raises :class:`ConfigurationError` for unusable targets."""
    run, number = await tables.begin(connection, name, record, by_workers=True), 0
    place = await queue.place_of_the_others(connection)
    async with iterating(targets) as given:
        async for some in _in_pieces(given, record):
            numbered = list(enumerate(some, number + 1))
            await tables.write(connection, run, Batch(targets=dict(numbered)))
            place = await queue.begin_all(connection, run, numbered, after=place)
            number += len(numbered)
    if number >= LARGE:
        await _take_statistics(connection)
    await finish_if_over(connection, run)


async def _take_statistics(connection: Connection) -> None:
    """Let the planner know of a run from the moment it is there; who cannot leaves that to autovacuum."""
    with suppress(LockNotAvailable, InsufficientPrivilege):
        async with connection.transaction():
            await connection.execute("SELECT packcloud_analyze()")


async def _in_pieces(
    targets: AsyncIterator[str | SyncTarget], record: RunRecord
) -> AsyncIterator[Sequence[TargetRecord]]:
    some: list[TargetRecord] = []
    async for one in targets:
        some.append(_recorded(one if isinstance(one, SyncTarget) else SyncTarget(one), record))
        if len(some) == TOGETHER:
            yield some
            some = []
    if some:
        yield some


def _recorded(target: SyncTarget, record: RunRecord) -> TargetRecord:
    path_segment("organization_id", target.organization_id)
    for integration_id in target.integration_ids or ():
        path_segment("integration_id", integration_id)
    if record.kinds is None and target.kinds is None:
        raise ConfigurationError(f"no kinds for {target.organization_id!r}: give submit or the target kinds=")
    return TargetRecord(target.organization_id, target.integration_ids, target.kinds, target.weight)
