"""A moving line on a terminal."""

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, ProgressColumn

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
            # An stderr that is a file keeps its own lines.
            redirect_stderr=sys.stderr is not None and sys.stderr.isatty(),
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
