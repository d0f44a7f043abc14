"""ServerPace: holds requests back so that what the server says is left lasts until its reset.

1. Of several limits in one answer the one counts that holds requests back longest.
2. An answer counts the requests the server saw before it. Those that were under way beside it, and those that began
   since, may or may not be among them: with ``u`` of these at least ``remaining - u`` are left, and at most
   ``remaining``. In one window the best such minimum stands, less what began since.
3. While more than the share ``little`` of the limit is left, nobody waits. Then the rest is spread evenly: with
   ``n`` left, the next request begins one part in ``n + 1`` of the way from the last one to the reset. With nothing
   left that is the reset itself. No single wait is longer than ``longest_wait``.
4. A limit the server does not name is the most it ever said was left.
5. A reset the server does not name is presumed to be one window after the window was first heard of; more left than
   then means a new window.
6. At the reset a new window of the same limit begins, of which the server has not spoken yet. When that one is over
   too, nothing is known and nobody waits.
"""

import math
from collections.abc import Iterable

from attrs import define, field

from packcloud_async._sansio.rate_headers import Allowance
from packcloud_async.policies import RateLimit

_SAME_RESET = 2.0
"""Seconds by which the same reset may be told differently, if the window is long enough."""


@define(eq=False, repr=False)
class _Window:
    left: float
    limit: float
    resets_at: float
    length: float
    left_at_first: float

    @property
    def is_spoken_of(self) -> bool:
        """Whether the server has said anything of it."""
        return self.left_at_first != math.inf

    def goes_on(self, told: Allowance, resets_at: float) -> bool:
        """Whether an answer still speaks of it; ``resets_at`` is when what it speaks of is over."""
        if told.remaining >= self.left_at_first and told.reset is None:
            return False
        # Resets are told in whole seconds, on a clock of their own, and take time to arrive.
        return told.reset is None or abs(resets_at - self.resets_at) <= min(_SAME_RESET, self.length / 2)

    def next_at(self, last: float, policy: RateLimit) -> float:
        if self.left > policy.little * self.limit:
            return -math.inf
        return last + min((self.resets_at - last) / (self.left + 1), policy.longest_wait)


@define(eq=False, repr=False)
class ServerPace:
    """What the server said last. Instants are of one clock, given by the caller."""

    policy: RateLimit
    _window: _Window | None = field(default=None, init=False)
    _most_left: float = field(default=0.0, init=False)
    _last: float = field(default=-math.inf, init=False)
    _last_but_one: float = field(default=-math.inf, init=False)

    @property
    def says_nothing(self) -> bool:
        """Whether no window of the server's is known."""
        return self._window is None

    @property
    def is_used_up(self) -> bool:
        """Whether the server said that nothing is left."""
        return self._window is not None and self._window.left < 1

    def told(self, allowances: Iterable[Allowance], *, uncertain: int, now: float) -> None:
        """Tell what an answer said, one allowance or more; ``uncertain`` other requests may not be counted in it."""
        if self._last == -math.inf:
            self._last = now
        windows = [self._heard(allowance, uncertain, now) for allowance in allowances]
        self._window = max(windows, key=lambda window: window.next_at(self._last, self.policy))

    def began(self, now: float) -> None:
        """Tell that a request begins."""
        if self._window is not None:
            self._renew(now)
        self._last_but_one, self._last = self._last, now
        if self._window is not None:
            self._window.left = max(0.0, self._window.left - 1)

    def took_back(self) -> None:
        """Tell that the request that began last did not begin after all."""
        self._last = self._last_but_one
        if self._window is not None:
            self._window.left += 1

    def ready_at(self, now: float) -> float:
        """Return the instant before which no request should begin; it may be past."""
        if self._window is not None:
            self._renew(now)
        return -math.inf if self._window is None else self._window.next_at(self._last, self.policy)

    def _heard(self, told: Allowance, uncertain: int, now: float) -> _Window:
        self._most_left = max(self._most_left, told.remaining)
        limit = self._most_left if told.limit is None else told.limit
        length = told.window or self.policy.presumed_window
        left = max(0.0, told.remaining - uncertain)
        old, resets_at = self._window, now + (length if told.reset is None else told.reset)
        if old is None or not old.goes_on(told, resets_at):
            return _Window(left, limit, resets_at, length, told.remaining)
        left = min(told.remaining, max(left, old.left if old.is_spoken_of else 0.0))
        most = old.left_at_first if old.is_spoken_of else told.remaining
        return _Window(left, limit, old.resets_at if told.reset is None else resets_at, length, most)

    def _renew(self, now: float) -> None:
        old = self._window
        if old is None or now < old.resets_at:
            return
        next_reset = old.resets_at + old.length
        if old.is_spoken_of and old.limit > 0 and now < next_reset:
            self._window = _Window(old.limit, old.limit, next_reset, old.length, math.inf)
        else:
            self._window = None
