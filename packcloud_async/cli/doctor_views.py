"""An examination as a table or as JSON."""

from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from packcloud_async._sansio.check import Check, Mark
from packcloud_async._sansio.inquiries import Answered
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.route_findings import Look
from packcloud_async.cli.console import WrappedPaths, safe
from packcloud_async.cli.examining import Examination


def show_examination(console: Console, examination: Examination) -> None:
    """Write every check on a row of its own, and how many are well."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("Mark", no_wrap=True)
    table.add_column("What was found")
    for check in examination.checks:
        table.add_row(safe(check.name), safe(check.mark.value, _STYLES[check.mark]), WrappedPaths(check.sentence))
    console.print(table)
    counts = [f"{sum(check.mark is mark for check in examination.checks)} {mark.value}" for mark in Mark]
    console.print(safe(", ".join(counts) + "."), soft_wrap=True)


def examination_as_json(examination: Examination) -> JsonValue:
    """Return what was found as one JSON object."""
    return {
        "ok": examination.is_well,
        "organization": examination.organization_id,
        "integration": examination.integration_id,
        "checks": [_check(check) for check in examination.checks],
        "looks": [_look(look) for look in examination.looks],
        "routes": dict(examination.found),
    }


def _check(check: Check) -> JsonValue:
    return {"name": check.name, "mark": check.mark.value, "sentence": check.sentence}


def _look(look: Look) -> JsonValue:
    answer = look.answer if isinstance(look.answer, Answered) else None
    return {
        "route": look.route,
        "template": look.template,
        "status": None if answer is None else answer.status,
        "allow": None if answer is None or answer.allow is None else [*sorted(answer.allow)],
        "standing": look.standing.value,
    }


_STYLES: Final = {Mark.OK: "green", Mark.NOTE: "cyan", Mark.WRONG: "bold red", Mark.UNKNOWN: "magenta"}
