"""Writing off what is not done: who is at work on it is told with the next thing it writes."""

from collections.abc import Iterable
from typing import Final

from packcloud_async._sansio.ledger_book import Batch, Recorded
from packcloud_async._sansio.ledger_records import UnfinishedTarget
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
    await connection.execute("UPDATE packcloud_target SET epoch = epoch + 1 WHERE run = %s", (run,))
    await connection.execute(
        "UPDATE packcloud_run SET cancelled = coalesce(cancelled, clock_timestamp()) "
        "WHERE id = %s AND finished IS NULL",
        (run,),
    )
    await queue.forget(connection, run)
    after = 0
    while found := await tables.unfinished(connection, run, after=after, limit=TOGETHER):
        await tables.write(connection, run, _written_off(found, CANCELLED))
        after = found[-1].number
    await finish_if_over(connection, run)


async def give_up(connection: Connection, run: int, number: int, error: str) -> None:
    """Write off what is not done of one target, because of an error, in the caller's transaction."""
    await connection.execute(
        "UPDATE packcloud_target SET epoch = epoch + 1 WHERE run = %s AND number = %s", (run, number)
    )
    found = await tables.unfinished(connection, run, after=number - 1, limit=1)
    await tables.write(connection, run, _written_off([one for one in found if one.number == number], error))
    await finish_if_over(connection, run)


def _written_off(targets: Iterable[UnfinishedTarget], error: str) -> Batch:
    batch = Batch()
    for target in targets:
        if target.jobs:
            batch.records.update({job.number: Recorded(job.token, True, error) for job in target.jobs})
        else:
            batch.settled[target.number] = error
    return batch
