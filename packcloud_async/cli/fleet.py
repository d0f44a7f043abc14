"""packcloud fleet: runs that any number of workers carry out together, in a PostgreSQL database."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from packcloud_async.cli.asking_for_syncs import Asked, asking_for_syncs
from packcloud_async.cli.configuration import configured
from packcloud_async.cli.console import console_for_prose, safe, write_json
from packcloud_async.cli.flags import configured_by, connecting, deadline_option, rate_option, verbose_option
from packcloud_async.cli.fleet_check import check, hint_without_workers
from packcloud_async.cli.fleet_demo import demo
from packcloud_async.cli.fleet_ending import cancel, forget
from packcloud_async.cli.fleet_options import database_option, run_argument, silent_for_option
from packcloud_async.cli.fleet_running import run_with_fleet
from packcloud_async.cli.fleet_views import show_run, show_runs, write_results
from packcloud_async.cli.parameters import json_option, quiet_option

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet

C = TypeVar("C", bound=Callable[..., Any])
T = TypeVar("T")


@click.group(short_help="Have many workers carry out runs, in a PostgreSQL database.")
def fleet() -> None:
    """Have any number of workers on any number of machines carry out runs, which outlive each of them.

    \b
    Examples:
      packcloud fleet demo
      export PACKCLOUD_DATABASE=postgresql://packcloud@db.example/packcloud
      packcloud fleet init
      packcloud fleet worker --rate 50/s
      packcloud fleet submit org_1 org_2 --all-kinds --wait
    """


@fleet.command(short_help="Make the tables in the database.")
@database_option
def init(*, database: str) -> None:
    """Make the tables in the database, or bring them up to date. Doing it again changes nothing.

    \b
    Example:
      packcloud fleet init --database postgresql://packcloud@db.example/packcloud
    """

    async def act(opened: "Fleet") -> None:
        await opened.init()

    run_with_fleet(database, act)
    console_for_prose().print("The tables of the fleet are there.")


@fleet.command(short_help="Submit a run, and write its name.")
@asking_for_syncs
@click.option("--run-id", metavar="NAME", help="What the run is called; a name is made up without it.")
@click.option("--wait", is_flag=True, help="Write the results as they come, until the run is finished.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, and nothing else.")
@deadline_option
@database_option
@configured_by
@click.pass_context
def submit(
    context: click.Context,
    *,
    asked: Asked,
    run_id: str | None,
    wait: bool,
    as_json: bool,
    database: str,
) -> None:
    """Submit a run, and write its name. Workers carry it out; nothing is sent from here.

    It goes to the address and with the token that the workers have.

    \b
    Examples:
      packcloud fleet submit org_1 org_2 --all-kinds
      packcloud fleet submit --organizations-from shops.txt --kinds orders,stocks
      packcloud fleet submit org_1 --kind orders --run-id nightly --wait --json

    \b
    Exit codes:
      0    submitted; with --wait, every kind is advanced, quiet or unobservable
      1    no usable database; with --wait, some failed or could not be started
      2    the command or its configuration is wrong; nothing was submitted
      130  interrupted with Ctrl-C; a run that was submitted goes on
    """
    configuration = configured()

    async def act(opened: "Fleet") -> bool:
        name = await opened.submit(asked.targets, kinds=asked.kinds, poll=configuration.settings.poll, run_id=run_id)
        if as_json and not wait:
            write_json({"run": name})
        elif not as_json:
            console_for_prose().print(safe(name), soft_wrap=True)
        if not wait:
            return True
        async with hint_without_workers(opened):
            return await write_results(opened, name, as_json=as_json, quiet=False)

    if not run_with_fleet(
        database, act, when_interrupted="Interrupted. What was submitted goes on; packcloud fleet status shows it."
    ):
        context.exit(1)


@fleet.command(short_help="Carry out what is submitted, until it is stopped.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="N",
    help="So many organizations are fired or looked at at once.",
)
@silent_for_option
@database_option
@rate_option
@connecting
def worker(*, concurrency: int, silent_for: float, database: str) -> None:
    """Carry out what is submitted, together with all other workers on the database, until it is stopped.

    SIGTERM, or the first Ctrl-C, stops it in good order: it sends nothing more, waits for the answers under way, and
    leaves the rest to others. --rate holds for all workers together: give the same to each.

    \b
    Examples:
      packcloud fleet worker --rate 50/s
      packcloud fleet worker --concurrency 200 --verbose

    \b
    Exit codes:
      0    stopped by SIGTERM
      1    the database cannot be used
      2    the command or its configuration is wrong
      130  stopped by Ctrl-C
    """
    configuration = configured()
    # Read before the loop runs: a keyring may ask the user.
    token = configuration.token()

    async def act(opened: "Fleet") -> None:
        # Before it says that it works.
        await opened.check()
        console_for_prose().print(safe(f"Working for {opened!r}; Ctrl-C stops in good order."), soft_wrap=True)
        await opened.run_worker(concurrency=concurrency, silent_for=silent_for, stop_on=(signal.SIGTERM,))

    told = "Stopped. What this worker had not sent is left to the others."
    run_with_fleet(database, act, configuration, lambda: configuration.client(token), when_interrupted=told)


@fleet.command(short_help="Show how far a run is, or every run.")
@click.argument("run_id", metavar="[RUN]", required=False)
@json_option
@database_option
@verbose_option
def status(*, run_id: str | None, as_json: bool, database: str) -> None:
    """Show how far RUN is, or every run of the database, the newest first.

    \b
    Examples:
      packcloud fleet status
      packcloud fleet status nightly-2026-11-26 --json
    """

    async def act(opened: "Fleet") -> None:
        if run_id is None:
            show_runs(await opened.runs(), as_json=as_json)
        else:
            show_run(run_id, await opened.report(run_id), as_json=as_json)

    run_with_fleet(database, act)


@fleet.command(short_help="Write the results of a run as they come.")
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per integration, and nothing else.")
@quiet_option
@database_option
@verbose_option
@click.pass_context
def results(context: click.Context, *, run_id: str, as_json: bool, quiet: bool, database: str) -> None:
    """Write the results of RUN from the first one on, as they come, until it is finished.

    \b
    Examples:
      packcloud fleet results nightly-2026-11-26
      packcloud fleet results nightly-2026-11-26 --json | jq .kinds.orders.state

    \b
    Exit codes:
      0    every kind is advanced, quiet or unobservable
      1    some failed, or could not be started; or the database cannot be used
      2    there is no such run
      130  interrupted with Ctrl-C; the run goes on
    """
    if as_json and quiet:
        raise click.UsageError("give --json or --quiet, not both")

    async def act(opened: "Fleet") -> bool:
        async with hint_without_workers(opened):
            return await write_results(opened, run_id, as_json=as_json, quiet=quiet)

    if not run_with_fleet(database, act, when_interrupted="Interrupted. The run goes on."):
        context.exit(1)


fleet.add_command(cancel)
fleet.add_command(check)
fleet.add_command(forget)
fleet.add_command(demo)
