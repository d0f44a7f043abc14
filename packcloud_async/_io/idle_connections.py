"""IdleConnections: no request is written to a kept connection that the server has already given up.

1. A connection is looked at when it is about to be used again. Does anything lie there unread, then it is the server's
   goodbye, or an answer that nobody asked for: the connection is closed unused, and the request goes on another one.
   Nothing was written, so this holds for a POST too, and counts as no retry.
2. A server that says how long it keeps an idle connection is believed: the connection is not used beyond that.
3. A goodbye that is still on its way cannot be seen. A request that crosses it may have been read.
"""

import asyncio
import math
import select
import socket
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from attrs import define, field

from packcloud_async._sansio.keep_alive import idle_seconds

_Write: TypeAlias = Callable[[Connection], Awaitable[aiohttp.ClientResponse]]


@define
class IdleConnections:
    """Until when each connection of a session may be used again, by the loop's clock, as far as an answer said so."""

    _usable_until: WeakKeyDictionary[ResponseHandler, float] = field(
        factory=WeakKeyDictionary[ResponseHandler, float], init=False
    )

    async def look_first(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send a request on a connection that is still good; the innermost middleware of the session."""
        look = _LookFirst(self._usable_until, partial(type(request).send, request))
        # The one place where the connection is known and nothing is written to it yet.
        request.send = look.send  # type: ignore[method-assign]  # nothing else is called with the connection
        while True:
            try:
                answer = await handler(request)
            except _GivenUp:
                # Such a connection is closed, so this ends with the last of them.
                continue
            if look.protocol is not None:
                kept = idle_seconds(answer.headers.get("Keep-Alive"))
                self._usable_until[look.protocol] = asyncio.get_running_loop().time() + kept
            return answer


class _GivenUp(Exception):
    """The connection is of no use any more; nothing was written to it."""


@define
class _LookFirst:
    """One request on its way to a connection; ``protocol`` is that of the connection it was written to."""

    _usable_until: WeakKeyDictionary[ResponseHandler, float]
    _write: _Write
    protocol: ResponseHandler | None = None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        self.protocol = conn.protocol
        if self.protocol is not None and self._is_used(self.protocol):
            expired = asyncio.get_running_loop().time() > self._usable_until.get(self.protocol, math.inf)
            if expired or self.protocol.should_close or _has_unread(self.protocol):
                # Whoever called closes the connection.
                raise _GivenUp
        return await self._write(conn)

    def _is_used(self, protocol: ResponseHandler) -> bool:
        # A session of the caller's may have had others to use it. A new connection is not looked at, because what TLS
        # sends of its own accord after the handshake would count as unread.
        return protocol in self._usable_until or getattr(protocol, "_payload", None) is not None


def _has_unread(protocol: ResponseHandler) -> bool:
    """Whether the system holds something that the loop has not read yet: bytes, the end, or an error."""
    transport = protocol.transport
    own: socket.socket | None = None if transport is None else transport.get_extra_info("socket")
    descriptor = -1 if own is None else own.fileno()
    if descriptor < 0:
        return False
    if sys.platform == "win32":
        return bool(select.select([descriptor], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return bool(waiting.poll(0))
