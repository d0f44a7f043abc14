"""What becomes of a request when the network or the server fails: the error, ``maybe_sent``, and the second try."""

import asyncio
import contextlib
import gzip
import socket
import sys
import zlib

import aiohttp
import pytest

from packcloud_async import (
    ApiError,
    Conflict,
    InvalidResponse,
    PackCloudClient,
    RetryPolicy,
    ServerError,
    SyncAccepted,
    SyncKind,
    Timeouts,
    TransportError,
    ValidationFailed,
)

from ..support.jumping_loop import JumpingLoop
from ..support.misbehaving_server import (
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
from .connecting import AT_ONCE, INTEGRATION, ONCE, TOKEN, connect, integrations, talking

pytestmark = pytest.mark.sockets

GOOD = answer(200, {"data": INTEGRATION})
IMPATIENT = Timeouts(connect=5, read=0.2, total=10)

CHUNKED = b'HTTP/1.1 %d Whatever\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{"message": "Sto'
LOST_ANSWERS = {
    "reset before the request is read": reset_at_once,
    "closed before the request is read": close_at_once,
    "reset after the request is read": reset_after_reading,
    "closed after the request is read": close_after_reading,
    "silence": stalling(b""),
    "status line cut off": saying(b"HTTP/1.1 2"),
    "headers cut off": saying(b"HTTP/1.1 202 Accepted\r\ncontent-le"),
    "headers stall": stalling(b"HTTP/1.1 202 Accepted\r\ncontent-le"),
    "another protocol": saying(b"SSH-2.0-OpenSSH_9.7\r\n"),
    "noise": saying(bytes(range(256)) * 40),
    "a header that is none": saying(b"HTTP/1.1 200 OK\r\n\x00\x01: \xff\r\n\r\n"),
    "an endless header": saying(b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000 + b"\r\n\r\n"),
}


def damaged_bodies(status):
    """Status line and headers arrive whole, the body does not."""
    return {
        "closed after the headers": saying(answer(status, content_length="25")),
        "shorter than content-length": saying(answer(status, b'{"message": "Sto', content_length="25")),
        "chunks cut off": saying(CHUNKED % status),
        "stalls": stalling(answer(status, b'{"message": "Sto', content_length="25")),
        "not the gzip it says it is": saying(answer(status, b'{"message": "Stop"}', content_encoding="gzip")),
    }


def table(cases):
    return pytest.mark.parametrize("play", cases.values(), ids=cases.keys())


@table(LOST_ANSWERS | damaged_bodies(200))
async def test_a_read_without_a_whole_answer_is_a_transport_error_and_is_tried_again(play):
    retries = []
    async with talking(play, answering(GOOD), retry=AT_ONCE, timeouts=IMPATIENT, on_retry=retries.append) as (
        server,
        client,
    ):
        assert (await integrations(client).get("int_1")).name == "Shop"
    assert server.accepted == client.requests_sent == 2
    (retry,) = retries
    assert type(retry.error) is TransportError
    assert (retry.error.maybe_sent, retry.attempt) == (True, 1)


@table(LOST_ANSWERS)
async def test_a_sync_without_an_answer_may_have_started_and_is_never_sent_again(play):
    async with talking(play, answering(answer(202)), retry=AT_ONCE, timeouts=IMPATIENT) as (server, client):
        with pytest.raises(TransportError) as caught:
            await integrations(client).sync_orders("int_1")
    assert caught.value.maybe_sent
    assert server.accepted == client.requests_sent == 1


@table(damaged_bodies(202))
async def test_a_sync_is_accepted_whatever_becomes_of_the_body(play):
    async with talking(play, timeouts=IMPATIENT) as (_, client):
        assert await integrations(client).sync_stocks("int_1") == SyncAccepted(SyncKind.STOCKS, 202, None)


@table(damaged_bodies(201))
async def test_a_creation_may_have_happened_when_its_answer_is_damaged(play):
    async with talking(play, retry=AT_ONCE, timeouts=IMPATIENT) as (server, client):
        with pytest.raises(TransportError) as caught:
            await integrations(client).create(name="Shop", connector_id="con_1")
    assert caught.value.maybe_sent
    assert server.accepted == 1


@pytest.mark.parametrize("status", [409, 422, 500])
@pytest.mark.parametrize("damage", damaged_bodies(200))
async def test_a_refusal_stays_a_refusal_whatever_becomes_of_the_body(damage, status):
    kind = {409: Conflict, 422: ValidationFailed, 500: ServerError}[status]
    async with talking(damaged_bodies(status)[damage], timeouts=IMPATIENT) as (_, client):
        with pytest.raises(ApiError) as caught:
            await integrations(client).sync_orders("int_1")
    assert type(caught.value) is kind


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "PATCH", "HEAD"])
@table({"reset": reset_after_reading, "closed": close_after_reading})
async def test_one_attempt_is_one_request(play, method):
    """aiohttp sends again by itself what it takes for idempotent, unless it is kept from it."""
    async with talking(play) as (server, client):
        with pytest.raises(TransportError):
            await client.request(method, "/v1/anything")
    assert [received.method for received in server.received] == [method]


