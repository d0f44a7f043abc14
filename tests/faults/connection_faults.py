"""Faults before the request leaves, and faults of the head of an answer."""

import socket
from collections.abc import Callable
from typing import Any

import aiohttp

from packcloud_async import ServerError

from . import certificates
from .expectations import Conclusion
from .faults import (
    BOUNDED,
    IMPATIENT,
    Door,
    Fault,
    Good,
    Subject,
    closing,
    dripping,
    half_closing,
    head,
    in_pieces,
    replying,
    resetting,
    silent,
    without_end,
)

DRIP = 0.1
"""Seconds per byte where a drip is a row of the table, so that the shortest body takes longer than ``BOUNDED.total``;
test_bounds.py has one with a whole second."""


def nothing(_: Good) -> bytes:
    return b""


def beginning(good: Good) -> bytes:
    """Status line and a header, and no end of the head."""
    return head(good.some_status)


async def _close(*_: Any) -> bool:
    return False


async def _reset(connection: Any, _: Any) -> bool:
    connection.reset()
    return False


async def _silence(connection: Any, _: Any) -> bool:
    await connection.silence()
    return False


class _Names(aiohttp.abc.AbstractResolver):
    """Resolves every name to this machine, but not while the fault is on."""

    def __init__(self, is_on: Callable[[], bool]) -> None:
        self.is_on = is_on

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> Any:
        if self.is_on():
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


def _with_names(is_on: Callable[[], bool]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=_Names(is_on), use_dns_cache=False))


def _plain(name: str, **options: Any) -> Fault:
    return Fault(name=name, subject=Subject.CONNECTING, **options)


CONNECTING = (
    _plain("connection refused", conclusion=Conclusion.NOT_SENT, door=Door.SHUT),
    _plain(
        "name not resolved",
        conclusion=Conclusion.NOT_SENT,
        door=Door.SHUT,
        host="packcloud.test",
        session=_with_names,
    ),
)


async def _drop_the_hello(connection: Any, _: Any) -> bool:
    await connection.reader.read(1000)
    return False


_GOOD: dict[str, Any] = {
    "needs": "trustme",
    "tls": certificates.good,
    "host": certificates.TRUSTED_NAME,
    "session": lambda _: certificates.trusting(),
    "door": Door.OTHER,
}

TLS = (
    _plain(
        "TLS: self-signed certificate", conclusion=Conclusion.UNTRUSTED, other_tls=certificates.self_signed, **_GOOD
    ),
    _plain("TLS: expired certificate", conclusion=Conclusion.UNTRUSTED, other_tls=certificates.expired, **_GOOD),
    _plain(
        "TLS: certificate for another host",
        conclusion=Conclusion.UNTRUSTED,
        other_tls=certificates.for_another_host,
        **_GOOD,
    ),
    _plain("TLS: handshake dropped", conclusion=Conclusion.NOT_SENT, reads=False, play=_drop_the_hello, **_GOOD),
)


def _lost(name: str, play: Any, **options: Any) -> Fault:
    return Fault(
        name=name,
        subject=Subject.ANSWERING,
        play=play,
        **{"conclusion": Conclusion.LOST, **options},
    )


ENDLESS_100 = b"HTTP/1.1 100 Continue\r\n\r\n"

