"""The costs that ``docs/comparison.md`` shows: what others found, side by side. Pure.

Nothing is measured here, and nothing rounded twice: every cell is one of the tables that the benchmarks wrote.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measuring.contestants import GENERATOR, HTTPX, JSON, OURS, PLAIN, PYTHON_CLIENT, RAW
from benchmarks.results import Cell, Table

CLIENTS = (RAW, JSON, OURS, PLAIN, HTTPX, GENERATOR, PYTHON_CLIENT)
REQUESTS: Mapping[str, tuple[str, str]] = {
    "one typed GET": ("one_get", "One typed GET, 64 in flight"),
    "a typed page of 25": ("pages", "A typed page of 25, 64 in flight"),
    "the POST of a sync": ("sync_post", "The POST of a sync, 64 in flight"),
}
TIME, TO_RAW = "CPU, µs", "x raw aiohttp"
WHOLE_RUN = "whole_run"
WAYS = ("(a)", "(b)", "(c)", "(d)")
KEPT = (
    "way",
    "reads",
    "client: CPU, s",
    "CPU against (a)",
    "peak, MiB",
    "delay: median, s",
    "95 %",
    "told: median, s",
    "told: 95 %",
    "outcomes wrong",
)
NEEDED = frozenset({*(name for name, _ in REQUESTS.values()), WHOLE_RUN})
"""The benchmarks whose results are shown."""


def tables(results: Mapping[str, Any]) -> list[Table]:
    """Return what a request costs with each client, and what a whole run costs in each way."""
    return [_requests(results), _ways(_titled(results[WHOLE_RUN], None))]


def _requests(results: Mapping[str, Any]) -> Table:
    found = {what: _titled(results[name], title) for what, (name, title) in REQUESTS.items()}
    columns = [f"{what}: {kind}" for what in found for kind in (TIME, TO_RAW)]
    rows = [(client, *(cell for table in found.values() for cell in _costs(table, client))) for client in CLIENTS]
    notes = dict.fromkeys(table.note for table in found.values() if table.note)
    title = "Processor time of the client for one request, 64 in flight"
    return Table(title, ("client", *columns), tuple(rows), " ".join(notes))


def _costs(table: Table, client: str) -> Sequence[Cell]:
    row = next((dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == client), None)
    return (None, None) if row is None else (row[TIME], row[TO_RAW])


def _ways(table: Table) -> Table:
    places = [table.columns.index(name) for name in KEPT]
    rows = [tuple(row[at] for at in places) for row in table.rows if str(row[0]).startswith(WAYS)]
    return Table(table.title, KEPT, tuple(rows), table.note)


def _titled(entry: Mapping[str, Any], title: str | None) -> Table:
    """Return the table of that title, the first one for None."""
    every = [Table.from_json(table) for table in entry["tables"]]
    return next(table for table in every if title in {None, table.title})
