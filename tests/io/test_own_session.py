"""What docs/howto-own-session.md shows, done: a proxy, a unix socket, an own authority, tracing."""

import asyncio
import re
import ssl
from pathlib import Path

import aiohttp
import pytest

from packcloud_async import TransportError

from ..support.misbehaving_server import MisbehavingServer, answer, answering, misbehaving, saying
from .connecting import AT_ONCE, INTEGRATION, connect, integrations

pytestmark = pytest.mark.sockets

PAGE = Path(__file__).parents[2] / "docs" / "howto-own-session.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
CERTIFICATE = Path(__file__).parent / "localhost.pem"
LIST = "/v1/organizations/org_1/integrations"
RETRYING = ("session=session", "session=session, retry=AT_ONCE")
GOOD = answering(answer(200, {"data": [INTEGRATION]}))


def shown(what, *, instead=("", "")):
    """The function that the page shows for something."""
    (block,) = [block for block in BLOCKS if what in block]
    found = {"AT_ONCE": AT_ONCE}
    exec(compile(block.replace(*instead), str(PAGE), "exec"), found)
    return found.get("names") or found["statuses"]


def serving_tls():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


async def carry(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def tunnel(connection):
    """Do what a proxy does for https: connect to where the client says, and carry bytes both ways."""
    request = await connection.request()
    assert request.method == "CONNECT"
    host, _, port = request.target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(carry(connection.reader, writer))
            group.create_task(carry(reader, connection.writer))
    finally:
        writer.close()


class TestProxy:
    def through(self, server):
        return shown("proxy=proxy", instead=('token="..."', f'token="...", base_url="{server}"'))

    async def test_plain_http_asks_the_proxy_for_the_whole_address(self):
        async with misbehaving(GOOD) as proxy:
            assert await self.through("http://127.0.0.1:9")(proxy.base_url) == ["Shop"]
        assert proxy.targets == [f"http://127.0.0.1:9{LIST}"]

    async def test_a_password_is_for_the_proxy_and_the_token_for_the_server(self):
        async with misbehaving(GOOD) as proxy:
            await self.through("http://127.0.0.1:9")(proxy.base_url.replace("//", "//user:word@"))
        (received,) = proxy.received
        assert received.headers["proxy-authorization"] == "Basic dXNlcjp3b3Jk"
        assert received.headers["authorization"] == "Bearer ..."

    async def test_https_goes_through_a_tunnel_that_sees_nothing(self):
        context = ssl.create_default_context(cafile=CERTIFICATE)
        async with misbehaving(GOOD, tls=serving_tls()) as server, misbehaving(tunnel) as proxy:
            base_url = f"https://localhost:{server.port}"
            async with (
                aiohttp.ClientSession(proxy=proxy.base_url, connector=aiohttp.TCPConnector(ssl=context)) as session,
                connect(server, base_url=base_url, session=session) as client,
            ):
                assert [one.id async for one in integrations(client).list()] == ["int_1"]
        assert proxy.targets == [f"localhost:{server.port}"]
        assert "authorization" not in proxy.received[0].headers
        assert server.received[0].headers["authorization"] == "Bearer s3cret-t0ken"

    async def test_the_one_of_the_environment_is_used_when_asked_to(self, monkeypatch):
        async with misbehaving(GOOD) as proxy:
            monkeypatch.setenv("http_proxy", proxy.base_url)
            async with aiohttp.ClientSession(trust_env=True) as session:
                async with connect(proxy, base_url="http://127.0.0.1:9", session=session) as client:
                    assert [one.id async for one in integrations(client).list()] == ["int_1"]
        assert proxy.targets == [f"http://127.0.0.1:9{LIST}"]

    async def test_one_that_refuses_kept_the_request_from_the_server(self):
        async with misbehaving(saying(answer(403, b"not here"))) as proxy:
            async with aiohttp.ClientSession(proxy=proxy.base_url) as session:
                async with connect(proxy, base_url="https://127.0.0.1:9", session=session, retry=AT_ONCE) as client:
                    with pytest.raises(TransportError, match="the proxy answered 403") as caught:
                        await integrations(client).sync_orders("int_1")
        assert not caught.value.maybe_sent

    async def test_one_that_is_not_there_is_asked_again(self):
        async with misbehaving(GOOD) as gone:
            pass
        async with aiohttp.ClientSession(proxy=gone.base_url) as session:
            async with connect(gone, base_url="http://127.0.0.1:9", session=session, retry=AT_ONCE) as client:
                with pytest.raises(TransportError) as caught:
                    await integrations(client).sync_orders("int_1")
                assert (caught.value.maybe_sent, client.requests_sent) == (False, 3)


class TestUnixSocket:
    async def test_a_gateway_on_one_is_asked(self, tmp_path):
        gateway, path = MisbehavingServer((GOOD,)), str(tmp_path / "gateway.sock")
        async with asyncio.TaskGroup() as group:

            def connected(reader, writer):
                group.create_task(gateway.play(reader, writer))

            async with await asyncio.start_unix_server(connected, path):
                assert await shown("UnixConnector")(path) == ["Shop"]
        assert gateway.targets == [LIST]
        assert gateway.received[0].headers["host"] == "localhost"

    async def test_one_that_is_not_there_sent_nothing(self, tmp_path):
        ask = shown("UnixConnector", instead=RETRYING)
        with pytest.raises(TransportError) as caught:
            await ask(str(tmp_path / "nothing.sock"))
        assert not caught.value.maybe_sent


class TestTls:
    async def test_an_authority_of_ones_own_is_trusted(self):
        async with misbehaving(GOOD, tls=serving_tls()) as server:
            assert await shown("cafile")(f"https://localhost:{server.port}", CERTIFICATE) == ["Shop"]


class TestTracing:
    async def test_every_request_is_shown(self):
        async with misbehaving(answering(answer(503), answer(200, {"data": INTEGRATION}))) as server:
            assert await shown("TraceConfig", instead=RETRYING)(server.base_url) == [("GET", 503), ("GET", 200)]

    async def test_a_sync_is_shown_too(self):
        seen = []

        async def note(session, context, told):
            seen.append((told.method, told.url.path))

        tracing = aiohttp.TraceConfig()
        tracing.on_request_start.append(note)
        async with misbehaving(answering(answer(202))) as server:
            async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
                async with connect(server, session=session) as client:
                    await integrations(client).sync_orders("int_1")
        assert seen == [("POST", f"{LIST}/int_1/orders/sync")]
