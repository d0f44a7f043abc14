"""A run under a budget of 200 requests a second: how near it comes to what it must send, and who waits for whom.

    python -m benchmarks.under_budget [--organizations 1000] [--large 5000]

On virtual time, with answers after 50 ms. The floor is what must be sent (each page once before, the POSTs, each page
once after) at 200 a second; nobody reaches it, because the sync that was sent last takes its time, and is then read.
The loop reads each integration every second, its requests spaced by the same budget, first come, first served. It takes
about half a minute.
"""

import argparse
import asyncio
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from attrs import evolve, frozen

from benchmarks import virtual_time
from benchmarks.arguments import counting
from benchmarks.fairness import Start, together
from benchmarks.lean_server import Key, LeanServer
from benchmarks.pacing import KINDS, LATENCY, PER_PAGE, Scenario, floor, measure_on, naive, note
from benchmarks.results import FOLDER, Cell, Figure, Table, save
from packcloud_async import PackCloudClient, PollPolicy, RateLimit, Request, Response
from packcloud_async.emulator import SyncTimes

QUICK = ("--organizations", "5", "--large", "30")
RATE = 200.0
WAITS = 3_600.0
MAKESPAN_GOAL = 1.15
"""At most so many times the floor."""
REQUESTS_GOAL = 1.1
"""At most so many times the fewest."""
BESIDE_GOAL = 1.1
"""A small organization beside a large one is done after at most so many times as long as alone."""

SEED = 1
SERVER = "lean_server.py, in the same process, never the limit on virtual time"
MEASURED_ON = f"Server: {SERVER}. Seed: {SEED}. The allocator plays no part in requests and virtual seconds."

AS_IT_COMES, LATER = OURS = "`sync_many`, as it comes", "`sync_many(poll=PollPolicy(first=5))`"


class SpacedServer(LeanServer):
    """A server behind a limiter that lets requests through one by one, at the rate of the budget."""

    _free_at: float = 0.0

    async def send(self, request: Request) -> Response:
        """Answer when it is the request's turn."""
        now = virtual_time.now()
        self._free_at = max(now, self._free_at) + 1 / RATE
        await asyncio.sleep(self._free_at - 1 / RATE - now)
        return await super().send(request)


@frozen
class Found:
    """What a way sent and how long it took, in seconds; ``late`` are the delays of the news, sorted."""

    reads: int
    requests: int
    lasted: float
    late: Sequence[float]


def _scenario(organizations: int) -> Scenario:
    return Scenario(
        name="",
        organizations=organizations,
        integrations=10,
        times=SyncTimes(median=2, spread=4 / 3),
        deadline=WAITS,
    )


def loop(scenario: Scenario) -> Found:
    """Read every integration each second."""
    server = SpacedServer(
        integrations_of=lambda _: scenario.integrations, takes=scenario.takes, per_page=PER_PAGE, latency=LATENCY
    )
    sent = measure_on(server, scenario, naive(both_kinds=True))
    return Found(sent.reads, sent.reads + sent.posts, sent.lasted, sent.delays)


def library(scenario: Scenario, poll: PollPolicy) -> Found:
    """Let ``sync_many`` do it."""
    server = scenario.server()

    async def sync() -> dict[Key, float]:
        seen: dict[Key, float] = {}
        async with (
            PackCloudClient(token="t", transport=server, rate_limit=RateLimit(RATE)) as client,
            client.sync_many(scenario.organization_ids, kinds=KINDS, poll=evolve(poll, deadline=WAITS)) as run,
        ):
            async for result in run:
                note(result, seen)
        seen_by = virtual_time.now()
        assert len(seen) == server.moving == scenario.organizations * scenario.integrations * len(KINDS)
        lasted.append(seen_by)
        return seen

    lasted: list[float] = []
    seen = virtual_time.run(sync)
    late = sorted(at - moved for key, at in seen.items() if (moved := server.moved_at(key)) is not None)
    reads = server.counts["lists"] + server.counts["singles"]
    return Found(reads, reads + server.counts["posts"], lasted[0], late)


def makespan(organizations: int) -> tuple[Table, Sequence[Figure]]:
    """Measure how long everything takes, and how many requests."""
    scenario = _scenario(organizations)
    least = floor(scenario)
    must = (least.reads + least.posts) / RATE
    found = (
        ("a GET for each integration and second", loop(scenario)),
        (AS_IT_COMES, library(scenario, PollPolicy())),
        (LATER, library(scenario, PollPolicy(first=5))),
    )
    rows: list[tuple[Cell, ...]] = []
    figures: list[Figure] = []
    for name, one in found:
        if name in OURS:
            figures += _figures(name, one, must=must, least=least.reads + least.posts)
        late = one.late[math.ceil(0.95 * len(one.late)) - 1]
        sending = one.requests / RATE
        rows.append((name, one.reads, one.requests, sending, one.lasted, one.lasted / must, one.lasted - sending, late))
    rows.append(("the floor", least.reads, least.reads + least.posts, must, must, 1.0, 0.0, None))
    columns = (
        "way",
        "reads",
        "requests",
        "these at 200 a second, s",
        "all done after, s",
        "times the floor",
        "beyond its own requests, s",
        "95 % of the delays, s",
    )
    goals = f"The goals are {MAKESPAN_GOAL:g} times the floor, and {REQUESTS_GOAL:g} times the fewest requests."
    title = f"{organizations:,} organizations of 10 at 200 requests a second"
    return Table(title, columns, tuple(rows), f"{goals} {MEASURED_ON}"), figures


def _figures(name: str, found: Found, *, must: float, least: int) -> Iterator[Figure]:
    yield Figure(
        name=f"{name}: all done after, times the floor",
        value=found.lasted / must,
        better="lower",
        goal=MAKESPAN_GOAL,
        floor=1.0,
    )
    yield Figure(
        name=f"{name}: requests", value=found.requests, better="lower", goal=round(REQUESTS_GOAL * least), floor=least
    )


def beside(large: int, small: int) -> tuple[Table, Figure]:
    """Measure a small organization beside a large one."""
    alone = virtual_time.run(partial(together, (Start("small", small),), RateLimit(RATE)))
    rows: list[tuple[Cell, ...]] = [("the small one alone", alone.fired["small"], alone.done["small"], None, None)]
    latest = 0.0
    for name, at in (("both at once", 0.0), ("the small one 12 s later", 12.0)):
        starts = (Start("large", large), Start("small", small, at))
        found = virtual_time.run(partial(together, starts, RateLimit(RATE)))
        latest = max(latest, found.done["small"])
        rows.append((name, found.fired["small"], found.done["small"], found.fired["large"], found.done["large"]))
    columns = ("way", "small: fired after, s", "done after, s", "large: fired after, s", "done after, s")
    title = f"An organization of {small} beside one of {large:,}, 200 requests a second"
    figure = Figure(
        name=f"an organization of {small} beside one of {large:,}: done after, s",
        value=latest,
        better="lower",
        goal=BESIDE_GOAL * alone.done["small"],
        floor=alone.done["small"],
    )
    goal = f"The goal is to be done after at most {BESIDE_GOAL:g} times as long as alone, which is the floor."
    return Table(title, columns, tuple(rows), f"{goal} {MEASURED_ON}"), figure


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=1_000)
    parser.add_argument("--large", type=counting, default=5_000)
    options = parser.parse_args(arguments)
    lasting, figures = makespan(options.organizations)
    sharing, figure = beside(options.large, 2)
    save("under_budget", [lasting, sharing], figures=[*figures, figure], folder=folder, server=SERVER, seed=SEED)


if __name__ == "__main__":
    main()
