"""DueQueue: what is due when, with a window in which it may come early to travel with others."""

import math
from collections.abc import Iterable
from typing import Final, Generic, Protocol, TypeVar

from attrs import define, field

NOWHERE: Final = 0
QUEUED: Final = 1
DISCARDED: Final = 2
"""Where an item stands: in no queue, in one, or still in the list of one that does not want it any more."""


class Due(Protocol):
    """An item that knows its instants and where it stands, so that each of a hundred thousand costs eight bytes."""

    due_at: float
    place: int

    @property
    def early_at(self) -> float:
        """From when on it may be taken."""
        ...


Item = TypeVar("Item", bound=Due)


@define
class DueQueue(Generic[Item]):
    """Items, each with one instant at which it is due and an earlier one from which it may be taken.

    To take what may come early, all items are looked at: a read tells many of them at once, so that it happens far
    less often than they are put.
    """

    _items: list[Item] = field(factory=list[Item], init=False)
    _discarded: int = field(default=0, init=False)
    _first_due: float = field(default=math.inf, init=False)

    def __len__(self) -> int:
        return len(self._items) - self._discarded

    def __contains__(self, item: Item) -> bool:
        return item.place == QUEUED

    def put(self, item: Item) -> None:
        """Add an item, or take note that its instants have changed."""
        if item.place == NOWHERE:
            self._items.append(item)
        elif item.place == DISCARDED:
            self._discarded -= 1
        item.place = QUEUED
        if item.due_at < self._first_due:  # noqa: PLR1730 - for each job of each read, and min() takes three times as long
            self._first_due = item.due_at

    def put_all(self, items: Iterable[Item]) -> None:
        """Add items, as :meth:`put` does."""
        first_due, add = self._first_due, self._items.append
        for item in items:
            if item.place == NOWHERE:
                add(item)
            elif item.place == DISCARDED:
                self._discarded -= 1
            item.place = QUEUED
            if item.due_at < first_due:  # noqa: PLR1730 - see put()
                first_due = item.due_at
        self._first_due = first_due

    def discard(self, item: Item) -> None:
        """Forget an item; one that is not in the queue is ignored."""
        if item.place != QUEUED:
            return
        item.place = DISCARDED
        self._discarded += 1
        if 2 * self._discarded > len(self._items):
            self._clear_out()

    def next_due(self) -> float | None:
        """Return an instant before which nothing is due, None if there is nothing at all."""
        return self._first_due if len(self) else None

    def take(self, now: float) -> list[Item]:
        """Take out every item that may be taken now, if one is due."""
        if now < self._first_due:
            return []
        self._clear_out()
        # What was first may have been put off or discarded meanwhile.
        self._first_due = min([item.due_at for item in self._items], default=math.inf)
        if now < self._first_due:
            return []
        taken: list[Item] = []
        left: list[Item] = []
        for item in self._items:
            (taken if item.due_at <= now or item.early_at <= now else left).append(item)
        for item in taken:
            item.place = NOWHERE
        self._items = left
        self._first_due = min([item.due_at for item in left], default=math.inf)
        return taken

    def _clear_out(self) -> None:
        if not self._discarded:
            return
        for item in self._items:
            if item.place == DISCARDED:
                item.place = NOWHERE
        self._items = [item for item in self._items if item.place == QUEUED]
        self._discarded = 0
