"""Ctrl-C while a command runs on an event loop: the first one lets it end in good order, the next ends it at once.

An exception would be raised inside whatever callback runs at that moment, and leave the loop with half of it done.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from attrs import define, field
from rich.console import Console

from packcloud_async.cli.console import can_show_live, clean

_INTERRUPTED = 130
_SHOW_CURSOR = b"\x1b[?25h"


@define(eq=False)
class Interrupts:
    """What Ctrl-C does to one task; ``line`` is what is told when the process ends at once."""

    line: Callable[[], str]
    came: bool = field(default=False, init=False)
    _task: "asyncio.Task[Any] | None" = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)

    def meant_for(self, task: "asyncio.Task[Any]") -> None:
        """Let the first one cancel this task, also when it came already."""
        self._task = task
        if self.came:
            task.cancel()

    def over(self) -> None:
        """Nothing is left to be cancelled: from here on the first one ends the process, too."""
        self._is_over = True

    def heed(self, _: int, __: FrameType | None) -> None:
        """Take one; the handler of the signal."""
        if self.came or self._is_over:
            _end_at_once(self.line())
        self.came = True
        if self._task is not None:
            # Not cancelled here, between any two steps of the loop, which may be asleep as well.
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)


@contextmanager
def heeding(interrupts: Interrupts) -> Generator[None]:
    """Hand Ctrl-C over, unless somebody else has a use for it: a caller of its own, or a shell in the background."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield
        return
    signal.signal(signal.SIGINT, interrupts.heed)
    try:
        yield
    finally:
        # Once one came, the next still ends the process while the end of this one is told; see handler_kept().
        if not interrupts.came:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def handler_kept() -> Generator[None]:
    """Leave the handler of Ctrl-C as it was found."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is not before:
            signal.signal(signal.SIGINT, before)


def _end_at_once(line: str) -> None:
    # What is half done is for the ledger, which is made for kills.
    told = f"{clean(line)}\n".encode(getattr(sys.stderr, "encoding", None) or "utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        if can_show_live(Console()):
            # A moving line may have hidden it.
            os.write(1, _SHOW_CURSOR)
    with contextlib.suppress(OSError):
        os.write(2, b"\n" + told if os.isatty(2) else told)
    os._exit(_INTERRUPTED)
