"""Failures of TLS: nothing was sent, and an untrusted certificate does not get better.

``localhost.pem`` is a self-signed certificate for the name ``localhost`` with its key, valid from 2020 to 2119, made
with ``openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes`` and ``openssl ca -selfsign -startdate
20200101000000Z -enddate 21200101000000Z`` and these extensions: subjectAltName=DNS:localhost,
basicConstraints=critical,CA:TRUE, keyUsage=critical,digitalSignature,keyCertSign, subjectKeyIdentifier=hash.
"""

import ssl
from pathlib import Path

import aiohttp
import pytest

from packcloud_async import PackCloudClient, Timeouts, TransportError

from ..support.misbehaving_server import answer, answering, misbehaving
from .connecting import AT_ONCE, INTEGRATION, TOKEN, connect, integrations

pytestmark = pytest.mark.sockets

CERTIFICATE = Path(__file__).parent / "localhost.pem"
GOOD = answering(answer(200, {"data": INTEGRATION}))


def serving_tls():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


def trusting():
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=CERTIFICATE)))


async def failed_sync(base_url, **options):
    retries = []
    options = {"token": TOKEN, "retry": AT_ONCE, "on_retry": retries.append, **options}
    async with PackCloudClient(base_url=base_url, **options) as client:
        with pytest.raises(TransportError) as caught:
            await integrations(client).sync_orders("int_1")
    assert not caught.value.maybe_sent
    return caught.value, len(retries) + 1


async def answer_in_plain_text(connection):
    await connection.reader.read(1)
    await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def close_after_the_hello(connection):
    await connection.reader.read(1000)


async def reset_after_the_hello(connection):
    await connection.reader.read(1)
    connection.reset()


@pytest.mark.parametrize("play", [answer_in_plain_text, close_after_the_hello, reset_after_the_hello])
async def test_a_handshake_that_fails_sent_nothing_and_is_tried_again(play):
    async with misbehaving(play) as server:
        error, tries = await failed_sync(f"https://127.0.0.1:{server.port}")
    assert (error.repeatable, tries, server.accepted) == (True, 3, 3)


async def test_a_handshake_that_never_ends_is_a_connect_timeout():
    async def silent(connection):
        await connection.silence()

    async with misbehaving(silent) as server:
        error, tries = await failed_sync(f"https://127.0.0.1:{server.port}", timeouts=Timeouts(connect=0.1))
    assert tries == 3
    assert "Connection timeout" in str(error)


async def test_an_untrusted_certificate_is_not_tried_again():
    async with misbehaving(GOOD, tls=serving_tls()) as server:
        error, tries = await failed_sync(f"https://localhost:{server.port}")
    assert (error.repeatable, tries) == (False, 1)
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)
    assert server.received == []


async def test_a_certificate_for_another_name_is_not_tried_again():
    async with misbehaving(GOOD, tls=serving_tls()) as server, trusting() as session:
        error, tries = await failed_sync(server.base_url, session=session)
    assert (error.repeatable, tries) == (False, 1)
    assert "IP address mismatch" in str(error)
    assert server.received == []


async def test_another_certificate_than_the_pinned_one_is_not_tried_again():
    async with (
        misbehaving(GOOD, tls=serving_tls()) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=aiohttp.Fingerprint(b"x" * 32))) as session,
    ):
        error, tries = await failed_sync(server.base_url, session=session)
    assert (error.repeatable, tries) == (False, 1)
    assert server.received == []


async def test_a_trusted_certificate_carries_the_call():
    async with (
        misbehaving(GOOD, tls=serving_tls()) as server,
        trusting() as session,
        connect(server, base_url=f"https://localhost:{server.port}", session=session) as client,
    ):
        assert (await integrations(client).get("int_1")).id == "int_1"
    assert server.received[0].headers["host"] == f"localhost:{server.port}"
