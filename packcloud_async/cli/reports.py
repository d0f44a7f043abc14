"""The option of commands that write a report; what writes it is imported when one is wanted."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from packcloud_async.cli.report_pages import Report

report_option: Final = click.option(
    "--report",
    "report_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the run as a page of pictures, such as run.html.",
)


def report_to(path: Path | None, *, is_told: bool, apart_from: Path | None = None) -> "Report | None":
    """Return the report of a command that may write one; refuse a path that it cannot be written to.

    ``is_told`` says on stdout where it is. ``apart_from`` is another file of the same command.
    """
    if path is None:
        return None
    from packcloud_async.cli.report_pages import prepared  # noqa: PLC0415 - most commands write none

    return prepared(path, is_told=is_told, apart_from=apart_from)
