"""An event loop whose time jumps to the next timer: an hour of polling takes milliseconds.

For code without sockets only: bytes in flight look like idleness to it.
"""

import selectors
from collections.abc import Callable
from typing import Any

from .debugged import DebuggedLoop


class JumpingSelector(selectors.DefaultSelector):
    """Adds the timeout to its time instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("the test waits for something that nothing will bring about")
        if not ready and timeout is not None and timeout > 0:
            self.time += timeout
        return ready


class JumpingLoop(DebuggedLoop):
    """The loop of all tests on a :class:`JumpingSelector`."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.time

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run it at once, in this thread: while another thread works, this loop would look idle and time would jump."""
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done
