import asyncio

import pytest

from .misbehaving_server import (
    answer,
    answering,
    close_after_reading,
    close_at_once,
    misbehaving,
    reset_after_reading,
    reset_at_once,
    saying,
    stalling,
)

pytestmark = pytest.mark.sockets

REQUEST = b"POST /a%2Fb?c=%20 HTTP/1.1\r\nHost: here\r\nX-Name: value\r\nContent-Length: 4\r\n\r\nbody"


async def ask(server, data=REQUEST):
    """All that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()


async def test_a_request_is_noted_as_it_came():
    async with misbehaving(saying(b"anything")) as server:
        assert await ask(server) == b"anything"
    (received,) = server.received
    assert (received.method, received.target, received.body) == ("POST", "/a%2Fb?c=%20", b"body")
    assert received.headers == {"host": "here", "x-name": "value", "content-length": "4"}


async def test_each_connection_has_its_play_and_the_last_goes_on():
    async with misbehaving(saying(b"first"), saying(b"later")) as server:
        assert [await ask(server) for _ in range(3)] == [b"first", b"later", b"later"]
    assert [received.connection for received in server.received] == [1, 2, 3]
    assert (server.accepted, server.peak) == (3, 1)


async def test_one_connection_answers_one_request_after_the_other():
    async with misbehaving(answering(b"one;", b"two;")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST * 3)
        assert await reader.readexactly(12) == b"one;two;two;"
        writer.close()
    assert server.accepted == 1


async def test_the_peak_counts_connections_that_are_open_at_the_same_time():
    async with misbehaving(stalling(b"")) as server:
        asking = [asyncio.create_task(ask(server)) for _ in range(3)]
        await server.wait_for_requests(3)
    assert [await task for task in asking] == [b"", b"", b""]
    assert (server.accepted, server.peak) == (3, 3)


@pytest.mark.parametrize(
    ("play", "read"), [(close_at_once, 0), (close_after_reading, 1)], ids=lambda value: getattr(value, "__name__", "")
)
async def test_closing_ends_the_stream(play, read):
    async with misbehaving(play) as server:
        assert await ask(server, REQUEST if read else b"") == b""
    assert len(server.received) == read


@pytest.mark.parametrize(
    ("play", "read"), [(reset_at_once, 0), (reset_after_reading, 1)], ids=lambda value: getattr(value, "__name__", "")
)
async def test_resetting_is_an_error_to_the_client(play, read):
    async with misbehaving(play) as server:
        with pytest.raises(ConnectionError):
            await ask(server)
    assert len(server.received) == read


async def test_half_closing_ends_what_comes_and_still_reads():
    async def play(connection):
        await connection.request()
        await connection.half_close()

    async with misbehaving(play) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        assert await reader.read() == b""
        writer.write(b"still read")
        await writer.drain()
        writer.close()


async def test_a_deaf_server_refuses_and_hears_again_on_the_same_port():
    async with misbehaving(answering(b"one;")) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        server.deafen()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        assert await reader.readexactly(4) == b"one;"
        writer.close()
        await server.listen()
        assert await ask_once(server) == b"one;"
    assert server.accepted == 2


async def ask_once(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(REQUEST)
    try:
        return await reader.readexactly(4)
    finally:
        writer.close()


async def test_what_was_sent_is_there_for_a_client_on_the_same_loop():
    async def play(connection):
        await connection.request()
        await connection.send(b"first")
        await connection.until_read()
        await connection.send(b"second")

    async with misbehaving(play) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(REQUEST)
        assert await reader.read(100) == b"first"
        assert await reader.read(100) == b"second"
        writer.close()


async def test_a_broken_play_is_told_at_the_end():
    async def play(connection):
        await connection.request()
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        async with misbehaving(play) as server:
            assert await ask(server) == b""


def test_an_answer_is_plain_http():
    assert answer(201, {"id": 1}, retry_after="7") == (
        b'HTTP/1.1 201 Whatever\r\ncontent-length: 9\r\nretry-after: 7\r\n\r\n{"id": 1}'
    )
    assert answer(content_length="99") == b"HTTP/1.1 200 Whatever\r\ncontent-length: 99\r\n\r\n"
