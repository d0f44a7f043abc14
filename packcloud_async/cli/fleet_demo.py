"""packcloud fleet demo: three workers on a PostgreSQL and an emulator of their own, one of which is killed."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.text import Text

from packcloud_async._io.tasks import only_cause
from packcloud_async._sansio.outcomes import SyncResult
from packcloud_async.cli.books_check import BooksCheck
from packcloud_async.cli.console import console_for_prose
from packcloud_async.cli.embedded_postgres import embedded_postgres
from packcloud_async.cli.failures import Failed, complain
from packcloud_async.cli.fleet_running import run_with_fleet
from packcloud_async.cli.outcome_views import tally
from packcloud_async.cli.results import in_numbers
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet

WORKERS: Final = 3
WINDOW: Final = 5.0
POLL: Final = PollPolicy(first=0.5, growth=1.3, ceiling=1.0, deadline=WINDOW)
SYNC_TIMES: Final = SyncTimes(median=1.8, spread=1.4, distribution=Distribution.UNIFORM, finds_nothing=0.15)
CALM: Final = FaultPlan(latency=0.02, latency_spread=0.06)
SILENT_FOR: Final = 3
"""Seconds until a dead worker is noticed; ten times as long would do for a real fleet."""


@click.command(short_help="Run three workers on a database of their own, and kill one.")
@click.option("--organizations", type=click.IntRange(3), metavar="N", default=12, show_default=True, help="How many.")
@click.option(
    "--integrations", type=click.IntRange(1), metavar="N", default=4, show_default=True, help="How many in each."
)
@click.option(
    "--database",
    metavar="URL",
    help="A PostgreSQL database without runs and workers, in place of the one it brings along.",
)
@click.pass_context
def demo(context: click.Context, *, organizations: int, integrations: int, database: str | None) -> None:
    """Have three workers sync an emulated Pack.cloud together, kill one of them, and see that nothing is lost.

    It needs no account and no network, brings its own PostgreSQL along, and takes less than half a minute. The exit
    code is 0 when every outcome agrees with the emulator's own books and nothing was started twice, else 1.

    \b
    Example:
      packcloud fleet demo
    """
    emulator = Emulator(organizations=organizations, integrations=integrations, faults=CALM, sync_times=SYNC_TIMES)
    console = console_for_prose()

    def show(url: str) -> bool:
        async def act(opened: "Fleet") -> bool:
            return await _demo(opened, url, emulator, console)

        return run_with_fleet(url, act)

    if database is not None:
        went_well = show(database)
    else:
        console.print("Starting a PostgreSQL of its own...")
        with embedded_postgres() as url:
            went_well = show(url)
    if not went_well:
        context.exit(1)


async def _demo(opened: "Fleet", database: str, emulator: Emulator, console: Console) -> bool:
    await opened.init()
    if await opened.runs() or (await opened.health()).workers:
        # Workers there would carry it out too, with their own token at their own server.
        raise Failed("the demonstration needs a database without runs and workers")
    syncs = emulator.world.organizations * emulator.world.integrations * len(SyncKind)
    check = BooksCheck(emulator, expected=syncs, window=WINDOW)
    async with emulator.serve() as served, _workers(database, served.base_url, emulator.token) as workers:
        run_id = await opened.submit(emulator.organization_ids, kinds=SyncKind, poll=POLL)
        console.print(
            f"Run {run_id} is submitted: {syncs} syncs of {emulator.world.organizations} organizations. {WORKERS} "
            "workers, each a process of its own, carry it out against an emulated Pack.cloud.\n"
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_kill_one(workers, emulator, syncs, console))
                async for result in opened.results(run_id):
                    _take(result, check)
        except ExceptionGroup as failed:
            raise only_cause(failed) from None
        report = await opened.report(run_id)
    await opened.forget(run_id)
    console.print(tally(report.outcomes))
    console.print(in_numbers(report))
    console.print(
        Text("\nThe emulator's books: ").append(str(check), style="bold green" if check.agrees else "bold red")
    )
    return check.agrees


def _take(result: SyncResult, check: BooksCheck) -> None:
    check.add(result)
    if result.error is not None:
        complain(f"{result.organization_id}/{result.integration_id}: {result.error}")


async def _kill_one(
    workers: Sequence[asyncio.subprocess.Process], emulator: Emulator, syncs: int, console: Console
) -> None:
    """Kill a worker when a third of the syncs is started."""
    while len(emulator.books.runs) < syncs / 3 and _alive(workers):  # noqa: ASYNC110 - neither tells
        await asyncio.sleep(0.02)
    if not (alive := _alive(workers)):
        raise Failed("the workers ended before they began; try packcloud fleet worker --verbose")
    alive[0].kill()
    console.print(
        f"{len(emulator.books.runs)} syncs are started, and one worker is killed, with whatever it was doing. In "
        f"{SILENT_FOR} seconds it counts as dead, and the others go on with what it held.\n"
    )


def _alive(workers: Sequence[asyncio.subprocess.Process]) -> Sequence[asyncio.subprocess.Process]:
    return [worker for worker in workers if worker.returncode is None]


@asynccontextmanager
async def _workers(database: str, base_url: str, token: str) -> AsyncGenerator[Sequence[asyncio.subprocess.Process]]:
    """Start the workers, and end those that live with the block."""
    surroundings = os.environ | {
        "PACKCLOUD_DATABASE": database,
        "PACKCLOUD_BASE_URL": base_url,
        "PACKCLOUD_TOKEN": token,
    }
    command = (sys.executable, "-m", "packcloud_async", "fleet", "worker", "--silent-for", str(SILENT_FOR))
    nowhere = asyncio.subprocess.DEVNULL
    async with AsyncExitStack() as started:
        workers: list[asyncio.subprocess.Process] = []
        for _ in range(WORKERS):
            worker = await asyncio.create_subprocess_exec(*command, env=surroundings, stdout=nowhere, stderr=nowhere)
            started.push_async_callback(_end, worker)
            workers.append(worker)
        yield workers


async def _end(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        worker.terminate()
    await worker.wait()
