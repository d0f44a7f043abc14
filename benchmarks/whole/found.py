"""What was found of a whole run: a row for everybody, the floor beside them, and what has a goal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from statistics import median
from typing import Literal

from attrs import define, field, frozen

from benchmarks.measuring.cores import allocator, layout
from benchmarks.measuring.rounds import Spread, noise, spread
from benchmarks.measuring.server import BUSY
from benchmarks.results import Cell, Figure, Table, written
from benchmarks.whole.bounds import floor, for_whom_knows_the_distribution, for_whom_knows_the_draws
from benchmarks.whole.least import Least
from benchmarks.whole.loop import AT_ONCE, DEADLINE, EVERY, ORGANIZATIONS
from benchmarks.whole.measure import Run, Seconds, Way
from benchmarks.whole.server import Plan
from benchmarks.whole.server import name as server_name
from benchmarks.whole.ways import TOLERATED

STARVED = Seconds(median=1.05, most=1.2)
"""A loop whose seconds last longer reads less often than it means to, and knows later: what it is compared with then
looks better than it is in delay, and worse in reads."""

TELLING = 0.5
"""A server's processor time is counted in hundredths of a second: of a run of fewer seconds its share says nothing."""

FEWER, SHARE, LATE = 10.0, 0.25, TOLERATED
"""The goals: times fewer reads than (a), its share of (a)'s processor time, times the 95th percentile of its delay."""

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
    "told: median, s",
    "told: 95 %",
    "told: 99 %",
    "told: 95 % against (a)",
    "outcomes wrong",
    "a second lasts: median, s",
    "95 % of the seconds, s",
    "client busy",
    "server busy",
)


@frozen(eq=False)
class Contestant:
    """A way of syncing by its name in the table, measured ``once``: in the first round only, or in each."""

    name: str
    way: Way
    once: bool = False


@frozen(eq=False)
class Missing:
    """Who could not be measured, and why."""

    name: str
    reason: str


