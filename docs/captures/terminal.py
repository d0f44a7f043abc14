"""A terminal: runs programs on a pseudo terminal, and knows what stands on its screen."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pyte
from attrs import define, field, frozen
from rich.color import Color
from rich.style import Style
from rich.text import Text

from docs.captures.moments import Moment, marker

_NAMES = {"brown": "yellow", "brightbrown": "brightyellow"}


@frozen
class Program:
    """What is run, where, and with which environment."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@define
class Terminal:
    """A screen of so many columns and rows; one program after the other writes on it."""

    columns: int
    rows: int
    _screen: pyte.Screen = field(init=False)
    _stream: pyte.ByteStream = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Switch it on."""
        self._screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self._screen)

    def write(self, text: str) -> None:
        """Write a line as a shell would."""
        self._stream.feed(text.encode())

    def run(self, program: Program, moments: Sequence[Moment]) -> tuple[int, Mapping[str, list[Text]]]:
        """Run a program to its end; return its exit code, and what was on the screen at the moments with pictures."""
        seen: dict[str, list[Text]] = {}
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))
        process = subprocess.Popen(
            program.arguments,
            cwd=program.folder,
            env=program.environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            shown = b""
            for piece in _pieces(ours):
                shown += piece
                for moment in moments:
                    if marker(moment) in shown:
                        before, shown = shown.split(marker(moment), 1)
                        self._stream.feed(before)
                        if moment.key:
                            os.write(ours, moment.key)
                        else:
                            seen[moment.picture] = self.lines()
            self._stream.feed(shown)
            return process.wait(), seen
        finally:
            process.kill()
            process.wait()
            os.close(ours)

    def lines(self) -> list[Text]:
        """Return what is on the screen, without the empty rows at its end."""
        lines = [self._line(row) for row in range(self.rows)]
        while lines and not lines[-1].plain:
            lines.pop()
        return lines

    def _line(self, row: int) -> Text:
        line = Text(no_wrap=True, end="")
        cells = (self._screen.buffer[row][column] for column in range(self.columns))
        for look, alike in groupby(cells, lambda cell: cell._replace(data="")):
            line.append("".join(cell.data for cell in alike), _style(look))
        line.rstrip()
        return line


def _pieces(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            return
        if not piece:
            return
        yield piece


def _style(char: pyte.screens.Char) -> Style:
    return Style(
        color=_color(char.fg),
        bgcolor=_color(char.bg),
        bold=char.bold,
        italic=char.italics,
        underline=char.underscore,
        reverse=char.reverse,
    )


def _color(name: str) -> Color:
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return Color.parse(f"#{name}")
    name = _NAMES.get(name, name)
    return Color.parse(name.replace("bright", "bright_", 1) if name.startswith("bright") else name)
