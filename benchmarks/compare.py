"""What moved between two files of results: ``python -m benchmarks compare OLD NEW [--threshold 0.1]``.

A figure with quartiles moved when those of the old and the new run do not overlap, one without when it is another by
more than a twentieth. What moved is told with its ratio. The exit code is 1 if a figure that has a better side got
worse by more than the threshold, in runs that were quiet enough to tell.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from attrs import frozen

from benchmarks.results import Figure, Table, load, written

ONLY_BY_NAME = "it compares two files"
NOISE = 0.05
"""A figure without quartiles moved by noise alone as long as it moved by no more than this share."""
THRESHOLD = 0.10

Judgement = Literal["worse", "better", "other", "too noisy to judge"]


@frozen
class Move:
    """A figure that moved from one run to the other."""

    benchmark: str
    old: Figure
    new: Figure

    @property
    def ratio(self) -> float | None:
        """New as multiples of old, None when that was nothing."""
        return self.new.value / self.old.value if self.old.value else None

    @property
    def judgement(self) -> Judgement:
        """Which way it went, as far as one way is better."""
        if self.new.better is None:
            return "other"
        if not (self.old.quiet and self.new.quiet):
            return "too noisy to judge"
        return "better" if (self.new.value < self.old.value) == (self.new.better == "lower") else "worse"

    def is_worse_by(self, threshold: float) -> bool:
        """Whether it got worse by more than this share."""
        if self.judgement != "worse":
            return False
        smaller, larger = sorted((abs(self.old.value), abs(self.new.value)))
        return larger > smaller * (1 + threshold)

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f", x {self.ratio:.3g}"
        missed = self.new.reached is False and self.old.reached is not False
        goal = f"; misses its goal of {written(self.new.goal)} now" if missed else ""
        return (
            f"{self.judgement}: {self.benchmark}: {self.new.name}: {_told(self.old)} -> {_told(self.new)}{ratio}{goal}"
        )


@frozen
class Comparison:
    """Everything there is to tell: what moved, and what stands in one file alone or cannot be compared."""

    moves: tuple[Move, ...]
    remarks: tuple[str, ...]


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """Compare what two files hold."""
    moves: list[Move] = []
    remarks = [f"{name}: only in the {where} file" for where, name in _alone(old, new)]
    for name in (name for name in new if name in old):
        one, other = figures(old[name]), figures(new[name])
        remarks += _differences(name, old[name], new[name])
        remarks += [f"{name}: {figure}: only in the {where} file" for where, figure in _alone(one, other)]
        moves += [Move(name, one[key], other[key]) for key in other if key in one and moved(one[key], other[key])]
    return Comparison(tuple(moves), tuple(remarks))


def figures(entry: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures of a benchmark by name; where none were written, the numbers of its tables."""
    if "figures" in entry:
        return {found["name"]: Figure(**found) for found in entry["figures"]}
    tables = [Table.from_json(table) for table in entry["tables"]]
    return {figure.name: figure for table in tables for figure in _of_table(table)}


def moved(old: Figure, new: Figure) -> bool:
    """Whether the two differ by more than noise."""
    if None in {old.low, old.high, new.low, new.high}:
        return abs(new.value - old.value) > NOISE * abs(old.value)
    lower, upper = sorted((old, new), key=lambda figure: figure.value)
    return _high(lower) < _low(upper)


def _low(figure: Figure) -> float:
    return figure.value if figure.low is None else figure.low


def _high(figure: Figure) -> float:
    return figure.value if figure.high is None else figure.high


def _of_table(table: Table) -> Iterator[Figure]:
    """Yield the numbers of a table; rows that begin alike are told apart by their order."""
    met: Counter[str] = Counter()
    for row in table.rows:
        key = str(row[0])
        met[key] += 1
        place = f"{table.title}: {key}" + (f" ({met[key]})" if met[key] > 1 else "")
        columns: Counter[str] = Counter()
        for column, cell in zip(table.columns[1:], row[1:], strict=True):
            columns[column] += 1
            again = f" ({columns[column]})" if columns[column] > 1 else ""
            if isinstance(cell, int | float):
                yield Figure(name=f"{place}: {column}{again}", value=cell)


def _alone(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [*(("old", name) for name in old if name not in new), *(("new", name) for name in new if name not in old)]


def _differences(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Tell what makes two runs differ besides the code."""
    told = [
        f"{name}: {what}: {old.get(what)} -> {new.get(what)}"
        for what in ("command", "machine", "hardware")
        if old.get(what) != new.get(what) and what in old
    ]
    smoke = [where for where, entry in (("old", old), ("new", new)) if entry.get("quick")]
    return told + [f"{name}: the {where} one was a smoke run, too short to mean anything" for where in smoke]


def _told(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return written(figure.value)
    return f"{written(figure.value)} ({written(figure.low)} to {written(figure.high)})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what moved, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, metavar="OLD")
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--threshold", type=float, default=THRESHOLD, help="worse by more than this share is an error")
    options = parser.parse_args(arguments)
    found = compare(load(options.old), load(options.new))
    for remark in found.remarks:
        print(remark)
    order: tuple[Judgement, ...] = ("worse", "better", "too noisy to judge", "other")
    for move in sorted(found.moves, key=lambda move: order.index(move.judgement)):
        print(move)
    worse = sum(move.is_worse_by(options.threshold) for move in found.moves)
    print(f"{len(found.moves)} figures moved, {worse} got worse by more than {100 * options.threshold:g} %")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
