"""A question over HTTP: one shape, several numbers of requests in flight, all contestants on one server in one run."""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from benchmarks.measuring import cores
from benchmarks.measuring.answers import size_of
from benchmarks.measuring.contestants import ALL_OURS, OURS, RAW, Missing, contestants
from benchmarks.measuring.rounds import NOISY, Contestant, Rounds, Spread, measure, versions, workers
from benchmarks.measuring.samples import Task
from benchmarks.measuring.server import BUSY, SERVERS, StaticServer, serving
from benchmarks.results import FOLDER, Cell, Figure, Table, save

TO_RAW, TO_OURS, POLLED = "x raw aiohttp", "x this library", "integrations a second of one core"
COLUMNS = (
    "client",
    TO_RAW,
    "25 %",
    "75 %",
    TO_OURS,
    "CPU, µs",
    "25 %, µs",
    "75 %, µs",
    "requests a second",
    "server busy, %",
    POLLED,
    "goal",
    "reached",
)


@frozen
class Goal:
    """What ``who`` should reach: at most or at least so much of one column, with so many in flight."""

    who: str
    column: str
    bound: float
    better: Literal["lower", "higher"] = "lower"
    in_flight: tuple[int, ...] = (8, 64)

    def __str__(self) -> str:
        sign = "≤" if self.better == "lower" else "≥"
        written = f"{self.bound:,.0f}" if self.column == POLLED else f"{self.bound:g}"
        return f"{sign} {written} {self.column}"


@frozen
class Shape:
    """What is asked for, how the tables call it, and the goals."""

    name: str
    title: str
    goals: tuple[Goal, ...] = ()


@frozen
class Question:
    """A benchmark: its name in the results, its shapes, and how many requests are in flight."""

    name: str
    shapes: tuple[Shape, ...]
    in_flight: tuple[int, ...]


@frozen
class Found:
    """One table's worth: everybody's rounds, and who is missing."""

    shape: Shape
    in_flight: int
    rounds: Rounds
    missing: tuple[Missing, ...]
    server: str

    @property
    def title(self) -> str:
        """What was asked, and how many at a time."""
        return f"{self.shape.title}, {self.in_flight} in flight"

    def spread(self, who: str, column: str) -> Spread | None:
        """Return a figure of one contestant, None where it means nothing."""
        if column == TO_RAW:
            return self.rounds.ratio(who) if who != RAW else None
        if column == TO_OURS:
            return self.rounds.between(who, OURS) if OURS in self.rounds.samples and who != OURS else None
        return self._polled(who) if self.shape.name.startswith("poll") else None

    def goals(self, who: str) -> list[Goal]:
        """Return what one contestant should reach here."""
        return [goal for goal in self.shape.goals if goal.who == who and self.in_flight in goal.in_flight]

    def figures(self) -> Iterator[Figure]:
        """Yield what two runs are compared by; which way is better is known of this library and of goals."""
        for who in self.rounds.samples:
            spreads = {column: self.spread(who, column) for column in (TO_RAW, TO_OURS, POLLED)}
            spreads |= {"CPU, µs": self.rounds.cpu(who), "requests a second": self.rounds.per_second(who)}
            for column, spread in spreads.items():
                goal = next((goal for goal in self.goals(who) if goal.column == column), None)
                mine: Literal["lower"] | None = "lower" if column == TO_RAW and who in ALL_OURS else None
                if spread is not None:
                    yield Figure(
                        name=f"{self.title}: {who}: {column}",
                        value=spread.median,
                        low=spread.low,
                        high=spread.high,
                        better=mine if goal is None else goal.better,
                        goal=None if goal is None else goal.bound,
                        quiet=not self.rounds.is_noisy,
                    )

    def table(self) -> Table:
        """Return a row for everybody, whether measured or not."""
        rows = [self._row(who) for who in self.rounds.samples]
        rows += [(one.name, *[None] * (len(COLUMNS) - 2), f"not measured: {one.reason}") for one in self.missing]
        return _without_empty_columns(Table(self.title, COLUMNS, tuple(rows), self.note()))

    def note(self) -> str:
        """Say which server it was, how busy, and whether the run can be trusted."""
        busiest = max(self.server_busy(who) or 0 for who in self.rounds.samples)
        told = [f"Server: {self.server}, {cores.layout()}."]
        if busiest > BUSY:
            told.append(
                f"It was up to {100 * busiest:.0f} % busy, so requests a second may be its limit and not theirs."
            )
        if self.rounds.is_noisy:
            told.append(
                f"**This run was too noisy**: the quartiles of {self.rounds.reference} are "
                f"{100 * self.rounds.cpu(self.rounds.reference).width:.0f} % apart, more than {100 * NOISY:.0f} %."
            )
        return " ".join(told)

    def server_busy(self, who: str) -> float | None:
        """Return the share of its time that the server was at work for one contestant."""
        return self.rounds.server_busy(who)

    def _polled(self, who: str) -> Spread:
        size = size_of(self.shape.name)
        cpu = self.rounds.cpu(who)
        return Spread(1e6 * size / cpu.median, 1e6 * size / cpu.high, 1e6 * size / cpu.low)

    def _row(self, who: str) -> tuple[Cell, ...]:
        ratio, cpu, busy = self.rounds.ratio(who), self.rounds.cpu(who), self.server_busy(who)
        polled, goals = self.spread(who, POLLED), self.goals(who)
        to_ours = self.rounds.between(who, OURS) if OURS in self.rounds.samples else None
        return (
            who,
            *(ratio.median, ratio.low, ratio.high),
            None if to_ours is None else to_ours.median,
            *(cpu.median, cpu.low, cpu.high),
            self.rounds.per_second(who).median,
            None if busy is None else 100 * busy,
            None if polled is None else polled.median,
            " and ".join(map(str, goals)) or None,
            " and ".join(self._reached(who, goal) for goal in goals) or None,
        )

    def _reached(self, who: str, goal: Goal) -> str:
        spread = self.spread(who, goal.column)
        if spread is None:
            return "not known"
        reached = spread.median <= goal.bound if goal.better == "lower" else spread.median >= goal.bound
        return "yes" if reached else "**no**"


