"""Draw docs/plots/{sharing,fairness,budget,ledger}.svg, each from a run against the emulator on virtual time.

Run from the repository's root, with the extra ``bench``: ``python -m benchmarks.plots [sharing budget ...]``
"""

import argparse
import asyncio
import json
import tempfile
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
from attrs import define, field, frozen

from benchmarks import virtual_time
from benchmarks.fairness import LIMIT, Start, together
from packcloud_async import (
    NewJob,
    PackCloudClient,
    RateLimit,
    Request,
    Response,
    SqliteLedger,
    SyncKind,
    TargetRecord,
)
from packcloud_async.emulator import Emulator, FaultPlan, InMemoryTransport, SyncTimes

mpl.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ONLY_BY_NAME = "it draws pictures of the documentation"
FOLDER = Path(__file__).parent.parent / "docs" / "plots"
PURPLE, GREEN, ORANGE, RED, GRAY = "#7a5195", "#00796b", "#ef8a17", "#c62828", "#9e9e9e"
PER_PAGE = 25


@define(eq=False)
class Tap:
    """A transport that notes each request: when it left, and the status and the instant of its answer."""

    inner: InMemoryTransport
    seen: list["Exchange"] = field(factory=list)

    async def send(self, request: Request) -> Response:
        """Pass a request on."""
        sent_at = virtual_time.now()
        response = await self.inner.send(request)
        shown = json.loads(response.body)["data"] if request.method == "GET" and response.status == 200 else []
        ids = [one["id"] for one in (shown if isinstance(shown, list) else [shown])]
        self.seen.append(Exchange(request.method, sent_at, virtual_time.now(), response.status, ids))
        return response

    async def aclose(self) -> None:
        """Close it."""
        await self.inner.aclose()


@frozen
class Exchange:
    """One request and its answer; ``ids`` are the integrations it showed."""

    method: str
    sent_at: float
    answered_at: float
    status: int
    ids: Sequence[str]


# Sharing ----------------------------------------------------------------------------------------------------------


def sharing() -> Figure:
    """When the integrations of one organization are read, and by what."""
    emulator = Emulator(
        organizations=1,
        integrations=30,
        seed=3,
        per_page=PER_PAGE,
        faults=FaultPlan(latency=0.05),
        sync_times=SyncTimes(median=12, spread=6),
    )
    tap = Tap(emulator.transport())
    virtual_time.run(partial(_sync_orders, emulator, tap))
    figure, axes = plt.subplots(figsize=(9.5, 5.6), facecolor="white")
    reads = [one for one in tap.seen if one.method == "GET"]
    for read in reads:
        _draw_read(axes, read)
    moved = {run.integration_id: run.moves[0][0] for run in emulator.books.runs}
    for integration_id, at in moved.items():
        seen = min(r.answered_at for r in reads if r.sent_at >= at and integration_id in r.ids)
        y = _row(integration_id)
        axes.plot([at, seen], [y, y], color=RED, linewidth=1.3)
        axes.plot(at, y, "|", color=RED, markersize=7, markeredgewidth=1.5)
    pages, singles = sum(len(r.ids) > 1 for r in reads), sum(len(r.ids) == 1 for r in reads)
    axes.axhline(PER_PAGE + 0.5, color=GRAY, linewidth=0.8, linestyle=":")
    end = max(read.answered_at for read in reads)
    axes.text(end, PER_PAGE + 0.8, "page 2", fontsize=9, color="#616161", va="bottom", ha="right")
    axes.text(end, PER_PAGE + 0.2, "page 1", fontsize=9, color="#616161", va="top", ha="right")
    axes.set_ylabel("integration, in the order of the list")
    axes.set_xlabel("seconds")
    axes.set_ylim(0, 31)
    axes.set_xlim(left=-0.3)
    handles = [
        plt.Line2D([], [], color=PURPLE, linewidth=1.6, label=f"a page of the list read: {pages} requests"),
        plt.Line2D(
            [],
            [],
            color=GREEN,
            marker="o",
            linewidth=0,
            label=f"one integration read: {singles} request{'s' if singles != 1 else ''}",
        ),
        plt.Line2D([], [], color=RED, linewidth=1.3, marker="|", label="from the change to the read that shows it"),
    ]
    axes.legend(handles=handles, loc="upper center", ncols=3, frameon=False, fontsize=9, bbox_to_anchor=(0.5, 1.09))
    return figure


