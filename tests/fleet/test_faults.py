"""What goes wrong between a worker, its engine and its database, one fault at a time."""

import asyncio
import gc
import sys
from collections import Counter
from contextlib import aclosing
from datetime import datetime, timedelta

import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from psycopg_pool import AsyncConnectionPool
from psycopg_pool.pool_async import WaitingClient

from packcloud_async import ConfigurationError, LedgerError, Outcome, PollPolicy, SyncKind, TargetRecord
from packcloud_async.emulator import FaultPlan
from packcloud_async.fleet import Fleet, PostgresLedger, database, reading, tables, tasks
from packcloud_async.fleet import fleet as fleet_module
from packcloud_async.fleet.budget import SharedBudget
from packcloud_async.fleet.database import Database, statement, transaction
from packcloud_async.fleet.holding import take_up
from packcloud_async.fleet.queue import LOOK, TRIGGER, Queue
from packcloud_async.fleet.recovery import Recovery
from packcloud_async.fleet.target_ledger import TargetLedger
from packcloud_async.fleet.work import Work
from packcloud_async.policies import RateLimit

from ..support.ledgers import RUN
from .conftest import QUICK, until, until_none

pytestmark = pytest.mark.sockets

BRIEF = PollPolicy(first=0.1, growth=1.5, ceiling=1, deadline=0.3)
SHORT = PollPolicy(first=0.1, growth=1.5, ceiling=0.4, deadline=1.2)


AT_WORK = "SELECT FROM procrastinate_jobs WHERE status = 'doing' AND task_name = %s"


def names(results):
    return Counter((one.organization_id, one.integration_id) for one in results)


async def test_no_worker_touches_a_run_that_one_process_carries_out(make_yard, monkeypatch):
    recover, recoveries = Work.recover, []

    async def counted(self):
        await recover(self)
        recoveries.append(1)

    monkeypatch.setattr(Work, "recover", counted)
    yard = make_yard(organizations=1, integrations=2)
    fleet = await yard.fleet()
    async with aclosing(PostgresLedger(yard.dsn, "mine")) as ledger:
        await ledger.open()
        ledger.begin(RUN)
        ledger.add_targets([TargetRecord("org_1")])
        await ledger.flush()
        async with yard.working(fleet):
            await until(lambda: len(recoveries) >= 2)
        assert yard.sent == []
        with pytest.raises(ConfigurationError, match="carried out by one process"):
            await fleet.cancel("mine")
        assert (await fleet.report("mine")).organizations == 1


async def test_one_process_does_not_touch_a_run_of_the_workers(make_yard):
    fleet = await make_yard().fleet()
    await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, run_id="theirs")
    with pytest.raises(LedgerError, match="carried out by the workers of a fleet"):
        await PostgresLedger(fleet._engine._given.conninfo(), "theirs").open()


async def test_a_database_that_is_away_when_a_turn_is_asked_for_ends_no_job(make_yard, monkeypatch):
    yard = make_yard(organizations=2, integrations=3)
    fleet = await yard.fleet()
    turn, failing = SharedBudget.turn, Counter()

    async def sometimes(self):
        # What comes after the POSTs are the reads that end the windows.
        if len(yard.emulator.books.runs) == 6 and failing["turns"] < 2:
            failing["turns"] += 1
            raise LedgerError("the database is away")
        return await turn(self)

    monkeypatch.setattr(SharedBudget, "turn", sometimes)
    once = PollPolicy(first=0.3, deadline=0.3)
    run_id = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.ORDERS}, poll=once)
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    assert failing["turns"] == 2
    assert [one.error for one in results] == [None] * 6
    assert {outcome.state for one in results for outcome in one.kinds.values()} <= {Outcome.ADVANCED, Outcome.QUIET}
    assert all(outcome.error is None for one in results for outcome in one.kinds.values())


async def test_who_lost_a_target_does_not_take_it_away_again(make_yard):
    yard = make_yard(organizations=1, integrations=12, faults=FaultPlan(latency=0.3))
    fleet = await yard.fleet()
    await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet, max_in_flight=2):
        await until(lambda: len(yard.emulator.books.runs) >= 3)
        # One that another worker holds.
        await yard.query("UPDATE packcloud_target SET epoch = epoch + 1")
        await until_none(yard, AT_WORK, TRIGGER)
        assert await yard.query("SELECT FROM procrastinate_jobs WHERE task_name = %s AND attempts > 0", TRIGGER) == []
        assert len(yard.emulator.books.runs) < 12


