"""How many integrations one core polls in a second, the whole watch engine included, over real HTTP.

    python -m benchmarks.polled [--rounds 5] [--seconds 3]

So many organizations of one page each are synced, and nothing ever changes: every page is asked for over and over, as
fast as the client can, decoded, compared with what was seen before, told to the machine of each of its jobs, and each
of these is put off to its next read. Beside it, for comparison, the same pages read by raw aiohttp as bytes and
thrown away; it is no floor, because this library's own transport costs less. Both stand in every round, in an order
drawn anew, each on a server of its own. The server (`whole/server.py`) keeps its answers ready-made.
"""

import argparse
import asyncio
import gc
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import aiohttp
from attrs import asdict, frozen

from benchmarks.arguments import counting, positive
from benchmarks.measuring.cores import CLIENT_CORE, environment, layout, pin
from benchmarks.measuring.rounds import Spread, noise, spread
from benchmarks.results import FOLDER, ROOT, Cell, Figure, Table, save
from benchmarks.whole.loop import TOKEN
from benchmarks.whole.server import Books, Plan, Serving, serving
from benchmarks.whole.ways import KINDS
from packcloud_async import PackCloudClient, PollPolicy

WATCHED = 2_000
"""How many integrations are watched at once."""
SIZES = (25, 100)
GOAL = 200_000
IN_FLIGHT = 64
QUICK = ("--rounds", "1", "--seconds", "0.3", "--watched", "100")
OFTEN = PollPolicy(first=0.01, growth=1.001, ceiling=0.01, deadline=3_600)


@frozen
class Polled:
    """So many pages were read in ``cpu`` seconds of the client's processor time, ``wall`` seconds long.

    ``alone`` are the integrations that were read by themselves meanwhile: those that became due while their page was
    under way.
    """

    pages: int
    alone: int
    cpu: float
    wall: float
    server_busy: float = 0.0

    @property
    def each(self) -> float:
        """Seconds of processor time for a page."""
        return self.cpu / self.pages


@asynccontextmanager
async def watching(base_url: str, plan: Plan) -> AsyncIterator[None]:
    """Poll with this library while the block runs, beginning when every sync is fired."""
    async with (
        PackCloudClient(token=TOKEN, base_url=base_url, max_connections=IN_FLIGHT) as client,
        client.sync_many(plan.organization_ids, kinds=KINDS, poll=OFTEN, max_organizations=plan.organizations),
    ):
        while (await asyncio.to_thread(_books, base_url)).posts < len(plan.integration_ids) * len(KINDS):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.1)
        yield


@asynccontextmanager
async def reading(base_url: str, plan: Plan) -> AsyncIterator[None]:
    """Read the same pages with aiohttp while the block runs."""
    urls = [f"{base_url}/v1/organizations/{id_}/integrations" for id_ in plan.organization_ids]
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}

    async def over_and_over(number: int) -> None:
        while True:
            number = (number + 1) % len(urls)
            async with session.get(urls[number]) as answer:
                answer.raise_for_status()
                await answer.read()

    async with aiohttp.ClientSession(headers=headers) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(over_and_over(number)) for number in range(IN_FLIGHT)]
        yield
        for task in tasks:
            task.cancel()


WAYS = {"watching": watching, "reading": reading}


async def measured(way: str, base_url: str, plan: Plan, seconds: float) -> Polled:
    """Count what one way reads in so many seconds."""
    async with WAYS[way](base_url, plan):
        await asyncio.sleep(min(1.0, seconds))
        gc.collect()
        before = await asyncio.to_thread(_books, base_url)
        cpu, wall = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        after = await asyncio.to_thread(_books, base_url)
    return Polled(after.lists - before.lists, after.singles - before.singles, cpu, wall)


def _books(base_url: str) -> Books:
    return Serving(base_url, 0).books()


