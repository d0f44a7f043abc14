"""A kept connection is looked at before it is used again: what the server has given up carries no request."""

import asyncio
import contextlib
import gc
import os
import socket
import struct

import aiohttp
import pytest

from packcloud_async import SyncAccepted, SyncKind, TransportError

from ..support.misbehaving_server import answer, answering, misbehaving
from .connecting import INTEGRATION, connect, integrations, talking
from .test_tls import serving_tls, trusting

pytestmark = pytest.mark.sockets

GOOD = answer(200, {"data": INTEGRATION})
ACCEPTED = answer(202, {"data": {"first": True}})
UNASKED = answer(202, {"data": {"unasked": True}})
ORDERS_ACCEPTED = SyncAccepted(SyncKind.ORDERS, 202, {"first": True})


@contextlib.asynccontextmanager
async def kept_connection(**options):
    """A client whose one connection is idle, and the server's plain socket of it.

    What is done to that socket is in the client's kernel at once, and unknown to its loop until it looks.
    """

    async def answer_once(connection):
        await connection.request()
        # Not the stream: what it sends and closes, it does some turns of the loop later.
        plain.append(socket.socket(fileno=connection.writer.get_extra_info("socket").dup().detach()))
        await connection.send(GOOD)
        await connection.silence()

    plain = []
    async with talking(answer_once, answering(ACCEPTED), **options) as (server, client):
        await integrations(client).get("int_1")
        with plain[0]:
            yield server, client, plain[0]


def close(plain):
    plain.shutdown(socket.SHUT_RDWR)


def half_close(plain):
    plain.shutdown(socket.SHUT_WR)


def say_something(plain):
    plain.send(UNASKED)


def say_something_and_close(plain):
    plain.send(UNASKED)
    plain.shutdown(socket.SHUT_WR)


def say_nonsense(plain):
    plain.send(b"\r\n\r\nnonsense")


GOODBYES = pytest.mark.parametrize("goodbye", [close, half_close, say_something, say_something_and_close, say_nonsense])


@GOODBYES
@pytest.mark.parametrize("turns", [0, 1, 2, 10], ids=lambda turns: f"{turns} turns of the loop later")
async def test_what_was_given_up_before_it_is_written_carries_no_post(goodbye, turns):
    async with kept_connection() as (server, client, plain):
        goodbye(plain)
        for _ in range(turns):
            await asyncio.sleep(0)
        accepted = await integrations(client).sync_orders("int_1")
    assert accepted == ORDERS_ACCEPTED
    assert [(received.connection, received.method) for received in server.received] == [(1, "GET"), (2, "POST")]
    assert client.requests_sent == 2
    assert client.budget.retries == 0