async def test_what_is_put_back_is_another_job_that_who_held_it_cannot_end(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    app = fleet._engine.app
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS})
    worker = await app.job_manager.register_worker()
    held = await app.job_manager.fetch_job(["packcloud"], worker)
    assert (held.task_name, held.priority) == (TRIGGER, -100)
    await app.job_manager.unregister_worker(worker)
    queue = Queue(app)
    assert await queue.stalled(silent_for=30) == [held.id]
    for _ in range(2):
        async with transaction(fleet._engine.pool, "here") as connection:
            await queue.put_back(connection, held.id)
    ((job, lock, priority),) = await yard.query("SELECT id, lock, priority FROM procrastinate_jobs")
    assert (lock, priority) == (held.lock, 0)
    assert job != held.id
    with pytest.raises(ConnectorException):
        await app.job_manager.finish_job(held, status=Status.SUCCEEDED, delete_job=True)
    assert await yard.query("SELECT status::text FROM procrastinate_jobs") == [("todo",)]
    await fleet.cancel(run_id)
    # What waits for a run that is cancelled is in nobody's way.
    assert await yard.query("SELECT FROM procrastinate_jobs") == []


@pytest.mark.parametrize("what", ["finish_job", "retry_job"])
async def test_a_job_whose_end_could_not_be_told_is_not_at_work_for_ever(make_yard, monkeypatch, what):
    yard = make_yard(organizations=2, integrations=1)
    fleet = await yard.fleet()
    manager = fleet._engine.app.job_manager
    told, lost = getattr(manager, what), []
    fire = SharedBudget.turn

    async def lose(job, **options):
        if job.task_name == TRIGGER and not lost:
            lost.append(job.id)
            raise ConnectorException("its connection broke")
        await told(job=job, **options)

    async def fail_once(self):
        if what == "retry_job" and not lost:
            raise LedgerError("the database is away")
        return await fire(self)

    complaints = []
    asyncio.get_running_loop().set_exception_handler(lambda _, complaint: complaints.append(complaint["message"]))
    monkeypatch.setattr(manager, what, lose)
    monkeypatch.setattr(SharedBudget, "turn", fail_once)
    first = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=BRIEF)
    async with yard.working(fleet, silent_for=1):
        await until(lambda: lost)
        # It waits for the lock of the other one.
        second = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.STOCKS}, poll=BRIEF)
        for run_id, count in ((first, 1), (second, 2)):
            assert len(await yard.results_of(fleet, run_id)) == count
        await until_none(yard, AT_WORK, TRIGGER)
    assert yard.emulator.counters.duplicate_posts == 0
    # Such as tracebacks of tasks that nobody looked at.
    gc.collect()
    assert complaints == []


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_a_worker_goes_by_the_clock_of_the_database(make_yard, monkeypatch, minutes):
    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=minutes)

    for name, module in list(sys.modules.items()):
        if name.startswith("packcloud_async.") and vars(module).get("datetime") is datetime:
            monkeypatch.setattr(module, "datetime", Shifted)
    yard = make_yard(organizations=2, integrations=2)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.ORDERS}, poll=SHORT)
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id, within=15)
    assert yard.judged(results, window=0.6) == ([], 0)
    assert len(results) == 4
    # Reads of at most 0.1, 0.25, 0.47, 0.81, 1.2 seconds after each of four POSTs, and no jobs for nothing.
    ((jobs,),) = await yard.query("SELECT last_value FROM procrastinate_jobs_id_seq")
    ((before,),) = await yard.query("SELECT min(id) FROM procrastinate_events")
    assert jobs - (before or jobs) < 60
    for result in results:
        assert 0 <= result.elapsed < 15
    report = await fleet.report(run_id)
    assert 0 < report.elapsed < 20


