"""The client as an object: how it is built, what it belongs to, and what it leaves behind."""

import asyncio
import gc
import subprocess
import sys
import warnings

import aiohttp
import pytest

from packcloud_async import (
    BearerToken,
    ClientStateError,
    ConfigurationError,
    HeaderAuth,
    PackCloudClient,
    RetryPolicy,
    Routes,
    SyncKind,
    Timeouts,
    TransportError,
)
from packcloud_async._sansio import endpoints
from packcloud_async.emulator import Emulator

from .support.misbehaving_server import answer, answering, misbehaving, stalling
from .support.scripted_transport import ScriptedTransport, says

TOKEN = "s3cret-t0ken"


class TestBuilding:
    def test_nothing_is_opened_and_no_loop_is_needed(self):
        client = PackCloudClient(token=TOKEN)
        assert (client.base_url, client.routes, client.requests_sent) == ("https://api.pack.cloud", Routes(), 0)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "no token: give PackCloudClient"),
            ({"token": ""}, "no token: give PackCloudClient"),
            ({"token": TOKEN, "auth": BearerToken(TOKEN)}, "not both"),
            ({"token": f"{TOKEN}\n"}, "token holds"),
            ({"token": TOKEN, "session": object(), "transport": ScriptedTransport([])}, "not both"),
            ({"token": 7}, "token must be"),
            ({"token": TOKEN, "max_connections": 0}, "max_connections must be"),
            ({"token": TOKEN, "max_connections": 1.5}, "max_connections must be"),
            ({"token": TOKEN, "body_limit": 0}, "body_limit must be"),
            ({"token": TOKEN, "base_url": "http://api.pack.cloud"}, "unencrypted"),
            ({"token": TOKEN, "base_url": "api.pack.cloud"}, "base_url must"),
            ({"token": TOKEN, "base_url": "https://user:pass@api.pack.cloud"}, "base_url must"),
        ],
        ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
    )
    def test_unusable_values_are_refused_without_quoting_a_secret(self, options, message):
        with pytest.raises(ConfigurationError, match=message) as caught:
            PackCloudClient(**options)
        assert TOKEN not in str(caught.value)
        assert "pass" not in str(caught.value)

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("https://api.pack.cloud/", "https://api.pack.cloud"),
            ("https://gate.example/pack/", "https://gate.example/pack"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://[::1]:8000", "http://[::1]:8000"),
            ("http://localhost", "http://localhost"),
        ],
    )
    def test_a_base_url_has_no_slash_at_its_end(self, given, kept):
        assert PackCloudClient(token=TOKEN, base_url=given).base_url == kept

    async def test_a_base_url_without_encryption_on_request(self):
        transport = ScriptedTransport([says(200)])
        client = PackCloudClient(token=TOKEN, base_url="http://gate.example", allow_insecure=True, transport=transport)
        await client.request("GET", "/v1")
        assert transport.urls == ["http://gate.example/v1"]

    @pytest.mark.parametrize("options", [{"token": TOKEN}, {"auth": HeaderAuth("X-Key", TOKEN)}], ids=["token", "auth"])
    def test_no_repr_shows_the_credential(self, options):
        client = PackCloudClient(**options)
        told = [repr(client), repr(client.organization("org_1")), repr(options.get("auth"))]
        told += [repr(vars(client)), repr(client.organization("org_1").integrations.list())]
        assert TOKEN not in "".join(told)

    async def test_repr(self):
        client = PackCloudClient(token=TOKEN)
        assert repr(client) == "<PackCloudClient https://api.pack.cloud>"
        await client.aclose()
        assert repr(client) == "<PackCloudClient https://api.pack.cloud closed>"
        assert repr(client.organization("org_1")) == "Organization('org_1')"


