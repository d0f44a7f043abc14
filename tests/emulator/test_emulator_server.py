"""The emulator on real loopback sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from packcloud_async.emulator import Emulator, FaultPlan
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind

pytestmark = pytest.mark.sockets

ORG = "/v1/organizations/org_1"
ONE = f"{ORG}/integrations/int_1"


@asynccontextmanager
async def session_to(emulator: Emulator, **serve: Any) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {emulator.token}"}
    async with (
        emulator.serve(**serve) as served,
        aiohttp.ClientSession(served.base_url, headers=headers) as session,
    ):
        yield session


async def test_calls_over_the_wire() -> None:
    emulator = Emulator(per_page=3)
    async with session_to(emulator) as session:
        async with session.get(f"{ORG}/integrations") as response:
            listed = await response.json()
            assert response.headers["x-request-id"] == "req_1"
            assert response.headers.getall("date") == ["Thu, 01 Jan 2026 00:00:00 GMT"]
        async with session.get(listed["links"]["next"]) as response:
            assert [item["id"] for item in (await response.json())["data"]] == ["int_4"]
        async with session.post(f"{ORG}/integrations", json={"name": "N", "connector_id": "c"}) as response:
            assert (response.status, (await response.json())["data"]["id"]) == (201, "int_5")
        async with session.delete(ONE) as response:
            assert (response.status, await response.read()) == (204, b"")
        async with session.get(f"{ORG}/integrations/int_1%2Fsettings") as response:
            assert response.status == 404
    assert emulator.counters.by_route == {"integrations": 3, "integration": 2}


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /v1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer s3cret\x01\r\n\r\n",
        b"GET /v1?s3cret=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["a header", "a query"],
)
async def test_what_is_no_request_is_logged_in_a_line_without_what_was_sent(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with Emulator().serve() as served:
        host, port = served.base_url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        assert (await reader.readline()).split()[1] == b"400"
        writer.close()
        await writer.wait_closed()
    (record,) = caplog.records
    assert (record.name, record.levelname, record.exc_info) == ("aiohttp.server.packcloud_emulator", "WARNING", None)
    assert "a request that breaks the rules of HTTP" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_failure_of_its_own_is_logged_whole(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = Emulator()
    monkeypatch.setattr("packcloud_async.emulator.state.State.answer", lambda *_: 1 / 0)
    async with session_to(emulator) as session, session.get(ONE) as response:
        assert response.status == 500
    assert "ZeroDivisionError" in caplog.text


async def test_a_watermark_moves_in_real_time() -> None:
    emulator = Emulator()
    emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[(0.05, "moved")])
    async with session_to(emulator) as session:
        async with session.post(f"{ONE}/orders/sync") as response:
            assert response.status == 202
        async with asyncio.timeout(5):
            while True:
                async with session.get(ONE) as response:
                    if (await response.json())["data"]["order_sync_updated_at"] == "moved":
                        break
    assert emulator.now >= 0.05


@pytest.mark.parametrize(("fault", "accepted"), [("refuse", 0), ("drop_before", 0), ("drop_after", 1), ("truncate", 1)])
async def test_a_dropped_connection(fault: str, accepted: int) -> None:
    emulator = Emulator(faults=FaultPlan(script=[fault]))
    async with session_to(emulator) as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(f"{ONE}/orders/sync")
        assert len(emulator.books.runs) == accepted
        async with session.get(ONE) as response:
            assert response.status == 200


@pytest.mark.parametrize("integrations", [1, 2_000], ids=["small", "large"])
async def test_a_cut_body_begins_and_does_not_end(integrations: int) -> None:
    emulator = Emulator(integrations=integrations, per_page=integrations, faults=FaultPlan(script=["truncate"]))
    async with session_to(emulator) as session:
        async with session.get(f"{ORG}/integrations") as response:
            assert response.status == 200
            received = await response.content.readexactly(int(response.headers["content-length"]) // 2)
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.content.readany()
        async with session.get(f"{ORG}/integrations") as response:
            whole = await response.read()
    assert received == whole[: len(whole) // 2]


@pytest.mark.parametrize("path", [ONE, f"{ORG}/integrations"], ids=["small", "large"])
async def test_a_reset_body_begins_and_is_cut_off(path: str) -> None:
    emulator = Emulator(integrations=500, per_page=500, faults=FaultPlan(script=["reset"]))
    async with session_to(emulator) as session:
        with pytest.raises((aiohttp.ClientError, OSError)):
            async with session.get(path) as response:
                await response.read()
        async with session.get(ONE) as response:
            assert response.status == 200


async def test_a_reset_where_there_is_no_body_to_cut() -> None:
    emulator = Emulator(faults=FaultPlan(script=["reset"]))
    async with session_to(emulator) as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"{ONE}/orders/sync")
    assert len(emulator.books.runs) == 1


@pytest.mark.parametrize("fault", ["silent_before", "silent_after"])
async def test_a_silent_connection_ends_after_its_silence(fault: str) -> None:
    emulator = Emulator(faults=FaultPlan(script=[fault], silence=0.05))
    async with session_to(emulator) as session:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(f"{ONE}/orders/sync")
    assert emulator.now >= 0


@pytest.mark.parametrize("method", ["GET", "POST"], ids=["a body", "no body"])
async def test_a_slow_body_arrives_whole(method: str) -> None:
    emulator = Emulator(faults=FaultPlan(slow=1.0, slowness=0.05))
    pieces = []
    async with session_to(emulator) as session:
        path = ONE if method == "GET" else f"{ONE}/orders/sync"
        async with session.request(method, path) as response:
            pieces = [piece async for piece in response.content.iter_any()]
            assert sum(map(len, pieces)) == int(response.headers["content-length"])
    assert (len(pieces) > 1) is (method == "GET")


async def test_a_client_that_gives_up_a_slow_body_does_not_disturb_the_next() -> None:
    emulator = Emulator(faults=FaultPlan(script=["slow"], slowness=0.1))
    async with session_to(emulator) as session:
        with pytest.raises(TimeoutError):
            async with session.get(ONE, timeout=aiohttp.ClientTimeout(total=0.03)) as response:
                await response.read()
        async with session.get(ONE) as response:
            assert response.status == 200


@pytest.mark.parametrize("fault", ["truncate", "reset", "slow"])
async def test_a_client_that_goes_while_its_answer_begins_is_no_error(
    fault: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def closing(*_: Any) -> Any:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr("packcloud_async.emulator.server._begun", closing)
    emulator = Emulator(faults=FaultPlan(script=[fault]))
    async with session_to(emulator) as session, session.get(ONE):
        pass
    assert emulator.counters.total == 1
    assert caplog.text == ""


@pytest.mark.parametrize("plan", [FaultPlan(latency=60), FaultPlan(slow=1.0, slowness=60)], ids=["late", "slow"])
async def test_leaving_does_not_wait_for_slow_answers(plan: FaultPlan) -> None:
    emulator = Emulator(faults=plan)
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        async with emulator.serve() as served:
            waiting = tasks.create_task(answer_of(session, served.base_url + ONE))
            while not emulator.counters.total:  # noqa: ASYNC110 - a count has no event
                await asyncio.sleep(0.001)
            left_at = loop.time()
        assert loop.time() - left_at < 0.9
        assert await waiting in {"ServerDisconnectedError", "ClientPayloadError"}
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def answer_of(session: aiohttp.ClientSession, url: str) -> str:
    try:
        # A POST: the session itself repeats a GET whose connection was dropped.
        async with session.post(f"{url}/orders/sync") as response:
            await response.read()
            return str(response.status)
    except aiohttp.ClientError as error:
        return type(error).__name__


@pytest.mark.parametrize("fault", [None, "drop_after"])
async def test_a_client_that_gives_up_does_not_disturb_the_next(
    fault: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = Emulator(faults=FaultPlan(script=[fault], latency=0.05))
    async with session_to(emulator) as session:
        waiting = asyncio.create_task(session.post(f"{ONE}/orders/sync"))
        # A turn of the loop after it was acted on: the answer is not due before, however slow the machine is.
        while not emulator.books.runs:  # noqa: ASYNC110 - the books have no event
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with session.get(ONE) as response:
            assert response.status == 200
    assert len(emulator.books.runs) == 1
    assert caplog.text == ""


async def test_peaks() -> None:
    emulator = Emulator(faults=FaultPlan(latency=0.05))
    async with session_to(emulator) as session:
        for concurrent in (4, 2):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(concurrent):
                    tasks.create_task(answer_of(session, ONE))
    assert (emulator.counters.peak_requests, emulator.counters.peak_connections) == (4, 4)


async def test_connections_beyond_the_most_end_at_once() -> None:
    emulator = Emulator(faults=FaultPlan(latency=0.1))
    answers: list[str] = []
    async with session_to(emulator, max_connections=2) as session, asyncio.TaskGroup() as tasks:

        async def ask() -> None:
            answers.append(await answer_of(session, ONE))

        for _ in range(3):
            tasks.create_task(ask())
    assert sorted(answers)[:2] == ["202", "202"]
    assert answers[0] in {"ServerDisconnectedError", "ClientOSError", "ClientConnectionResetError"}
    assert (emulator.counters.peak_connections, emulator.counters.turned_away) == (2, 1)


@pytest.mark.parametrize("most", [0, -1])
def test_at_least_one_connection_is_allowed(most: int) -> None:
    with pytest.raises(ConfigurationError, match="max_connections"):
        Emulator().serve(max_connections=most)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
async def test_loopback_addresses(host: str) -> None:
    emulator = Emulator()
    async with session_to(emulator, host=host) as session:
        assert await answer_of(session, ONE) == "202"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
async def test_other_addresses_are_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        async with Emulator().serve(host):
            pass


async def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    emulator = Emulator()
    async with emulator.serve() as served:
        port = int(served.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"):
            async with emulator.serve(port=port):
                pass


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"GET {ONE} HTTP/1.1\r\nHost: pack.test:8080", 200),
        (f"GET http://pack.test{ONE} HTTP/1.1\r\nHost: pack.test", 200),
        (f"GET {ONE} HTTP/1.1\r\nHost: [", 400),
        (f"GET {ONE} HTTP/1.1\r\nHost: a\N{CARE OF}b", 400),
        (f"GET {ONE} HTTP/1.1\r\nHost: pack.test/elsewhere?#", 400),
        (f"PUT {ONE} HTTP/1.1\r\nHost: pack.test\r\nContent-Encoding: gzip\r\nContent-Length: 4", 400),
        ("GET //[ HTTP/1.1\r\nHost: pack.test", 404),
    ],
    ids=["plain", "absolute", "half-a-literal", "not-normal", "host-with-a-path", "not-gzip", "no-route"],
)
async def test_an_odd_request_is_answered_by_name(head: str, status: int) -> None:
    emulator = Emulator()
    async with emulator.serve() as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.base_url.rpartition(":")[2]))
        body = "none" if "Content-Length: 4" in head else ""
        writer.write(f"{head}\r\nAuthorization: Bearer {emulator.token}\r\n\r\n{body}".encode())
        first_line = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert first_line.split()[1] == str(status).encode()


async def test_a_page_is_there_when_it_is_asked_for_and_counts_for_nothing() -> None:
    emulator = Emulator()
    async with session_to(emulator, page=True) as session:
        async with session.get("/") as response:
            assert (response.status, response.content_type) == (200, "text/html")
        async with session.head("/_emulator/now.json") as response:
            assert (response.status, await response.read()) == (200, b"")
        async with session.get(ONE):
            pass
        async with session.get("/_emulator/now.json", headers={"Host": "localhost:1"}) as response:
            assert [one["status"] for one in (await response.json())["requests"]] == [200]
        async with session.get("/", headers={"Host": "rebound.example"}) as response:
            assert response.status == 403
        async with session.get("/", headers={"Host": "["}) as response:
            assert response.status == 400
        async with session.post("/") as response:
            assert response.status == 404
    assert emulator.counters.by_route == {"integration": 1, "unknown": 1}


async def test_without_a_page_there_is_none() -> None:
    async with session_to(Emulator()) as session, session.get("/") as response:
        assert response.status == 404
