"""A fork of the process finds what its parent opened, and must not touch it."""

import asyncio
import multiprocessing
import os
import signal
from contextlib import aclosing

import pytest

from packcloud_async import AsyncSyncJob, PackCloudClient, PollPolicy, SqliteLedger, SyncKind
from packcloud_async.emulator import Emulator

from ..support.ledgers import INT_1, ORG_1, RUN
from .stage import PATIENCE

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system"),
    # The warning is about what is tested here.
    pytest.mark.filterwarnings("ignore:.*use of fork\\(\\) may lead to deadlocks:DeprecationWarning"),
]


def in_a_fork(act):
    """Run a coroutine function in a fork of this process, in a loop of its own; return what it raised."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            # One that waits for what never comes is killed, and tells nothing.
            signal.alarm(int(PATIENCE))
            os.write(writing, _told_by(act).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        said = told.read()
    os.waitpid(process, 0)
    return said


def _told_by(act):
    # As in a child that was started by a callback of the parent's loop.
    asyncio._set_running_loop(None)
    try:
        asyncio.run(act())
    except BaseException as error:  # noqa: BLE001 - all is told to the parent
        return f"{type(error).__name__}: {error}"
    return "done"


async def call(client):
    await client.organization("org_1").integrations.get("int_1")


async def iterate(client):
    async for _ in client.organization("org_1").integrations.list():
        pass


async def sync(client):
    await AsyncSyncJob(client, "org_1", "int_1", kinds={SyncKind.ORDERS})


async def sync_many(client):
    async with client.sync_many(["org_1"], kinds={SyncKind.ORDERS}) as run:
        async for result in run:
            raise result.error


async def close(client):
    await client.aclose()


@pytest.mark.sockets
@pytest.mark.parametrize("use", [call, iterate, sync, sync_many])
async def test_an_open_client_is_refused_in_a_fork_and_goes_on_where_it_was_opened(use):
    emulator = Emulator()
    async with (
        emulator.serve() as served,
        PackCloudClient(token=emulator.token, base_url=served.base_url) as client,
    ):
        await call(client)
        before = emulator.counters.total
        for _ in range(2):
            told = in_a_fork(lambda: use(client))
            assert told == (
                f"ClientStateError: the client belongs to process {os.getpid()}, of which this one is a fork; "
                "make one client for each process"
            )
        await call(client)
        assert emulator.counters.total == before + 1
        assert (emulator.counters.open_connections, emulator.counters.peak_connections) == (1, 1)


@pytest.mark.sockets
async def test_closing_in_a_fork_closes_nothing_of_the_parent():
    emulator = Emulator()
    async with (
        emulator.serve() as served,
        PackCloudClient(token=emulator.token, base_url=served.base_url) as client,
    ):
        await call(client)
        assert in_a_fork(lambda: close(client)) == "done"
        await call(client)
        assert (emulator.counters.open_connections, emulator.counters.peak_connections) == (1, 1)


@pytest.mark.sockets
async def test_a_client_that_was_not_used_yet_may_be_used_in_a_fork():
    client = PackCloudClient(token="t", transport=Emulator(token="t").transport())
    assert in_a_fork(lambda: call(client)) == "done"
    await call(client)
    await client.aclose()


def _exit_code_of(client):
    asyncio._set_running_loop(None)
    raise SystemExit(7 if "is a fork" in _told_by(lambda: call(client)) else 0)


@pytest.mark.sockets
async def test_multiprocessing_that_forks_is_no_different():
    emulator = Emulator()
    client = PackCloudClient(token=emulator.token, transport=emulator.transport())
    async with client:
        await call(client)
        process = multiprocessing.get_context("fork").Process(target=_exit_code_of, args=[client])
        process.start()
        process.join(PATIENCE)
        assert process.exitcode == 7


@pytest.mark.sockets
@pytest.mark.parametrize(
    "use",
    [
        lambda ledger: ledger.flush(),
        lambda ledger: ledger.unfinished(),
        lambda ledger: ledger.open(),
        lambda ledger: asyncio.sleep(0, ledger.add_targets([ORG_1])),
    ],
    ids=["flush", "unfinished", "open", "add_targets"],
)
async def test_an_open_ledger_is_refused_in_a_fork_and_goes_on_where_it_was_opened(use, tmp_path):
    async def used():
        await use(ledger)

    async with aclosing(SqliteLedger(tmp_path / "run.sqlite")) as ledger:
        await ledger.open()
        ledger.begin(RUN)
        told = in_a_fork(used)
        assert told.startswith("LedgerError: ledger ")
        assert f"the ledger belongs to process {os.getpid()}, of which this one is a fork" in told
        assert in_a_fork(ledger.aclose) == "done"
        (number,) = ledger.add_targets([ORG_1])
        ledger.add_jobs(number, [INT_1])
        await ledger.flush()
        assert [target.number for target in await ledger.unfinished()] == [number]
    async with aclosing(SqliteLedger(tmp_path / "run.sqlite")) as ledger:
        assert (await ledger.open()).poll == PollPolicy()


@pytest.mark.sockets
async def test_another_process_is_told_that_the_ledger_is_held_by_the_parent_of_a_fork(tmp_path):
    async def open_another():
        await SqliteLedger(tmp_path / "run.sqlite").open()

    async with aclosing(SqliteLedger(tmp_path / "run.sqlite")) as ledger:
        await ledger.open()
        assert in_a_fork(open_another).startswith(f"LedgerBusy: ledger {tmp_path / 'run.sqlite'}: held by process")
