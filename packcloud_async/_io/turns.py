"""FairSlots: so many requests of a bulk run at once, taking turns between its organizations."""

import asyncio
from collections import deque
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
            self.slots.below -= 1
            self.slots.give()

    def end_with(self, _: "asyncio.Task[None]") -> None:
        """Give the place back when a task is done."""
        self.end()

    def end(self) -> None:
        """Give the place back."""
        self.slots.busy -= 1
        if not self.left:
            self.slots.below -= 1
        self.slots.give()


@define(eq=False)
class Ask:
    """Somebody who waits for a place; ``turn`` is what was given, None so far."""

    go: Callable[[Turn], None]
    turn: Turn | None = None


@define(eq=False)
class FairSlots:
    """``slots`` at once; who is next is decided by :class:`Turns`.

    ``busy`` have a place, ``below`` of them have not left the client yet: turns change both, nobody else.
    """

    slots: int
    busy: int = field(default=0, init=False)
    below: int = field(default=0, init=False)
    _turns: Turns[Ask] = field(factory=Turns[Ask], init=False)
    _given: deque[Ask] = field(factory=deque[Ask], init=False)
    """Who has a place and was not told so far."""
    _is_telling: bool = field(default=False, init=False)

    async def take(self, flow: Hashable, urgency: Urgency, weight: float) -> Turn:
        """Take a place when it is the flow's turn; whoever takes it ends it."""
        if self._is_room and not self._turns.waiting:
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
        if self._is_room and not self._turns.waiting:
            asked.turn = self._next_turn()
            self._given.append(asked)
        else:
            self._turns.add(asked, flow=flow, urgency=urgency, weight=weight)
        self.give()

    def give_up(self, asked: Ask) -> None:
        """Want it no more: a place that was given already is the next one's."""
        self._turns.discard(asked)
        if asked in self._given:
            self._given.remove(asked)
        if asked.turn is not None:
            asked.turn.end()

    def give(self) -> None:
        """Give the places there are to those whose turn it is."""
        # Whoever is told may ask for more at once: that is given by the loop that tells, not inside it.
        if self._is_telling or not (self._turns.waiting or self._given):
            return
        self._is_telling = True
        try:
            while (asked := self._next_asked()) is not None:
                assert asked.turn is not None
                asked.go(asked.turn)
        finally:
            self._is_telling = False

    def _next_asked(self) -> Ask | None:
        if self._given:
            return self._given.popleft()
        if not self._is_room or (asked := self._turns.next()) is None:
            return None
        asked.turn = self._next_turn()
        return asked

    def _next_turn(self) -> Turn:
        self.busy += 1
        self.below += 1
        return Turn(self)

    @property
    def _is_room(self) -> bool:
        return self.busy < self.slots and self.below < WAITING_BELOW
