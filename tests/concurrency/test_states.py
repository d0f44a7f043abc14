"""A client and a ledger where they cannot be used: another loop, after the close, before they are open."""

import asyncio
from contextlib import aclosing

import pytest

from packcloud_async import (
    AsyncSyncJob,
    ClientStateError,
    ConfigurationError,
    LedgerError,
    PackCloudClient,
    PollPolicy,
    SqliteLedger,
    SyncKind,
    read_ledger,
    read_path,
)
from packcloud_async.emulator import Emulator, FaultPlan

from ..support.ledgers import ORG_1, RUN, make
from ..support.leftovers import let_go_of_the_ended, tasks_left
from ..support.run_books import hold_against_books
from ..support.shop import STEADY, open_shop

ORDERS = SyncKind.ORDERS


async def get(client, _):
    await client.organization("org_1").integrations.get("int_1")


async def request(client, _):
    await client.request("GET", "/v1/organizations/org_1/integrations")


async def iterate(client, _):
    async for _ in client.organization("org_1").integrations.list():
        pass


async def probe(client, _):
    await read_path(client, "/v1/organizations/org_1/integrations")


async def sync(client, _):
    await client.organization("org_1").sync("int_1", ORDERS)


async def fire(client, _):
    await AsyncSyncJob(client, "org_1", "int_1", kinds={ORDERS}).fire()


async def events(client, _):
    async for _ in AsyncSyncJob(client, "org_1", "int_1", kinds={ORDERS}).events():
        pass


async def sync_many(client, path):
    async with client.sync_many(["org_1"], kinds={ORDERS}) as run:
        await first_error(run)


async def sync_many_with_a_ledger(client, path):
    async with client.sync_many(["org_1"], kinds={ORDERS}, ledger=SqliteLedger(path)) as run:
        await first_error(run)


async def first_error(run):
    async for result in run:
        if result.error is not None:
            raise result.error


USES = pytest.mark.parametrize(
    "use",
    [get, request, iterate, probe, sync, fire, events, sync_many, sync_many_with_a_ledger],
    ids=lambda use: use.__name__,
)


def a_client():
    emulator = Emulator()
    return PackCloudClient(token=emulator.token, transport=emulator.transport()), emulator


@USES
def test_on_a_second_loop_nothing_is_sent_and_the_error_says_what_to_do(use, tmp_path):
    client, emulator = a_client()
    asyncio.run(get(client, None))
    before = emulator.counters.total
    with pytest.raises(ClientStateError, match="event loop it was first used on; make one client for each loop"):
        asyncio.run(use(client, tmp_path / "run.sqlite"))
    assert emulator.counters.total == before


def test_closing_from_a_second_loop_leaves_the_first_alone():
    client, _ = a_client()
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(get(client, None))
        with pytest.raises(ClientStateError, match="event loop it was first used on"):
            second.run(client.aclose())
        first.run(get(client, None))
        first.run(client.aclose())


def test_it_can_be_closed_when_its_loop_is_gone():
    client, _ = a_client()
    asyncio.run(get(client, None))
    asyncio.run(client.aclose())


@USES
async def test_after_the_close_nothing_is_sent(use, tmp_path):
    client, emulator = a_client()
    await get(client, None)
    await client.aclose()
    before = emulator.counters.total
    with pytest.raises(ClientStateError, match="the client is closed"):
        await use(client, tmp_path / "run.sqlite")
    assert emulator.counters.total == before
    assert not (tmp_path / "run.sqlite").exists()


@USES
async def test_it_need_not_be_entered_to_be_used(use, tmp_path):
    client, emulator = a_client()
    await use(client, tmp_path / "run.sqlite")
    assert emulator.counters.total
    await client.aclose()


async def test_a_run_that_was_not_entered_is_not_iterated():
    async with open_shop() as shop:
        with pytest.raises(ConfigurationError, match="enter the run first"):
            await anext(shop.client.sync_many(["org_1"], kinds={ORDERS}))


class TestClosingWhileJobsRun:
    """Each of them ends, and says why."""

    @pytest.mark.parametrize("instant", [0.02, 0.07, 0.5, 1.02, 2.0])
    async def test_jobs_and_runs_in_every_phase(self, instant, tmp_path):
        async def awaited(job):
            with pytest.raises(ClientStateError, match="the client was closed|the client is closed"):
                await job
            return job.token

        async def collected(run):
            async with run:
                return [result async for result in run]

        path = tmp_path / "run.sqlite"
        async with open_shop(faults=FaultPlan(latency=0.05), organizations=3) as shop:
            client = shop.connect()
            kinds = {ORDERS, SyncKind.PRODUCTS}
            jobs = [
                asyncio.create_task(awaited(AsyncSyncJob(client, "org_1", f"int_{n}", kinds=kinds, poll=STEADY)))
                for n in (1, 2, 3)
            ]
            run = asyncio.create_task(collected(client.sync_many(["org_2"], kinds=kinds, poll=STEADY)))
            ledger = SqliteLedger(path)
            recorded = asyncio.create_task(
                collected(client.sync_many(["org_3"], kinds=kinds, poll=STEADY, ledger=ledger))
            )
            await asyncio.sleep(instant)
            await client.aclose()
            tokens = await asyncio.gather(*jobs)
            for results in (await run, await recorded):
                assert results
                assert {type(result.error) for result in results} == {ClientStateError}
            await let_go_of_the_ended()
            assert tasks_left() == []

            # Everything can be gone on with, and nothing is sent twice.
            for token in tokens:
                result = await AsyncSyncJob.resume(shop.client, token)
                assert result.error is None
            with read_ledger(path) as contents:
                assert (contents.is_held, contents.run.finished) == (False, None)
            results = await collected(shop.client.resume_many(SqliteLedger(path)))
            assert {result.error for result in results} == {None}
            verdict = hold_against_books(path, shop.emulator, ["org_3"], kinds=tuple(kinds), window=STEADY.deadline - 1)
            assert verdict.is_clean, verdict
            assert shop.emulator.counters.duplicate_posts == 0


class TestLedgers:
    async def test_before_it_is_open(self, tmp_path):
        ledger = SqliteLedger(tmp_path / "run.sqlite")
        for use in (ledger.flush, ledger.unfinished):
            with pytest.raises(LedgerError, match="it is not open"):
                await use()
        with pytest.raises(LedgerError, match="it is not open"):
            ledger.begin(RUN)
        await ledger.aclose()

    @pytest.mark.sockets
    def test_on_a_second_loop_it_can_only_be_closed(self, tmp_path):
        async def use(act):
            await act()

        path = tmp_path / "run.sqlite"
        asyncio.run(make(path))
        ledger = SqliteLedger(path)
        asyncio.run(ledger.open())
        for act in (
            ledger.flush,
            ledger.unfinished,
            ledger.open,
            lambda: asyncio.sleep(0, ledger.add_targets([ORG_1])),
        ):
            with pytest.raises(LedgerError, match="event loop it was first used on; make one ledger for each loop"):
                asyncio.run(use(act))
        asyncio.run(ledger.aclose())

        async def is_free():
            async with aclosing(SqliteLedger(path)) as again:
                return (await again.open()).poll

        assert asyncio.run(is_free()) == PollPolicy()

    @pytest.mark.sockets
    def test_closed_and_opened_again_it_belongs_to_the_loop_it_is_opened_on(self, tmp_path):
        ledger = SqliteLedger(tmp_path / "run.sqlite")

        async def open_and_close():
            async with aclosing(ledger):
                await ledger.open()
                await ledger.flush()

        asyncio.run(open_and_close())
        asyncio.run(open_and_close())
