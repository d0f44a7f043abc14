"""Runs of a fleet for a reader or a program."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich import box
from rich.table import Table

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.cli.console import console_for_prose, console_for_tables, in_utc, safe, write_json
from packcloud_async.cli.outcome_views import tally
from packcloud_async.cli.results import in_numbers
from packcloud_async.cli.run_views import RunView
from packcloud_async.cli.sync_runs import writer_for
from packcloud_async.models import SyncKind
from packcloud_async.report import SyncReport

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet, Run

_FORM: Final = "%Y-%m-%d %H:%M"
_NAME: Final = 26
"""So long a name stands on one line; those that are made up have 22 characters."""


async def write_results(opened: "Fleet", run_id: str, *, as_json: bool, quiet: bool) -> bool:
    """Write the results of a run as they come; return whether nothing failed."""
    went_well = True
    with writer_for(as_json=as_json, quiet=quiet) as writer:
        async for result in opened.results(run_id):
            writer.write(result)
            went_well = went_well and not result.failed
        writer.close(await opened.report(run_id))
    return went_well


def show_runs(runs: "Sequence[Run]", *, as_json: bool) -> None:
    """Write one line, or one object, for each run."""
    if as_json:
        for run in runs:
            write_json(_as_json(run))
        return
    if not runs:
        console_for_prose().print("There is no run in this database.")
        return
    table = Table(box=box.SIMPLE, pad_edge=False)
    console = console_for_tables()
    # A name is what other commands are given: it is never cut, but may go on below.
    widest = max(len(run.run_id) for run in runs)
    table.add_column("Run", overflow="fold", width=min(widest, max(_NAME, console.width // 3)))
    table.add_column("Kinds", overflow="fold")
    table.add_column("Begun (UTC)", no_wrap=True)
    table.add_column("State", no_wrap=True)
    for run in runs:
        table.add_row(safe(run.run_id), _kinds(run), in_utc(run.record.started, _FORM), _state(run))
    console.print(table)


def show_run(run_id: str, report: SyncReport, *, as_json: bool) -> None:
    """Write how far a run is."""
    if as_json:
        write_json(_report_as_json(run_id, report))
        return
    console = console_for_prose()
    if report.finished:
        if report.outcomes:
            console.print(tally(report.outcomes))
        console.print(in_numbers(report))
    else:
        speed = report.requests_sent / report.elapsed if report.elapsed else 0.0
        console.print(RunView(report, report.organizations, speed).table())


def _kinds(run: "Run") -> str:
    kinds = run.record.kinds
    if kinds is None:
        return "each its own"
    return "all" if set(kinds) == set(SyncKind) else ", ".join(kind.value for kind in kinds)


def _state(run: "Run") -> str:
    if run.cancelled is not None:
        return "cancelled"
    return "under way" if run.record.finished is None else "finished"


def _as_json(run: "Run") -> dict[str, JsonValue]:
    record = run.record
    return {
        "run": run.run_id,
        "kinds": None if record.kinds is None else [kind.value for kind in record.kinds],
        "started": record.started.isoformat(),
        "finished": None if record.finished is None else record.finished.isoformat(),
        "cancelled": None if run.cancelled is None else run.cancelled.isoformat(),
    }


def _report_as_json(run_id: str, report: SyncReport) -> dict[str, JsonValue]:
    return {
        "run": run_id,
        "finished": report.finished,
        "organizations": report.organizations,
        "organizations_done": report.organizations_done,
        "integrations": report.integrations,
        "in_flight": report.in_flight,
        "not_started": report.not_started,
        "failed": report.failed,
        "requests_sent": report.requests_sent,
        "elapsed": round(report.elapsed, 3),
        "outcomes": {
            kind.value: {outcome.value: count for outcome, count in counts.items()}
            for kind, counts in report.outcomes.items()
        },
    }
