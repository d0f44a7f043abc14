"""A whole run over real HTTP: the loop everyone writes against this library, requests, cost, memory and news.

    python -m benchmarks.whole_run [--organizations 1000] [--rounds 3]

Orders and products of ten integrations in each organization are synced, all beginning at once; durations are
log-normal, median 2 s, one in six above 3.3 s, drawn by seed and so the same for everybody. The server
(`whole/server.py`) has a process and a core of its own and is a new one for each run, the client as well. What a client
says is held against the server's books, and the delay of a news is from the instant the watermark moved, by the
server, to the instant the client knew, on one clock.

(a) A task for each integration and an ``asyncio.Semaphore``: GET the baseline, two POSTs, then a GET each second until
    both kinds have moved; on aiohttp as one writes it.
(b) The same loop on the client that openapi-generator makes of the API's description, where it can be made.
(c) ``client.sync_many``.

Rounds are interleaved; a figure is the median of the rounds, and what is compared with (a) is the median of the ratios
within each round.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Literal

from attrs import frozen

from benchmarks.measuring.cores import layout
from benchmarks.measuring.rounds import Spread, spread
from benchmarks.peers.making import OPENAPI_GENERATOR, NotMade, made
from benchmarks.results import FOLDER, Cell, Figure, Table, save
from benchmarks.whole.loop import AT_ONCE, DEADLINE
from benchmarks.whole.measure import Run, Way, measured
from benchmarks.whole.server import Plan
from benchmarks.whole.ways import KINDS

QUICK = ("--organizations", "5", "--rounds", "1", "--median", "0.2")


@frozen(eq=False)
class Contestant:
    """A way of syncing by its name in the table."""

    name: str
    way: Way


@frozen(eq=False)
class Missing:
    """Who could not be measured, and why."""

    name: str
    reason: str


LOOP = Contestant(
    "(a) a task for each integration, a GET each second, on aiohttp", Way("benchmarks.whole.loop:on_aiohttp")
)
GENERATED = "(b) the same loop on the client of openapi-generator"
OURS = "(c) `sync_many(poll=PollPolicy(first=1.2, growth=1.35, jitter=0))`"
_SYNC_MANY = "benchmarks.whole.ways:sync_many"
_FOR_THE_DELAY = {"poll_first": 1.2, "poll_growth": 1.35, "poll_jitter": 0.0}
_FOR_THE_READS = {"poll_first": 1.8, "poll_growth": 1.6, "poll_jitter": 0.0}
LIBRARY = (
    Contestant("(c) `sync_many`, as it comes", Way(_SYNC_MANY)),
    Contestant(OURS, Way(_SYNC_MANY, _FOR_THE_DELAY)),
    Contestant("(c) `PollPolicy(first=1.8, growth=1.6, jitter=0)`", Way(_SYNC_MANY, _FOR_THE_READS)),
    Contestant("(c) as it comes, with `max_organizations=1000`", Way(_SYNC_MANY, {"organizations": 1000})),
)


def contestants() -> Sequence[Contestant | Missing]:
    """Return who is measured; (a) is the first, with which the others are compared."""
    found = made(OPENAPI_GENERATOR)
    if isinstance(found, NotMade):
        return (LOOP, Missing(GENERATED, found.reason), *LIBRARY)
    way = Way("benchmarks.whole.loop:on_generated_client", {}, str(found.python), str(found.folder))
    return (LOOP, Contestant(GENERATED, way), *LIBRARY)


COLUMNS = (
    "way",
    "reads",
    "POSTs",
    "times fewer reads than (a)",
    "client: CPU, s",
    "CPU against (a)",
    "us of CPU a sync",
    "wall, s",
    "peak, MiB",
    "delay: median, s",
    "95 %",
    "99 %",
    "95 % against (a)",
    "outcomes wrong",
    "server busy",
)


def floor(plan: Plan) -> Sequence[Cell]:
    """Return the row of the fewest requests there can be: the POSTs, and each page once before and once after."""
    pages = sum(math.ceil(plan.integrations_of(id_) / plan.per_page) for id_ in plan.organization_ids)
    posts = len(plan.integration_ids) * len(KINDS)
    return ("the floor: POSTs, one listing before and one after", 2 * pages, posts, *[None] * 12)


def table(plan: Plan, title: str, everybody: Sequence[Contestant | Missing], rounds: int) -> tuple[Table, list[Figure]]:
    """Measure everybody once a round."""
    present = [one for one in everybody if isinstance(one, Contestant)]
    found: dict[Contestant, list[Run]] = {one: [] for one in present}
    for _ in range(rounds):
        for one in present:
            found[one].append(measured(one.way, plan))
            print(_row(one.name, [found[one][-1]], [found[present[0]][-1]]), flush=True)
    first = found[present[0]]
    rows: list[tuple[Cell, ...]] = []
    for one in everybody:
        if isinstance(one, Missing):
            rows.append((f"{one.name}: {one.reason}", *[None] * (len(COLUMNS) - 1)))
        else:
            rows.append(tuple(_row(one.name, found[one], first)))
    fewest, posts = floor(plan)[1:3]
    least = _share_of_floor(first, int(str(fewest)) + int(str(posts)))
    note = (
        f"Medians of {rounds} rounds. {layout()}; {AT_ONCE} connections; everybody stops watching after {DEADLINE:g} s."
        f" The requests of the floor are {least:.0%} of (a)'s."
    )
    figures = [figure for one in present if one.name == OURS for figure in _figures(found[one], first)]
    return Table(title, COLUMNS, (*rows, tuple(floor(plan))), note), figures


def _figures(mine: Sequence[Run], first: Sequence[Run]) -> Sequence[Figure]:
    """Return what has a goal."""
    pairs = list(zip(mine, first, strict=True))
    fewer = spread(other.books.reads / one.books.reads for one, other in pairs)
    cpu = spread(one.cost.cpu / other.cost.cpu for one, other in pairs)
    late = spread(one.delay(95) / other.delay(95) for one, other in pairs)
    return (
        _figure("reads: times fewer than (a)", fewer, better="higher", goal=10.0),
        _figure("CPU against (a)", cpu, better="lower", goal=0.25),
        _figure("95 % of the delays against (a)", late, better="lower", goal=1.25),
    )


def _figure(name: str, found: Spread, *, better: Literal["lower", "higher"], goal: float) -> Figure:
    return Figure(name=name, value=found.median, low=found.low, high=found.high, better=better, goal=goal)


def _share_of_floor(first: Sequence[Run], fewest: int) -> float:
    return median(fewest / run.requests for run in first)


def _row(name: str, runs: Sequence[Run], first: Sequence[Run]) -> Sequence[Cell]:
    pairs = list(zip(runs, first, strict=True))
    syncs = runs[0].books.posts
    return (
        name,
        round(median(run.books.reads for run in runs)),
        round(median(run.books.posts for run in runs)),
        median(other.books.reads / mine.books.reads for mine, other in pairs),
        median(run.cost.cpu for run in runs),
        median(mine.cost.cpu / other.cost.cpu for mine, other in pairs),
        median(1e6 * run.cost.cpu / syncs for run in runs),
        median(run.cost.wall for run in runs),
        round(median(run.cost.peak for run in runs) / 2**20),
        *(median(run.delay(share) for run in runs) for share in (50, 95, 99)),
        median(mine.delay(95) / other.delay(95) for mine, other in pairs),
        sum(run.wrong for run in runs),
        f"{median(run.server_busy for run in runs):.0%}",
    )


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure everybody."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--median", type=float, default=2.0, help="seconds that half of the syncs take longer than")
    options = parser.parse_args(arguments)
    plan = Plan(organizations=options.organizations, median=options.median, spread=options.median * 2 / 3)
    title = f"{plan.organizations:,} organizations of {plan.integrations} integrations, orders and products"
    found, figures = table(plan, title, contestants(), options.rounds)
    save("whole_run", [found], figures=figures, seed=plan.seed, rounds=options.rounds, folder=folder)


if __name__ == "__main__":
    main()
