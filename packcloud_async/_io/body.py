"""Reads the body of an answer, and says exactly what is wrong with it.

1. Status and headers are known by now, and whatever becomes of the body they are not lost: what a cancelled read had
   seen goes with its cancellation, to whoever set the time limit.
2. aiohttp tells whoever reads a body that its connection is gone, but not when it closed it itself over a chunk it
   could not read. Then nothing would ever come, and no timeout of aiohttp's runs any more.
3. Mostly all of the body is there when its headers are: then nothing is waited for, and no time limit is needed.
"""

import asyncio
from types import TracebackType
from typing import Protocol

import aiohttp
from aiohttp.connector import Connection
from attrs import define, field
from multidict import CIMultiDictProxy

from packcloud_async._io.tasks import carry
from packcloud_async._sansio.wire import Damage, Headers, Response

_GRACE = 0.25
"""Seconds to read what had arrived when the connection went; all of it is in memory, so this is plenty."""


class Answer(Protocol):
    """An answer whose head has arrived: aiohttp's own, or what stands for it."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> CIMultiDictProxy[str]: ...

    @property
    def content(self) -> aiohttp.StreamReader: ...

    @property
    def connection(self) -> Connection | None: ...

    @property
    def closed(self) -> bool: ...

    def close(self) -> None: ...


def all_there(
    status: int, headers: CIMultiDictProxy[str], content: aiohttp.StreamReader, body_limit: int
) -> Response | None:
    """Return an answer whose body has ended, if nothing is wrong with it."""
    if content.exception() is not None or content.total_bytes > body_limit:
        return None
    return Response(status, Headers(headers), content.read_nowait())


async def read_response(answer: Answer | aiohttp.ClientResponse, *, body_limit: int) -> Response:
    """Read an answer whose status and headers have arrived; at most so many bytes of its body."""
    if answer.closed and (whole := all_there(answer.status, answer.headers, answer.content, body_limit)) is not None:
        return whole
    reading = _Reading(answer, body_limit)
    try:
        with reading:
            damage = await reading.to_the_end()
    except asyncio.CancelledError as cancelled:
        carry(cancelled, reading.response(Damage.LATE))
        raise
    return reading.response(damage)


@define(eq=False, repr=False)
class _Reading:
    """The read of one body, whose time is limited when the connection is gone.

    A traceback may show the locals of every frame, so what has arrived is held here, and this shows nothing of it.
    """

    _answer: Answer | aiohttp.ClientResponse = field(repr=False)
    _limit: int
    _pieces: list[bytes] = field(factory=list[bytes], init=False, repr=False)
    _closed: "asyncio.Future[None] | None" = field(default=None, init=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)

    def response(self, damage: Damage | None) -> Response:
        return Response(self._answer.status, Headers(self._answer.headers), b"".join(self._pieces), damage)

    async def to_the_end(self) -> Damage | None:
        try:
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

    def __enter__(self) -> None:
        connection = self._answer.connection
        # There is none any more when all of the body is here.
        if connection is None:
            return
        self._closed = None if connection.protocol is None else connection.protocol.closed
        if self._closed is None:
            self._hurry()
        else:
            self._closed.add_done_callback(self._hurry)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._closed is not None:
            self._closed.remove_done_callback(self._hurry)
            # The connection may be reset much later, when nobody waits for anything on it: one for all its bodies.
            self._closed.remove_done_callback(_heard)
            self._closed.add_done_callback(_heard)

    def _hurry(self, _: "asyncio.Future[None] | None" = None) -> None:
        # A callback that is removed is still called when it was scheduled before.
        if not self._is_over:
            self._timer = asyncio.get_running_loop().call_later(_GRACE, self._give_up)

    def _give_up(self) -> None:
        self._answer.content.set_exception(aiohttp.ClientPayloadError("the connection is gone"))


def _heard(closed: "asyncio.Future[None]") -> None:
    if not closed.cancelled():
        closed.exception()
