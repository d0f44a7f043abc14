"""packcloud report: a page of pictures from the ledger of a run."""

from pathlib import Path

import click

from packcloud_async._io.ledger_file import real, warn_if_exposed
from packcloud_async._io.ledger_reading import read_ledger
from packcloud_async.cli.failures import Misconfigured, failure_of
from packcloud_async.cli.report_pages import prepared
from packcloud_async.errors import LedgerError
from packcloud_async.reporting.from_ledger import story_of
from packcloud_async.reporting.story import Story


@click.command(short_help="Make a page of pictures from the ledger of a run.")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PAGE",
    help="The page to write; by default the name of FILE with .html at its end.",
)
@click.pass_context
def report(context: click.Context, *, file: Path, output: Path | None) -> None:
    """Make a page of pictures from FILE, the ledger of packcloud sync --ledger, also while a run holds it.

    A ledger records outcomes, begins and changes. It records no requests, no reads and no ends: packcloud sync
    --report shows more. An earlier report is replaced; any other file is left as it is. Nothing is sent.

    \b
    Examples:
      packcloud report run.sqlite
      packcloud report run.sqlite --output /tmp/run.html

    \b
    Exit codes:
      0    the page was written
      1    FILE is no ledger, or is damaged; or the page cannot be written
      2    the command is wrong, FILE holds no run, or PAGE is no report
    """
    page = prepared(file.with_name(f"{file.name}.html") if output is None else output, is_told=True, apart_from=file)
    if not page.write_story(_story_in(file)):
        context.exit(1)


def _story_in(file: Path) -> Story:
    try:
        with read_ledger(file) as contents:
            warn_if_exposed(real(file))
            if contents.run is None:
                raise Misconfigured(f"ledger {file}: no run was begun in it")
            return story_of(contents.run, contents.targets())
    except LedgerError as error:
        raise failure_of(error) from error
