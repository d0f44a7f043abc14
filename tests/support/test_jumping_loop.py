import asyncio
import threading
import time

import pytest

from .jumping_loop import JumpingLoop


def run(coroutine):
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)


def test_an_hour_takes_no_time_and_timers_fire_in_order():
    fired = []

    async def wait(seconds):
        await asyncio.sleep(seconds)
        fired.append((seconds, asyncio.get_running_loop().time()))

    async def main():
        async with asyncio.TaskGroup() as group:
            for seconds in (3600, 10, 30, 20):
                group.create_task(wait(seconds))

    began = time.monotonic()
    run(main())
    assert [seconds for seconds, _ in fired] == [10, 20, 30, 3600]
    assert fired[-1][1] == pytest.approx(3600)
    assert time.monotonic() - began < 5


def test_waiting_for_nothing_is_an_error_and_not_a_hang():
    async def main():
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will bring about"):
        run(main())


async def what_a_thread_does(loop):
    began_at = loop.time()
    async with asyncio.timeout(1):
        thread = await asyncio.to_thread(threading.get_ident)
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(None, lambda: 1 / 0)
    return thread, loop.time() - began_at


def test_the_work_of_a_thread_is_done_at_once_and_no_time_jumps_meanwhile():
    async def main():
        return await what_a_thread_does(asyncio.get_running_loop())

    assert run(main()) == (threading.get_ident(), 0.0)
