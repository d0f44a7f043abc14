"""A run that is over can be deleted, and nothing of it is left; no other one can."""

import asyncio

import pytest

from packcloud_async import ConfigurationError, SyncKind
from packcloud_async.fleet import migrations
from packcloud_async.fleet.database import LedgerError

from .conftest import QUICK

pytestmark = pytest.mark.sockets

ROWS = "SELECT (SELECT count(*) FROM packcloud_run), (SELECT count(*) FROM packcloud_target), "
ROWS += "(SELECT count(*) FROM packcloud_job), (SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'packcloud' "
ROWS += "AND task_name <> 'packcloud:recover')"


async def test_nothing_of_it_is_left_and_its_name_is_free_again(make_yard):
    yard = make_yard(organizations=2, integrations=2)
    fleet = await yard.fleet()
    await fleet.submit(["org_1", "org_2"], kinds={SyncKind.STOCKS}, poll=QUICK, run_id="nightly")
    async with yard.working(fleet):
        await yard.results_of(fleet, "nightly")
    await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, run_id="other")
    assert await yard.query(ROWS) == [(2, 3, 4, 1)]
    await fleet.forget("nightly")
    assert await yard.query(ROWS) == [(1, 1, 0, 1)]
    with pytest.raises(ConfigurationError, match="there is no run 'nightly'"):
        await fleet.forget("nightly")
    assert [run.run_id for run in await fleet.runs()] == ["other"]
    assert await fleet.submit([], kinds={SyncKind.STOCKS}, run_id="nightly") == "nightly"


async def test_a_run_that_is_not_over_is_kept(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, run_id="nightly")
    with pytest.raises(ConfigurationError, match="'nightly' is not over; cancel it first"):
        await fleet.forget("nightly")
    assert (await fleet.report("nightly")).finished is False
    await fleet.cancel("nightly")
    await fleet.forget("nightly")
    assert await fleet.runs() == []


async def test_what_the_engine_kept_of_it_goes_too_and_nothing_of_others(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, run_id="nightly")
    await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, run_id="other")
    await yard.query("UPDATE procrastinate_jobs SET status = 'failed' WHERE queue_name = 'packcloud'")
    await yard.query(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status) "
        "SELECT 'mails', 'send', args, 'failed' FROM procrastinate_jobs LIMIT 1"
    )
    await fleet.cancel("nightly")
    await fleet.forget("nightly")
    assert await yard.query("SELECT queue_name FROM procrastinate_jobs ORDER BY id") == [("packcloud",), ("mails",)]


async def test_a_worker_that_comes_late_finds_nothing_and_goes_on(make_yard):
    yard = make_yard(organizations=2, integrations=1)
    fleet = await yard.fleet()
    await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, run_id="nightly")
    waiting = await yard.query("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
    await fleet.cancel("nightly")
    await fleet.forget("nightly")
    await fleet.submit(["org_2"], kinds={SyncKind.STOCKS}, poll=QUICK, run_id="other")
    async with yard.working(fleet):
        (result,) = await yard.results_of(fleet, "other")
    assert (waiting, result.organization_id) == ([(1,)], "org_2")
    assert {run.organization_id for run in yard.emulator.books.runs} == {"org_2"}
    assert await yard.query("SELECT FROM procrastinate_jobs WHERE args ->> 'run' = '1'") == []


async def test_who_reads_the_results_meanwhile_is_told(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit(["org_unknown", "org_1"], kinds={SyncKind.STOCKS}, run_id="nightly")
    await yard.query("UPDATE packcloud_target SET state = 'failed', settled_by = pg_current_xact_id() WHERE number = 1")
    results = fleet.results("nightly")
    assert (await anext(results)).organization_id == "org_unknown"
    await fleet.cancel("nightly")
    await fleet.forget("nightly")
    with pytest.raises(ConfigurationError, match="was forgotten"):
        await anext(results)


async def test_each_target_finds_its_jobs_without_looking_at_all_others(make_yard):
    """Without an index of its own, deleting a run of ten thousand organizations took minutes."""
    yard = make_yard()
    found = await yard.query(
        "SELECT FROM pg_indexes WHERE tablename = 'packcloud_job' AND right(indexdef, 13) = '(run, target)'"
    )
    assert len(found) == 1


async def test_tables_of_an_earlier_release_are_brought_up_to_date(make_yard, monkeypatch, postgres):
    from packcloud_async.fleet import Fleet

    yard = make_yard()
    yard.dsn = postgres.database()
    with monkeypatch.context() as earlier:
        earlier.setattr("packcloud_async.fleet.database.MIGRATIONS", migrations.MIGRATIONS[:1])
        async with Fleet(yard.dsn) as fleet:
            await fleet.init()
            await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, run_id="before")
    fleet = await yard.fleet()
    with pytest.raises(LedgerError, match="of an older release; run packcloud fleet init"):
        await fleet.run_worker(stop_on=())
    await fleet.init()
    assert await yard.query("SELECT number FROM packcloud_migration ORDER BY number") == [
        (number,) for number, _ in enumerate(migrations.MIGRATIONS, 1)
    ]
    assert [run.run_id for run in await fleet.runs()] == ["before"]
    with monkeypatch.context() as earlier:
        earlier.setattr("packcloud_async.fleet.database.MIGRATIONS", migrations.MIGRATIONS[:1])
        with pytest.raises(LedgerError, match="use the release that made them, or a newer one"):
            await fleet.run_worker(stop_on=())


async def test_tables_of_an_older_engine_are_refused_and_not_taken_for_a_database_that_is_away(make_yard, postgres):
    from packcloud_async.fleet import Fleet

    yard = make_yard()
    yard.dsn = postgres.database()
    async with Fleet(yard.dsn, yard.client) as fleet:
        await fleet.init()
        await yard.query("ALTER FUNCTION procrastinate_fetch_job_v2 RENAME TO procrastinate_fetch_job_v1")
        for refused in (fleet.init(), fleet.run_worker(stop_on=())):
            with pytest.raises(LedgerError, match="its tables of procrastinate are those of an older release"):
                await refused


async def test_of_two_submissions_of_one_name_at_once_one_is_told_that_there_is_a_run(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()

    async def slowly():
        yield "org_1"
        await asyncio.sleep(0.3)

    submitting = [fleet.submit(slowly(), kinds={SyncKind.STOCKS}, run_id="nightly") for _ in range(2)]
    ended = await asyncio.gather(*submitting, return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["ConfigurationError", "str"]
    assert await yard.query("SELECT count(*) FROM packcloud_target") == [(1,)]