@define
class Found:
    """Everybody's runs, one a round, or only in the first rounds; ``loop`` is (a), with which the others are compared.

    ``chosen`` has the goals, ``also`` are those who have them beside it, ``floors`` do it with the least.
    """

    plan: Plan
    everybody: Sequence[Contestant | Missing]
    loop: str
    chosen: str
    also: Sequence[str] = ()
    floors: Sequence[str] = ()
    runs: dict[str, list[Run]] = field(factory=dict[str, list[Run]])

    def note(self, contestant: Contestant, run: Run) -> None:
        """Take one more run of somebody, in the round after the last one."""
        self.runs.setdefault(contestant.name, []).append(run)

    @property
    def rounds(self) -> int:
        """How many there were."""
        return len(self.runs[self.loop])

    @property
    def tolerated(self) -> float:
        """The delay in seconds that 95 in a hundred news should not exceed."""
        return TOLERATED * median(run.delay(95) for run in self.runs[self.loop])

    @property
    def is_noisy(self) -> bool:
        """Whether (a) itself differed too much from round to round, or had too few of them to tell."""
        return self.noise() is not None

    def noise(self) -> str | None:
        """Say why the run cannot be called quiet, None when it can."""
        return noise(spread(run.cost.cpu for run in self.runs[self.loop]), "(a)'s CPU")

    @property
    def starved(self) -> Sequence[str]:
        """The loops that read less often than they mean to, or had a server that may have been the limit."""
        return [name for name, runs in self.runs.items() if _waits_long(runs) or _has_busy_server(runs)]

    @cached_property
    def least(self) -> Least:
        """The fewest reads with news that is in time; to be asked for when everybody is measured."""
        return for_whom_knows_the_distribution(self.plan, tolerated=self.tolerated)

    def table(self) -> Table:
        """Return a row for everybody, whether measured or not, and the least there can be."""
        least = self.least
        draws = for_whom_knows_the_draws(self.plan, tolerated=self.tolerated)
        rows = [
            self._row(one.name) if isinstance(one, Contestant) else _cells(f"{one.name}: {one.reason}", {})
            for one in self.everybody
        ]
        rows += [
            self._least("least reads for (a)'s delay x 1.25 (knows the distribution)", least.bound),
            self._least("least reads for (a)'s delay x 1.25 (knows every draw)", draws),
        ]
        title = (
            f"{self.plan.organizations:,} organizations of {self.plan.integrations} integrations, orders and products"
        )
        return Table(title, COLUMNS, tuple(rows), " ".join(self._told(least)))

    def _row(self, name: str) -> tuple[Cell, ...]:
        runs = self.runs[name]
        watches = bool(runs[0].delays)
        compared = (
            {}
            if not watches
            else {
                "delay: median, s": _quartiles(run.delay(50) for run in runs),
                "95 %": _quartiles(run.delay(95) for run in runs),
                "99 %": _quartiles(run.delay(99) for run in runs),
                "95 % against (a)": _quartiles(self._ratios(name, _late)),
                **(self._told_delays(name) if runs[0].told else {}),
                "outcomes wrong": sum(run.wrong for run in runs),
            }
        )
        return _cells(
            name,
            {
                "reads": round(median(run.books.reads for run in runs)),
                "POSTs": round(median(run.books.posts for run in runs)),
                "times fewer reads than (a)": _quartiles(1 / ratio for ratio in self._ratios(name, _reads)),
                "client: CPU, s": _quartiles(run.cost.cpu for run in runs),
                "CPU against (a)": _quartiles(self._ratios(name, _cpu)),
                "us of CPU a sync": median(1e6 * run.cost.cpu / run.books.posts for run in runs),
                "wall, s": _quartiles(run.cost.wall for run in runs),
                "peak, MiB": round(median(run.cost.peak for run in runs) / 2**20),
                **compared,
                "a second lasts: median, s": None if (seconds := _seconds(runs)) is None else seconds.median,
                "95 % of the seconds, s": None if seconds is None else seconds.most,
                "client busy": f"{median(run.cost.cpu / run.cost.wall for run in runs):.0%}",
                "server busy": f"{_busy(runs):.0%}",
            },
        )

    def _told_delays(self, name: str) -> Mapping[str, Cell]:
        runs = self.runs[name]
        return {
            "told: median, s": _quartiles(run.told_delay(50) for run in runs),
            "told: 95 %": _quartiles(map(_told_late, runs)),
            "told: 99 %": _quartiles(run.told_delay(99) for run in runs),
            "told: 95 % against (a)": _quartiles(self._ratios(name, _told_late)),
        }

    def _least(self, name: str, reads: float) -> tuple[Cell, ...]:
        fewer = median(run.books.reads for run in self.runs[self.loop]) / reads
        return _cells(
            name,
            {
                "reads": round(reads),
                "POSTs": floor(self.plan).posts,
                "times fewer reads than (a)": fewer,
                "95 %": self.tolerated,
                "95 % against (a)": TOLERATED,
            },
        )

    def _ratios(self, name: str, what: "Callable[[Run], float]") -> list[float]:
        """Return a figure as multiples of that of (a) in the same round."""
        # Who is measured once is so in the first round.
        return [what(mine) / what(other) for mine, other in zip(self.runs[name], self.runs[self.loop], strict=False)]

    def _told(self, least: Least) -> Iterator[str]:
        fewest = floor(self.plan)
        share = median((fewest.reads + fewest.posts) / run.requests for run in self.runs[self.loop])
        measured = "One round" if self.rounds == 1 else f"Medians of {self.rounds} rounds, with quartiles"
        yield f"{measured}. {layout()}; {AT_ONCE} connections."
        yield f"The server is {server_name()}; allocator: {allocator()}."
        yield "A delay lasts until the client saw the news, 'told' until its caller had the result with it."
        yield f"Everybody has at most {ORGANIZATIONS} organizations under way and stops watching after {DEADLINE:g} s."
        yield f"The requests of the floor are {share:.0%} of (a)'s."
        yield f"Whoever knows only the distribution needs {least.bound:,.0f} reads; {least.enough:,.0f} are enough."
        for name in self.starved:
            seconds = _seconds(self.runs[name])
            if seconds is not None and _waits_long(self.runs[name]):
                lasted = f"{seconds.median:.2f} s, one in twenty {seconds.most:.2f} s"
                yield f"**Starved**: the seconds of {name} lasted {lasted}."
            if _has_busy_server(self.runs[name]):
                yield f"**The server was {_busy(self.runs[name]):.0%} busy** with {name}, and may be what was measured."
        if (noisy := self.noise()) is not None:
            yield noisy

    def figures(self) -> Iterator[Figure]:
        """Yield what has a goal, and what two runs are compared by."""
        yield from self._with_goals(self.chosen, "")
        for name in self.also:
            yield from self._with_goals(name, f"{name}: ")
        for name, runs in self.runs.items():
            better: Literal["lower"] | None = "lower" if name.startswith("(c)") else None
            for figure, what in _COMPARED.items():
                if runs[0].delays or what in {_reads, _cpu}:
                    yield self._figure(f"{name}: {figure}", spread(map(what, runs)), better=better)

    def _with_goals(self, name: str, before: str) -> Iterator[Figure]:
        fewer = spread(1 / ratio for ratio in self._ratios(name, _reads))
        fewest = median(map(_reads, self.runs[self.loop])) / self.least.bound
        yield self._figure(
            f"{before}reads: times fewer than (a)", fewer, better="higher", goal=FEWER, floor_found=fewest
        )
        cpu = spread(self._ratios(name, _cpu))
        cheapest = min((median(self._ratios(one, _cpu)) for one in self.floors), default=None)
        yield self._figure(f"{before}CPU against (a)", cpu, better="lower", goal=SHARE, floor_found=cheapest)
        late = spread(self._ratios(name, _late))
        yield self._figure(f"{before}95 % of the delays against (a)", late, better="lower", goal=LATE)
        if self.runs[name][0].told:
            told = spread(self._ratios(name, _told_late))
            yield self._figure(f"{before}95 % of the delays until told, against (a)", told, better="lower")

    def _figure(
        self,
        name: str,
        found: Spread,
        *,
        better: Literal["lower", "higher"] | None,
        goal: float | None = None,
        floor_found: float | None = None,
    ) -> Figure:
        return Figure(
            name=name,
            value=found.median,
            low=found.low,
            high=found.high,
            better=better,
            goal=goal,
            quiet=not self.is_noisy and self.loop not in self.starved,
            floor=floor_found,
        )


