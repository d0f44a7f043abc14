"""Times that are late, and waits that never end, on the loop whose time jumps; the rest is tests/support's."""

import asyncio
import math

import pytest

from packcloud_async.testing import VirtualTimeLoop


def run(coroutine):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(coroutine)


@pytest.mark.parametrize("seconds", [0.1, 86_400, 1e7, 2.0**24, 2.0**24 + 0.1, 365 * 86_400, 3e9])
def test_timers_fire_however_late_it_is(seconds):
    async def main():
        fired = []
        await asyncio.sleep(seconds)
        async with asyncio.TaskGroup() as group:
            for after in (0.003, 0.001, 0.002):
                loop = asyncio.get_running_loop()
                group.create_task(asyncio.sleep(after)).add_done_callback(lambda _, at=after: fired.append(at))
        return fired, loop.time()

    fired, ended = run(main())
    assert fired == [0.001, 0.002, 0.003]
    assert ended == pytest.approx(seconds + 0.003, abs=1e-6)


@pytest.mark.parametrize("forever", [math.inf, 1e300])
def test_a_wait_longer_than_a_century_is_an_error_and_not_a_hang(forever):
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        loop = runner.get_loop()
        with pytest.raises(RuntimeError, match="nothing will bring about"):
            runner.run(asyncio.sleep(forever))
        assert len(asyncio.all_tasks(loop)) == 1
    assert asyncio.all_tasks(loop) == set()


def test_what_is_ready_goes_first_and_costs_no_time():
    async def main():
        for _ in range(100):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert run(main()) == 0.0