async def test_a_reset_before_it_is_written_carries_no_post():
    """On a listening socket of its own, because only closing the last descriptor resets."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        async with aiohttp.ClientSession() as session:
            server = _At(f"http://127.0.0.1:{listening.getsockname()[1]}")
            async with connect(server, session=session) as client, asyncio.TaskGroup() as group:
                reading = group.create_task(integrations(client).get("int_1"))
                first, _ = await loop.sock_accept(listening)
                await loop.sock_recv(first, 10_000)
                await loop.sock_sendall(first, GOOD)
                await reading
                first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                first.close()
                firing = group.create_task(integrations(client).sync_orders("int_1"))
                second, _ = await loop.sock_accept(listening)
                with second:
                    assert (await loop.sock_recv(second, 10_000)).startswith(b"POST ")
                    await loop.sock_sendall(second, ACCEPTED)
                    assert await firing == ORDERS_ACCEPTED


class _At:
    def __init__(self, base_url):
        self.base_url = base_url


async def test_every_idle_connection_that_was_given_up_is_passed_over():
    plain = []
    together = asyncio.Barrier(5)

    async def answer_once(connection):
        await connection.request()
        plain.append(connection.writer.get_extra_info("socket"))
        await together.wait()
        await connection.send(GOOD)
        await connection.silence()

    async with talking(*[answer_once] * 5, answering(ACCEPTED)) as (server, client):
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(integrations(client).get(f"int_{number}"))
        for one in plain:
            close(one)
        await integrations(client).sync_orders("int_1")
    assert server.received[-1].connection == server.accepted == 6


async def test_a_session_of_the_caller_and_its_middlewares_are_looked_after_too():
    passed = []

    async def note(request, handler):
        passed.append(request.method)
        return await handler(request)

    async with aiohttp.ClientSession(middlewares=(note,)) as session, kept_connection(session=session) as kept:
        server, client, plain = kept
        say_something(plain)
        assert await integrations(client).sync_orders("int_1") == ORDERS_ACCEPTED
    assert passed == ["GET", "POST"]
    assert server.accepted == 2


async def test_it_does_not_matter_who_used_the_connection_before():
    plain = []

    async def answer_once(connection):
        await connection.request()
        plain.append(connection.writer.get_extra_info("socket"))
        await connection.send(GOOD)
        await connection.silence()

    async with misbehaving(answer_once, answering(ACCEPTED)) as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.base_url}/health") as health:
            await health.read()
        os.write(plain[0].fileno(), UNASKED)
        async with connect(server, session=session) as client:
            assert await integrations(client).sync_orders("int_1") == ORDERS_ACCEPTED
    assert [received.connection for received in server.received] == [1, 2]


async def test_a_goodbye_that_crosses_the_post_leaves_it_in_doubt():
    """The server closes as soon as it has read the request: from here it looks like one that never read it."""

    async def close_on_the_second(connection):
        await connection.request()
        await connection.send(GOOD)
        await connection.request()

    async with talking(close_on_the_second, answering(ACCEPTED)) as (server, client):
        await integrations(client).get("int_1")
        with pytest.raises(TransportError) as caught:
            await integrations(client).sync_orders("int_1")
    assert caught.value.maybe_sent
    assert server.accepted == 1


@pytest.mark.parametrize(("timeout", "connections"), [("timeout=1", 3), ("timeout=60", 1), ("max=100", 1)])
async def test_a_server_that_says_how_long_it_keeps_a_connection_is_believed(timeout, connections):
    async with talking(answering(answer(200, {"data": INTEGRATION}, keep_alive=timeout))) as (server, client):
        for _ in range(3):
            await integrations(client).get("int_1")
            await asyncio.sleep(0.01)
    assert server.accepted == connections


async def test_the_last_word_about_keeping_counts():
    briefly, long = (answer(200, {"data": INTEGRATION}, keep_alive=f"timeout={seconds}") for seconds in (1, 60))
    async with talking(answering(long, briefly), answering(long)) as (server, client):
        for _ in range(4):
            await integrations(client).get("int_1")
            await asyncio.sleep(0.01)
    assert [received.connection for received in server.received] == [1, 1, 2, 2]


async def test_nothing_is_kept_of_a_connection_that_is_gone():
    async def once(connection):
        await connection.request()
        await connection.send(GOOD)

    async with misbehaving(once) as server, connect(server) as client:
        for _ in range(5):
            await integrations(client).get("int_1")
            await asyncio.sleep(0.02)
        gc.collect()
        known = client._pipeline.transport._direct._known._known
        assert len(known) <= 1


async def test_connections_of_tls_are_used_again_and_looked_at():
    """What TLS itself sends after its handshake is no goodbye."""
    plain = []

    async def answer_all(connection):
        plain.append(connection.writer.get_extra_info("socket"))
        await answering(GOOD)(connection)

    async with misbehaving(answer_all, answering(ACCEPTED), tls=serving_tls()) as server, trusting() as session:
        base_url = f"https://localhost:{server.port}"
        async with connect(server, base_url=base_url, session=session) as client:
            for _ in range(5):
                await integrations(client).get("int_1")
            assert server.accepted == 1
            close(plain[0])
            assert await integrations(client).sync_orders("int_1") == ORDERS_ACCEPTED
    assert [received.connection for received in server.received] == [1, 1, 1, 1, 1, 2]
