"""Limiter: who of those that wait may go, and when.

1. A request goes when its client has a free slot *and* the budget lets one go, decided in one step. So nobody holds a
   slot while it waits for the budget, and nobody uses up budget while it waits for a slot.
2. Who goes is decided by the line (``_sansio/line.py``), when by the budget (``_sansio/budget.py``).
3. When nobody else could go, a request goes on without a task switch. Otherwise it waits on one future, and one timer
   of the limiter wakes the first in line, however many wait.
4. A pause also calls those back to their places whose future is set but whose task has not run yet: answers come in
   batches, and what one of them refuses should hold for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from attrs import define

from packcloud_async._sansio.budget import Budget
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.line import Door, Line, Place
from packcloud_async._sansio.rate_headers import Allowance
from packcloud_async.errors import ClientStateError, ConfigurationError
from packcloud_async.policies import RateLimit, check_instance


@define(eq=False, repr=False)
class Turn:
    """Leave to send one request: the instant it was given, and how many had been answered before."""

    began: float
    answered_before: int


class Slots(Protocol):
    """The slots of one client; its door is open while one is free."""

    @property
    def door(self) -> Door[Waiter]: ...

    def occupy(self) -> None:
        """Count one more as taken."""
        ...

    def vacate(self) -> None:
        """Count one as free again."""
        ...


@define(eq=False, repr=False)
class Waiter:
    """One request in line, and what it waits for."""

    slots: Slots
    let_go: asyncio.Future[Turn]


class Limiter:
    """Holds the requests of one client, or of several in one process, to one :class:`RateLimit`.

    >>> from packcloud_async import PackCloudClient
    >>> async def two_tokens_one_limit() -> None:
    ...     limiter = Limiter(RateLimit(50))
    ...     async with (
    ...         PackCloudClient(token="...", rate_limit=limiter) as one,
    ...         PackCloudClient(token="...", rate_limit=limiter) as other,
    ...     ):
    ...         ...

    None is no limit of one's own: refusals and headers of the server are heeded all the same. Nothing is
    opened and nothing needs closing. It belongs to the event loop it was first used on; on another one
    its clients raise :class:`~packcloud_async.ClientStateError`.
    """

    def __init__(self, rate_limit: RateLimit | None = None) -> None:
        check_instance("rate_limit", rate_limit, RateLimit)
        self._rate_limit = rate_limit or RateLimit()
        self._budget = Budget(self._rate_limit)
        self._line: Line[Waiter] = Line()
        self._leaving: dict[Place[Waiter], None] = {}
        self._begun = 0
        self._answered = 0
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        # A traceback of a refusal may show it while it is being built.
        return f"Limiter({getattr(self, '_rate_limit', '?')!r})"

    @property
    def rate_limit(self) -> RateLimit:
        """What it was made with."""
        return self._rate_limit

    @property
    def rate(self) -> float | None:
        """How many requests may begin per second now; None means no limit."""
        return self._budget.rate(self._last_known_time())

    @property
    def lowest_rate(self) -> float | None:
        """The lowest rate so far."""
        return self._budget.lowest_rate

    @property
    def paused_for(self) -> float:
        """For how many seconds nothing will be sent, because the server refused or has nothing left; 0 if not."""
        return self._budget.paused_for(self._last_known_time())

    def now(self, loop: asyncio.AbstractEventLoop | None = None) -> float:
        """Return the time of the loop it belongs to; the parts of this package build on this and what follows.

        ``loop`` is the one that runs, for who knows it: to ask for it costs a call of the system.
        """
        loop = loop or asyncio.get_running_loop()
        if loop is not self._loop:
            self._settle_on(loop)
        return loop.time()

    def _settle_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None:
            raise ClientStateError(
                "the limiter belongs to the event loop it was first used on; make one limiter for each loop"
            )
        self._loop = loop

    def turn_at_once(self, now: float) -> Turn | None:
        """Let one request go if it need not wait; the caller sees to it that there is a slot."""
        if self._line.is_ready or not self._budget.may_begin(now):
            return None
        return self._turn(now)

    def line_up(self, slots: Slots, urgency: Urgency) -> Place[Waiter]:
        """Put a request in line."""
        place = self._line.put(Waiter(slots, self._future()), door=slots.door, urgency=urgency)
        self._admit(self.now())
        return place

    def left(self, place: Place[Waiter]) -> None:
        """Tell that a request that was let go is on its way."""
        del self._leaving[place]

    def give_up(self, place: Place[Waiter]) -> None:
        """Take a request out of the line; one that was already let go gives its turn to the next."""
        if place in self._leaving:
            del self._leaving[place]
            self._undo(place)
        else:
            self._line.leave(place)
        # Not always is it running any more, and on a closed one nobody waits.
        if not self._own_loop().is_closed():
            self._admit(self._own_loop().time())

    def set_open(self, slots: Slots, is_open: bool) -> None:
        """Tell whether a client has a free slot."""
        self._line.set_open(slots.door, is_open)

    def answered(self) -> None:
        """Tell that a request is answered or failed."""
        self._answered += 1
        if self._line.is_ready:
            self._admit(self.now())

    def pause_for(self, seconds: float) -> None:
        """Let nobody go for so many seconds; a shorter wish never shortens a longer one."""
        now = self.now()
        self._budget.pause(now, now + seconds)
        self._call_back(now)

    def refused(self, turn: Turn, *, pause: float) -> None:
        """Tell that the server refused a request, and wants so many seconds of quiet."""
        now = self.now()
        self._budget.refused(began=turn.began, now=now, until=now + pause)
        self._call_back(now)

    def told(self, turn: Turn, allowances: Sequence[Allowance]) -> None:
        """Tell what the headers of an answer said; its request still counts as under way."""
        uncertain = self._begun - turn.answered_before - 1
        self._budget.told(allowances, uncertain=uncertain, now=self.now())

    def _future(self) -> asyncio.Future[Turn]:
        return self._own_loop().create_future()

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop

    def _turn(self, now: float) -> Turn:
        self._budget.begin(now)
        self._begun += 1
        return Turn(now, self._answered)

    def _undo(self, place: Place[Waiter]) -> None:
        self._budget.take_back()
        self._begun -= 1
        place.item.slots.vacate()

    def _call_back(self, now: float) -> None:
        if self._budget.paused_for(now) <= 0:
            return
        while self._leaving:
            place, _ = self._leaving.popitem()
            self._undo(place)
            place.item.let_go = self._future()
            self._line.put_back(place)
        self._admit(now)

    def _admit(self, now: float) -> None:
        """Let go who may, and see to it that the line is looked at again when the next one may."""
        while self._line.is_ready:
            ready_at = self._budget.ready_at(now)
            if ready_at > now:
                self._look_again_at(ready_at)
                return
            place = self._line.take()
            # A cancelled one stands in line until its task runs.
            if place.item.let_go.cancelled():
                continue
            place.item.slots.occupy()
            self._leaving[place] = None
            place.item.let_go.set_result(self._turn(now))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again_at(self, instant: float) -> None:
        if self._timer is not None:
            if self._looks_at <= instant:
                return
            self._timer.cancel()
        self._looks_at = instant
        self._timer = self._own_loop().call_at(instant, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._admit(self.now())

    def _last_known_time(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()


def limiter_of(rate_limit: RateLimit | Limiter | None) -> Limiter:
    """Return a limiter for what a client was given."""
    if isinstance(rate_limit, Limiter):
        return rate_limit
    given: object = rate_limit
    if given is not None and not isinstance(given, RateLimit):
        raise ConfigurationError(f"rate_limit must be a RateLimit or a Limiter, not {given!r}")
    return Limiter(rate_limit)
