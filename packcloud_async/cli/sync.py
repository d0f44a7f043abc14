"""packcloud sync: start syncs, watch them, say how each ended."""

from collections.abc import Sequence
from pathlib import Path

import click
from attrs import evolve

from packcloud_async._io.ledger_reading import read_ledger
from packcloud_async.cli.asking_for_syncs import Asked, asking_for_syncs
from packcloud_async.cli.configuration import configured
from packcloud_async.cli.dry_run import dry_run
from packcloud_async.cli.failures import Misconfigured, failure_of, unusable_ledger
from packcloud_async.cli.flags import connecting, deadline_option, rate_option
from packcloud_async.cli.parameters import Duration, quiet_option
from packcloud_async.cli.reports import report_option, report_to
from packcloud_async.cli.running import run_with_client
from packcloud_async.cli.sync_runs import Order, Repetition, sync_once, sync_repeatedly
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import LedgerError
from packcloud_async.policies import path_segment
from packcloud_async.targets import SyncTarget


@click.command(short_help="Sync organizations, and say how each sync ended.")
@asking_for_syncs
@deadline_option
@rate_option
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Record each step in FILE first, so that the run can be resumed.",
)
@click.option("--force", is_flag=True, help="Begin a new run in FILE although it holds a finished one, which is lost.")
@report_option
@click.option("--dry-run", "is_dry", is_flag=True, help="Only read what there is, and say what would be started.")
@click.option("--watch", "every", type=Duration(), metavar="TIME", help="Run again every so often, such as 15m.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per integration, and nothing else.")
@quiet_option
@connecting
@click.pass_context
def sync(
    context: click.Context,
    *,
    asked: Asked,
    ledger: Path | None,
    force: bool,
    report_path: Path | None,
    is_dry: bool,
    every: float | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Sync every integration of each ORG, and watch until the outcome of each kind is known.

    Results are written as they come. A failed one never stops the rest. With --ledger a run that is interrupted or
    killed can be gone on with, by packcloud resume FILE: what was sent is then never sent again.

    \b
    Examples:
      packcloud sync org_1 org_2 --all-kinds
      packcloud sync org_1 --integration int_4 --kinds orders,stocks --deadline 60
      packcloud sync --organizations-from shops.txt --all-kinds --rate 50/s
      packcloud sync org_1 --all-kinds --dry-run
      packcloud sync org_1 --kind orders --watch 15m
      packcloud sync org_1 --kind orders --json | jq .kinds.orders.state
      packcloud sync org_1 org_2 --all-kinds --ledger run.sqlite
      packcloud sync org_1 org_2 --all-kinds --ledger run.sqlite --force
      packcloud sync --organizations-from shops.txt --all-kinds --report run.html

    \b
    Exit codes:
      0    every kind is advanced, quiet or unobservable
      1    some failed, or could not be started: token, network, ledger, report
      2    wrong command or configuration, or FILE holds a run; nothing was sent
      130  interrupted with Ctrl-C; what was started goes on at the server
      143  ended by SIGTERM, in the same good order
    """
    order = Order(
        targets=asked.targets,
        kinds=asked.kinds,
        ledger=ledger,
        force=force,
        as_json=as_json,
        quiet=quiet,
    )
    _check_options(order, is_dry=is_dry, every=every, reports=report_path is not None)
    if ledger is not None:
        _check_is_new(ledger, force=force)
    report = report_to(report_path, is_told=not (as_json or quiet), apart_from=ledger)
    order = evolve(order, report=report)
    configuration = configured()
    poll = configuration.settings.poll

    async def act(client: PackCloudClient) -> bool:
        _check_ids(order.targets)
        if is_dry:
            return await dry_run(client, order.targets, order.kinds, as_json=as_json)
        if every is not None:
            return await sync_repeatedly(client, order, poll, Repetition(every))
        return await sync_once(client, order, poll)

    told = _told_when_interrupted(order, is_dry=is_dry, repeats=every is not None)
    hooks = () if report is None else (report.recording,)
    if not run_with_client(act, when_interrupted=told, configuration=configuration, hooks=hooks):
        context.exit(1)


def told_when_interrupted(ledger: Path | None) -> str:
    """Say what goes on after Ctrl-C, and how to go on here."""
    ours = f"; packcloud resume {ledger} goes on with the run" if ledger is not None else ""
    return f"Interrupted. The syncs that were started go on at the server{ours}."


def _told_when_interrupted(order: Order, *, is_dry: bool, repeats: bool) -> str:
    if is_dry:
        return "Interrupted. Nothing was started."
    if repeats and order.ledger is not None:
        # Between two runs there is nothing to resume.
        return (
            f"{told_when_interrupted(None)[:-1]}; packcloud ledger show {order.ledger} tells how far the last run came."
        )
    return told_when_interrupted(order.ledger)


def _check_options(order: Order, *, is_dry: bool, every: float | None, reports: bool) -> None:
    if order.force and order.ledger is None:
        raise click.UsageError("--force is about --ledger FILE")
    if is_dry and every is not None:
        raise click.UsageError("give --dry-run or --watch, not both")
    if is_dry and reports:
        raise click.UsageError("a dry run starts nothing that could be reported: give --dry-run or --report, not both")
    if is_dry and order.quiet:
        raise click.UsageError("give --dry-run or --quiet, not both")
    if order.as_json and order.quiet:
        raise click.UsageError("give --json or --quiet, not both")


def _check_is_new(ledger: Path, *, force: bool) -> None:
    """Refuse a ledger that holds a run, with ``force`` an unfinished one.

    One that cannot be used, or is held, is told about when it is opened.
    """
    try:
        if not ledger.exists() or not ledger.stat().st_size:
            return
    except OSError as error:
        raise unusable_ledger(ledger, error) from error
    try:
        with read_ledger(ledger) as contents:
            is_held, run = contents.is_held, contents.run
    except LedgerError as error:
        raise failure_of(error) from error
    if run is not None and not is_held:
        if run.finished is None:
            way = (
                f"an unfinished run already: packcloud resume {ledger} goes on with it, and a new run needs a new file"
            )
        elif force:
            return
        else:
            way = f"a finished run already: packcloud ledger show {ledger} lists it, and a new run needs a new file, "
            way += "or --force"
        raise Misconfigured(f"ledger {ledger}: it holds {way}")


def _check_ids(targets: Sequence[SyncTarget]) -> None:
    for target in targets:
        for id_ in (target.organization_id, *(target.integration_ids or ())):
            path_segment("an id", id_)
