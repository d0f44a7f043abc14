import asyncio
import time

from .handle_times import TimedLoop


def spend(seconds):
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def longest_of(act):
    async def measured():
        loop = asyncio.get_running_loop()
        loop.begin()
        await act()
        await asyncio.sleep(0)
        return loop.longest()[0]

    with asyncio.Runner(loop_factory=TimedLoop) as runner:
        return runner.run(measured())


def test_the_longest_callback_is_found_and_sleeping_is_none():
    async def act():
        for seconds in (0.01, 0.05, 0.01):
            await asyncio.sleep(100)
            spend(seconds)

    assert 0.05 <= longest_of(act) < 0.07


def test_what_a_thread_or_a_server_does_is_not_counted():
    async def serve():
        spend(0.05)
        await asyncio.sleep(1)
        spend(0.05)
        return "answer"

    async def act():
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        await loop.run_in_executor(None, spend, 0.05)
        assert await loop.uncounted(serve()) == "answer"
        spend(0.01)

    assert 0.01 <= longest_of(act) < 0.05
