"""Faults of the body: how it arrives, and what it says."""

import gzip
import zlib
from typing import Any

from .connection_faults import DRIP
from .expectations import SEEN, Conclusion
from .faults import (
    BOUNDED,
    IMPATIENT,
    Fault,
    Good,
    Reply,
    Subject,
    closing,
    dripping,
    half_closing,
    in_pieces,
    replying,
    resetting,
    silent,
    without_end,
)

BODY_LIMIT = 100_000


def whole(good: Good, body: bytes | None = None, **headers: str) -> bytes:
    """An answer with a body, also where none is due."""
    content = good.body if body is None else body
    named = {"content-length": str(len(content)), "content-type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {good.some_status} Whatever\r\n{lines}\r\n".encode() + content


def half(good: Good) -> bytes:
    """The head, and half of the body it promises."""
    return whole(good)[: -len(good.body) // 2]


def head_of(good: Good) -> bytes:
    return whole(good).removesuffix(good.body)


def chunked(good: Good, *chunks: bytes, **headers: str) -> bytes:
    """The head of a chunked answer, and chunks."""
    named = {"transfer-encoding": "chunked"} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    head = f"HTTP/1.1 {good.some_status} Whatever\r\n{lines}\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


def until_the_end(good: Good) -> bytes:
    """An answer whose body ends with the connection."""
    return f"HTTP/1.1 {good.some_status} Whatever\r\n\r\n".encode() + good.body


def zipped(content: bytes) -> Reply:
    return lambda good: whole(good, content, content_encoding="gzip")


def _body(name: str, play: Any, conclusion: Conclusion = Conclusion.DAMAGED, **options: Any) -> Fault:
    return Fault(name=name, subject=Subject.BODY, play=play, conclusion=conclusion, **options)


def _too_large(name: str, play: Any) -> Fault:
    return _body(name, play, Conclusion.UNUSABLE, reused=False, options=lambda: {"body_limit": BODY_LIMIT})


EMPTY_DEFLATE_BLOCK = b"\x00\x00\x00\xff\xff"
GZIP_HEAD = gzip.compress(b"")[:10]
IN_GZIP = b"12\r\nthis is not gzip!!\r\n0\r\n\r\n"
BOMB = gzip.compress(b" " * 50_000_000)

BODY = (
    _body("reset in the body", resetting(half)),
    _body("closed in the body", closing(half)),
    _body("half closed in the body", half_closing(half)),
    _body("the body stops arriving", silent(half), timeouts=IMPATIENT),
    _body("the body drips, a byte a second", dripping(head_of, lambda good: good.body, every=DRIP), timeouts=BOUNDED),
    _body("Content-Length larger than the body", closing(lambda good: whole(good, content_length="5000"))),
    _body(
        "Content-Length smaller than the body",
        replying(lambda good: whole(good, content_length=str(len(good.body) - 9))),
        Conclusion.LOST,
    ),
    _body(
        "bytes after the body, in the same packet",
        replying(lambda good: whole(good) + b"and more"),
        Conclusion.LOST,
    ),
    _body("chunks cut off", closing(lambda good: chunked(good, good.body))),
    _body("bad chunks", replying(lambda good: chunked(good) + b"zz\r\n{}\r\n0\r\n\r\n"), Conclusion.LOST),
    _body("bad chunks, in another packet", in_pieces(lambda good: [chunked(good, good.body), b"zz\r\n{}\r\n"])),
    _body(
        "a chunk size without end",
        without_end(lambda good: chunked(good, good.body), b"0"),
        timeouts=BOUNDED,
    ),
    _body(
        "a chunk extension without end",
        without_end(lambda good: chunked(good, good.body) + b"1;", b"more"),
        timeouts=BOUNDED,
    ),
    _body(
        "trailers without end",
        without_end(lambda good: chunked(good, good.body) + b"0\r\n", b"x-more: and more\r\n"),
        timeouts=BOUNDED,
    ),
    _body("no length, ended by closing", closing(until_the_end), Conclusion.UNDERSTOOD, reused=False),
    _too_large("a body without end", without_end(chunked, b"3e8\r\n" + b" " * 1000 + b"\r\n")),
    _too_large("a body larger than `body_limit`", replying(lambda good: whole(good, b" " * 20 * BODY_LIMIT))),
    _too_large("a gzip bomb", replying(zipped(BOMB))),
    _body(
        "gzip that never yields a byte",
        without_end(
            lambda good: chunked(good, GZIP_HEAD, content_encoding="gzip"), b"5\r\n" + EMPTY_DEFLATE_BLOCK + b"\r\n"
        ),
        timeouts=BOUNDED,
    ),
    _body("bad gzip", replying(lambda good: whole(good, content_encoding="gzip"))),
    _body("bad gzip, in another packet", in_pieces(lambda good: [chunked(good, content_encoding="gzip"), IN_GZIP])),
    _body(
        "gzip, and bytes after its end",
        replying(lambda good: whole(good, gzip.compress(good.body) + b"and more", content_encoding="gzip")),
    ),
    _body(
        "gzip within gzip, said once",
        replying(lambda good: whole(good, gzip.compress(gzip.compress(good.body)), content_encoding="gzip")),
        Conclusion.UNUSABLE,
    ),
    _body(
        "gzip within gzip, said twice",
        replying(lambda good: whole(good, gzip.compress(gzip.compress(good.body)), content_encoding="gzip, gzip")),
        Conclusion.UNUSABLE,
    ),
    _body(
        "gzip in the transfer encoding",
        replying(
            lambda good: chunked(good, gzip.compress(good.body), transfer_encoding="gzip, chunked") + b"0\r\n\r\n"
        ),
        Conclusion.UNUSABLE,
    ),
    _body(
        "gzip cut off, and a length that fits",
        replying(lambda good: whole(good, gzip.compress(good.body)[:-12], content_encoding="gzip")),
        Conclusion.UNUSABLE,
    ),
    _body(
        "gzip with a wrong checksum",
        replying(lambda good: whole(good, gzip.compress(good.body)[:-8] + b"\0" * 8, content_encoding="gzip")),
    ),
    _body(
        "gzip in two members",
        replying(
            lambda good: whole(
                good, gzip.compress(good.body[:20]) + gzip.compress(good.body[20:]), content_encoding="gzip"
            )
        ),
        Conclusion.UNDERSTOOD,
    ),
    _body(
        "deflate cut off, and a length that fits",
        replying(lambda good: whole(good, zlib.compress(good.body)[:-12], content_encoding="deflate")),
        Conclusion.LOST,
    ),
    _body(
        "an encoding that nobody knows",
        replying(lambda good: whole(good, b"\x01\x02", content_encoding="bogus")),
        Conclusion.UNUSABLE,
    ),
)


def _content(name: str, reply: Reply, conclusion: Conclusion = Conclusion.UNUSABLE, **options: Any) -> Fault:
    return Fault(name=name, subject=Subject.CONTENT, play=replying(reply), conclusion=conclusion, **options)


def _said_in(charset: str, body: Any) -> Reply:
    return lambda good: whole(good, body(good), content_type=f"application/json; charset={charset}")


def _instead(body: bytes) -> Reply:
    return lambda good: whole(good, body)


def _holding(value: str) -> Reply:
    return lambda good: whole(good, good.holding(value))


def _accented(encoding: str) -> Any:
    return lambda good: good.holding('"Caf\u00e9"').decode().encode(encoding)


def _in_utf_8(name: str, charset: str) -> Fault:
    planted = {"x_odd": "Caf\u00e9"}
    return _content(name, _said_in(charset, _accented("utf-8")), Conclusion.UNDERSTOOD, planted=planted)


def _odd(name: str, value: str, read: Any) -> Fault:
    """Somebody else's parser may trip over the value, which this one reads as it must."""
    return _content(name, _holding(value), Conclusion.UNDERSTOOD, planted={"x_odd": read})


def _unseen_by_polls(name: str, reply: Reply, **options: Any) -> Fault:
    """It stands where reads of a watch do not look."""
    return _content(name, reply, but={"poll read": SEEN, "last read": SEEN}, **options)


def _created_at(value: bytes | None) -> Reply:
    was = b'"created_at": "2025-01-01T00:00:00Z", '
    now = b"" if value is None else b'"created_at": ' + value + b", "
    return lambda good: whole(good, good.body.replace(was, now))


def _nested(depth: int) -> Any:
    return [] if depth == 1 else [_nested(depth - 1)]


CONTENT = (
    _content("UTF-16, and said so", _said_in("utf-16", _accented("utf-16"))),
    _content("Latin-1, and said so", _said_in("iso-8859-1", _accented("latin-1"))),
    _in_utf_8("UTF-8 said to be Latin-1", "iso-8859-1"),
    _in_utf_8("UTF-8 said to be UTF-16", "utf-16"),
    _in_utf_8("UTF-8 said to be in a charset nobody knows", "x-none"),
    _content("JSON said to be HTML", lambda good: whole(good, content_type="text/html"), Conclusion.UNDERSTOOD),
    _content("a byte order mark", lambda good: whole(good, b"\xef\xbb\xbf" + good.body)),
    _content("bytes that are not UTF-8", lambda good: whole(good, good.body.replace(b'": "', b'": "\xff', 1))),
    _content("HTML", _instead(b"<!doctype html><title>Maintenance</title>")),
    _content("a bare word", _instead(b"OK")),
    _content("a JSON number", _instead(b"42"), shown=42),
    _content("JSON null", _instead(b"null")),
    _content("two documents", lambda good: whole(good, good.body * 2)),
    _content("half a document, and a length that fits", lambda good: whole(good, good.body[:30])),
    _content("another document", _instead(b'{"data": {"unexpected": true}}'), shown={"unexpected": True}),
    _content("an empty body", _instead(b"")),
    _content("white space", _instead(b" \r\n\t ")),
    _content("204 where a body is due", lambda _: b"HTTP/1.1 204 No Content\r\n\r\n"),
    _content("205 where a body is due", lambda _: b"HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"),
    _odd("a field nested 400 deep", "[" * 400 + "]" * 400, _nested(400)),
    _content("a field nested 600 deep", _holding("[" * 600 + "]" * 600)),
    _content("JSON nested 100,000 deep", _instead(b"[" * 100_000 + b"]" * 100_000)),
    _content(
        "objects nested 100,000 deep", lambda good: whole(good, good.holding('{"a":' * 100_000 + "1" + "}" * 100_000))
    ),
    _odd("the same key twice", '1, "x_odd": 2', 2),
    _unseen_by_polls("1e999", _holding("1e999")),
    _unseen_by_polls("-1e999", _holding("-1e999")),
    _odd("a number of 401 digits", "1" + "0" * 400, 10**400),
    _unseen_by_polls("a number of 5,001 digits", _holding("1" + "0" * 5000)),
    _unseen_by_polls("a creation date that is a number", _created_at(b"1735689600"), shown={"message": "Started."}),
    _unseen_by_polls("no creation date", _created_at(None), shown={"message": "Started."}),
    _content("NaN", _holding("NaN")),
    _content("Infinity", _holding("-Infinity")),
    _content("half of a surrogate pair", _holding('"\\ud800"')),
    _odd("NUL in a text", '"Sh\\u0000op"', "Sh\0op"),
    _content("a NUL byte in a text", _holding('"Sh\0op"')),
)
