"""A server for machines without nginx: a bare asyncio protocol that sends answers made beforehand.

It knows no HTTP but the end of a request's head and its first line: enough for the clients that are measured here,
whose requests have no body. On uvloop when that is installed, in a process of its own on the server's core.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import cast

from benchmarks.measuring.answers import PAGE_SIZES, bodies, path
from benchmarks.measuring.cores import SERVER_CORE, environment, pin
from benchmarks.measuring.server import StaticServer
from benchmarks.results import ROOT

HEAD_END = b"\r\n\r\n"


class Answering(asyncio.Protocol):
    """One connection."""

    def __init__(self, answers: Mapping[bytes, bytes]) -> None:
        self._answers = answers
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where to write."""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every request whose head is complete."""
        self._read += data
        while (end := self._read.find(HEAD_END)) >= 0:
            line, self._read = self._read[: self._read.find(b"\r\n")], self._read[end + len(HEAD_END) :]
            self._transport.write(self._answers.get(line.rpartition(b" ")[0], NOT_FOUND))


def answer(status: str, body: bytes) -> bytes:
    """Return everything that is sent for one request."""
    kind = "Content-Type: application/json\r\n" if body else ""
    return f"HTTP/1.1 {status}\r\nServer: precomputed\r\n{kind}Content-Length: {len(body)}".encode() + HEAD_END + body


NOT_FOUND = answer("404 Not Found", b'{"message": "not found"}')


def answers() -> dict[bytes, bytes]:
    """Return what is sent for each method and path."""
    found = bodies()
    read = {f"GET {path(name)}": answer("200 OK", found[name]) for name in ("one", *(f"page_{n}" for n in PAGE_SIZES))}
    told = {f"POST {path('sync')}": answer("202 Accepted", b""), **read}
    return {line.encode(): everything for line, everything in told.items()}


async def serve() -> None:
    """Serve on a port the kernel chooses, which is printed, until standard input ends."""
    loop, prepared = asyncio.get_running_loop(), answers()
    server = await loop.create_server(lambda: Answering(prepared), "127.0.0.1", 0, backlog=4_096)
    print(server.sockets[0].getsockname()[1], _loop()[0], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def _loop() -> tuple[str, Callable[[], asyncio.AbstractEventLoop] | None]:
    try:
        import uvloop  # noqa: PLC0415 - when there is one
    except ImportError:
        return "asyncio", None
    return f"uvloop {uvloop.__version__}", uvloop.new_event_loop


@contextmanager
def serving() -> Iterator[StaticServer]:
    """Serve until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port, _, loop = process.stdout.readline().strip().partition(" ")
        if not port:
            raise RuntimeError(f"the server ended with status {process.wait()}; see its traceback above")
        yield StaticServer(f"http://127.0.0.1:{port}", f"precomputed answers on {loop}", (process.pid,))
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    pin(SERVER_CORE)
    with asyncio.Runner(loop_factory=_loop()[1]) as runner:
        runner.run(serve())