async def test_one_attempt_is_one_request_on_a_connection_that_was_used_before():
    async def drop_the_second(connection):
        await connection.request()
        await connection.send(GOOD)
        await connection.request()

    async with talking(drop_the_second, answering(GOOD)) as (server, client):
        await integrations(client).get("int_1")
        with pytest.raises(TransportError):
            await integrations(client).get("int_2")
        await integrations(client).get("int_3")
    assert [received.connection for received in server.received] == [1, 1, 2]


async def test_a_deletion_whose_answer_was_lost_is_done_when_the_integration_is_gone():
    async with talking(close_after_reading, answering(answer(404)), retry=AT_ONCE) as (server, client):
        await integrations(client).delete("int_1")
    assert [received.method for received in server.received] == ["DELETE", "DELETE"]


TOO_LARGE = {
    "content-length": answer(200, b"x" * 1001),
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"64\r\n%b\r\n" % (b"x" * 100) * 11,
    "until the end": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
    "endless": b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n" + b"x" * 1001,
    "gzip": answer(200, gzip.compress(b"x" * 1001), content_encoding="gzip"),
    "gzip bomb": answer(200, gzip.compress(b"x" * 20_000_000), content_encoding="gzip"),
    "deflate": answer(200, zlib.compress(b"x" * 1001), content_encoding="deflate"),
}


class TestTooLarge:
    """The limit is in bytes after decompression."""

    @pytest.mark.parametrize("body", TOO_LARGE.values(), ids=TOO_LARGE)
    async def test_a_body_beyond_the_limit_is_an_invalid_response_and_is_not_asked_for_again(self, body):
        async with talking(saying(body), retry=AT_ONCE, body_limit=1000) as (server, client):
            with pytest.raises(InvalidResponse, match="larger than the limit"):
                await integrations(client).get("int_1")
        assert server.accepted == 1

    async def test_a_body_of_just_the_limit_is_read(self):
        async with talking(answering(answer(200, b"x" * 1000)), body_limit=1000) as (_, client):
            assert (await client.request("GET", "/v1")).body == b"x" * 1000

    async def test_a_refusal_with_too_large_a_body_is_that_refusal(self):
        async with talking(saying(answer(409, b"x" * 5000)), body_limit=1000) as (_, client):
            with pytest.raises(Conflict):
                await integrations(client).sync_orders("int_1")

    async def test_a_sync_with_too_large_a_body_is_accepted(self):
        async with talking(saying(answer(200, b"x" * 5000)), body_limit=1000) as (_, client):
            assert (await integrations(client).sync_orders("int_1")).status == 200

    async def test_the_rest_is_not_waited_for_and_the_connection_is_not_used_again(self):
        unending = stalling(answer(200, b"x" * 1001, content_length="5000"))
        async with talking(unending, answering(GOOD), body_limit=1000) as (server, client):
            with pytest.raises(InvalidResponse):
                await integrations(client).get("int_1")
            assert (await integrations(client).get("int_1")).id == "int_1"
        assert server.accepted == 2


class TestTimeouts:
    async def test_the_total_covers_a_whole_attempt(self):
        async def trickle(connection):
            await connection.request()
            await connection.send(answer(200, content_length="999"))
            while True:
                await connection.send(b"x")
                await asyncio.sleep(0.01)

        async with talking(trickle, answering(GOOD), timeouts=Timeouts(read=5, total=0.1)) as (_, client):
            began = asyncio.get_running_loop().time()
            with pytest.raises(TransportError, match=r"no answer within 0\.1 seconds") as caught:
                await integrations(client).get("int_1")
            took = asyncio.get_running_loop().time() - began
            assert (await integrations(client).get("int_1")).id == "int_1"
        assert caught.value.maybe_sent
        assert 0.1 <= took < 2

    async def test_the_read_timeout_is_silence_and_not_the_whole_answer(self):
        async def slowly(connection):
            await connection.request()
            for position in range(0, len(GOOD), 25):
                await asyncio.sleep(0.05)
                await connection.send(GOOD[position : position + 25])

        async with talking(slowly, timeouts=Timeouts(read=0.6, total=None)) as (_, client):
            began = asyncio.get_running_loop().time()
            assert (await integrations(client).get("int_1")).id == "int_1"
        assert asyncio.get_running_loop().time() - began > 0.6

    async def test_none_waits(self):
        async def late(connection):
            await connection.request()
            await asyncio.sleep(0.2)
            await connection.send(GOOD)

        async with talking(late, timeouts=Timeouts(connect=None, read=None, total=None)) as (_, client):
            assert (await integrations(client).get("int_1")).id == "int_1"


