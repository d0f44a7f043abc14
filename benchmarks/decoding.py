"""What it takes to make models of the bytes of an answer, without any request.

    python -m benchmarks.decoding [--rounds 9] [--seconds 0.5] [--sizes 1 25 100 1000]

Each contestant is a process of its own and decodes the same page: integrations as the document prints them, with two
fields no model knows, which this library keeps and the others drop. It is asked for as many pages at once as make a
thousand integrations, so that nothing of the harness is in the figures. Ratios are within one round.
"""

import argparse
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from attrs import frozen

from benchmarks.arguments import counting, positive
from benchmarks.decoders import DECODERS, NEEDS, prepared
from benchmarks.measuring.answers import page
from benchmarks.measuring.rounds import ENOUGH, NOISY, Contestant, Rounds, Spread, measure, workers
from benchmarks.measuring.samples import Task
from benchmarks.measuring.worker import Ask
from benchmarks.results import FOLDER, Cell, Figure, Table, save

SIZES = (1, 25, 100, 1000)
AT_ONCE = 1000
OURS, WITHOUT, CATTRS, MSGSPEC = "ours", "ours without `speed`", "cattrs as it comes", "msgspec straight into attrs"
BARE_JSON, JSON_BY_HAND = "json, nothing checked", "json, models filled by hand, nothing checked"
MSGSPEC_BY_HAND = "msgspec, models filled by hand"


@frozen
class Compared:
    """Two contestants, and the goal of their ratio; without one it shows where the floor is."""

    one: str
    other: str
    better: Literal["lower", "higher"] = "higher"
    goal: float | None = None

    def __str__(self) -> str:
        return f"{self.one} against {self.other}"

    def figure(self, size: int, found: Rounds) -> Figure:
        """Return what was found of it; it is noisy when one of the two was."""
        ratio = found.between(self.one, self.other)
        return Figure(
            name=f"{_counted(size)}: {self}",
            value=ratio.median,
            low=ratio.low,
            high=ratio.high,
            better=self.better,
            goal=self.goal,
            quiet=not (_is_noisy(found, self.one) or _is_noisy(found, self.other)),
        )


COMPARED = (
    Compared(CATTRS, OURS, goal=2),
    Compared(CATTRS, WITHOUT, goal=2),
    Compared(CATTRS, JSON_BY_HAND),
    Compared(CATTRS, BARE_JSON),
    Compared(WITHOUT, JSON_BY_HAND, "lower"),
    Compared(OURS, MSGSPEC, "lower", 2.5),
    Compared(MSGSPEC_BY_HAND, MSGSPEC, "lower"),
    Compared(OURS, MSGSPEC_BY_HAND, "lower"),
    Compared(WITHOUT, MSGSPEC, "lower"),
)
FLOORS = (
    f"Medians and quartiles of the rounds' own ratios. Two are floors for what keeps unknown fields: "
    f"*{JSON_BY_HAND}* and *{MSGSPEC_BY_HAND}* fill objects with slots, look at no type, no depth and no paging, "
    f"and know all names beforehand; *{BARE_JSON}* makes no models."
)

QUICK = ("--rounds", "1", "--seconds", "0.05", "--sizes", "1", "25")


@asynccontextmanager
async def decoding(name: str, size: str) -> AsyncIterator[Ask]:
    """Give what decodes a thousand integrations, in pages of this size."""
    decode = prepared(name, json.dumps(page(int(size)), separators=(",", ":")).encode())
    assert len(decode()) == int(size)

    async def ask() -> None:
        for _ in range(AT_ONCE // int(size)):
            decode()

    yield ask


def contestants(size: int) -> Sequence[Contestant]:
    """Return who can run here."""
    names = [name for name in DECODERS if name not in NEEDS or find_spec(NEEDS[name])]
    return [Contestant(name, "benchmarks.decoding:decoding", (name, str(size))) for name in names]


def each(found: Rounds, name: str) -> str:
    """Return microseconds for one integration."""
    spread = found.cpu(name)
    return f"{spread.median / AT_ONCE:.2f}"


def figures(found: Mapping[int, Rounds]) -> list[Figure]:
    """Return the ratios of every size."""
    return [
        compared.figure(size, rounds)
        for compared in COMPARED
        for size, rounds in found.items()
        if {compared.one, compared.other} <= set(rounds.samples)
    ]


def tables(found: Mapping[int, Rounds]) -> Sequence[Table]:
    """Put the rounds of every size beside each other."""
    columns = tuple(map(_counted, found))
    names = list(next(iter(found.values())).samples)
    rows: list[tuple[Cell, ...]] = [(name, *(each(rounds, name) for rounds in found.values())) for name in names]
    ratios: list[tuple[Cell, ...]] = [
        (str(compared), *(_ratio(compared.figure(size, rounds)) for size, rounds in found.items()), _goal(compared))
        for compared in COMPARED
        if {compared.one, compared.other} <= set(names)
    ]
    noisy = [f"{name} at {size:,}" for size, rounds in found.items() for name in names if _is_noisy(rounds, name)]
    too_noisy = f"**Too noisy**, the quartiles are more than {100 * NOISY:.0f} % apart or of fewer than {ENOUGH} rounds"
    note = f"{too_noisy}: {', '.join(noisy)}." if noisy else ""
    return [
        Table("Microseconds of processor time for one integration", ("decoder", *columns), tuple(rows), note),
        Table("Ratios", ("what", *columns, "goal"), tuple(ratios), FLOORS),
    ]


def _counted(size: int) -> str:
    return f"{size:,} integration{'s' if size > 1 else ''}"


def _is_noisy(rounds: Rounds, name: str) -> bool:
    return not rounds.cpu(name).is_quiet()


def _ratio(figure: Figure) -> str:
    told = str(Spread(figure.value, figure.low, figure.high))
    missed = "" if figure.reached in {None, True} else " **no**"
    return told + missed + ("" if figure.quiet else " (noisy)")


def _goal(compared: Compared) -> str | None:
    return None if compared.goal is None else f"{'≤' if compared.better == 'lower' else '≥'} {compared.goal:g}"


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=counting, default=9)
    parser.add_argument("--seconds", type=positive, default=0.5)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--sizes", type=counting, nargs="+", default=SIZES)
    options = parser.parse_args(arguments)
    found: dict[int, Rounds] = {}
    for size in options.sizes:
        with workers(contestants(size)) as running:
            task = Task(seconds=options.seconds, in_flight=1)
            found[size] = measure(running, task, reference=OURS, rounds=options.rounds, seed=options.seed)
    setting = {"rounds": options.rounds, "seconds": options.seconds, "seed": options.seed}
    save("decoding", tables(found), figures=figures(found), folder=folder, **setting)


if __name__ == "__main__":
    main()
