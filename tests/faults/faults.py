"""What a fault is, and the pieces faults are made of."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from enum import Enum, StrEnum, auto
from typing import Any, TypeAlias

import aiohttp
from attrs import field, frozen

from packcloud_async import PackCloudError, Timeouts

from ..support.misbehaving_server import Connection, Received, answer
from .expectations import Conclusion, Expected

PATIENT = Timeouts(connect=5, read=5, total=20)
"""For faults that need no timeout."""
IMPATIENT = Timeouts(connect=5, read=0.5, total=20)
"""For silence."""
BOUNDED = Timeouts(connect=5, read=5, total=1.5)
"""For what goes on and on: each byte begins the read timeout anew."""


class Subject(StrEnum):
    """The parts of the page."""

    CONNECTING = "Before the request leaves"
    ANSWERING = "No whole head of an answer"
    BODY = "The body does not arrive as it should"
    CONTENT = "The body is whole, and odd"
    REFUSALS = "Statuses and headers"
    KEPT = "Kept connections"


class Door(Enum):
    """What the server's port does while the fault is on."""

    OPEN = auto()
    SHUT = auto()
    OTHER = auto()
    """It takes connections in another way: with another certificate, or none."""


@frozen
class Good:
    """The answer that would have been right."""

    status: int
    document: dict[str, Any] | None
    request: Received

    @property
    def some_document(self) -> dict[str, Any]:
        """The document, or one in place of none."""
        return self.document or {"data": {"message": "Deleted."}}

    @property
    def body(self) -> bytes:
        return json.dumps(self.some_document).encode()

    @property
    def some_status(self) -> int:
        """A status that has a body."""
        return 200 if self.status == 204 else self.status

    def whole(self, **headers: str) -> bytes:
        if self.document is None:
            return answer(self.status, **headers)
        return answer(self.status, self.document, content_type="application/json", **headers)

    def holding(self, value: str) -> bytes:
        """The body with an unknown field in its innermost object; the value is JSON, or what somebody takes for it."""
        for first in (b'"id"', b'"message"'):
            if first in self.body:
                return self.body.replace(first, b'"x_odd": %b, %b' % (value.encode(), first))
        raise LookupError(self.body)


Play: TypeAlias = Callable[[Connection, Any], Awaitable[bool]]
"""Gets the connection and the good answer; returns whether the connection goes on."""
Sessions: TypeAlias = Callable[[Callable[[], bool]], AbstractAsyncContextManager[aiohttp.ClientSession]]


async def _never_played(_: Connection, __: Any) -> bool:
    raise AssertionError("nobody should come so far")


@frozen(kw_only=True)
class Fault:
    """One row: ``name`` is its text in the documentation.

    ``reads``: whether the server reads the request before the fault happens. ``reused``: whether the connection can
    carry another request; None leaves it to the conclusion. ``error`` is a more special class than the conclusion's.
    ``warm``: a good request goes over the connection before, with ``stranger`` one of the application's own, on the
    session it gave to the client. ``between`` is what happens to it between two requests, in place of the play: before
    the faulted one, or where ``idle`` before the call, when nobody waits for anything. ``but`` are the calls, or
    classes of calls, that end otherwise than the conclusion says. ``planted`` are fields of the good document that the
    call must give out, as read from JSON; ``shown`` is the body of an accepted sync where the answer is not a good one.
    ``wish`` is the pause the server asks for, in seconds, as it must be read. ``within`` bounds a cell, in seconds.
    ``needs`` names a package it cannot be played without.
    """

    name: str
    subject: Subject
    conclusion: Conclusion
    error: type[PackCloudError] | None = None
    play: Play = field(default=_never_played, repr=False)
    reads: bool = True
    door: Door = Door.OPEN
    warm: bool = False
    stranger: bool = False
    between: Play | None = field(default=None, repr=False)
    idle: bool = False
    reused: bool | None = None
    but: Mapping[str, Expected] = field(factory=dict[str, Expected])
    planted: Mapping[str, Any] = field(factory=dict[str, Any], repr=False)
    shown: Any = field(default=None, repr=False)
    wish: float | None = None
    timeouts: Timeouts = PATIENT
    within: float = 10
    options: Callable[[], Mapping[str, Any]] = field(default=dict, repr=False)
    host: str = "127.0.0.1"
    session: Sessions | None = field(default=None, repr=False)
    tls: Callable[[], ssl.SSLContext] | None = field(default=None, repr=False)
    other_tls: Callable[[], ssl.SSLContext] | None = field(default=None, repr=False)
    needs: str | None = None


Reply: TypeAlias = Callable[[Good], bytes]


def replying(reply: Reply) -> Play:
    """Send what the reply says; the connection goes on."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(reply(good))
        return True

    return play


def closing(reply: Reply) -> Play:
    """Send what the reply says, and close in good order."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(reply(good))
        return False

    return play


def resetting(reply: Reply) -> Play:
    """Send what the reply says, and reset once it was read."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(reply(good))
        await connection.until_read()
        connection.reset()
        return False

    return play


def silent(reply: Reply) -> Play:
    """Send what the reply says, and nothing more."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(reply(good))
        await connection.silence()
        return False

    return play


def half_closing(reply: Reply) -> Play:
    """Send what the reply says and FIN, and go on reading."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(reply(good))
        await connection.half_close()
        return False

    return play


def in_pieces(pieces: Callable[[Good], list[bytes]]) -> Play:
    """Send piece by piece, each read before the next; the connection goes on."""

    async def play(connection: Connection, good: Good) -> bool:
        for piece in pieces(good):
            await connection.send(piece)
            await connection.until_read()
        return True

    return play


def without_end(beginning: Reply, piece: bytes) -> Play:
    """Send the beginning, and the same piece for as long as the client listens."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(beginning(good))
        while True:
            await connection.send(piece)
            # Not at full speed: the other calls of the row are made on the same loop.
            await asyncio.sleep(0.001)

    return play


def dripping(beginning: Reply, drops: Reply, *, every: float) -> Play:
    """Send the beginning at once and the rest byte by byte, one each so many seconds."""

    async def play(connection: Connection, good: Good) -> bool:
        await connection.send(beginning(good))
        for byte in drops(good):
            await asyncio.sleep(every)
            await connection.send(bytes([byte]))
        return True

    return play


def head(status: int, **headers: str) -> bytes:
    """The head of an answer, without the empty line that ends it."""
    return answer(status, **headers).removesuffix(b"\r\n")
