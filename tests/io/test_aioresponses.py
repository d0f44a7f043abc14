"""The session layer with aioresponses in place of the network."""

from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses

from packcloud_async import PackCloudClient, Request, Response, Timeouts, TransportError
from packcloud_async._io.transport import AiohttpTransport

from .connecting import AT_ONCE, INTEGRATION, TOKEN, integrations

BASE = "https://api.pack.cloud"
URL = f"{BASE}/v1/organizations/org_1/integrations/int_1"


class WithStreamWriter(aiohttp.ClientResponse):
    """aiohttp >= 3.14 requires ``stream_writer``, which aioresponses 0.7 does not give."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **{"stream_writer": Mock(output_size=0), **kwargs})


@pytest.fixture
def mocked(monkeypatch):
    monkeypatch.setattr("aioresponses.core.ClientResponse", WithStreamWriter)
    with aioresponses() as mocked:
        yield mocked


@pytest.fixture
async def transport():
    transport = AiohttpTransport(Timeouts(), max_connections=1, body_limit=1000)
    yield transport
    await transport.aclose()


async def test_an_answer_becomes_a_plain_value_with_lower_case_headers(mocked, transport):
    mocked.get(URL, status=418, body=b"short and stout", headers={"X-Request-ID": "r1", "Retry-After": "7"})
    answer = await transport.send(Request("GET", URL))
    headers = {"content-type": "application/json", "x-request-id": "r1", "retry-after": "7"}
    assert answer == Response(418, headers, b"short and stout")


async def test_what_is_sent_is_what_the_request_says(mocked, transport):
    mocked.put(URL, payload={})
    await transport.send(Request("PUT", URL, {"X-Key": "abc"}, b'{"name":"New"}'))
    ((call,),) = mocked.requests.values()
    assert call.kwargs["headers"] == {"X-Key": "abc"}
    assert call.kwargs["data"] == b'{"name":"New"}'
    assert call.kwargs["allow_redirects"] is False
    timeout = call.kwargs["timeout"]
    assert (timeout.total, timeout.connect, timeout.sock_connect, timeout.sock_read) == (None, 10, 10, 60)


KEY = aiohttp.client_reqrep.ConnectionKey("api.pack.cloud", 443, True, True, None, None, None)
REQUEST_INFO = aiohttp.RequestInfo(URL, "GET", {"Authorization": TOKEN}, URL)


@pytest.mark.parametrize(
    ("error", "maybe_sent", "repeatable"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), False, True),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(None, "no such name")), False, True),
        (aiohttp.ClientConnectorSSLError(KEY, OSError("wrong version")), False, True),
        (aiohttp.ClientConnectorCertificateError(KEY, ValueError("expired")), False, False),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "api.pack.cloud", 443), False, False),
        (aiohttp.ConnectionTimeoutError(), False, True),
        (aiohttp.SocketTimeoutError(), True, True),
        (aiohttp.ServerTimeoutError(), True, True),
        (TimeoutError(), True, True),
        (aiohttp.ServerDisconnectedError(), True, True),
        (aiohttp.ClientOSError(104, "reset"), True, True),
        (ConnectionResetError(104, "reset"), True, True),
        (BrokenPipeError(32, "broken pipe"), True, True),
        (aiohttp.ClientPayloadError(), True, True),
        (aiohttp.ClientResponseError(REQUEST_INFO, (), message=TOKEN), True, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_every_error_of_aiohttp_becomes_a_transport_error(mocked, transport, error, maybe_sent, repeatable):
    mocked.get(URL, exception=error)
    with pytest.raises(TransportError, match=r"^GET https://api\.pack\.cloud: no answer: .") as caught:
        await transport.send(Request("GET", f"{URL}"))
    assert (caught.value.maybe_sent, caught.value.repeatable) == (maybe_sent, repeatable)
    assert TOKEN not in f"{caught.value} {caught.value.__cause__!r}"


async def test_the_query_is_no_part_of_the_message(mocked, transport):
    mocked.get(f"{URL}?cursor=abc", exception=aiohttp.ClientConnectionError("gone"))
    with pytest.raises(TransportError) as caught:
        await transport.send(Request("GET", f"{URL}?cursor=abc"))
    assert str(caught.value) == "GET https://api.pack.cloud: no answer: gone"


async def test_a_client_on_it_tries_again(mocked):
    mocked.get(URL, exception=aiohttp.ServerDisconnectedError())
    mocked.get(URL, status=503)
    mocked.get(URL, payload={"data": INTEGRATION})
    async with PackCloudClient(token=TOKEN, retry=AT_ONCE) as client:
        assert (await integrations(client).get("int_1")).name == "Shop"
    assert client.requests_sent == 3
