"""Ctrl-C and SIGTERM while a command runs on an event loop: the first one lets it end in good order, the next ends it
at once, whichever of them it is.

An exception would be raised inside whatever callback runs at that moment, and leave the loop with half of it done.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from attrs import define, field
from rich.console import Console

from packcloud_async.cli.console import can_show_live, clean

_HEEDED: Final[Mapping[signal.Signals, object]] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
"""Each with what handles it where nobody else has a use for it."""
_SHOW_CURSOR = b"\x1b[?25h"


@define(eq=False)
class Interrupts:
    """What Ctrl-C and SIGTERM do to one task; ``line`` is what is told when the process ends at once.

    ``came`` is the first of them, None as long as none came.
    """

    line: Callable[[], str]
    came: signal.Signals | None = field(default=None, init=False)
    _task: "asyncio.Task[Any] | None" = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)

    def meant_for(self, task: "asyncio.Task[Any]") -> None:
        """Let the first one cancel this task, also when it came already."""
        self._task = task
        if self.came is not None:
            task.cancel(self.came.name)

    def over(self) -> None:
        """Nothing is left to be cancelled: from here on the first one ends the process, too."""
        self._is_over = True

    def heed(self, number: int, _: FrameType | None) -> None:
        """Take one; the handler of both signals."""
        is_first, self.came = self.came is None, self.came or signal.Signals(number)
        if not is_first or self._is_over:
            # What a shell says of a process that a signal ended.
            _end_at_once(self.line(), 128 + self.came)
        if self._task is not None:
            # Not cancelled here, between any two steps of the loop, which may be asleep as well.
            self._task.get_loop().call_soon_threadsafe(self._task.cancel, self.came.name)


def next_one(cancelled: asyncio.CancelledError) -> str:
    """Say what ends at once what was cancelled by :class:`Interrupts` and still waits."""
    return "a second signal" if signal.SIGTERM.name in cancelled.args else "Ctrl-C again"


@contextmanager
def heeding(interrupts: Interrupts) -> Generator[None]:
    """Hand both over, but for what somebody else has a use for: a caller of its own, or a shell in the background."""
    before = _handlers()
    ours = [number for number, usual in _HEEDED.items() if number in before and before[number] is usual]
    for number in ours:
        signal.signal(number, interrupts.heed)
    try:
        yield
    finally:
        # Once one came, the next still ends the process while the end of this one is told; see handler_kept().
        if interrupts.came is None:
            _restore({number: before[number] for number in ours})


@contextmanager
def handler_kept() -> Generator[None]:
    """Leave the handlers of Ctrl-C and SIGTERM as they were found."""
    before = _handlers()
    try:
        yield
    finally:
        _restore(before)


def _handlers() -> Mapping[signal.Signals, Any]:
    """Return who handles them, nobody in a thread, which cannot change it."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.getsignal(number) for number in _HEEDED}


def _restore(before: Mapping[signal.Signals, Any]) -> None:
    for number, handler in before.items():
        # None is one that Python knows nothing of.
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _end_at_once(line: str, exit_code: int) -> None:
    # What is half done is for the ledger, which is made for kills.
    told = f"{clean(line)}\n".encode(getattr(sys.stderr, "encoding", None) or "utf-8", "backslashreplace")
    with contextlib.suppress(OSError):
        if can_show_live(Console()):
            # A moving line may have hidden it.
            os.write(1, _SHOW_CURSOR)
    with contextlib.suppress(OSError):
        os.write(2, b"\n" + told if os.isatty(2) else told)
    os._exit(exit_code)
