"""What the ledger costs: the records of a bulk run, with tokens as jobs write them, and nothing else of the run.

    python -m benchmarks.ledger [--jobs 10000] [--folder .]

Each job is recorded as planned (with its organization, ten jobs each), as sent, as answered, and as finished with its
outcomes; it waits until the first two are durable, as a run does before it goes on. 100 jobs at a time. A job has four
kinds, whose POSTs are recorded together, or each for itself, which is the worst case. Files go to --folder, which
should be on a disk, and are removed.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from attrs import frozen

from benchmarks.arguments import counting
from benchmarks.results import FOLDER, Table, save
from packcloud_async import NewJob, OnConflict, PollPolicy, RunRecord, SqliteLedger, SyncKind, TargetRecord, read_ledger
from packcloud_async._sansio.progress import KindState, SyncProgress
from packcloud_async._sansio.token import JobRecord, write_token

QUICK = ("--jobs", "100")
JOBS_OF_A_TARGET = 10
AT_ONCE = 100
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE, AFTER = "2026-01-01T10:00:00.000000Z", "2026-01-01T10:00:07.000000Z"


@frozen
class Figures:
    """One measurement; ``encoding`` are the seconds of ``seconds`` spent writing tokens."""

    seconds: float
    encoding: float
    commits: int
    records: int
    reopening: float


class Tokens:
    """The token of a job after each step of its life, and the seconds it took to write all of them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def of(self, organization_id: str, integration_id: str, *, each_kind: bool) -> Iterator[str]:
        """Yield planned, sent, answered, finished; with ``each_kind`` sent and answered once for every kind."""
        progress = SyncProgress(policy=PollPolicy(), started_at=0.0, kinds=dict.fromkeys(SyncKind, KindState()))
        progress.baseline({SyncKind.ORDERS: BEFORE, SyncKind.PRODUCTS: BEFORE})
        yield self._write(progress, organization_id, integration_id)
        for tell in (progress.sending, progress.accepted):
            for number, kind in enumerate(SyncKind, start=1):
                tell(kind)
                if each_kind or number == len(SyncKind):
                    yield self._write(progress, organization_id, integration_id)
        progress.watch(0.0)
        progress.observed({SyncKind.ORDERS: AFTER, SyncKind.PRODUCTS: AFTER}, asked_at=7.0, now=7.0)
        assert progress.is_done
        yield self._write(progress, organization_id, integration_id)

    def _write(self, progress: SyncProgress, organization_id: str, integration_id: str) -> str:
        began_at = time.perf_counter()
        token = write_token(
            JobRecord(
                organization_id=organization_id,
                integration_id=integration_id,
                poll=progress.policy,
                on_conflict=OnConflict.WATCH,
                started=STARTED,
                watched=None if progress.watched_from is None else STARTED,
                kinds=progress.kinds,
            )
        )
        self.seconds += time.perf_counter() - began_at
        return token


async def measure(path: Path, jobs: int, *, survives_power_cut: bool, each_kind: bool) -> Figures:
    """Record a whole run, then open the ledger once more."""
    tokens, records = Tokens(), 0
    targets = iter(range(1, jobs // JOBS_OF_A_TARGET + 1))

    async def work() -> None:
        nonlocal records
        for number in targets:
            organization_id = f"org_{number}"
            lives = [tokens.of(organization_id, f"int_{i}", each_kind=each_kind) for i in range(JOBS_OF_A_TARGET)]
            (target,) = ledger.add_targets([TargetRecord(organization_id)])
            listed = ledger.add_jobs(target, [NewJob(f"int_{i}", next(life)) for i, life in enumerate(lives)])
            await ledger.flush()
            async with asyncio.TaskGroup() as group:
                for job, life in zip(listed, lives, strict=True):
                    group.create_task(live(job, list_of=life))

    async def live(job: int, *, list_of: Iterator[str]) -> None:
        nonlocal records
        sends = len(SyncKind) if each_kind else 1
        for number, token in enumerate(list_of):
            finished = number == 2 * sends
            ledger.record(job, token, finished=finished)
            records += 1
            if number < sends:
                await ledger.flush()
            else:
                # An answer takes its time; here, only a turn of the loop.
                await asyncio.sleep(0)

    began_at = time.perf_counter()
    async with aclosing(SqliteLedger(path, survives_power_cut=survives_power_cut)) as ledger:
        await ledger.open()
        ledger.begin(RunRecord(tuple(SyncKind), PollPolicy(), OnConflict.WATCH, datetime.now(UTC)))
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE // JOBS_OF_A_TARGET):
                group.create_task(work())
        ledger.finish()
        await ledger.flush()
        commits = ledger.commits
    seconds = time.perf_counter() - began_at
    with read_ledger(path) as contents:
        assert (contents.counts.finished, contents.counts.unfinished) == (jobs, 0)
    began_at = time.perf_counter()
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
    reopening = time.perf_counter() - began_at
    return Figures(seconds, tokens.seconds, commits, records + jobs, reopening)


async def measure_alone(path: Path, flushes: int, *, survives_power_cut: bool) -> float:
    """Return the seconds of a flush when nobody shares its commit."""
    async with aclosing(SqliteLedger(path, survives_power_cut=survives_power_cut)) as ledger:
        await ledger.open()
        ledger.begin(RunRecord(tuple(SyncKind), PollPolicy(), OnConflict.WATCH, datetime.now(UTC)))
        token = next(Tokens().of("org_1", "int_1", each_kind=False))
        jobs = ledger.add_jobs(*ledger.add_targets([TargetRecord("org_1")]), [NewJob("int_1", token)] * flushes)
        await ledger.flush()
        began_at = time.perf_counter()
        for job in jobs:
            ledger.record(job, token, finished=True)
            await ledger.flush()
        return (time.perf_counter() - began_at) / flushes


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every combination and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=counting, default=10_000)
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args(arguments)
    rows: list[tuple[str | int | float, ...]] = []
    for survives in (True, False):
        for each_kind in (False, True):
            with tempfile.TemporaryDirectory(dir=options.folder) as place:
                path = Path(place) / "run.sqlite"
                of = asyncio.run(measure(path, options.jobs, survives_power_cut=survives, each_kind=each_kind))
                megabytes = path.stat().st_size / 1e6
            rows.append(
                (
                    _name(survives),
                    "one by one" if each_kind else "together",
                    of.records,
                    of.seconds,
                    of.encoding,
                    1000 * of.seconds / options.jobs,
                    of.commits,
                    megabytes,
                    of.reopening,
                )
            )
    alone: list[tuple[str | float, ...]] = []
    for survives in (True, False):
        with tempfile.TemporaryDirectory(dir=options.folder) as place:
            path = Path(place) / "run.sqlite"
            seconds = asyncio.run(measure_alone(path, min(1_000, options.jobs), survives_power_cut=survives))
        alone.append((_name(survives), 1000 * seconds))
    save(
        "ledger",
        [
            Table(f"{options.jobs:,} jobs of four kinds, 100 at a time", COLUMNS, tuple(rows)),
            Table("One flush with nobody to share its commit", ("durability", "ms"), tuple(alone)),
        ],
        folder=folder,
        sqlite=sqlite3.sqlite_version,
    )


COLUMNS = (
    "durability",
    "POSTs recorded",
    "records",
    "seconds",
    "of it writing tokens",
    "ms a job",
    "commits",
    "MB",
    "opening it again, s",
)


def _name(survives_power_cut: bool) -> str:
    return "FULL" if survives_power_cut else "NORMAL"


if __name__ == "__main__":
    main()
