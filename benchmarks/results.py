"""What the benchmarks found, in ``results.json``: one entry a benchmark, with all that is needed to find it again."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

from attrs import asdict, frozen

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks"
FILE = "results.json"

Cell = str | int | float | None


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
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def save(name: str, tables: Sequence[Table], *, folder: Path = FOLDER) -> None:
    """Print the tables, and write them with the command and what it ran on."""
    print("\n\n".join(map(str, tables)))
    everything = dict(load(folder)) if (folder / FILE).exists() else {}
    everything[name] = {
        "command": " ".join(["python -m", f"benchmarks.{name}", *sys.argv[1:]]),
        "machine": machine(),
        "tables": [asdict(table) for table in tables],
    }
    written_out = json.dumps(dict(sorted(everything.items())), indent=1, ensure_ascii=False)
    (folder / FILE).write_text(written_out + "\n", encoding="utf-8")


def load(folder: Path = FOLDER) -> Mapping[str, Any]:
    """Return what was found by the name of each benchmark: command, machine and tables."""
    found: Mapping[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return found


def tables_of(name: str, folder: Path = FOLDER) -> list[Table]:
    """Return the tables of one benchmark."""
    return [Table.from_json(table) for table in load(folder)[name]["tables"]]


def machine() -> str:
    """Return what a figure depends on: versions and cores."""
    packages = [f"{name} {found}" for name in ("aiohttp", "attrs", "cattrs", "msgspec") if (found := _version(name))]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {', '.join(packages)}; {platform.system()}, {os.cpu_count()} cores"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
