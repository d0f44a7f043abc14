"""RetryBudget: whether one more retry fits beside what was sent lately."""

from collections import deque

from attrs import define, field

from packcloud_async.policies import RetryPolicy

SPANS = 10
"""The window is counted in so many spans; it moves by one at a time."""


@define(eq=False, repr=False)
class _Span:
    number: float
    requests: int = 0
    retries: int = 0


@define(eq=False, repr=False)
class RetryBudget:
    """What one client sent in the last ``policy.budget_window`` seconds."""

    policy: RetryPolicy
    withheld: int = field(default=0, init=False)
    _spans: deque[_Span] = field(factory=deque[_Span], init=False)
    _requests: int = field(default=0, init=False)
    _retries: int = field(default=0, init=False)

    def sent(self, now: float) -> None:
        """Tell that a request leaves, be it the first attempt or a later one."""
        self._span(now).requests += 1
        self._requests += 1

    def take(self, now: float) -> bool:
        """Take one retry out of the budget; False when it is used up."""
        span = self._span(now)
        share = self.policy.budget
        if share is not None and self._retries >= self.policy.budget_reserve + share * self._requests:
            self.withheld += 1
            return False
        span.retries += 1
        self._retries += 1
        return True

    def _span(self, now: float) -> _Span:
        number = now // (self.policy.budget_window / SPANS)
        while self._spans and self._spans[0].number <= number - SPANS:
            old = self._spans.popleft()
            self._requests -= old.requests
            self._retries -= old.retries
        if not self._spans or self._spans[-1].number < number:
            self._spans.append(_Span(number))
        return self._spans[-1]
