"""The gate and the retries on virtual time."""

import asyncio

import pytest

from packcloud_async._io.limiting import Gate


async def through(gate, log, name, seconds=1.0):
    async with gate.slot():
        log.append((name, asyncio.get_running_loop().time()))
        await asyncio.sleep(seconds)


async def test_so_many_at_once_and_first_come_first_served():
    gate, log = Gate(2), []
    async with asyncio.TaskGroup() as group:
        for name in "abcde":
            group.create_task(through(gate, log, name))
    assert log == [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)]


async def test_nobody_enters_while_it_is_closed_and_all_do_afterwards():
    gate, log = Gate(3), []
    gate.close_for(7)
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(through(gate, log, name))
    assert log == [("a", 7), ("b", 7), ("c", 7)]


async def test_who_is_inside_may_stay():
    gate, log = Gate(1), []
    async with gate.slot():
        gate.close_for(5)
    await through(gate, log, "next")
    assert log == [("next", 5)]


@pytest.mark.parametrize(
    ("wishes", "opens"),
    [([10, 3], 10), ([3, 10], 10), ([0], 0), ([10, 0], 10)],
    ids=["shorter later", "longer later", "none", "none later"],
)
async def test_a_shorter_wish_never_shortens_a_longer_one(wishes, opens):
    gate, log = Gate(1), []
    for wish in wishes:
        gate.close_for(wish)
    await through(gate, log, "a")
    assert log == [("a", opens)]


async def test_a_wish_made_while_others_wait_holds_for_them_too():
    gate, log = Gate(2), []
    gate.close_for(5)
    async with asyncio.TaskGroup() as group:
        group.create_task(through(gate, log, "a"))
        await asyncio.sleep(4)
        gate.close_for(6)
    assert log == [("a", 10)]


async def test_a_cancelled_waiter_takes_no_slot():
    gate, log = Gate(1), []
    inside = asyncio.create_task(through(gate, log, "a", 10))
    waiting = asyncio.create_task(through(gate, log, "b"))
    last = asyncio.create_task(through(gate, log, "c"))
    await asyncio.sleep(1)
    waiting.cancel()
    await asyncio.wait([inside, waiting, last])
    assert log == [("a", 0), ("c", 10)]


async def test_a_waiter_cancelled_before_the_closed_gate_gives_its_slot_back():
    gate, log = Gate(1), []
    gate.close_for(10)
    waiting = asyncio.create_task(through(gate, log, "a"))
    await asyncio.sleep(1)
    waiting.cancel()
    await through(gate, log, "b")
    assert log == [("b", 10)]
