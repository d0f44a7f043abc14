"""The emulator without sockets, on the suite's loop, whose time jumps."""

import asyncio
import contextlib
from typing import Any

import pytest

from packcloud_async._sansio.wire import Damage, Request
from packcloud_async.emulator import Emulator, FaultPlan, InMemoryTransport, SyncTimes
from packcloud_async.errors import ClientStateError, TransportError
from packcloud_async.models import SyncKind

from ..support.jumping_loop import JumpingLoop

ONE = "https://api.pack.cloud/v1/organizations/org_1/integrations/int_1"


def request(emulator: Emulator, method: str = "GET", url: str = ONE) -> Request:
    return Request(method, url, {"Authorization": f"Bearer {emulator.token}"})


async def watermark(emulator: Emulator, transport: InMemoryTransport) -> Any:
    document: Any = (await transport.send(request(emulator))).json()
    return document["data"]["order_sync_updated_at"]


async def test_an_hour_of_waiting() -> None:
    emulator = Emulator(sync_times=SyncTimes(median=3_600, spread=0), faults=FaultPlan(latency=10))
    transport = emulator.transport()
    before = await watermark(emulator, transport)
    await transport.send(request(emulator, "POST", f"{ONE}/orders/sync"))
    await asyncio.sleep(1_800)
    assert await watermark(emulator, transport) == before
    await asyncio.sleep(1_800)
    assert await watermark(emulator, transport) == "2026-01-01T01:00:10Z"
    assert emulator.books.moves("org_1", "int_1", SyncKind.ORDERS) == ((3_610.0, "2026-01-01T01:00:10Z"),)
    assert emulator.now == 3_630.0


def test_time_goes_on_where_it_stopped_on_another_loop() -> None:
    emulator = Emulator()

    async def main() -> float:
        transport = emulator.transport()
        await transport.send(request(emulator))
        await asyncio.sleep(100)
        await transport.send(request(emulator))
        return emulator.now

    ends: list[float] = []
    for _ in range(2):
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            ends.append(runner.run(main()))
    assert ends == [100.0, 200.0]


@pytest.mark.parametrize(
    ("fault", "maybe_sent", "accepted"),
    [
        ("refuse", False, 0),
        ("drop_before", True, 0),
        ("drop_after", True, 1),
        ("silent_before", True, 0),
        ("silent_after", True, 1),
        ("reset", True, 1),
    ],
)
async def test_a_kept_back_answer_is_a_transport_error(fault: str, maybe_sent: bool, accepted: int) -> None:
    emulator = Emulator(faults=FaultPlan(script=[fault]))
    with pytest.raises(TransportError) as caught:
        await emulator.transport().send(request(emulator, "POST", f"{ONE}/orders/sync"))
    assert caught.value.maybe_sent is maybe_sent
    assert len(emulator.books.runs) == accepted


@pytest.mark.parametrize(
    ("fault", "takes"), [("silent_before", 62.0), ("silent_after", 62.0), ("slow", 7.0), ("reset", 2.0)]
)
async def test_silence_and_slowness_take_their_time(fault: str, takes: float) -> None:
    plan = FaultPlan(script=[fault], latency=2, slowness=5)
    emulator = Emulator(faults=plan)
    began_at = asyncio.get_running_loop().time()
    with contextlib.suppress(TransportError):
        assert (await emulator.transport().send(request(emulator))).status == 200
    assert asyncio.get_running_loop().time() - began_at == pytest.approx(takes)
    assert emulator.began_at == pytest.approx(began_at)


async def test_a_cut_body_is_marked() -> None:
    emulator = Emulator(faults=FaultPlan(script=["truncate"]))
    transport = emulator.transport()
    cut, whole = [await transport.send(request(emulator)) for _ in range(2)]
    assert (cut.status, cut.damage) == (200, Damage.TRUNCATED)
    assert cut.body == whole.body[: len(whole.body) // 2]


async def test_the_most_requests_at_one_time() -> None:
    emulator = Emulator(faults=FaultPlan(latency=1))
    transport = emulator.transport()
    for concurrent in (3, 5, 2):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(concurrent):
                tasks.create_task(transport.send(request(emulator)))
    assert emulator.counters.peak_requests == 5


async def test_a_request_given_up_was_carried_out_and_is_no_longer_in_flight() -> None:
    emulator = Emulator(faults=FaultPlan(latency=60))
    transport = emulator.transport()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await transport.send(request(emulator, "POST", f"{ONE}/orders/sync"))
    assert len(emulator.books.runs) == 2
    assert emulator.counters.peak_requests == 1


async def test_a_closed_transport_sends_nothing() -> None:
    emulator = Emulator()
    transport = emulator.transport()
    await transport.aclose()
    await transport.aclose()
    with pytest.raises(ClientStateError):
        await transport.send(request(emulator))
    assert emulator.counters.total == 0


async def test_transports_share_the_state() -> None:
    emulator = Emulator()
    await emulator.transport().send(request(emulator, "DELETE"))
    assert (await emulator.transport().send(request(emulator))).status == 404


class TestEmulator:
    async def test_its_knobs(self) -> None:
        emulator = Emulator(
            extra_watermarks=[SyncKind.STOCKS],
            absent_watermarks={SyncKind.PRODUCTS},
            sync_times=SyncTimes(median=0, spread=0),
        )
        transport = emulator.transport()
        emulator.set_token("other")
        emulator.set_faults(FaultPlan(script=[None, 503]))
        document: Any = (await transport.send(request(emulator))).json()
        marks = {name for name in document["data"] if name.endswith("_sync_updated_at")}
        assert marks == {"order_sync_updated_at", "stock_sync_updated_at"}
        assert (await transport.send(request(emulator))).status == 503
        emulator.delete("org_1", "int_1")
        assert (await transport.send(request(emulator))).status == 404

    async def test_a_watermark_set_by_hand_is_seen_at_once(self) -> None:
        emulator = Emulator()
        transport = emulator.transport()
        emulator.set_watermark("org_1", "int_1", SyncKind.ORDERS, "2020-01-01T00:00:00Z")
        assert await watermark(emulator, transport) == "2020-01-01T00:00:00Z"

    @pytest.mark.parametrize(("moves", "takes", "ends"), [([(2.0, "x")], None, 2.0), ([], None, 0.0), ([], 9.0, 9.0)])
    async def test_a_planned_sync(self, moves: Any, takes: float | None, ends: float) -> None:
        emulator = Emulator()
        emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=moves, takes=takes)
        await emulator.transport().send(request(emulator, "POST", f"{ONE}/orders/sync"))
        (run,) = emulator.books.runs
        assert (run.moves, run.ends_at) == (tuple(moves), ends)

    def test_its_repr_and_its_organizations(self) -> None:
        emulator = Emulator(organizations=2, token="s3cret")
        assert repr(emulator) == "Emulator(organizations=2, integrations=4, seed=0)"
        assert emulator.organization_ids == ["org_1", "org_2"]
