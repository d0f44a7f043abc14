"""packcloud ledger: what the record of a bulk run says."""

import os
from pathlib import Path

import click

from packcloud_async._io.ledger_file import real, warn_if_exposed
from packcloud_async._io.ledger_reading import read_ledger
from packcloud_async.cli.failures import failure_of
from packcloud_async.cli.ledger_views import show_as_json, show_as_tables
from packcloud_async.cli.parameters import json_option
from packcloud_async.errors import LedgerError


@click.group()
def ledger() -> None:
    """Look into the ledger of a bulk run.

    \b
    Example:
      packcloud ledger show run.sqlite
    """


@ledger.command()
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def show(*, file: os.PathLike[str], as_json: bool) -> None:
    """Show how far every sync in FILE came, also while a run holds it.

    For each kind it shows the outcome, or how far its POST came: planned, sent, accepted or in_doubt. With --json,
    one object for each integration, and one for each target without any.

    \b
    Examples:
      packcloud ledger show run.sqlite
      packcloud ledger show run.sqlite --json | jq 'select(.finished | not)'

    \b
    Exit codes:
      0    the ledger was shown
      1    FILE is no ledger, or is damaged
      2    there is no FILE
    """
    try:
        with read_ledger(file) as contents:
            warn_if_exposed(real(file))
            (show_as_json if as_json else show_as_tables)(contents)
    except LedgerError as error:
        raise failure_of(error) from error
