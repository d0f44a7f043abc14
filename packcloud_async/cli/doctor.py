"""packcloud doctor: what is not confirmed about the API, found out with GETs alone."""

import contextlib
import os
import shlex
import stat
from itertools import count
from pathlib import Path

import click
from rich.console import Console
from rich.progress import SpinnerColumn, TextColumn

from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.route_findings import routes_file
from packcloud_async.cli.console import console_for_tables, safe, write_json
from packcloud_async.cli.doctor_views import examination_as_json, show_examination
from packcloud_async.cli.examining import Examination, examine
from packcloud_async.cli.failures import Failed, Misconfigured
from packcloud_async.cli.flags import connecting, token_source
from packcloud_async.cli.live import LiveLine
from packcloud_async.cli.parameters import Seconds, json_option
from packcloud_async.cli.running import run_with_client
from packcloud_async.client import PackCloudClient


@click.command(short_help="Find out which paths of the API are right, with GETs alone.")
@click.option("--organization", metavar="ORG", required=True, help="The organization to look at.")
@click.option("--integration", "integration_id", metavar="ID", help="By default the first one of the list.")
@click.option(
    "--write",
    "routes_path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the paths that answered to FILE, for PACKCLOUD_ROUTES.",
)
@click.option("--force", is_flag=True, help="Write FILE although it exists.")
@click.option(
    "--deadline",
    type=Seconds(above=True),
    metavar="TIME",
    default=120.0,
    help="Ask nothing any more after that long; 2m is the default.",
)
@json_option
@connecting
@click.pass_context
def doctor(
    context: click.Context,
    *,
    organization: str,
    integration_id: str | None,
    routes_path: Path | None,
    force: bool,
    deadline: float,
    as_json: bool,
) -> None:
    """Find out how the API answers, which of its paths are right, and what to do about those that are not.

    Sends GETs and nothing else, so that nothing is started or changed. A path that takes only POST refuses a GET
    with 405, one that is not there with 404.

    \b
    Examples:
      packcloud doctor --organization org_1
      packcloud doctor --organization org_1 --write routes.toml
      packcloud doctor --organization org_1 --integration int_4
      packcloud doctor --organization org_1 --json | jq '.checks[] | .mark'

    \b
    Exit codes:
      0    every check is ok or a note
      1    something is wrong, or could not be found out
      2    the command or its configuration is wrong, nothing was sent
      130  interrupted with Ctrl-C
      143  ended by SIGTERM
    """
    if routes_path is not None:
        _check_writable(routes_path, force=force)
    elif force:
        raise click.UsageError("--force goes with --write")

    async def act(client: PackCloudClient) -> tuple[Examination, str]:
        numbers = count(1)
        with _line() as line:
            found = await examine(
                client,
                organization,
                integration_id=integration_id,
                deadline=deadline,
                credential_source=token_source(),
                on_answer=lambda: line.step(f"asking ({counted(next(numbers), 'answer')})"),
            )
        return found, routes_file(found.found, client.routes)

    found, text = run_with_client(act)
    if as_json:
        write_json(examination_as_json(found))
    else:
        show_examination(console_for_tables(), found)
    if routes_path is not None:
        _write(routes_path, found, text, force=force, quiet=as_json)
    if not found.is_well:
        context.exit(1)


def _line() -> LiveLine:
    spinner, told = SpinnerColumn(), TextColumn("{task.description}", markup=False)
    return LiveLine(Console(stderr=True, markup=False, highlight=False), spinner, told, total=None, vanishes=True)


def _check_writable(path: Path, *, force: bool) -> None:
    if not path.parent.is_dir():
        raise Misconfigured(f"{path} cannot be written: there is no directory {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise Misconfigured(f"{path} cannot be written: you may make no file in {path.parent}")
    if not os.path.lexists(path):
        return
    if not force:
        raise Misconfigured(f"{path} exists: give --force to write it anew, or another name")
    if not stat.S_ISREG(path.lstat().st_mode):
        # A device or a link, such as /dev/stdout, would be gone for everybody.
        raise Misconfigured(f"{path} is no file that can be written anew: give another name")


def _write(path: Path, examination: Examination, text: str, *, force: bool, quiet: bool) -> None:
    if not examination.found:
        raise Failed(f"{path} was not written: no path answered as it should")
    try:
        _replace(path, text) if force else _create(path, text)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror or error}") from error
    if not quiet:
        console, found = console_for_tables(), examination.found
        wrote = safe(f"Wrote {counted(len(found), 'path')} to {path}; use {'it' if len(found) == 1 else 'them'} with:")
        command = safe(f"export PACKCLOUD_ROUTES={shlex.quote(str(path))}")
        # On a line of its own it can be copied.
        fits = wrote.cell_len + 1 + command.cell_len <= console.width
        console.print(wrote, end=" " if fits else "\n", soft_wrap=True)
        console.print(command, soft_wrap=True)


def _create(path: Path, text: str) -> None:
    file = path.open("x", encoding="utf-8")
    try:
        with file:
            file.write(text)
    except BaseException:
        _remove(path)
        raise


def _replace(path: Path, text: str) -> None:
    """Write beside it first, so that a full disk leaves what was there."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    _create(fresh, text)
    try:
        fresh.replace(path)
    except BaseException:
        _remove(fresh)
        raise


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