def _reads(run: Run) -> float:
    return run.books.reads


def _cpu(run: Run) -> float:
    return run.cost.cpu


def _late(run: Run) -> float:
    return run.delay(95)


def _told_late(run: Run) -> float:
    return run.told_delay(95)


_COMPARED: Mapping[str, Callable[[Run], float]] = {
    "reads": _reads,
    "client: CPU, s": _cpu,
    "wall, s": lambda run: run.cost.wall,
    "peak, MiB": lambda run: run.cost.peak / 2**20,
    "delay: median, s": lambda run: run.delay(50),
    "delay: 95 %, s": _late,
    "delay: 99 %, s": lambda run: run.delay(99),
}


def _seconds(runs: Sequence[Run]) -> Seconds | None:
    found = [run.seconds for run in runs if run.seconds is not None]
    if not found:
        return None
    return Seconds(median=median(one.median for one in found), most=median(one.most for one in found))


def _waits_long(runs: Sequence[Run]) -> bool:
    seconds = _seconds(runs)
    return seconds is not None and (seconds.median > STARVED.median * EVERY or seconds.most > STARVED.most * EVERY)


def _busy(runs: Sequence[Run]) -> float:
    return median(run.server_busy for run in runs)


def _has_busy_server(runs: Sequence[Run]) -> bool:
    return _busy(runs) > BUSY and median(run.cost.wall for run in runs) > TELLING


def _quartiles(values: "Iterator[float] | Sequence[float]") -> str:
    found = list(values)
    one = spread(found)
    return written(one.median) + (f" ({written(one.low)} to {written(one.high)})" if one.has_quartiles else "")


def _cells(name: str, known: Mapping[str, Cell]) -> tuple[Cell, ...]:
    return (name, *(known.get(column) for column in COLUMNS[1:]))
