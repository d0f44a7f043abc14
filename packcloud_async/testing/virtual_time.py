"""An event loop whose time jumps to the next timer: an hour of polling takes milliseconds.

For code without sockets only: bytes in flight look like idleness to it.
"""

import asyncio
import math
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


CENTURY = 100 * 365.25 * 24 * 60 * 60
"""Seconds after which a test is held to wait forever: ``asyncio.sleep(math.inf)`` would never end."""

_NOTHING = (
    "the test waits for something that nothing will bring about: no timer of this century is left on this loop, whose "
    "time jumps, and which waits for no network and no thread but those of its executors; use a loop of real time"
)


class JumpingSelector(selectors.DefaultSelector):
    """Adds the timeout to its time instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; if nothing is, let the time of the next timer come at once."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self.time > CENTURY:
            raise RuntimeError(_NOTHING)
        self.time = _after(self.time, timeout)
        return ready


def _after(time: float, timeout: float) -> float:
    then = time + timeout
    # asyncio runs the timers of the nanosecond that begins now, and late times have no nanoseconds: of those it runs
    # what is in the past.
    return then if then + 1e-9 > then else math.nextafter(then, math.inf)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, its time jumps to the next timer.

    Its time begins at 0 and is in seconds. What is given to its executors (``asyncio.to_thread``) is done at once, in
    the same thread. Raises :class:`RuntimeError` when nothing is left that could end a wait.

    >>> async def an_hour() -> float:
    ...     await asyncio.sleep(3600)
    ...     return asyncio.get_running_loop().time()
    >>> with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
    ...     runner.run(an_hour())
    3600.0
    """

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the virtual second."""
        return self._jumping.time

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - the loop's caller gives it
        func: Callable[[*Ts], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        """Run it at once, in this thread: while another thread works, this loop would look idle and time would jump."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
            done.set_exception(error)
        return done
