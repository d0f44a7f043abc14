"""Runs of a fleet whose workers are processes of their own, some of which are killed, held against the books."""

import asyncio
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from attrs import define, field, frozen

from packcloud_async import LedgerError, SyncKind
from packcloud_async._sansio.token import read_token
from packcloud_async.cli.books_check import BooksCheck
from packcloud_async.emulator import Emulator
from packcloud_async.fleet import Fleet

REPOSITORY = Path(__file__).parents[2]


@frozen(kw_only=True)
class Plan:
    """What is run: ``rate`` requests a second by all workers together, None for no limit.

    Each of ``kills`` hits a random worker at a random instant, and another one is started in its place. ``restart`` is
    called once, in the middle: it restarts the database. ``window`` is so many seconds of which a move is to be seen;
    what is killed may be looked at again only after its whole window, so that with kills it is 0.
    """

    workers: int
    organizations: int
    integrations: int
    kinds: tuple[SyncKind, ...]
    poll: object
    sync_times: object
    faults: object = ()
    rate: float | None = None
    kills: int = 0
    silent_for: float = 2.0
    window: float = 0.0
    within: float = 600.0


@define
class Found:
    """What a run came to; texts name what is not as it should be.

    ``rows`` and ``bytes`` are what the database keeps of it, ``log_bytes`` and ``commits`` what it wrote meanwhile.
    ``largest_worker`` is in bytes, of those that lived to the end; 0 where nobody tells.
    """

    jobs: int = 0
    seconds: float = 0.0
    requests: int = 0
    engine_jobs: int = 0
    fullest_second: int = 0
    longest_stall: float = 0.0
    takeovers: list[float] = field(factory=list)
    delays: list[float] = field(factory=list)
    rows: int = 0
    bytes: int = 0
    commits: int = 0
    log_bytes: int = 0
    largest_worker: int = 0
    wrong: list[str] = field(factory=list)
    outcomes: Counter = field(factory=Counter)


async def run_fleet(dsn, plan, draw, *, restart=None):
    """Carry a run out and judge it; ``draw`` is a :class:`random.Random`."""
    emulator = Emulator(
        organizations=plan.organizations,
        integrations=plan.integrations,
        seed=draw.randrange(1_000),
        faults=plan.faults,
        sync_times=plan.sync_times,
    )
    found = Found()
    async with emulator.serve() as served, Fleet(dsn) as fleet, asyncio.timeout(plan.within):
        crew = Crew(dsn, served.base_url, emulator.token, plan)
        meter = asyncio.create_task(measure_stalls(found))
        try:
            await crew.grow(plan.workers)
            before = await crew.written()
            began = time.perf_counter()
            run_id = await fleet.submit(emulator.organization_ids, kinds=plan.kinds, poll=plan.poll)
            if plan.kills or restart is not None:
                await disturb(crew, emulator, plan, draw, found, restart)
            results = await results_of(fleet, run_id)
            found.seconds = time.perf_counter() - began
            after = await crew.written()
            found.engine_jobs, found.commits, found.log_bytes = (
                int(now - then) for then, now in zip(before, after, strict=True)
            )
            found.largest_worker = max(map(largest, crew.processes.values()))
        finally:
            meter.cancel()
            await asyncio.wait([meter])
            await crew.leave()
        found.requests, found.fullest_second = emulator.counters.total, emulator.counters.fullest_second
        judge(found, results, emulator, plan)
        await weigh(found, crew)
        # The emulator counts from its first request.
        zero = datetime.now(UTC).timestamp() - (asyncio.get_running_loop().time() - emulator.began_at)
        await tell_delays(found, crew, emulator, zero)
    return found


async def results_of(fleet, run_id):
    """All results, however often the database goes away meanwhile."""
    while True:
        try:
            return [result async for result in fleet.results(run_id)]
        except LedgerError:
            await asyncio.sleep(0.2)


async def measure_stalls(found):
    """Find out for how long this process was kept from work: what arrives meanwhile is counted all at once."""
    while True:
        asked = time.perf_counter()
        await asyncio.sleep(0.01)
        found.longest_stall = max(found.longest_stall, time.perf_counter() - asked - 0.01)


async def disturb(crew, emulator, plan, draw, found, restart):
    """Kill so many workers while syncs are begun and watched, and restart the database once."""
    wanted = plan.organizations * plan.integrations * len(plan.kinds)
    marks = sorted(draw.uniform(0.05, 0.95) * wanted for _ in range(plan.kills))
    for number, mark in enumerate(marks):
        while len(emulator.books.runs) < mark:  # noqa: ASYNC110 - an emulator tells nobody
            await asyncio.sleep(0.01)
        if restart is not None and number == len(marks) // 2:
            await asyncio.to_thread(restart)
            restart = None
        found.takeovers.append(await crew.kill_one(draw))
    if restart is not None:
        await asyncio.to_thread(restart)


