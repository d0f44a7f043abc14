"""Line: who goes next when many wait, at several doors.

1. Only who waits at an open door can go. Of these the most urgent goes, and of the equally urgent who came first.
2. Whoever came first of all that can go is overtaken at most ``PATIENCE`` times in a row; then it goes.
3. The same holds among those of one door, counted by what went through that door: a door that is open only for
   moments could otherwise starve its own.
4. A grant looks at the first of each urgency at each open door, however many wait behind them.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

from attrs import define, field, frozen

from packcloud_async._sansio.endpoints import Urgency

Item = TypeVar("Item")

PATIENCE = 16


@frozen(eq=False, repr=False)
class Place(Generic[Item]):
    """One waiter's place; ``number`` is the order of coming, over all doors."""

    item: Item
    urgency: Urgency
    door: Door[Item]
    number: int


@define(eq=False, repr=False)
class Door(Generic[Item]):
    """Where some of them wait; told by the line alone."""

    is_open: bool = True
    overtaken: int = 0
    lanes: tuple[OrderedDict[int, Place[Item]], ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.lanes = tuple(OrderedDict[int, Place[Item]]() for _ in Urgency)

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits here."""
        return not any(self.lanes)

    @property
    def heads(self) -> list[Place[Item]]:
        """Who came first, of each urgency; the most urgent first."""
        return [next(iter(lane.values())) for lane in self.lanes if lane]


@define(eq=False, repr=False)
class Line(Generic[Item]):
    """Everybody who waits."""

    _overtaken: int = field(default=0, init=False)
    _numbers: int = field(default=0, init=False)
    # Open doors at which somebody waits.
    _ready: dict[Door[Item], None] = field(factory=dict, init=False)

    @property
    def is_ready(self) -> bool:
        """Whether somebody waits at an open door."""
        return bool(self._ready)

    def put(self, item: Item, *, door: Door[Item], urgency: Urgency) -> Place[Item]:
        """Let somebody wait behind all others of the same urgency."""
        self._numbers += 1
        place = Place(item, urgency, door, self._numbers)
        door.lanes[urgency][place.number] = place
        self._sort(door)
        return place

    def put_back(self, place: Place[Item]) -> None:
        """Let somebody who was taken wait where it waited before; of several, who was taken last first."""
        lane = place.door.lanes[place.urgency]
        lane[place.number] = place
        lane.move_to_end(place.number, last=False)
        self._sort(place.door)

    def leave(self, place: Place[Item]) -> None:
        """Forget somebody who waits no more; who already went is ignored."""
        place.door.lanes[place.urgency].pop(place.number, None)
        self._sort(place.door)

    def set_open(self, door: Door[Item], is_open: bool) -> None:
        """Open or close a door."""
        door.is_open = is_open
        self._sort(door)

    def take(self) -> Place[Item]:
        """Take out who goes next; only while the line is ready."""
        heads = [door.heads for door in self._ready]
        oldest = min((place for at_door in heads for place in at_door), key=_number)
        place = oldest if self._overtaken >= PATIENCE else _most_urgent(heads)
        self._overtaken = 0 if place is oldest else self._overtaken + 1
        door = place.door
        door.overtaken = 0 if place is min(door.heads, key=_number) else door.overtaken + 1
        self.leave(place)
        return place

    def _sort(self, door: Door[Item]) -> None:
        if door.is_open and not door.is_empty:
            self._ready[door] = None
        else:
            self._ready.pop(door, None)


def _number(place: Place[Item]) -> int:
    return place.number


def _most_urgent(heads: list[list[Place[Item]]]) -> Place[Item]:
    at_door = min(heads, key=lambda at_door: (at_door[0].urgency, at_door[0].number))
    return min(at_door, key=_number) if at_door[0].door.overtaken >= PATIENCE else at_door[0]