async def test_after_what_could_not_be_written_nothing_is(make_yard, monkeypatch):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit(["org_1"], kinds={SyncKind.ORDERS})
    async with transaction(fleet._engine.pool, "here") as connection:
        taken = await take_up(connection, (await run_number(yard)), 1)
    ledger = TargetLedger.of(fleet._engine.pool, "here", taken)
    write, written = tables.write, []

    async def first_fails(connection, run, batch):
        if not written:
            written.append("first")
            await asyncio.sleep(0.2)
            raise LedgerError("no")
        await write(connection, run, batch)

    monkeypatch.setattr(tables, "write", first_fails)
    ledger.target_failed(1, "NotFound 404")
    # It is under way, and fails only when the last one waits for it.
    await until(lambda: written)

    async def then(_):
        written.append("then")

    with pytest.raises(LedgerError):
        await ledger.close(then)
    assert written == ["first"]


async def run_number(yard):
    ((number,),) = await yard.query("SELECT max(id) FROM packcloud_run")
    return number


async def test_a_look_takes_no_post_for_answered_that_was_cut_off(make_yard):
    yard = make_yard(organizations=1, integrations=2)
    for integration in ("int_1", "int_2"):
        yard.emulator.plan_sync("org_1", integration, SyncKind.ORDERS, moves=[])
    fleet = await yard.fleet()
    slow = PollPolicy(first=0.1, growth=1.5, ceiling=0.4, deadline=3600)
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=slow)
    async with yard.working(fleet):
        await until(lambda: len(yard.emulator.books.runs) == 2)
        await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
    # As if it had been fired in two goes, and killed in the second one, and a hand had been in the engine's tables.
    await yard.query("UPDATE packcloud_job SET token = replace(token, '\"accepted\"', '\"sent\"')")
    await yard.query("UPDATE packcloud_job SET token = replace(token, '\"deadline\": 3600', '\"deadline\": 1')")
    await yard.query("DELETE FROM procrastinate_jobs")
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id, within=30)
    assert [one[SyncKind.ORDERS].state for one in results] == [Outcome.AMBIGUOUS] * 2
    assert yard.emulator.counters.duplicate_posts == 0


