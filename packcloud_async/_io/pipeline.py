"""One call from value to value: credential, gate, transport, reading, retries."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar, cast

from attrs import define, field

from packcloud_async._io.limiting import Gate
from packcloud_async._io.retrying import Attempt, TryAgain, retrying
from packcloud_async._io.tasks import is_being_cancelled
from packcloud_async._io.transport import Transport
from packcloud_async._sansio.endpoints import Call, build_request, may_have_acted, may_repeat, read_answer
from packcloud_async._sansio.events import RetryDetails
from packcloud_async._sansio.wire import Response
from packcloud_async.auth import Auth, check_header_value
from packcloud_async.errors import (
    ApiError,
    ClientStateError,
    ConfigurationError,
    NotFound,
    PackCloudError,
    TransportError,
    Unauthorized,
)
from packcloud_async.policies import RetryPolicy, Timeouts

T = TypeVar("T")
logger = logging.getLogger("packcloud_async")


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
    may_have_acted: bool = False


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
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _repeated: Attempt = field(init=False)
    _lifetimes: set[asyncio.Timeout] = field(factory=set[asyncio.Timeout], init=False)
    _renewing: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _renewal: tuple[Mapping[str, str], Mapping[str, str]] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._repeated = retrying(self._attempt, policy=self.policy, draw=random.random, notify=self._notify)

    async def call(self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False) -> T:
        """Send a call and return its value; ``once`` never retries. Raises what the answer means."""
        self._check_usable()
        send = self._attempt if once else self._repeated
        error: PackCloudError
        lifetime = asyncio.timeout(None)
        try:
            async with lifetime:
                self._lifetimes.add(lifetime)
                return cast("T", await send(call, _Tries(observer)))
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
        for lifetime in self._lifetimes:
            lifetime.reschedule(asyncio.get_running_loop().time())
        self._lifetimes.clear()
        if not self._transport_closed:
            await self.transport.aclose()
            self._transport_closed = True

    def _check_usable(self) -> None:
        if self._closed:
            raise ClientStateError("the client is closed")
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise ClientStateError(
                "the client belongs to the event loop it was first used on; make one client for each loop"
            )

    async def _attempt(self, call: Call[T], tries: _Tries) -> T:
        try:
            return await self._authorized(call, tries)
        except PackCloudError as error:
            if call.when_gone is not None and isinstance(error, NotFound) and tries.may_have_acted:
                return call.when_gone()
            self._note(error, tries)
            if may_repeat(call, error) and self.policy.accepts(getattr(error, "retry_after", None)):
                raise TryAgain(error) from error
            raise

    def _note(self, error: PackCloudError, tries: _Tries) -> None:
        if may_have_acted(error):
            tries.may_have_acted = True
        elif tries.observer is not None:
            tries.observer.harmless()
        if isinstance(error, ApiError) and (pause := self.policy.pause_after(error.status, error.retry_after)):
            # One refusal slows every request of the client, not only the one that met it.
            self.gate.close_for(pause)

    async def _authorized(self, call: Call[T], tries: _Tries) -> T:
        credential = await self._credential(refused=False)
        try:
            return await self._exchange(call, credential, tries)
        except Unauthorized:
            if tries.observer is not None:
                tries.observer.harmless()
            fresh = await self._renewed(credential)
            if fresh == credential:
                raise
        return await self._exchange(call, fresh, tries)

    async def _renewed(self, refused: Mapping[str, str]) -> Mapping[str, str]:
        """Ask for another credential once, however many requests were refused with the same one."""
        async with self._renewing:
            if self._renewal is not None and self._renewal[0] == refused:
                return self._renewal[1]
            fresh = await self._credential(refused=True)
            # What is still the same may be another one next time.
            self._renewal = (refused, fresh) if fresh != refused else None
            return fresh

    async def _credential(self, *, refused: bool) -> Mapping[str, str]:
        try:
            headers = dict(await self.auth.headers(refused=refused))
        except (ConfigurationError, ClientStateError):
            raise
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise TransportError("what the auth object awaited was cancelled", maybe_sent=False) from error
        except PackCloudError as error:
            # An auth object that uses a client of its own: what its request did says nothing about this one.
            raise TransportError(f"the auth object could not give a credential: {error}", maybe_sent=False) from error
        except Exception as error:
            # The text of a foreign error may hold the very secret it failed to fetch.
            sentence = f"the auth object could not give a credential: {type(error).__name__}"
            raise TransportError(sentence, maybe_sent=False) from error
        for name, value in headers.items():
            check_header_value("a header name of the auth object", name)
            check_header_value("a header value of the auth object", value)
        return headers

    async def _exchange(self, call: Call[T], credential: Mapping[str, str], tries: _Tries) -> T:
        request = build_request(call, self.base_url, credential, self.user_agent)
        async with self.gate.slot():
            self._check_usable()
            if tries.observer is not None:
                await tries.observer.leaving()
            self.requests_sent += 1
            response = await self._timed(call, self.transport.send(request))
        return read_answer(call, response, now=datetime.now(UTC), credential=credential)

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
            sentence = f"{call.method} {call.path}: no answer within {self.timeouts.total:g} seconds"
            raise TransportError(sentence, maybe_sent=True) from error

    def _notify(self, details: RetryDetails, _: Call[Any], tries: _Tries) -> None:
        logger.info(
            "%s failed (attempt %d), next try in %.2f s: %s",
            details.operation,
            details.attempt,
            details.wait,
            type(details.error).__name__,
            extra={"operation": details.operation, "attempt": details.attempt, "wait": details.wait},
        )
        if tries.observer is not None:
            tries.observer.retrying(details)
        if self.on_retry is not None:
            self.on_retry(details)
