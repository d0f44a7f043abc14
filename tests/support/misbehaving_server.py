"""An HTTP server on a loopback port that does exactly what a test says, byte by byte; not aiohttp.

Each connection has its own play: a coroutine function that takes the :class:`Connection`. When it returns, the
connection is closed in good order.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field, frozen

Play = Callable[["Connection"], Awaitable[None]]


@frozen
class Received:
    """One request as it arrived: ``target`` is not decoded, header names are lower case."""

    connection: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@define(eq=False)
class Connection:
    """One connection of a play; ``number`` counts from 1."""

    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: "MisbehavingServer"

    async def request(self) -> Received:
        """Read one whole request; raise :class:`asyncio.IncompleteReadError` when the client is gone."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.splitlines()[:-1]
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(self.number, method, target, headers, body)
        self.server.note(received)
        return received

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def silence(self) -> None:
        """Say nothing until the client hangs up."""
        await self.reader.read()

    async def until_read(self) -> None:
        """Let the client read what was sent: it runs on the same loop, and loopback delivers at once."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def half_close(self) -> None:
        """Send FIN, and go on reading until the client hangs up."""
        self.writer.write_eof()
        await self.silence()

    def reset(self) -> None:
        """End with RST in place of FIN: whatever was not read yet is lost."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@define(eq=False)
class MisbehavingServer:
    """What arrived: ``accepted`` connections in all, ``peak`` of them at one time, ``received`` requests in order."""

    plays: tuple[Play, ...]
    received: list[Received] = field(factory=list[Received], init=False)
    accepted: int = field(default=0, init=False)
    peak: int = field(default=0, init=False)
    port: int = field(default=0, init=False)
    is_tls: bool = field(default=False, init=False)
    _open: int = field(default=0, init=False)
    _arrival: asyncio.Event = field(factory=asyncio.Event, init=False)
    _listening: asyncio.Server | None = field(default=None, init=False)
    _playing: list[asyncio.Task[None]] = field(factory=list[asyncio.Task[None]], init=False)

    @property
    def base_url(self) -> str:
        return f"{'https' if self.is_tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def targets(self) -> list[str]:
        return [received.target for received in self.received]

    async def listen(self, *, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        """Accept connections, on the same port as before if there was one."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._playing.append(asyncio.get_running_loop().create_task(self.play(reader, writer)))

        self.deafen()
        self._listening = await asyncio.start_server(connected, "127.0.0.1", port or self.port, ssl=tls)
        self.port = self._listening.sockets[0].getsockname()[1]
        self.is_tls = tls is not None

    def deafen(self) -> None:
        """Refuse further connections; those that stand go on."""
        if self._listening is not None:
            self._listening.close()

    async def end(self) -> None:
        """Refuse further connections and end those that stand; raise what broke a play."""
        self.deafen()
        for task in self._playing:
            task.cancel()
        # A task group would wrap the test's own failure; a broken play is raised here.
        ended = await asyncio.gather(*self._playing, return_exceptions=True)
        for broken in ended:
            if isinstance(broken, Exception):
                raise broken

    def note(self, received: Received) -> None:
        self.received.append(received)
        self._arrival.set()

    async def wait_for_requests(self, count: int) -> None:
        """Wait until so many requests were read in all."""
        while len(self.received) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._open += 1
        self.peak = max(self.peak, self._open)
        play = self.plays[min(self.accepted, len(self.plays)) - 1]
        try:
            await play(Connection(self.accepted, reader, writer, self))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            self._open -= 1
            writer.close()


@asynccontextmanager
async def misbehaving(
    *plays: Play, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[MisbehavingServer]:
    """Serve until the block is left: the first connection has the first play, all beyond the last the last."""
    serving = MisbehavingServer(plays)
    await serving.listen(tls=tls, port=port)
    try:
        yield serving
    except BaseException:
        with contextlib.suppress(Exception):
            await serving.end()
        raise
    await serving.end()


def answer(status: int = 200, body: Any = b"", **headers: str) -> bytes:
    """Return an HTTP answer; ``retry_after=`` becomes ``retry-after:``. A body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-length": str(len(content))} | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content


def answering(*answers: bytes) -> Play:
    """Answer one request after the other on one connection, the last answer for all further ones."""

    async def play(connection: Connection) -> None:
        for number in range(1_000_000):
            await connection.request()
            await connection.send(answers[min(number, len(answers) - 1)])

    return play


def saying(data: bytes) -> Play:
    """Read one request, send these bytes whatever they are, and close."""

    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.send(data)

    return play


def stalling(data: bytes) -> Play:
    """Read one request, send these bytes, and then nothing more."""

    async def play(connection: Connection) -> None:
        await connection.request()
        await connection.send(data)
        await connection.silence()

    return play


async def reset_at_once(connection: Connection) -> None:
    """Reset before anything is read."""
    connection.reset()


async def reset_after_reading(connection: Connection) -> None:
    """Read one request and reset."""
    await connection.request()
    connection.reset()


async def close_at_once(connection: Connection) -> None:
    """Close in good order before anything is read."""


async def close_after_reading(connection: Connection) -> None:
    """Read one request and close in good order."""
    await connection.request()
