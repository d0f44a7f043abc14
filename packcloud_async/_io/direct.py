"""Direct: one request on aiohttp's connector, request and response, without what its session does around them.

1. ``ClientSession.request`` looks after redirects, cookies, proxies, tracing, middlewares and more, none of which a
   session of this package has. It is the larger part of what a request costs. Here is what is left of it.
2. So it stands aside for whoever listens in there: when the session has tracing, or its request method is not
   aiohttp's own (recorders and mocks replace it), or aiohttp is of another release than the tests know.
3. The pool, TLS, name resolution, the parser and the writer are aiohttp's all the same.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp import client
from attrs import define, field
from yarl import URL

from packcloud_async._io.body import read_response
from packcloud_async._io.known_connections import KnownConnections
from packcloud_async._io.middlewares import lost_connection
from packcloud_async._io.silences import Silences
from packcloud_async._sansio.wire import Request, Response

KNOWN_RELEASES: Final = re.compile(r"3\.14\.")
"""The releases of aiohttp whose parts fit together as they are put together here."""

NO_CONTENT_TYPE: Final = ("Content-Type",)
"""Otherwise a POST without a body would say that it is application/octet-stream."""

_AIOHTTPS_OWN: Final[Callable[..., object] | None] = (
    client.ClientSession._request  # noqa: SLF001 - it is only compared
    if KNOWN_RELEASES.match(aiohttp.__version__)
    and client.ClientSession._request.__code__.co_filename == client.__file__  # noqa: SLF001 - as above
    else None
)


def stands_aside() -> bool:
    """Whether requests have to go through the session, because aiohttp is another one or its methods are replaced."""
    return client.ClientSession._request is not _AIOHTTPS_OWN  # noqa: SLF001 - it is only compared


@define(eq=False)
class Direct:
    """Sends requests on the connector of a session that is this package's own."""

    session: aiohttp.ClientSession
    timeout: aiohttp.ClientTimeout
    silences: Silences
    body_limit: int
    _known: KnownConnections = field(factory=KnownConnections, init=False)

    async def exchange(self, request: Request) -> Response:
        """Send one request and read its answer; raises what aiohttp raises."""
        asked = aiohttp.ClientRequest(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            skip_auto_headers=NO_CONTENT_TYPE if request.body is None and request.method != "GET" else None,
            data=request.body,
            loop=asyncio.get_running_loop(),
            response_class=aiohttp.ClientResponse,
            session=self.session,
        )
        connection = await self._connect(asked)
        protocol = connection.protocol
        assert protocol is not None
        protocol.set_response_params(skip_payload=request.method == "HEAD", read_until_eof=True, read_timeout=None)
        silences, answer = self.silences, None
        try:
            answer = await asked.send(connection)
            silences.begin(protocol)
            await answer.start(connection)
            if (keep_alive := answer.headers.get("Keep-Alive")) is not None:
                self._known.answered(protocol, keep_alive)
            return await read_response(answer, body_limit=self.body_limit)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            raise lost_connection(error) from None
        finally:
            silences.end(protocol)
            if answer is None:
                connection.close()
            elif not answer.closed:
                answer.close()
            if answer is not None and request.body is not None:
                # What writes it may go on, when the server answered before it had read all of it.
                await answer.wait_for_close()

    async def _connect(self, asked: aiohttp.ClientRequest) -> aiohttp.connector.Connection:
        connector = self.session.connector
        assert connector is not None
        while True:
            try:
                connection = await connector.connect(asked, traces=[], timeout=self.timeout)
            except TimeoutError as error:
                raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {asked.url.origin()}") from error
            if connection.protocol is None or self._known.is_good(connection.protocol):
                return connection
            # Each one is closed, so this ends with the last of them.
            connection.close()
