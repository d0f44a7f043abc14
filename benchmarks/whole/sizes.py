"""Runs of growing size, and how what a job costs in them compares with a thousand organizations."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from statistics import median
from typing import TypeAlias

from attrs import frozen

from benchmarks.measuring.cores import ALLOCATED, layout
from benchmarks.measuring.rounds import Spread, noise, spread
from benchmarks.measuring.server import BUSY
from benchmarks.results import Cell, Figure, Table
from benchmarks.whole.growing import Found, How, least_requests

FLAT = 1.2
LEFT = 100
"""Bytes a further job may take at most where as many as before are at work at once, so that it should take none."""
AT_ONCE = 200
SEED = 1
REFERENCE = 1_000
ONCE_FROM = 10_000
"""From so many organizations on one run is long enough to be a median of itself."""
MOST_AT_ONCE = 10_000

Of: TypeAlias = Callable[[Found], float]
Run: TypeAlias = Callable[[int, int, How], Found]


@frozen(kw_only=True)
class Series:
    """Runs of growing size: by number of organizations, one for each round or one in all, and one that was counted.

    ``at_once`` None means all of them. One without goals explains another.
    """

    name: str
    run: Run
    sizes: Sequence[int]
    integrations: int
    at_once: int | None = AT_ONCE
    how: How = How.TIMED
    is_counted: bool = False
    has_goals: bool = True

    def organizations_at_once(self, size: int) -> int:
        """Return ``max_organizations`` of a run."""
        return size if self.at_once is None else self.at_once


@frozen
class Measured:
    """A series with what was found, by size: ``runs`` in the order of the rounds."""

    series: Series
    runs: Mapping[int, Sequence[Found]]
    counted: Mapping[int, Found]

    @property
    def reference(self) -> Sequence[Found] | None:
        """The runs of a thousand organizations, None if there were none."""
        return self.runs.get(REFERENCE)

    def spread(self, size: int, of: Of) -> Spread:
        """Return what one size took."""
        return spread(map(of, self.runs[size]))

    def ratio(self, size: int, of: Of) -> Spread | None:
        """Return what one size took as multiples of a thousand organizations in the same round, None without any."""
        mine, reference = self.runs[size], self.reference
        if reference is None or not all(map(of, reference)):
            return None
        if len(mine) == len(reference):
            return spread(of(one) / of(other) for one, other in zip(mine, reference, strict=True))
        usual = median(map(of, reference))
        return spread(of(one) / usual for one in mine)

    def calls_ratio(self, size: int) -> float | None:
        """Return how many times as many functions are called for a job as with a thousand organizations."""
        mine, reference = self.counted.get(size), self.counted.get(REFERENCE)
        return None if mine is None or reference is None else mine.calls_each / reference.calls_each

    def further(self, size: int) -> float | None:
        """Return the bytes of a job beyond those of a thousand organizations, None unless there are such jobs."""
        reference = self.reference
        if reference is None or not (jobs := self.runs[size][0].jobs - reference[0].jobs) > 0:
            return None
        return (self.spread(size, _grown).median - self.spread(REFERENCE, _grown).median) / jobs

    @property
    def memory_goal(self) -> float:
        """The bytes a further job may take."""
        if self.series.at_once is not None:
            return LEFT
        return FLAT * self.spread(REFERENCE, _memory).median

    def noise(self) -> str | None:
        """Say that the runs of a thousand organizations differed too much, None when they did not."""
        if self.reference is None:
            return None
        return noise(self.spread(REFERENCE, _cpu), f"{REFERENCE:,} organizations {self.series.name}")

    def figures(self) -> Iterator[Figure]:
        """Yield what has a goal: all other sizes against a thousand organizations, their memory if they are larger."""
        for size in self.runs:
            if size == REFERENCE or self.reference is None or not self.series.has_goals:
                continue
            title = f"{{}} a job {self.series.name}: {size:,} organizations against {REFERENCE:,}"
            if (found := self.ratio(size, _cpu)) is not None:
                yield Figure(
                    name=title.format("CPU"),
                    value=found.median,
                    low=found.low,
                    high=found.high,
                    better="lower",
                    goal=FLAT,
                    quiet=self.noise() is None,
                )
            if (further := self.further(size)) is not None:
                name = f"memory {self.series.name}: bytes of a job of {size:,} organizations beyond {REFERENCE:,}"
                # Memory does not hang on what else the machine does.
                yield Figure(name=name, value=further, better="lower", goal=self.memory_goal)
            if (calls := self.calls_ratio(size)) is not None:
                yield Figure(name=title.format("Python calls"), value=calls, better="lower", goal=FLAT)

    def table(self) -> Table:
        """Write a row for each size, with the fewest requests there can be."""
        seed = f"Seed of the durations, of the jitter and of the order: {SEED}."
        told = [*self._goals(), self._server(), ALLOCATED, seed]
        told += filter(None, [self.noise()])
        rows = tuple(map(self._row, self.runs))
        title = f"{self.series.name[0].upper()}{self.series.name[1:]}, integrations of each: {self.series.integrations}"
        return Table(title, COLUMNS, rows, " ".join(told))

    def _goals(self) -> Iterator[str]:
        if not self.series.has_goals:
            yield "It has no goals: it explains what grows where all are at once."
            return
        yield f"The goal is {FLAT:g} times the CPU, and the calls, of a job of {REFERENCE:,} organizations at any size."
        yield "A job of a small run bears more of what a run costs once; nothing of that is subtracted."
        if self.series.at_once is None:
            bytes_of = f"{FLAT:g} times the bytes of a job of {REFERENCE:,}"
        else:
            bytes_of = f"{LEFT} bytes: no more are at work at once, so that it should take none"
        yield f"A job beyond {REFERENCE:,} organizations may take {bytes_of}."

    def _server(self) -> str:
        busy = [one.server_busy for runs in self.runs.values() for one in runs if one.server_busy is not None]
        if not busy:
            return "Server: `lean_server.py`, in the same process and counted with it."
        loop = "uvloop" if find_spec("uvloop") else "asyncio"
        told = f"Server: `whole/server.py` on {loop}, busy for {max(busy):.0%} of a run at most, {layout()}."
        return f"{told} **It may be what was measured.**" if max(busy) > BUSY else told

    def _row(self, size: int) -> tuple[Cell, ...]:
        one, cpu, counted = self.runs[size][0], self.spread(size, _cpu), self.counted.get(size)
        return (
            size,
            self.series.organizations_at_once(size),
            one.jobs,
            one.requests / one.jobs,
            least_requests(self.series.integrations),
            1e6 * cpu.median,
            1e6 * self.spread(size, _collecting).median,
            _told(self.ratio(size, _cpu)),
            _told(self.ratio(size, _cpu_without_collecting)),
            round(self.spread(size, _grown).median / 2**20),
            round(self.spread(size, _memory).median),
            None if (further := self.further(size)) is None else round(further),
            None if counted is None else round(counted.calls_each),
            self.calls_ratio(size),
        )


def _told(found: Spread | None) -> float | None:
    return None if found is None else found.median


def _cpu(one: Found) -> float:
    return one.cpu_each


def _cpu_without_collecting(one: Found) -> float:
    return one.cpu_without_collecting


def _collecting(one: Found) -> float:
    return one.collecting / one.jobs


def _grown(one: Found) -> float:
    return one.grown


def _memory(one: Found) -> float:
    return one.grown_each


def measured(series: Series, *, rounds: int, seed: int = SEED) -> Measured:
    """Run every size once a round, in an order drawn anew; the large ones in the middle round only."""
    draws = random.Random(seed)
    runs: dict[int, list[Found]] = {size: [] for size in series.sizes}
    for number in range(rounds):
        for size in draws.sample(series.sizes, len(series.sizes)):
            if size < ONCE_FROM or number == rounds // 2:
                runs[size].append(series.run(size, series.organizations_at_once(size), series.how))
        print(f"measured: {series.name}, round {number + 1} of {rounds}", flush=True)
    counted = [size for size in series.sizes if series.is_counted and size <= MOST_AT_ONCE]
    return Measured(
        series,
        runs,
        {size: series.run(size, series.organizations_at_once(size), How.COUNTED) for size in counted},
    )


COLUMNS = (
    "organizations",
    "at once",
    "jobs",
    "requests a job",
    "the floor of it",
    "CPU a job, us",
    "of it garbage collection, us",
    f"times that of {REFERENCE:,} organizations",
    "the same without the garbage collection",
    "the run's memory at most, MiB",
    "bytes a job",
    f"bytes of a job beyond {REFERENCE:,} organizations",
    "Python calls a job",
    f"times those calls of {REFERENCE:,} organizations",
)
