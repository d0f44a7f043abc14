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
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from attrs import field, frozen

from benchmarks.measuring.cores import layout
from benchmarks.results import FOLDER, Cell, Table, save
from benchmarks.whole.process import Run, measured
from benchmarks.whole.server import Plan
from benchmarks.whole.ways import AT_ONCE, DEADLINE, KINDS


@frozen(eq=False)
class Contestant:
    """A way of syncing; ``numbers`` are those of its PollPolicy and its bounds."""

    name: str
    way: str
    numbers: Mapping[str, float] = field(factory=dict[str, float])


LOOP = Contestant("(a) a task for each integration, a GET each second, on aiohttp", "loop_on_aiohttp")
CONTESTANTS = (
    LOOP,
    Contestant("(c) `sync_many`, as it comes", "sync_many"),
    Contestant("(c) `sync_many(poll=PollPolicy(first=1.4))`", "sync_many", {"poll_first": 1.4}),
    Contestant("(c) the same, `max_organizations=1000`", "sync_many", {"poll_first": 1.4, "organizations": 1000}),
)

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


def table(plan: Plan, title: str, contestants: Sequence[Contestant], rounds: int) -> Table:
    """Measure every contestant once a round."""
    found: dict[Contestant, list[Run]] = {one: [] for one in contestants}
    for _ in range(rounds):
        for one in contestants:
            found[one].append(measured(one.way, plan, one.numbers))
            print(_row(one, [found[one][-1]], [found[contestants[0]][-1]]), flush=True)
    rows = [tuple(_row(one, runs, found[contestants[0]])) for one, runs in found.items()]
    fewest, posts = floor(plan)[1:3]
    least = _share_of_floor(found[contestants[0]], int(str(fewest)) + int(str(posts)))
    note = (
        f"Medians of {rounds} rounds. {layout()}; {AT_ONCE} connections; everybody stops watching after {DEADLINE:g} s."
        f" The requests of the floor are {least:.0%} of (a)'s."
    )
    return Table(title, COLUMNS, (*rows, tuple(floor(plan))), note)


def _share_of_floor(first: Sequence[Run], fewest: int) -> float:
    return median(fewest / run.requests for run in first)


def _row(one: Contestant, runs: Sequence[Run], first: Sequence[Run]) -> Sequence[Cell]:
    pairs = list(zip(runs, first, strict=True))
    syncs = runs[0].books.posts
    return (
        one.name,
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
    save("whole_run", [table(plan, title, CONTESTANTS, options.rounds)], folder=folder)


if __name__ == "__main__":
    main()
