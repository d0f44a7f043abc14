"""What it takes to make models of the bytes of an answer, without any request.

    python -m benchmarks.decoding [--rounds 9] [--seconds 0.5] [--sizes 1 25 100 1000]

Each contestant is a process of its own and decodes the same page: integrations as the document prints them, with two
fields no model knows, which this library keeps and the others drop. It is asked for as many pages at once as make a
thousand integrations, so that nothing of the harness is in the figures. Ratios are within one round.
"""

import argparse
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from benchmarks.decoders import DECODERS, NEEDS
from benchmarks.measuring.answers import page
from benchmarks.measuring.rounds import Contestant, Rounds, measure, workers
from benchmarks.measuring.samples import Task
from benchmarks.measuring.worker import Ask
from benchmarks.results import FOLDER, Cell, Table, save

SIZES = (1, 25, 100, 1000)
AT_ONCE = 1000
OURS, WITHOUT, CATTRS, MSGSPEC = "ours", "ours without `speed`", "cattrs as it comes", "msgspec straight into attrs"
GOALS = (
    (CATTRS, OURS, ">= 2"),
    (CATTRS, WITHOUT, ">= 2"),
    (OURS, MSGSPEC, "<= 2.5"),
    (WITHOUT, MSGSPEC, None),
)

QUICK = ("--rounds", "1", "--seconds", "0.05", "--sizes", "1", "25")


@asynccontextmanager
async def decoding(name: str, size: str) -> AsyncIterator[Ask]:
    """Give what decodes a thousand integrations, in pages of this size."""
    decode, body = DECODERS[name](), json.dumps(page(int(size)), separators=(",", ":")).encode()
    assert len(decode(body)) == int(size)

    async def ask() -> None:
        for _ in range(AT_ONCE // int(size)):
            decode(body)

    yield ask


def contestants(size: int) -> Sequence[Contestant]:
    """Return who can run here."""
    names = [name for name in DECODERS if name not in NEEDS or find_spec(NEEDS[name])]
    return [Contestant(name, "benchmarks.decoding:decoding", (name, str(size))) for name in names]


def each(found: Rounds, name: str) -> str:
    """Return microseconds for one integration."""
    spread = found.cpu(name)
    return f"{spread.median / AT_ONCE:.2f}"


def tables(found: dict[int, Rounds]) -> Sequence[Table]:
    """Put the rounds of every size beside each other."""
    columns = tuple(f"{size:,} integration{'s' if size > 1 else ''}" for size in found)
    names = list(next(iter(found.values())).samples)
    rows: list[tuple[Cell, ...]] = [(name, *(each(rounds, name) for rounds in found.values())) for name in names]
    ratios: list[tuple[Cell, ...]] = [
        (f"{one} against {other}", *(str(rounds.between(one, other)) for rounds in found.values()), goal)
        for one, other, goal in GOALS
        if one in names and other in names
    ]
    noisy = [f"{size:,}" for size, rounds in found.items() if rounds.is_noisy]
    note = f"The machine was too noisy for {', '.join(noisy)}: repeat it." if noisy else ""
    return [
        Table("Microseconds of processor time for one integration", ("decoder", *columns), tuple(rows), note),
        Table("Ratios", ("what", *columns, "goal"), tuple(ratios), "Medians and quartiles of the rounds' own ratios."),
    ]


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args(arguments)
    found: dict[int, Rounds] = {}
    for size in options.sizes:
        with workers(contestants(size)) as running:
            task = Task(seconds=options.seconds, in_flight=1)
            found[size] = measure(running, task, reference=OURS, rounds=options.rounds, seed=options.seed)
    save("decoding", tables(found), folder=folder)


if __name__ == "__main__":
    main()
