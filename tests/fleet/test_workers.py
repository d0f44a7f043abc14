"""Workers that stop, die or lose touch, and a database that goes away: nothing is lost and nothing is sent twice."""

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from packcloud_async import ClientStateError, ConfigurationError, LedgerError, PollPolicy, SyncKind
from packcloud_async.emulator import FaultPlan

from .conftest import QUICK, until

pytestmark = pytest.mark.sockets

REPOSITORY = Path(__file__).parents[2]


def places(results):
    return Counter((one.organization_id, one.integration_id) for one in results)


async def test_a_worker_that_is_stopped_leaves_the_rest_to_another(make_yard):
    yard = make_yard(organizations=3, integrations=8, faults=FaultPlan(latency=0.05))
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(yard.emulator.organization_ids, kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet, concurrency=3, max_in_flight=2) as (worker,):
        await until(lambda: len(yard.emulator.books.runs) >= 6)
        worker.cancel()
        await asyncio.wait([worker])
        sent = len(yard.sent)
        begun = len(yard.emulator.books.runs)
        await asyncio.sleep(0.3)
        assert len(yard.sent) == sent
        assert begun < 24
    # Every answer was waited for: nothing is in doubt.
    tokens = [token for (token,) in await yard.query("SELECT token FROM packcloud_job")]
    assert sum('"accepted"' in token for token in tokens) == begun
    assert not any('"sent"' in token or '"in_doubt"' in token for token in tokens)
    async with yard.working(other):
        results = await yard.results_of(other, run_id)
    assert yard.judged(results) == ([], 0)
    assert len(results) == len(places(results)) == 24


async def test_who_was_given_up_can_send_nothing_more(make_yard):
    yard = make_yard(organizations=1, integrations=12, faults=FaultPlan(latency=0.1))
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet, max_in_flight=2):
        await until(lambda: len(yard.emulator.books.runs) >= 3)
        # As if the others had taken it for dead.
        await yard.query("UPDATE packcloud_target SET epoch = epoch + 1")
        begun = len(yard.emulator.books.runs)
        await asyncio.sleep(0.5)
        assert len(yard.emulator.books.runs) <= begun + 2
        async with yard.working(other):
            # Nobody goes on with it any more: the recovery finds it.
            results = await yard.results_of(other, run_id, within=40)
    assert yard.emulator.counters.duplicate_posts == 0
    assert len(results) == len(places(results)) == 12
    assert yard.judged(results, window=0)[0] == []


async def test_what_a_dead_worker_held_is_gone_on_with(make_yard):
    yard = make_yard(organizations=6, integrations=4, faults=FaultPlan(latency=0.05))
    fleet = await yard.fleet()
    async with yard.emulator.serve() as served:
        run_id = await yard.submit(yard.emulator.organization_ids, kinds={SyncKind.ORDERS, SyncKind.STOCKS}, poll=QUICK)
        # It is in the middle of it for most of a second.
        victim = await worker_process(yard, served.base_url, "1.5", "40")
        await until(lambda: len(yard.emulator.books.runs) >= 12)
        victim.kill()
        await victim.wait()
        begun = len(yard.emulator.books.runs)
        assert begun < 48
        async with yard.working(fleet):
            results = await yard.results_of(fleet, run_id, within=60)
    assert len(results) == len(places(results)) == 24
    assert yard.emulator.counters.duplicate_posts == 0
    # What was cut off while it was sent may have waited for its takeover for as long as its whole window.
    assert yard.judged(results, window=0)[0] == []


async def worker_process(yard, base_url, *more):
    arguments = (yard.dsn, base_url, yard.emulator.token, *more)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.fleet_worker", *arguments, cwd=REPOSITORY
    )
    yard.stack.push_async_callback(ended, process)
    return process


async def ended(process):
    """See to it that a process is over, also when its test failed."""
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_sigterm_stops_a_worker_in_good_order(make_yard):
    yard = make_yard(organizations=3, integrations=8, faults=FaultPlan(latency=0.05))
    fleet = await yard.fleet()
    async with yard.emulator.serve() as served:
        run_id = await yard.submit(yard.emulator.organization_ids, kinds={SyncKind.ORDERS}, poll=QUICK)
        worker = await worker_process(yard, served.base_url)
        await until(lambda: len(yard.emulator.books.runs) >= 4)
        worker.terminate()
        async with asyncio.timeout(10):
            assert await worker.wait() == 0
        tokens = [token for (token,) in await yard.query("SELECT token FROM packcloud_job")]
        assert not any('"sent"' in token or '"in_doubt"' in token for token in tokens)
        assert await yard.query("SELECT FROM procrastinate_jobs WHERE status = 'doing'") == []
        async with yard.working(fleet):
            results = await yard.results_of(fleet, run_id)
    assert yard.judged(results) == ([], 0)
    assert len(results) == 24


