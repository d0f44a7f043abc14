"""The terminal: what may be written on it, how wide it is, and whether it can show a moving line.

Text of the server is written by :class:`rich.text.Text` after :func:`clean`, never as markup.
"""

import json
import os
import re
import sys
from datetime import UTC, datetime

import click
from attrs import frozen
from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.plain_text import clean

__all__ = [
    "WrappedPaths",
    "can_show_live",
    "clean",
    "console_for_prose",
    "console_for_tables",
    "in_utc",
    "is_terminal",
    "safe",
    "write_json",
    "write_pretty",
]

_WIDE = 10_000
_PIECES = re.compile(r"/*[^ /]*(?:/+| +)|/*[^ /]+").findall
_PAGE = 80


def safe(text: str, style: str = "") -> Text:
    """Return text from anywhere as it may be shown."""
    return Text(clean(text), style=style)


def console_for_prose() -> Console:
    """Return a console on stdout that wraps at the terminal's width, or at 80 columns in a file or a pipe."""
    return _console(piped_width=_PAGE)


def console_for_tables() -> Console:
    """Return a console on stdout that cuts and wraps nothing in a file or a pipe."""
    return _console(piped_width=_WIDE)


def can_show_live(console: Console) -> bool:
    """Whether a progress bar may be drawn: on a real terminal only, whatever colours are forced upon a pipe."""
    return console.is_interactive and console.file.isatty()


def is_terminal(console: Console) -> bool:
    """Whether somebody looks at its columns, whatever colours are forced upon a pipe."""
    return console.file.isatty()


@frozen
class WrappedPaths:
    """A path of a URL, or a sentence with some, as a cell of a table.

    Where it must be wrapped, it is at a space or within a path after a slash.
    """

    text: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Say how narrow and how wide it can be."""
        pieces = self._pieces()
        return Measurement(max(map(cell_len, pieces)), sum(map(cell_len, pieces))).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Write as many pieces on a line as there is room for."""
        lines = [""]
        for piece in self._pieces():
            if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > options.max_width:
                lines.append("")
            lines[-1] += piece
            if cell_len(piece.rstrip()) > options.max_width and not piece.endswith("/"):
                # The next word goes on behind the end of one that fills lines of its own.
                lines[-1:] = chop_cells(lines[-1], options.max_width)
        yield Text("\n".join(line.rstrip() for line in lines), overflow="fold")

    def _pieces(self) -> list[str]:
        return _PIECES(clean(self.text)) or [""]


def write_json(value: JsonValue) -> None:
    """Write one JSON value on a line of its own, in printable ASCII, at once."""
    click.echo(json.dumps(value))


def write_pretty(console: Console, value: JsonValue) -> None:
    """Write a JSON value for a reader."""
    for line in json.dumps(value, indent=2, ensure_ascii=False).split("\n"):
        console.print(safe(line), soft_wrap=True)


def _console(*, piped_width: int) -> Console:
    is_fixed = sys.stdout is None or not sys.stdout.isatty()
    width = piped_width if is_fixed and "COLUMNS" not in os.environ else None
    return _Console(width=width, highlight=False, markup=False, emoji=False)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let a closed pipe be an error like a full disk: at once an end would leave the answers under way in doubt."""
        raise  # noqa: PLE0704 - what whoever calls this has caught


def in_utc(time: datetime, form: str) -> str:
    """Write an instant in UTC; one of the calendar's first or last hours, which UTC may not have, with its zone."""
    try:
        return f"{time.astimezone(UTC):{form}}"
    except OverflowError:
        return time.isoformat()
