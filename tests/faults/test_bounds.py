"""What only bounds can end: the memory and the time that an answer without end may take."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from packcloud_async import (
    Conflict,
    InvalidResponse,
    PackCloudClient,
    RetryPolicy,
    SyncAccepted,
    Timeouts,
    TransportError,
)

from ..support.misbehaving_server import answer, misbehaving, saying

pytestmark = pytest.mark.sockets

MEGABYTE = 1_000_000
ZEROS = b"\0" * 200 * MEGABYTE
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKS = HEAD + b"transfer-encoding: chunked\r\n"
PLENTY = b"a" * 10_000


def without_end(beginning, piece):
    async def play(connection):
        await connection.request()
        await connection.send(beginning)
        while True:
            await connection.send(piece)
            # A drain that need not wait lets nobody else run.
            await asyncio.sleep(0)

    return play


FLOODS = {
    "headers": without_end(HEAD, b"x-more: and more\r\n" * 100),
    "one header": without_end(HEAD + b"x-more: ", PLENTY),
    "the name of a header": without_end(HEAD, PLENTY),
    "the reason": without_end(b"HTTP/1.1 200 ", PLENTY),
    "empty lines before the answer": without_end(b"", b"\r\n" * 1_000),
    "interim answers": without_end(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 100),
    "a chunk size": without_end(CHUNKS + b"\r\n", b"0" * 10_000),
    "a chunk extension": without_end(CHUNKS + b"\r\n5;", PLENTY),
    "chunk extensions": without_end(CHUNKS + b"\r\n5", b";a=b" * 3_000),
    "trailers": without_end(CHUNKS + b"\r\n0\r\n", b"x-more: and more\r\n" * 100),
    "one trailer": without_end(CHUNKS + b"\r\n0\r\nx-more: ", PLENTY),
    "chunks": without_end(CHUNKS + b"\r\n", b"2710\r\n" + PLENTY + b"\r\n"),
    "chunks of one byte": without_end(CHUNKS + b"\r\n", b"1\r\na\r\n" * 1_000),
    "a body": without_end(HEAD + b"\r\n", PLENTY),
    "bytes after the body": without_end(HEAD + b"content-length: 2\r\n\r\n{}", PLENTY),
    "answers after the answer": without_end(b"", (HEAD + b"content-length: 2\r\n\r\n{}") * 100),
    "empty gzip members": without_end(HEAD + b"content-encoding: gzip\r\n\r\n", gzip.compress(b"") * 500),
    "a file name in gzip": without_end(HEAD + b"content-encoding: gzip\r\n\r\n\x1f\x8b\x08\x08\0\0\0\0\0\0", PLENTY),
    "gzip without output": without_end(
        HEAD + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10], b"\0\0\0\xff\xff" * 1_000
    ),
    "gzip of 200 MB": saying(answer(200, gzip.compress(ZEROS), content_encoding="gzip")),
    "deflate of 200 MB": saying(answer(200, zlib.compress(ZEROS), content_encoding="deflate")),
    "gzip of 200 MB with a refusal": saying(answer(409, gzip.compress(ZEROS), content_encoding="gzip")),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
async def test_what_does_not_end_takes_neither_memory_nor_time_without_end(flood):
    timeouts = Timeouts(connect=5, read=5, total=0.3)
    async with (
        asyncio.timeout(20),
        misbehaving(flood) as server,
        PackCloudClient(
            token="t", base_url=server.base_url, retry=RetryPolicy(attempts=1), timeouts=timeouts, body_limit=MEGABYTE
        ) as client,
    ):
        tracemalloc.start()
        try:
            with pytest.raises((TransportError, InvalidResponse, Conflict)):
                await client.organization("org_1").integrations.get("int_1")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # The body, what of it waits to be read, and one join of its pieces.
    assert peak < 5 * MEGABYTE


@pytest.mark.parametrize("at", ["head", "body"])
async def test_a_byte_a_second_is_ended_by_the_total(at):
    whole = answer(202, {"message": "Started."})
    head = whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    begun = b"" if at == "head" else head

    async def drip(connection):
        await connection.request()
        await connection.send(begun)
        for byte in whole[len(begun) :]:
            await asyncio.sleep(1)
            await connection.send(bytes([byte]))

    timeouts = Timeouts(connect=5, read=1.5, total=2)
    async with (
        asyncio.timeout(10),
        misbehaving(drip) as server,
        PackCloudClient(token="t", base_url=server.base_url, timeouts=timeouts) as client,
    ):
        syncing = client.organization("org_1").integrations.sync_orders("int_1")
        if at == "body":
            assert await syncing == SyncAccepted(kind="orders", status=202)
        else:
            with pytest.raises(TransportError, match="no answer within 2 seconds") as caught:
                await syncing
            assert caught.value.maybe_sent
    assert len(server.received) == 1
