"""Writing off what is not done: who is at work on it is told with the next thing it writes."""

from collections.abc import Sequence
from typing import Final

from packcloud_async._sansio.ledger_book import Batch, Recorded
from packcloud_async.fleet import tables
from packcloud_async.fleet.database import Connection
from packcloud_async.fleet.holding import finish_if_over
from packcloud_async.fleet.queue import Queue

CANCELLED: Final = "RunCancelled"
"""What stands for the error of what a cancelled run did not come to."""

TOGETHER: Final = 1_000


async def cancel(connection: Connection, queue: Queue, run: int) -> None:
    """End a run: write off what is not done of it, in the caller's transaction.

    A worker that is firing a target cannot record any further POST, and so sends none.
    """
    # Targets before their run, and in their order, as whoever writes of one takes them: else two would wait for each
    # other. From here on whatever is still written with an earlier epoch is refused.
    await connection.execute(
        "SELECT count(*) FROM (SELECT FROM packcloud_target WHERE run = %s ORDER BY number FOR UPDATE) AS held", (run,)
    )
    await connection.execute("UPDATE packcloud_target SET epoch = epoch + 1, look_at = NULL WHERE run = %s", (run,))
    await connection.execute(
        "UPDATE packcloud_run SET cancelled = coalesce(cancelled, clock_timestamp()) "
        "WHERE id = %s AND finished IS NULL",
        (run,),
    )
    await queue.forget(connection, run)
    after = 0
    while found := await tables.unfinished_numbers(connection, run, after=after, limit=TOGETHER):
        await _write_off(connection, run, found, CANCELLED)
        after = found[-1]
    await finish_if_over(connection, run)


async def give_up(connection: Connection, run: int, number: int, error: str) -> None:
    """Write off what is not done of one target, because of an error, in the caller's transaction."""
    await connection.execute(
        "UPDATE packcloud_target SET epoch = epoch + 1, look_at = NULL WHERE run = %s AND number = %s", (run, number)
    )
    found = await tables.unfinished_numbers(connection, run, after=number - 1, limit=1)
    await _write_off(connection, run, [one for one in found if one == number], error)
    await finish_if_over(connection, run)


async def _write_off(connection: Connection, run: int, targets: Sequence[int], error: str) -> None:
    # Not as records: what is damaged has to be written off too.
    rows = await connection.execute(
        "SELECT target, number, token FROM packcloud_job WHERE run = %s AND target = ANY(%s) AND NOT finished",
        (run, list(targets)),
    )
    batch, begun = Batch(), set[int]()
    async for target, number, token in rows:
        begun.add(target)
        batch.records[number] = Recorded(token, True, error)
    batch.settled.update(dict.fromkeys((number for number in targets if number not in begun), error))
    await tables.write(connection, run, batch)