async def test_cancelling_takes_no_lock_out_of_order(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1", "org_2"], kinds={SyncKind.ORDERS})
    async with Database(yard.dsn).connected() as connection:
        async with connection.transaction():
            # As a worker does that ends a target.
            await connection.execute("SELECT FROM packcloud_target WHERE number = 2 FOR UPDATE")
            cancelling = asyncio.create_task(fleet.cancel(run_id))
            await until_none(yard, "SELECT WHERE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
            await connection.execute("SELECT FROM packcloud_run FOR UPDATE NOWAIT")
        await cancelling
    assert (await fleet.report(run_id)).finished


async def test_what_was_begun_again_does_not_put_a_later_run_first(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit([f"org_{number}" for number in range(5)], kinds={SyncKind.ORDERS})
    queue = Queue(fleet._engine.app)

    async def place():
        async with transaction(fleet._engine.pool, "here") as connection:
            return await queue.place_of_the_others(connection)

    assert await place() == 100
    # The line has moved on to the third one.
    await yard.query("DELETE FROM procrastinate_jobs WHERE priority IN (-100, -200)")
    assert await place() == 300
    async with transaction(fleet._engine.pool, "here") as connection:
        await queue.trigger_again(connection, 1, 1, "org_0")
        await queue.look(connection, 1, 2, 0.0)
    assert await place() == 300
    # One that failed and waits, and one that waits for another of its organization.
    await yard.query("UPDATE procrastinate_jobs SET attempts = 1 WHERE priority = -300")
    assert await place() == 400
    await yard.query("UPDATE procrastinate_jobs SET lock = 'other', status = 'doing' WHERE priority = -300")
    await yard.query("UPDATE procrastinate_jobs SET lock = 'other' WHERE priority = -400")
    assert await place() == 500


async def test_results_are_told_once_each_however_late_they_are_committed(make_yard, monkeypatch):
    monkeypatch.setattr(fleet_module, "TOGETHER", 2)
    yard = make_yard()
    fleet = await yard.fleet()
    run_id = await fleet.submit([f"org_{number}" for number in range(1, 8)], kinds={SyncKind.ORDERS})
    run = await run_number(yard)
    fail = (
        "UPDATE packcloud_target SET state = 'failed', error = 'NotFound 404', settled_by = pg_current_xact_id() "
        "WHERE number = ANY(%s)"
    )
    seen = []

    async def read(position):
        async with fleet._engine.one_moment() as connection:
            results, position, is_over = await reading.results_since(connection, run, position, at_most=2)
        assert not is_over
        seen.extend(one.organization_id for one in results)
        return position

    async with Database(yard.dsn).connected() as early:
        async with early.transaction():
            await early.execute(fail, ([5, 6],))
            await yard.query(fail, [1, 2, 3])
            # What is committed may be behind what is not.
            position = await read(reading.Position())
            assert seen == []
        for _ in range(3):
            position = await read(position)
    assert seen == ["org_5", "org_6", "org_1", "org_2", "org_3"]
    await fleet.cancel(run_id)
    results = await yard.results_of(fleet, run_id)
    assert names(results) == {(f"org_{number}", None): 1 for number in range(1, 8)}


async def test_a_token_that_is_no_json_is_in_nobody_s_way(make_yard):
    yard = make_yard(organizations=1, integrations=2)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=BRIEF)
    async with yard.working(fleet):
        await yard.results_of(fleet, run_id)
    await yard.query("UPDATE packcloud_job SET token = 'no JSON' WHERE integration_id = '\"int_2\"'")
    assert (await fleet.report(run_id)).integrations == 2
    told = {one.integration_id: one for one in await yard.results_of(fleet, run_id)}
    assert "job token" in str(told["int_2"].error)


async def test_any_number_of_processes_may_make_the_tables_at_once(postgres):
    dsn = postgres.database()

    async def make():
        async with Fleet(dsn) as fleet:
            await fleet.init()

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(make())
    async with Fleet(dsn) as fleet:
        await fleet.init()
        assert await fleet.runs() == []


@pytest.mark.parametrize("integrations", [30])
async def test_a_worker_that_is_to_stop_does_not_list_to_the_end(make_yard, integrations):
    yard = make_yard(organizations=1, integrations=integrations, per_page=1, faults=FaultPlan(latency=0.05))
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.STOCKS}, poll=BRIEF)
    async with yard.working(fleet) as (worker,):
        await until(lambda: len(yard.sent) >= 3)
        worker.cancel()
        await asyncio.wait([worker])
    assert len(yard.sent) < integrations
    assert await yard.query("SELECT state FROM packcloud_target") == [("waiting",)]
    assert await yard.query(
        "SELECT task_name FROM procrastinate_jobs WHERE status = 'todo' AND task_name = %s", TRIGGER
    )
    async with yard.working(other):
        assert len(await yard.results_of(other, run_id)) == integrations


async def test_a_look_that_is_cut_off_by_the_end_of_its_worker_is_due_at_once(make_yard):
    yard = make_yard(organizations=1, integrations=1)
    yard.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[(0.1, None)])
    fleet, other = await yard.fleet(), await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=QUICK)
    async with yard.working(fleet) as (worker,):
        await until(lambda: yard.emulator.books.runs)
        yard.emulator.set_faults(FaultPlan(latency=3600))
        await until(lambda: yard.sent[-1].method == "GET" and len(yard.sent) > 2)
        worker.cancel()
        async with asyncio.timeout(10):
            await asyncio.wait([worker])
    assert await yard.query("SELECT status::text FROM procrastinate_jobs WHERE task_name = %s", LOOK) == [("todo",)]
    yard.emulator.set_faults(FaultPlan())
    async with yard.working(other):
        (result,) = await yard.results_of(other, run_id)
    assert result[SyncKind.ORDERS].state is Outcome.ADVANCED


async def test_a_clock_of_the_database_that_was_put_back_stops_nobody_for_long(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    budget = SharedBudget(fleet._engine.pool, "here", "packcloud", RateLimit(10, burst=1))
    await budget.make()
    await yard.query("UPDATE packcloud_budget SET next_at = now() + interval '1 hour'")
    async with asyncio.timeout(5):
        await budget.turn()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"silent_for": 0}, "silent_for must be"),
        ({"silent_for": float("nan")}, "silent_for must be"),
        ({"silent_for": True}, "silent_for must be"),
        ({"silent_for": "30"}, "silent_for must be"),
        ({"concurrency": 0}, "concurrency must be"),
        ({"max_in_flight": -1}, "max_in_flight must be"),
    ],
)
async def test_a_worker_refuses_what_is_unusable(make_yard, options, told):
    fleet = await make_yard().fleet()
    with pytest.raises(ConfigurationError, match=told):
        await fleet.run_worker(**options)


