"""Reads the body of an answer, and says exactly what is wrong with it.

1. Status and headers are known by now, and whatever becomes of the body they are not lost: what a cancelled read had
   seen goes with its cancellation, to whoever set the time limit.
2. aiohttp tells whoever reads a body that its connection is gone, but not when it closed it itself over a chunk it
   could not read. Then nothing would ever come, and no timeout of aiohttp's runs any more.
"""

import asyncio
from types import TracebackType

import aiohttp
from attrs import define, field

from packcloud_async._io.tasks import carry
from packcloud_async._sansio.wire import Damage, Response

_GRACE = 0.25
"""Seconds to read what had arrived when the connection went; all of it is in memory, so this is plenty."""


async def read_response(answer: aiohttp.ClientResponse, *, body_limit: int) -> Response:
    """Read an answer whose status and headers have arrived; at most so many bytes of its body."""
    reading = _Reading(answer, body_limit)
    try:
        damage = await reading.to_the_end()
    except asyncio.CancelledError as cancelled:
        carry(cancelled, reading.response(Damage.LATE))
        raise
    return reading.response(damage)


@define(eq=False)
class _Reading:
    """The read of one body, with a time limit that begins when the connection is gone.

    A traceback may show the locals of every frame, so what has arrived is held here, and this shows nothing of it.
    """

    _answer: aiohttp.ClientResponse = field(repr=False)
    _limit: int
    _pieces: list[bytes] = field(factory=list[bytes], init=False, repr=False)
    _timer: asyncio.Timeout = field(factory=lambda: asyncio.timeout(None), init=False)
    _closed: "asyncio.Future[None] | None" = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)

    def response(self, damage: Damage | None) -> Response:
        headers = {name.lower(): value for name, value in self._answer.headers.items()}
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
        while length := self._take(await self._answer.content.readany()):
            size += length
            if size > self._limit:
                self._answer.close()
                self._pieces.pop()
                return Damage.TOO_LARGE
        return None

    def _take(self, piece: bytes) -> int:
        self._pieces.append(piece)
        return len(piece)

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
