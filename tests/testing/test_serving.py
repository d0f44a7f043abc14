"""An emulator in a thread, on a loopback port."""

import asyncio
import socket
import threading
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from packcloud_async import PackCloudClient
from packcloud_async.emulator import Emulator
from packcloud_async.testing import serving

pytestmark = pytest.mark.sockets


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "packcloud-emulator"]


def asked(served, token):
    """Ask without any event loop."""
    connection = HTTPConnection(urlsplit(served.base_url).netloc)
    connection.request("GET", "/v1/organizations/org_1/integrations", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_it_answers_without_an_event_loop():
    emulator = Emulator()
    with serving(emulator) as served:
        assert (served.emulator, served.token) == (emulator, emulator.token)
        assert (asked(served, served.token), asked(served, "another")) == (200, 401)
        assert emulator.counters.total == 2
    assert threads() == []


async def test_it_answers_a_test_that_blocks_its_loop():
    with serving(Emulator()) as served:
        assert asked(served, served.token) == 200
    assert threads() == []


async def test_a_client_can_be_made_of_its_environment(monkeypatch):
    with serving(Emulator()) as served:
        for name, value in served.environment.items():
            monkeypatch.setenv(name, value)
        async with PackCloudClient.from_env() as client:
            assert (await client.organization("org_1").integrations.get("int_1")).id == "int_1"


def test_a_token_that_changes_is_the_one_told():
    with serving(Emulator()) as served:
        served.emulator.set_token("new")
        assert served.environment["PACKCLOUD_TOKEN"] == "new"
        assert asked(served, served.token) == 200


def test_a_port_that_is_taken_is_an_error_where_the_block_begins():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(OSError, match="address already in use"):
            with serving(Emulator(), port=taken.getsockname()[1]):
                pytest.fail("it was entered")
    assert threads() == []


def test_an_error_in_the_block_ends_it():
    with pytest.raises(KeyboardInterrupt), serving(Emulator()):
        raise KeyboardInterrupt
    assert threads() == []


def test_clients_that_still_wait_are_hung_up_on():
    emulator = Emulator()
    with socket.socket() as waiting:
        with serving(emulator) as served:
            waiting.connect(("127.0.0.1", urlsplit(served.base_url).port))
            waiting.sendall(b"GET /v1/organizations/org_1/integrations HTTP/1.1\r\nHost: x\r\n")
            # Later connections are answered, so that this one is known to be there.
            assert asked(served, served.token) == 200
        assert waiting.recv(100) == b""


def test_two_at_once_are_two():
    one, other = Emulator(), Emulator(token="other")
    with serving(one) as first, serving(other) as second:
        assert first.base_url != second.base_url
        assert (asked(first, "other"), asked(second, "other")) == (401, 200)


def test_it_can_be_served_again():
    emulator = Emulator()
    for _ in range(2):
        with serving(emulator) as served:
            assert asked(served, served.token) == 200
    assert emulator.counters.total == 2


def test_no_loop_is_set_for_the_thread_that_asked():
    with serving(Emulator()):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