async def test_a_worker_puts_back_what_its_process_does_at_a_signal(make_yard):
    fleet = await make_yard().fleet()

    def ours(*_):
        pass

    before = signal.signal(signal.SIGTERM, ours)
    try:
        worker = asyncio.create_task(fleet.run_worker(stop_on=(signal.SIGTERM,)))
        async with asyncio.timeout(20):
            while signal.getsignal(signal.SIGTERM) is ours:  # noqa: ASYNC110 - a loop tells nobody
                await asyncio.sleep(0.01)
            signal.raise_signal(signal.SIGTERM)
            await worker
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_a_database_that_restarts_is_waited_for(make_yard, postgres):
    yard = make_yard(organizations=6, integrations=4, faults=FaultPlan(latency=0.05))
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(yard.emulator.organization_ids, kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet, other, concurrency=2):
        await until(lambda: len(yard.emulator.books.runs) >= 6)
        await asyncio.to_thread(postgres.restart)
        results = await results_after_all(yard, other, run_id)
    assert len(results) == len(places(results)) == 24
    assert yard.emulator.counters.duplicate_posts == 0
    assert yard.judged(results, window=0)[0] == []


async def results_after_all(yard, fleet, run_id):
    """Ask for results again and again while the database is away."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await yard.results_of(fleet, run_id, within=60)
            except LedgerError:
                await asyncio.sleep(0.1)


async def test_what_nobody_goes_on_with_is_begun_again(make_yard):
    yard = make_yard(organizations=2, integrations=2)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.ORDERS}, poll=QUICK)
    # As after an error of the program, or a hand in the tables.
    await yard.query("DELETE FROM procrastinate_jobs")
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id, within=40)
    assert yard.judged(results) == ([], 0)
    assert len(results) == 4


async def test_a_job_that_cannot_be_read_is_told_and_stops_no_other(make_yard):
    yard = make_yard(organizations=1, integrations=3)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet):
        await until(lambda: len(yard.emulator.books.runs) == 3)
        await asyncio.sleep(0.2)
        await yard.query("UPDATE packcloud_job SET token = '{}' WHERE integration_id = '\"int_2\"'")
        results = await yard.results_of(fleet, run_id)
    told = {one.integration_id: one for one in results}
    assert "job token" in str(told["int_2"].error)
    assert yard.judged([told["int_1"], told["int_3"]]) == ([], 0)


async def test_a_worker_needs_a_client_tables_and_the_right_server(make_yard, postgres, caplog):
    from packcloud_async import PackCloudClient
    from packcloud_async.fleet import Fleet

    yard = make_yard()
    async with Fleet(yard.dsn) as fleet:
        with pytest.raises(ConfigurationError, match="needs a client"):
            await fleet.run_worker()
    with pytest.raises(ClientStateError, match="not open"):
        await fleet.report("nightly")
    async with Fleet(postgres.database(), yard.client) as fleet:
        for ask in (fleet.run_worker(), fleet.submit(["org_1"], kinds={SyncKind.ORDERS}), fleet.report("nightly")):
            with pytest.raises(LedgerError, match="packcloud fleet init"):
                await ask
        await fleet.init()
        await fleet.init()
        assert await fleet.runs() == []
    here = await yard.fleet()
    run_id = await here.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=PollPolicy(first=0.1, deadline=0.3))
    elsewhere = Fleet(yard.dsn, lambda: PackCloudClient(token="t", base_url="https://elsewhere.example"))
    async with elsewhere, yard.working(elsewhere):
        await asyncio.sleep(1)
    # Nobody else would tell why the run stays where it is.
    assert f"run {run_id} was submitted for {yard.client().base_url}, and this worker's client is one of" in caplog.text
    assert (await here.report(run_id)).integrations == 0
    async with yard.working(here):
        assert len(await yard.results_of(here, run_id)) == 4


@pytest.mark.parametrize(
    ("dsn", "error", "told"),
    [
        ("postgresql://me:hush-hush@127.0.0.1:1/nowhere", LedgerError, "127.0.0.1:1/nowhere"),
        ("host=127.0.0.1 port=1 password=hush-hush", LedgerError, "127.0.0.1:1"),
        ("postgresql://me:hush-hush@[/", ConfigurationError, "no connection string"),
        ("", LedgerError, "localhost"),
    ],
)
async def test_a_database_that_cannot_be_used_is_named_without_its_password(dsn, error, told):
    from packcloud_async.fleet import Fleet, PostgresLedger

    with pytest.raises(error, match=told) as caught:
        async with Fleet(dsn, connect_within=0.5):
            pass
    with pytest.raises(error, match=told) as by_ledger:
        await PostgresLedger(dsn, "run_1").open()
    for one in (caught.value, by_ledger.value):
        seen = one
        while seen is not None:
            assert "hush-hush" not in f"{seen!r} {seen}"
            seen = seen.__cause__ or seen.__context__
