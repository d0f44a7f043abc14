"""Forgetting a run: nothing of it is left in the database."""

from packcloud_async.errors import ConfigurationError
from packcloud_async.fleet.database import Connection
from packcloud_async.fleet.queue import NAME
from packcloud_async.fleet.reading import found


async def forget(connection: Connection, run_id: str) -> None:
    """Delete a run that is over, in the caller's transaction; raises :class:`ConfigurationError` for any other."""
    run = await found(connection, run_id)
    if not run.is_finished:
        raise ConfigurationError(f"run {run_id!r} is not over; cancel it first")
    await connection.execute("DELETE FROM packcloud_run WHERE id = %s", (run.number,))
    # What the engine gave up stays with it, for who wants to know why. What is still waiting finds nothing, and goes.
    await connection.execute(
        "DELETE FROM procrastinate_jobs WHERE queue_name = %s AND status NOT IN ('todo', 'doing') "
        "AND (args ->> 'run')::bigint = %s",
        (NAME, run.number),
    )
