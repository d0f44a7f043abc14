"""One way of syncing everything, measured in a process of its own and held against the server's books."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import Any

from attrs import field, frozen

from benchmarks.lean_server import Key
from benchmarks.measuring.cores import environment
from benchmarks.results import ROOT
from benchmarks.whole.server import Books, Plan, serving
from benchmarks.whole.ways import KINDS
from packcloud_async import SyncKind

WARM_UP = Plan(organizations=1, integrations=1, median=0.01, spread=0.01)
"""What everybody syncs before he is measured."""


@frozen
class Way:
    """Who syncs: ``place`` is ``module:function``, ``numbers`` what it is called with.

    One that does not watch has no news, and no outcome that could be wrong. ``python`` is the interpreter, ours by
    default, and ``folder`` one more to import from.
    """

    place: str
    numbers: Mapping[str, Any] = field(factory=dict[str, Any])
    watches: bool = field(default=True, kw_only=True)
    python: str = sys.executable
    folder: str | None = None


@frozen(kw_only=True)
class Cost:
    """What the client's process took: ``cpu`` (user and system) and ``wall`` are seconds, ``peak`` bytes."""

    cpu: float
    wall: float
    peak: int


@frozen(kw_only=True)
class Seconds:
    """How long the seconds lasted that a loop meant to wait before a GET; ``most``: of nineteen in twenty."""

    median: float
    most: float


@frozen(kw_only=True)
class Told:
    """What a client says: the instant at which it knew each news, and whether each kind moved.

    ``told`` is the instant at which a news was handed to the code that asked for it. ``seconds`` are those it meant to
    wait, None if it meant none.
    """

    news: Mapping[Key, float]
    moved: Mapping[Key, bool]
    told: Mapping[Key, float] = field(factory=dict[Key, float])
    seconds: Seconds | None = None


@frozen(kw_only=True)
class Run:
    """One way, measured; ``delays`` are seconds, sorted, and ``wrong`` counts outcomes the books do not bear out.

    ``delays`` last until the client saw the news, ``told`` until whoever called it had them in hand. ``seconds`` are
    those that a loop meant to wait, None if it meant none.
    """

    cost: Cost
    books: Books
    delays: Sequence[float]
    wrong: int
    server_busy: float
    seconds: Seconds | None = None
    told: Sequence[float] = ()

    @property
    def requests(self) -> int:
        """All of them."""
        return self.books.reads + self.books.posts

    def delay(self, share: int) -> float:
        """Return the delay that so many in a hundred do not exceed."""
        return quantiles(self.delays, n=100, method="inclusive")[share - 1]

    def told_delay(self, share: int) -> float:
        """Return the delay of being told that so many in a hundred do not exceed."""
        return quantiles(self.told, n=100, method="inclusive")[share - 1]


def measured(way: Way, plan: Plan) -> Run:
    """Run one way in a process of its own, on a server of its own that has served nobody before.

    It warms up on another server, whose syncs are over at once.
    """
    with serving(plan) as server, serving(WARM_UP) as other:
        before = server.busy()
        cost, told = _in_own_process(way, server.base_url, plan, warm_up=other.base_url)
        # Nothing is asked before the client's clock runs, nor after.
        busy = (server.busy() - before) / cost.wall
        if not way.watches:
            return Run(cost=cost, books=server.books(), delays=(), wrong=0, server_busy=busy)
        return held_against(server.books(), told, plan, cost=cost, server_busy=busy)


def held_against(books: Books, told: Told, plan: Plan, *, cost: Cost, server_busy: float) -> Run:
    """Hold what a client says against what the server did."""
    wanted = [(*place, kind) for place in plan.integration_ids for kind in KINDS]
    wrong = sum(told.moved.get(key) is not (key in books.moves) for key in wanted)
    wrong += len(told.moved.keys() - set(wanted))
    delays = sorted(at - books.moves[key] for key, at in told.news.items() if key in books.moves)
    # Whoever knows of what never happened, or before it did, guessed.
    wrong += len(told.news) - len(delays) + sum(delay < 0 for delay in delays)
    return Run(
        cost=cost,
        books=books,
        delays=delays,
        wrong=wrong,
        server_busy=server_busy,
        seconds=told.seconds,
        told=sorted(at - books.moves[key] for key, at in told.told.items() if key in books.moves),
    )


def _in_own_process(way: Way, base_url: str, plan: Plan, *, warm_up: str) -> tuple[Cost, Told]:
    numbers = json.dumps(dict(way.numbers))
    command = [way.python, "-m", "benchmarks.whole.client", way.place, base_url, numbers, warm_up]
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
    news, known, moved = (
        {(organization, one, SyncKind(kind)): value for (organization, one, kind), value in found[name]}
        for name in ("news", "told", "moved")
    )
    return Cost(**found["cost"]), Told(
        news=news,
        told=known,
        moved=moved,
        seconds=None if (seconds := found["seconds"]) is None else Seconds(**seconds),
    )
