"""One call from value to value: credential, turn, transport, reading, retries."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define, field

from packcloud_async._io.credentials import Credential, Credentials
from packcloud_async._io.deadlines import Deadlines
from packcloud_async._io.gate import Gate
from packcloud_async._io.home import Home
from packcloud_async._io.limiting import Turn
from packcloud_async._io.retrying import Attempt, TryAgain, note_withheld, retrying
from packcloud_async._io.tasks import carried_by, is_being_cancelled
from packcloud_async._io.transport import Transport
from packcloud_async._io.under_way import CallObserver, Ended, UnderWay
from packcloud_async._sansio.answers import may_have_acted, may_repeat, read_answer, retry_after
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.endpoints import Call, build_request
from packcloud_async._sansio.rate_headers import allowances, tells_allowance
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
from packcloud_async.policies import RetryPolicy, Routes, Timeouts

if TYPE_CHECKING:
    # Loaded with the first hook or the first retry.
    from packcloud_async._io.telling import Failed, Telling
    from packcloud_async._sansio.sync_events import HookEvent

__all__ = ["CallObserver", "Pipeline"]

T = TypeVar("T")


@define(eq=False, repr=False)
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
    routes: Routes
    telling: Telling | None
    requests_sent: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)
    _transport_closed: bool = field(default=False, init=False)
    _home: Home = field(factory=lambda: Home("client"), init=False)
    _repeated: Attempt | None = field(default=None, init=False)
    _under_way: set[UnderWay] = field(factory=set[UnderWay], init=False, repr=False)
    _totals: Deadlines[UnderWay] = field(init=False)
    _credentials: Credentials = field(init=False)
    _retry_budget: RetryBudget = field(init=False)
    _retries_sent: int = field(default=0, init=False)
    _refusals: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._credentials = Credentials(self.auth)
        self._retry_budget = RetryBudget(self.policy)
        self._totals = Deadlines(self.timeouts.total, lambda way: way.end(Ended.LATE))

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
        # Asked for once: on Python 3.11 each time is a call of the system.
        loop = asyncio.get_running_loop()
        self._check_usable(loop)
        task = asyncio.current_task(loop)
        assert task is not None
        way = UnderWay(observer, 1 if once else self.policy.attempts, loop, task, task.cancelling())
        if self.telling is not None:
            self._bear_witness(self.telling, call, way)
        self._under_way.add(way)
        error: PackCloudError | None = None
        try:
            return await self._attempt(call, way)
        except TryAgain as failed:
            way.failed = failed
        except asyncio.CancelledError:
            if not way.was_ended(Ended.CLOSED):
                raise
            error = self._closed_during(call)
        finally:
            self._over(way)
        if error is not None:
            raise error
        return await self._call_again(call, way)

    async def _call_again(self, call: Call[T], way: UnderWay) -> T:
        """Wait as the policy says after a failed attempt, and go on from there."""
        self._under_way.add(way)
        error: PackCloudError
        try:
            return cast("T", await self._with_retries()(call, way))
        except TryAgain as exhausted:
            error = exhausted.error
        except BaseException as passing:
            if isinstance(passing, asyncio.CancelledError) and way.was_ended(Ended.CLOSED):
                error = self._closed_during(call)
            else:
                # Cancelled while it waited to try again: what is shown is the failure, not its wrapper.
                if isinstance(passing.__context__, TryAgain):
                    passing.__context__ = passing.__context__.error
                raise
        finally:
            self._over(way)
        # Outside the except block, so that the wrapper does not become its context.
        raise error

    def _bear_witness(self, telling: Telling, call: Call[Any], way: UnderWay) -> None:
        from packcloud_async._io.telling import CallTelling  # noqa: PLC0415 - most clients have no hooks

        way.witness = way.observer = CallTelling(telling, call, self.routes, self.base_url, way.loop, way.observer)

    def _with_retries(self) -> Attempt:
        if self._repeated is None:
            self._repeated = retrying(self._attempt_again, policy=self.policy, draw=random.random, notify=self._notify)
        return self._repeated

    def _end_all(self) -> None:
        for way in self._under_way:
            way.end(Ended.CLOSED)
        if not self._under_way:
            self._totals.close()

    def _over(self, way: UnderWay) -> None:
        self._under_way.discard(way)
        if way.ended is not None:
            # Something below made another error of the cancellation: the task is not being cancelled any more.
            way.was_ended(way.ended)
        if self._closed and not self._under_way:
            self._totals.close()

    def _closed_during(self, call: Call[Any]) -> ClientStateError:
        return ClientStateError(f"the client was closed during {call.method} {call.path}")

    async def aclose(self) -> None:
        """Refuse further calls, end those under way or waiting for a turn or a retry, and close the transport."""
        self._closed = True
        if self._home.is_elsewhere:
            # What is open here is open in the other process too, with one selector for both: closing it would take
            # connections from under that one.
            return
        # Not at once: whoever closes may be one of them.
        asyncio.get_running_loop().call_soon(self._end_all)
        if not self._transport_closed:
            await self.transport.aclose()
            self._transport_closed = True

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop it belongs to, None before the first call."""
        return self._home.loop

    def check_closable(self) -> None:
        """Raise :class:`ClientStateError` on another loop than the client's, while that still lives."""
        if (objection := self._home.objection_to_closing()) is not None:
            raise ClientStateError(objection)

    def _check_usable(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._closed:
            raise _closed()
        if (objection := self._home.objection(loop)) is not None:
            raise ClientStateError(objection)

    async def _attempt_again(self, call: Call[T], way: UnderWay) -> T:
        """Fail as the first attempt did, which was made without the retry wrapper; then make the others."""
        if (failed := way.failed) is not None:
            way.failed = None
            raise failed
        return await self._attempt(call, way)

    async def _attempt(self, call: Call[T], way: UnderWay) -> T:
        if self._closed:
            raise _closed()
        way.left -= 1
        exchange = self._exchange if way.witness is None else self._told_exchange
        try:
            credential = self._credentials.fixed or await self._credentials.current()
            try:
                return await exchange(call, credential, way)
            except Unauthorized:
                if way.observer is not None:
                    way.observer.harmless()
                fresh = await self._credentials.renewed(credential)
                if fresh == credential:
                    raise
            return await exchange(call, fresh, way)
        except PackCloudError as error:
            if call.when_gone is not None and isinstance(error, NotFound) and way.may_have_acted:
                return call.when_gone()
            self._note(error, way)
            if way.left and self._tries_again(call, error, way):
                way.is_retry = True
                raise TryAgain(error) from error
            raise

    def _tries_again(self, call: Call[Any], error: PackCloudError, way: UnderWay) -> bool:
        wish: float | None = getattr(error, "retry_after", None)
        if not may_repeat(call, error) or not self.policy.accepts(wish):
            return False
        if isinstance(error, ApiError) and self.policy.is_refusal(error.status, wish):
            return True
        if self._retry_budget.take(way.loop.time()):
            return True
        note_withheld(error)
        failed = self._failed(call, error, way, attempt=self.policy.attempts - way.left)
        self._tell(failed.withheld())
        return False

    def _failed(self, call: Call[Any], error: PackCloudError, way: UnderWay, *, attempt: int) -> Failed:
        from packcloud_async._io.telling import Failed  # noqa: PLC0415 - most clients never retry

        return Failed(call, attempt, error, way.elapsed, self.routes, self.base_url, way.witness)

    def _tell(self, event: HookEvent) -> None:
        from packcloud_async._io.telling import tell  # noqa: PLC0415 - most clients never retry

        tell(self.telling, event)

    def _note(self, error: PackCloudError, way: UnderWay) -> None:
        way.elapsed = None if way.began is None else way.loop.time() - way.began
        way.began = None
        if may_have_acted(error):
            way.may_have_acted = True
        elif way.observer is not None:
            way.observer.harmless()

    async def _told_exchange(self, call: Call[T], credential: Credential, way: UnderWay) -> T:
        witness = way.witness
        assert witness is not None
        way.status = None
        witness.waiting()
        try:
            value = await self._exchange(call, credential, way)
        except BaseException as error:
            witness.ended(way.status, error)
            raise
        witness.ended(way.status, None)
        return value

    async def _exchange(self, call: Call[T], credential: Credential, way: UnderWay) -> T:
        request = build_request(call, self.base_url, credential.reveal(), self.user_agent)
        gate = self.gate
        turn = gate.enter_at_once(way.loop) or await gate.enter(call.urgency)
        try:
            if way.observer is not None and not self._closed:
                await way.observer.leaving()
            # Closed meanwhile: a transport that is used again would open what nobody closes.
            if self._closed:
                raise _closed()
            now = way.loop.time()
            way.began = now
            self._count(way, now)
            self._totals.begin(way, now)
            try:
                response = await self.transport.send(request)
            except asyncio.CancelledError as error:
                response = self._cancelled(call, way, error)
            finally:
                self._totals.end(way)
            if way.ended is Ended.LATE:
                # It came all the same, from a transport that does not heed its cancellation.
                way.was_ended(Ended.LATE)
            way.status = response.status
            answered = None
            if not 200 <= response.status < 300 or tells_allowance(response.headers):
                answered = datetime.now(UTC)
                # Before the slot is given back, or the next request would leave unwarned.
                self._heed(response, turn, answered)
        finally:
            gate.leave()
        try:
            return read_answer(call, response, now=answered, credential=credential)
        except TransportError:
            if response.damage is Damage.LATE and self.timeouts.total is not None:
                raise self._too_late(call) from None
            raise

    def _count(self, way: UnderWay, now: float) -> None:
        self.requests_sent += 1
        self._retry_budget.sent(now)
        self._retries_sent += way.is_retry
        way.is_retry = False

    def _heed(self, response: Response, turn: Turn, answered: datetime) -> None:
        limiter = self.gate.limiter
        if told := allowances(response.headers, answered):
            limiter.told(turn, told)
        if response.status not in {429, 503}:
            return
        wish = retry_after(response.headers, answered)
        if self.policy.is_refusal(response.status, wish):
            # One refusal slows every request of the limiter, not only the one that met it.
            self._refusals += 1
            limiter.refused(turn, pause=self.policy.pause_after(response.status, wish))

    def _cancelled(self, call: Call[Any], way: UnderWay, error: asyncio.CancelledError) -> Response:
        """Return what had arrived of an answer when its time was up; raise what any other cancellation means."""
        if way.was_ended(Ended.LATE):
            # A status that has arrived counts, also when the rest did not: it may say that the sync was started.
            if isinstance(begun := carried_by(error), Response):
                return begun
            raise self._too_late(call) from TimeoutError()
        if is_being_cancelled():
            raise error
        raise TransportError(f"{call.method} {call.path}: cancelled from below", maybe_sent=True) from error

    def _too_late(self, call: Call[Any]) -> TransportError:
        total = self.timeouts.total
        assert total is not None
        from packcloud_async._sansio.counting import counted  # noqa: PLC0415 - few meet this error

        return TransportError(
            f"{call.method} {call.path}: no answer within {counted(total, 'second')}", maybe_sent=True
        )

    def _notify(self, details: RetryDetails, call: Call[Any], way: UnderWay) -> None:
        self._tell(self._failed(call, details.error, way, attempt=details.attempt).retried(details.wait))
        if way.observer is not None:
            way.observer.retrying(details)
        if self.on_retry is not None:
            self.on_retry(details)


def _closed() -> ClientStateError:
    return ClientStateError("the client is closed")
