"""packcloud fleet check: whether a fleet is at work; and a hint for those who wait where nobody works."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import click

from packcloud_async._io.tasks import until_done
from packcloud_async._sansio.counting import counted
from packcloud_async.cli.console import console_for_prose, write_json
from packcloud_async.cli.failures import complain
from packcloud_async.cli.flags import verbose_option
from packcloud_async.cli.fleet_options import database_option, silent_for_option
from packcloud_async.cli.fleet_running import run_with_fleet
from packcloud_async.cli.parameters import json_option
from packcloud_async.errors import LedgerError

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet, FleetHealth

HINT_AFTER: Final = 5.0
"""Seconds; a worker that was started together with who waits has told of itself by then."""


@click.command(short_help="Find out whether workers are at work.")
@json_option
@silent_for_option
@database_option
@verbose_option
@click.pass_context
def check(context: click.Context, *, as_json: bool, silent_for: float, database: str) -> None:
    """Find out whether the database can be used and workers are at work, for a person or a monitor.

    It counts every worker of the engine in the database. Give --silent-for as to the workers.

    \b
    Example:
      packcloud fleet check --json | jq .organizations_waiting

    \b
    Exit codes:
      0    at least one worker is at work
      1    none is, or the database cannot be used
    """

    async def act(opened: "Fleet") -> "FleetHealth":
        return await opened.health(silent_for=silent_for)

    health = run_with_fleet(database, act)
    if as_json:
        write_json(
            {
                "workers": health.workers,
                "runs": health.runs,
                "organizations_waiting": health.organizations_waiting,
                "integrations_in_flight": health.integrations_in_flight,
                "paused_for": round(health.paused_for, 3),
            }
        )
    else:
        console_for_prose().print(_in_words(health))
    if not health.workers:
        complain(f"no worker gave a sign of life in the last {silent_for:g} seconds; {_START_ONE}")
        context.exit(1)


def _in_words(health: "FleetHealth") -> str:
    paused = f" Nothing is sent for {health.paused_for:.0f} seconds: too many requests." if health.paused_for else ""
    return (
        f"{counted(health.workers, 'worker')} at work, {counted(health.runs, 'run')} under way: "
        f"{counted(health.organizations_waiting, 'organization')} not begun, "
        f"{counted(health.integrations_in_flight, 'integration')} in flight.{paused}"
    )


@asynccontextmanager
async def hint_without_workers(opened: "Fleet") -> AsyncGenerator[None]:
    """Say once, when it takes longer, that nobody is at work."""
    hinting = asyncio.get_running_loop().create_task(_hint(opened), name="say that nobody is at work")
    try:
        yield
    finally:
        hinting.cancel()
        await until_done(hinting)
    if not hinting.cancelled():
        hinting.result()


async def _hint(opened: "Fleet") -> None:
    await asyncio.sleep(HINT_AFTER)
    try:
        health = await opened.health()
    except LedgerError:
        # Who waits is told by what waits; and some may look at results and at nothing else.
        return
    if not health.workers:
        complain(f"nobody is at work on this database: {_START_ONE}", prefix="Warning: ")


_START_ONE: Final = "packcloud fleet worker starts one"
