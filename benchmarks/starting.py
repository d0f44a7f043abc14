"""How long the command line takes to say something: ``packcloud --help`` and its like, from start to end.

    python -m benchmarks.starting [--rounds 15]

Each row is a fresh process on one core, once a round, in an order drawn anew; the first round only writes the bytecode,
as an installation does. ``packcloud`` is the program that an installation puts beside the interpreter. The floor is
what the interpreter and the two libraries of the command line take by themselves: nothing here can be faster. Waiting
is what somebody at a terminal waits, the clock on the wall; processor time is beside it. Nothing goes over a network.
"""

import argparse
import random
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks.arguments import counting
from benchmarks.measuring import cores, fresh
from benchmarks.measuring.fresh import Took
from benchmarks.measuring.rounds import Spread, noise, spread
from benchmarks.results import FOLDER, Cell, Figure, Table, save

QUICK = ("--rounds", "2")

GOAL = 0.4
"""Seconds until the help of the command line is there, on the machine it was measured on."""
FLOOR = "`import click, rich.console`"


@frozen
class Row:
    """A command, and the seconds it should not wait longer than; None where that is not ours to set."""

    name: str
    arguments: tuple[str, ...]
    goal: float | None = None


def rows(program: Path) -> tuple[Row, ...]:
    """Return what is measured, the floors first."""
    return (
        Row("an interpreter that does nothing", ("-c", "pass")),
        Row("`import asyncio`", ("-c", "import asyncio")),
        Row(FLOOR, ("-c", "import click, rich.console")),
        *(
            Row(f"`packcloud {arguments}`", (str(program), *arguments.split()), GOAL)
            for arguments in ("--version", "--help", "sync --help", "doctor --help")
        ),
    )


@frozen
class Found:
    """What each row took in each round."""

    rows: Sequence[Row]
    took: Mapping[str, Sequence[Took]]

    def wall(self, name: str) -> Spread:
        """Return the milliseconds somebody waits."""
        return spread(1_000 * one.wall for one in self.took[name])

    def noise(self) -> str | None:
        """Say why the run cannot be called quiet, None when it can."""
        return noise(self.wall(FLOOR), FLOOR)

    def figures(self) -> Iterator[Figure]:
        """Yield how long each of ours is waited for, with the floor of both libraries."""
        for row in self.rows:
            if row.goal is None:
                continue
            waited = spread(one.wall for one in self.took[row.name])
            yield Figure(
                name=f"{row.name}: seconds",
                value=waited.median,
                low=waited.low,
                high=waited.high,
                better="lower",
                goal=row.goal,
                quiet=self.noise() is None,
                floor=self.wall(FLOOR).median / 1_000,
            )

    def table(self) -> Table:
        """Put what is waited for, processor time and the ratio to the floor under each other."""
        note = " ".join(filter(None, [NOTE, self.noise()]))
        return Table("The command line starts", COLUMNS, tuple(map(self._row, self.rows)), note)

    def _row(self, row: Row) -> tuple[Cell, ...]:
        waited, floor = self.took[row.name], self.took[FLOOR]
        ratio = spread(mine.wall / one.wall for mine, one in zip(waited, floor, strict=True))
        reached = None if row.goal is None else "yes" if self.wall(row.name).median <= 1_000 * row.goal else "**no**"
        return (
            row.name,
            str(self.wall(row.name)),
            str(spread(1_000 * one.cpu for one in waited)),
            None if row.name == FLOOR else str(ratio),
            None if row.goal is None else f"≤ {1_000 * row.goal:g} ms",
            reached,
        )


COLUMNS = ("what", "waited for, ms", "processor time, ms", f"x {FLOOR}", "goal", "reached")
NOTE = "Medians and quartiles, of whole processes; ratios are within one round."


def measure(wanted: Sequence[Row], *, rounds: int, seed: int) -> Found:
    """Run every row once a round."""
    draws = random.Random(seed)
    took: dict[str, list[Took]] = {row.name: [] for row in wanted}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for row in draws.sample(wanted, len(wanted)):
                one = fresh.run([sys.executable, *row.arguments], folder=folder, quiet=True)
                if number:
                    took[row.name].append(one)
    return Found(wanted, took)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=counting, default=15)
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args(arguments)
    program = Path(sysconfig.get_path("scripts")) / "packcloud"
    if not program.exists():
        parser.error(f"there is no {program.name} beside the interpreter: install the package with its extra `cli`")
    found = measure(rows(program), rounds=options.rounds, seed=options.seed)
    save(
        "starting",
        [found.table()],
        figures=list(found.figures()),
        folder=folder,
        seed=options.seed,
        rounds=options.rounds,
        core=cores.layout(),
    )


if __name__ == "__main__":
    main()
