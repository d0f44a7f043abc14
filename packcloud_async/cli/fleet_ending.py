"""packcloud fleet cancel and forget: the end of a run, and of what is kept of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from packcloud_async.cli.console import console_for_prose, safe
from packcloud_async.cli.flags import verbose_option
from packcloud_async.cli.fleet_options import database_option, run_argument
from packcloud_async.cli.fleet_running import run_with_fleet

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet


@click.command(short_help="End a run.")
@run_argument
@database_option
@verbose_option
def cancel(*, run_id: str, database: str) -> None:
    """End RUN: nothing more is sent for it, and what has no result gets one that says so.

    \b
    Example:
      packcloud fleet cancel nightly-2026-11-26
    """

    async def act(opened: "Fleet") -> None:
        await opened.cancel(run_id)

    run_with_fleet(database, act)
    console_for_prose().print(safe(f"Run {run_id} is over. The syncs that were started go on at the server."))


@click.command(short_help="Delete runs that are over.")
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@database_option
@verbose_option
def forget(*, run_ids: Sequence[str], database: str) -> None:
    """Delete each RUN with its results. One that is not over is refused: cancel it first.

    \b
    Examples:
      packcloud fleet forget nightly-2026-11-26
      packcloud fleet status --json \\
        | jq -r 'select(.finished and .finished < "2026-10").run' \\
        | xargs -r packcloud fleet forget
    """

    async def act(opened: "Fleet") -> None:
        for run_id in run_ids:
            await opened.forget(run_id)
            console_for_prose().print(safe(f"Run {run_id} is forgotten."), soft_wrap=True)

    run_with_fleet(database, act)
