"""The emulator without sockets, for any loop: one whose time jumps plays an hour in milliseconds."""

import asyncio

from attrs import evolve

from packcloud_async._sansio.wire import Damage, Request, Response
from packcloud_async.emulator.clock import LoopClock
from packcloud_async.emulator.faults import Fate
from packcloud_async.emulator.state import State
from packcloud_async.errors import ClientStateError, TransportError


class InMemoryTransport:
    """Answers requests in this process; many tasks may send at once.

    A request acts when it is sent, and its answer comes after the planned latency of the loop's time.
    """

    def __init__(self, state: State, clock: LoopClock) -> None:
        self._state = state
        self._clock = clock
        self._closed = False

    async def send(self, request: Request) -> Response:
        """Return the answer; raise :class:`~packcloud_async.TransportError` when the plan keeps it back.

        Once closed it raises :class:`~packcloud_async.ClientStateError`.
        """
        if self._closed:
            raise ClientStateError("the in-memory transport is closed")
        counters = self._state.counters
        counters.arrived()
        try:
            reply = self._state.answer(request, self._clock.now())
            await asyncio.sleep(reply.delay + reply.lasts)
        finally:
            counters.left()
        if reply.fate is Fate.REFUSE:
            raise TransportError("connection refused by the emulator", maybe_sent=False)
        if reply.response is None:
            raise TransportError("connection closed by the emulator without an answer", maybe_sent=True)
        if reply.fate is Fate.RESET:
            raise TransportError("connection reset by the emulator", maybe_sent=True)
        if reply.fate is Fate.TRUNCATE:
            body = reply.response.body
            return evolve(reply.response, body=body[: len(body) // 2], damage=Damage.TRUNCATED)
        return reply.response

    async def aclose(self) -> None:
        """Refuse further requests; closing again does nothing."""
        self._closed = True
