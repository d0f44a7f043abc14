import asyncio
import os

import pytest

from .support.debugged import DebuggedLoop
from .support.jumping_loop import JumpingLoop
from .support.own_interpreter import is_one, run_alone


def pytest_configure(config):
    """No configuration of whoever runs the tests is in force, not in the processes they start either."""
    for name in ("CONFIG", "PROFILE", "RATE", "DEADLINE", "TOKEN", "TOKEN_FILE", "BASE_URL", "ROUTES"):
        os.environ.pop(f"PACKCLOUD_{name}", None)
    os.environ["XDG_CONFIG_HOME"] = os.devnull


def pytest_asyncio_loop_factories(config, item):
    """Virtual time everywhere, but for tests that open sockets."""
    if item.get_closest_marker("sockets"):
        return {"sockets": DebuggedLoop}
    return {"jumping": JumpingLoop}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("asyncio"):
            item.fixturenames.insert(0, "no_task_outlives_its_test")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if pyfuncitem.get_closest_marker("own_interpreter") and not is_one():
        run_alone(pyfuncitem.nodeid)
        return True
    return None


@pytest.fixture
async def no_task_outlives_its_test():
    before = asyncio.all_tasks()
    yield
    # A task that was cancelled or has just ended needs one turn of the loop to be gone.
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left
