"""Runs of growing size, and how what a job costs in them compares with a thousand organizations."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import TypeAlias

from attrs import frozen

from benchmarks.measuring.cores import layout
from benchmarks.measuring.rounds import Spread, noise, spread
from benchmarks.results import Cell, Figure, Table
from benchmarks.whole.growing import Found, How, http_run, least_requests

FLAT = 1.2
AT_ONCE = 200
REFERENCE = 1_000
ONCE_FROM = 10_000
"""From so many organizations on one run is long enough to be a median of itself."""
MOST_AT_ONCE = 10_000

Of: TypeAlias = Callable[[Found], float]
Run: TypeAlias = Callable[[int, int, How], Found]


@frozen(kw_only=True)
class Series:
    """Runs of growing size: by number of organizations, one for each round or one in all, and one that was counted.

    ``at_once`` None means all of them.
    """

    name: str
    run: Run
    sizes: Sequence[int]
    integrations: int
    at_once: int | None = AT_ONCE
    how: How = How.TIMED
    is_counted: bool = False

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

    def noise(self) -> str | None:
        """Say that the runs of a thousand organizations differed too much, None when they did not."""
        if self.reference is None:
            return None
        return noise(self.spread(REFERENCE, _cpu), f"{REFERENCE:,} organizations {self.series.name}")

    def figures(self) -> Iterator[Figure]:
        """Yield what has a goal: all that is larger than a thousand organizations against these."""
        for size in self.runs:
            if size <= REFERENCE or self.reference is None:
                continue
            title = f"{{}} a job {self.series.name}: {size:,} organizations against {REFERENCE:,}"
            for what, of, quiet in (("CPU", _cpu, self.noise() is None), ("memory", _memory, True)):
                if (found := self.ratio(size, of)) is not None:
                    yield Figure(
                        name=title.format(what),
                        value=found.median,
                        low=found.low,
                        high=found.high,
                        better="lower",
                        goal=FLAT,
                        quiet=quiet,
                    )
            if (calls := self.calls_ratio(size)) is not None:
                yield Figure(name=title.format("Python calls"), value=calls, better="lower", goal=FLAT)

    def table(self) -> Table:
        """Write a row for each size, with the fewest requests there can be."""
        told = [f"The goal is {FLAT:g} times what a job of {REFERENCE:,} organizations takes, of each."]
        if self.series.run is http_run:
            told.append(f"{layout()}.")
        told += filter(None, [self.noise()])
        rows = tuple(map(self._row, self.runs))
        title = f"{self.series.name[0].upper()}{self.series.name[1:]}, integrations of each: {self.series.integrations}"
        return Table(title, COLUMNS, rows, " ".join(told))

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
            _told(self.ratio(size, _memory)),
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


def measured(series: Series, *, rounds: int, seed: int = 1) -> Measured:
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
    f"times those of {REFERENCE:,} organizations",
    "Python calls a job",
    f"times those calls of {REFERENCE:,} organizations",
)
