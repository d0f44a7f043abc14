"""What bounds a fleet as it grows, worked out from what ``fleet`` and ``fleet_turns`` found. Pure.

Nothing is measured here: each row is a product or a quotient of figures that stand in the tables of those two.
"""

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
    costs, database, paces = map(Table.from_json, results["fleet"]["tables"][:3])
    run, kept = last_of(costs), last_of(database)
    requests, engine_jobs = (number(run[name]) for name in ("requests a job", "engine jobs a job"))
    commits, log, size = (number(kept[name]) for name in ("commits", "bytes of its log", "bytes kept"))
    pace = most_of(paces, "engine jobs")
    turns = most_of(Table.from_json(results["fleet_turns"]["tables"][0]), "turns a second")
    rows: list[tuple[str, float]] = [
        (f"API: hours at {QUOTA} requests a second", requests / QUOTA / HOUR),
        ("API: requests a second, to be done in a day", requests / DAY),
        ("budget: hours, if its turns were the bound", requests / turns / HOUR),
        ("engine: jobs a second, to be done in a day", engine_jobs / DAY),
        ("engine: hours at the most it did a second", engine_jobs / pace / HOUR),
        ("database: commits a second, to be done in a day", commits / DAY),
        ("database: GB of its log, each run", log / GIGABYTE),
        ("database: GB for each run that is kept", size / GIGABYTE),
    ]
    note = (
        f"For an integration {requests:.3g} requests, {engine_jobs:.3g} jobs of the engine, {commits:.3g} commits, "
        f"{log:,.0f} bytes of log and {size:,.0f} bytes that are kept, as {next(iter(run.values()))} had them; "
        f"{pace:,.0f} jobs of the engine and {turns:,.0f} turns a second, at most."
    )
    columns = ("one run over so many integrations", *(f"{size:,}" for size in SIZES))
    return [Table("What bounds a fleet", columns, tuple(_row(name, each) for name, each in rows), note)]


def _row(name: str, each: float) -> Sequence[Cell]:
    return (name, *(each * size for size in SIZES))


def last_of(table: Table) -> Mapping[str, Cell]:
    """Return the last row by its columns: that of the most workers."""
    return dict(zip(table.columns, table.rows[-1], strict=True))


def most_of(table: Table, column: str) -> float:
    """Return the largest number of a column, of any number of workers."""
    place = table.columns.index(column)
    return max(number(row[place]) for row in table.rows if row[place] is not None)


def number(cell: Cell) -> float:
    """Return a cell that holds a number."""
    assert isinstance(cell, int | float), cell
    return float(cell)
