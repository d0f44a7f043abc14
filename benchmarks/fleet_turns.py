"""How many requests a second the budget of a fleet can let go: turns taken from its row in PostgreSQL.

    python -m benchmarks.fleet_turns [--workers 1 2 4 8] [--seconds 3] [--rounds 5]

The limit is one that nobody reaches, so that nothing but the database holds anybody up. The workers are tasks of this
process, each with connections of its own; the PostgreSQL is that of the tests, as durable as it comes. Beside each
there is the same with a commit that waits for the disk, which is what a turn would cost if it were recorded like a
token.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.arguments import counting, positive
from benchmarks.measuring.rounds import spread
from benchmarks.results import FOLDER, ROOT, Table, save

QUICK = ("--workers", "1", "--seconds", "0.1", "--rounds", "1")
ONLY_BY_NAME = "it starts a database"

sys.path.insert(0, str(ROOT))
import psycopg  # noqa: E402 - after the path of what follows
from psycopg_pool import AsyncConnectionPool  # noqa: E402 - after the path of what follows

from packcloud_async.fleet import budget  # noqa: E402 - after the path of what follows
from packcloud_async.fleet.database import committing_each  # noqa: E402 - after the path of what follows
from packcloud_async.policies import RateLimit  # noqa: E402 - after the path of what follows
from tests.support.postgres import Postgres  # noqa: E402 - it is no installed package

AS_IT_COMES, RECORDED = "turns a second", "if each waited for the disk"


async def turns(dsn: str, workers: int, seconds: float, *, is_recorded: bool) -> float:
    """Let so many workers take turns for so long; return how many were taken in a second."""
    taken = 0
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(_pool(dsn, is_recorded=is_recorded)) for _ in range(workers)]
        budgets = [budget.SharedBudget(pool, "of the benchmark", "packcloud", RateLimit(1e6)) for pool in pools]
        await budgets[0].make()
        end = time.perf_counter() + seconds

        async def take(shared: budget.SharedBudget) -> None:
            nonlocal taken
            while time.perf_counter() < end:
                await shared.turn()
                taken += 1

        await asyncio.gather(*(take(shared) for shared in budgets))
    return taken / seconds


def _pool(dsn: str, *, is_recorded: bool) -> AsyncConnectionPool:
    class Recording(psycopg.AsyncConnection):
        async def execute(self, query, *arguments, **options):  # type: ignore[no-untyped-def]
            cursor = await super().execute(query, *arguments, **options)
            await super().execute("SET LOCAL synchronous_commit = on")
            return cursor

    if is_recorded:
        return AsyncConnectionPool(dsn, connection_class=Recording, min_size=1, max_size=2, open=False)
    return AsyncConnectionPool(dsn, configure=committing_each, min_size=1, max_size=2, open=False)


def measure(dsn: str, options: argparse.Namespace) -> Table:
    """Measure each number of workers, both ways in turns."""
    rows = []
    for workers in options.workers:
        found: dict[str, list[float]] = {AS_IT_COMES: [], RECORDED: []}
        for _ in range(options.rounds):
            for way, rates in found.items():
                rates.append(asyncio.run(turns(dsn, workers, options.seconds, is_recorded=way == RECORDED)))
        rows.append((workers, *(spread(rates).median for rates in found.values())))
    note = f"Medians of {options.rounds} rounds of {options.seconds:g} seconds."
    return Table("Turns of the budget", ("workers", AS_IT_COMES, RECORDED), tuple(rows), note)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=counting, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=positive, default=3.0)
    parser.add_argument("--rounds", type=counting, default=5)
    options = parser.parse_args(arguments)
    server = Postgres.start(durable=True)
    try:
        table = measure(server.database("fleet"), options)
    finally:
        server.stop()
    save("fleet_turns", [table], folder=folder)


if __name__ == "__main__":
    main()
