"""When a job is read next: the geometric rule of the policy, bent towards the time its news is expected.

Ages, delays and windows are seconds; the age of a job is counted from the answer of its POST.
"""

from typing import Final

from attrs import frozen

from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async.policies import PollPolicy

READS_WITHIN: Final = 8
"""How many reads share the time in which most news comes."""

MARGIN: Final = 2.0
"""How many times the longest known sync a job without news is watched."""

PATROL: Final = 1 / 16
"""The share of jobs that are watched for the whole deadline, so that syncs that became slower are noticed."""


@frozen
class Expectation:
    """How long the last syncs took, in seconds from the answer of the POST to the change.

    One in ten took less than ``low``, one in ten longer than ``high``, none longer than ``tail``. ``worst`` (a ratio
    of at least 1) is how many times worse than the geometric rule a job may become that follows this.
    """

    low: float
    high: float
    tail: float
    worst: float

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def delay_after(self, policy: PollPolicy, age: float, *, spread: float) -> float:
        """Return the seconds until the next read of a job of this age; ``spread`` is the job's draw in [0, 1).

        It is the delay of the geometric rule times a ratio between ``1 / worst`` and ``worst``, and never shorter
        than the policy's first delay or longer than its ceiling. From that alone follows, however wrong the
        expectation is: the news of a sync of ``d`` seconds is late by at most ``worst`` times what the geometric
        rule allows at ``d``, and up to any age there are at most ``worst`` (rounded up) times its reads.
        """
        ratio = self._wanted(policy, age) / policy.delay_after(age)
        return policy.delay_after(age, spread=spread) * min(max(ratio, 1 / self.worst), self.worst)

    def _wanted(self, policy: PollPolicy, age: float) -> float:
        geometric = policy.delay_after(age)
        if age >= self.high:
            return geometric
        within = min(max((self.high - self.low) / READS_WITHIN, policy.first), geometric)
        # A hop to ``low`` that is shorter than the reads there would be one read more.
        return min(max(self.low - age, within), policy.ceiling)

    def window(self, policy: PollPolicy, *, spread: float = 0.5) -> float | None:
        """Return the seconds after which a job without news is quiet, in place of the policy's deadline.

        Never longer than the deadline, never shorter than ``deadline / worst``; None where the policy has none. One
        job in sixteen, by its draw, keeps the deadline: a quiet job teaches nothing, so without it syncs that became
        slower than the window would stay unseen forever.
        """
        if policy.deadline is None or spread < PATROL:
            return policy.deadline
        return min(max(MARGIN * self.tail, policy.deadline / self.worst), policy.deadline)


def delay_after(policy: PollPolicy, expected: Expectation | None, age: float, *, spread: float) -> float:
    """Return the seconds until the next read of a job of this age; by the geometric rule if nothing is expected."""
    if expected is None:
        return policy.delay_after(age, spread=spread)
    return expected.delay_after(policy, age, spread=spread)
