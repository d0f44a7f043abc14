"""What moves on a terminal: a line, or a table."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from packcloud_async.cli.console import can_show_live


class LiveLine:
    """A progress line below everything printed on ``console`` meanwhile; nothing at all where it cannot move.

    ``total`` is how many steps there are, None if nobody knows. ``vanishes`` takes the line away at the end.
    """

    def __init__(self, console: Console, *columns: ProgressColumn, total: int | None, vanishes: bool) -> None:
        self.is_shown = can_show_live(console)
        self._progress = Progress(
            *columns,
            console=console,
            transient=vanishes,
            redirect_stderr=_is_terminal_of_errors(),
            disable=not self.is_shown,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        if self.is_shown:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def step(self, description: str) -> None:
        """Count one step more, and say what is going on."""
        self._progress.update(self._task, advance=1, description=description)

    def stop(self) -> None:
        """End it; stopping twice does nothing."""
        # Stopping what was never shown would print an empty line.
        if self.is_shown:
            self._progress.stop()


class LiveTable:
    """A table below everything printed on ``console`` meanwhile, gone at the end; nothing where it cannot move.

    It is drawn when it is shown, and by nobody else: what it shows is asked on the event loop.
    """

    def __init__(self, console: Console) -> None:
        self.can_move = can_show_live(console)
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stderr=_is_terminal_of_errors())

    def __enter__(self) -> Self:
        if self.can_move:
            self._live.start()
            self.show(Text("Watching", style="bold"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def show(self, table: RenderableType) -> None:
        """Draw it anew."""
        if self.can_move:
            # An empty line sets it off from what is printed above; a ^C is to find room where it ends.
            self._live.update(Padding(table, (1, 0, 0, 0), expand=False), refresh=True)

    def stop(self) -> None:
        """Take it away; stopping twice does nothing."""
        if self.can_move:
            self._live.stop()


def _is_terminal_of_errors() -> bool:
    # An stderr that is a file keeps its own lines.
    return sys.stderr is not None and sys.stderr.isatty()