ANSWERING = (
    _lost("accepted, and then silence", _silence, reads=False, timeouts=IMPATIENT),
    _lost("reset before the request is read", _reset, reads=False),
    _lost("closed before the request is read", _close, reads=False),
    _lost("reset after the request is read", resetting(nothing)),
    _lost("closed after the request is read", closing(nothing)),
    _lost("half closed after the request is read", half_closing(nothing)),
    _lost("no answer", silent(nothing), timeouts=IMPATIENT),
    _lost("status line cut off", closing(lambda _: b"HTTP/1.1 2")),
    _lost("reset in the headers", resetting(beginning)),
    _lost("closed in the headers", closing(beginning)),
    _lost("half closed in the headers", half_closing(beginning)),
    _lost("the headers stop arriving", silent(beginning), timeouts=IMPATIENT),
    _lost(
        "the headers drip, a byte a second", dripping(nothing, lambda good: good.whole(), every=DRIP), timeouts=BOUNDED
    ),
    _lost("headers without end", without_end(beginning, b"x-more: and more\r\n"), timeouts=BOUNDED),
    _lost(
        "one header without end",
        without_end(lambda good: beginning(good) + b"x-more: ", b"more" * 100),
        timeouts=BOUNDED,
    ),
    _lost("a header of 1 MiB", replying(lambda good: good.whole(x_more="m" * 2**20))),
    _lost("a header that is none", replying(lambda good: beginning(good) + b"\x00\x01: \xff\r\n\r\n")),
    _lost("another protocol", closing(lambda _: b"SSH-2.0-OpenSSH_9.7\r\n")),
    _lost("noise", closing(lambda _: bytes(range(256)) * 40)),
    _lost("100 Continue without end", without_end(nothing, ENDLESS_100), timeouts=BOUNDED),
    _lost("100 Continue, and nothing more", silent(lambda _: ENDLESS_100), timeouts=BOUNDED),
    _lost("two lengths that differ", replying(lambda good: good.whole(**{"Content-Length": "3"}))),
    _lost("a negative length", replying(lambda good: good.whole(content_length="-1"))),
    _lost("a length of 31 digits", replying(lambda good: good.whole(content_length="1" + "0" * 30))),
    _lost("a length that is no number", replying(lambda good: good.whole(content_length="all"))),
    _lost("a status of two digits", replying(lambda good: b"HTTP/1.1 20 OK\r\ncontent-length: 0\r\n\r\n")),
    _lost("a status of four digits", replying(lambda good: b"HTTP/1.1 2000 OK\r\ncontent-length: 0\r\n\r\n")),
    _lost("no status", replying(lambda good: b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n")),
    _lost(
        "HTTP/2.0 in the form of HTTP/1.1",
        replying(lambda good: good.whole().replace(b"HTTP/1.1", b"HTTP/2.0")),
        conclusion=Conclusion.UNDERSTOOD,
        reused=False,
    ),
    _lost("HTTP/0.9: a body and no head", closing(lambda good: good.body)),
    _lost("a space before the colon of a header", replying(lambda good: good.whole(**{"x-odd ": "1"}))),
    _lost("a folded header", replying(lambda good: good.whole(x_odd="1\r\n 2")), conclusion=Conclusion.UNDERSTOOD),
    _lost(
        "lines that end with LF alone",
        replying(lambda good: good.whole().replace(b"\r\n", b"\n")),
        conclusion=Conclusion.UNDERSTOOD,
    ),
    _lost("NUL in a header", replying(lambda good: good.whole(x_odd="a\0b"))),
    _lost("129 headers", replying(lambda good: good.whole(**{f"x_{n}": "1" for n in range(128)}))),
    _lost(
        "status 600",
        replying(lambda good: b"HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n"),
        conclusion=Conclusion.STRANGE,
        error=ServerError,
    ),
    _lost(
        "status 099",
        replying(lambda good: b"HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"),
        conclusion=Conclusion.STRANGE,
    ),
    _lost("a transfer encoding nobody knows", replying(lambda good: good.whole(transfer_encoding="bogus"))),
    _lost("204 with a body", replying(lambda good: b"HTTP/1.1 204 OK\r\ncontent-length: 5\r\n\r\nhello")),
    _lost("304 with a body", replying(lambda good: b"HTTP/1.1 304 OK\r\ncontent-length: 5\r\n\r\nhello")),
    _lost(
        "204 that is chunked",
        replying(lambda good: b"HTTP/1.1 204 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
    ),
    _lost("a length and chunks", replying(lambda good: good.whole(transfer_encoding="chunked"))),
    Fault(
        name="103 Early Hints before the answer",
        subject=Subject.ANSWERING,
        conclusion=Conclusion.UNDERSTOOD,
        play=replying(lambda good: b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + good.whole()),
    ),
    Fault(
        name="the answer in pieces of seven bytes",
        subject=Subject.ANSWERING,
        conclusion=Conclusion.UNDERSTOOD,
        play=in_pieces(lambda good: [good.whole()[at : at + 7] for at in range(0, len(good.whole()), 7)]),
    ),
)