def plan_of(size: int, watched: int) -> Plan:
    """Return organizations of one page of this size each."""
    return Plan(organizations=max(1, watched // size), integrations=size, per_page=size, finds_nothing=1.0)


def in_own_process(way: str, plan: Plan, seconds: float) -> Polled:
    """Measure one way on a server and in a process of its own."""
    with serving(plan) as server:
        command = [sys.executable, "-m", "benchmarks.polled", "--one", way, server.base_url, json.dumps(asdict(plan))]
        busy, began_at = server.busy(), time.monotonic()
        done = subprocess.run(
            [*command, "--seconds", str(seconds)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        busy = (server.busy() - busy) / (time.monotonic() - began_at)
    return Polled(**{**json.loads(done.stdout), "server_busy": busy})


SERVER = f"a protocol with ready-made answers on {'uvloop' if find_spec('uvloop') else 'asyncio'} (`whole/server.py`)"
AIOHTTP, OURS = "aiohttp, bytes", "watched by this library"
COLUMNS = (
    "what",
    "integrations per second of CPU",
    "goal",
    "us of CPU a page",
    "x aiohttp (quartiles)",
    "pages a second",
    "read alone, to a page",
    "client busy",
    "server busy",
)


@frozen
class Pairs:
    """The rounds of one size of page: each is aiohttp's and ours."""

    size: int
    rounds: Sequence[tuple[Polled, Polled]]

    def per_second(self, number: int) -> Spread:
        """Integrations for each second of processor time."""
        return spread((self.size * pair[number].pages + pair[number].alone) / pair[number].cpu for pair in self.rounds)

    def noise(self) -> str | None:
        """Say that the rounds were too noisy, None when they were not."""
        return noise(spread(first.each for first, _ in self.rounds), f"{AIOHTTP} of a page of {self.size}")

    def figure(self) -> Figure:
        """Return what the goal is for; raw aiohttp stands beside it for comparison."""
        found = self.per_second(1)
        return Figure(
            name=f"page of {self.size}: integrations polled per second of CPU",
            value=found.median,
            low=found.low,
            high=found.high,
            better="higher",
            goal=GOAL,
            floor=self.per_second(0).median,
            quiet=self.noise() is None,
        )

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """Yield a row for each of the two."""
        for number, name in enumerate((AIOHTTP, OURS)):
            mine = [pair[number] for pair in self.rounds]
            yield (
                f"page of {self.size}: {name}",
                self.per_second(number).median,
                f">= {GOAL:,}" if name == OURS else None,
                median(1e6 * one.each for one in mine),
                str(spread(one.each / first.each for one, (first, _) in zip(mine, self.rounds, strict=True))),
                median(one.pages / one.wall for one in mine),
                median(one.alone / one.pages for one in mine),
                f"{median(one.cpu / one.wall for one in mine):.0%}",
                f"{median(one.server_busy for one in mine):.0%}",
            )


def measured_pairs(
    size: int,
    rounds: int,
    seconds: float,
    watched: int,
    *,
    seed: int = 1,
    measure: Callable[[str, Plan, float], Polled] = in_own_process,
) -> Pairs:
    """Measure both in each round, in an order drawn anew."""
    plan, draws = plan_of(size, watched), random.Random(seed)
    found: list[tuple[Polled, Polled]] = []
    for _ in range(rounds):
        took = {way: measure(way, plan, seconds) for way in draws.sample(list(WAYS), len(WAYS))}
        found.append((took["reading"], took["watching"]))
    return Pairs(size, found)


def table(found: Sequence[Pairs], seconds: float, watched: int) -> Table:
    """Write what was found of every size."""
    told = [
        f"{watched:,} integrations watched at once, orders and products of each. Medians of {len(found[0].rounds)} "
        f"interleaved rounds of {seconds:g} s. Server: {SERVER}, {layout()}.",
        *filter(None, (pairs.noise() for pairs in found)),
    ]
    rows = [row for pairs in found for row in pairs.rows()]
    return Table("Polling, while nothing changes", COLUMNS, tuple(rows), " ".join(told))


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure both ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=counting, default=5)
    parser.add_argument("--seconds", type=positive, default=3.0)
    parser.add_argument("--watched", type=counting, default=WATCHED)
    parser.add_argument("--seed", type=int, default=1, help="of the order within each round")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        pin(CLIENT_CORE)
        way, base_url, plan = options.one
        polled = asyncio.run(measured(way, base_url, Plan(**json.loads(plan)), options.seconds))
        print(json.dumps(asdict(polled)))
        return
    pairs = [
        measured_pairs(size, options.rounds, options.seconds, options.watched, seed=options.seed) for size in SIZES
    ]
    save(
        "polled",
        [table(pairs, options.seconds, options.watched)],
        figures=[one.figure() for one in pairs],
        rounds=options.rounds,
        seed=options.seed,
        server=SERVER,
        too_noisy=[f"page of {one.size}" for one in pairs if one.noise() is not None],
        folder=folder,
    )


if __name__ == "__main__":
    main()
