"""The ways in which so many integrations are watched, or their results kept, and what memory that takes.

    python -m benchmarks.measuring.keeping WAY ORGANIZATIONS INTEGRATIONS [traced]

measures one in this process, and writes it as JSON. `memory.py` says what is measured.
"""

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

from attrs import asdict, field, frozen

from benchmarks import virtual_time
from benchmarks.lean_server import LeanServer
from benchmarks.measuring.cores import environment
from benchmarks.measuring.resident import resident
from benchmarks.results import ROOT
from benchmarks.scale import KINDS
from packcloud_async import AsyncSyncJob, PackCloudClient, PollPolicy, SyncResult

POLL = PollPolicy(first=1_000, ceiling=1_000, deadline=100_000)
FIRST_READ_AFTER, TWO_READS_AFTER = 900.0, 2_500.0
WARMING = "warm"
AT_ONCE = 2
"""Organizations of the runs whose results are kept: so few that what is at work is little beside what is kept."""
BEFORE_RESULTS = 20
"""Organizations synced before, whose results are dropped."""


@frozen(kw_only=True)
class Kept:
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


async def watch(organizations: int, integrations: int, *, traced: bool) -> Kept:
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
            return Kept(watched=watched, read=gauge.grown, most=most, in_all=_mebibytes(), traced=found)


async def jobs(organizations: int, integrations: int, *, traced: bool) -> Kept:
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
    return Kept(watched=watched, most=most, in_all=in_all, traced=found)


async def sleeping(organizations: int, integrations: int, *, traced: bool) -> Kept:
    """Do nothing but sleep, in a task for each."""
    gauge = _begin(organizations * integrations, traced=traced)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(POLL.first)) for _ in range(gauge.integrations)]
        await asyncio.sleep(1)
        watched, found, in_all = gauge.grown, _by_line(gauge.integrations) if traced else {}, _mebibytes()
        for task in tasks:
            task.cancel()
    return Kept(watched=watched, in_all=in_all, traced=found)


async def results(organizations: int, integrations: int, *, traced: bool) -> Kept:
    """Keep the results of a run in which everything was news."""
    return await _keeping(_as_it_is, organizations, integrations, traced=traced)


async def values(organizations: int, integrations: int, *, traced: bool) -> Kept:
    """Keep nothing of them but what they say."""
    return await _keeping(_said_by, organizations, integrations, traced=traced)


def _as_it_is(result: SyncResult) -> object:
    return result


def _said_by(result: SyncResult) -> object:
    return (
        result.organization_id,
        result.integration_id,
        result.elapsed,
        *((one.state, one.before, one.after, one.seen_at, one.steps[0].direction) for one in result.kinds.values()),
    )


async def _keeping(
    what: Callable[[SyncResult], object], organizations: int, integrations: int, *, traced: bool
) -> Kept:
    server = LeanServer(integrations_of=lambda _: integrations, takes=lambda _: 1.0)

    async def finished(name: str, number: int, keep: Callable[[object], None]) -> None:
        targets = (f"{name}_{of}" for of in range(number))
        async with client.sync_many(targets, kinds=KINDS, max_organizations=AT_ONCE) as run:
            async for result in run:
                assert all(outcome.seen_at for outcome in result.kinds.values())
                keep(what(result))
                server.forget(result.organization_id, str(result.integration_id))

    def drop(_: object) -> None:
        """Keep none: what is kept and given up here would be room for those that are measured."""

    kept: list[object] = []
    async with PackCloudClient(token="t", transport=server) as client:
        # What is at work at once is no part of what is kept of it.
        await finished(WARMING, min(organizations, BEFORE_RESULTS), drop)
        gauge = _begin(organizations * integrations, traced=traced)
        await finished("org", organizations, kept.append)
        assert len(kept) == gauge.integrations
        return Kept(watched=gauge.grown, in_all=_mebibytes(), traced=_by_line(gauge.integrations) if traced else {})


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

    def __call__(self, organizations: int, integrations: int, /, *, traced: bool) -> Coroutine[Any, Any, Kept]:
        """Measure it."""
        ...


SYNC_MANY, RESULTS = "sync_many", "the result of each, kept"
VALUES = "what each result says, kept in tuples"
WAYS: Mapping[str, Way] = {
    SYNC_MANY: watch,
    "an AsyncSyncJob awaited in a task for each": jobs,
    "nothing but a task that sleeps for each": sleeping,
    RESULTS: results,
    VALUES: values,
}


def in_own_process(way: str, organizations: int, integrations: int, *, traced: bool = False) -> Kept:
    """Measure in a fresh process."""
    shape = [str(organizations), str(integrations), *(["traced"] if traced else [])]
    command = [sys.executable, "-m", "benchmarks.measuring.keeping", way, *shape]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    return Kept(**json.loads(done.stdout))


def _measured(way: str, *arguments: str) -> str:
    organizations, integrations, *traced = arguments
    measuring = WAYS[way](int(organizations), int(integrations), traced=bool(traced))
    return json.dumps(asdict(virtual_time.run(lambda: measuring)))


if __name__ == "__main__":
    print(_measured(*sys.argv[1:]))
