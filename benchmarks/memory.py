"""What is kept: bytes for each watched integration of a hundred thousand, for each result, and for each model.

    python -m benchmarks.memory [--integrations 100000]

Orders and products of every integration are synced, all syncs are fired and none is finished. The emulated server
lives in the same process and keeps nothing of an integration (its syncs find nothing, and what it answers is made anew
for each request), so all that grows is the client's. Each row is a process of its own. It first finishes a small run,
so that what a client needs once is not counted; then memory is read (resident pages in /proc/self/statm, after a
garbage collection), and again when all are watched, and after every one of them was read twice. What is kept of it is
told by tracemalloc, in a process of its own for a fifth of the integrations.

Results are those of a run whose syncs all found something, kept by the caller. What a model takes is in `models.py`.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from attrs import asdict, field, frozen

from benchmarks import models, virtual_time
from benchmarks.lean_server import LeanServer
from benchmarks.measuring.resident import resident
from benchmarks.results import FOLDER, ROOT, Cell, Table, save
from benchmarks.scale import KINDS
from packcloud_async import AsyncSyncJob, PackCloudClient, PollPolicy, SyncResult

QUICK = ("--integrations", "4")
POLL = PollPolicy(first=1_000, ceiling=1_000, deadline=100_000)
FIRST_READ_AFTER, TWO_READS_AFTER = 900.0, 2_500.0
WARMING = "warm"
GOAL = 1_024


@frozen(kw_only=True)
class Figures:
    """Bytes for each integration, MiB of the process; ``traced`` is by file and line, empty unless it was asked for."""

    watched: float
    read: float | None = None
    most: float | None = None
    in_all: float = 0.0
    traced: Mapping[str, float] = field(factory=dict[str, float])


@frozen
class Gauge:
    """Reads the memory of this process, and how much it grew for each of so many integrations."""

    integrations: int
    base: int

    @property
    def grown(self) -> float:
        """Bytes of growth for each integration, after a garbage collection."""
        gc.collect()
        return (resident() - self.base) / self.integrations


async def watch(organizations: int, integrations: int, *, traced: bool) -> Figures:
    """Watch so many integrations of so many organizations with ``sync_many``."""
    server = LeanServer(
        integrations_of=lambda id_: 10 if id_.startswith(WARMING) else integrations,
        takes=lambda key: 1.0 if key[0].startswith(WARMING) else None,
    )
    async with PackCloudClient(token="t", transport=server) as client:
        await _warm_up(client)
        gauge = _begin(organizations * integrations, traced=traced)
        targets = (f"org_{number}" for number in range(organizations))
        async with client.sync_many(targets, kinds=KINDS, poll=POLL, max_organizations=organizations):
            most = await _until_fired(server, gauge)
            watched, found = gauge.grown, _by_line(gauge.integrations) if traced else {}
            await asyncio.sleep(TWO_READS_AFTER)
            return Figures(watched=watched, read=gauge.grown, most=most, in_all=_mebibytes(), traced=found)


async def jobs(organizations: int, integrations: int, *, traced: bool) -> Figures:
    """Watch them with an AsyncSyncJob for each, awaited by a task of its own."""
    server = LeanServer(integrations_of=lambda _: integrations, takes=lambda _: None)
    async with PackCloudClient(token="t", transport=server) as client:
        gauge = _begin(organizations * integrations, traced=traced)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    _awaited(client.organization(f"org_{number}").sync_job(f"int_{other}", *KINDS, poll=POLL))
                )
                for number in range(organizations)
                for other in range(1, integrations + 1)
            ]
            most = await _until_fired(server, gauge)
            watched, found, in_all = gauge.grown, _by_line(gauge.integrations) if traced else {}, _mebibytes()
            for task in tasks:
                task.cancel()
    return Figures(watched=watched, most=most, in_all=in_all, traced=found)


async def sleeping(organizations: int, integrations: int, *, traced: bool) -> Figures:
    """Do nothing but sleep, in a task for each."""
    gauge = _begin(organizations * integrations, traced=traced)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(POLL.first)) for _ in range(gauge.integrations)]
        await asyncio.sleep(1)
        watched, found, in_all = gauge.grown, _by_line(gauge.integrations) if traced else {}, _mebibytes()
        for task in tasks:
            task.cancel()
    return Figures(watched=watched, in_all=in_all, traced=found)


async def results(organizations: int, integrations: int, *, traced: bool) -> Figures:
    """Keep the results of a run in which everything was news."""
    server = LeanServer(
        integrations_of=lambda id_: 10 if id_.startswith(WARMING) else integrations, takes=lambda _: 1.0
    )
    async with PackCloudClient(token="t", transport=server) as client:
        await _warm_up(client)
        kept = list[SyncResult]()
        gauge = _begin(organizations * integrations, traced=traced)
        targets = (f"org_{number}" for number in range(organizations))
        async with client.sync_many(targets, kinds=KINDS, max_organizations=100) as run:
            async for result in run:
                kept.append(result)
                server.forget(result.organization_id, str(result.integration_id))
        assert all(outcome.seen_at for result in kept for outcome in result.kinds.values())
        return Figures(watched=gauge.grown, in_all=_mebibytes(), traced=_by_line(gauge.integrations) if traced else {})


async def _awaited(job: AsyncSyncJob) -> None:
    await job


async def _warm_up(client: PackCloudClient) -> None:
    async with client.sync_many([WARMING], kinds=KINDS) as run:
        assert [result.failed async for result in run] == [False] * 10


def _mebibytes() -> float:
    return resident() / 2**20


def _begin(integrations: int, *, traced: bool) -> Gauge:
    gc.collect()
    if traced:
        tracemalloc.start()
    return Gauge(integrations, resident())


async def _until_fired(server: LeanServer, gauge: Gauge) -> float:
    """Wait until every sync is fired; return the most bytes for each integration meanwhile."""
    wanted, most = server.counts["posts"] + gauge.integrations * len(KINDS), 0.0
    while server.counts["posts"] < wanted:
        await asyncio.sleep(1)
        most = max(most, (resident() - gauge.base) / gauge.integrations)
    await asyncio.sleep(1)
    assert virtual_time.now() < FIRST_READ_AFTER
    return most


def _by_line(integrations: int) -> Mapping[str, float]:
    found = tracemalloc.take_snapshot().statistics("lineno")
    bytes_of = {f"{Path(one.traceback[0].filename).name}:{one.traceback[0].lineno}": one.size for one in found}
    return {place: size / integrations for place, size in bytes_of.items()}


class Way(Protocol):
    """How so many integrations of so many organizations are kept."""

    def __call__(self, organizations: int, integrations: int, /, *, traced: bool) -> Coroutine[Any, Any, Figures]:
        """Measure it."""
        ...


WAYS: Mapping[str, Way] = {
    "sync_many": watch,
    "an AsyncSyncJob awaited in a task for each": jobs,
    "nothing but a task that sleeps for each": sleeping,
    "the result of each, kept": results,
}


def in_own_process(way: str, organizations: int, integrations: int, *, traced: bool = False) -> Figures:
    """Measure in a fresh process."""
    shape = [str(organizations), str(integrations), *(["traced"] if traced else [])]
    command = [sys.executable, "-m", "benchmarks.memory", "--one", way, *shape]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return Figures(**json.loads(done.stdout))


def growth(organizations: int, integrations: int, way: str) -> tuple[Cell, ...]:
    """Measure one row of the first table."""
    found = in_own_process(way, organizations, integrations)
    traced = in_own_process(way, max(1, organizations // 5), integrations, traced=True).traced
    rounded = [None if size is None else round(size) for size in (found.watched, found.read, found.most)]
    return way, organizations, integrations, *rounded, round(sum(traced.values())), round(found.in_all)


def contributors(integrations: int) -> Iterator[tuple[str, float]]:
    """Measure the rows of the second table: by file, and by line within it."""
    found = in_own_process("sync_many", max(1, integrations // 100), min(100, integrations), traced=True).traced
    by_file = Counter[str]()
    for place, size in found.items():
        by_file[place.partition(":")[0]] += size
    for name, size in by_file.most_common(8):
        lines = sorted(
            ((n, place.partition(":")[2]) for place, n in found.items() if n >= 1 and place.startswith(f"{name}:")),
            reverse=True,
        )
        told = ", ".join(f"{n:.0f} in line {line}" for n, line in lines[:4])
        yield name, round(size), told
    yield "together", round(sum(by_file.values())), ""


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--integrations", type=int, default=100_000)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(_measured(*options.one))
        return
    shapes = [(max(1, options.integrations // each), each) for each in (500, 100, 10, 2)]
    rows = [growth(*shape, "sync_many") for shape in shapes]
    rows += [growth(*shapes[1], way) for way in list(WAYS)[1:]]
    table = Table("Bytes of the process for each watched integration", COLUMNS, tuple(rows), NOTE)
    traced = Table(
        "Who allocated what is alive when all are watched",
        ("file", "bytes", "of it"),
        tuple(contributors(max(1, options.integrations // 5))),
        TRACED_NOTE,
    )
    save("memory", [table, models.table(options.integrations), traced], folder=folder)


def _measured(way: str, *arguments: str) -> str:
    organizations, integrations, *traced = arguments
    measuring = WAYS[way](int(organizations), int(integrations), traced=bool(traced))
    return json.dumps(asdict(virtual_time.run(lambda: measuring)))


COLUMNS = (
    "way",
    "organizations",
    "integrations each",
    "all watched",
    "after two reads of each",
    "most while firing",
    "kept of it",
    "the whole process, MiB",
)
NOTE = (
    f"The goal is {GOAL:,} bytes, state machine, queue entry and identity included, in organizations of a hundred; "
    f"{GOAL:,} for each result with two kinds, and 250 MiB for the whole process with a hundred thousand. In "
    "smaller organizations their one watch and one run (a task, tables) are shared by fewer. Resident memory is "
    "what the process took, with everything the allocator rounds up or cannot give back; kept is what is in use of it. "
    "Of the jobs that are awaited one by one all are fired at once, and each request that waits for its turn takes "
    "some kilobytes: that is the difference."
)
TRACED_NOTE = (
    "By tracemalloc, a fifth of the integrations; bytes as asked for, which the allocator rounds up to multiples of 16."
)


if __name__ == "__main__":
    main()
