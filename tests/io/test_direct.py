"""A request that goes past aiohttp's session is the request its session would send, and others go through it."""

import asyncio

import aiohttp
import pytest

from packcloud_async import ApiError, RateLimit, Request, RetryPolicy, Timeouts, TransportError
from packcloud_async._io import direct
from packcloud_async._io.transport import AiohttpTransport

from ..support.misbehaving_server import answer, answering, misbehaving
from .connecting import INTEGRATION, integrations, talking

pytestmark = pytest.mark.sockets

GOOD = answer(200, {"data": INTEGRATION})
REQUESTS = [
    Request("GET", "/v1/organizations/org_1/integrations", {"Accept": "application/json", "X-Key": "abc"}),
    Request("GET", "/v1/a%2Fb?cursor=x%20y&n=1", {"User-Agent": "test/1"}),
    Request("GET", "/", {}),
    Request("HEAD", "/v1", {"Authorization": "Bearer abc"}),
    Request("OPTIONS", "/v1", {}),
    Request("DELETE", "/v1/organizations/org_1/integrations/int_1", {"Accept": "application/json"}),
    Request("POST", "/v1/organizations/org_1/integrations/int_1/orders/sync", {"Accept": "application/json"}),
    Request("PUT", "/v1", {"accept-encoding": "identity"}),
    Request("GET", "/v1", {"user-agent": "a", "User-Agent": "b", "accept": "x", "Accept": "y"}),
    Request("PATCH", "/v1", {"host": "other.example", "user-agent": "x"}),
    Request("POST", "/v1", {"Accept": "application/json", "Content-Type": "application/json"}, b'{"name":"x"}'),
]


@pytest.fixture
def ways(monkeypatch):
    """Which way each request went: past the session or through it."""
    taken = []
    exchange, through = direct.Direct.exchange, AiohttpTransport._through

    async def counted_exchange(self, request):
        taken.append("direct")
        return await exchange(self, request)

    async def counted_through(self, session, request):
        taken.append("session")
        return await through(self, session, request)

    monkeypatch.setattr(direct.Direct, "exchange", counted_exchange)
    monkeypatch.setattr(AiohttpTransport, "_through", counted_through)
    return taken


