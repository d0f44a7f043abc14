"""What is damaged in the database, left behind or meant for others ends, or waits, and is in nobody's way."""

from contextlib import aclosing

import pytest

from packcloud_async import (
    ConfigurationError,
    LedgerError,
    Outcome,
    PackCloudClient,
    PollPolicy,
    SyncKind,
    TargetRecord,
)
from packcloud_async.fleet import Fleet, PostgresLedger

from ..support.ledgers import RUN
from .conftest import QUICK, until, until_none

pytestmark = pytest.mark.sockets

BRIEF = PollPolicy(first=0.1, growth=1.5, ceiling=1, deadline=0.3)


async def test_a_target_that_is_damaged_is_a_result_and_its_run_is_finished(make_yard):
    yard = make_yard(organizations=3, integrations=2)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1", "org_2", "org_3"], kinds={SyncKind.ORDERS}, poll=BRIEF)
    await yard.query("UPDATE packcloud_target SET document = '{}' WHERE number = 2")
    await yard.query("UPDATE packcloud_target SET document = 'no JSON', organization = 'no JSON' WHERE number = 3")
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    told = [(one.organization_id, str(one.error)) for one in results if one.integration_id is None]
    assert sorted(told) == [
        ("no JSON", "recorded in the run: DamagedRecord"),
        ("org_2", "recorded in the run: DamagedRecord"),
    ]
    assert [one.error for one in results if one.organization_id == "org_1"] == [None, None]
    assert (await fleet.report(run_id)).finished


async def test_jobs_of_a_target_that_was_damaged_later_end_with_it(make_yard):
    yard = make_yard(organizations=1, integrations=2)
    yard.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[])
    fleet = await yard.fleet()
    slow = PollPolicy(first=3600, deadline=3600)
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=slow)
    async with yard.working(fleet):
        await until(lambda: len(yard.emulator.books.runs) == 2)
        await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
        await yard.query("UPDATE packcloud_target SET state = 'lost', look_at = now()")
        await yard.query("UPDATE packcloud_job SET error = 'what? no error' WHERE integration_id = '\"int_2\"'")
        results = await yard.results_of(fleet, run_id)
    assert [str(one.error) for one in results] == ["recorded in the run: DamagedRecord"] * 2
    await yard.query("UPDATE packcloud_job SET error = 'what? no error'")
    assert "damaged" in str((await yard.results_of(fleet, run_id))[0].error)


async def test_a_run_that_is_damaged_ends_and_can_be_forgotten(make_yard):
    yard = make_yard(organizations=1, integrations=1)
    fleet = await yard.fleet()
    for name in ("worked", "cancelled"):
        await fleet.submit(["org_1", "org_1"], kinds={SyncKind.ORDERS}, poll=BRIEF, run_id=name)
    await yard.query("UPDATE packcloud_run SET document = '[]'")
    with pytest.raises(LedgerError, match=r"run 'cancelled': the record of the run is damaged .*forget it"):
        await fleet.runs()
    await fleet.cancel("cancelled")
    async with yard.working(fleet):
        results = await yard.results_of(fleet, "worked")
    assert ["DamagedRecord" in str(one.error) for one in results] == [True, True]
    with pytest.raises(LedgerError, match="run 'worked': the record of the run is damaged"):
        await fleet.report("worked")
    assert len(await yard.results_of(fleet, "cancelled")) == 2
    for name in ("worked", "cancelled"):
        await fleet.forget(name)
    assert await fleet.runs() == []
    assert yard.sent == []


async def test_a_run_that_is_over_is_finished_by_whoever_finds_it(make_yard):
    yard = make_yard(organizations=1, integrations=1)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.STOCKS})
    async with yard.working(fleet):
        await yard.results_of(fleet, run_id)
        # As two targets leave it that end at once where no transaction sees what was committed after it began.
        await yard.query("UPDATE packcloud_run SET finished = NULL")
        assert len(await yard.results_of(fleet, run_id)) == 1


async def test_what_a_process_left_behind_can_be_cancelled_and_forgotten_once_it_is_gone(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    async with aclosing(PostgresLedger(yard.dsn, "mine")) as ledger:
        await ledger.open()
        ledger.begin(RUN)
        ledger.add_targets([TargetRecord("org_1"), TargetRecord("org_2")])
        await ledger.flush()
        with pytest.raises(ConfigurationError, match="has it open"):
            await fleet.cancel("mine")
        with pytest.raises(ConfigurationError, match="is not over; cancel it first"):
            await fleet.forget("mine")
    await fleet.cancel("mine")
    assert [str(one.error) for one in await yard.results_of(fleet, "mine")] == ["recorded in the run: RunCancelled"] * 2
    async with aclosing(PostgresLedger(yard.dsn, "mine")) as ledger:
        record = await ledger.open()
        assert record is not None
        assert record.finished is not None
        assert await ledger.unfinished() == ()
    await fleet.forget("mine")
    assert await fleet.runs() == []


async def test_a_run_for_another_server_keeps_no_other_run_of_its_organizations_waiting(make_yard, caplog):
    yard = make_yard(organizations=1, integrations=2)
    here = await yard.fleet()
    async with Fleet(yard.dsn, lambda: PackCloudClient(token="t", base_url="https://elsewhere.example")) as elsewhere:
        await elsewhere.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK, run_id="theirs")
        for _ in range(2):
            # What comes later has its place behind.
            await here.submit(["org_1"], kinds={SyncKind.STOCKS}, poll=QUICK)
    runs = [run.run_id for run in await here.runs() if run.run_id != "theirs"]
    async with yard.working(here):
        for run_id in runs:
            results = await yard.results_of(here, run_id)
            assert [one[SyncKind.STOCKS].state for one in results] == [Outcome.UNOBSERVABLE] * 2
        await until_none(
            yard,
            "SELECT FROM procrastinate_jobs WHERE task_name = 'packcloud:trigger' "
            "AND (status <> 'todo' OR priority > -1000000000)",
        )
    assert (await here.report("theirs")).integrations == 0
    told = [one.getMessage() for one in caplog.records if "elsewhere.example" in one.getMessage()]
    assert told == [
        "run theirs was submitted for https://elsewhere.example, and this worker's client is one of "
        f"{yard.client().base_url}; it is left to other workers"
    ]
    assert await yard.query("SELECT FROM procrastinate_jobs WHERE status = 'failed'") == []
