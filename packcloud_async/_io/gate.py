"""Gate: the slots of one client, where its requests wait for their turn."""

from __future__ import annotations

import asyncio
from types import TracebackType

from attrs import define, field

from packcloud_async._io.limiting import Limiter, Turn, Waiter
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.line import Door, Place


@define(eq=False, repr=False)
class Gate:
    """The slots of one client: so many requests at once.

    It stands before the connection pool, so that waiting for a turn is no part of any timeout. ``waited`` is the
    seconds requests waited for their turn, added up.
    """

    slots: int
    limiter: Limiter = field(factory=Limiter)
    door: Door[Waiter] = field(factory=Door[Waiter], init=False)
    waited: float = field(default=0.0, init=False)
    _used: int = field(default=0, init=False)

    def slot(self, urgency: Urgency = Urgency.READ) -> Slot:
        """Hold one slot: ``async with gate.slot(urgency) as turn``."""
        return Slot(self, urgency)

    def enter_at_once(self, loop: asyncio.AbstractEventLoop | None = None) -> Turn | None:
        """Take a slot if there is one and the limiter lets one go now; None if it has to wait."""
        if self._used >= self.slots:
            return None
        turn = self.limiter.turn_at_once(self.limiter.now(loop))
        if turn is not None:
            self.occupy()
        return turn

    async def enter(self, urgency: Urgency) -> Turn:
        """Wait for a slot and for leave of the limiter."""
        if (turn := self.enter_at_once()) is not None:
            return turn
        now = self.limiter.now()
        place = self.limiter.line_up(self, urgency)
        try:
            turn = await self._let_go(place)
        except BaseException:
            # Cancelled mostly; one whose loop has ended, and whose coroutine is closed, gives up its place as well.
            self.limiter.give_up(place)
            raise
        self.limiter.left(place)
        self.waited += turn.began - now
        return turn

    async def _let_go(self, place: Place[Waiter]) -> Turn:
        while True:
            waited_for = place.item.let_go
            turn = await waited_for
            # Another one stands there when it was called back meanwhile.
            if place.item.let_go is waited_for:
                return turn

    def leave(self) -> None:
        """Give the slot back."""
        self.vacate()
        self.limiter.answered()

    def close_for(self, seconds: float) -> None:
        """Let nobody in for so many seconds; a shorter wish never shortens a longer one."""
        self.limiter.pause_for(seconds)

    def occupy(self) -> None:
        """Count one more slot as taken."""
        self._used += 1
        if self._used == self.slots:
            self.limiter.set_open(self, False)

    def vacate(self) -> None:
        """Count one slot as free again."""
        if self._used == self.slots:
            self.limiter.set_open(self, True)
        self._used -= 1


@define(eq=False, repr=False)
class Slot:
    """One slot, held while the block runs."""

    _gate: Gate
    _urgency: Urgency

    async def __aenter__(self) -> Turn:
        return await self._gate.enter(self._urgency)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._gate.leave()
