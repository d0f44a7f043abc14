"""What docs/howto-fleet.md says of rights, of an app of one's own and of hooks."""

import asyncio
import logging
import re
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from psycopg.conninfo import make_conninfo

from packcloud_async import ConfigurationError, LedgerError, RetryPolicy, SyncKind
from packcloud_async.emulator import FaultPlan
from packcloud_async.fleet import Fleet, FleetHealth

from .conftest import QUICK, until

pytestmark = pytest.mark.sockets

PAGE = (Path(__file__).parents[2] / "docs" / "howto-fleet.md").read_text(encoding="utf-8")
KINDS = {SyncKind.ORDERS, SyncKind.STOCKS}


@pytest.fixture
async def dsns(postgres):
    """A new database with tables and the rights of the page: how each of its users connects."""
    (rights,) = re.findall(r"^```sql\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    before, after = rights.split("-- packcloud fleet init, as packcloud_owner, and then:\n")
    dsn = postgres.database()
    before = before.replace("DATABASE fleet", f"DATABASE {psycopg.conninfo.conninfo_to_dict(dsn)['dbname']}")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(before)
        dsns = {name: make_conninfo(dsn, user=f"packcloud_{name}") for name in ("owner", "worker", "reader")}
        async with Fleet(dsns["owner"]) as fleet:
            await fleet.init()
        async with await psycopg.AsyncConnection.connect(dsns["owner"], autocommit=True) as owning:
            await owning.execute(after)
        yield dsns
        await connection.execute(f"REASSIGN OWNED BY packcloud_owner TO {connection.info.user}")
        for name in ("owner", "worker", "reader"):
            await connection.execute(f"DROP OWNED BY packcloud_{name}; DROP ROLE packcloud_{name}")


async def test_each_user_has_the_rights_it_needs_and_no_more(make_yard, dsns):
    yard = make_yard(organizations=2, integrations=2)
    async with Fleet(dsns["worker"], yard.client) as worker, Fleet(dsns["reader"]) as reader:
        await worker.submit(["org_1", "org_2"], kinds=KINDS, poll=QUICK, run_id="nightly")
        async with yard.working(worker):
            results = await yard.results_of(reader, "nightly")
        assert yard.judged(results) == ([], 0)
        assert (await reader.report("nightly")).integrations == len(await reader.runs()) * 4
        for forbidden in (reader.forget("nightly"), reader.submit(["org_1"], kinds=KINDS), worker.init()):
            with pytest.raises(LedgerError, match="this user may not do that there"):
                await forbidden
        await worker.forget("nightly")
        # Statistics are only for who owns the tables, but in this one way.
        large = await worker.submit([f"org_{number}" for number in range(100)], kinds=KINDS)
        async with await psycopg.AsyncConnection.connect(dsns["worker"]) as connection:
            known = await connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'packcloud_target'")
            assert await known.fetchone() == (100,)
        await worker.cancel(large)


async def test_an_app_of_ones_own_works_beside_it(make_yard):
    yard = make_yard(organizations=2, integrations=2)
    app, sent = App(connector=PsycopgConnector(conninfo=yard.dsn)), []

    @app.task(name="send_mail", queue="mails")
    async def send_mail(organization_id):
        sent.append(organization_id)

    async with app.open_async():
        async with Fleet(app, yard.client) as fleet:
            await fleet.init()
            async with Fleet(yard.dsn) as submitting:
                run_id = await submitting.submit(["org_1", "org_2"], kinds=KINDS, poll=QUICK)
            await send_mail.defer_async(organization_id="org_1")
            async with yard.working(fleet):
                mailing = asyncio.create_task(app.run_worker_async(queues=["mails"], install_signal_handlers=False))
                async for result in fleet.results(run_id):
                    assert not result.failed
                    await send_mail.defer_async(organization_id=result.organization_id)
                await until(lambda: len(sent) == 5)
                mailing.cancel()
                await asyncio.wait([mailing])
        # It is the caller's, and still open.
        await send_mail.defer_async(organization_id="org_1")
    assert sorted(sent) == ["org_1", "org_1", "org_1", "org_2", "org_2"]


async def test_hooks_are_told_of_requests_and_ends_and_of_nothing_between(make_yard, caplog):
    yard, told = make_yard(organizations=1, integrations=2), []
    run_id = await yard.submit(["org_1"], kinds=KINDS, poll=QUICK)
    with caplog.at_level(logging.INFO):
        async with Fleet(yard.dsn, lambda: yard.client(hooks=[told.append])) as fleet, yard.working(fleet):
            results = await yard.results_of(fleet, run_id)
    names = Counter(type(event).__name__ for event in told)
    assert set(names) == {"RequestBegun", "RequestEnded", "JobEnded"}
    assert names["JobEnded"] == 2
    lines = [(record.name.partition(".")[0], record.getMessage()) for record in caplog.records]
    assert sum(name == "packcloud_async" and line.startswith("sync of org_1/int_") for name, line in lines) == 2
    # What the page says of its engine.
    triggers = [line for name, line in lines if name == "procrastinate" and "packcloud:trigger[" in line]
    assert len(triggers) == 2
    assert all("(run=1, target=1)" in line for line in triggers)
    assert len(results) == 2


async def test_a_reader_learns_whether_anybody_works(make_yard, dsns):
    yard = make_yard(organizations=2, integrations=2)
    async with Fleet(dsns["worker"], yard.client) as worker, Fleet(dsns["reader"]) as reader:
        await worker.submit(["org_1", "org_2"], kinds=KINDS, poll=QUICK, run_id="nightly")
        assert await reader.health() == FleetHealth(
            workers=0, runs=1, organizations_waiting=2, integrations_in_flight=0, paused_for=0.0
        )
        async with yard.working(worker):
            async with asyncio.timeout(20):
                while (health := await reader.health(silent_for=1.5)).integrations_in_flight < 4:
                    pass
            assert (health.workers, health.runs, health.organizations_waiting) == (1, 1, 0)
            await yard.results_of(reader, "nightly")
        async with await psycopg.AsyncConnection.connect(dsns["owner"], autocommit=True) as connection:
            # Of one that was killed.
            await connection.execute(
                "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 minute')"
            )
            await connection.execute("UPDATE packcloud_budget SET paused_until = now() + interval '1 hour'")
        health = await reader.health()
        assert (health.workers, health.runs, health.integrations_in_flight) == (0, 0, 0)
        assert 3500 < health.paused_for <= 3600
        assert (await reader.health(silent_for=120)).workers == 1
        with pytest.raises(ConfigurationError, match="silent_for"):
            await reader.health(silent_for=0)


async def test_a_worker_that_gets_few_connections_says_so_and_works(make_yard, dsns, caplog):
    yard = make_yard(organizations=8, integrations=2)
    await yard.query("ALTER ROLE packcloud_worker CONNECTION LIMIT 3")
    async with Fleet(dsns["worker"], yard.client) as worker, Fleet(dsns["owner"]) as owner:
        run_id = await owner.submit([f"org_{number}" for number in range(1, 9)], kinds=KINDS, poll=QUICK)
        async with yard.working(worker):
            results = await yard.results_of(owner, run_id)
            await until(lambda: "refused a connection: a worker takes up to eleven" in caplog.text)
    assert len(results) == 16
    assert yard.emulator.counters.duplicate_posts == 0
    assert caplog.text.count("refused a connection: a worker takes") == 1
    assert "waiting since" not in caplog.text


async def test_why_an_organization_could_not_be_started_stands_in_the_log(make_yard, caplog):
    yard = make_yard(organizations=1)
    yard.emulator.set_faults(FaultPlan(script=["refuse"]))
    run_id = await yard.submit(["org_1", "org_9"], kinds=KINDS, poll=QUICK)
    with caplog.at_level(logging.INFO, logger="packcloud_async"):
        async with Fleet(yard.dsn, lambda: yard.client(retry=RetryPolicy(attempts=1))) as fleet:
            # One after the other, so that it is the first one that is refused.
            async with yard.working(fleet, concurrency=1):
                results = await yard.results_of(fleet, run_id)
    assert {str(result.error) for result in results} == {
        "recorded in the run: TransportError",
        "recorded in the run: NotFound 404",
    }
    told = [record.getMessage() for record in caplog.records if "could not be started" in record.msg]
    assert len(told) == 2
    assert any(re.match(r"organization org_1 could not be started: .*refused", line) for line in told)
    assert any(re.match(r"organization org_9 could not be started: .*404", line) for line in told)
