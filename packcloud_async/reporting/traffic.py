"""The requests of a run by time: counted in buckets, however many there are.

When a run outgrows its buckets, every two become one of double the width. So what is kept is bounded, and no request is
kept by itself.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Final

from attrs import define, field, frozen

MOST_BUCKETS: Final = 240
FIRST_WIDTH: Final = 0.05


class Sort(Enum):
    """What a request was for, or what became of it."""

    READ = 0
    POST = 1
    AGAIN = 2
    REFUSED = 3
    FAILED = 4
    WITHHELD = 5


SENT: Final = (Sort.READ, Sort.POST, Sort.AGAIN)
"""The sorts that are requests; the others are what became of them."""


@frozen
class TrafficStory:
    """Counts by bucket, one sequence for each sort; ``width`` is the seconds of a bucket.

    ``budget`` is the requests a second the client might send when a bucket began, None where it had no limit, or where
    nothing was sent.
    """

    width: float
    counts: Sequence[Sequence[int]]
    budget: Sequence[float | None]

    def of(self, sort: Sort) -> Sequence[int]:
        """Return the counts of one sort, bucket by bucket."""
        return self.counts[sort.value]

    def total(self, sort: Sort) -> int:
        """Return how many there were."""
        return sum(self.of(sort))

    @property
    def sent(self) -> Sequence[int]:
        """How many left in each bucket."""
        return [
            sum(three) for three in zip(*(self.of(sort) for sort in (Sort.READ, Sort.POST, Sort.AGAIN)), strict=True)
        ]

    def coarser(self, width: float) -> "TrafficStory":
        """Return the same in buckets of at least that width."""
        found = self
        while found.width < width:
            found = TrafficStory(found.width * 2, [_doubled(counts) for counts in found.counts], _lowest(found.budget))
        return found


@define
class Traffic:
    """Counts what is told, by the seconds since the run began."""

    width: float = FIRST_WIDTH
    _counts: list[list[int]] = field(factory=lambda: [[] for _ in Sort], init=False)
    _budget: list[float | None] = field(factory=list[float | None], init=False)

    def count(self, sort: Sort, at: float) -> bool:
        """Count one; return whether it is the first of its bucket."""
        index = self._bucket_of(at)
        is_first = not any(counts[index] for counts in self._counts)
        self._counts[sort.value][index] += 1
        return is_first

    def allowed(self, rate: float | None, at: float) -> None:
        """Tell what may be sent a second."""
        self._budget[self._bucket_of(at)] = rate

    def story(self) -> TrafficStory:
        """Return what was counted so far."""
        return TrafficStory(self.width, [list(counts) for counts in self._counts], list(self._budget))

    def _bucket_of(self, at: float) -> int:
        at = max(0.0, at)
        while at >= self.width * MOST_BUCKETS:
            self._widen()
        index = min(int(at / self.width), MOST_BUCKETS - 1)
        missing = index + 1 - len(self._budget)
        if missing > 0:
            self._budget += [None] * missing
            for counts in self._counts:
                counts.extend([0] * missing)
        return index

    def _widen(self) -> None:
        self.width *= 2
        self._counts = [_doubled(counts) for counts in self._counts]
        self._budget = _lowest(self._budget)


def _doubled(counts: Sequence[int]) -> list[int]:
    return [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]


def _lowest(rates: Sequence[float | None]) -> list[float | None]:
    # The lower one of two: a budget that was halved for a moment is not to vanish.
    pairs = (rates[i : i + 2] for i in range(0, len(rates), 2))
    return [min((rate for rate in pair if rate is not None), default=None) for pair in pairs]