def _without_empty_columns(table: Table) -> Table:
    """Leave out columns in which nothing stands, but always keep those of the goal."""
    kept = [
        number
        for number, name in enumerate(table.columns)
        if name in {"goal", "reached"} or any(row[number] is not None for row in table.rows)
    ]
    rows = tuple(tuple(row[number] for number in kept) for row in table.rows)
    return evolve(table, columns=tuple(table.columns[number] for number in kept), rows=rows)


@frozen
class Effort:
    """How long is measured: ``rounds`` that count, ``seconds`` for each contestant in each."""

    rounds: int
    seconds: float
    seed: int


def ask(
    question: Question,
    effort: Effort,
    *,
    server: StaticServer,
    only: Sequence[str] | None = None,
    told: Callable[[str], object] = print,
) -> tuple[list[Found], dict[str, Mapping[str, str | None]]]:
    """Measure all; return what was found and the versions of everybody."""
    found: list[Found] = []
    versions_of: dict[str, Mapping[str, str | None]] = {}
    for shape in question.shapes:
        everybody = contestants(server.base_url, shape.name, only=only)
        there = [one for one in everybody if isinstance(one, Contestant)]
        missing = tuple(one for one in everybody if isinstance(one, Missing))
        versions_of |= {one.name: versions(one) for one in there if one.name not in versions_of}
        with workers(there) as running:
            for in_flight in question.in_flight:
                rounds = measure(
                    running,
                    Task(effort.seconds, in_flight),
                    reference=RAW,
                    rounds=effort.rounds,
                    seed=effort.seed,
                    busy=server.busy,
                )
                found.append(Found(shape, in_flight, rounds, missing, server.name))
                told(f"measured: {found[-1].title}")
    return found, versions_of


def main(question: Question, describes: str | None, arguments: Sequence[str] | None, folder: Path = FOLDER) -> None:
    """Measure as the command line says, and write the tables."""
    parser = argparse.ArgumentParser(description=describes, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.7, help="for each contestant in each round")
    parser.add_argument("--seed", type=int, default=1, help="of the order within each round")
    parser.add_argument("--in-flight", type=int, nargs="+", help="requests at a time")
    parser.add_argument("--only", nargs="+", help="the names of some contestants")
    parser.add_argument("--server", choices=SERVERS, help="nginx when there is one")
    parser.add_argument("--quick", action="store_true", help="a smoke run: two short rounds")
    options = parser.parse_args(arguments)
    if options.only and RAW not in options.only:
        parser.error(f"{RAW!r} must be among them: it is what everybody is measured by")
    effort = Effort(2, 0.1, options.seed) if options.quick else Effort(options.rounds, options.seconds, options.seed)
    asked = evolve(question, in_flight=tuple(options.in_flight or question.in_flight))
    with serving(options.server) as server:
        found, versions_of = ask(asked, effort, server=server, only=options.only)
    save(
        question.name,
        [one.table() for one in found],
        figures=[figure for one in found for figure in one.figures()],
        quick=options.quick,
        folder=folder,
        seed=effort.seed,
        rounds=effort.rounds,
        seconds=effort.seconds,
        server=server.name,
        cores=cores.layout(),
        allocator=dict(cores.ALLOCATOR),
        too_noisy=[one.title for one in found if one.rounds.is_noisy],
        versions=versions_of,
    )
