"""Bytes of the process for each model that is kept: pages of a hundred integrations, decoded one after the other.

``python -m benchmarks.memory`` runs this, each row in a process of its own; nothing here imports the package before a
decoder does, because one of them is the package without msgspec.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec

from benchmarks.decoders import DECODERS, NEEDS
from benchmarks.measuring.answers import integration
from benchmarks.measuring.cores import ALLOCATED, environment
from benchmarks.measuring.resident import resident
from benchmarks.results import ROOT, Figure, Table

FLOOR = "msgspec straight into attrs"
MODELS = ("ours", "ours without `speed`", "pydantic v2", FLOOR, "json, nothing checked")
HAVE_THE_GOAL = MODELS[:2]
GOAL = 666
COLUMNS = ("decoder", "ten fields", "with two unknown fields", "goal of each")
NOTE = (
    "Ten fields are those the document prints, with ids and times of their own in each. The two unknown ones are a "
    "text and an object of two texts; this library keeps them in `extra`, pydantic and msgspec drop them here. "
    f"No server and no seed: the fields are counted up. {ALLOCATED}"
)

ONLY_BY_NAME = "`memory` runs it"


def measured(number: int) -> Mapping[str, tuple[float, float]]:
    """Measure so many models of every decoder that is installed, without unknown fields and with them."""
    there = [decoder for decoder in MODELS if decoder not in NEEDS or find_spec(NEEDS[decoder])]
    return {
        decoder: (
            _in_own_process(decoder, extra=False, number=number),
            _in_own_process(decoder, extra=True, number=number),
        )
        for decoder in there
    }


def table(found: Mapping[str, tuple[float, float]]) -> Table:
    """Write what was measured, with the goal beside it."""
    rows = [
        (decoder, *map(round, sizes), f"<= {GOAL}" if decoder in HAVE_THE_GOAL else None)
        for decoder, sizes in found.items()
    ]
    return Table("Bytes of the process for each model", COLUMNS, tuple(rows), NOTE)


def figures(found: Mapping[str, tuple[float, float]]) -> Iterator[Figure]:
    """Yield what has a goal; the floor is the same class filled by msgspec, which keeps nothing beside the fields."""
    floor = found.get(FLOOR)
    for decoder in HAVE_THE_GOAL:
        if decoder not in found:
            continue
        # The floor drops what it does not know, and so says nothing of a model that keeps it.
        floors = (None if floor is None else floor[0], None)
        for what, size, least in zip(("ten fields", "ten fields and two unknown"), found[decoder], floors, strict=True):
            yield Figure(
                name=f"a model of {what}, {decoder}: bytes of the process",
                value=size,
                better="lower",
                goal=GOAL,
                floor=least,
            )


def _in_own_process(decoder: str, *, extra: bool, number: int) -> float:
    command = [sys.executable, "-m", "benchmarks.models", decoder, "extra" if extra else "", str(number)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
    return float(done.stdout)


def kept(decoder: str, *, extra: bool, number: int) -> float:
    """Decode so many integrations, keep them, and return the bytes for each."""
    decode, models = DECODERS[decoder](), list[object]()
    decode(page(0, extra=extra))
    gc.collect()
    before = resident()
    for first in range(0, number, 100):
        models += decode(page(first, extra=extra))
    gc.collect()
    return (resident() - before) / len(models)


def page(first: int, *, extra: bool) -> bytes:
    """Return a page of a hundred integrations, numbered from ``first`` on."""
    data = [integration(first + number) for number in range(100)]
    for number, one in enumerate(data, first):
        for month, name in enumerate([name for name in one if name.endswith("_at")], 1):
            time = f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
            one[name] = f"2026-{month:02}-01T{time}.{number:06}Z"
        if not extra:
            del one["connector"], one["status"]
    return json.dumps({"data": data, "links": {"prev": None, "next": None}}).encode()


if __name__ == "__main__":
    print(kept(sys.argv[1], extra=bool(sys.argv[2]), number=int(sys.argv[3])))
