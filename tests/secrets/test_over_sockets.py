"""Requests that fail on real connections: no error has the frames of aiohttp, which hold headers and body."""

import asyncio
import logging

import aiohttp
import pytest

from packcloud_async import PackCloudClient, PackCloudError, RetryPolicy, Timeouts

from ..io.test_failures import LOST_ANSWERS, damaged_bodies
from ..io.test_tls import serving_tls
from ..support.misbehaving_server import answer, answering, misbehaving, saying, stalling
from . import canaries
from .hostile import CALLS

pytestmark = [pytest.mark.sockets, pytest.mark.usefixtures("everything_is_slow")]

IMPATIENT = Timeouts(connect=5, read=0.1, total=10)
RETRY = RetryPolicy(attempts=2, first=0)


async def fail(search, base_url, call="update", *, expected=PackCloudError, **options):
    """Make a call that fails, and search all that is shown of it."""
    options = {"token": canaries.TOKEN, "timeouts": IMPATIENT, "retry": RETRY, **options}
    client = PackCloudClient(
        base_url=base_url, allow_insecure=True, on_retry=lambda told: search.value("retry", told), **options
    )
    async with client:
        with pytest.raises(expected) as caught:
            await CALLS[call](client)
        search.error(call, caught.value)
        search.value("client", client)
        search.value("pipeline", client._pipeline)
    return caught.value


@pytest.mark.parametrize("play", (cases := LOST_ANSWERS | damaged_bodies(500)).values(), ids=cases)
async def test_an_answer_that_is_lost_or_damaged(search, play):
    async with misbehaving(play) as server:
        await fail(search, server.base_url)
    assert server.received or server.accepted


def echoing(shape):
    async def play(connection):
        head = await connection.reader.readuntil(b"\r\n\r\n")
        (credential,) = [line for line in head.split(b"\r\n") if canaries.TOKEN_WORD.encode() in line]
        await connection.send(shape(credential))

    return play


ECHOES = {
    "reason": lambda told: b"HTTP/1.1 500 " + told + b"\r\n\r\n",
    "status line": lambda told: told + b"\r\n\r\n",
    "header": lambda told: b"HTTP/1.1 500 No\r\n" + told + b"\r\nx-request-id: " + told + b"\r\n\r\n",
    "header that is none": lambda told: b"HTTP/1.1 500 No\r\n\x00" + told + b"\r\n\r\n",
    "name of a header": lambda told: b"HTTP/1.1 500 No\r\n" + told + b": 1\r\n" + told * 200 + b"\r\n\r\n",
    "Location": lambda told: b"HTTP/1.1 302 Found\r\nlocation: https://evil.example/" + told + b"\r\n\r\n",
    "length": lambda told: b"HTTP/1.1 200 OK\r\ncontent-length: " + told + b"\r\n\r\n",
    "coding": lambda told: b"HTTP/1.1 200 OK\r\ncontent-encoding: " + told + b"\r\n\r\n" + told,
    "coding that lies": lambda told: b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + told,
    "chunk": lambda told: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + told + b"\r\n",
    "charset": lambda told: b"HTTP/1.1 500 No\r\ncontent-type: text/html; charset=" + told + b"\r\n\r\n" + told,
    "cut body": lambda told: b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + told,
    "cookie": lambda told: b"HTTP/1.1 500 No\r\nset-cookie: a=" + told + b"; domain=" + told + b"\r\n\r\n",
}


@pytest.mark.parametrize("call", ["list", "update"])
@pytest.mark.parametrize("shape", ECHOES.values(), ids=ECHOES)
async def test_an_echo_in_what_is_no_body(search, shape, call):
    async with misbehaving(echoing(shape)) as server:
        await fail(search, server.base_url, call)


@pytest.fixture
async def nobody():
    async with misbehaving(saying(b"")) as server:
        pass
    return server.base_url


async def test_nobody_listens(search, nobody):
    error = await fail(search, nobody)
    assert type(error.__cause__).__name__ == "ForeignError"
    assert "ClientConnectorError" in str(error.__cause__)


async def test_a_proxy_with_a_password(search, nobody):
    proxy = nobody.replace("http://", f"http://user:{canaries.URL_WORD}@")
    async with aiohttp.ClientSession(proxy=proxy) as session:
        await fail(search, nobody, session=session)
    async with (
        misbehaving(saying(answer(407, canaries.TOKEN.encode()))) as server,
        aiohttp.ClientSession(proxy=server.base_url.replace("http://", f"http://user:{canaries.URL_WORD}@")) as session,
    ):
        await fail(search, "https://127.0.0.1:9", session=session)


async def test_an_untrusted_certificate(search):
    async with misbehaving(answering(answer()), tls=serving_tls()) as server:
        await fail(search, server.base_url)


@pytest.mark.parametrize("data", [b"", answer(200, b"x" * 9, content_length="99")], ids=["silence", "in the body"])
async def test_no_answer_in_time(search, data):
    async with misbehaving(stalling(data)) as server:
        await fail(search, server.base_url, timeouts=Timeouts(connect=5, read=None, total=0.1))


@pytest.mark.parametrize("data", [b"", answer(200, b"x" * 9, content_length="99")], ids=["silence", "in the body"])
async def test_a_cancelled_request(search, data):
    async with (
        misbehaving(stalling(data)) as server,
        PackCloudClient(token=canaries.TOKEN, base_url=server.base_url) as client,
    ):
        task = asyncio.create_task(CALLS["update"](client))
        await server.wait_for_requests(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        search.error("cancelled", caught.value)
        search.text("task", repr(task))


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, OSError])
async def test_a_session_of_the_callers_own_that_fails(search, kind):
    async def middleware(request, handler):
        raise kind("no")

    async def trace(session, context, parameters):
        raise kind("no")

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(trace)
    async with misbehaving(answering(answer())) as server:
        for options in ({"middlewares": [middleware]}, {"trace_configs": [tracing]}):
            async with aiohttp.ClientSession(**options) as session:
                await fail(search, server.base_url, session=session, expected=(PackCloudError, kind))


async def test_the_search_would_find_what_aiohttp_holds(search):
    """Without the cut, the frames of aiohttp would show the headers and the body."""
    async with misbehaving(saying(b"SSH")) as server, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.post(server.base_url, data=canaries.SETTING, headers={"Authorization": canaries.TOKEN})
    search.error("aiohttp", caught.value)
    found = canaries.leaks(search.shown)
    search.shown = [canaries.Seen("nothing", "")]
    search.logged.clear()
    for word in (canaries.TOKEN_WORD, canaries.SETTING_WORD):
        assert any(word.lower() in leak for leak in found)


async def test_log_records_are_searched(search):
    logging.getLogger("aiohttp.client").debug("sent %s", canaries.TOKEN)
    found = canaries.leaks([seen for record in search.logged for seen in [canaries.Seen("log", record.getMessage())]])
    search.logged.clear()
    search.text("nothing", "")
    assert found