async def test_no_frame_of_ours_shows_the_password(monkeypatch):
    from procrastinate import App

    def open_async(self):
        raise ConnectorException("it went away between two connections")

    class Connected:
        async def __aenter__(self):
            pass

        async def __aexit__(self, *_):
            pass

    monkeypatch.setattr(App, "open_async", open_async)
    monkeypatch.setattr(Database, "connected", lambda self: Connected())
    with pytest.raises(LedgerError) as caught:
        async with Fleet("postgresql://me:hush-hush@127.0.0.1:1/nowhere"):
            pass
    seen, frames = caught.value, 0
    while seen is not None:
        trace = seen.__traceback__
        while trace is not None:
            shown = {name: repr(value) for name, value in trace.tb_frame.f_locals.items()}
            if "packcloud_async" in trace.tb_frame.f_code.co_filename and "test_" not in trace.tb_frame.f_code.co_name:
                frames += 1
                assert not [name for name, text in shown.items() if "hush-hush" in text]
            trace = trace.tb_next
        seen = seen.__cause__ or seen.__context__
    assert frames


async def test_jobs_that_cannot_be_read_hold_no_trigger_up(make_yard):
    yard = make_yard(organizations=1, integrations=2)
    fleet = await yard.fleet()
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=BRIEF)
    # More than a run keeps of results that nobody takes.
    await yard.query("UPDATE packcloud_target SET state = 'listed'")
    await yard.query(
        "INSERT INTO packcloud_job (run, number, target, integration_id, token, finished) "
        "SELECT %s, (1 << 24) + number, 1, to_json('int_' || number)::text, '{}', false "
        "FROM generate_series(1, 1100) AS number",
        await run_number(yard),
    )
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    assert len(results) == 1100
    assert all("job token" in str(one.error) for one in results)


@pytest.mark.parametrize("broken", ["packcloud_async.watch.Watch.until_read", "packcloud_async.watch.Watch.begin"])
async def test_an_error_of_the_program_that_comes_again_and_again_is_a_result(make_yard, monkeypatch, caplog, broken):
    class OurMistake(Exception):
        pass

    async def break_off(self):
        raise OurMistake

    def break_off_at_once(self, *_, **__):
        raise OurMistake

    monkeypatch.setattr(broken, break_off if broken.endswith("until_read") else break_off_at_once)
    monkeypatch.setattr(tasks, "GIVEN_UP_AFTER", 1)
    yard = make_yard(organizations=1, integrations=2)
    fleet = await yard.fleet()
    for integration in ("int_1", "int_2"):
        yard.emulator.plan_sync("org_1", integration, SyncKind.ORDERS, moves=[])
    # What is read before it breaks off ends nothing.
    long = PollPolicy(first=0.1, deadline=3600)
    run_id = await fleet.submit(["org_1", "org_unknown"], kinds={SyncKind.ORDERS}, poll=long)
    async with yard.working(fleet):
        results = await yard.results_of(fleet, run_id)
    told = {one.integration_id: str(one.error) for one in results}
    assert set(told) == {"int_1", "int_2", None}
    assert "NotFound 404" in told[None]
    expected = "OurMistake" if broken.endswith("until_read") else "SyncError"
    assert all(expected in told[integration] for integration in ("int_1", "int_2"))
    assert yard.emulator.counters.duplicate_posts == 0
    assert ("is given up: unexpected OurMistake" in caplog.text) == broken.endswith("until_read")


