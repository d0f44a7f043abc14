"""What the benchmarks found, in ``results.json``: one entry a benchmark, with all that is needed to find it again."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Self

from attrs import asdict, frozen

ROOT = Path(__file__).parent.parent
FILE = "results.json"
QUICK = "BENCHMARKS_QUICK"
"""In the environment of a smoke run: what it finds is marked so."""
FOLDER = Path(os.environ.get("BENCHMARKS_FOLDER") or ROOT / "benchmarks")
SMOKE = ROOT / "build" / "benchmarks"
"""Where a smoke run writes, so that it never takes the place of what was measured."""

Cell = str | int | float | None


@frozen(kw_only=True)
class Figure:
    """A number with the quartiles around it, which way is better, and the goal it should reach if there is one.

    ``floor`` is the best there can be, None where nobody knows. It is not ``quiet`` when it stems from a run that was
    too noisy.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    better: Literal["lower", "higher"] | None = None
    goal: float | None = None
    quiet: bool = True
    floor: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it is at the goal or on the better side of it."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


@frozen
class Table:
    """Rows under columns; None is an empty cell. ``note`` says what the reader cannot see."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __str__(self) -> str:
        head = "| " + " | ".join(self.columns) + " |"
        line = "|---|" + "--:|" * (len(self.columns) - 1)
        rows = ["| " + " | ".join(map(written, row)) + " |" for row in self.rows]
        return "\n".join([f"**{self.title}**", "", head, line, *rows, *(["", self.note] if self.note else [])])

    @classmethod
    def from_json(cls, found: Any) -> Self:
        """Read what was written as JSON."""
        return cls(found["title"], tuple(found["columns"]), tuple(map(tuple, found["rows"])), found["note"])


def written(cell: Cell) -> str:
    """Write a number with as many digits as it means."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        # From 999.5 on three digits would be written as 1e+03.
        return f"{cell:,.0f}" if abs(cell) >= 999.5 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def save(
    name: str,
    tables: Sequence[Table],
    *,
    figures: Sequence[Figure] = (),
    quick: bool = False,
    folder: Path = FOLDER,
    **setting: Any,
) -> None:
    """Print the tables, and write them with the command and what it ran on.

    ``figures`` are what ``compare`` looks at, ``setting`` what else one needs to measure the same again: seed, rounds,
    server. What a ``quick`` run found is marked so, and goes to ``SMOKE`` unless it was sent somewhere else.
    """
    if quick and folder == ROOT / "benchmarks":
        folder = SMOKE
        folder.mkdir(parents=True, exist_ok=True)
    print("\n\n".join(map(str, tables)))
    everything = dict(load(folder)) if (folder / FILE).exists() else {}
    everything[name] = {
        "command": " ".join(["python -m", f"benchmarks.{name}", *sys.argv[1:]]),
        "machine": machine(),
        "hardware": hardware(),
        **({"quick": True} if quick or os.environ.get(QUICK) else {}),
        **({"setting": setting} if setting else {}),
        "tables": [asdict(table) for table in tables],
        **({"figures": [asdict(figure) for figure in figures]} if figures else {}),
    }
    written_out = json.dumps(dict(sorted(everything.items())), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(written_out + "\n", encoding="utf-8")


def load(place: Path = FOLDER) -> Mapping[str, Any]:
    """Return what was found by the name of each benchmark: command, machine and tables; from a folder or a file."""
    file = place / FILE if place.is_dir() else place
    found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def tables_of(name: str, folder: Path = FOLDER) -> list[Table]:
    """Return the tables of one benchmark."""
    return [Table.from_json(table) for table in load(folder)[name]["tables"]]


def machine() -> str:
    """Return what a figure depends on: versions and cores."""
    packages = [f"{name} {found}" for name in ("aiohttp", "attrs", "cattrs", "msgspec") if (found := _version(name))]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {', '.join(packages)}; {platform.system()}, {os.cpu_count()} cores"


def hardware() -> dict[str, str | int | None]:
    """Return processor, cores and kernel."""
    return {"processor": _processor(), "cores": os.cpu_count(), "kernel": f"{platform.system()} {platform.release()}"}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
