"""How what a job costs grows with the run: processor time and memory of the client, from ten organizations on.

    python -m benchmarks.growth [--http 10 100 1000 10000] [--virtual 10 100 1000 10000 100000]

Orders and products of every integration are synced, ten integrations in an organization over HTTP and two on virtual
time; durations are log-normal, median 2 s. Over HTTP the server (`whole/server.py`) has a process and a core of its
own. On virtual time it is in the client's process and is counted with it, as it is in every row. Each row is a process
of its own, which has finished a small run before, so that what a client needs once is not counted. ``at once`` is
``max_organizations``: the default, or all of them, so that every job is watched at once. Compared is with a thousand
organizations: in a small run more happens in the same instants, which the loop then takes up together.
"""

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from attrs import asdict, define, frozen

from benchmarks import virtual_time
from benchmarks.lean_server import Key, LeanServer
from benchmarks.measuring.cores import CLIENT_CORE, environment, layout, pin
from benchmarks.results import FOLDER, ROOT, Cell, Figure, Table, save
from benchmarks.scale import resident
from benchmarks.whole.client import peak
from benchmarks.whole.loop import TOKEN
from benchmarks.whole.server import Plan, serving
from benchmarks.whole.ways import KINDS
from packcloud_async import PackCloudClient

QUICK = ("--http", "2", "4", "--virtual", "2", "4")
FLAT = 1.2
WARMING = 20
OVER_HTTP, IN_MEMORY = 10, 2
"""Integrations of an organization."""


@frozen
class Found:
    """What a run took: ``cpu`` are seconds, ``collecting`` those of them in which Python's garbage was collected,
    ``grown`` the bytes its process grew by at most.
    """

    jobs: int
    requests: int
    cpu: float
    collecting: float
    grown: int


@define
class _Collector:
    """Adds up the processor time of garbage collections while the block runs."""

    seconds: float = 0.0
    _began: float = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        gc.callbacks.append(self._tell)
        return self

    def __exit__(self, *_: object) -> None:
        gc.callbacks.remove(self._tell)

    def _tell(self, phase: str, _: object) -> None:
        if phase == "start":
            self._began = time.process_time()
        else:
            self.seconds += time.process_time() - self._began


def _durations() -> Sequence[float]:
    plan = Plan(organizations=1)
    drawn = [plan.takes(("org", str(number), KINDS[0])) for number in range(997)]
    return [seconds for seconds in drawn if seconds is not None]


async def run(client: PackCloudClient, organizations: Iterable[str], at_once: int) -> Found:
    """Sync them all, and keep no result."""
    with _Collector() as collector:
        jobs, base, cpu = 0, resident(), time.process_time()
        async with client.sync_many(organizations, kinds=KINDS, max_organizations=at_once) as syncing:
            async for result in syncing:
                jobs += not result.failed
        cpu = time.process_time() - cpu
    return Found(jobs, syncing.report.requests_sent, cpu, collector.seconds, max(0, peak() - base))


def names(organizations: int, of: str = "org") -> Iterable[str]:
    """Yield organizations one after the other."""
    return (f"{of}_{number}" for number in range(1, organizations + 1))


async def over_http(base_url: str, organizations: int, at_once: int) -> Found:
    """Run over HTTP."""
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:
        await run(client, names(WARMING, "warm"), WARMING)
        return await run(client, names(organizations), at_once)


async def in_memory(organizations: int, at_once: int) -> Found:
    """Run on virtual time."""
    durations = _durations()

    def takes(key: Key) -> float | None:
        return durations[zlib.crc32(repr(key).encode()) % len(durations)]

    server = LeanServer(integrations_of=lambda _: IN_MEMORY, takes=takes)
    async with PackCloudClient(token=TOKEN, transport=server) as client:
        await run(client, names(WARMING, "warm"), WARMING)
        return await run(client, names(organizations), at_once)


def in_own_process(*arguments: str) -> Found:
    """Run in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.growth", "--one", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    return Found(**json.loads(done.stdout))


def http_row(organizations: int, at_once: int) -> Found:
    """Run over HTTP in a fresh process, on a server of its own."""
    with serving(Plan(organizations=organizations, integrations=OVER_HTTP)) as server:
        return in_own_process(server.base_url, str(organizations), str(at_once))


def memory_row(organizations: int, at_once: int) -> Found:
    """Run on virtual time in a fresh process."""
    return in_own_process("virtual", str(organizations), str(at_once))


COLUMNS = (
    "organizations",
    "at once",
    "jobs",
    "requests a job",
    "CPU a job, us",
    "of it garbage collection, us",
    "times that of a thousand organizations",
    "the same without garbage collection",
    "the run's memory at most, MiB",
    "bytes a job",
)


def rows(found: Sequence[tuple[int, int, Found]]) -> tuple[tuple[Cell, ...], ...]:
    """Write the runs as rows."""
    reference = _reference(found)
    alone = _without_collecting(reference)
    return tuple(
        (
            organizations,
            at_once,
            one.jobs,
            one.requests / one.jobs,
            1e6 * one.cpu / one.jobs,
            1e6 * one.collecting / one.jobs,
            (one.cpu / one.jobs) / (reference.cpu / reference.jobs),
            _without_collecting(one) / alone,
            round(one.grown / 2**20),
            round(one.grown / one.jobs),
        )
        for organizations, at_once, one in found
    )


def _reference(found: Sequence[tuple[int, int, Found]]) -> Found:
    """Return the run of a thousand organizations, the first one if there is none."""
    return next((one for organizations, _, one in found if organizations == 1_000), found[0][2])


def _without_collecting(one: Found) -> float:
    return (one.cpu - one.collecting) / one.jobs


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", type=int, nargs="+", default=[10, 100, 1_000, 10_000])
    parser.add_argument("--virtual", type=int, nargs="+", default=[10, 100, 1_000, 10_000, 100_000])
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        pin(CLIENT_CORE)
        where, organizations, at_once = options.one[0], int(options.one[1]), int(options.one[2])
        if where == "virtual":
            found = virtual_time.run(lambda: in_memory(organizations, at_once))
        else:
            found = asyncio.run(over_http(where, organizations, at_once))
        print(json.dumps(asdict(found)))
        return
    http = [(size, 200, http_row(size, 200)) for size in options.http]
    virtual = [(size, 200, memory_row(size, 200)) for size in options.virtual]
    together = [(size, size, memory_row(size, size)) for size in options.virtual if size <= 10_000]
    tables = (
        Table("Over HTTP, ten integrations each", COLUMNS, rows(http), layout()),
        Table("On virtual time, two integrations each", COLUMNS, rows(virtual)),
        Table("On virtual time, all organizations at once", COLUMNS, rows(together)),
    )
    figures = [_flatness(name, found) for name, found in (("over HTTP", http), ("on virtual time", virtual))]
    save("growth", tables, figures=figures, folder=folder)


def _flatness(name: str, found: Sequence[tuple[int, int, Found]]) -> Figure:
    reference, largest = _reference(found), found[-1][2]
    return Figure(
        name=f"CPU a job {name}: the largest run against a thousand organizations",
        value=(largest.cpu / largest.jobs) / (reference.cpu / reference.jobs),
        better="lower",
        goal=FLAT,
    )


if __name__ == "__main__":
    main()
