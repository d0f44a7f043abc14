"""What bounds a fleet as it grows, worked out from what ``fleet`` and ``fleet_turns`` found. Pure.

Nothing is measured here: each row is a product or a quotient of figures that stand in the tables of those two.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.results import Cell, Table

NEEDED = frozenset({"fleet", "fleet_turns"})
"""The benchmarks whose results are used."""
SIZES = (10_000, 1_000_000, 100_000_000)
QUOTA = 50
"""Requests a second that an API may allow; none is documented."""
DAY, HOUR = 86_400, 3_600
GIGABYTE = 1e9


def tables(results: Mapping[str, Any]) -> list[Table]:
    """Return what a run over so many integrations takes of each thing that there is only so much of."""
    run = Table.from_json(results["fleet"]["tables"][0])
    workers = dict(zip(run.columns, run.rows[-1], strict=True))
    engine_jobs = number(workers["engine jobs"]) / jobs_of(run.title)
    requests, size, pace = (number(workers[name]) for name in ("requests a job", "bytes a job", "of them a second"))
    turns = turns_of(Table.from_json(results["fleet_turns"]["tables"][0]))
    rows: list[tuple[str, float]] = [
        (f"API: hours at {QUOTA} requests a second", requests / QUOTA / HOUR),
        ("API: requests a second, to be done in a day", requests / DAY),
        ("budget: hours, if its turns were the bound", requests / turns / HOUR),
        ("engine: jobs a second, to be done in a day", engine_jobs / DAY),
        ("engine: hours at the pace of the table above", engine_jobs / pace / HOUR),
        ("database: GB for each run that is kept", size / GIGABYTE),
    ]
    note = (
        f"For an integration {requests:.3g} requests, {engine_jobs:.3g} jobs of the engine and {size:,.0f} bytes, as "
        f"{workers['']} had them; {turns:,.0f} turns a second."
    )
    columns = ("one run over so many integrations", *(f"{size:,}" for size in SIZES))
    return [Table("What bounds a fleet", columns, tuple(_row(name, each) for name, each in rows), note)]


def _row(name: str, each: float) -> Sequence[Cell]:
    return (name, *(each * size for size in SIZES))


def jobs_of(title: str) -> int:
    """Return how many integrations were synced, from the title of the table."""
    found = re.match(r"One run of (\d+) organizations of (\d+)", title)
    assert found is not None, title
    return int(found[1]) * int(found[2])


def turns_of(table: Table) -> float:
    """Return how many turns a second there were at most, of any number of workers."""
    place = table.columns.index("turns a second")
    return max(number(row[place]) for row in table.rows)


def number(cell: Cell) -> float:
    """Return a cell that holds a number."""
    assert isinstance(cell, int | float), cell
    return float(cell)
