"""Moves one request over the network and says exactly how it failed."""

from __future__ import annotations

import asyncio
from typing import Protocol

import aiohttp
from aiohttp.http import HttpProcessingError
from attrs import define, field
from yarl import URL

from packcloud_async._io.body import read_response
from packcloud_async._io.direct import Direct, stands_aside
from packcloud_async._io.known_connections import KnownConnections
from packcloud_async._io.middlewares import LookingFirst, sent_once
from packcloud_async._io.silences import Silences
from packcloud_async._sansio.secret import without_frames
from packcloud_async._sansio.wire import Request, Response
from packcloud_async.errors import ClientStateError, ConfigurationError, ForeignError, TransportError
from packcloud_async.policies import Timeouts

Session = aiohttp.ClientSession

_NEVER_ROUND = 1e9
"""aiohttp rounds longer timeouts up to a whole second, which could take `connect` beyond the total."""


class Transport(Protocol):
    """Sends one request and gives the answer, whatever its status."""

    async def send(self, request: Request) -> Response:
        """Raise :class:`TransportError` when there is no answer; a damaged body is told in the response."""
        ...

    async def aclose(self) -> None:
        """Release every connection; further calls do nothing."""
        ...


@define(eq=False, repr=False)
class AiohttpTransport:
    """Requests on one aiohttp session, opened at the first request.

    A session given by the caller is used as it is and never closed here. ``body_limit`` is in bytes of the
    body after decompression.
    """

    timeouts: Timeouts
    max_connections: int
    body_limit: int
    session: aiohttp.ClientSession | None = None
    _own: aiohttp.ClientSession | None = field(default=None, init=False)
    _timeout: aiohttp.ClientTimeout = field(init=False)
    _middlewares: tuple[aiohttp.ClientMiddlewareType, ...] = field(init=False)
    _known: KnownConnections = field(factory=KnownConnections, init=False)
    _direct: Direct | None = field(default=None, init=False)
    _silences: Silences = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._silences = Silences(self.timeouts.read)
        # Middlewares given with a request replace those of the session, so the caller's are taken along.
        callers = getattr(self.session, "_middlewares", ())
        self._middlewares = (sent_once, *callers, LookingFirst(self._known).send)
        # No total here: the whole attempt is timed where every transport is, in the pipeline. `connect` would
        # include waiting for a free connection, but the gate before the pool never lets anybody wait there.
        connect = self.timeouts.until_connected
        self._timeout = aiohttp.ClientTimeout(
            connect=connect,
            sock_connect=connect,
            sock_read=self.timeouts.read,
            ceil_threshold=_NEVER_ROUND,
        )

    async def send(self, request: Request) -> Response:
        """Send one request on the session."""
        session = self.session or self._own or self._open()
        direct = None if self._direct is None or request.body is not None or stands_aside() else self._direct
        if direct is None:
            _check_session(session, request)
        try:
            return await (self._through(session, request) if direct is None else direct.exchange(request))
        except BaseException as error:  # noqa: BLE001 - every error goes on, as what it means
            # The frames of aiohttp hold the headers and the body, so that nothing of them may be chained.
            failure = without_frames(_meaning(request, error))
        raise failure

    async def aclose(self) -> None:
        """Close the session if it was opened here."""
        own, self._own, self._direct = self._own, None, None
        self._silences.close()
        if own is not None:
            await own.close()

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=self.max_connections, ttl_dns_cache=60, keepalive_timeout=30)
        self._own = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        if not self._own.trace_configs:
            loop = asyncio.get_running_loop()
            self._direct = Direct(self._own, loop, self._timeout, self._silences, self.body_limit, self._known)
        return self._own

    async def _through(self, session: aiohttp.ClientSession, request: Request) -> Response:
        answer = await session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=request.headers,
            # Otherwise a POST without a body would say that it is application/octet-stream.
            skip_auto_headers=("Content-Type",),
            data=request.body,
            allow_redirects=False,
            raise_for_status=False,
            timeout=self._timeout,
            middlewares=self._middlewares,
        )
        async with answer:
            return await read_response(answer, body_limit=self.body_limit)


def _check_session(session: aiohttp.ClientSession, request: Request) -> None:
    if session.closed:
        raise ClientStateError("the session given to the client is closed")
    if session.auth is not None and any(name.lower() == "authorization" for name in request.headers):
        raise ConfigurationError(
            "the session given to the client has an auth= of its own, and so has the client: "
            "give the session none, or the client a credential in another header, HeaderAuth"
        )


def turns(max_connections: int, session: aiohttp.ClientSession | None) -> int:
    """Return how many requests may be under way at once, so that none waits in the pool, where timeouts count."""
    connector = session.connector if session is not None else None
    if connector is None:
        return max_connections
    # 0 is aiohttp's "no limit".
    return min(max_connections, connector.limit or max_connections, connector.limit_per_host or max_connections)


def _meaning(request: Request, error: BaseException) -> BaseException:
    match error:
        case aiohttp.ClientHttpProxyError() | aiohttp.InvalidURL():
            # The texts of both may quote the request.
            told = "the address cannot be asked"
            if isinstance(error, aiohttp.ClientHttpProxyError):
                told = f"the proxy answered {error.status}"
            return _no_answer(request, told, maybe_sent=False, repeatable=False)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return _no_answer(request, error, maybe_sent=False, repeatable=False)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return _no_answer(request, error, maybe_sent=False)
        case aiohttp.ClientResponseError() | HttpProcessingError():
            # Its text quotes what was received and its repr what was sent, so it is no cause to show either.
            return _no_answer(request, "the answer is not HTTP", maybe_sent=True)
        case aiohttp.ClientError() | TimeoutError() | OSError():
            return _no_answer(request, error, maybe_sent=True)
        case _:
            return error


def _no_answer(
    request: Request, error: BaseException | str, *, maybe_sent: bool, repeatable: bool = True
) -> TransportError:
    failure = TransportError(_sentence(request, error), maybe_sent=maybe_sent, repeatable=repeatable)
    if isinstance(error, BaseException):
        failure.__cause__ = ForeignError(f"{type(error).__module__}.{type(error).__qualname__}: {error}")
    return failure


def _sentence(request: Request, error: BaseException | str) -> str:
    told = str(error) or type(error).__name__
    return f"{request.method} {URL(request.url, encoded=True).origin()}: no answer: {told}"