class TestNeverSent:
    """The request certainly did not leave: even a sync is tried again."""

    async def failed_sync(self, **options):
        retries = []
        options = {"token": TOKEN, "retry": AT_ONCE, "on_retry": retries.append, **options}
        async with PackCloudClient(**options) as client:
            with pytest.raises(TransportError) as caught:
                await integrations(client).sync_orders("int_1")
        assert not caught.value.maybe_sent
        return caught.value, len(retries) + 1

    async def test_connection_refused(self):
        error, tries = await self.failed_sync(base_url=f"http://127.0.0.1:{closed_port()}")
        assert tries == 3
        assert "Connect call failed" in str(error)

    async def test_a_name_that_does_not_resolve(self):
        class NoNames(aiohttp.abc.AbstractResolver):
            async def resolve(self, host, port=0, family=socket.AF_UNSPEC):
                raise OSError(None, "no such name")

            async def close(self):
                pass

        connector = aiohttp.TCPConnector(resolver=NoNames())
        async with aiohttp.ClientSession(connector=connector) as session:
            error, tries = await self.failed_sync(base_url="https://api.pack.invalid", session=session)
        assert tries == 3
        assert "api.pack.invalid:443" in str(error)

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse when the backlog is full")
    @pytest.mark.parametrize(
        "timeouts",
        [Timeouts(connect=0.1), Timeouts(connect=5, total=0.2), Timeouts(connect=None, total=0.2)],
        ids=["its own limit", "a shorter total", "only a total"],
    )
    def test_a_connection_that_is_never_accepted(self, timeouts):
        # Nothing ever arrives, so that time may jump: which of two limits is over first is no matter of the machine.
        with full_backlog() as port, asyncio.Runner(loop_factory=JumpingLoop) as runner:
            error, tries = runner.run(
                self.failed_sync(
                    base_url=f"http://127.0.0.1:{port}",
                    timeouts=timeouts,
                    retry=RetryPolicy(attempts=2, first=0),
                )
            )
        assert tries == 2
        assert "Connection timeout" in str(error)

    async def test_a_sync_is_accepted_by_the_second_try(self):
        port = closed_port()
        serving = contextlib.AsyncExitStack()

        async def open_late():
            return await serving.enter_async_context(misbehaving(answering(answer(202)), port=port))

        opened = []

        def on_retry(details):
            opened.append(asyncio.ensure_future(open_late()))

        async with serving:
            retry = RetryPolicy(attempts=2, first=0.1)
            async with PackCloudClient(
                token=TOKEN, base_url=f"http://127.0.0.1:{port}", retry=retry, on_retry=on_retry
            ) as client:
                assert (await integrations(client).sync_orders("int_1")).status == 202
            assert len((await opened[0]).received) == 1


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@contextlib.contextmanager
def full_backlog():
    """A port that answers no connection request: its queue is full and nobody accepts."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


class TestRedirects:
    @pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_a_redirect_is_an_error_with_a_hint_and_nobody_goes_there(self, method, status):
        async with misbehaving(answering(GOOD)) as elsewhere:
            redirect = answer(status, location=f"{elsewhere.base_url}/v1/there")
            async with talking(answering(redirect), retry=AT_ONCE) as (server, client):
                with pytest.raises(ApiError, match=r"\[redirects are not followed; check the base URL\]") as caught:
                    await client.request(method, "/v1/here")
        assert type(caught.value) is ApiError
        assert caught.value.status == status
        assert elsewhere.accepted == 0
        assert server.targets == ["/v1/here"]

    async def test_a_redirect_on_the_same_host_is_not_followed_either(self):
        async with talking(answering(answer(302, location="/v1/there"), GOOD)) as (server, client):
            with pytest.raises(ApiError):
                await client.request("GET", "/v1/here")
        assert server.targets == ["/v1/here"]


async def test_a_caller_with_an_own_session_gets_the_same_errors_and_no_second_request():
    seen = []

    async def callers_middleware(request, handler):
        seen.append(request.method)
        return await handler(request)

    async with (
        misbehaving(close_after_reading, answering(GOOD)) as server,
        aiohttp.ClientSession(middlewares=(callers_middleware,), raise_for_status=True) as session,
        connect(server, session=session) as client,
    ):
        with pytest.raises(TransportError):
            await integrations(client).get("int_1")
        assert (await integrations(client).get("int_1")).id == "int_1"
    assert seen == ["GET", "GET"]
    assert server.accepted == 2


async def test_a_session_that_raises_for_a_status_changes_nothing():
    async with (
        misbehaving(answering(answer(409, {"message": "Running."}))) as server,
        aiohttp.ClientSession(raise_for_status=True) as session,
        connect(server, session=session) as client,
    ):
        with pytest.raises(Conflict, match=r"Running\."):
            await integrations(client).sync_orders("int_1")


@pytest.mark.parametrize(
    ("play", "told"),
    [
        (saying(answer(200, b"{", content_length="9")), "the connection ended in the middle of the body"),
        (stalling(answer(200, b"{", content_length="9")), "the body stopped arriving"),
    ],
    ids=["cut", "stalled"],
)
async def test_a_damaged_body_is_told_apart(play, told):
    async with talking(play, timeouts=IMPATIENT) as (_, client):
        with pytest.raises(TransportError, match=told):
            await integrations(client).get("int_1")


async def test_a_chunk_that_cannot_be_read_ends_the_body_also_where_nothing_bounds_it():
    async def bad_chunk(connection):
        await connection.request()
        await connection.send(answer_in_chunks(200, b'{"id": '))
        await connection.until_read()
        await connection.send(b"no size\r\n")
        await connection.silence()

    async with asyncio.timeout(10), talking(bad_chunk, timeouts=Timeouts(read=None, total=None)) as (_, client):
        with pytest.raises(TransportError, match="the connection ended in the middle of the body"):
            await integrations(client).get("int_1")
        assert (await integrations(client).sync_orders("int_1")).status == 200


async def test_a_status_counts_when_the_body_is_too_late():
    def endless(status):
        async def play(connection):
            await connection.request()
            await connection.send(answer_in_chunks(status, b'{"message": "Sto'))
            while True:
                await connection.send(b"1\r\n \r\n")
                await asyncio.sleep(0.01)

        return play

    soon = Timeouts(read=5, total=0.2)
    async with talking(endless(202), endless(409), timeouts=soon) as (_, client):
        assert (await integrations(client).sync_orders("int_1")).status == 202
        with pytest.raises(Conflict, match="Sto"):
            await integrations(client).sync_orders("int_1")
    async with talking(endless(200), timeouts=soon) as (_, client):
        with pytest.raises(TransportError, match=r"no answer within 0\.2 seconds") as caught:
            await integrations(client).get("int_1")
    assert caught.value.maybe_sent


async def test_a_caller_who_gives_up_in_the_body_is_cancelled_whatever_the_status_was():
    async with talking(stalling(answer_in_chunks(202, b"x"))) as (server, client):
        syncing = asyncio.create_task(integrations(client).sync_orders("int_1"))
        await server.wait_for_requests(1)
        await asyncio.sleep(0.01)
        syncing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await syncing


def answer_in_chunks(status, chunk):
    head = b"HTTP/1.1 %d Whatever\r\ntransfer-encoding: chunked\r\n\r\n" % status
    return head + b"%x\r\n%b\r\n" % (len(chunk), chunk)


async def test_a_cookie_is_not_kept():
    cookie = answer(200, {"data": INTEGRATION}, set_cookie="session=abc")
    async with misbehaving(answering(cookie)) as server:
        async with connect(server, base_url=f"http://localhost:{server.port}") as client:
            for _ in range(2):
                await integrations(client).get("int_1")
    assert ["cookie" in received.headers for received in server.received] == [False, False]


async def test_answers_that_are_odd_but_http_are_understood():
    pieces = [GOOD[position : position + 7] for position in range(0, len(GOOD), 7)]

    async def in_small_pieces(connection):
        await connection.request()
        for piece in pieces:
            await connection.send(piece)
            await asyncio.sleep(0)

    old = b"HTTP/1.0 200 OK\r\n\r\n" + GOOD.partition(b"\r\n\r\n")[2]
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + GOOD
    for play in (in_small_pieces, saying(old), saying(early)):
        async with talking(play, retry=ONCE) as (_, client):
            assert (await integrations(client).get("int_1")).id == "int_1"
