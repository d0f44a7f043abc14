"""Three servers at their limits: few connections, half a minute for each answer, every tenth answer a fault.

    python -m benchmarks.limits [--organizations 10000] [--slow 200] [--tenth 500]

1. Ten thousand organizations at once over real sockets, against a server that accepts 100 connections and ends any
   further one at once; then the same with a client that was told it may open twice as many.
2. A server that answers each request after 30 seconds, on virtual time; and over sockets, thirty times faster, one
   that answers within, exactly at and after the client's read timeout.
3. A server whose every tenth answer is a fault, each of all faults in turn.

Every outcome is held against the server's books as in the soak; the exit code is 1 if one is wrong.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from benchmarks import virtual_time
from benchmarks.results import FOLDER, Table, save
from benchmarks.soaking.cases import Evidence
from benchmarks.soaking.told import Job, Told, by_key
from benchmarks.soaking.truth import Truth, Verdict
from benchmarks.soaking.wire import LOST, Tap, WireLog
from packcloud_async import PackCloudClient, PollPolicy, RetryPolicy, SyncKind, SyncResult, Timeouts, Transport
from packcloud_async._io.transport import AiohttpTransport
from packcloud_async.client import DEFAULT_BODY_LIMIT
from packcloud_async.emulator import Emulator, Fault, FaultPlan, SyncTimes

KINDS: Final = (SyncKind.ORDERS, SyncKind.PRODUCTS)
EVERY_FAULT: Final = (*(fault for fault in Fault if fault not in {Fault.STALE, Fault.DELETE}), 429, 500, 502, 503, 504)
"""Those that a client can make up for: a lagging replica and a deletion are true in their own way."""


@define
class Run:
    """One bulk run against an emulator, and what is to be said of it."""

    emulator: Emulator
    poll: PollPolicy
    organizations: Sequence[str]
    log: WireLog = field(factory=WireLog)
    jobs: list[Job] = field(factory=list)
    elapsed: list[float] = field(factory=list)
    withheld: int = 0

    async def play(self, transport: Transport, *, base_url: str | None = None, **options: Any) -> Verdict:
        """Sync everything at once, and judge it."""
        began = asyncio.get_running_loop().time()
        given = {} if base_url is None else {"base_url": base_url}
        most: int = options.setdefault("max_connections", 100)
        client = PackCloudClient(token=self.emulator.token, transport=Tap(transport, self.log), **given, **options)
        async with (
            client,
            client.sync_many(
                self.organizations,
                kinds=KINDS,
                poll=self.poll,
                max_organizations=len(self.organizations),
                max_in_flight=most,
            ) as run,
        ):
            async for result in run:
                self._note(result, began)
        self.withheld = client.budget.retries_withheld
        return self._judged()

    def _note(self, result: SyncResult, began: float) -> None:
        self.elapsed.append(result.elapsed)
        outcomes = {
            kind: Told(
                state=told.state.value,
                before=told.before,
                after=told.after,
                error=None if told.error is None else type(told.error).__name__,
            )
            for kind, told in result.kinds.items()
        }
        self.jobs.append(
            Job(
                scenario="bulk",
                organization=result.organization_id,
                integration=result.integration_id,
                kinds=KINDS,
                began=began,
                ended=asyncio.get_running_loop().time(),
                outcomes=outcomes,
                error=None if result.error is None else type(result.error).__name__,
            )
        )

    def _judged(self) -> Verdict:
        world = self.emulator.world
        evidence = Evidence(
            books=self.emulator.books,
            log=self.emulator.log,
            sent=by_key(self.log.sent),
            received={number: (sent_at, done_at) for number, (sent_at, done_at) in self.log.received.items()},
            zero=self.emulator.began_at or 0.0,
            deadline=self.poll.deadline or 0.0,
        )
        truth = Truth(evidence, [f"int_{number}" for number in range(1, world.integrations + 1)])
        return truth.judge(self.jobs)

    @property
    def lost_posts(self) -> int:
        """How many sync POSTs had no answer."""
        return sum(became == LOST for _, _, _, became, _ in self.log.sent)


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


def _shares(verdict: Verdict) -> str:
    told = [f"{count:,} {state}" for state, count in verdict.outcomes.most_common()]
    return ", ".join([*told, *([f"{verdict.not_started:,} not started"] if verdict.not_started else [])])


def _crowd_table(found: Sequence[tuple[str, int, Crowd]]) -> Table:
    return Table(
        "Ten thousand organizations at once, few connections",
        ("client", "organizations", "requests", "most connections", "turned away", "POSTs without an answer", "wrong"),
        tuple(
            (name, organizations, c.requests, c.peak, c.turned_away, c.lost_posts, len(c.verdict.troubles))
            for name, organizations, c in found
        ),
        "; ".join(f"{name}: {_shares(c.verdict)}, {c.seconds:.0f} s" for name, _, c in found) + ".",
    )


def _slow_table(found: Sequence[tuple[str, Slow]]) -> Table:
    return Table(
        "A server that takes its time",
        (
            "server",
            "requests",
            "most reads of one",
            "longest job, s",
            "not started",
            "POSTs without an answer",
            "wrong",
        ),
        tuple(
            (
                name,
                s.requests,
                s.most_reads,
                round(s.longest, 1),
                s.verdict.not_started,
                s.lost_posts,
                len(s.verdict.troubles),
            )
            for name, s in found
        ),
        "; ".join(f"{name}: {_shares(s.verdict)}" for name, s in found) + ".",
    )


def _tenth_table(found: Sequence[tuple[str, Tenth]]) -> Table:
    return Table(
        "Every tenth answer a fault",
        ("how", "requests", "faults", "requests without faults", "ratio", "retries withheld", "wrong"),
        tuple(
            (
                name,
                t.requests,
                t.faults,
                t.calm_requests,
                round(t.requests / t.calm_requests, 2),
                t.withheld,
                len(t.verdict.troubles),
            )
            for name, t in found
        ),
        "; ".join(f"{name}: {_shares(t.verdict)}" for name, t in found) + ".",
    )


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Run all of them, print and save the tables, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=int, default=10_000)
    parser.add_argument("--accepted", type=int, default=100, help="connections the server accepts")
    parser.add_argument("--slow", type=int, default=200, help="organizations on the slow server")
    parser.add_argument("--tenth", type=int, default=500, help="organizations where every tenth answer is a fault")
    parser.add_argument(
        "--read", type=float, default=1.0, help="read timeout of the client of the slow server, seconds"
    )
    parser.add_argument("--deadline", type=float, default=60.0, help="seconds each sync of the crowd is watched")
    options = parser.parse_args(arguments)
    random.seed(1)
    crowds = asyncio.run(_crowds(options))
    slow = [("30 s, default policies, virtual time", slow_on_virtual_time(organizations=options.slow))]
    for ratio in (0.7, 1.0, 1.3):
        found = asyncio.run(_scaled(ratio * options.read, options.read, min(options.slow, 50)))
        slow.append((f"{ratio:.1f} of the read timeout, sockets", found))
    tenth = [("virtual time, default policies", tenth_on_virtual_time(organizations=options.tenth))]
    poll, retry = PollPolicy(first=0.2, ceiling=0.8, deadline=3), RetryPolicy(first=0.05, ceiling=0.2)
    over = asyncio.run(tenth_over_sockets(organizations=options.tenth // 5 or 1, poll=poll, retry=retry))
    tenth.append(("sockets, quick policies", over))
    save("limits", [_crowd_table(crowds), _slow_table(slow), _tenth_table(tenth)], folder=folder)
    verdicts = [found[-1].verdict for found in (*crowds, *slow, *tenth)]
    troubles = [trouble for verdict in verdicts for trouble in verdict.troubles]
    for trouble in troubles[:50]:
        print(trouble, file=sys.stderr)
    return 1 if troubles else 0


async def _crowds(options: argparse.Namespace) -> list[tuple[str, int, Crowd]]:
    found: list[tuple[str, int, Crowd]] = []
    for name, opened, organizations in (
        (f"max_connections={options.accepted}", options.accepted, options.organizations),
        (f"max_connections={2 * options.accepted}", 2 * options.accepted, options.organizations // 5 or 1),
    ):
        told = await crowd(
            organizations=organizations,
            accepted=options.accepted,
            opened=opened,
            poll=PollPolicy(deadline=options.deadline),
            times=SyncTimes(median=options.deadline / 10, spread=options.deadline / 20, finds_nothing=0.1),
        )
        found.append((name, organizations, told))
    return found


async def _scaled(latency: float, read: float, organizations: int) -> Slow:
    return await slow_over_sockets(
        latency=latency,
        timeouts=Timeouts(connect=2, read=read, total=2 * read),
        organizations=organizations,
        poll=PollPolicy(first=0.1, deadline=5 * read),
    )


if __name__ == "__main__":
    sys.exit(main())
