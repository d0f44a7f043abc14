import asyncio
import gc
import threading
import warnings

import pytest

from .debugged import DebuggedLoop
from .jumping_loop import JumpingLoop
from .moments import MomentLoop


def run_in_a_thread(act):
    caught = []

    def run():
        try:
            act()
        except Exception as error:  # noqa: BLE001 - told to the test
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return caught


@pytest.mark.parametrize("make", [DebuggedLoop, JumpingLoop, MomentLoop])
def test_a_call_from_another_thread_is_an_error(make):
    async def call():
        loop = asyncio.get_running_loop()
        return run_in_a_thread(lambda: loop.call_soon(print))

    with asyncio.Runner(loop_factory=make, debug=False) as runner:
        (error,) = runner.run(call())
    assert "Non-thread-safe operation" in str(error)


async def test_the_tests_run_in_it():
    loop = asyncio.get_running_loop()
    assert "Non-thread-safe operation" in str(run_in_a_thread(lambda: loop.call_soon(print))[0])


@pytest.mark.sockets
async def test_the_tests_over_sockets_run_in_it():
    loop = asyncio.get_running_loop()
    assert "Non-thread-safe operation" in str(run_in_a_thread(lambda: loop.call_soon(print))[0])


async def test_a_coroutine_that_is_never_awaited_is_told():
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        asyncio.sleep(0)
        gc.collect()
    assert ["was never awaited" in str(warning.message) for warning in told] == [True]


def test_a_coroutine_is_no_callback():
    async def act():
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            asyncio.get_running_loop().call_soon(act)

    with asyncio.Runner(loop_factory=DebuggedLoop) as runner:
        runner.run(act())


def test_it_keeps_no_tracebacks():
    async def act():
        handle = asyncio.get_running_loop().call_soon(int)
        return handle._source_traceback, asyncio.get_running_loop().create_future()._source_traceback

    with asyncio.Runner(loop_factory=DebuggedLoop) as runner:
        assert runner.run(act()) == (None, None)
