"""packcloud resume: go on with the run that a ledger holds."""

from pathlib import Path

import click

from packcloud_async._io.ledger_reading import read_ledger
from packcloud_async.cli.failures import Misconfigured, failure_of, unusable_ledger
from packcloud_async.cli.flags import connecting, rate_option
from packcloud_async.cli.parameters import quiet_option
from packcloud_async.cli.reports import report_option, report_to
from packcloud_async.cli.running import run_with_client
from packcloud_async.cli.sync import told_when_interrupted
from packcloud_async.cli.sync_runs import write_and_report, writer_for
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import LedgerError
from packcloud_async.ledger import SqliteLedger


@click.command(short_help="Go on with a run of sync that was interrupted or killed.")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per integration, and nothing else.")
@quiet_option
@report_option
@rate_option
@connecting
@click.pass_context
def resume(context: click.Context, *, file: Path, as_json: bool, quiet: bool, report_path: Path | None) -> None:
    """Go on with the run in FILE, the ledger of packcloud sync --ledger, as it was asked for then.

    What was sent is never sent again, but watched for what is left of its window. Written are the results that come
    now; packcloud ledger show FILE lists all.

    \b
    Examples:
      packcloud resume run.sqlite
      packcloud resume run.sqlite --json | jq .kinds.orders.state
      packcloud resume run.sqlite --report rest.html

    \b
    Exit codes:
      0    every kind is advanced, quiet or unobservable
      1    some failed, or could not be started: token, network, ledger, report
      2    wrong command or configuration, or nothing to resume; nothing was sent
      130  interrupted with Ctrl-C; the server goes on, and FILE can be resumed
      143  ended by SIGTERM, in the same good order
    """
    if as_json and quiet:
        raise click.UsageError("give --json or --quiet, not both")
    _check_is_unfinished(file)
    report = report_to(report_path, is_told=not (as_json or quiet), apart_from=file)

    async def act(client: PackCloudClient) -> bool:
        run, writer = client.resume_many(SqliteLedger(file)), writer_for(as_json=as_json, quiet=quiet)
        return await write_and_report(run, writer, client, report)

    hooks = () if report is None else (report.recording,)
    if not run_with_client(act, when_interrupted=told_when_interrupted(file), hooks=hooks):
        context.exit(1)


def _check_is_unfinished(file: Path) -> None:
    """Refuse a ledger with nothing to resume; one that is held is told about when it is opened."""
    try:
        if not file.stat().st_size:
            raise _nothing_to_resume(file, "the file is empty")
        with read_ledger(file) as contents:
            is_held, run = contents.is_held, contents.run
    except OSError as error:
        raise unusable_ledger(file, error) from error
    except LedgerError as error:
        raise failure_of(error) from error
    if is_held:
        return
    if run is None:
        raise _nothing_to_resume(file, "no run was begun in it")
    if run.finished is not None:
        raise _nothing_to_resume(file, f"its run is finished; packcloud ledger show {file} lists it")


def _nothing_to_resume(file: Path, why: str) -> Misconfigured:
    return Misconfigured(f"ledger {file}: there is nothing to resume: {why}")
