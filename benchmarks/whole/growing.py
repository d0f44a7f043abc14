"""One run of so many organizations, and what it took of this process.

    python -m benchmarks.whole.growing WHERE ORGANIZATIONS AT_ONCE HOW

WHERE is the URL of a server, or ``virtual``; HOW is one of :class:`How`. It writes what it found as JSON.
"""

import asyncio
import cProfile
import gc
import json
import math
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from enum import StrEnum

from attrs import asdict, define, evolve, frozen

from benchmarks import virtual_time
from benchmarks.lean_server import Key, LeanServer
from benchmarks.measuring.cores import CLIENT_CORE, environment, pin
from benchmarks.measuring.resident import resident
from benchmarks.results import ROOT
from benchmarks.whole.client import peak
from benchmarks.whole.loop import TOKEN
from benchmarks.whole.server import Plan, serving
from benchmarks.whole.ways import KINDS
from packcloud_async import PackCloudClient, SyncResult

WARMING = 20
OVER_HTTP, IN_MEMORY = 10, 1
"""Integrations of an organization."""
MEDIAN, SPREAD = 0.5, 1 / 3
"""Seconds of the durations over HTTP: a quarter of those on virtual time, because here they are waited for."""
_PER_PAGE = 25
_VIRTUAL = "virtual"


class How(StrEnum):
    """How a run is measured."""

    TIMED = "timed"
    UNCOLLECTED = "uncollected"
    """Timed, while Python's garbage collection is off."""
    COUNTED = "counted"
    """Not timed: the calls of functions written in Python are counted."""


@frozen
class Found:
    """What a run took: ``cpu`` are seconds, ``collecting`` those of them in which Python's garbage was collected,
    ``grown`` the bytes its process grew by at most, ``calls`` those of Python functions, 0 when they were not counted.

    ``wall`` are the seconds in which the server was asked, ``server_busy`` its share of them, None where it has no
    process of its own.
    """

    jobs: int
    requests: int
    cpu: float
    collecting: float
    grown: int
    calls: int = 0
    wall: float = 0.0
    server_busy: float | None = None

    @property
    def cpu_each(self) -> float:
        """Seconds of processor time for a job."""
        return self.cpu / self.jobs

    @property
    def cpu_without_collecting(self) -> float:
        """The same, without the garbage collections."""
        return (self.cpu - self.collecting) / self.jobs

    @property
    def grown_each(self) -> float:
        """Bytes for a job."""
        return self.grown / self.jobs

    @property
    def calls_each(self) -> float:
        """Calls for a job."""
        return self.calls / self.jobs


def least_requests(integrations: int) -> float:
    """Return the fewest requests for a job there can be: its POSTs, and its share of a listing before and one after."""
    return len(KINDS) + 2 * math.ceil(integrations / _PER_PAGE) / integrations


@define
class _Meter:
    """What the block costs: ``cpu`` and ``collecting`` in seconds of processor time."""

    cpu: float = 0.0
    collecting: float = 0.0
    calls: int = 0
    _began: float = 0.0

    @contextmanager
    def running(self, how: How) -> Generator[None]:
        """Measure while the block runs."""
        gc.collect()
        with self._counting() if how is How.COUNTED else self._timing(is_collected=how is How.TIMED):
            yield

    @contextmanager
    def _timing(self, *, is_collected: bool) -> Generator[None]:
        gc.callbacks.append(self._tell)
        if not is_collected:
            gc.disable()
        cpu = time.process_time()
        try:
            yield
        finally:
            self.cpu = time.process_time() - cpu
            # Before the collection that may come at once.
            gc.callbacks.remove(self._tell)
            gc.enable()

    @contextmanager
    def _counting(self) -> Generator[None]:
        profile = cProfile.Profile(builtins=False)
        with profile:
            yield
        self.calls = sum(entry.callcount for entry in profile.getstats())

    def _tell(self, phase: str, _: object) -> None:
        if phase == "start":
            self._began = time.process_time()
        else:
            self.collecting += time.process_time() - self._began


def _durations() -> Sequence[float]:
    plan = Plan(organizations=1)
    drawn = [plan.takes(("org", str(number), KINDS[0])) for number in range(997)]
    return [seconds for seconds in drawn if seconds is not None]


async def run(
    client: PackCloudClient,
    organizations: Iterable[str],
    at_once: int,
    how: How,
    *,
    done: Callable[[SyncResult], object] = lambda _: None,
) -> Found:
    """Sync them all, and keep no result."""
    meter, jobs, base = _Meter(), 0, resident()
    with meter.running(how):
        async with client.sync_many(organizations, kinds=KINDS, max_organizations=at_once) as syncing:
            async for result in syncing:
                jobs += not result.failed
                done(result)
    grown = max(0, peak() - base)
    return Found(jobs, syncing.report.requests_sent, meter.cpu, meter.collecting, grown, meter.calls)


def _names(organizations: int, of: str = "org") -> Iterable[str]:
    return (f"{of}_{number}" for number in range(1, organizations + 1))


async def over_http(base_url: str, organizations: int, at_once: int, how: How) -> Found:
    """Run over HTTP."""
    began = time.monotonic()
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:
        await run(client, _names(WARMING, "warm"), WARMING, How.TIMED)
        found = await run(client, _names(organizations), at_once, how)
    return evolve(found, wall=time.monotonic() - began)


async def in_memory(organizations: int, at_once: int, how: How) -> Found:
    """Run on virtual time; the server forgets what is over."""
    durations = _durations()

    def takes(key: Key) -> float | None:
        return durations[zlib.crc32(repr(key).encode()) % len(durations)]

    def done(result: SyncResult) -> None:
        server.forget(result.organization_id, str(result.integration_id))

    server = LeanServer(integrations_of=lambda _: IN_MEMORY, takes=takes)
    async with PackCloudClient(token=TOKEN, transport=server) as client:
        await run(client, _names(WARMING, "warm"), WARMING, How.TIMED, done=done)
        return await run(client, _names(organizations), at_once, how, done=done)


def http_run(organizations: int, at_once: int, how: How = How.TIMED) -> Found:
    """Run over HTTP in a fresh process, on a server of its own."""
    plan = Plan(organizations=organizations, integrations=OVER_HTTP, median=MEDIAN, spread=SPREAD)
    with serving(plan) as server:
        before = server.busy()
        found = _in_own_process(server.base_url, organizations, at_once, how)
        return evolve(found, server_busy=(server.busy() - before) / found.wall)


def virtual_run(organizations: int, at_once: int, how: How = How.TIMED) -> Found:
    """Run on virtual time in a fresh process."""
    return _in_own_process(_VIRTUAL, organizations, at_once, how)


def _in_own_process(where: str, organizations: int, at_once: int, how: How) -> Found:
    command = [sys.executable, "-m", "benchmarks.whole.growing", where, str(organizations), str(at_once), how]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    return Found(**json.loads(done.stdout))


def main() -> None:
    """Run on the client's core."""
    pin(CLIENT_CORE)
    where, organizations, at_once, how = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), How(sys.argv[4])
    if where == _VIRTUAL:
        found = virtual_time.run(lambda: in_memory(organizations, at_once, how))
    else:
        found = asyncio.run(over_http(where, organizations, at_once, how))
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
