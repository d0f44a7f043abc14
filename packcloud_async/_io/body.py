"""Reads the body of an answer, and says exactly what is wrong with it.

1. Status and headers are known by now, and whatever becomes of the body they are not lost: what a cancelled read had
   seen goes with its cancellation, to whoever set the time limit.
2. aiohttp tells whoever reads a body that its connection is gone, but not when it closed it itself over a chunk it
   could not read. Then nothing would ever come, and no timeout of aiohttp's runs any more.
"""

import asyncio
from collections.abc import Mapping
from types import TracebackType

import aiohttp
from attrs import define, field

from packcloud_async._io.tasks import carry
from packcloud_async._sansio.wire import Damage, Response

_GRACE = 0.25
"""Seconds to read what had arrived when the connection went; all of it is in memory, so this is plenty."""


async def read_response(answer: aiohttp.ClientResponse, *, body_limit: int) -> Response:
    """Read an answer whose status and headers have arrived; at most so many bytes of its body."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    reading = _Reading(answer, body_limit)
    try:
        damage = await reading.to_the_end()
    except asyncio.CancelledError as cancelled:
        carry(cancelled, reading.response(headers, Damage.LATE))
        raise
    return reading.response(headers, damage)


@define(eq=False)
class _Reading:
    """The read of one body, with a time limit that begins when the connection is gone."""

    _answer: aiohttp.ClientResponse
    _limit: int
    _pieces: list[bytes] = field(factory=list[bytes], init=False)
    _timer: asyncio.Timeout = field(factory=lambda: asyncio.timeout(None), init=False)
    _closed: "asyncio.Future[None] | None" = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)

    def response(self, headers: Mapping[str, str], damage: Damage | None) -> Response:
        return Response(self._answer.status, headers, b"".join(self._pieces), damage)

    async def to_the_end(self) -> Damage | None:
        try:
            # There is no connection any more when all of the body is here, as it is most of the time.
            if self._answer.connection is None:
                return await self._take_pieces()
            async with self:
                return await self._take_pieces()
        except aiohttp.SocketTimeoutError:
            return Damage.STALLED
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Damage.TRUNCATED

    async def _take_pieces(self) -> Damage | None:
        size = 0
        async for piece in self._answer.content.iter_any():
            size += len(piece)
            if size > self._limit:
                self._answer.close()
                return Damage.TOO_LARGE
            self._pieces.append(piece)
        return None

    async def __aenter__(self) -> None:
        await self._timer.__aenter__()
        connection = self._answer.connection
        if connection is None or connection.protocol is None:
            return
        self._closed = connection.protocol.closed
        if self._closed is None:
            self._hurry()
        else:
            self._closed.add_done_callback(self._hurry)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        if self._closed is not None:
            self._closed.remove_done_callback(self._hurry)
            # The connection may be reset much later, when nobody waits for anything on it: one for all its bodies.
            self._closed.remove_done_callback(_heard)
            self._closed.add_done_callback(_heard)
        await self._timer.__aexit__(kind, error, trace)

    def _hurry(self, _: "asyncio.Future[None] | None" = None) -> None:
        # A callback that is removed is still called when it was scheduled before.
        if not self._is_over and not self._timer.expired():
            self._timer.reschedule(asyncio.get_running_loop().time() + _GRACE)


def _heard(closed: "asyncio.Future[None]") -> None:
    if not closed.cancelled():
        closed.exception()