async def test_a_connection_that_the_server_ended_is_noticed_before_it_is_used(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    for _ in range(3):
        # Just before, so that it is not asked whether it still works.
        await fleet.runs()
        await yard.query(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert not await fleet.runs()


async def test_a_connection_is_asked_now_and_then_whether_it_works(make_yard, monkeypatch):
    yard, asked = make_yard(), []
    fleet = await yard.fleet()
    check = AsyncConnectionPool.check_connection

    async def counted(connection):
        asked.append(connection)
        await check(connection)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", counted)
    monkeypatch.setattr(database, "CHECKED_EVERY", 3600)
    for _ in range(20):
        await fleet.runs()
    assert len(asked) <= 1
    monkeypatch.setattr(database, "CHECKED_EVERY", 0)
    for _ in range(20):
        await fleet.runs()
    assert len(asked) >= 20


@pytest.mark.parametrize(("more", "expected"), [("", "50000"), ("&tcp_user_timeout=7000", "7000")])
async def test_a_database_that_is_gone_without_a_word_is_not_waited_for_for_hours(make_yard, more, expected):
    yard = make_yard()
    yard.dsn += more
    fleet = await yard.fleet()
    async with transaction(fleet._engine.pool, "here") as pooled, Database(yard.dsn).connected() as alone:
        told = [connection.info.get_parameters() for connection in (pooled, alone)]
    for known in told:
        assert known["tcp_user_timeout"] == expected
        # Half a minute and a bit, where the default of Linux is more than two hours.
        assert [known[f"keepalives_{name}"] for name in ("idle", "interval", "count")] == ["20", "10", "3"]


async def test_a_recovery_that_could_not_be_done_leaves_nothing_behind(make_yard, monkeypatch, caplog):
    yard = make_yard(organizations=1, integrations=1)
    fleet = await yard.fleet()
    failing = []

    async def fail_once(self):
        if not failing:
            failing.append(1)
            raise LedgerError("the database is away")
        return ()

    monkeypatch.setattr(Recovery, "_stalled", fail_once)
    run_id = await fleet.submit(["org_1"], kinds={SyncKind.STOCKS})
    async with yard.working(fleet):
        await yard.results_of(fleet, run_id)
        await until(lambda: failing)
        await until_none(yard, AT_WORK, "packcloud:recover")
        assert await yard.query("SELECT FROM procrastinate_jobs WHERE status = 'failed'") == []
    assert "could not be gone on with: the database is away" in caplog.text


async def test_a_worker_with_more_patience_than_another_is_not_taken_for_dead(make_yard):
    yard = make_yard(organizations=1, integrations=1)
    patient, other = await yard.fleet(), await yard.fleet()
    yard.emulator.set_faults(FaultPlan(latency=3600))
    run_id = await patient.submit(["org_1"], kinds={SyncKind.ORDERS}, poll=BRIEF)
    async with yard.working(patient, silent_for=60):
        await until(lambda: yard.sent)
        ((since,),) = await yard.query("SELECT max(last_heartbeat) FROM procrastinate_workers")
        async with yard.working(other, silent_for=3):
            # Long after the other one has begun to look for the dead.
            await until_none(
                yard,
                "SELECT WHERE NOT EXISTS (SELECT FROM procrastinate_workers "
                "WHERE last_heartbeat > %s + interval '6 seconds' AND id = "
                "(SELECT worker_id FROM procrastinate_jobs WHERE task_name = %s AND status = 'doing'))",
                since,
                TRIGGER,
            )
            assert await yard.query("SELECT epoch FROM packcloud_target") == [(1,)]
    await patient.cancel(run_id)


async def test_who_is_cancelled_while_it_gives_a_connection_back_takes_none_from_whoever_waits(make_yard, monkeypatch):
    set_, giving, holding, let_go = WaitingClient.set, asyncio.Event(), [], asyncio.Event()

    async def slowly(self, connection):
        giving.set()
        await asyncio.sleep(0.02)
        return await set_(self, connection)

    fleet = await make_yard().fleet(connect_within=5)
    pool = fleet._engine.pool

    async def hold():
        async with statement(pool, "here"):
            holding.append(1)
            await let_go.wait()

    async with asyncio.TaskGroup() as tasks:
        holders = [tasks.create_task(hold()) for _ in range(pool.max_size)]
        await until(lambda: len(holding) == pool.max_size)
        waiting = [tasks.create_task(fleet.runs()) for _ in range(2 * pool.max_size)]
        await asyncio.sleep(0)
        monkeypatch.setattr(WaitingClient, "set", slowly)
        let_go.set()
        await giving.wait()
        for task in holders:
            task.cancel()
        await asyncio.wait(waiting)
    assert not any(task.result() for task in waiting)
