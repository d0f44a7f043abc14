"""The command ``packcloud`` and what its exit code is."""

import contextlib
import io
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TextIO

import click

from packcloud_async.cli.console import clean
from packcloud_async.cli.failures import Failed, Interrupted, complain, warnings_on_stderr
from packcloud_async.cli.flags import connecting
from packcloud_async.cli.interrupts import handler_kept
from packcloud_async.cli.later import COMMANDS, LaterGroup


@click.group(cls=LaterGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="packcloud_async", message="%(prog)s %(version)s")
@connecting
def packcloud() -> None:
    """Sync the integrations of Pack.cloud organizations, and see what each sync did.

    Try "packcloud demo" first: it needs no account and no network.

    \b
    Environment:
      PACKCLOUD_TOKEN       the API token
      PACKCLOUD_TOKEN_FILE  a file with the API token in it
      PACKCLOUD_BASE_URL    another address than https://api.pack.cloud
      PACKCLOUD_ROUTES      a TOML file that overrides paths of the API
      PACKCLOUD_RATE        at most so many requests, such as 50/s
      PACKCLOUD_DEADLINE    how long a sync is watched, such as 300 or 5m
      PACKCLOUD_CONFIG      the configuration, in place of packcloud.toml
      PACKCLOUD_PROFILE     which profile of it
      PACKCLOUD_DATABASE    the PostgreSQL of packcloud fleet
      NO_COLOR              no colours

    \b
    Examples:
      packcloud config show
      packcloud sync org_1 org_2 --all-kinds --rate 50/s

    \b
    Exit codes:
      0    everything went well
      1    something failed: the server refused it, or could not be reached
      2    the command or its configuration is wrong, nothing was sent
      130  interrupted with Ctrl-C
      143  ended by SIGTERM, in the same good order
    """


packcloud.later = COMMANDS


def load_command(arguments: Sequence[str]) -> None:
    """Import the command that is asked for, as far as can be said before the arguments are read."""
    asked = next((packcloud.later[one] for one in arguments if one in packcloud.later), None)
    if asked is not None:
        asked.command()


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; ``arguments`` None takes those of the process."""
    _write_what_the_encoding_lacks_as_escapes()
    with handler_kept(), warnings_on_stderr():
        return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code: object = packcloud.main(arguments, prog_name="packcloud", standalone_mode=False)
    except click.ClickException as error:
        if isinstance(error, Interrupted) and isinstance(error.__cause__, OSError):
            _give_up_the_output(error.__cause__, is_told=not isinstance(error.__cause__, BrokenPipeError))
        with _told_if_it_can_be():
            _show(error)
        return error.exit_code
    except click.Abort as abort:
        return _given_up(abort)
    except OSError as error:
        _give_up_the_output(error)
        return Failed.exit_code
    return code if isinstance(code, int) else 0


def _show(error: click.ClickException) -> None:
    """Write how a command is used wrong; an argument may have been copied from a server's answer."""
    if not isinstance(error, click.exceptions.NoArgsIsHelpError):
        # The help of a group keeps its lines: nothing in it is given by anybody.
        vars(error)["message"] = clean(error.message)
    if isinstance(error, Failed | Interrupted):
        error.show()
        return
    shown = io.StringIO()
    error.show(shown)
    for line in shown.getvalue().splitlines():
        complain(line, prefix="")


def _give_up_the_output(error: OSError, *, is_told: bool = True) -> None:
    # The library translates its own: what is left is an output that takes no more, such as a full disk, and a file that
    # somebody named and nobody expected to be like this.
    what = "the output cannot be written" if error.filename is None else f"{error.filename} cannot be used"
    if is_told:
        with _told_if_it_can_be():
            complain(f"{what}: {error.strerror or error}")
    _write_the_rest_nowhere(sys.stdout)


@contextlib.contextmanager
def _told_if_it_can_be() -> Generator[None]:
    """Let stderr take what is written in the block, or no more at all: Ctrl-C may have ended who reads it."""
    try:
        yield
    except OSError:
        _write_the_rest_nowhere(sys.stderr)


def _write_the_rest_nowhere(stream: TextIO) -> None:
    # What is still buffered would fail once more when the interpreter flushes it at its end.
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())


def _given_up(abort: click.Abort) -> int:
    if abort.__cause__ is None:
        # Given up at a question, which still stands open on its line.
        click.echo(err=True)
    if isinstance(abort.__cause__ or abort.__context__, KeyboardInterrupt):
        complain("Interrupted.", prefix="")
        return Interrupted.exit_code
    complain("no answer was given")
    return Failed.exit_code


def _write_what_the_encoding_lacks_as_escapes() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
