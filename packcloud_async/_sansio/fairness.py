"""Turns: whose turn it is when more wants to be sent than may be sent.

1. Among classes the more urgent one goes first, but every eighth grant goes to the class that has waited longest
   for one. So a class in which something waits gets at least one of any sixteen grants in a row.
2. Within a class the flows take turns by deficit round robin: each round adds a flow's weight to its credit, a
   grant costs 1, and what is left is carried on. The eighth grants are ordinary turns of their class, so they
   bend no shares.
3. Within a flow it is first come, first served.
4. A flow in which nothing waits is forgotten, with its credit: it can save up nothing, and it costs nothing.

From 2 follows, counted in grants of the class, with ``w`` for the weight of a flow:

- A flow gets at most ``ceil(w)`` grants a round.
- An item with ``p`` before it in its flow is granted within ``m = ceil((p + 1) / w)`` rounds: after at most
  ``p + 1`` grants of its own flow and ``(m + 1) * ceil(v)`` of each other flow of weight ``v``, however much the
  others ask. With ``w >= 1`` the first item of a flow waits for ``ceil(v)`` grants of each flow that was waiting
  when it came, and for nothing that came later.
- While two flows always have something waiting, their grants per weight differ by less than ``2 + 1/w + 1/v``
  over any stretch of time.
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import define, field

from packcloud_async._sansio.endpoints import Urgency
from packcloud_async.errors import ConfigurationError

Item = TypeVar("Item", bound=Hashable)

LEAST_WEIGHT = 0.01
GREATEST_WEIGHT = 100.0

OLDEST_CLASS_EVERY = 8
"""Of so many grants the last goes to the class that has waited longest."""

_REQUEST = 1_000_000
"""What a grant costs; weights are kept as whole multiples of a millionth, so that shares do not drift."""


@define(eq=False)
class _Flow(Generic[Item]):
    """What waits in one flow of one class; ``credit`` is what it will have when ``round`` comes."""

    key: Hashable
    urgency: Urgency
    weight: int
    waiting: OrderedDict[Item, None] = field(factory=OrderedDict)
    credit: int = 0
    round: int = 0


@define(eq=False)
class _Ring(Generic[Item]):
    """The flows of one class. Rounds in which nobody could be granted anything are stepped over at once."""

    flows: dict[Hashable, _Flow[Item]] = field(factory=dict, init=False)
    waits_since: int = field(default=0, init=False)
    """How many grants there were, of all classes, at the latest of this one or when its wait began."""
    _rounds: dict[int, OrderedDict[Hashable, _Flow[Item]]] = field(factory=dict, init=False)
    _round: int = field(default=0, init=False)

    def flow(self, key: Hashable, urgency: Urgency, weight: int) -> _Flow[Item]:
        """Return the flow of this key, a new one if nothing waits in it."""
        flow = self.flows.get(key)
        if flow is None:
            flow = self.flows[key] = _Flow(key, urgency, weight)
            self._plan(flow)
        flow.weight = weight
        return flow

    def next(self) -> Item:
        """Take out the item whose turn it is; there must be one."""
        flow = self._whose_turn()
        item, _ = flow.waiting.popitem(last=False)
        flow.credit -= _REQUEST
        if not flow.waiting:
            self.forget(flow)
        elif flow.credit < _REQUEST:
            del self._rounds[flow.round][flow.key]
            self._plan(flow)
        return item

    def forget(self, flow: _Flow[Item]) -> None:
        """Drop a flow in which nothing waits."""
        del self.flows[flow.key]
        del self._rounds[flow.round][flow.key]
        if not self.flows:
            self._rounds.clear()
            self._round = 0

    def _plan(self, flow: _Flow[Item]) -> None:
        # Never the round under way: a flow that empties and fills again would have a second turn in it.
        rounds = -((flow.credit - _REQUEST) // flow.weight)
        flow.credit += rounds * flow.weight
        flow.round = self._round + rounds
        self._rounds.setdefault(flow.round, OrderedDict())[flow.key] = flow

    def _whose_turn(self) -> _Flow[Item]:
        while not self._rounds.get(self._round):
            self._rounds.pop(self._round, None)
            # The least weight needs a hundred rounds for one grant, so there are never many to choose from.
            self._round = min(self._rounds)
        return next(iter(self._rounds[self._round].values()))


@define(eq=False)
class Turns(Generic[Item]):
    """Items that wait for their turn, by class and flow; every operation takes constant time, amortized.

    >>> turns = Turns()
    >>> for item in ("a1", "a2", "a3"):
    ...     turns.add(item, flow="a", urgency=Urgency.READ)
    >>> turns.add("b1", flow="b", urgency=Urgency.READ)
    >>> turns.add("post", flow="b", urgency=Urgency.ACT)
    >>> [turns.next() for _ in range(len(turns))]
    ['post', 'a1', 'b1', 'a2', 'a3']
    """

    waiting: dict[Item, _Flow[Item]] = field(factory=dict, init=False)
    """What waits, in which flow: to be looked at, and changed by nobody else."""
    _rings: dict[Urgency, _Ring[Item]] = field(init=False)
    _grants: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._rings = {urgency: _Ring() for urgency in sorted(Urgency)}

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, item: Item, *, flow: Hashable, urgency: Urgency, weight: float = 1.0) -> None:
        """Let an item wait for its turn. It must not wait already.

        ``weight`` is the flow's share beside others of its class, from 0.01 to 100; the one given last holds from
        the flow's next turn on. Raises :class:`ConfigurationError` for any other.
        """
        if not LEAST_WEIGHT <= weight <= GREATEST_WEIGHT:
            raise ConfigurationError(f"a weight must be between {LEAST_WEIGHT} and {GREATEST_WEIGHT:g}, not {weight!r}")
        if item in self.waiting:
            raise ValueError(f"{item!r} waits already")
        ring = self._rings[urgency]
        if not ring.flows:
            ring.waits_since = self._grants
        place = self.waiting[item] = ring.flow(flow, urgency, round(weight * _REQUEST))
        place.waiting[item] = None

    def discard(self, item: Item) -> None:
        """Forget an item; one that does not wait is ignored."""
        flow = self.waiting.pop(item, None)
        if flow is None:
            return
        del flow.waiting[item]
        if not flow.waiting:
            self._rings[flow.urgency].forget(flow)

    def next(self) -> Item | None:
        """Take out the item whose turn it is, None if nothing waits."""
        ring = self._ring()
        if ring is None:
            return None
        item = ring.next()
        del self.waiting[item]
        self._grants += 1
        ring.waits_since = self._grants
        return item

    def _ring(self) -> _Ring[Item] | None:
        if (self._grants + 1) % OLDEST_CLASS_EVERY:
            for ring in self._rings.values():
                if ring.flows:
                    return ring
            return None
        # Of those that have waited equally long the least urgent: the others get the grants in between.
        waiting = [ring for ring in reversed(self._rings.values()) if ring.flows]
        return min(waiting, key=lambda ring: ring.waits_since, default=None)