async def _sync_orders(emulator: Emulator, tap: Tap) -> None:
    async with (
        PackCloudClient(token=emulator.token, transport=tap) as client,
        client.sync_many(["org_1"], kinds=[SyncKind.ORDERS]) as run,
    ):
        assert [result.failed async for result in run] == [False] * 30


def _draw_read(axes: Axes, read: Exchange) -> None:
    rows = sorted(map(_row, read.ids))
    if len(rows) > 1:
        axes.plot([read.sent_at] * 2, [rows[0] - 0.4, rows[-1] + 0.4], color=PURPLE, linewidth=1.6, alpha=0.75)
    else:
        axes.plot(read.sent_at, rows[0], "o", color=GREEN, markersize=4)


def _row(integration_id: str) -> int:
    return int(integration_id.removeprefix("int_"))


# Fairness ---------------------------------------------------------------------------------------------------------


def fairness() -> Figure:
    """How three organizations of different weights share a rate limit."""
    weights = {"org_1": 1.0, "org_2": 2.0, "org_3": 4.0}
    starts = [Start(id_, 200, weight=weight) for id_, weight in weights.items()]
    found = virtual_time.run(partial(together, starts, LIMIT))
    figure, axes = plt.subplots(figsize=(9.5, 4.2), facecolor="white")
    width, end = 1.0, max(found.done.values())
    edges = [width * number for number in range(int(end / width) + 1)]
    below = [0] * len(edges)
    for (id_, weight), color in zip(weights.items(), (PURPLE, GREEN, ORANGE), strict=True):
        counts = Counter(int(at // width) for at, one, _ in found.arrivals if one == id_)
        heights = [counts[number] for number in range(len(edges))]
        axes.bar(edges, heights, width, bottom=below, align="edge", color=color, label=f"{id_}, weight {weight:g}")
        below = [one + other for one, other in zip(below, heights, strict=True)]
        fired = found.fired[id_]
        axes.plot([fired, fired], [50, 53], color=color, linewidth=1.5)
        axes.text(fired, 54, f"{id_} has fired", ha="center", fontsize=9, color=color)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 66)
    axes.set_xlabel("seconds")
    axes.set_ylabel("requests in each second")
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    return figure


# Budget -----------------------------------------------------------------------------------------------------------

WANTED = RateLimit(50, burst=25, adaptive=True)
REFUSES_AT, ASKS_FOR, UNTIL = (12.0, 30.0), 4, 75.0


def budget() -> Figure:
    """What leaves a client with more to send than it may, while the server refuses twice."""
    emulator = Emulator(faults=FaultPlan(latency=0.05))
    tap = Tap(emulator.transport())
    rates = virtual_time.run(partial(_press, emulator, tap))
    sent = sorted(one.sent_at for one in tap.seen)
    refused = sorted(one.sent_at for one in tap.seen if one.status == 429)
    figure, axes = plt.subplots(figsize=(9.5, 4.2), facecolor="white")
    instants = [step / 20 for step in range(int(UNTIL * 20))]
    within = [bisect_right(sent, at) - bisect_left(sent, at - 1 + 1e-9) for at in instants]
    bound = WANTED.requests + WANTED.burst
    assert max(within) <= bound
    axes.fill_between(instants, within, color=GREEN, alpha=0.3, linewidth=0, label="requests of the last second")
    axes.plot([at for at, _ in rates], [rate for _, rate in rates], color=PURPLE, linewidth=1.6, label="the rate")
    axes.axhline(bound, color=GRAY, linestyle="--", linewidth=1)
    axes.text(
        UNTIL - 0.5, bound + 1, f"never more: {WANTED.requests:g} + a burst of {WANTED.burst}", ha="right", fontsize=9
    )
    axes.plot(
        refused, [1.5] * len(refused), "x", color=RED, markersize=5, label=f"429: {len(refused)} requests refused"
    )
    for at in REFUSES_AT:
        axes.axvspan(at, at + ASKS_FOR, color=RED, alpha=0.07, linewidth=0)
        axes.text(at + ASKS_FOR / 2, 63, f"Retry-After: {ASKS_FOR}", ha="center", fontsize=9, color=RED)
    axes.set_xlim(0, UNTIL)
    axes.set_ylim(0, 85)
    axes.set_xlabel("seconds")
    axes.set_ylabel("requests per second")
    axes.legend(loc="lower right", fontsize=9, framealpha=0.9)
    return figure


async def _press(emulator: Emulator, tap: Tap) -> Sequence[tuple[float, float]]:
    """Ask for more than the limit; return the rate at each tenth of a second."""
    rates: list[tuple[float, float]] = []
    async with PackCloudClient(token=emulator.token, transport=tap, rate_limit=WANTED, max_connections=40) as client:

        async def ask() -> None:
            while virtual_time.now() < UNTIL:
                await client.organization("org_1").integrations.get("int_1")

        async with asyncio.TaskGroup() as tasks:
            for _ in range(40):
                tasks.create_task(ask())
            while virtual_time.now() < UNTIL:
                failing = any(at <= virtual_time.now() < at + 0.1 for at in REFUSES_AT)
                emulator.set_faults(FaultPlan(latency=0.05, rate_limited=float(failing), retry_after=ASKS_FOR))
                rates.append((virtual_time.now(), client.budget.rate or 0.0))
                await asyncio.sleep(0.1)
    return rates


# Ledger -----------------------------------------------------------------------------------------------------------

FOLLOWED = "int_3"


@define(eq=False)
class Noted:
    """What a ledger was told about the followed job: how it stood, and the instant; and when something was durable."""

    told: list[tuple[float, str]] = field(factory=list)
    durable: list[float] = field(factory=list)


class NotingLedger(SqliteLedger):
    """A ledger that notes what it is told about the followed job."""

    def __init__(self, path: Path, noted: Noted) -> None:
        super().__init__(path)
        self._noted = noted

    def add_targets(self, targets: Sequence[TargetRecord]) -> Sequence[int]:
        """Note a target."""
        self._note("waiting")
        return super().add_targets(targets)

    def add_jobs(self, target: int, jobs: Sequence[NewJob]) -> Sequence[int]:
        """Note the jobs of a target."""
        self._note("planned")
        return super().add_jobs(target, jobs)

    def record(self, job: int, token: str, *, finished: bool = False, error: str | None = None) -> None:
        """Note how a job stands."""
        record = json.loads(token)
        if record["integration_id"] == FOLLOWED:
            self._note("finished" if finished else record["kinds"]["orders"]["phase"])
        super().record(job, token, finished=finished, error=error)

    async def flush(self) -> None:
        """Note when everything told is durable."""
        await super().flush()
        self._noted.durable.append(virtual_time.now())

    def _note(self, phase: str) -> None:
        if not self._noted.told or self._noted.told[-1][1] != phase:
            self._noted.told.append((virtual_time.now(), phase))


ZONES = (
    ("waiting", "#eceff1", "listed\nagain"),
    ("planned", "#dcedc8", "POSTed"),
    ("sent", "#ffcdd2", "never\nPOSTed,\nwatched"),
    ("accepted", "#ffe0b2", "watched for what is left of its window,\nagainst the recorded baseline"),
    ("finished", "#eceff1", "left\nalone"),
)


def ledger() -> Figure:
    """What is recorded of one job, and when."""
    emulator = Emulator(organizations=1, integrations=3, faults=FaultPlan(latency=0.8))
    for integration_id, after in (("int_1", 2.0), ("int_2", 2.0), (FOLLOWED, 5.0)):
        emulator.plan_sync("org_1", integration_id, SyncKind.ORDERS, moves=[(after, None)])
    tap, noted = Tap(emulator.transport()), Noted()
    with tempfile.TemporaryDirectory() as folder:
        virtual_time.run(partial(_record, emulator, tap, NotingLedger(Path(folder) / "run.sqlite", noted)))
    end = noted.told[-1][0] + 1.2
    figure, axes = plt.subplots(figsize=(9.5, 3.9), facecolor="white")
    _draw_zones(axes, noted, end)
    posts = [one for one in tap.seen if one.method == "POST"]
    for one in [posts[2], *(one for one in tap.seen if FOLLOWED in one.ids)]:
        axes.plot([one.sent_at, one.answered_at], [2, 2], color=GREEN, linewidth=5, solid_capstyle="butt")
        name = "POST" if one.method == "POST" else "list" if one.sent_at == 0 else "read"
        axes.text((one.sent_at + one.answered_at) / 2, 2.18, name, ha="center", fontsize=9, color=GREEN)
    moved = emulator.books.of("org_1", FOLLOWED, SyncKind.ORDERS)[0].moves[0][0]
    axes.plot(moved, 1, "D", color=RED, markersize=7)
    axes.text(moved, 1.2, "the watermark moves", ha="center", fontsize=9, color=RED)
    axes.plot([], [], "o", color=PURPLE, markersize=8, label="durable before the next step")
    axes.plot([], [], "o", color=PURPLE, markersize=8, markerfacecolor="white", label="durable soon after")
    axes.legend(loc="lower left", fontsize=9, frameon=False, ncols=2)
    axes.set_yticks([3, 2, 1], ["told to\nthe ledger", "requests of\nthis job", "at the shop"])
    axes.set_ylim(0.2, 4.9)
    axes.set_xlim(-0.35, end)
    axes.set_xlabel("seconds")
    return figure


def _draw_zones(axes: Axes, noted: Noted, end: float) -> None:
    found = {phase: at for at, phase in noted.told}
    starts = [found[phase] for phase, _, _ in ZONES]
    for (phase, color, meaning), begins, ends in zip(ZONES, starts, [*starts[1:], end], strict=True):
        axes.axvspan(begins, ends, color=color, linewidth=0)
        durable = begins in noted.durable
        axes.plot(begins, 3, "o", color=PURPLE, markersize=8, markerfacecolor=PURPLE if durable else "white")
        axes.text(begins + 0.02, 3.22, phase, fontsize=9, color=PURPLE, rotation=35, rotation_mode="anchor")
        axes.text((begins + ends) / 2, 4.75, meaning, fontsize=8, ha="center", va="top", color="#424242")
    axes.text(
        -0.3, 4.95, "whoever opens the ledger after a kill in this time finds a job that is", fontsize=9, va="bottom"
    )


async def _record(emulator: Emulator, tap: Tap, ledger: SqliteLedger) -> None:
    # One call at a time, so that the job waits for its turn between planned and sent.
    async with (
        PackCloudClient(token=emulator.token, transport=tap) as client,
        client.sync_many(["org_1"], kinds=[SyncKind.ORDERS], ledger=ledger, max_in_flight=1) as run,
    ):
        assert [result.failed async for result in run] == [False] * 3


PLOTS: Mapping[str, Callable[[], Figure]] = {
    "sharing": sharing,
    "fairness": fairness,
    "budget": budget,
    "ledger": ledger,
}


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PLOTS, []], metavar="name")
    # The same bytes from every run.
    plt.rcParams.update({"svg.hashsalt": "packcloud", "font.size": 10})
    folder.mkdir(exist_ok=True)
    for name in parser.parse_args(arguments).names or PLOTS:
        figure = PLOTS[name]()
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        print(f"wrote {name}.svg")


if __name__ == "__main__":
    main()
