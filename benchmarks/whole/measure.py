"""One way of syncing everything, measured in a process of its own and held against the server's books."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import quantiles

from attrs import field, frozen

from benchmarks.lean_server import Key
from benchmarks.measuring.cores import environment
from benchmarks.results import ROOT
from benchmarks.whole.server import Books, Plan, serving
from benchmarks.whole.ways import KINDS
from packcloud_async import SyncKind


@frozen
class Way:
    """Who syncs: ``place`` is ``module:function``, ``numbers`` what it is called with.

    ``python`` is the interpreter, ours by default, and ``folder`` one more to import from.
    """

    place: str
    numbers: Mapping[str, float] = field(factory=dict[str, float])
    python: str = sys.executable
    folder: str | None = None


@frozen(kw_only=True)
class Cost:
    """What the client's process took: ``cpu`` (user and system) and ``wall`` are seconds, ``peak`` bytes."""

    cpu: float
    wall: float
    peak: int


@frozen(kw_only=True)
class Told:
    """What a client says: the instant at which it knew each news, and whether each kind moved."""

    news: Mapping[Key, float]
    moved: Mapping[Key, bool]


@frozen(kw_only=True)
class Run:
    """One way, measured; ``delays`` are seconds, sorted, and ``wrong`` counts outcomes the books do not bear out."""

    cost: Cost
    books: Books
    delays: Sequence[float]
    wrong: int
    server_busy: float

    @property
    def requests(self) -> int:
        """All of them."""
        return self.books.reads + self.books.posts

    def delay(self, share: int) -> float:
        """Return the delay that so many in a hundred do not exceed."""
        return quantiles(self.delays, n=100, method="inclusive")[share - 1]


def measured(way: Way, plan: Plan) -> Run:
    """Run one way in a process of its own, on a server of its own that has served nobody before."""
    with serving(plan) as server:
        before, began_at = server.busy(), time.monotonic()
        cost, told = _in_own_process(way, server.base_url, plan)
        busy = (server.busy() - before) / (time.monotonic() - began_at)
        return held_against(server.books(), told, plan, cost=cost, server_busy=busy)


def held_against(books: Books, told: Told, plan: Plan, *, cost: Cost, server_busy: float) -> Run:
    """Hold what a client says against what the server did."""
    wanted = [(*place, kind) for place in plan.integration_ids for kind in KINDS]
    wrong = sum(told.moved.get(key) is not (key in books.moves) for key in wanted)
    wrong += len(told.moved.keys() - set(wanted))
    delays = sorted(at - books.moves[key] for key, at in told.news.items() if key in books.moves)
    # Whoever knows of what never happened, or before it did, guessed.
    wrong += len(told.news) - len(delays) + sum(delay < 0 for delay in delays)
    return Run(cost=cost, books=books, delays=delays, wrong=wrong, server_busy=server_busy)


def _in_own_process(way: Way, base_url: str, plan: Plan) -> tuple[Cost, Told]:
    command = [way.python, "-m", "benchmarks.whole.client", way.place, base_url, json.dumps(dict(way.numbers))]
    done = subprocess.run(
        command,
        check=True,
        input=json.dumps(plan.integration_ids),
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**environment(), **({} if way.folder is None else {"PYTHONPATH": way.folder})},
    )
    found = json.loads(done.stdout)
    news, moved = (
        {(organization, one, SyncKind(kind)): value for (organization, one, kind), value in found[name]}
        for name in ("news", "moved")
    )
    return Cost(**found["cost"]), Told(news=news, moved=moved)
