"""The terminal: what may be written on it, how wide it is, and whether it can show a moving line.

Text of the server is written by :class:`rich.text.Text` after :func:`clean`, never as markup.
"""

import json
import os
import sys
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.text import Text

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.plain_text import clean

__all__ = [
    "can_show_live",
    "clean",
    "console_for_prose",
    "console_for_tables",
    "in_utc",
    "safe",
    "write_json",
    "write_pretty",
]

_WIDE = 10_000
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
    return Console(width=width, highlight=False, markup=False, emoji=False)


def in_utc(time: datetime, form: str) -> str:
    """Write an instant in UTC; one of the calendar's first or last hours, which UTC may not have, with its zone."""
    try:
        return f"{time.astimezone(UTC):{form}}"
    except OverflowError:
        return time.isoformat()
