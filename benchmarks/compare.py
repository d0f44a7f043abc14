"""What moved between two files of results: ``python -m benchmarks compare OLD NEW [--threshold 0.1]``.

A figure with quartiles moved when those of the old and the new run do not overlap, one without when it is another by
more than a twentieth. What moved is told with its ratio. The exit code is 1 if a figure that has a better side got
worse by more than the threshold, in runs that were quiet enough to tell; it is 2 if a file cannot be read. What a
smoke run found is not judged. Fewer than three rounds have no quartiles, whatever an older file says.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from attrs import evolve, frozen

from benchmarks.arguments import share
from benchmarks.measuring.rounds import ENOUGH
from benchmarks.results import Figure, Table, load, written

ONLY_BY_NAME = "it compares two files"
NOISE = 0.05
"""A figure without quartiles moved by noise alone as long as it moved by no more than this share."""
THRESHOLD = 0.10

Judgement = Literal["worse", "better", "other", "too noisy to judge", "a smoke run, not judged"]


@frozen
class Move:
    """A figure that moved from one run to the other."""

    benchmark: str
    old: Figure
    new: Figure
    smoke: bool = False

    @property
    def ratio(self) -> float | None:
        """New as multiples of old, None when that was nothing."""
        return self.new.value / self.old.value if self.old.value else None

    @property
    def judgement(self) -> Judgement:
        """Which way it went, as far as one way is better."""
        if self.smoke:
            return "a smoke run, not judged"
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
        missed = not self.smoke and self.new.reached is False and self.old.reached is not False
        goal = f"; misses its goal of {written(self.new.goal)} now" if missed else ""
        return (
            f"{self.judgement}: {self.benchmark}: {self.new.name}: {_told(self.old)} -> {_told(self.new)}{ratio}{goal}"
        )


@frozen
class Comparison:
    """Everything there is to tell: what moved, what stands in one file alone, and how many figures those are."""

    moves: tuple[Move, ...]
    remarks: tuple[str, ...]
    not_compared: int = 0


class NotResults(Exception):
    """A file from which nothing can be compared."""


def read(place: Path) -> Mapping[str, Any]:
    """Return what a file holds; raise :class:`NotResults` when it cannot be read, or an entry of it."""
    try:
        found: object = load(place)
    except OSError as error:
        raise NotResults(f"{place} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise NotResults(f"{place} is no JSON: {error}") from error
    if not isinstance(found, dict) or not found:
        raise NotResults(f"{place} holds no results: there should be an object with an entry for each benchmark")
    entries = cast("dict[str, Any]", found)
    for name, entry in entries.items():
        try:
            _check(entry)
        except (TypeError, LookupError, ValueError, AttributeError) as error:
            raise NotResults(f"{place}: the entry {name!r} is broken: {error!r}") from error
    return entries


def _check(entry: Mapping[str, Any]) -> None:
    """Raise one of Python's own errors when an entry is not what ``save`` writes."""
    _differences("", entry, entry)
    for one in figures(entry).values():
        for number in (one.value, one.low, one.high, one.goal):
            if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
                raise TypeError(f"{one.name!r} has {number!r} for a number")
        if one.value is None:
            raise TypeError(f"{one.name!r} has no value")


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    """Compare what two files hold."""
    moves: list[Move] = []
    remarks = [f"{name}: only in the {where} file" for where, name in _alone(old, new)]
    not_compared = sum(len(figures({"old": old, "new": new}[where][name])) for where, name in _alone(old, new))
    for name in (name for name in new if name in old):
        one, other = figures(old[name]), figures(new[name])
        smoke = bool(old[name].get("quick") or new[name].get("quick"))
        not_compared += len(_alone(one, other))
        remarks += _differences(name, old[name], new[name])
        remarks += [f"{name}: {figure}: only in the {where} file" for where, figure in _alone(one, other)]
        moves += [
            Move(name, one[key], other[key], smoke) for key in other if key in one and moved(one[key], other[key])
        ]
    return Comparison(tuple(moves), tuple(remarks), not_compared)


def figures(entry: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures of a benchmark by name; where none were written, the numbers of its tables."""
    if "figures" in entry:
        few = entry.get("setting", {}).get("rounds", ENOUGH) < ENOUGH
        found = [Figure(**found) for found in entry["figures"]]
        return {one.name: _without_quartiles(one) if few and one.low is not None else one for one in found}
    tables = [Table.from_json(table) for table in entry["tables"]]
    return {figure.name: figure for table in tables for figure in _of_table(table)}


def _without_quartiles(figure: Figure) -> Figure:
    """Return a figure of too few rounds as it is written by now."""
    return evolve(figure, low=None, high=None, quiet=False)


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
    parser.add_argument("--threshold", type=share, default=THRESHOLD, help="worse by more than this share is an error")
    options = parser.parse_args(arguments)
    try:
        found = compare(read(options.old), read(options.new))
    except NotResults as error:
        parser.error(str(error))
    for remark in found.remarks:
        print(remark)
    order: tuple[Judgement, ...] = ("worse", "better", "too noisy to judge", "a smoke run, not judged", "other")
    for move in sorted(found.moves, key=lambda move: order.index(move.judgement)):
        print(move)
    worse = sum(move.is_worse_by(options.threshold) for move in found.moves)
    print(f"{len(found.moves)} figures moved, {worse} got worse by more than {100 * options.threshold:g} %")
    if found.not_compared:
        print(f"{found.not_compared} figures were not compared: only one of the files has them")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
