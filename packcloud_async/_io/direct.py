"""Direct: a request without a body on aiohttp's connections, without its session, request and response around them.

1. ``ClientSession.request`` looks after redirects, cookies, proxies, tracing, middlewares and more, none of which a
   session of this package has, and that is most of what a request costs. What is left of it is here: the pool, TLS,
   name resolution, the writer of the head and the parser of the answer are aiohttp's all the same.
2. It stands aside for whoever listens in there: when a part of aiohttp's own is replaced (recorders, mocks and
   instrumentations do that), and when aiohttp is of a release that is not known to have the same parts.
3. What is sent is the same, byte for byte, as through the session; all but its first line is written once.
"""

import asyncio
import re
from typing import Final

import aiohttp
from aiohttp import client, client_reqrep
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from attrs import define, field
from multidict import CIMultiDictProxy, istr

from packcloud_async._io.body import all_there, read_response
from packcloud_async._io.known_connections import KnownConnections
from packcloud_async._io.middlewares import lost_connection
from packcloud_async._io.origin import Origin, origin_of
from packcloud_async._io.silences import Silences
from packcloud_async._sansio.wire import Request, Response

KNOWN_RELEASES: Final = re.compile(r"3\.14\.")
"""The releases of aiohttp whose parts fit together as they are put together here."""

_PARTS: Final = (
    (aiohttp.ClientSession, "request"),
    (aiohttp.ClientSession, "_request"),
    (aiohttp.ClientRequest, "send"),
    (aiohttp.ClientResponse, "start"),
)
"""What recorders, mocks and instrumentations replace."""


_KEEP_ALIVE: Final = istr("Keep-Alive")


def _part(owner: type, name: str) -> object:
    return vars(owner).get(name)


def _aiohttps_own() -> tuple[object, ...] | None:
    parts = tuple(_part(owner, name) for owner, name in _PARTS)
    files = {getattr(getattr(part, "__code__", None), "co_filename", "") for part in parts}
    is_own = files <= {client.__file__, client_reqrep.__file__}
    return parts if is_own and KNOWN_RELEASES.match(aiohttp.__version__) else None


_AIOHTTPS_OWN = _aiohttps_own()
_SESSION: Final = aiohttp.ClientSession
# They show what is in the classes now, whenever that was put there.
_IN_SESSION, _IN_REQUEST, _IN_RESPONSE = vars(_SESSION), vars(aiohttp.ClientRequest), vars(aiohttp.ClientResponse)


def stands_aside() -> bool:
    """Whether requests have to go through the session, because aiohttp is another one or a part of it is replaced."""
    own = _AIOHTTPS_OWN
    if own is None or aiohttp.ClientSession is not _SESSION:
        return True
    request, inner, send, start = own
    return (
        _IN_SESSION["request"] is not request
        or _IN_SESSION["_request"] is not inner
        or _IN_REQUEST["send"] is not send
        or _IN_RESPONSE["start"] is not start
    )


@define(eq=False, repr=False)
class Direct:
    """Sends requests on the connector of a session that is this package's own."""

    session: aiohttp.ClientSession
    loop: asyncio.AbstractEventLoop
    timeout: aiohttp.ClientTimeout
    silences: Silences
    body_limit: int
    _known: KnownConnections
    _latest: Origin | None = field(default=None, init=False)

    async def exchange(self, request: Request) -> Response:
        """Send one request and read its answer; raises what aiohttp raises."""
        origin = self._latest
        if origin is None or not request.url.startswith(origin.prefix):
            origin = self._latest = origin_of(request.url, self.session, self.loop)
        line = f"{request.method} {request.url[len(origin.prefix) - 1 :]} HTTP/1.1"
        if not line.isprintable():
            raise ValueError("a control character in the first line of a request")
        connection = await self._connect(origin)
        protocol = connection.protocol
        assert protocol is not None
        try:
            # After connecting, whose time is running: the first head takes some.
            heads = origin.written(request.headers) or await origin.write(request.headers)
            protocol.set_response_params(skip_payload=request.method == "HEAD", read_until_eof=True)
            transport = protocol.transport
            if transport is None or transport.is_closing():
                raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
            transport.write(line.encode() + heads.of(request.method))
            return await self._answer(connection, protocol)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            failure = lost_connection(error)
        finally:
            # It is released when all of the answer is here.
            if connection.protocol is not None:
                self.silences.end(protocol)
                connection.close()
        raise failure

    async def _answer(self, connection: Connection, protocol: ResponseHandler) -> Response:
        silences = self.silences
        silences.begin(protocol, self.loop.time())
        message, body = await protocol.read()
        while 100 <= message.code < 200 and message.code != 101:
            # Only announced so far; to aiohttp it was an answer, which ends the time that is left for one.
            silences.begin(protocol, self.loop.time())
            message, body = await protocol.read()
        headers = message.headers
        if (keep_alive := headers.get(_KEEP_ALIVE)) is not None:
            self._known.answered(protocol, keep_alive)
        held: Connection | None = connection
        if body.is_eof() and not protocol.upgraded:
            # Before anybody else may be given the connection.
            silences.end(protocol)
            connection.release()
            held = None
            if (whole := all_there(message.code, headers, body, self.body_limit)) is not None:
                return whole
        answer = _Answer(message.code, headers, body, held, silences)
        body.on_eof(answer.ended)
        return await read_response(answer, body_limit=self.body_limit)

    async def _connect(self, origin: Origin) -> Connection:
        connector = self.session.connector
        assert connector is not None
        while True:
            try:
                connection = await connector.connect(origin.connecting, traces=[], timeout=self.timeout)
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {origin.connecting.host}") from error
            if connection.protocol is None or self._known.is_good(connection.protocol):
                return connection
            # Each one is closed, so this ends with the last of them.
            connection.close()


@define(eq=False, repr=False)
class _Answer:
    """An answer whose head has arrived; it gives its connection back at the end of its body."""

    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    content: aiohttp.StreamReader
    connection: Connection | None
    silences: Silences

    @property
    def closed(self) -> bool:
        """Whether all of the body is here, or nothing more will come."""
        return self.connection is None

    def close(self) -> None:
        """Close the connection: nobody wants what is left."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def ended(self) -> None:
        """Give the connection back, unless it speaks something else now."""
        connection = self.connection
        if connection is None or (protocol := connection.protocol) is None or protocol.upgraded:
            return
        self.connection = None
        # Before anybody else may be given the connection.
        self.silences.end(protocol)
        connection.release()
