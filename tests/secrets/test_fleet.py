"""A fleet with canaries: what it shows, what stands in its database, and what is said when that cannot be used."""

import asyncio
from contextlib import aclosing

import pytest

from packcloud_async import ConfigurationError, LedgerError, PackCloudClient, PackCloudError, PollPolicy, SyncKind
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes

from . import canaries

pytest.importorskip("procrastinate", reason="the extra fleet")

import psycopg
from psycopg.conninfo import make_conninfo

from packcloud_async.fleet import Fleet, PostgresLedger

pytestmark = pytest.mark.sockets

POLL = PollPolicy(first=0.1, growth=1.5, ceiling=1, deadline=1.0)
SOON = SyncTimes(median=0.3, spread=0.2, distribution=Distribution.UNIFORM)


@pytest.fixture
def dsn(fleet_database):
    """The tests' own server asks for no password, and takes any."""
    return make_conninfo(fleet_database, password=canaries.URL_WORD)


async def everything_in(dsn):
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        tables = await connection.execute(
            "SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE '%\\_%'"
        )
        for (table,) in await tables.fetchall():
            async for (row,) in await connection.execute(f"SELECT row_to_json(one)::text FROM {table} AS one"):
                yield table, row


async def test_a_run_leaves_nothing_of_it_in_the_database(search, dsn):
    emulator = Emulator(organizations=2, integrations=2, token=canaries.TOKEN, sync_times=SOON)

    def client():
        return PackCloudClient(token=canaries.TOKEN, transport=emulator.transport())

    async with client() as shop:
        for number in (1, 2):
            organization = shop.organization(f"org_{number}")
            await organization.integrations.update("int_1", settings=canaries.settings())
    emulator.set_faults(FaultPlan(script=[None, 500, None, "bad_json", None, 429, 401]))
    async with Fleet(dsn, client) as fleet:
        search.value("fleet", fleet)
        run_id = await fleet.submit([*emulator.organization_ids, "org_9"], kinds=SyncKind, poll=POLL)
        working = asyncio.create_task(fleet.run_worker(stop_on=(), silent_for=3))
        async for result in fleet.results(run_id):
            search.value("result", result)
        working.cancel()
        await asyncio.wait([working])
        search.value("report", await fleet.report(run_id))
        for run in await fleet.runs():
            search.value("run", run)
    tables = set()
    async for table, row in everything_in(dsn):
        tables.add(table)
        search.text(table, row)
    assert {"packcloud_run", "packcloud_target", "packcloud_job", "procrastinate_periodic_defers"} <= tables
    assert search.logged


@pytest.mark.parametrize(
    "place", ["host=127.0.0.1 port=1", "host=nobody.invalid", "host=127.0.0.1 port=none", "nonsense"]
)
async def test_a_database_that_cannot_be_reached(search, place):
    dsn = f"{place} user=me password={canaries.URL_WORD}"
    for use in (_entered, _opened):
        with pytest.raises(PackCloudError) as caught:
            await use(dsn)
        assert isinstance(caught.value, LedgerError | ConfigurationError)
        search.error(place, caught.value)


async def _entered(dsn):
    async with Fleet(dsn, connect_within=1):
        pass


async def _opened(dsn):
    async with aclosing(PostgresLedger(dsn, "nightly")) as ledger:
        await ledger.open()


async def test_a_database_without_tables_and_one_that_goes_away(search, postgres):
    dsn = make_conninfo(postgres.database(), password=canaries.URL_WORD)
    async with Fleet(dsn, connect_within=1) as fleet:
        for ask in (fleet.runs(), fleet.report("nightly"), fleet.submit(["org_1"], kinds=SyncKind), fleet.cancel("x")):
            with pytest.raises(LedgerError) as caught:
                await ask
            search.error("no tables", caught.value)
        search.value("fleet", fleet)
        with pytest.raises(LedgerError) as caught:
            await _opened(dsn)
        search.error("ledger", caught.value)
        await fleet.init()
        postgres.restart()
        try:
            await fleet.runs()
        except LedgerError as error:
            search.error("away", error)
