"""Budget: may a request begin now, and if not, when.

1. A request may begin when no pause lasts, the bucket holds a whole request, and the server's own count
   (:mod:`server_pace`) does not hold it back.
2. The bucket starts full with ``burst`` requests, loses one with each that begins, and gains ``rate`` a second up to
   ``burst``. So at most ``burst + rate * w`` begin in any window of ``w`` seconds.
3. A pause never shortens a longer one. While it lasts the bucket holds at most one request, so that what waited does
   not go all at once when it ends.
4. A refused request lowers the rate only if it began after the rate was lowered last: a hundred requests that meet
   the same refusal lower it once. Each ``quiet`` seconds after the last refusal and its pause raise it by one step.
5. A request that was let go and did not begin is taken back: the bucket is then what it had been without it.
"""

import math
from collections.abc import Sequence

from attrs import define, field, frozen

from packcloud_async._sansio.rate_headers import Allowance
from packcloud_async._sansio.server_pace import ServerPace
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async.policies import RateLimit

_ROUNDING = 1e-9
"""A request is whole but for this share of one: what is missing is carried over, not forgiven."""


@frozen(kw_only=True)
class BudgetState:
    """How a client stands with its request budget.

    ``rate`` is what it may send per second now, ``lowest_rate`` the least so far; None means no limit. ``paused_for``
    is how many seconds nothing will be sent, because the server refused or has nothing left; 0 when nothing is held
    back. These three are shared by all clients of one :class:`~packcloud_async.Limiter`; the rest is this client's:
    ``waited`` is the seconds its requests waited for their turn, added up; ``refusals`` counts answers 429, and 503
    with Retry-After; ``retries`` counts requests sent again, ``retries_withheld`` failures that were not tried again
    because of ``RetryPolicy.budget``.
    """

    rate: float | None
    lowest_rate: float | None
    paused_for: float
    waited: float
    refusals: int
    retries: int
    retries_withheld: int

    __repr__, __eq__, __hash__ = shown, equal, hashed


@define(eq=False, repr=False)
class Bucket:
    """A token bucket whose rate may move; instants are of one clock, given by the caller."""

    policy: RateLimit
    full_rate: float
    rate: float = field(init=False)
    lowest_rate: float = field(init=False)
    _level: float = field(init=False)
    _filled_at: float = field(default=-math.inf, init=False)
    _held_until: float = field(default=-math.inf, init=False)
    _lowered_at: float = field(default=-math.inf, init=False)
    _raised_at: float = field(default=math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self.rate = self.lowest_rate = self.full_rate
        self._level = self.policy.burst

    def ready_at(self, now: float) -> float:
        """Return the first instant at which it may hold a whole request; never after it does."""
        self.settle(now)
        missing = 1 - self._level
        if missing <= _ROUNDING:
            return -math.inf
        # A rise of the rate before then brings it forward: ask again at the rise.
        return min(self._filled_at + missing / self.rate, self._raised_at)

    def take(self, now: float) -> None:
        """Take one request out."""
        self.settle(now)
        self._level -= 1

    def put_back(self) -> None:
        """Undo the last taking."""
        self._level = min(self.policy.burst, self._level + 1)

    def hold(self, now: float, until: float) -> None:
        """Keep at most one request in it until an instant."""
        self.settle(now)
        self._held_until = max(self._held_until, until)

    def refused(self, *, began: float, now: float, until: float) -> None:
        """Tell that the server refused a request which began at an instant, and wants quiet until another."""
        if not self.policy.adaptive:
            return
        self.settle(now)
        if began > self._lowered_at:
            self._lowered_at = now
            self.rate = max(self.policy.floor * self.full_rate, self.rate * self.policy.decrease)
            self.lowest_rate = min(self.lowest_rate, self.rate)
        self._raised_at = max(now, until) + self.policy.quiet

    def settle(self, now: float) -> None:
        """Bring rate and level up to an instant; an earlier one than before changes nothing."""
        while self._raised_at <= now:
            self._fill(self._raised_at)
            self.rate = min(self.full_rate, self.rate + self.policy.increase * self.full_rate)
            self._raised_at += self.policy.quiet if self.rate < self.full_rate else math.inf
        self._fill(now)

    def _fill(self, instant: float) -> None:
        for until, most in ((min(instant, self._held_until), 1.0), (instant, self.policy.burst)):
            if until > self._filled_at:
                self._level = min(most, self._level + (until - self._filled_at) * self.rate)
                self._filled_at = until


@define(eq=False, repr=False)
class Budget:
    """What one limiter decides by. Instants are of one clock, given by the caller."""

    policy: RateLimit
    _bucket: Bucket | None = field(init=False)
    _server: ServerPace = field(init=False)
    _paused_until: float = field(default=-math.inf, init=False)

    def __attrs_post_init__(self) -> None:
        self._bucket = None if self.policy.rate is None else Bucket(self.policy, self.policy.rate)
        self._server = ServerPace(self.policy)

    @property
    def lowest_rate(self) -> float | None:
        """The lowest rate so far, requests per second; None means no limit."""
        return None if self._bucket is None else self._bucket.lowest_rate

    def rate(self, now: float) -> float | None:
        """Return the rate at an instant, requests per second; None means no limit."""
        if self._bucket is None:
            return None
        self._bucket.settle(now)
        return self._bucket.rate

    def paused_for(self, now: float) -> float:
        """Return the seconds for which nothing will begin, because the server refused or has nothing left."""
        until = self._paused_until
        if self._server.is_used_up:
            until = max(until, self._server.ready_at(now))
        return max(0.0, until - now)

    def ready_at(self, now: float) -> float:
        """Return the instant at which to begin a request, or to ask again; one that is not later than now is now."""
        ready_at = max(self._paused_until, self._server.ready_at(now))
        return ready_at if self._bucket is None else max(ready_at, self._bucket.ready_at(now))

    def may_begin(self, now: float) -> bool:
        """Whether a request may begin at this instant."""
        # Mostly nothing holds anybody back, and this is asked before every request.
        if self._bucket is None and self._server.says_nothing:
            return self._paused_until <= now
        return self.ready_at(now) <= now

    def begin(self, now: float) -> None:
        """Tell that a request begins."""
        self._server.began(now)
        if self._bucket is not None:
            self._bucket.take(now)

    def take_back(self) -> None:
        """Tell that the request that began last did not begin after all."""
        self._server.took_back()
        if self._bucket is not None:
            self._bucket.put_back()

    def pause(self, now: float, until: float) -> None:
        """Let nothing begin until an instant; a shorter wish never shortens a longer one."""
        self._paused_until = max(self._paused_until, until)
        if self._bucket is not None and until > now:
            self._bucket.hold(now, until)

    def refused(self, *, began: float, now: float, until: float) -> None:
        """Tell that the server refused a request which began at an instant, and wants quiet until another."""
        self.pause(now, until)
        if self._bucket is not None:
            self._bucket.refused(began=began, now=now, until=self._paused_until)

    def told(self, allowances: Sequence[Allowance], *, uncertain: int, now: float) -> None:
        """Tell what the headers of an answer said; of ``uncertain`` other requests it is not known if they count."""
        if allowances and self.policy.server_headers:
            self._server.told(allowances, uncertain=uncertain, now=now)
