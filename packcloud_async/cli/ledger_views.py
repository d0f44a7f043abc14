"""The contents of a ledger for a reader or a program, written as they are read."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Final

from attrs import frozen
from rich import box
from rich.table import Table
from rich.text import Text

from packcloud_async._io.ledger_reading import LedgerContents
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.ledger_records import LedgerJob, LedgerKind, LedgerTarget, TargetState, error_text
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async.cli.console import console_for_tables, in_utc, safe, write_json
from packcloud_async.cli.outcome_views import style_of
from packcloud_async.errors import SyncError
from packcloud_async.models import SyncKind

# A table is laid out as a whole, so that a long one is written in pieces.
ROWS_OF_A_TABLE: Final = 1_000


@frozen
class _Row:
    """One integration, or a target that has none (yet); ``state`` says how far that came."""

    organization_id: str
    integration_id: str | None
    state: str
    finished: bool
    kinds: Mapping[SyncKind, LedgerKind]
    error: str | None


def show_as_json(contents: LedgerContents) -> None:
    """Write one object for each row."""
    for row in _rows(contents):
        write_json(_as_json(row))


def show_as_tables(contents: LedgerContents) -> None:
    """Write every row, then the ledger in numbers."""
    console = console_for_tables()
    rows = _rows(contents)
    while piece := list(islice(rows, ROWS_OF_A_TABLE)):
        console.print(_table(piece))
    for line in in_numbers(contents):
        console.print(safe(line), soft_wrap=True)


def in_numbers(contents: LedgerContents) -> Iterator[str]:
    """Say in a few sentences what the ledger holds, and who holds it."""
    run, counts = contents.run, contents.counts
    if run is None:
        yield "No run was begun in it."
    else:
        end = "not finished" if run.finished is None else f"finished {_moment(run.finished)}"
        yield f"Run started {_moment(run.started)}, {end}."
        yield f"Targets: {counts.waiting} waiting, {counts.listed} listed, {counts.failed} failed."
        yield f"Integrations: {counts.finished} finished, {counts.unfinished} unfinished."
    if contents.is_held:
        yield f"Held by {contents.holder or 'a process that is just opening it'}."
    elif contents.holder is not None:
        yield f"Not held: {contents.holder}, ended without closing it."


def _rows(contents: LedgerContents) -> Iterator[_Row]:
    for target in contents.targets():
        if not target.jobs:
            yield _row_of_target(target)
        for job in target.jobs:
            yield _row_of_job(target, job)


def _row_of_target(target: LedgerTarget) -> _Row:
    done = target.state is not TargetState.WAITING
    return _Row(target.target.organization_id, None, target.state.value, done, {}, target.error)


def _row_of_job(target: LedgerTarget, job: LedgerJob) -> _Row:
    kinds: Mapping[SyncKind, LedgerKind] = {}
    error = job.error
    try:
        kinds = job.kinds
    except SyncError as unreadable:
        # One damaged token must not hide the others.
        error = error or error_text(unreadable)
    return _Row(target.target.organization_id, job.integration_id, target.state.value, job.finished, kinds, error)


def _as_json(row: _Row) -> JsonValue:
    return {
        "organization": row.organization_id,
        "integration": row.integration_id,
        "target": row.state,
        "finished": row.finished,
        "kinds": {kind.value: {"state": of.state.value, "error": of.error} for kind, of in row.kinds.items()},
        "error": row.error,
    }


def _table(rows: Iterable[_Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for title in ("Organization", "Integration", *(_title(kind) for kind in SyncKind), "Error"):
        table.add_column(title, overflow="fold", min_width=max(map(len, title.split())))
    for row in rows:
        table.add_row(
            safe(row.organization_id),
            safe(row.integration_id or f"({row.state})"),
            *(_cell(row.kinds.get(kind)) for kind in SyncKind),
            safe(", ".join(_errors(row)) or "-"),
        )
    return table


def _title(kind: SyncKind) -> str:
    return kind.value.replace("_", " ").capitalize()


def _cell(kind: LedgerKind | None) -> Text:
    if kind is None:
        return Text("-")
    return safe(kind.state.value, style_of(kind.state) if isinstance(kind.state, Outcome) else "")


def _errors(row: _Row) -> Iterator[str]:
    if row.error is not None:
        yield row.error
    for kind, of in row.kinds.items():
        if of.error is not None:
            yield f"{kind.value}: {of.error}"


def _moment(time: datetime) -> str:
    return in_utc(time, "%Y-%m-%d %H:%M:%S UTC")
