"""Deadlines: time limits of any number of things at once, with one timer for all of them.

All limits of one table are equally long, so whoever began first is due first. Beginning and ending cost an entry in a
table and no timer: that is set for whoever is first, and looks who is first when it fires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define, field

K = TypeVar("K")


@define(eq=False, repr=False)
class Deadlines(Generic[K]):
    """Tells ``expire`` who did not end within ``seconds``; None is no limit. Belongs to one event loop."""

    seconds: float | None
    expire: Callable[[K], None] = field(repr=False)
    # Not shown: asyncio's debug mode writes the repr of whatever a timer belongs to.
    _began: dict[K, float] = field(factory=dict[K, float], init=False, repr=False)
    _timer: asyncio.Handle | None = field(default=None, init=False, repr=False)
    _looks_at: float = field(default=0.0, init=False, repr=False)

    def begin(self, item: K, now: float) -> None:
        """Begin the time of something, now by the loop's clock; once more begins it anew."""
        if self.seconds is None:
            return
        # Taken out first, or it would keep its old place in the order.
        self._began.pop(item, None)
        self._began[item] = now
        if self._timer is None:
            self._set(now + self.seconds)

    def end(self, item: K) -> None:
        """End it; what has ended already is ignored."""
        self._began.pop(item, None)

    def close(self) -> None:
        """Forget everything."""
        self._began.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __len__(self) -> int:
        return len(self._began)

    def _look(self) -> None:
        assert self.seconds is not None
        # A timer may fire up to the resolution of the clock before its instant, and that instant is due.
        now = max(self._looks_at, asyncio.get_running_loop().time())
        self._timer = None
        while self._began:
            item, began = next(iter(self._began.items()))
            if began + self.seconds > now:
                self._set(began + self.seconds)
                return
            del self._began[item]
            self.expire(item)

    def _set(self, instant: float) -> None:
        # uvloop gives a handle without `when` for an instant that is now.
        self._looks_at = instant
        self._timer = asyncio.get_running_loop().call_at(instant, self._look)
