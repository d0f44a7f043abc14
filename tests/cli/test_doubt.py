"""Commands that change something say so when the server may have done it all the same."""

import asyncio
import os
import signal
import sys
from types import SimpleNamespace

import pytest
from attrs import evolve

from packcloud_async import ApiError, TransportError
from packcloud_async.__main__ import main
from packcloud_async._sansio.events import RetryDetails
from packcloud_async.cli.doubt import Doubt

from ..support.misbehaving_server import answer, answering, misbehaving, reset_after_reading, stalling

pytestmark = pytest.mark.sockets
MAYBE = "[the server may have done it: look before you repeat it]"
PLACE = "/v1/organizations/org_1/integrations"
CREATE = ["create", "org_1", "--name", "x", "--connector-id", "y"]
RUN_ACTION = ["run-action", "org_1", "int_1", "go"]
UPDATE = ["update", "org_1", "int_1", "--name", "x"]
DELETE = ["delete", "org_1", "int_1", "--yes"]
CHANGES = pytest.mark.parametrize("command", [CREATE, RUN_ACTION, UPDATE, DELETE], ids=lambda command: command[0])
READS = pytest.mark.parametrize(
    "command", [["get", "org_1", "int_1"], ["list", "org_1"]], ids=lambda command: command[0]
)
REFUSED = answer(422, {"message": "no"}, content_type="application/json")


@pytest.fixture
def packcloud(monkeypatch, capsys):
    async def run(server, command):
        monkeypatch.setenv("PACKCLOUD_TOKEN", "s3cret-token")
        monkeypatch.setenv("PACKCLOUD_BASE_URL", server.base_url)
        code = await asyncio.to_thread(main, ["integrations", *command])
        out, err = capsys.readouterr()
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "s3cret" not in err
        return err.rstrip()

    return run


@pytest.mark.parametrize("command", [CREATE, RUN_ACTION], ids=lambda command: command[0])
async def test_a_post_that_was_read_and_not_answered(packcloud, command):
    async with misbehaving(reset_after_reading) as server:
        told = await packcloud(server, command)
    assert told.startswith("Error: POST http")
    assert told.endswith(f" {MAYBE}")
    assert len(server.received) == 1


@pytest.mark.parametrize("command", [CREATE, RUN_ACTION, UPDATE], ids=lambda command: command[0])
async def test_a_change_whose_answer_makes_no_sense_names_its_call(packcloud, command):
    async with misbehaving(answering(answer(200, b"<html>made</html>", content_type="text/html"))) as server:
        told = await packcloud(server, command)
    sent = server.received[0]
    assert told == f"Error: {sent.method} {sent.target}: body is not JSON (17 bytes): DecodeError @ $ {MAYBE}"


@CHANGES
async def test_a_change_that_the_server_refused_is_in_no_doubt(packcloud, command):
    async with misbehaving(answering(REFUSED)) as server:
        assert "may have done" not in await packcloud(server, command)


async def test_a_change_that_was_never_sent_is_in_no_doubt(packcloud):
    async with misbehaving(reset_after_reading) as server:
        pass
    assert "may have done" not in await packcloud(server, CREATE)


async def test_a_refusal_does_not_settle_what_an_earlier_try_may_have_done(packcloud):
    async with misbehaving(reset_after_reading, answering(REFUSED)) as server:
        told = await packcloud(server, UPDATE)
    assert "422" in told
    assert told.endswith(f" {MAYBE}")


@READS
async def test_a_read_is_in_no_doubt_but_names_its_call(packcloud, command):
    async with misbehaving(answering(answer(200, b"<html>"))) as server:
        told = await packcloud(server, command)
    assert told == f"Error: GET {server.received[0].target}: body is not JSON (6 bytes): DecodeError @ $"


async def interrupted(server, command, *, requests):
    environment = os.environ | {"PACKCLOUD_TOKEN": "t", "PACKCLOUD_BASE_URL": server.base_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "_packcloud",
        "integrations",
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await server.wait_for_requests(requests)
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (process.returncode, out) == (130, b"")
    return err.decode()


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
@CHANGES
async def test_ctrl_c_while_a_change_is_under_way(heeded_interrupts, command):
    async with misbehaving(stalling(b"")) as server:
        told = await interrupted(server, command, requests=1)
    assert told == "Interrupted. The server may have done it: look before you repeat it.\n"


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
@READS
async def test_ctrl_c_while_a_read_is_under_way(heeded_interrupts, command):
    async with misbehaving(stalling(b"")) as server:
        assert await interrupted(server, command, requests=1) == "Interrupted.\n"


TURNED_AWAY = RetryDetails(
    operation="o",
    method="POST",
    path="/",
    attempt=1,
    wait=30,
    error=ApiError.kind_for(429)(status=429, method="POST", path="/"),
)
CUT_OFF = evolve(TURNED_AWAY, error=TransportError("no answer", maybe_sent=True))


@pytest.mark.parametrize(
    ("retries", "sent_since", "is_left"),
    [
        ([], 0, False),
        ([], 1, True),
        ([TURNED_AWAY], 0, False),
        ([TURNED_AWAY], 1, True),
        ([CUT_OFF], 0, True),
        ([CUT_OFF, TURNED_AWAY], 0, True),
    ],
    ids=["not sent", "sent", "turned away", "sent again", "cut off", "turned away after it was cut off"],
)
def test_what_is_known_while_it_is_under_way(retries, sent_since, is_left):
    client, doubt = SimpleNamespace(requests_sent=0), Doubt()
    doubt.concerns(client)
    for details in retries:
        client.requests_sent += 1
        doubt.retrying(details)
    client.requests_sent += sent_since
    assert doubt.while_under_way is is_left
