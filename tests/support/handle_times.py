"""How long the loop is kept by each callback, in CPU seconds: another process on the core does not count."""

import time
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from .jumping_loop import JumpingLoop


class TimedLoop(JumpingLoop):
    """Notes the longest callback between ``begin`` and ``longest``."""

    def __init__(self) -> None:
        super().__init__()
        self._times: list[tuple[float, str]] | None = None
        self._elsewhere = 0.0

    def begin(self) -> None:
        self._times = []

    def longest(self) -> tuple[float, str]:
        """The longest since the beginning, and what it was."""
        times, self._times = self._times, None
        assert times
        return max(times)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(self._timed, callback, args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when, self._timed, callback, args, context=context)

    async def uncounted(self, awaited: Awaitable[Any]) -> Any:
        """Await something whose steps do not count, such as what a server does in life."""
        return await _Uncounted(self, awaited)

    def _timed(self, callback: Callable[..., Any], args: Any) -> None:
        if self._times is None:
            callback(*args)
            return
        began, self._elsewhere = time.thread_time(), 0.0
        try:
            callback(*args)
        finally:
            spent = time.thread_time() - began - self._elsewhere
            if self._times is not None:
                self._times.append((spent, repr(getattr(callback, "__self__", callback))[:300]))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run it at once, but do not count it: in life it is another thread's."""
        began = time.thread_time()
        done = super().run_in_executor(executor, func, *args)
        self._elsewhere += time.thread_time() - began
        return done


class _Uncounted:
    """Takes the time of each step out of the callback it is in."""

    def __init__(self, loop: TimedLoop, awaited: Awaitable[Any]) -> None:
        self._loop = loop
        self._steps = awaited.__await__()

    def __await__(self) -> Generator[Any, Any, Any]:
        while True:
            began = time.thread_time()
            try:
                waits_for = next(self._steps)
            except StopIteration as end:
                return end.value
            finally:
                self._loop._elsewhere += time.thread_time() - began
            yield waits_for
