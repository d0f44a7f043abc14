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
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import FOLDER, Table, save
from benchmarks.soaking.limited import (
    Crowd,
    Slow,
    Tenth,
    crowd,
    slow_on_virtual_time,
    slow_over_sockets,
    tenth_on_virtual_time,
    tenth_over_sockets,
)
from benchmarks.soaking.truth import Verdict
from packcloud_async import PollPolicy, RetryPolicy, Timeouts
from packcloud_async.emulator import SyncTimes

ONLY_BY_NAME = "it opens ten thousand organizations at once, for minutes"
QUICK = ("--organizations", "20", "--slow", "4", "--tenth", "10", "--read", "0.2", "--deadline", "2")


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
