"""A jumping loop that counts what it does, so that a test can step in between any two things."""

from collections.abc import Callable
from typing import Any

from .jumping_loop import JumpingLoop

COMMIT = 0.01
"""How long work in a thread seems to take, seconds."""


class MomentLoop(JumpingLoop):
    """Calls ``between(number)`` after every callback, counted from 1; ``instants`` are the times at which any ran."""

    def __init__(self) -> None:
        super().__init__()
        self.between: Callable[[int], None] | None = None
        self.moments = 0
        self.instants: set[float] = set()

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_soon(self._counted, callback, args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_at(when, self._counted, callback, args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run it at once, and tell its end some time later, as a thread would: whoever waits for it can be cancelled.

        As with a thread, what was begun is done even if nobody waits for it any more.
        """
        ended = self.create_future()
        at_once = super().run_in_executor(executor, func, *args)

        def tell() -> None:
            if not ended.done():
                if (error := at_once.exception()) is not None:
                    ended.set_exception(error)
                else:
                    ended.set_result(at_once.result())

        self.call_later(COMMIT, tell)
        return ended

    def _counted(self, callback: Any, args: Any) -> None:
        try:
            callback(*args)
        finally:
            if self.between is not None:
                self.moments += 1
                self.instants.add(self.time())
                self.between(self.moments)
