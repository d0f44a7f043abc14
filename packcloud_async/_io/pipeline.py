"""One call from value to value: credential, turn, transport, reading, retries."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast

from attrs import define, field

from packcloud_async._io.credentials import Credential, Credentials
from packcloud_async._io.gate import Gate
from packcloud_async._io.home import Home
from packcloud_async._io.limiting import Turn
from packcloud_async._io.retrying import Attempt, TryAgain, log_retry, retrying, tell_withheld
from packcloud_async._io.tasks import carried_by, is_being_cancelled
from packcloud_async._io.transport import Transport
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.endpoints import (
    Call,
    build_request,
    may_have_acted,
    may_repeat,
    read_answer,
    retry_after,
)
from packcloud_async._sansio.rate_headers import allowances
from packcloud_async._sansio.retry_budget import RetryBudget
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.wire import Damage, Response
from packcloud_async.auth import Auth
from packcloud_async.errors import (
    ApiError,
    ClientStateError,
    NotFound,
    PackCloudError,
    TransportError,
    Unauthorized,
)
from packcloud_async.policies import RetryPolicy, Timeouts

T = TypeVar("T")


class CallObserver(Protocol):
    """Who is told what happens to one call."""

    async def leaving(self) -> None:
        """The request is about to leave: from here on the server may act. What this raises keeps it back."""
        ...

    def harmless(self) -> None:
        """The request certainly had no effect; may be told more than once."""
        ...

    def retrying(self, details: RetryDetails) -> None:
        """It will be tried again."""
        ...


@define
class _Tries:
    """What the attempts of one call share."""

    observer: CallObserver | None
    left: int
    may_have_acted: bool = False
    is_retry: bool = False


@define
class Pipeline:
    """Sends calls for one client on one event loop; used by any number of tasks at once."""

    transport: Transport
    auth: Auth
    base_url: str
    user_agent: str
    timeouts: Timeouts
    policy: RetryPolicy
    gate: Gate
    on_retry: Callable[[RetryDetails], None] | None
    requests_sent: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)
    _transport_closed: bool = field(default=False, init=False)
    _home: Home = field(factory=lambda: Home("client"), init=False)
    _repeated: Attempt = field(init=False)
    _lifetimes: set[asyncio.Timeout] = field(factory=set[asyncio.Timeout], init=False)
    _credentials: Credentials = field(init=False)
    _retry_budget: RetryBudget = field(init=False)
    _retries_sent: int = field(default=0, init=False)
    _refusals: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._credentials = Credentials(self.auth)
        self._retry_budget = RetryBudget(self.policy)
        self._repeated = retrying(self._attempt, policy=self.policy, draw=random.random, notify=self._notify)

    @property
    def budget(self) -> BudgetState:
        """How the client stands with its request budget."""
        limiter = self.gate.limiter
        return BudgetState(
            rate=limiter.rate,
            lowest_rate=limiter.lowest_rate,
            paused_for=limiter.paused_for,
            waited=self.gate.waited,
            refusals=self._refusals,
            retries=self._retries_sent,
            retries_withheld=self._retry_budget.withheld,
        )

    async def call(self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False) -> T:
        """Send a call and return its value; ``once`` never retries. Raises what the answer means."""
        self._check_usable()
        send = self._attempt if once else self._repeated
        error: PackCloudError
        lifetime = asyncio.timeout(None)
        try:
            async with lifetime:
                self._lifetimes.add(lifetime)
                return cast("T", await send(call, _Tries(observer, left=1 if once else self.policy.attempts)))
        except TryAgain as exhausted:
            error = exhausted.error
        except TimeoutError:
            if not lifetime.expired():
                raise
            error = ClientStateError(f"the client was closed during {call.method} {call.path}")
        except BaseException as passing:
            # Cancelled while it waited to try again: what is shown is the failure, not its wrapper.
            if isinstance(passing.__context__, TryAgain):
                passing.__context__ = passing.__context__.error
            raise
        finally:
            self._lifetimes.discard(lifetime)
        # Outside the except block, so that the wrapper does not become its context.
        raise error

    async def aclose(self) -> None:
        """Refuse further calls, end those under way or waiting for a turn or a retry, and close the transport."""
        self._closed = True
        if self._home.is_elsewhere:
            # What is open here is open in the other process too, with one selector for both: closing it would take
            # connections from under that one.
            return
        for lifetime in self._lifetimes:
            lifetime.reschedule(asyncio.get_running_loop().time())
        self._lifetimes.clear()
        if not self._transport_closed:
            await self.transport.aclose()
            self._transport_closed = True

    def check_closable(self) -> None:
        """Raise :class:`ClientStateError` on another loop than the client's, while that still lives."""
        if (objection := self._home.objection_to_closing()) is not None:
            raise ClientStateError(objection)

    def _check_usable(self) -> None:
        if self._closed:
            raise ClientStateError("the client is closed")
        if (objection := self._home.objection()) is not None:
            raise ClientStateError(objection)

    async def _attempt(self, call: Call[T], tries: _Tries) -> T:
        tries.left -= 1
        try:
            return await self._authorized(call, tries)
        except PackCloudError as error:
            if call.when_gone is not None and isinstance(error, NotFound) and tries.may_have_acted:
                return call.when_gone()
            self._note(error, tries)
            if tries.left and self._tries_again(call, error):
                tries.is_retry = True
                raise TryAgain(error) from error
            raise

    def _tries_again(self, call: Call[Any], error: PackCloudError) -> bool:
        wish: float | None = getattr(error, "retry_after", None)
        if not may_repeat(call, error) or not self.policy.accepts(wish):
            return False
        if isinstance(error, ApiError) and self.policy.is_refusal(error.status, wish):
            return True
        if self._retry_budget.take(asyncio.get_running_loop().time()):
            return True
        tell_withheld(call, error)
        return False

    def _note(self, error: PackCloudError, tries: _Tries) -> None:
        if may_have_acted(error):
            tries.may_have_acted = True
        elif tries.observer is not None:
            tries.observer.harmless()

    async def _authorized(self, call: Call[T], tries: _Tries) -> T:
        credential = await self._credentials.current()
        try:
            return await self._exchange(call, credential, tries)
        except Unauthorized:
            if tries.observer is not None:
                tries.observer.harmless()
            fresh = await self._credentials.renewed(credential)
            if fresh == credential:
                raise
        return await self._exchange(call, fresh, tries)

    async def _exchange(self, call: Call[T], credential: Credential, tries: _Tries) -> T:
        request = build_request(call, self.base_url, credential.reveal(), self.user_agent)
        async with self.gate.slot(call.urgency) as turn:
            self._check_usable()
            if tries.observer is not None:
                await tries.observer.leaving()
                # Closed meanwhile: a transport that is used again would open what nobody closes.
                self._check_usable()
            self._count(tries)
            response = await self._timed(call, self.transport.send(request))
            answered = datetime.now(UTC)
            # Before the slot is given back, or the next request would leave unwarned.
            self._heed(response, turn, answered)
        try:
            return read_answer(call, response, now=answered, credential=credential)
        except TransportError:
            if response.damage is Damage.LATE and self.timeouts.total is not None:
                raise self._too_late(call) from None
            raise

    def _count(self, tries: _Tries) -> None:
        self.requests_sent += 1
        self._retry_budget.sent(asyncio.get_running_loop().time())
        self._retries_sent += tries.is_retry
        tries.is_retry = False

    def _heed(self, response: Response, turn: Turn, answered: datetime) -> None:
        limiter = self.gate.limiter
        if told := allowances(response.headers, answered):
            limiter.told(turn, told)
        wish = retry_after(response.headers, answered) if response.status in {429, 503} else None
        if self.policy.is_refusal(response.status, wish):
            # One refusal slows every request of the limiter, not only the one that met it.
            self._refusals += 1
            limiter.refused(turn, pause=self.policy.pause_after(response.status, wish))

    async def _timed(self, call: Call[Any], sending: Any) -> Response:
        timer = asyncio.timeout(self.timeouts.total)
        try:
            async with timer:
                return cast("Response", await sending)
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise TransportError(f"{call.method} {call.path}: cancelled from below", maybe_sent=True) from error
        except TimeoutError as error:
            if not timer.expired():
                raise
            # A status that has arrived counts, also when the rest did not: it may say that the sync was started.
            if isinstance(begun := carried_by(error.__cause__), Response):
                return begun
            raise self._too_late(call) from error

    def _too_late(self, call: Call[Any]) -> TransportError:
        return TransportError(
            f"{call.method} {call.path}: no answer within {self.timeouts.total:g} seconds", maybe_sent=True
        )

    def _notify(self, details: RetryDetails, _: Call[Any], tries: _Tries) -> None:
        log_retry(details)
        if tries.observer is not None:
            tries.observer.retrying(details)
        if self.on_retry is not None:
            self.on_retry(details)
