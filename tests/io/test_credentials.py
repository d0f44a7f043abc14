"""What a request says about who sends it, how a credential is renewed, and that no message ever quotes one."""

import asyncio
import logging
import re
import traceback

import pytest

from packcloud_async import (
    ApiError,
    BearerToken,
    ConfigurationError,
    HeaderAuth,
    InvalidResponse,
    PackCloudClient,
    PackCloudError,
    RetryPolicy,
    TransportError,
    Unauthorized,
)
from packcloud_async.emulator import Emulator, FaultPlan

from ..support.misbehaving_server import answer, answering, saying
from ..support.scripted_transport import ScriptedTransport, says
from .connecting import INTEGRATION, TOKEN, connect, integrations, talking

GOOD = says(200, {"data": INTEGRATION})


def client_of(*answers, **options):
    transport = ScriptedTransport(list(answers))
    return transport, PackCloudClient(**{"transport": transport, "retry": RetryPolicy(attempts=3), **options})


class Keys:
    """Gives one key until it is refused, then the next; an exception in place of a key is raised."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.asked = []

    async def headers(self, *, refused):
        self.asked.append(refused)
        if refused and len(self.keys) > 1:
            self.keys.pop(0)
        if isinstance(self.keys[0], BaseException):
            raise self.keys[0]
        return self.keys[0] if not isinstance(self.keys[0], str) else {"Authorization": f"Bearer {self.keys[0]}"}


class TestHeaders:
    async def test_every_request_says_who_sends_it_and_what_it_takes(self):
        transport, client = client_of(GOOD, token="abc")
        await integrations(client).get("int_1")
        (headers,) = transport.headers
        assert re.fullmatch(r"packcloud_async/\d+\.\d+\.\d+\S*", headers["User-Agent"])
        assert {name: value for name, value in headers.items() if name != "User-Agent"} == {
            "Accept": "application/json",
            "Authorization": "Bearer abc",
        }

    async def test_a_body_has_its_type(self):
        transport, client = client_of(GOOD, token="abc")
        await integrations(client).update("int_1", name="Zürich")
        (sent,) = transport.sent
        assert sent.request.headers["Content-Type"] == "application/json"
        assert sent.request.body == '{"name":"Zürich"}'.encode()

    async def test_any_header_may_carry_the_credential(self):
        transport, client = client_of(GOOD, auth=HeaderAuth("X-Api-Key", "abc"))
        await integrations(client).get("int_1")
        assert transport.headers[0]["X-Api-Key"] == "abc"
        assert "Authorization" not in transport.headers[0]

    async def test_an_auth_object_may_give_several_headers_or_none(self):
        for headers in ({"X-Key": "abc", "X-Tenant": "shop"}, {}):
            transport, client = client_of(GOOD, auth=Keys(headers))
            await integrations(client).get("int_1")
            assert transport.headers[0] == {**transport.headers[0], **headers}
            assert len(transport.headers[0]) == 2 + len(headers)

    @pytest.mark.sockets
    async def test_they_arrive(self):
        async with talking(answering(answer(202)), token=None, auth=HeaderAuth("X-Api-Key", "abc")) as (server, client):
            await integrations(client).sync_orders("int_1")
        (received,) = server.received
        assert {name: value for name, value in received.headers.items() if name not in ("host", "user-agent")} == {
            "accept": "application/json",
            "accept-encoding": received.headers["accept-encoding"],
            "content-length": "0",
            "x-api-key": "abc",
        }
        assert received.headers["user-agent"].startswith("packcloud_async/")


class TestRenewal:
    async def test_a_refused_credential_is_renewed_once_and_the_new_one_is_used(self):
        keys = Keys("old", "new")
        transport, client = client_of(401, GOOD, auth=keys)
        assert (await integrations(client).get("int_1")).id == "int_1"
        assert keys.asked == [False, True]
        assert [headers["Authorization"] for headers in transport.headers] == ["Bearer old", "Bearer new"]
        await integrations(client).get("int_1")
        assert keys.asked == [False, True, False]
        assert transport.headers[2]["Authorization"] == "Bearer new"

    async def test_the_same_credential_is_not_sent_again(self):
        keys = Keys("only")
        transport, client = client_of(401, GOOD, auth=keys)
        with pytest.raises(Unauthorized):
            await integrations(client).get("int_1")
        assert keys.asked == [False, True]
        assert len(transport.sent) == 1

    @pytest.mark.parametrize("auth", [BearerToken("abc"), HeaderAuth("X-Api-Key", "abc")], ids=str)
    async def test_the_fixed_ones_are_sent_once(self, auth):
        transport, client = client_of(401, auth=auth)
        with pytest.raises(Unauthorized):
            await integrations(client).get("int_1")
        assert len(transport.sent) == 1

    async def test_a_new_one_that_is_refused_too_is_the_end(self):
        keys = Keys("old", "new", "never asked for")
        transport, client = client_of(401, auth=keys)
        with pytest.raises(Unauthorized):
            await integrations(client).get("int_1")
        assert keys.asked == [False, True]
        assert len(transport.sent) == 2

    async def test_many_that_are_refused_at_once_renew_it_once(self):
        emulator = Emulator(token="new", faults=FaultPlan(latency=0.1))
        keys = Keys("old", "new", "too new")
        async with PackCloudClient(auth=keys, transport=emulator.transport()) as client:
            async with asyncio.TaskGroup() as group:
                for _ in range(20):
                    group.create_task(integrations(client).get("int_1"))
        assert keys.asked.count(True) == 1

    async def test_one_that_could_not_be_renewed_is_asked_for_again_the_next_time(self):
        emulator = Emulator(token="new")
        keys = Keys("old")
        async with PackCloudClient(auth=keys, transport=emulator.transport()) as client:
            with pytest.raises(Unauthorized):
                await integrations(client).get("int_1")
            keys.keys.append("new")
            await integrations(client).get("int_1")
        assert keys.asked == [False, True, False, True]

    async def test_a_sync_is_sent_again_too_because_it_was_refused(self):
        transport, client = client_of(401, 202, auth=Keys("old", "new"))
        assert (await integrations(client).sync_orders("int_1")).status == 202
        assert [sent.request.method for sent in transport.sent] == ["POST", "POST"]

    async def test_it_is_asked_before_every_attempt(self):
        keys = Keys("abc")
        _, client = client_of(500, 500, GOOD, auth=keys)
        await integrations(client).get("int_1")
        assert keys.asked == [False, False, False]

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
    async def test_other_refusals_do_not_renew(self, status):
        keys = Keys("old", "new")
        _, client = client_of(status, auth=keys)
        with pytest.raises(ApiError):
            await integrations(client).get("int_1")
        assert keys.asked == [False]


class TestBrokenAuth:
    async def test_a_foreign_error_is_a_transport_error_that_does_not_quote_it(self):
        broken = RuntimeError(f"vault said no to {TOKEN}")
        keys = Keys(broken)
        transport, client = client_of(GOOD, auth=keys)
        with pytest.raises(TransportError) as caught:
            await integrations(client).sync_orders("int_1")
        assert str(caught.value) == "the auth object could not give a credential: RuntimeError"
        assert TOKEN not in repr(caught.value)
        assert not caught.value.maybe_sent
        assert caught.value.__cause__ is broken
        assert keys.asked == [False, False, False]
        assert transport.sent == []

    async def test_it_may_recover(self):
        class Flaky:
            answers = iter([OSError("vault is down"), TimeoutError(), {"X-Key": "abc"}])

            async def headers(self, *, refused):
                answer = next(self.answers)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        transport, client = client_of(202, auth=Flaky())
        assert (await integrations(client).sync_orders("int_1")).status == 202
        assert len(transport.sent) == 1

    async def test_a_failed_renewal_is_a_transport_error(self):
        transport, client = client_of(401, GOOD, auth=Keys("old", OSError(TOKEN)), retry=RetryPolicy(attempts=1))
        with pytest.raises(TransportError) as caught:
            await integrations(client).get("int_1")
        assert not caught.value.maybe_sent
        assert TOKEN not in str(caught.value)
        assert len(transport.sent) == 1

    async def test_errors_of_this_package_pass_as_they_are(self):
        given = ConfigurationError("no key for this shop")
        _, client = client_of(GOOD, auth=Keys(given))
        with pytest.raises(ConfigurationError) as caught:
            await integrations(client).get("int_1")
        assert caught.value is given

    async def test_cancellation_passes(self):
        class Slow:
            async def headers(self, *, refused):
                await asyncio.sleep(1000)

        transport, client = client_of(GOOD, auth=Slow())
        asking = asyncio.create_task(integrations(client).get("int_1"))
        await asyncio.sleep(1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert transport.sent == []

    async def test_a_cancelled_renewal_that_others_share_is_a_failure_and_not_a_cancellation(self):
        transport, client = client_of(GOOD, auth=Keys(asyncio.CancelledError()))
        with pytest.raises(TransportError, match="was cancelled") as caught:
            await integrations(client).get("int_1")
        assert not caught.value.maybe_sent
        assert transport.sent == []

    async def test_an_error_of_a_client_of_its_own_says_nothing_about_this_request(self):
        auth = Keys(TransportError("dropped", maybe_sent=True))
        _, client = client_of(GOOD, auth=auth)
        result = await client.organization("org_1").sync_job(
            "int_1", "orders", baseline=await integrations(client_of(GOOD, token=TOKEN)[1]).get("int_1")
        )
        assert result["orders"].state == "rejected"

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Key": f"{TOKEN}\n"},
            {"X-Key": f"{TOKEN}\r\nX-Other: 1"},
            {"X-Key": f"{TOKEN}\x00"},
            {"X-Key": f"{TOKEN}é"},
            {"X-Key": ""},
            {"X-Key": None},
            {"X-Key": TOKEN.encode()},
            {"X\nKey": TOKEN},
            {None: TOKEN},
        ],
        ids=["line end", "second header", "NUL", "not ASCII", "empty", "None", "bytes", "name", "no name"],
    )
    async def test_what_cannot_stand_in_a_header_is_refused_without_quoting_it(self, headers):
        transport, client = client_of(GOOD, auth=Keys(headers))
        with pytest.raises(ConfigurationError) as caught:
            await integrations(client).get("int_1")
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        assert transport.sent == []

    @pytest.mark.parametrize("headers", [None, 7, [TOKEN]], ids=["None", "number", "list"])
    async def test_what_is_no_mapping_is_a_transport_error(self, headers):
        class Odd:
            async def headers(self, *, refused):
                return headers

        transport, client = client_of(GOOD, auth=Odd())
        with pytest.raises(TransportError) as caught:
            await integrations(client).get("int_1")
        assert TOKEN not in str(caught.value)
        assert not caught.value.maybe_sent
        assert transport.sent == []


def everything_shown(error, caplog):
    told = [str(error), repr(error), *traceback.format_exception(error), caplog.text]
    told += [repr(value) for record in caplog.records for value in vars(record).values()]
    while error is not None:
        told += [str(error), repr(vars(error)) if isinstance(error, PackCloudError) else ""]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(told)


def echoing(shape):
    """Answer with what was received, in the place of ``%b``."""

    async def play(connection):
        while True:
            head = await connection.reader.readuntil(b"\r\n\r\n")
            credential = b"Bearer " + TOKEN.encode()
            assert credential in head
            await connection.send(shape(head.strip(), credential))
            connection.writer.close()
            return

    return play


def with_body(status, body, *headers):
    length = b"content-length: %d" % len(body)
    return b"\r\n".join([b"HTTP/1.1 %d Odd" % status, length, *headers, b"", body])


ECHOES = {
    "body of a 400": lambda head, key: with_body(400, head),
    "body of a 401": lambda head, key: with_body(401, b'{"message": "unknown token %b"}' % key[7:]),
    "body of a 422": lambda head, key: with_body(422, b'{"message": "no", "errors": {"name": ["bad %b"]}}' % key),
    "body of a 500": lambda head, key: with_body(500, b"<pre>" + head + b"</pre>"),
    "body of a redirect": lambda head, key: with_body(302, key, b"location: https://x.invalid/?" + key[7:]),
    "name of a field": lambda head, key: with_body(422, b'{"message": "no", "errors": {"%b": ["bad"]}}' % key[7:]),
    "request id": lambda head, key: with_body(403, b"{}", b"x-request-id: " + key[7:]),
    "header": lambda head, key: with_body(403, b"{}", b"x-debug: " + key),
    "reason": lambda head, key: b"HTTP/1.1 403 " + key + b"\r\ncontent-length: 0\r\n\r\n",
    "body of a 200": lambda head, key: with_body(200, head),
    "wrong field of a 200": lambda head, key: with_body(200, b'{"data": {"id": ["%b"], "%b": 1}}' % (key, key)),
    "next link": lambda head, key: with_body(200, b'{"data": [], "links": {"next": "//x.invalid/%b"}}' % key[7:]),
    "cut body": lambda head, key: with_body(500, key)[:-3],
    "the request itself": lambda head, key: head + b"\r\n\r\n",
    "cut headers": lambda head, key: b"HTTP/1.1 200 OK\r\n" + head.partition(b"\r\n")[2] + b"\r\n",
    "broken header": lambda head, key: b"HTTP/1.1 200 OK\r\n" + key + b"\r\n\r\n",
    "broken header value": lambda head, key: b"HTTP/1.1 200 OK\r\nx: " + key + b"\x00\r\n\r\n",
    "broken status line": lambda head, key: b"HTTP/1.1 " + key + b"\r\n\r\n",
    "broken chunk": lambda head, key: b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + key + b"\r\n",
    "broken length": lambda head, key: b"HTTP/1.1 200 OK\r\ncontent-length: " + key + b"\r\n\r\n",
    "encoding": lambda head, key: with_body(200, b"{}", b"content-encoding: " + key[7:]),
    "cookie": lambda head, key: with_body(403, b"{}", b"set-cookie: k=" + key[7:]),
}


@pytest.mark.sockets
@pytest.mark.parametrize("shape", ECHOES.values(), ids=ECHOES)
async def test_no_credential_is_shown_when_the_server_echoes_it(shape, caplog):
    caplog.set_level(logging.DEBUG)
    retry = RetryPolicy(attempts=2, first=0)

    async def walk_and_read():
        listed = [integration async for integration in integrations(client).list()]
        return listed, await integrations(client).get("int_1")

    async with talking(echoing(shape), retry=retry) as (_, client):
        with pytest.raises((ApiError, TransportError, InvalidResponse)) as caught:
            await walk_and_read()
    assert TOKEN not in everything_shown(caught.value, caplog)
    assert TOKEN not in repr(client)


PASSWORD = "p4ssw0rd"


@pytest.mark.sockets
@pytest.mark.parametrize(
    "shape",
    [
        answer(422, {"message": f"{PASSWORD} is wrong", "errors": {"settings.key": [f"{PASSWORD} is wrong"]}}),
        answer(500, f"SQL error near '{PASSWORD}'".encode()),
        answer(400, {"data": {"settings": {"key": PASSWORD}}}),
        f"HTTP/1.1 {PASSWORD}\r\n\r\n".encode(),
    ],
    ids=["422", "500", "echo of the settings", "no HTTP"],
)
async def test_no_setting_is_shown_when_the_server_echoes_it(shape, caplog):
    caplog.set_level(logging.DEBUG)
    async with talking(saying(shape)) as (_, client):
        with pytest.raises(PackCloudError) as caught:
            await integrations(client).update("int_1", settings={"key": PASSWORD})
    assert PASSWORD not in everything_shown(caught.value, caplog)


@pytest.mark.sockets
async def test_no_credential_is_shown_when_nobody_listens(caplog):
    caplog.set_level(logging.DEBUG)
    async with talking(saying(b"")) as (server, _):
        pass
    async with connect(server) as client:
        with pytest.raises(TransportError) as caught:
            await integrations(client).get("int_1")
    assert TOKEN not in everything_shown(caught.value, caplog)
