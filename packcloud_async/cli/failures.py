"""How a command ends when it does not end well: one line on stderr, and an exit code."""

import logging
import os
import sys
import textwrap
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from packcloud_async.cli.console import clean
from packcloud_async.cli.flags import token_source
from packcloud_async.errors import ConfigurationError, InvalidResponse, PackCloudError, Unauthorized


class Failed(click.ClickException):
    """Something went wrong that the caller's arguments are not to blame for."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(clean(message))


class Misconfigured(Failed):
    """A value of the command or its environment is unusable, nothing was sent."""

    exit_code = 2


class Interrupted(click.ClickException):
    """Ctrl-C; ``message`` is the whole line that tells it."""

    exit_code = 130

    def show(self, file: object = None) -> None:  # noqa: ARG002 - stderr, like every other end
        """Write the line, below the ^C that a terminal echoes."""
        if sys.stderr is not None and sys.stderr.isatty():
            click.echo(err=True)
        complain(self.message, prefix="")


class Terminated(Interrupted):
    """SIGTERM, told like Ctrl-C."""

    exit_code = 143


def unusable_ledger(file: Path, error: OSError) -> Misconfigured:
    """Return the end of a command whose ledger cannot even be looked for."""
    return Misconfigured(f"ledger {file}: {error.strerror or error}")


def failure_of(error: PackCloudError, *, hint: str | None = None) -> Failed:
    """Return the end a command meets for an error of the library; ``hint`` is what else a user should know."""
    kind = Misconfigured if isinstance(error, ConfigurationError) else Failed
    return kind(f"{reason_of(error)} [{hint}]" if hint else reason_of(error))


def reason_of(error: PackCloudError) -> str:
    """Say on one line what went wrong."""
    hint = f" [check {clean(token_source())}]" if isinstance(error, Unauthorized) else ""
    # The others name it themselves.
    call = f"{error.call}: " if isinstance(error, InvalidResponse) and error.call is not None else ""
    return f"{clean(f'{call}{error}')}{hint}"


def complain(sentence: str, *, prefix: str = "Error: ") -> None:
    """Write one line on stderr."""
    # Neither click.echo nor a console: while a moving line is shown, what stands in for sys.stderr writes above it.
    if sys.stderr is not None:
        sys.stderr.write("".join(f"{line}\n" for line in _lines(f"{prefix}{clean(sentence)}")))
        sys.stderr.flush()


def _lines(text: str) -> list[str]:
    """Wrap for a terminal, between words alone: a path is copied whole. Elsewhere a line is a line."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    if not columns:
        return [text]
    return textwrap.wrap(text, columns, break_long_words=False, break_on_hyphens=False) or [""]


@contextmanager
def warnings_on_stderr() -> Generator[None]:
    """Write what the library warns of, each warning once, on a line of its own."""
    logger, handler = logging.getLogger("packcloud_async"), _OnStderr(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def log_on_stderr(*, is_wanted: bool) -> Generator[None]:
    """Write what the library logs on stderr, if that is wanted; its warnings are there anyhow."""
    if not is_wanted:
        yield
        return
    logger, handler = logging.getLogger("packcloud_async"), _LogLines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)


class _LogLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING:
            time = datetime.fromtimestamp(record.created, UTC)
            complain(f"{time:%H:%M:%S} {record.getMessage()}", prefix="")


class _OnStderr(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message not in self._told:
            self._told.add(message)
            complain(message, prefix="Warning: ")
