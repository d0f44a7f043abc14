"""The fewest reads for a delay: what somebody needs who knows how long syncs take, and who knows every draw.

A page shows everything that began together, and whoever reads it may read when he likes. News is late when it is known
more than ``tolerated`` seconds after it came; a share of ``late`` may be late, and whoever reads may choose which.
Everything must be known in the end. A request takes no time here, and all of a page begins in one instant, so nobody
can do better over a network.

1. :func:`knowing_the_distribution`: durations are independent and of one known distribution. After each read it is
   known which are still missing, and when to read next is chosen by that. What is kept of the past is thus the instant
   and the number of what is missing, so the best choice follows backwards from the end (dynamic programming), with a
   price for each late news in place of the bound; the price that costs most gives the bound's own optimum, in which
   two such ways of reading are mixed.
2. :func:`knowing_the_draws`: of each page the instants are known. A read is best made in the instant of a news, the
   last one in that of the last; how much a further read saves never grows, so reads go where they save most.
"""

import heapq
import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from attrs import frozen

STEPS: Final = 24
"""Into how many instants the tolerated delay is divided; a read comes at one of them. An even number."""

NEGLIGIBLE: Final = 1e-5
"""What is slower than all but this share is known at the end of the instants for nothing."""

_PRICES: Final = 14
"""How many times the interval of the price is narrowed."""


@frozen(kw_only=True)
class Page:
    """What one read shows: so many syncs, of each of which ``survival(t)`` is the probability to last longer."""

    syncs: int
    survival: Callable[[float], float]


@frozen(kw_only=True)
class Least:
    """Reads of a page, on the average, after the syncs began.

    Nobody needs fewer than ``bound``, and ``enough`` are enough: they differ because reads are made in steps.
    """

    bound: float
    enough: float


def log_normal(*, median: float, spread: float) -> Callable[[float], float]:
    """Return the survival of log-normal durations in seconds; one in six is above ``median + spread``."""
    sigma = math.log1p(spread / median)

    def survival(seconds: float) -> float:
        if seconds <= 0:
            return 1.0
        return 0.5 * math.erfc(math.log(seconds / median) / sigma / math.sqrt(2))

    return survival


def knowing_the_distribution(page: Page, *, tolerated: float, late: float = 0.05, steps: int = STEPS) -> Least:
    """Return the fewest reads with which at most the share ``late`` of all news is late."""
    step = tolerated / steps
    # What reads at fewer instants cost is less than a thousandth more.
    enough = _Choice.of(page, 2 * step, steps // 2).reads(late)
    # A read that is put off to the next instant shows no less and is late by less than a step more. So whoever may
    # read at any time is no better than one who reads in steps and to whom a step more is tolerated.
    return Least(bound=_Choice.of(page, step, steps + 1).reads(late), enough=enough)


@frozen
class _Choice:
    """Reads at multiples of a step; ``survivals`` are those at each, and ``tolerated`` counts steps."""

    syncs: int
    survivals: Sequence[float]
    tolerated: int

    @classmethod
    def of(cls, page: Page, step: float, tolerated: int) -> "_Choice":
        survivals = [1.0]
        while survivals[-1] > NEGLIGIBLE:
            survivals.append(page.survival(step * len(survivals)))
        return cls(page.syncs, survivals, tolerated)

    def reads(self, late: float) -> float:
        """Return the reads of the best mixture: the greatest over all prices of what is paid beyond the allowed."""
        allowed = late * self.syncs

        def paid(price: float) -> float:
            return self.cost(price) - price * allowed

        # What is paid is a concave function of the price, and here beyond its summit.
        low, high = 0.0, 1.0
        while paid(2 * high) > paid(high):
            high *= 2
        high *= 2
        section = (math.sqrt(5) - 1) / 2
        left, right = high - section * (high - low), low + section * (high - low)
        at_left, at_right = paid(left), paid(right)
        for _ in range(_PRICES):
            if at_left >= at_right:
                high, right, at_right = right, left, at_left
                left = high - section * (high - low)
                at_left = paid(left)
            else:
                low, left, at_left = left, right, at_right
                right = low + section * (high - low)
                at_right = paid(right)
        return max(at_left, at_right)

    def cost(self, price: float) -> float:
        """Return the least of reads and ``price`` times late news that may be expected of a page."""
        last = len(self.survivals) - 1
        # By instant, and by how many are missing.
        costs: list[list[float]] = [[] for _ in range(last)] + [[0.0] * (self.syncs + 1)]
        for now in range(last - 1, -1, -1):
            costs[now] = self._cheapest(now, price, costs)
        return costs[0][self.syncs]

    def _cheapest(self, now: int, price: float, costs: Sequence[Sequence[float]]) -> list[float]:
        cheapest = [0.0] + [math.inf] * self.syncs
        alive = self.syncs
        for then in range(now + 1, len(self.survivals)):
            late = price * self._late(now, then)
            # What waits longer is later still, and many are late sooner than few.
            while alive and 1 + alive * late >= cheapest[alive]:
                alive -= 1
            if not alive:
                break
            after = _expected(costs[then], self.survivals[then] / self.survivals[now], alive)
            for missing in range(1, alive + 1):
                whole = 1 + missing * late + after[missing - 1]
                cheapest[missing] = min(cheapest[missing], whole)
        return cheapest

    def _late(self, now: int, then: int) -> float:
        """Return the probability that one that is missing now is late if the next read comes then."""
        return 1 - self.survivals[max(now, then - self.tolerated)] / self.survivals[now]


def _expected(costs: Sequence[float], stays: float, most: int) -> list[float]:
    """Return what is to be expected of ``costs`` if each of 1, 2 and so on to ``most`` stays with this probability."""
    found: list[float] = []
    row = costs[: most + 1]
    for _ in range(most):
        row = [few + stays * (more - few) for few, more in pairwise(row)]
        found.append(row[0])
    return found


def knowing_the_draws(pages: Iterable[Sequence[float]], *, tolerated: float, late: float = 0.05) -> int:
    """Return the fewest reads of all these pages; each is the instants of its news."""
    news, reads, on_time, gains = 0, 0, 0, list[int]()
    for instants in pages:
        shown = _on_time(sorted(instants), tolerated)
        news += len(instants)
        reads += 1
        on_time += shown[0]
        gains.extend(more - few for few, more in pairwise(shown))
    needed = math.ceil(news * (1 - late) - 1e-9) - on_time
    heapq.heapify(gains := [-gain for gain in gains])
    while needed > 0:
        needed += heapq.heappop(gains)
        reads += 1
    return reads


def _on_time(instants: Sequence[float], tolerated: float) -> list[int]:
    """Return how many news can be known in time with one read, with two and so on until all are."""
    count = len(instants)
    # The first news that a read in the instant of each still finds in time.
    since = [bisect_left(instants, at - tolerated) for at in instants]
    # By the news before which all is looked at; with no read nothing is in time.
    most, found = [0] * (count + 1), list[int]()
    while not found or found[-1] < count:
        # The last read is that of the last news, and in front of what it shows stand the others.
        found.append(count - since[-1] + most[since[-1]])
        following = [0]
        for end in range(1, count + 1):
            with_read = end - since[end - 1] + most[since[end - 1]]
            following.append(max(following[-1], with_read))
        most = following
    return found
