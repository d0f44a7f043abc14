"""A fleet at length: what a job costs as workers go 1, 2, 4, and what is left of it when workers are killed.

    python -m benchmarks.fleet [--organizations 300] [--integrations 4] [--workers 1 2 4] [--brief 500]
        [--chaos 1000] [--kills 12]

Orders and stocks of every integration are synced, against an emulator that is served in this process. Each worker is
a process of its own, and the PostgreSQL is the one of the tests. Each of these is made by one process without a
database (``sync_many``), and by so many workers:

- a run whose syncs take seconds, as they do: what counts is what it costs and how soon it knows;
- a run of ``--brief`` organizations that watches each sync for a fifth of a second, so that nothing is waited for: what
  counts is how much the workers, the database and this emulator get done on one machine.

Then (``--chaos`` organizations, 0 leaves it out) four workers are killed at random instants and replaced, while the
database is restarted in the middle; the exit code is 1 if anything was lost, repeated or untrue. It takes about five
minutes, and ends by itself.

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

from attrs import evolve

from benchmarks.arguments import counting
from benchmarks.results import FOLDER, ROOT, Figure, Table, save

ONLY_BY_NAME = "it starts databases and kills processes, for minutes"
QUICK = (
    "--organizations", "4", "--integrations", "2", "--workers", "1",
    "--brief", "4", "--chaos", "4", "--kills", "1",
)  # fmt: skip

sys.path.insert(0, str(ROOT))
from packcloud_async import PackCloudClient, PollPolicy, RateLimit, SyncKind  # noqa: E402 - after the path of what follows
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes  # noqa: E402
from tests.support.fleet_runs import Found, Plan, delay_of, run_fleet  # noqa: E402 - it is no installed package
from tests.support.postgres import Postgres  # noqa: E402 - it is no installed package

KINDS = (SyncKind.ORDERS, SyncKind.STOCKS)
ONE_PROCESS = "one process, no database"
POLL = PollPolicy(first=1, growth=1.5, ceiling=5, deadline=20)
SYNC_TIMES = SyncTimes(median=5.0, spread=4.0, distribution=Distribution.UNIFORM, finds_nothing=0.15)
BRIEF = PollPolicy(first=0.2, deadline=0.2)
AT_ONCE = SyncTimes(median=0.01)
CALM = FaultPlan(latency=0.02, latency_spread=0.03)
RATE = 200.0
SEED = 7
LIMIT = 1_800.0
MEGABYTE = 1e6


async def by_one_process(plan: Plan) -> Found:
    """Make a run without a fleet."""
    emulator = Emulator(
        organizations=plan.organizations,
        integrations=plan.integrations,
        seed=random.Random(SEED).randrange(1_000),
        faults=plan.faults,
        sync_times=plan.sync_times,
    )
    found = Found()
    async with emulator.serve() as served, PackCloudClient(token=emulator.token, base_url=served.base_url) as client:
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        # A fleet holds none between two looks, and so has all under way at once.
        many = client.sync_many(
            emulator.organization_ids, kinds=plan.kinds, poll=plan.poll, max_organizations=plan.organizations
        )
        async with many as run:
            async for result in run:
                found.jobs += 1
                assert emulator.began_at is not None
                started = loop.time() - result.elapsed - emulator.began_at
                place = (result.organization_id, result.integration_id)
                for kind, outcome in result.kinds.items():
                    if outcome.seen_at is not None:
                        found.delays += delay_of(emulator, place, kind, started + outcome.seen_at)
        found.seconds = time.perf_counter() - began
    found.requests = emulator.counters.total
    return found


def calm_of(options: argparse.Namespace) -> Plan:
    """Return an undisturbed run, by one worker."""
    return Plan(
        workers=1,
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


def brief_of(options: argparse.Namespace) -> Plan:
    """Return a run in which nothing is waited for, by one worker."""
    return evolve(
        calm_of(options),
        organizations=options.brief,
        poll=BRIEF,
        sync_times=AT_ONCE,
        faults=FaultPlan(),
        # It counts how much is done; what is seen so soon is left open.
        window=0.0,
    )


async def by_each(server: Postgres, plan: Plan, workers: Sequence[int]) -> list[tuple[str, Found]]:
    """Make a run by one process, and by so many workers."""
    rows = [(ONE_PROCESS, await by_one_process(plan))]
    for count in workers:
        found = await run_fleet(server.database("fleet"), evolve(plan, workers=count), random.Random(SEED))
        rows.append((f"{count} worker{'s' * (count > 1)}", found))
    return rows


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


def cost_table(rows: Sequence[tuple[str, Found]], plan: Plan) -> Table:
    """Put together what a run costs."""
    columns = ("", "seconds", "requests a job", "engine jobs a job", "delay, s", "95 % of them")
    lines = [
        (
            name,
            found.seconds,
            found.requests / found.jobs,
            found.engine_jobs / found.jobs or None,
            statistics.median(found.delays) if found.delays else None,
            quantile(found.delays, 0.95),
        )
        for name, found in rows
    ]
    return Table(f"{_size(plan)}, undisturbed", columns, tuple(lines))


def database_table(rows: Sequence[tuple[str, Found]], plan: Plan) -> Table:
    """Put together what the database has to do with the same runs."""
    columns = ("for a job", "rows kept", "bytes kept", "commits", "bytes of its log", "a worker's memory, MB")
    lines = [
        (
            name,
            *(count / found.jobs for count in (found.rows, found.bytes, found.commits, found.log_bytes)),
            found.largest_worker / MEGABYTE or None,
        )
        for name, found in rows
        if name != ONE_PROCESS
    ]
    note = "Commits are also those of workers that ask whether there is anything to do."
    return Table(f"The database, {_size(plan)}", columns, tuple(lines), note)


def pace_table(rows: Sequence[tuple[str, Found]], plan: Plan) -> Table:
    """Put together how much is done in a second when nothing is waited for."""
    columns = ("in a second", "jobs", "requests", "engine jobs")
    lines = [
        (
            name,
            *(count / found.seconds for count in (found.jobs, found.requests)),
            found.engine_jobs / found.seconds or None,
        )
        for name, found in rows
    ]
    note = "The workers, their PostgreSQL and the emulator share one machine."
    return Table(f"{_size(plan)}, watched for {BRIEF.deadline:g} s", columns, tuple(lines), note)


def _size(plan: Plan) -> str:
    return f"{plan.organizations} organizations of {plan.integrations}, orders and stocks"


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
        ("allowed: the rate, and its burst", int(RATE) + RateLimit(RATE).burst),
        ("what may arrive at once after the longest stall of the emulator", round(RATE * chaos.longest_stall)),
        ("seconds", chaos.seconds),
        ("a worker's memory, MB", chaos.largest_worker / MEGABYTE or None),
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
    parser.add_argument("--brief", type=counting, default=500, help="organizations of the run without waits")
    parser.add_argument("--chaos", type=int, default=1_000, help="organizations of the run with kills, 0 for none")
    parser.add_argument("--kills", type=counting, default=12)
    options = parser.parse_args()
    calm, brief = calm_of(options), brief_of(options)
    server = Postgres.start()
    try:
        costs = asyncio.run(by_each(server, calm, options.workers))
        paces = asyncio.run(by_each(server, brief, options.workers))
        chaos = None
        if options.chaos:
            database, draw = server.database("fleet"), random.Random(SEED)
            chaos = asyncio.run(run_fleet(database, chaos_of(options), draw, restart=server.restart))
    finally:
        server.stop()
    tables = [cost_table(costs, calm), database_table(costs, calm), pace_table(paces, brief)]
    save(
        "fleet",
        [*tables, *([_chaos_table(chaos, options)] if chaos else [])],
        figures=[
            *(
                Figure(name=f"{name}: requests a job", value=found.requests / found.jobs, better="lower")
                for name, found in costs
            ),
            *(
                Figure(name=f"{name}: jobs a second", value=found.jobs / found.seconds, better="higher")
                for name, found in paces
            ),
        ],
        seed=SEED,
        server="emulator in the process that measures",
        folder=FOLDER,
    )
    rows = [*costs, *paces]
    wrong = [trouble for _, found in rows for trouble in found.wrong] + (chaos.wrong if chaos else [])
    for trouble in wrong:
        print(trouble, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
