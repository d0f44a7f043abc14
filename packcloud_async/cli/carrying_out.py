"""Carries out a run and has its results written: as they come, to the end or to a Ctrl-C or SIGTERM."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from packcloud_async._io.tasks import until_done
from packcloud_async.bulk import SyncRun
from packcloud_async.cli.failures import complain
from packcloud_async.cli.interrupts import next_one
from packcloud_async.cli.results import ResultWriter
from packcloud_async.errors import ClientStateError


async def write_all(run: SyncRun, writer: ResultWriter) -> bool:
    """Carry out a run and write its results as they come; return whether nothing failed.

    Cancelled, it waits for the answers under way and writes what they came to; so it does when an output takes no
    more, and leaves that to the ledger.
    """
    with writer:
        async with run, _telling(run, writer):
            try:
                async for result in run:
                    writer.write(result)
            except asyncio.CancelledError as cancelled:
                await _end_in_good_order(run, writer, way_out=next_one(cancelled))
                raise
            except OSError:
                # An output that takes no more: what the answers under way come to is for the ledger.
                await run.stop()
                raise
        writer.close(run.report)
    return run.report.failed == 0


async def _end_in_good_order(run: SyncRun, writer: ResultWriter, *, way_out: str) -> None:
    if run.posts_under_way:
        # What reads it may be gone: in a pipe Ctrl-C reaches both ends.
        with suppress(OSError):
            complain(f"Interrupted. Waiting for the answers under way; {way_out} ends it at once.", prefix="")
    await run.stop()
    with suppress(ClientStateError):
        async for result in run:
            # One that was not sent is for the ledger alone.
            if not isinstance(result.error, ClientStateError):
                writer.write(result)


@asynccontextmanager
async def _telling(run: SyncRun, writer: ResultWriter) -> AsyncGenerator[None]:
    """Show how far the run is, now and then, until the block is left."""
    if writer.progress_every is None:
        yield
        return
    # Owned by this block: it is cancelled and waited for at its end.
    task = asyncio.get_running_loop().create_task(_tell(run, writer, writer.progress_every))
    try:
        yield
    finally:
        task.cancel()
        await until_done(task)
        failure = None if task.cancelled() else task.exception()
    if failure is not None:
        # An output that takes no more.
        raise failure


async def _tell(run: SyncRun, writer: ResultWriter, every: float) -> None:
    while True:
        await asyncio.sleep(every)
        writer.progress(run.report)
