"""How many connections there are, who waits for one, and what a cancelled request leaves behind."""

import asyncio
import sys
import warnings

import aiohttp
import pytest

from packcloud_async import ClientStateError, ConfigurationError, HeaderAuth, RetryPolicy, Timeouts, TransportError

from ..support.misbehaving_server import answer, answering, misbehaving, stalling
from .connecting import INTEGRATION, TOKEN, PackCloudClient, connect, integrations, talking
from .test_failures import full_backlog

pytestmark = pytest.mark.sockets

GOOD = answer(200, {"data": INTEGRATION})


def answering_after(seconds):
    async def play(connection):
        while True:
            await connection.request()
            await asyncio.sleep(seconds)
            await connection.send(GOOD)

    return play


async def test_waiting_for_a_turn_is_no_part_of_any_timeout():
    impatient = Timeouts(connect=0.5, read=0.5, total=0.5)
    async with (
        talking(answering_after(0.03), max_connections=2, timeouts=impatient) as (server, client),
        asyncio.TaskGroup() as group,
    ):
        reads = [group.create_task(integrations(client).get(f"int_{number}")) for number in range(50)]
    assert [read.result().id for read in reads] == ["int_1"] * 50
    assert (server.peak, server.accepted, len(server.received)) == (2, 2, 50)


async def test_first_come_first_served():
    async with talking(answering(GOOD), max_connections=1) as (server, client), asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(integrations(client).get(f"int_{number}"))
    assert [target.rpartition("/")[2] for target in server.targets] == [f"int_{number}" for number in range(20)]


async def test_a_connection_is_used_again():
    async with talking(answering(GOOD)) as (server, client):
        for _ in range(5):
            await integrations(client).get("int_1")
    assert server.accepted == 1


async def test_a_connection_the_server_closed_in_the_meantime_is_not():
    async def once(connection):
        await connection.request()
        await connection.send(GOOD)

    async with talking(once) as (server, client):
        for _ in range(3):
            await integrations(client).get("int_1")
            for _ in range(10):
                await asyncio.sleep(0.005)
    assert server.accepted == 3


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 O", answer(200, b"{", content_length="99")], ids=["no answer", "headers", "body"]
)
async def test_a_cancelled_request_leaves_no_connection_checked_out(begun):
    async with talking(stalling(begun), answering(GOOD), max_connections=1) as (server, client):
        reading = asyncio.create_task(integrations(client).get("int_1"))
        await server.wait_for_requests(1)
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert (await integrations(client).get("int_1")).id == "int_1"
    assert [received.connection for received in server.received] == [1, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse when the backlog is full")
async def test_a_request_cancelled_while_it_connects_leaves_its_turn():
    with full_backlog() as port:
        async with PackCloudClient(token=TOKEN, base_url=f"http://127.0.0.1:{port}", max_connections=1) as client:
            first, second = (asyncio.create_task(integrations(client).get("int_1")) for _ in range(2))
            await asyncio.sleep(0.05)
            assert client.requests_sent == 1
            first.cancel()
            await asyncio.wait([first])
            await asyncio.sleep(0.05)
            assert client.requests_sent == 2
            second.cancel()
            await asyncio.wait([second])
    assert first.cancelled()
    assert second.cancelled()


async def test_a_request_cancelled_while_it_waits_for_its_turn_was_never_sent():
    async with talking(answering_after(0.1), max_connections=1) as (server, client):
        first, second, third = (asyncio.create_task(integrations(client).get(f"int_{number}")) for number in "123")
        await server.wait_for_requests(1)
        second.cancel()
        await asyncio.wait([first, second, third])
    assert second.cancelled()
    assert [target[-1] for target in server.targets] == ["1", "3"]


async def test_a_caller_who_gives_up_is_not_made_to_try_again():
    policy = RetryPolicy(attempts=3, first=0)
    async with talking(stalling(b""), retry=policy) as (server, client):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await integrations(client).get("int_1")
        await asyncio.sleep(0.05)
    assert len(server.received) == 1


async def test_a_session_with_a_credential_of_its_own_is_refused_before_anything_is_sent():
    async with misbehaving(answering(GOOD)) as server:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("user", "password"))
        async with session:
            async with connect(server, session=session) as client:
                with pytest.raises(ConfigurationError, match=r"^the session given .* auth= of its own"):
                    await integrations(client).sync_orders("int_1")
            async with connect(server, session=session, token=None, auth=HeaderAuth("X-Key", "k")) as client:
                await integrations(client).get("int_1")
    assert [received.method for received in server.received] == ["GET"]


async def test_an_address_that_nobody_can_have_was_never_asked():
    async with PackCloudClient(token=TOKEN, base_url="https://1.2.3.4.5", retry=RetryPolicy(attempts=1)) as client:
        with pytest.raises(TransportError) as caught:
            await integrations(client).sync_orders("int_1")
    assert (caught.value.maybe_sent, caught.value.repeatable) == (False, False)


async def test_closing_the_client_ends_what_is_under_way():
    async with talking(stalling(b"")) as (server, client):
        reading = asyncio.create_task(integrations(client).get("int_1"))
        await server.wait_for_requests(1)
        await client.aclose()
        await asyncio.wait([reading], timeout=5)
    assert type(reading.exception()) is ClientStateError


@pytest.mark.parametrize(
    ("limits", "peak"),
    [
        ({"limit": 0}, 15),
        ({"limit": 100}, 15),
        ({"limit": 2}, 2),
        ({"limit": 100, "limit_per_host": 1}, 1),
    ],
    ids=["no limit", "wide", "narrow", "narrow for a host"],
)
async def test_nobody_waits_in_the_pool_of_a_session_of_the_caller(limits, peak):
    impatient = Timeouts(connect=0.5, read=5)
    async with (
        misbehaving(answering_after(0.06)) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(**limits)) as session,
        connect(server, session=session, timeouts=impatient) as client,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(15):
            group.create_task(integrations(client).get("int_1"))
    assert server.peak == peak
    assert len(server.received) == 15
