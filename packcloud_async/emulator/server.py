"""The emulator on a real loopback port."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from attrs import frozen

from packcloud_async._io.tasks import to_its_end
from packcloud_async._sansio.wire import Request, Response
from packcloud_async.emulator.books import Counters
from packcloud_async.emulator.clock import LoopClock
from packcloud_async.emulator.faults import Fate, Reply
from packcloud_async.emulator.page import page_answer
from packcloud_async.emulator.routes import url_of
from packcloud_async.emulator.server_log import LOGGER
from packcloud_async.emulator.state import State
from packcloud_async.errors import ConfigurationError


@frozen
class Served:
    """A running server; ``base_url`` is what a client takes, without a slash at the end."""

    base_url: str


@asynccontextmanager
async def serve(
    state: State, clock: LoopClock, *, host: str, port: int, max_connections: int | None = None, page: bool = False
) -> AsyncGenerator[Served]:
    """Serve until the block is left; requests still waiting for their answer are dropped then.

    Connections beyond ``max_connections`` end at once, unanswered; None is no limit. With ``page`` a browser
    sees at ``/`` what there is and what happens.

    A port that listens cannot refuse one connection, so ``Fault.REFUSE`` ends it unanswered instead: to a
    client the request may have arrived.
    """
    address = _loopback(host)
    if page:
        state.keep_requests()
    handler = _Handler(state, clock, max_connections, has_page=page)
    runner = web.ServerRunner(handler.server, access_log=None, shutdown_timeout=_SHUTDOWN)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address, port)
        # Cancelled in its last step, a start would leave a port that listens and that nobody can close.
        await to_its_end(site.start())
        literal = f"[{address}]" if ":" in address else address
        yield Served(f"http://{literal}:{site.port}")
    finally:
        handler.closing.set_result(None)
        await to_its_end(runner.cleanup())


_SHUTDOWN: Final = 1.0


class _Handler:
    """Acts out what the state replies."""

    def __init__(self, state: State, clock: LoopClock, max_connections: int | None, *, has_page: bool) -> None:
        self.server = _CountingServer(self._handle, state.counters, max_connections)
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._state = state
        self._clock = clock
        self._has_page = has_page

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        shown = self._of_the_page(request) if self._has_page else None
        if shown is not None:
            return web.Response(status=shown.status, headers=shown.headers, body=shown.body)
        self._state.counters.arrived()
        try:
            return await self._answer(request)
        finally:
            self._state.counters.left()

    def _of_the_page(self, request: web.BaseRequest) -> Response | None:
        url = url_of(request.host, request.raw_path)
        return None if url is None else page_answer(request.method, url, self._state, self._clock.so_far())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        url = url_of(request.host, request.raw_path)
        body = await request.read()
        if url is None:
            return web.json_response({"message": "Bad Request"}, status=400)
        wire = Request(request.method, url, dict(request.headers), body or None)
        reply = self._state.answer(wire, self._clock.now())
        if reply.delay:
            await asyncio.wait([self.closing], timeout=reply.delay)
        return await self._act_out(reply, request)

    async def _act_out(self, reply: Reply, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return web.Response()  # the client has gone
        if reply.response is None or self.closing.done():
            transport.abort()
            return web.Response()
        try:
            return await self._deliver(request, transport, reply, reply.response)
        except ConnectionResetError:
            return web.Response()  # it went while it was told

    async def _deliver(
        self, request: web.BaseRequest, transport: asyncio.Transport, reply: Reply, response: Response
    ) -> web.StreamResponse:
        if reply.fate is Fate.TRUNCATE:
            return await _truncated(request, transport, response)
        if reply.fate is Fate.RESET:
            return await _reset(request, transport, response)
        if reply.lasts:
            return await self._drip(request, response, reply.lasts)
        return web.Response(status=response.status, headers=response.headers, body=response.body)

    async def _drip(self, request: web.BaseRequest, whole: Response, lasts: float) -> web.StreamResponse:
        """Send the body in pieces, the last one after ``lasts`` seconds."""
        response = await _begun(request, whole)
        size = -(-len(whole.body) // _PIECES) or 1
        for number in range(_PIECES):
            await asyncio.wait([self.closing], timeout=lasts / _PIECES)
            if request.transport is None or self.closing.done():
                break
            await response.write(whole.body[number * size : (number + 1) * size])
        return response


_PIECES: Final = 8


class _CountingServer(web.Server):
    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        counters: Counters,
        max_connections: int | None,
    ) -> None:
        # No client of the API compresses a body; one that says so and does not would break the connection.
        super().__init__(handler, access_log=None, logger=LOGGER, auto_decompress=False)
        self._counters = counters
        self._most = max_connections
        self._counted = set[web.RequestHandler]()

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if self._most is not None and len(self.connections) > self._most:
            self._counters.turned_away += 1
            # aiohttp has not begun with this connection yet, and wants to before it ends.
            asyncio.get_running_loop().call_soon(transport.abort)
            return
        self._counted.add(handler)
        self._counters.connected()

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        if handler in self._counted:
            self._counted.discard(handler)
            self._counters.disconnected()


async def _begun(request: web.BaseRequest, whole: Response) -> web.StreamResponse:
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(whole.body)
    await response.prepare(request)
    return response


async def _truncated(request: web.BaseRequest, transport: asyncio.Transport, whole: Response) -> web.StreamResponse:
    response = await _begun(request, whole)
    await response.write(whole.body[: len(whole.body) // 2])
    # Not abort(): what is written must arrive, or the body would be missing instead of cut.
    transport.close()
    return response


async def _reset(request: web.BaseRequest, transport: asyncio.Transport, whole: Response) -> web.StreamResponse:
    response: web.StreamResponse = web.Response()
    if whole.body:
        response = await _begun(request, whole)
        await response.write(whole.body[: len(whole.body) // 2])
    # Without lingering, the end of a connection is RST in place of FIN.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    return response


def _loopback(host: str) -> str:
    if host == "localhost":
        return "127.0.0.1"
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ConfigurationError(f"the emulator serves on loopback addresses only, not on {host!r}")
    return host
