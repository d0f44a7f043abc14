"""Direct: a request without a body on aiohttp's connections, without its session, request and response around them.

1. ``ClientSession.request`` looks after redirects, cookies, proxies, tracing, middlewares and more, none of which a
   session of this package has, and that is most of what a request costs. What is left of it is here: the pool, TLS,
   name resolution, the writer of the head and the parser of the answer are aiohttp's all the same.
2. It stands aside for whoever listens in there: when a part of aiohttp's own is replaced (recorders, mocks and
   instrumentations do that), and when aiohttp is of a release that is not known to have the same parts.
3. What is sent is the same, byte for byte, as through the session.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import client, client_reqrep
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import StreamWriter
from attrs import define, field
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from packcloud_async._io.body import read_response
from packcloud_async._io.known_connections import KnownConnections
from packcloud_async._io.middlewares import lost_connection
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


def _part(owner: type, name: str) -> object:
    return vars(owner).get(name)


def _aiohttps_own() -> tuple[object, ...] | None:
    parts = tuple(_part(owner, name) for owner, name in _PARTS)
    files = {getattr(getattr(part, "__code__", None), "co_filename", "") for part in parts}
    is_own = files <= {client.__file__, client_reqrep.__file__}
    return parts if is_own and KNOWN_RELEASES.match(aiohttp.__version__) else None


_AIOHTTPS_OWN = _aiohttps_own()
_SESSION: Final = aiohttp.ClientSession


def stands_aside() -> bool:
    """Whether requests have to go through the session, because aiohttp is another one or a part of it is replaced."""
    own = _AIOHTTPS_OWN
    if own is None or aiohttp.ClientSession is not _SESSION:
        return True
    request, inner, send, start = own
    return (
        _SESSION.__dict__["request"] is not request
        or _SESSION.__dict__["_request"] is not inner
        or aiohttp.ClientRequest.__dict__["send"] is not send
        or aiohttp.ClientResponse.__dict__["start"] is not start
    )


@define(eq=False, repr=False)
class _Heads:
    """Everything in the head of a request but its first line, made once for the headers of one credential."""

    given: Mapping[str, str] = field(repr=False)
    without_body: CIMultiDict[str] = field(repr=False)
    with_empty_body: CIMultiDict[str] = field(repr=False)


@define(eq=False, repr=False)
class _Origin:
    """Where requests go: ``connecting`` is what the connector is asked with, never sent.

    ``prefix`` is the length of what stands before the path in its URLs.
    """

    connecting: aiohttp.ClientRequest
    prefix: int
    heads: _Heads | None = None


@define(eq=False, repr=False)
class Direct:
    """Sends requests on the connector of a session that is this package's own."""

    session: aiohttp.ClientSession
    timeout: aiohttp.ClientTimeout
    silences: Silences
    body_limit: int
    _known: KnownConnections
    _origins: dict[str, _Origin] = field(factory=dict[str, _Origin], init=False)

    async def exchange(self, request: Request) -> Response:
        """Send one request and read its answer; raises what aiohttp raises."""
        scheme, _, place, *_ = request.url.split("/", 3)
        origin = self._origins.get(place) or self._origin(f"{scheme}//{place}", place)
        connection = await self._connect(origin)
        protocol = connection.protocol
        assert protocol is not None
        protocol.set_response_params(skip_payload=request.method == "HEAD", read_until_eof=True, read_timeout=None)
        answer = None
        try:
            writer = StreamWriter(protocol, asyncio.get_running_loop())
            line = f"{request.method} {request.url[origin.prefix :]} HTTP/1.1"
            await writer.write_headers(line, self._head(origin, request))
            writer.set_eof()
            self.silences.begin(protocol)
            answer = await _answer(connection, protocol, self.silences)
            if (keep_alive := answer.headers.get("Keep-Alive")) is not None:
                self._known.answered(protocol, keep_alive)
            return await read_response(answer, body_limit=self.body_limit)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            failure = lost_connection(error)
        finally:
            if answer is None:
                self.silences.end(protocol)
                connection.close()
            elif not answer.closed:
                self.silences.end(protocol)
                answer.close()
        raise failure

    async def _connect(self, origin: _Origin) -> Connection:
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

    def _origin(self, url: str, place: str) -> _Origin:
        origin = self._origins[place] = _Origin(self._request("GET", URL(url, encoded=True), {}), len(url))
        return origin

    def _head(self, origin: _Origin, request: Request) -> CIMultiDict[str]:
        heads = origin.heads
        if heads is None or heads.given != request.headers:
            url = origin.connecting.url
            heads = origin.heads = _Heads(
                given=request.headers,
                without_body=self._request("GET", url, request.headers).headers,
                with_empty_body=self._request("POST", url, request.headers).headers,
            )
        return heads.without_body if request.method in aiohttp.ClientRequest.GET_METHODS else heads.with_empty_body

    def _request(self, method: str, url: URL, headers: Mapping[str, str]) -> aiohttp.ClientRequest:
        # As the session does: of names that differ in case alone the last one counts.
        merged = CIMultiDict[str]()
        for name, value in headers.items():
            merged[name] = value
        return aiohttp.ClientRequest(method, url, headers=merged, loop=asyncio.get_running_loop(), session=self.session)


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


async def _answer(connection: Connection, protocol: ResponseHandler, silences: Silences) -> _Answer:
    """Wait for the head of the answer itself; those of 1xx only announce it."""
    while True:
        message, body = await protocol.read()
        if not 100 <= message.code < 200 or message.code == 101:
            break
    answer = _Answer(message.code, message.headers, body, connection, silences)
    body.on_eof(answer.ended)
    return answer