@define
class Crew:
    """Workers in processes of their own; the engine's numbers tell which of them held what."""

    dsn: str
    base_url: str
    token: str
    plan: Plan
    processes: dict[int, asyncio.subprocess.Process] = field(factory=dict)

    async def grow(self, count):
        for _ in range(count):
            known = await self.numbers()
            arguments = [self.dsn, self.base_url, self.token, str(self.plan.silent_for), str(self.plan.rate or 0)]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.support.fleet_worker", *arguments, cwd=REPOSITORY
            )
            while not (new := await self.numbers() - known):
                assert process.returncode is None, "a worker ended before it began"
                await asyncio.sleep(0.02)
            self.processes[new.pop()] = process

    async def kill_one(self, draw):
        """Kill one and replace it; return how many seconds what it held was held by nobody, 0 for nothing."""
        number = draw.choice(list(self.processes))
        process = self.processes.pop(number)
        process.kill()
        await process.wait()
        began = time.perf_counter()
        held = (
            "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND (worker_id = %s OR worker_id IS NULL)"
        )
        holding = await self.one(held, number)
        await self.grow(1)
        while holding and await self.one(held, number):  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.05)
        return time.perf_counter() - began if holding else 0.0

    async def written(self):
        """How many jobs the engine was ever given, how many transactions were committed, and the bytes of the log."""
        (counts,) = await self.query(
            "SELECT (SELECT last_value FROM procrastinate_jobs_id_seq), "
            "(SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()), "
            "pg_current_wal_lsn() - '0/0'::pg_lsn"
        )
        return counts

    async def leave(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            await process.wait()

    async def numbers(self):
        return {number for (number,) in await self.query("SELECT id FROM procrastinate_workers")}

    async def one(self, statement, *values):
        ((value,),) = await self.query(statement, *values)
        return value

    async def query(self, statement, *values):
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.dsn, autocommit=True) as connection:
                    return await (await connection.execute(statement, values)).fetchall()
            except psycopg.OperationalError:
                # It is being restarted.
                await asyncio.sleep(0.1)


def largest(process):
    """The most memory that a process ever had, in bytes; 0 where nobody tells."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def judge(found, results, emulator, plan):
    """Every target has exactly one result, every outcome is true, and nothing was started twice."""
    check = BooksCheck(emulator, expected=0, window=plan.window)
    places = Counter()
    for result in results:
        places[result.organization_id, result.integration_id] += 1
        check.add(result)
        found.outcomes.update(outcome.state for outcome in result.kinds.values())
        if result.error is not None or set(result.kinds) != set(plan.kinds):
            found.wrong.append(
                f"{result.organization_id}/{result.integration_id}: {result.error} {sorted(result.kinds)}"
            )
    found.jobs = len(places)
    found.wrong += check.wrong
    found.wrong += [f"{place}: {count} results" for place, count in places.items() if count != 1]
    if found.jobs != plan.organizations * plan.integrations:
        found.wrong.append(f"{found.jobs} results of {plan.organizations * plan.integrations}")
    if emulator.counters.duplicate_posts:
        found.wrong.append(f"{emulator.counters.duplicate_posts} syncs were started twice")


async def weigh(found, crew):
    """Count what the database keeps of the run."""
    found.rows = await crew.one(
        "SELECT (SELECT count(*) FROM packcloud_target) + (SELECT count(*) FROM packcloud_job) + "
        "(SELECT count(*) FROM procrastinate_jobs) + (SELECT count(*) FROM procrastinate_events)"
    )
    found.bytes = await crew.one(
        "SELECT pg_total_relation_size('packcloud_target') + pg_total_relation_size('packcloud_job')"
    )


async def tell_delays(found, crew, emulator, zero):
    """How long after each first move of a watermark it was seen, in seconds."""
    for organization, integration, token in await crew.query(
        "SELECT target.organization, job.integration_id, job.token FROM packcloud_job AS job "
        "JOIN packcloud_target AS target ON (target.run, target.number) = (job.run, job.target)"
    ):
        record = read_token(token)
        place = (organization.strip('"'), integration.strip('"'))
        for kind, state in record.kinds.items():
            if state.steps:
                seen = record.started.timestamp() + state.steps[0].seen_at - zero
                found.delays += delay_of(emulator, place, kind, seen)


def delay_of(emulator, place, kind, seen):
    """How long after the first move of one kind it was seen, at the emulator's time; nothing if none is known."""
    moves = emulator.books.moves(*place, kind)
    return [seen - moves[0][0]] if moves else []
