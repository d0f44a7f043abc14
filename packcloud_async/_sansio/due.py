"""DueQueue: what is due when, with a window in which it may come early to travel with others."""

import heapq
import itertools
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from attrs import define, field

Item = TypeVar("Item", bound=Hashable)
Entry = tuple[float, int, Item]

ROOM_FOR_STALE = 64


@define
class DueQueue(Generic[Item]):
    """Items, each with one instant at which it is due and an earlier one from which it may be taken.

    Putting an item again replaces its instants. What was replaced stays in the heaps until it comes up, or until
    there is more of it than of live entries.
    """

    _due: "list[Entry[Item]]" = field(factory=list, init=False)
    _early: "list[Entry[Item]]" = field(factory=list, init=False)
    _live: dict[Item, tuple[float, float, int]] = field(factory=dict, init=False)
    _numbers: Iterator[int] = field(factory=itertools.count, init=False)

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, item: Item) -> bool:
        return item in self._live

    def put(self, item: Item, *, due_at: float, from_: float) -> None:
        """Let an item be due at an instant, and not be taken before ``from_``."""
        number = next(self._numbers)
        self._live[item] = (due_at, from_, number)
        heapq.heappush(self._due, (due_at, number, item))
        heapq.heappush(self._early, (from_, number, item))
        if len(self._due) + len(self._early) > 4 * len(self._live) + ROOM_FOR_STALE:
            self._drop_stale()

    def discard(self, item: Item) -> None:
        """Forget an item; an unknown one is ignored."""
        self._live.pop(item, None)

    def next_due(self) -> float | None:
        """Return the instant at which the first item is due, None if there is none."""
        while self._due and not self._is_live(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take(self, now: float) -> list[Item]:
        """Take out every item that may be taken now."""
        taken: list[Item] = []
        while self._early and self._early[0][0] <= now:
            entry = heapq.heappop(self._early)
            if self._is_live(entry):
                del self._live[entry[2]]
                taken.append(entry[2])
        return taken

    def _is_live(self, entry: "Entry[Item]") -> bool:
        live = self._live.get(entry[2])
        return live is not None and live[2] == entry[1]

    def _drop_stale(self) -> None:
        self._due = [(due_at, number, item) for item, (due_at, _, number) in self._live.items()]
        self._early = [(from_, number, item) for item, (_, from_, number) in self._live.items()]
        heapq.heapify(self._due)
        heapq.heapify(self._early)