async def heads_of(requests):
    """Send them over one transport; return what arrived, without the port."""
    heads = []

    async def keep(connection):
        while True:
            head = await connection.reader.readuntil(b"\r\n\r\n")
            lengths = [int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")]
            heads.append(head + await connection.reader.readexactly(sum(lengths)))
            await connection.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with misbehaving(keep) as server:
        transport = AiohttpTransport(Timeouts(), max_connections=1, body_limit=1000)
        for request in requests:
            url = server.base_url + request.url
            await transport.send(Request(request.method, url, request.headers, request.body))
        await transport.aclose()
        return [head.replace(str(server.port).encode(), b"PORT") for head in heads]


async def test_what_is_sent_is_the_same_byte_for_byte_either_way(monkeypatch, ways):
    past = await heads_of(REQUESTS)
    monkeypatch.setattr(direct, "_AIOHTTPS_OWN", None)
    through = await heads_of(REQUESTS)
    assert past == through
    # A body is written by aiohttp's own request.
    assert ways == ["direct"] * (len(REQUESTS) - 1) + ["session"] * (len(REQUESTS) + 1)


async def test_who_replaces_the_method_of_the_session_gets_every_request(monkeypatch, ways):
    seen = []
    own = aiohttp.ClientSession._request

    async def recorded(self, method, url, **options):
        seen.append((method, str(url)))
        return await own(self, method, url, **options)

    async with talking(answering(GOOD, GOOD, GOOD)) as (server, client):
        await integrations(client).get("int_1")
        with monkeypatch.context() as patched:
            patched.setattr(aiohttp.ClientSession, "_request", recorded)
            await integrations(client).get("int_2")
        await integrations(client).get("int_3")
        assert server.accepted == 1
    assert ways == ["direct", "session", "direct"]
    assert seen == [("GET", f"{server.base_url}/v1/organizations/org_1/integrations/int_2")]


async def test_who_traces_every_session_sees_every_request(monkeypatch, ways):
    ended = []

    async def note(session, context, told):
        ended.append(told.response.status)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_end.append(note)
    build = aiohttp.ClientSession.__init__

    def traced(self, *args, **options):
        build(self, *args, trace_configs=[tracing], **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", traced)
    async with talking(answering(GOOD, GOOD)) as (_, client):
        await integrations(client).get("int_1")
        await integrations(client).get("int_1")
    assert ways == ["session", "session"]
    assert ended == [200, 200]


async def test_a_session_of_the_callers_is_used_as_it_is(ways):
    async with aiohttp.ClientSession() as session, talking(answering(GOOD), session=session) as (_, client):
        await integrations(client).get("int_1")
    assert ways == ["session"]


@pytest.mark.parametrize(
    ("release", "is_known"),
    [("3.14.1", True), ("3.14.5", True), ("3.140.0", False), ("3.15.0", False), ("4.0.0", False)],
)
def test_releases_that_are_not_known_go_through_the_session(release, is_known):
    assert bool(direct.KNOWN_RELEASES.match(release)) is is_known


async def test_this_release_is_one_of_them():
    assert direct.KNOWN_RELEASES.match(aiohttp.__version__)
    assert not direct.stands_aside()


async def test_answers_that_only_announce_one_are_passed_over():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    async with talking(answering(hints + GOOD, GOOD)) as (server, client):
        for _ in range(2):
            assert (await integrations(client).get("int_1")).name == "Shop"
        assert server.accepted == 1


@pytest.mark.parametrize("late", [0.0, 0.12], ids=["at once", "after a while"])
async def test_an_announcement_begins_the_time_anew_and_does_not_end_it(late):
    """A tenth of the read limit is timed here and the rest by aiohttp, whose time ends with every announcement."""

    async def announce_and_be_silent(connection):
        await connection.request()
        await asyncio.sleep(late)
        await connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await connection.silence()

    timeouts = Timeouts(read=0.4, total=None)
    async with talking(announce_and_be_silent, timeouts=timeouts, retry=RetryPolicy(attempts=1)) as (_, client):
        async with asyncio.timeout(20):
            with pytest.raises(TransportError, match="Timeout on reading"):
                await integrations(client).get("int_1")


@pytest.mark.parametrize("url", ["/v1\r\nX-Other: 1", "/v1\0"], ids=["line break", "null"])
async def test_nothing_in_an_address_can_end_the_first_line(url, ways):
    async with misbehaving(answering(GOOD)) as server:
        transport = AiohttpTransport(Timeouts(), max_connections=1, body_limit=1000)
        with pytest.raises(ValueError, match="control character"):
            await transport.send(Request("GET", server.base_url + url, {"Accept": "application/json"}))
        await transport.aclose()
        assert server.received == []


async def test_an_answer_that_speaks_another_protocol_ends_its_connection():
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    async with talking(answering(switched), answering(GOOD)) as (server, client):
        with pytest.raises(ApiError, match="101"):
            await integrations(client).get("int_1")
        await integrations(client).get("int_1")
        assert server.accepted == 2


async def test_nothing_is_written_to_a_connection_that_is_being_closed(monkeypatch):
    connect = direct.Direct._connect

    async def closing(self, origin):
        connection = await connect(self, origin)
        connection.protocol.transport.close()
        return connection

    monkeypatch.setattr(direct.Direct, "_connect", closing)
    async with talking(answering(GOOD)) as (server, client):
        with pytest.raises(TransportError, match="Cannot write to closing transport"):
            await integrations(client).get("int_1")
        assert server.received == []


async def test_a_new_credential_has_a_head_of_its_own():
    class Turning:
        number = 0

        async def headers(self, *, refused):
            self.number += 1
            return {"Authorization": f"Bearer {self.number}"}

    async with talking(answering(GOOD, GOOD, GOOD), token=None, auth=Turning()) as (server, client):
        for _ in range(3):
            await integrations(client).get("int_1")
    assert [received.headers["authorization"] for received in server.received] == ["Bearer 1", "Bearer 2", "Bearer 3"]


async def test_what_a_server_said_of_keeping_a_connection_holds_either_way():
    """Past the session and through it there is one pool, so there is one memory of it."""
    brief = answer(200, {"data": INTEGRATION}, keep_alive="timeout=1")
    async with talking(answering(brief), answering(brief), answering(GOOD)) as (server, client):
        await integrations(client).get("int_1")
        await integrations(client).update("int_1", name="New")
        await integrations(client).get("int_1")
    assert [received.connection for received in server.received] == [1, 2, 3]


@pytest.mark.parametrize(
    ("owner", "name"),
    [(aiohttp.ClientSession, "request"), (aiohttp.ClientRequest, "send"), (aiohttp.ClientResponse, "start")],
)
async def test_who_replaces_another_part_is_heeded_too(monkeypatch, ways, owner, name):
    own = getattr(owner, name)

    def replaced(self, *given, **options):
        return own(self, *given, **options)

    monkeypatch.setattr(owner, name, replaced)
    async with talking(answering(GOOD)) as (_, client):
        await integrations(client).get("int_1")
    assert ways == ["session"]


async def test_a_limit_on_uvloop_loses_nothing():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed here")

    def play():
        async def calls():
            async with talking(*[answering(*[GOOD] * 60)] * 4, rate_limit=RateLimit(333), max_connections=4) as (
                _,
                client,
            ):
                async with asyncio.timeout(20):
                    await asyncio.gather(*(integrations(client).get("int_1") for _ in range(200)))
                assert client._pipeline.gate._used == 0

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(calls())

    await asyncio.to_thread(play)


async def test_who_takes_a_released_connection_at_once_keeps_its_own_time(monkeypatch):
    """A body whose end comes apart is released before its reader wakes: what begins there then is another's."""
    release = aiohttp.connector.Connection.release
    taken = []

    def released_and_taken(self):
        protocol = self.protocol
        release(self)
        taken.append(len(silences))
        silences.begin(protocol, asyncio.get_running_loop().time())

    async def in_two_pieces(connection):
        await connection.request()
        await connection.send(GOOD[:-5])
        await asyncio.sleep(0.05)
        await connection.send(GOOD[-5:])
        await connection.silence()

    async with talking(in_two_pieces) as (_, client):
        silences = client._pipeline.transport._silences
        monkeypatch.setattr(aiohttp.connector.Connection, "release", released_and_taken)
        await integrations(client).get("int_1")
        assert (taken, len(silences)) == ([0], 1)
