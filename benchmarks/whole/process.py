"""The process in which one way is measured: ``python -m benchmarks.whole.process WAY BASE_URL PLAN NUMBERS``."""

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import quantiles

from attrs import asdict, frozen

from benchmarks.measuring.cores import CLIENT_CORE, environment, pin
from benchmarks.results import ROOT
from benchmarks.whole.server import Books, Plan, Serving, serving
from benchmarks.whole.ways import KINDS, WAYS, Known
from packcloud_async import SyncKind


@frozen(kw_only=True)
class Cost:
    """What the client's process took: ``cpu`` (user and system) and ``wall`` are seconds, ``peak`` bytes."""

    cpu: float
    wall: float
    peak: int


@frozen(kw_only=True)
class Run:
    """One way, measured; ``delays`` are seconds, sorted, and ``wrong`` counts outcomes the books do not bear out."""

    cost: Cost
    books: Books
    delays: list[float]
    wrong: int
    server_busy: float

    @property
    def requests(self) -> int:
        """All of them."""
        return self.books.reads + self.books.posts

    def delay(self, share: int) -> float:
        """Return the delay that so many in a hundred do not exceed."""
        return quantiles(self.delays, n=100, method="inclusive")[share - 1]


def measured(way: str, plan: Plan, numbers: Mapping[str, float]) -> Run:
    """Run one way in a process of its own, on a server of its own that has served nobody before."""
    with serving(plan) as server:
        before, began_at = server.busy(), time.monotonic()
        cost, known = _in_own_process(way, server, plan, numbers)
        busy = (server.busy() - before) / (time.monotonic() - began_at)
        return held_against(server.books(), known, plan, cost=cost, server_busy=busy)


def held_against(books: Books, known: Known, plan: Plan, *, cost: Cost, server_busy: float) -> Run:
    """Hold what a client says against what the server did."""
    wanted = [(*place, kind) for place in plan.integration_ids for kind in KINDS]
    wrong = sum(known.outcomes.get(key) is not (key in books.moves) for key in wanted)
    wrong += len(known.outcomes.keys() - set(wanted))
    delays = sorted(at - books.moves[key] for key, at in known.news.items())
    # Whoever knows it before it happened guessed.
    wrong += sum(delay < 0 for delay in delays)
    return Run(cost=cost, books=books, delays=delays, wrong=wrong, server_busy=server_busy)


def _in_own_process(way: str, server: Serving, plan: Plan, numbers: Mapping[str, float]) -> tuple[Cost, Known]:
    command = [sys.executable, "-m", "benchmarks.whole.process", way, server.base_url]
    command += [json.dumps(asdict(plan)), json.dumps(dict(numbers))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    told = json.loads(done.stdout)
    news = {(organization, one, SyncKind(kind)): at for organization, one, kind, at in told["news"]}
    outcomes = {(organization, one, SyncKind(kind)): moved for organization, one, kind, moved in told["outcomes"]}
    return Cost(**told["cost"]), Known(news, outcomes)


async def run(way: str, base_url: str, plan: Plan, numbers: Mapping[str, float]) -> tuple[Cost, Known]:
    """Run one way in this process."""
    gc.collect()
    cpu, wall = time.process_time(), time.monotonic()
    known = await WAYS[way](base_url, plan, numbers)
    return Cost(cpu=time.process_time() - cpu, wall=time.monotonic() - wall, peak=peak()), known


def peak() -> int:
    """Return the most bytes of memory this process held at once."""
    # Not ru_maxrss, which a child inherits from whoever started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def main() -> None:
    """Run on the client's core, and print what came of it as JSON."""
    pin(CLIENT_CORE)
    way, base_url, plan, numbers = sys.argv[1:]
    cost, known = asyncio.run(run(way, base_url, Plan(**json.loads(plan)), json.loads(numbers)))
    news = [(*key, at) for key, at in known.news.items()]
    outcomes = [(*key, moved) for key, moved in known.outcomes.items()]
    print(json.dumps({"cost": asdict(cost), "news": news, "outcomes": outcomes}))


if __name__ == "__main__":
    main()
