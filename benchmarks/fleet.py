"""A fleet at length: what a job costs as workers go 1, 2, 4, and what is left of it when workers are killed.

    python -m benchmarks.fleet [--organizations 300] [--integrations 4] [--workers 1 2 4] [--chaos 1000] [--kills 12]

Orders and stocks of every integration are synced, against an emulator that is served in this process. Each worker is
a process of its own, and the PostgreSQL is the one of the tests. First the same run by one process without a database
(``sync_many``), and by so many workers, undisturbed. Then (``--chaos`` organizations, 0 leaves it out) by four workers
that are killed at random instants and replaced, while the database is restarted in the middle; the exit code is 1 if
anything was lost, repeated or untrue. It takes about five minutes, and ends by itself.

A delay is from a move of a watermark at the emulator to the read that showed it. A job is one integration; an engine
job is one entry of the engine's queue: a trigger or a look of an organization.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.arguments import counting
from benchmarks.results import FOLDER, ROOT, Figure, Table, save

ONLY_BY_NAME = "it starts databases and kills processes, for minutes"
QUICK = ("--organizations", "4", "--integrations", "2", "--workers", "1", "--chaos", "4", "--kills", "1")

sys.path.insert(0, str(ROOT))
from packcloud_async import PackCloudClient, PollPolicy, SyncKind  # noqa: E402 - after the path of what follows
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes  # noqa: E402
from tests.support.fleet_runs import Found, Plan, delay_of, run_fleet  # noqa: E402 - it is no installed package
from tests.support.postgres import Postgres  # noqa: E402 - it is no installed package

KINDS = (SyncKind.ORDERS, SyncKind.STOCKS)
POLL = PollPolicy(first=1, growth=1.5, ceiling=5, deadline=20)
SYNC_TIMES = SyncTimes(median=5.0, spread=4.0, distribution=Distribution.UNIFORM, finds_nothing=0.15)
CALM = FaultPlan(latency=0.02, latency_spread=0.03)
RATE = 200.0
SEED = 7
LIMIT = 1_800.0


async def by_one_process(options: argparse.Namespace) -> Found:
    """Make the same run without a fleet."""
    emulator = Emulator(
        organizations=options.organizations,
        integrations=options.integrations,
        seed=random.Random(SEED).randrange(1_000),
        faults=CALM,
        sync_times=SYNC_TIMES,
    )
    found = Found()
    async with emulator.serve() as served, PackCloudClient(token=emulator.token, base_url=served.base_url) as client:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        async with client.sync_many(emulator.organization_ids, kinds=KINDS, poll=POLL) as run:
            async for result in run:
                found.jobs += 1
                assert emulator.began_at is not None
                started = loop.time() - result.elapsed - emulator.began_at
                place = (result.organization_id, result.integration_id)
                for kind, outcome in result.kinds.items():
                    if outcome.seen_at is not None:
                        found.delays += delay_of(emulator, place, kind, started + outcome.seen_at)
        found.seconds = time.perf_counter() - began
    found.requests = sum(emulator.counters.calls.values())
    return found


def plan_of(options: argparse.Namespace, workers: int) -> Plan:
    """Return an undisturbed run by so many workers."""
    return Plan(
        workers=workers,
        organizations=options.organizations,
        integrations=options.integrations,
        kinds=KINDS,
        poll=POLL,
        sync_times=SYNC_TIMES,
        faults=CALM,
        silent_for=10.0,
        window=SYNC_TIMES.median + SYNC_TIMES.spread,
        within=LIMIT,
    )


def chaos_of(options: argparse.Namespace) -> Plan:
    """Return the run in which workers are killed."""
    return Plan(
        workers=4,
        organizations=options.chaos,
        integrations=options.integrations,
        kinds=KINDS,
        poll=POLL,
        sync_times=SYNC_TIMES,
        faults=CALM,
        rate=RATE,
        kills=options.kills,
        silent_for=5.0,
        within=LIMIT,
    )


def tables(rows: Sequence[tuple[str, Found]], chaos: Found | None, options: argparse.Namespace) -> list[Table]:
    """Put together what was found."""
    columns = (
        "",
        "seconds",
        "requests a job",
        "engine jobs",
        "of them a second",
        "delay, s",
        "95 % of them",
        "bytes a job",
    )
    lines = [
        (
            name,
            found.seconds,
            found.requests / found.jobs,
            found.engine_jobs or None,
            found.engine_jobs / found.seconds if found.engine_jobs else None,
            statistics.median(found.delays) if found.delays else None,
            quantile(found.delays, 0.95),
            found.bytes / found.jobs if found.bytes else None,
        )
        for name, found in rows
    ]
    size = f"{options.organizations} organizations of {options.integrations}"
    told = [Table(f"One run of {size}, orders and stocks, undisturbed", columns, tuple(lines))]
    if chaos is not None:
        told.append(_chaos_table(chaos, options))
    return told


def _chaos_table(chaos: Found, options: argparse.Namespace) -> Table:
    held = [seconds for seconds in chaos.takeovers if seconds]
    rows: list[tuple[Any, ...]] = [
        ("jobs, each with exactly one result", chaos.jobs),
        ("lost, repeated or untrue", len(chaos.wrong)),
        ("workers killed and replaced", len(chaos.takeovers)),
        ("of them held something", len(held)),
        ("seconds from the kill until others had it, median", statistics.median(held) if held else None),
        ("the longest", max(held, default=None)),
        ("requests in the fullest second", chaos.fullest_second),
        ("allowed", int(RATE)),
        ("seconds", chaos.seconds),
        *((f"kinds that ended {outcome}", count) for outcome, count in sorted(chaos.outcomes.items())),
    ]
    title = f"{options.chaos} organizations of {options.integrations}, four workers that are killed, one restart"
    return Table(title, ("", "found"), tuple(rows))


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which that share of them is; None if there are too few."""
    return statistics.quantiles(values, n=100)[round(share * 100) - 1] if len(values) > 1 else None


def main() -> int:
    """Measure, and say whether everything was there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=300)
    parser.add_argument("--integrations", type=counting, default=4)
    parser.add_argument("--workers", type=counting, nargs="+", default=[1, 2, 4])
    parser.add_argument("--chaos", type=int, default=1_000, help="organizations of the run with kills, 0 for none")
    parser.add_argument("--kills", type=counting, default=12)
    options = parser.parse_args()
    server = Postgres.start()
    try:
        rows = [("one process, no database", asyncio.run(by_one_process(options)))]
        for workers in options.workers:
            plan, name = plan_of(options, workers), f"{workers} worker{'s' * (workers > 1)}"
            rows.append((name, asyncio.run(run_fleet(server.database("fleet"), plan, random.Random(SEED)))))
        chaos = None
        if options.chaos:
            database, draw = server.database("fleet"), random.Random(SEED)
            chaos = asyncio.run(run_fleet(database, chaos_of(options), draw, restart=server.restart))
    finally:
        server.stop()
    save(
        "fleet",
        tables(rows, chaos, options),
        figures=[
            Figure(name=f"{name}: requests a job", value=found.requests / found.jobs, better="lower")
            for name, found in rows
        ],
        seed=SEED,
        server="emulator in the process that measures",
        folder=FOLDER,
    )
    wrong = [trouble for _, found in rows for trouble in found.wrong] + (chaos.wrong if chaos else [])
    for trouble in wrong:
        print(trouble, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
