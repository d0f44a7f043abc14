"""What was found of one shape: a table with the goals beside the figures, and the figures two runs are compared by."""

from collections.abc import Iterator
from typing import Literal

from attrs import evolve, frozen

from benchmarks.measuring import cores
from benchmarks.measuring.answers import size_of
from benchmarks.measuring.contestants import ALL_OURS, OURS, RAW, Missing
from benchmarks.measuring.rounds import OWN_NOISY, Rounds, Spread, noise
from benchmarks.measuring.server import BUSY
from benchmarks.results import Cell, Figure, Table

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
                        quiet=self._is_quiet(who, spread),
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
        if (noisy := noise(self.rounds.cpu(self.rounds.reference), self.rounds.reference)) is not None:
            told.append(noisy)
        told += (
            f"**Noisy too**: the quartiles of {who} are {100 * ratio.width:.0f} % apart."
            for who, ratio in ((who, self.rounds.ratio(who)) for who in self.rounds.samples if who in ALL_OURS)
            if ratio.has_quartiles and not ratio.is_quiet(OWN_NOISY)
        )
        return " ".join(told)

    def server_busy(self, who: str) -> float | None:
        """Return the share of its time that the server was at work for one contestant."""
        return self.rounds.server_busy(who)

    def _is_quiet(self, who: str, spread: Spread) -> bool:
        """Whether the reference was quiet, and a figure of ours itself as well."""
        return not self.rounds.is_noisy and (who not in ALL_OURS or spread.is_quiet(OWN_NOISY))

    def _polled(self, who: str) -> Spread:
        size = size_of(self.shape.name)
        cpu = self.rounds.cpu(who)
        if cpu.low is None or cpu.high is None:
            return Spread(1e6 * size / cpu.median, None, None)
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
