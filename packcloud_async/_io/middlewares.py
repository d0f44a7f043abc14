"""What is added to each request on a session that the caller gave: all of it as middlewares.

aiohttp sends a request again by itself when it lost the connection, a DELETE too: it is not told of that.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from attrs import define, field

from packcloud_async._io.known_connections import KnownConnections

_Write: TypeAlias = Callable[[Connection], Awaitable[aiohttp.ClientResponse]]


async def sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hide a lost connection from aiohttp; the outermost middleware."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
        failure = lost_connection(error)
    raise failure


def lost_connection(error: aiohttp.ClientConnectionError) -> aiohttp.ClientConnectionError:
    """Return what stands for an error that aiohttp would answer by sending again."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        # Its text quotes the headers that had arrived.
        return aiohttp.ClientConnectionError("the server closed the connection")
    hidden = aiohttp.ClientConnectionError(str(error))
    hidden.__cause__ = error
    return hidden


@define(eq=False, repr=False)
class LookingFirst:
    """Looks at the connection of each request before anything is written to it."""

    known: KnownConnections = field(factory=KnownConnections)

    async def send(self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send a request on a connection that is still good; the innermost middleware."""
        look = _LookFirst(self.known, partial(type(request).send, request))
        # The one place where the connection is known and nothing is written to it yet.
        request.send = look.send  # type: ignore[method-assign]  # nothing else is called with the connection
        try:
            answer = await _on_a_good_one(request, handler)
        finally:
            # Or the request would hold itself, for the garbage collector to find.
            del request.send
        if look.protocol is not None:
            self.known.answered(look.protocol, answer.headers.get("Keep-Alive"))
        return answer


async def _on_a_good_one(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    while True:
        try:
            return await handler(request)
        except _GivenUp:
            # Such a connection is closed, so this ends with the last of them.
            continue


class _GivenUp(Exception):
    """The connection is of no use any more; nothing was written to it."""


@define(eq=False, repr=False)
class _LookFirst:
    """One request on its way to a connection; ``protocol`` is that of the connection it was written to."""

    _known: KnownConnections
    _write: _Write
    protocol: ResponseHandler | None = None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        self.protocol = conn.protocol
        if self.protocol is not None and not self._known.is_good(self.protocol):
            # Whoever called closes the connection.
            raise _GivenUp
        return await self._write(conn)