class TestFromEnv:
    @pytest.fixture(autouse=True)
    def clean(self, monkeypatch):
        for name in ("PACKCLOUD_TOKEN", "PACKCLOUD_BASE_URL", "PACKCLOUD_ROUTES"):
            monkeypatch.delenv(name, raising=False)

    @pytest.mark.parametrize("token", [None, ""], ids=["missing", "empty"])
    def test_a_missing_token_is_named(self, monkeypatch, token):
        if token is not None:
            monkeypatch.setenv("PACKCLOUD_TOKEN", token)
        with pytest.raises(ConfigurationError, match="PACKCLOUD_TOKEN"):
            PackCloudClient.from_env()

    def test_a_token_with_a_line_end_is_not_quoted(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", f"{TOKEN}\n")
        with pytest.raises(ConfigurationError, match="token holds") as caught:
            PackCloudClient.from_env()
        assert TOKEN not in str(caught.value)

    @pytest.mark.parametrize("base_url", [None, ""], ids=["missing", "empty"])
    def test_the_token_is_enough(self, monkeypatch, base_url):
        monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
        if base_url is not None:
            monkeypatch.setenv("PACKCLOUD_BASE_URL", base_url)
        client = PackCloudClient.from_env()
        assert (client.base_url, client.routes) == ("https://api.pack.cloud", Routes())

    def test_a_base_url_that_would_show_the_token_is_refused(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("PACKCLOUD_BASE_URL", "http://api.pack.cloud")
        with pytest.raises(ConfigurationError, match="unencrypted"):
            PackCloudClient.from_env()

    @pytest.mark.sockets
    async def test_all_of_it_is_used(self, monkeypatch, tmp_path):
        routes = tmp_path / "routes.toml"
        routes.write_text('[routes]\nsync_orders = "/v2/{organizationId}/{integrationId}/go"\n')
        told = []
        async with misbehaving(answering(answer(429, retry_after="0"), answer(202))) as server:
            monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
            monkeypatch.setenv("PACKCLOUD_BASE_URL", server.base_url)
            monkeypatch.setenv("PACKCLOUD_ROUTES", str(routes))
            options = {"timeouts": Timeouts(total=5), "retry": RetryPolicy(attempts=2), "max_connections": 1}
            async with PackCloudClient.from_env(**options, on_retry=told.append) as client:
                await client.organization("org_1").integrations.sync_orders("int_1")
        assert server.targets == ["/v2/org_1/int_1/go"] * 2
        assert server.received[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert [details.wait for details in told] == [0]

    @pytest.mark.sockets
    async def test_timeouts_hold(self, monkeypatch):
        async with misbehaving(stalling(b"")) as server:
            monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
            monkeypatch.setenv("PACKCLOUD_BASE_URL", server.base_url)
            once = RetryPolicy(attempts=1)
            async with PackCloudClient.from_env(timeouts=Timeouts(total=0.1), retry=once) as client:
                with pytest.raises(TransportError, match=r"within 0\.1 seconds"):
                    await client.request("GET", "/v1")

    def test_the_number_of_connections_is_checked(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
        with pytest.raises(ConfigurationError, match="max_connections must be"):
            PackCloudClient.from_env(max_connections=0)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, r"PACKCLOUD_ROUTES names a file that cannot be read: .*routes\.toml"),
            (b"\xff\xfe", "PACKCLOUD_ROUTES names a file that cannot be read"),
            (b"routes = [", "not TOML"),
            (b"sync_orders = '/x'", r"one table, \[routes\]"),
            (b"[routes]\nsync_everything = '/x'", "sync_everything"),
            (b"[routes]\nsync_orders = '/x'", "placeholders"),
        ],
        ids=["missing", "not UTF-8", "not TOML", "no table", "unknown", "no placeholders"],
    )
    def test_a_routes_file_that_is_unusable_is_told(self, monkeypatch, tmp_path, content, message):
        routes = tmp_path / "routes.toml"
        if content is not None:
            routes.write_bytes(content)
        monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("PACKCLOUD_ROUTES", str(routes))
        with pytest.raises(ConfigurationError, match=message):
            PackCloudClient.from_env()


class TestClosing:
    async def test_a_closed_client_does_nothing(self):
        transport = ScriptedTransport([says(200)])
        async with PackCloudClient(token=TOKEN, transport=transport) as client:
            org = client.organization("org_1")
        with pytest.raises(ClientStateError, match="the client is closed"):
            await org.integrations.get("int_1")
        with pytest.raises(ClientStateError, match="the client is closed"):
            await client.request("GET", "/v1")
        with pytest.raises(ClientStateError, match="the client is closed"):
            await org.sync("int_1", SyncKind.ORDERS)
        with pytest.raises(ClientStateError, match="the client is closed"):
            client.sync_many(["org_1"])
        with pytest.raises(ClientStateError, match="the client is closed"):
            async with client:
                pass
        assert transport.sent == []

    async def test_closing_twice_does_nothing(self):
        transport = ScriptedTransport([says(200)])
        async with PackCloudClient(token=TOKEN, transport=transport) as client:
            await client.aclose()
        await client.aclose()
        assert transport.closings == 1

    async def test_a_client_that_was_never_used_can_be_closed(self):
        await PackCloudClient(token=TOKEN).aclose()

    async def test_an_error_in_the_block_closes_too(self):
        transport = ScriptedTransport([says(200)])
        with pytest.raises(LookupError):
            async with PackCloudClient(token=TOKEN, transport=transport):
                raise LookupError
        assert transport.closings == 1

    async def test_who_waits_for_a_turn_is_told(self):
        async def slow(request):
            await asyncio.sleep(10)
            return says(200)

        transport = ScriptedTransport([slow])
        client = PackCloudClient(token=TOKEN, transport=transport, max_connections=1)
        first, second = (asyncio.create_task(client.request("GET", "/v1")) for _ in range(2))
        await asyncio.sleep(5)
        await client.aclose()
        for call in (first, second):
            with pytest.raises(ClientStateError, match="was closed during GET /v1"):
                await call
        assert len(transport.sent) == 1

    async def test_a_request_that_is_about_to_leave_stays(self):
        recorded, told = asyncio.Event(), []

        class Recording:
            async def leaving(self):
                await recorded.wait()

            def harmless(self):
                told.append("harmless")

        transport = ScriptedTransport([says(202)])
        client = PackCloudClient(token=TOKEN, transport=transport)
        call = endpoints.sync(client.routes, "org_1", "int_1", SyncKind.ORDERS)
        posting = asyncio.create_task(client.call(call, observer=Recording()))
        await asyncio.sleep(1)
        closing = asyncio.create_task(client.aclose())
        # In the turn of the loop in which the client is closed.
        asyncio.get_running_loop().call_soon(recorded.set)
        await closing
        with pytest.raises(ClientStateError):
            await posting
        assert (transport.sent, client.requests_sent) == ([], 0)
        assert told == ["harmless"]

    @pytest.mark.sockets
    async def test_the_connections_of_an_own_session_end(self):
        ended = asyncio.Event()

        async def play(connection):
            await connection.request()
            await connection.send(answer(200))
            await connection.silence()
            ended.set()

        async with misbehaving(play) as server:
            async with PackCloudClient(token=TOKEN, base_url=server.base_url) as client:
                await client.request("GET", "/v1")
                assert not ended.is_set()
            async with asyncio.timeout(5):
                await ended.wait()

    @pytest.mark.sockets
    async def test_a_session_of_the_caller_stays_open(self):
        async with misbehaving(answering(answer(200, b"here"))) as server, aiohttp.ClientSession() as session:
            for _ in range(2):
                async with PackCloudClient(token=TOKEN, base_url=server.base_url, session=session) as client:
                    await client.request("GET", "/v1")
                assert not session.closed
            async with session.get(server.base_url) as response:
                assert await response.read() == b"here"
        assert server.accepted == 1

    @pytest.mark.sockets
    async def test_a_session_the_caller_closed_is_told(self):
        async with aiohttp.ClientSession() as session:
            pass
        async with PackCloudClient(token=TOKEN, base_url="http://127.0.0.1:9", session=session) as client:
            with pytest.raises(ClientStateError, match="the session given to the client is closed"):
                await client.request("GET", "/v1")

    @pytest.mark.sockets
    async def test_nothing_complains_about_an_unclosed_session(self):
        with warnings.catch_warnings(record=True) as complaints:
            warnings.simplefilter("always")
            async with misbehaving(answering(answer(200))) as server:
                client = PackCloudClient(token=TOKEN, base_url=server.base_url)
                async with asyncio.TaskGroup() as group:
                    for _ in range(10):
                        group.create_task(client.request("GET", "/v1"))
                await client.aclose()
            del client
            await asyncio.sleep(0)
            gc.collect()
        assert [str(complaint.message) for complaint in complaints] == []


@pytest.mark.sockets
async def test_a_connection_error_leaves_nothing_unclosed():
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        async with misbehaving(answering(answer(200))) as server:
            pass
        async with PackCloudClient(token=TOKEN, base_url=server.base_url, retry=RetryPolicy(attempts=1)) as client:
            with pytest.raises(TransportError):
                await client.request("GET", "/v1")
        del client
        gc.collect()
    assert [str(complaint.message) for complaint in complaints] == []


class TestLoops:
    """A client belongs to the loop it was first used on."""

    def test_it_may_be_built_before_there_is_a_loop(self):
        transport = ScriptedTransport([says(200)])
        client = PackCloudClient(token=TOKEN, transport=transport)
        assert asyncio.run(client.request("GET", "/v1")).status == 200

    def test_another_loop_is_refused_and_told_what_to_do(self):
        transport = ScriptedTransport([says(200)])
        client = PackCloudClient(token=TOKEN, transport=transport)
        asyncio.run(client.request("GET", "/v1"))
        with pytest.raises(ClientStateError, match="make one client for each loop"):
            asyncio.run(client.request("GET", "/v1"))
        assert len(transport.sent) == 1

    @pytest.mark.sockets
    def test_it_can_be_closed_from_another_loop(self):
        emulator = Emulator()

        async def use():
            async with emulator.serve() as address:
                client = PackCloudClient(token=emulator.token, base_url=address.base_url)
                await client.organization("org_1").integrations.get("int_1")
                return client

        client = asyncio.run(use())
        asyncio.run(client.aclose())
        assert repr(client).endswith(" closed>")


def test_importing_warns_of_nothing_and_needs_no_extra():
    code = (
        "import sys\n"
        "for name in ('click', 'rich', 'msgspec', 'pytest'):\n"
        "    sys.modules[name] = None\n"
        "import packcloud_async, packcloud_async.emulator\n"
        "print(packcloud_async.PackCloudClient(token='t'))"
    )
    told = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (told.stdout, told.stderr) == ("<PackCloudClient https://api.pack.cloud>\n", "")


def test_every_public_name_is_there():
    import packcloud_async

    assert len(set(packcloud_async.__all__)) == len(packcloud_async.__all__)
    assert [name for name in packcloud_async.__all__ if not hasattr(packcloud_async, name)] == []
