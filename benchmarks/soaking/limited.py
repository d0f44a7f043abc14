"""Bulk runs against servers at their limits: few connections, slow answers, every tenth answer a fault."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import define, frozen

from benchmarks import virtual_time
from benchmarks.soaking.one_run import Run
from benchmarks.soaking.truth import Verdict
from packcloud_async import PollPolicy, RetryPolicy, SyncKind, Timeouts
from packcloud_async._io.transport import AiohttpTransport
from packcloud_async.client import DEFAULT_BODY_LIMIT
from packcloud_async.emulator import Emulator, Fault, FaultPlan, SyncTimes

EVERY_FAULT: Final = (*(fault for fault in Fault if fault not in {Fault.STALE, Fault.DELETE}), 429, 500, 502, 503, 504)
"""Those that a client can make up for: a lagging replica and a deletion are true in their own way."""


@frozen
class Crowd:
    """What came of many organizations and few connections."""

    verdict: Verdict
    requests: int
    peak: int
    turned_away: int
    lost_posts: int
    seconds: float


async def crowd(*, organizations: int, accepted: int, opened: int, poll: PollPolicy, times: SyncTimes) -> Crowd:
    """Sync many organizations at once over ``opened`` connections to a server that accepts ``accepted``."""
    emulator = Emulator(organizations=organizations, integrations=1, sync_times=times, keep_log=True)
    run = Run(emulator, poll, emulator.organization_ids)
    began = time.perf_counter()
    async with emulator.serve(max_connections=accepted) as served:
        verdict = await run.play(_sockets(opened), base_url=served.base_url, max_connections=opened)
    counters = emulator.counters
    return Crowd(
        verdict,
        run.log.requests,
        counters.peak_connections,
        counters.turned_away,
        run.lost_posts,
        time.perf_counter() - began,
    )


@frozen
class Slow:
    """What came of a server that takes its time; ``most_reads`` of one integration, ``longest`` seconds of a job."""

    verdict: Verdict
    requests: int
    most_reads: int
    longest: float
    lost_posts: int


def slow_on_virtual_time(*, organizations: int, latency: float = 30.0, seed: int = 1) -> Slow:
    """Sync organizations of one integration each, with the default policies, on a server of this latency."""
    return virtual_time.run(lambda: _slow(organizations, latency), seed=seed)


async def _slow(organizations: int, latency: float) -> Slow:
    emulator = Emulator(
        organizations=organizations,
        integrations=1,
        faults=FaultPlan(latency=latency),
        sync_times=SyncTimes(median=60, spread=60, finds_nothing=0.2),
        keep_log=True,
    )
    run = Run(emulator, PollPolicy(), emulator.organization_ids)
    verdict = await run.play(emulator.transport(), max_connections=organizations)
    return _slow_told(run, verdict)


async def slow_over_sockets(*, latency: float, timeouts: Timeouts, organizations: int, poll: PollPolicy) -> Slow:
    """Sync over real sockets with this latency and these timeouts."""
    emulator = Emulator(
        organizations=organizations,
        integrations=1,
        faults=FaultPlan(latency=latency),
        sync_times=SyncTimes(median=latency, spread=0),
        keep_log=True,
    )
    run = Run(emulator, poll, emulator.organization_ids)
    async with emulator.serve() as served:
        retry = RetryPolicy(first=latency / 10, ceiling=latency)
        verdict = await run.play(_sockets(100, timeouts), base_url=served.base_url, timeouts=timeouts, retry=retry)
    return _slow_told(run, verdict)


def _slow_told(run: Run, verdict: Verdict) -> Slow:
    reads = Counter(
        (organization, integration)
        for (organization, integration, kind), showings in run.emulator.log.showings.items()
        if kind is SyncKind.ORDERS
        for _ in showings
    )
    return Slow(verdict, run.log.requests, max(reads.values(), default=0), max(run.elapsed), run.lost_posts)


@frozen
class Tenth:
    """What came of every tenth answer being a fault, beside the same world without faults."""

    verdict: Verdict
    requests: int
    faults: int
    calm_requests: int
    withheld: int


def tenth_on_virtual_time(*, organizations: int, seed: int = 1) -> Tenth:
    """Sync on virtual time, with the default policies."""
    poll = PollPolicy(deadline=120)
    return virtual_time.run(lambda: _tenth(organizations, poll, _InMemory, retry=RetryPolicy()), seed=seed)


async def tenth_over_sockets(*, organizations: int, poll: PollPolicy, retry: RetryPolicy) -> Tenth:
    """Sync over real sockets."""
    return await _tenth(organizations, poll, _Served, retry=retry)


async def _tenth(organizations: int, poll: PollPolicy, way: Callable[[Emulator], Any], *, retry: RetryPolicy) -> Tenth:
    runs: list[tuple[Run, Verdict]] = []
    for faults in (FaultPlan(), every_tenth(40 * 3 * organizations + 1_000)):
        emulator = Emulator(
            organizations=organizations,
            integrations=3,
            faults=faults,
            sync_times=SyncTimes(median=(poll.deadline or 0.0) / 8, spread=1, finds_nothing=0.2),
            keep_log=True,
        )
        run = Run(emulator, poll, emulator.organization_ids)
        async with way(emulator) as options:
            runs.append((run, await run.play(**options, retry=retry)))
    (calm, _), (rough, verdict) = runs
    faults_met = sum(rough.emulator.counters.faults.values())
    return Tenth(verdict, rough.log.requests, faults_met, calm.log.requests, rough.withheld)


def every_tenth(requests: int) -> FaultPlan:
    """Let every tenth of the next requests meet a fault, one after the other of them all."""
    script: list[Any] = [None] * requests
    for turn, at in enumerate(range(9, requests, 10)):
        script[at] = EVERY_FAULT[turn % len(EVERY_FAULT)]
    return FaultPlan(script=script, retry_after=0, silence=_TIMEOUTS.total or 0.0, slowness=0.2)


_TIMEOUTS: Final = Timeouts(connect=2, read=0.5, total=1)


@define
class _InMemory:
    """Enters and leaves an emulator without sockets."""

    _emulator: Emulator

    async def __aenter__(self) -> Mapping[str, Any]:
        return {"transport": self._emulator.transport(), "timeouts": _TIMEOUTS}

    async def __aexit__(self, *_: object) -> None:
        pass


@define
class _Served:
    """Serves an emulator."""

    _emulator: Emulator
    _serving: Any = None

    async def __aenter__(self) -> Mapping[str, Any]:
        self._serving = self._emulator.serve()
        served = await self._serving.__aenter__()
        return {"transport": _sockets(100, _TIMEOUTS), "timeouts": _TIMEOUTS, "base_url": served.base_url}

    async def __aexit__(self, *_: object) -> None:
        await self._serving.__aexit__(None, None, None)


def _sockets(connections: int, timeouts: Timeouts | None = None) -> AiohttpTransport:
    return AiohttpTransport(timeouts or Timeouts(), connections, DEFAULT_BODY_LIMIT)
