"""FairSlots: so many requests of a bulk run at once, taking turns between its organizations."""

import asyncio
from collections.abc import Callable, Hashable

from attrs import define, field

from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.fairness import Turns

WAITING_BELOW = 16
"""How many that had their turn may wait inside the client, for its budget or a connection, before others have theirs.

Those wait there first come, first served: the fewer they are, the sooner a turn given here is a request sent.
"""


@define(eq=False)
class Turn:
    """One place among those at once; ``left`` when what it was for has left the client."""

    slots: "FairSlots"
    left: bool = False

    def leave(self) -> None:
        """Tell that the request has left: the next one may come to where it waited."""
        if not self.left:
            self.left = True
            self.slots.moved(below=-1)

    def end_with(self, _: "asyncio.Task[None]") -> None:
        """Give the place back when a task is done."""
        self.end()

    def end(self) -> None:
        """Give the place back."""
        self.slots.moved(busy=-1, below=0 if self.left else -1)


@define(eq=False)
class Ask:
    """Somebody who waits for a place; ``turn`` is what was given, None so far."""

    go: Callable[[Turn], None]
    turn: Turn | None = None


@define(eq=False)
class FairSlots:
    """``slots`` at once; who is next is decided by :class:`Turns`."""

    slots: int
    _turns: Turns[Ask] = field(factory=Turns[Ask], init=False)
    _busy: int = field(default=0, init=False)
    _below: int = field(default=0, init=False)
    _is_giving: bool = field(default=False, init=False)

    async def take(self, flow: Hashable, urgency: Urgency, weight: float) -> Turn:
        """Take a place when it is the flow's turn; whoever takes it ends it."""
        if self._is_room and not self._turns:
            return self._next_turn()
        mine: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        asked = Ask(lambda turn: None if mine.done() else mine.set_result(turn))
        self.add(asked, flow, urgency, weight)
        try:
            return await mine
        except asyncio.CancelledError:
            self.give_up(asked)
            raise

    def add(self, asked: Ask, flow: Hashable, urgency: Urgency, weight: float) -> None:
        """Give it a place when it is the flow's turn, at once if it is."""
        self._turns.add(asked, flow=flow, urgency=urgency, weight=weight)
        self._give_turns()

    def give_up(self, asked: Ask) -> None:
        """Want it no more: a place that was given already is the next one's."""
        self._turns.discard(asked)
        if asked.turn is not None:
            asked.turn.end()

    def moved(self, *, busy: int = 0, below: int = 0) -> None:
        """Count who has gone on, and let others come up."""
        self._busy += busy
        self._below += below
        self._give_turns()

    def _give_turns(self) -> None:
        # Whoever is told may ask for more at once: that is given by the loop that tells, not inside it.
        if self._is_giving or not self._turns:
            return
        self._is_giving = True
        try:
            while self._is_room and (asked := self._turns.next()) is not None:
                asked.turn = self._next_turn()
                asked.go(asked.turn)
        finally:
            self._is_giving = False

    def _next_turn(self) -> Turn:
        self._busy += 1
        self._below += 1
        return Turn(self)

    @property
    def _is_room(self) -> bool:
        return self._busy < self.slots and self._below < WAITING_BELOW
