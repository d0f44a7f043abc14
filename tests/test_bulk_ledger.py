"""sync_many with a ledger, and resume_many, on virtual time."""

import asyncio
import contextlib
import random
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from packcloud_async import (
    ClientStateError,
    LedgerBusy,
    LedgerError,
    Outcome,
    PackCloudClient,
    RetryPolicy,
    SqliteLedger,
    SyncKind,
    SyncTarget,
    TargetState,
    read_ledger,
    run_context,
)
from packcloud_async._io import ledger_store
from packcloud_async._sansio.progress import Phase
from packcloud_async._sansio.token import read_token
from packcloud_async.emulator import FaultPlan, SyncTimes

from .support.recording import RecordingTransport
from .support.run_books import hold_against_books, jobs_in
from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
WATCHED = (ORDERS, PRODUCTS)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


@pytest.fixture(autouse=True)
def wall_clock(monkeypatch):
    """The wall clock of bulk runs follows the loop, whose time jumps."""

    class LoopTime(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time())

    monkeypatch.setattr(run_context, "datetime", LoopTime)


async def collect(run):
    async with run:
        return [result async for result in run]


def sync(client, path, targets=("org_1",), **options):
    options = {"kinds": {ORDERS}, "poll": STEADY, **options}
    return client.sync_many(targets, ledger=SqliteLedger(path), **options)


async def resume(shop, path, **options):
    async with shop.connect() as client:
        return await collect(client.resume_many(SqliteLedger(path), **options))


async def leave_at(run, instant):
    """Leave a run so many seconds after its beginning."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(instant):
            await collect(run)


def hold(method):
    """Step in as a server that never answers these requests, for the one client of a test that is left."""

    async def step_in(request, send):
        if request.method == method:
            await asyncio.sleep(1_000_000)
        return await send(request)

    return step_in


def counts(path):
    with read_ledger(path) as contents:
        return attrs.asdict(contents.counts)


def states(path, place=("org_1", "int_1")):
    return {kind: state.state for kind, state in jobs_in(path)[place].kinds.items()}


def phases_of(job):
    return {kind: state.phase for kind, state in read_token(job.token).kinds.items()}


class TestWhatIsRecordedWhen:
    async def test_a_finished_run_is_recorded_with_every_outcome(self, path):
        async with open_shop(organizations=2, integrations=3) as shop:
            results = await collect(sync(shop.client, path, ["org_1", "org_2"], kinds={ORDERS, STOCKS}))
        assert len(results) == 6
        assert counts(path) == {"waiting": 0, "listed": 2, "failed": 0, "finished": 6, "unfinished": 0}
        with read_ledger(path) as contents:
            assert contents.run.finished is not None
            assert contents.holder is None
        for result in results:
            assert states(path, (result.organization_id, result.integration_id)) == {
                ORDERS: Outcome.ADVANCED,
                STOCKS: Outcome.UNOBSERVABLE,
            }

    @pytest.mark.parametrize("named", [True, False], ids=["named", "listed"])
    async def test_a_post_leaves_after_it_was_recorded_as_sent_with_its_baseline(self, path, named):
        seen = []

        async def look(request, send):
            if request.method == "POST":
                organization_id, _, integration_id = request.url.split("/v1/organizations/")[1].split("/")[:3]
                kind = next(kind for kind in SyncKind if request.url.endswith(f"{kind.value.replace('_', '-')}/sync"))
                state = read_token(jobs_in(path)[organization_id, integration_id].token).kinds[kind]
                seen.append((state.phase, len(state.seen)))
            return await send(request)

        targets = [SyncTarget("org_1", ["int_1", "int_2", "int_3"] if named else None)]
        async with open_shop(organizations=1, integrations=3, step_in=look) as shop:
            await collect(sync(shop.client, path, targets, kinds=WATCHED))
        assert seen == [(Phase.SENT, 1)] * 6

    async def test_targets_are_recorded_before_anything_is_sent(self, path):
        waiting = []

        async def look(request, send):
            waiting.append(counts(path)["waiting"])
            return await send(request)

        async with open_shop(organizations=3, integrations=1, step_in=look) as shop:
            await collect(sync(shop.client, path, ["org_1", "org_2", "org_3"], max_organizations=1))
        assert waiting[0] == 3

    async def test_targets_of_an_iterable_without_a_length_are_recorded_when_they_are_reached(self, path):
        async def forever():
            for number in (1, 2, 3):
                yield f"org_{number}"
                await asyncio.sleep(10)

        async with open_shop(organizations=3, integrations=1, sync_times=SyncTimes(median=1, spread=0)) as shop:
            await leave_at(sync(shop.client, path, forever()), 15)
            assert sum(counts(path)[state] for state in ("waiting", "listed")) == 2
            assert shop.transport.count("GET", "org_3/integrations") == 0

    async def test_an_answer_is_recorded(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(30, None)])
            await leave_at(sync(shop.client, path), 5)
        assert states(path) == {ORDERS: Phase.ACCEPTED}

    async def test_a_refusal_is_recorded_without_the_words_of_the_server(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            shop.emulator.set_faults(FaultPlan(routes={"sync_orders"}, script=[403]))
            await collect(sync(shop.client, path))
        kind = jobs_in(path)["org_1", "int_1"].kinds[ORDERS]
        assert (kind.state, kind.error) == (Outcome.REJECTED, "Forbidden 403")

    async def test_a_target_that_cannot_be_started_is_recorded_as_failed(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            results = await collect(sync(shop.client, path, ["org_9", "org_1"]))
        assert sorted(result.failed for result in results) == [False, True]
        with read_ledger(path) as contents:
            failed, listed = contents.targets()
        assert (failed.state, failed.error) == (TargetState.FAILED, "NotFound 404")
        assert listed.state is TargetState.LISTED

    async def test_news_is_recorded_while_the_rest_of_the_job_goes_on(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(3, None)])
            shop.emulator.plan_sync("org_1", "int_1", PRODUCTS, moves=[(50, None)])
            await leave_at(sync(shop.client, path, kinds=WATCHED), 20)
            assert states(path) == {ORDERS: Outcome.ADVANCED, PRODUCTS: Phase.ACCEPTED}
            # The proof outlives a watermark that goes back.
            before = read_token(jobs_in(path)["org_1", "int_1"].token).kinds[ORDERS].seen[0]
            shop.emulator.set_watermark("org_1", "int_1", ORDERS, before)
            (result,) = await resume(shop, path)
        assert {kind: outcome.state for kind, outcome in result.kinds.items()} == dict.fromkeys(
            WATCHED, Outcome.ADVANCED
        )

    async def test_without_news_a_read_writes_nothing(self, path):
        ledger = SqliteLedger(path)
        told = []
        record = ledger.record

        def counted(*args, **options):
            told.append(asyncio.get_running_loop().time())
            record(*args, **options)

        ledger.record = counted
        settling = attrs.evolve(STEADY, settle=20)
        async with open_shop(organizations=1, integrations=1) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(10, None), (15, None)], takes=15)
            await collect(shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=settling, ledger=ledger))
            reads = shop.transport.count("GET", "int_1")
        # Sent, answered, watched; two steps; finished.
        assert len(told) == 6
        assert reads > 6


class TestResuming:
    async def test_a_planned_job_is_posted_against_its_recorded_baseline(self, path):
        async with open_shop(organizations=1, integrations=3, step_in=hold("POST")) as shop:
            await leave_at(sync(shop.client, path, max_in_flight=1), 5)
            told = sorted(phase for job in jobs_in(path).values() for phase in phases_of(job).values())
            assert told == [Phase.PLANNED, Phase.PLANNED, Phase.SENT]
            before = {place: read_token(job.token).kinds[ORDERS].seen for place, job in jobs_in(path).items()}
            (cut_off,) = (place for place, job in jobs_in(path).items() if Phase.SENT in phases_of(job).values())
            transport = RecordingTransport(shop.emulator.transport())
            async with PackCloudClient(token=shop.emulator.token, transport=transport, probes={}) as client:
                results = await collect(client.resume_many(SqliteLedger(path)))
            first_post = [sent.method for sent in transport.sent].index("POST")
            assert {sent.path for sent in transport.sent[:first_post]} <= {"/integrations/".join(cut_off)}
        assert len(shop.emulator.books.runs) == 2
        assert {(r.organization_id, r.integration_id): (r[ORDERS].before,) for r in results} == before
        assert sorted(r[ORDERS].state for r in results) == [Outcome.ADVANCED, Outcome.ADVANCED, Outcome.AMBIGUOUS]

    async def test_a_planned_job_without_a_baseline_reads_it_first(self, path):
        async with open_shop(organizations=1, integrations=1, step_in=hold("GET")) as shop:
            await leave_at(sync(shop.client, path, [SyncTarget("org_1", ["int_1"])]), 5)
            assert phases_of(jobs_in(path)["org_1", "int_1"]) == {ORDERS: Phase.PLANNED}
            (result,) = await resume(shop, path)
        assert result[ORDERS].state is Outcome.ADVANCED
        assert result.elapsed < 20

    @pytest.mark.parametrize(
        ("moves_at", "gone_for", "outcome", "reads"),
        [
            (45, 30, Outcome.ADVANCED, None),
            (45, 500, Outcome.ADVANCED, 1),
            (None, 30, Outcome.AMBIGUOUS, None),
            (None, 500, Outcome.AMBIGUOUS, 1),
        ],
        ids=["moves later", "moved meanwhile", "does not move", "window is over"],
    )
    async def test_a_job_found_sent_is_watched_for_what_is_left(self, path, moves_at, gone_for, outcome, reads):
        async with open_shop(
            organizations=1, integrations=1, faults=FaultPlan(routes={"sync_orders"}, latency=9)
        ) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[] if moves_at is None else [(moves_at, None)])
            await leave_at(sync(shop.client, path), 3)
            assert states(path) == {ORDERS: Phase.SENT}
            await asyncio.sleep(gone_for)
            calls = shop.emulator.counters.calls
            calls.clear()
            (result,) = await resume(shop, path)
            now = asyncio.get_running_loop().time()
        assert calls["POST", "sync_orders"] == 0
        assert result[ORDERS].state is outcome
        assert len(shop.emulator.books.runs) == 1
        if reads is not None:
            assert (calls.total(), now) == (reads, 503)
        elif outcome is Outcome.AMBIGUOUS:
            # The window began when the POST was recorded as sent.
            assert now == STEADY.deadline

    async def test_an_accepted_job_goes_on_in_its_old_window(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[])
            await leave_at(sync(shop.client, path), 20)
            (result,) = await resume(shop, path)
            assert asyncio.get_running_loop().time() == STEADY.deadline
        assert (result[ORDERS].state, result.elapsed) == (Outcome.QUIET, STEADY.deadline)

    async def test_what_was_posted_first_at_the_resumption_is_watched_for_a_whole_window(self, path):
        """One kind was sent, the other waited to be sent again: its window begins with its POST."""
        async with open_shop(organizations=1, integrations=1) as shop:
            plans = [FaultPlan(routes={"sync_products"}, script=[429], retry_after=30)]
            shop.emulator.set_faults([*plans, FaultPlan(routes={"sync_orders"}, latency=9)])
            for kind in WATCHED:
                shop.emulator.plan_sync("org_1", "int_1", kind, moves=[])
            await leave_at(sync(shop.client, path, kinds=WATCHED), 3)
            assert phases_of(jobs_in(path)["org_1", "int_1"]) == {ORDERS: Phase.SENT, PRODUCTS: Phase.PLANNED}
            await asyncio.sleep(497)
            (result,) = await resume(shop, path)
            assert asyncio.get_running_loop().time() == 500 + STEADY.deadline
        assert (result[ORDERS].state, result[PRODUCTS].state) == (Outcome.AMBIGUOUS, Outcome.QUIET)
        assert len(shop.emulator.books.runs) == 2

    async def test_waiting_targets_are_begun_with_their_own_kinds_weight_and_integrations(self, path):
        targets = [
            SyncTarget("org_1", kinds={STOCKS}, weight=2.5),
            SyncTarget("org_2", ["int_2"], kinds={PRODUCTS}),
            "org_3",
        ]
        async with open_shop(organizations=3, integrations=2, step_in=hold("GET")) as shop:
            await leave_at(sync(shop.client, path, targets, max_organizations=1), 5)
            assert counts(path)["waiting"] == 3
            with read_ledger(path) as contents:
                assert [(t.target.kinds, t.target.weight) for t in contents.targets()] == [
                    ((STOCKS,), 2.5), ((PRODUCTS,), 1.0), (None, 1.0)
                ]  # fmt: skip
            results = await resume(shop, path)
        fired = {(r.organization_id, r.integration_id, *r.kinds) for r in results}
        assert fired == {
            ("org_1", "int_1", STOCKS),
            ("org_1", "int_2", STOCKS),
            ("org_2", "int_2", PRODUCTS),
            ("org_3", "int_1", ORDERS),
            ("org_3", "int_2", ORDERS),
        }

    async def test_more_targets_than_are_read_from_a_ledger_at_once_are_resumed(self, path):
        async with open_shop(organizations=250, integrations=1) as shop:
            await leave_at(sync(shop.client, path, shop.emulator.organization_ids, max_organizations=7), 4)
            left = counts(path)["waiting"]
            assert left > 200
            results = await resume(shop, path)
            assert len(results) >= left
            verdict = hold_against_books(path, shop.emulator, shop.emulator.organization_ids, kinds=[ORDERS], window=58)
        assert (verdict.jobs, verdict.lost, verdict.repeated, verdict.wrong) == (250, [], [], [])

    async def test_finished_jobs_are_left_alone(self, path):
        async with open_shop(organizations=1, integrations=2) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(2, None)])
            shop.emulator.plan_sync("org_1", "int_2", ORDERS, moves=[(40, None)])
            await leave_at(sync(shop.client, path), 20)
            results = await resume(shop, path)
        assert [result.integration_id for result in results] == ["int_2"]
        assert counts(path)["finished"] == 2

    async def test_a_run_that_was_left_before_its_end_was_written_is_finished_by_the_next(self, path, monkeypatch):
        def killed(_):
            raise KeyError

        async with open_shop(organizations=1, integrations=1) as shop:
            with monkeypatch.context() as patch:
                patch.setattr(SqliteLedger, "finish", killed)
                with pytest.raises(KeyError):
                    await collect(sync(shop.client, path))
            assert await resume(shop, path) == []
        with read_ledger(path) as contents:
            assert contents.run.finished is not None

    async def test_steps_that_settle_are_kept(self, path):
        settling = attrs.evolve(STEADY, settle=30)
        async with open_shop(organizations=1, integrations=1) as shop:
            shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5, None), (25, None)], takes=25)
            await leave_at(sync(shop.client, path, poll=settling), 15)
            (result,) = await resume(shop, path)
        first, second = result[ORDERS].steps
        assert 5 <= first.seen_at < 15 <= second.seen_at
        assert (first.after, second.after) == tuple(value for _, value in shop.emulator.books.runs[0].moves)

    async def test_two_jobs_for_one_integration_send_one_post_and_both_are_recorded(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            targets = [SyncTarget("org_1", ["int_1"]), "org_1"]
            await leave_at(sync(shop.client, path, targets), 1)
            assert len(await resume(shop, path)) == 2
        assert len(shop.emulator.books.runs) == 1
        assert counts(path)["finished"] == 2
        with read_ledger(path) as contents:
            jobs = [job for target in contents.targets() for job in target.jobs]
        assert [job.kinds[ORDERS].state for job in jobs] == [Outcome.ADVANCED] * 2

    async def test_what_was_answered_is_shared_before_the_rest_of_its_job_is_sent(self, path):
        async def nothing_after_a_post(request, send):
            response = await send(request)
            if request.method == "POST":
                shop.client._pipeline.gate.close_for(1_000)
            return response

        async with open_shop(step_in=nothing_after_a_post) as shop:
            targets = [SyncTarget("org_1", ["int_1"], kinds=WATCHED)]
            await leave_at(sync(shop.client, path, targets, max_in_flight=1), 5)
            assert shop.transport.count("POST") == 1
            shop.emulator.set_faults(FaultPlan(routes={"sync_products"}, latency=5))
            async with shop.connect() as client, client.resume_many(SqliteLedger(path)) as run:
                await asyncio.sleep(1)
                other = await client.organization("org_1").sync("int_1", ORDERS, poll=STEADY)
                (result,) = [result async for result in run]
            assert len(shop.emulator.books.of("org_1", "int_1", ORDERS)) == 1
        assert result[ORDERS].state is other[ORDERS].state is Outcome.ADVANCED

    async def test_a_job_that_shares_a_post_that_was_cut_off_does_not_send_it_again(self, path):
        slow = FaultPlan(routes={"sync_orders"}, latency=9)
        async with open_shop(organizations=1, integrations=1, faults=slow) as shop:
            await leave_at(sync(shop.client, path, [SyncTarget("org_1", ["int_1"]), "org_1"]), 3)
            with read_ledger(path) as contents:
                found = [phases_of(job)[ORDERS] for target in contents.targets() for job in target.jobs]
            assert sorted(found) == [Phase.PLANNED, Phase.SENT]
            await resume(shop, path)
        assert len(shop.emulator.books.runs) == 1

    async def test_what_a_closed_client_leaves_is_resumed(self, path):
        async with open_shop(organizations=2, integrations=3, faults=FaultPlan(latency=0.5)) as shop:

            async def close(client, instant):
                await asyncio.sleep(instant)
                await client.aclose()

            for turn, instant in enumerate((0.2, 0.7, 1.3, 4)):
                client = shop.connect()
                targets = {"org_1", "org_2"}
                run = client.resume_many(SqliteLedger(path)) if turn else sync(client, path, targets, kinds=WATCHED)
                async with asyncio.TaskGroup() as group:
                    group.create_task(close(client, instant))
                    cut = group.create_task(collect(run))
                assert not run.report.finished
                assert all(isinstance(r.error, ClientStateError) for r in cut.result() if r.error is not None)
            assert counts(path)["failed"] == 0
            await resume(shop, path)
            verdict = hold_against_books(path, shop.emulator, ["org_1", "org_2"], kinds=WATCHED, window=58)
        assert (verdict.jobs, verdict.lost, verdict.repeated, verdict.wrong) == (6, [], [], [])

    async def test_cancelling_while_the_leaving_of_a_post_is_recorded_keeps_it_planned(self, path, monkeypatch):
        """The bytes have not left, so nothing is in doubt."""
        flush = SqliteLedger.flush
        begun = asyncio.Event()

        async def slow_flush(ledger):
            if states_told(ledger) == {Phase.SENT}:
                begun.set()
                await asyncio.sleep(60)
            await flush(ledger)

        def states_told(ledger):
            told = ledger._opened.commits.book._batch.records.values()
            return {state.phase for job in told for state in read_token(job.token).kinds.values()}

        monkeypatch.setattr(SqliteLedger, "flush", slow_flush)
        async with open_shop(organizations=1, integrations=1) as shop:
            task = asyncio.create_task(collect(sync(shop.client, path)))
            await begun.wait()
            task.cancel()
            await asyncio.wait([task])
            assert states(path) == {ORDERS: Phase.PLANNED}
            assert shop.transport.count("POST") == 0


class TestWhatIsRefused:
    async def test_a_second_run_on_the_same_ledger(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            await leave_at(sync(shop.client, path), 0.1)
            before = counts(path)
            with pytest.raises(LedgerError, match=r"holds a run already, unfinished: resume_many\(\) goes on with it"):
                await collect(sync(shop.client, path))
            assert counts(path) == before
            await resume(shop, path)
            with pytest.raises(LedgerError, match="holds a run already, finished"):
                await collect(sync(shop.client, path))
            with pytest.raises(LedgerError, match="is finished: there is nothing to resume"):
                await resume(shop, path)

    async def test_a_ledger_without_a_run_has_nothing_to_resume(self, path):
        async with open_shop() as shop:
            with pytest.raises(LedgerError, match="holds no run to resume"):
                await resume(shop, path)
            # And it can still be used for a new one.
            assert len(await collect(sync(shop.client, path))) == 4

    async def test_a_ledger_that_another_run_of_this_process_holds(self, path):
        async with open_shop(organizations=1, integrations=1) as shop:
            async with sync(shop.client, path):
                for other in (sync(shop.client, path), shop.client.resume_many(SqliteLedger(path))):
                    with pytest.raises(LedgerBusy, match="held by process"):
                        await collect(other)
            assert shop.transport.count("POST") == 0

    async def test_a_ledger_whose_folder_is_missing_before_anything_is_sent(self, tmp_path):
        async with open_shop() as shop:
            with pytest.raises(LedgerError, match="there is no folder"):
                await collect(sync(shop.client, tmp_path / "nowhere" / "run.sqlite"))
            assert shop.transport.sent == []

    async def test_a_job_that_cannot_be_read(self, path):
        async with open_shop(organizations=1, integrations=2) as shop:
            shop.emulator.plan_sync("org_1", "int_2", ORDERS, moves=[])
            await leave_at(sync(shop.client, path), 20)
            with contextlib.closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("""UPDATE job SET token = '{"version": 2}' WHERE integration_id = 'int_2'""")
            for _ in range(2):
                results = {result.integration_id: result for result in await resume(shop, path)}
                error = results.pop("int_2").error
                assert isinstance(error, LedgerError)
                assert "job 2 of the ledger cannot be gone on with: job token of version 2" in str(error)
                assert "the release of packcloud_async that wrote it" in str(error)
            # The other one was finished by the first of the two, and the damaged one stands as it stood.
            assert results == {}
            assert (counts(path)["unfinished"], counts(path)["finished"]) == (1, 1)


class TestABrokenLedger:
    @pytest.mark.parametrize("commits", range(1, 16))
    async def test_ends_the_run_and_nothing_is_sent_that_was_not_recorded(self, path, commits, monkeypatch):
        commit, left = ledger_store._commit, commits

        def full_disk(connection, batch):
            nonlocal left
            left -= 1
            if left < 0:
                raise sqlite3.OperationalError("database or disk is full")
            commit(connection, batch)

        organizations = [f"org_{number}" for number in range(1, 5)]
        faults = FaultPlan(latency=0.02, latency_spread=1)
        async with open_shop(organizations=4, integrations=3, faults=faults, sync_times=SyncTimes(median=3)) as shop:
            run = sync(shop.client, path, organizations, kinds=WATCHED, max_in_flight=3)
            with monkeypatch.context() as patch:
                patch.setattr(ledger_store, "_commit", full_disk)
                with pytest.raises(LedgerError, match="database or disk is full"):
                    await collect(run)
            assert not run.report.finished
            recorded = {place: phases_of(job) for place, job in jobs_in(path).items()}
            accepted = shop.emulator.books.runs
            for one in accepted:
                assert recorded[one.organization_id, one.integration_id][one.kind] is not Phase.PLANNED
            await resume(shop, path)
            verdict = hold_against_books(path, shop.emulator, organizations, kinds=WATCHED, window=58)
        assert (verdict.jobs, verdict.lost, verdict.repeated, verdict.wrong) == (12, [], [], [])

    async def test_once_alone_ends_the_run_too(self, path):
        class FailingOnce(SqliteLedger):
            failed = False

            async def flush(self):
                if shop.transport.count("POST") == 1 and not self.failed:
                    self.failed = True
                    raise LedgerError("full for a moment")
                await super().flush()

        async with open_shop() as shop:
            options = {"poll": STEADY, "max_in_flight": 1, "ledger": FailingOnce(path)}
            with pytest.raises(LedgerError, match="full for a moment"):
                await collect(shop.client.sync_many(["org_1"], kinds={ORDERS}, **options))
            assert shop.transport.count("POST") == 1

    async def test_a_run_that_could_not_be_recorded_with_all_its_targets_was_never_begun(self, path, monkeypatch):
        def full_disk(_, __):
            raise sqlite3.OperationalError("database or disk is full")

        targets = [f"org_{number}" for number in range(5_000)]
        async with open_shop(organizations=1, integrations=1) as shop:
            with monkeypatch.context() as patch:
                patch.setattr(ledger_store, "_commit", full_disk)
                with pytest.raises(LedgerError, match="database or disk is full"):
                    await collect(sync(shop.client, path, targets))
            assert shop.transport.sent == []
            with read_ledger(path) as contents:
                assert (contents.run, contents.counts.waiting) == (None, 0)
            await leave_at(sync(shop.client, path, targets), 0)
            assert counts(path)["waiting"] == 5_000


class TestUnusableTargets:
    async def test_are_results_and_keep_the_others_resumable(self, path):
        targets = ["..", "org_1", SyncTarget("org_2", ["int_1", "", 5, "int_2"]), SyncTarget(None), "org_9"]
        async with open_shop(organizations=2, integrations=2, faults=FaultPlan(latency=1)) as shop:
            async with sync(shop.client, path, targets) as run:
                unusable = [await anext(run) for _ in range(4)]
            assert {(r.organization_id, r.integration_id) for r in unusable} == {
                ("..", None),
                ("org_2", ""),
                ("org_2", "5"),
                ("None", None),
            }
            results = await resume(shop, path)
        started = {(r.organization_id, r.integration_id) for r in results if r.error is None}
        assert started == {(f"org_{org}", f"int_{number}") for org in (1, 2) for number in (1, 2)}
        assert [r.organization_id for r in results if r.error is not None] == ["org_9"]


async def test_no_secret_gets_into_a_ledger(path):
    canaries = [b"canary", b"C4N4RY"]
    async with open_shop(organizations=1, integrations=3, token="canary-token") as shop:
        org = shop.client.organization("org_1")
        for number in (1, 2, 3):
            await org.integrations.update(f"int_{number}", settings={"api_key": "C4N4RY-settings"})
        shop.emulator.set_faults([
            FaultPlan(routes={"sync_orders"}, script=[401, 422, 500]),
            FaultPlan(routes={"sync_products"}, script=["drop_after", "bad_json"]),
        ])  # fmt: skip
        shop.emulator.plan_sync("org_1", "int_3", STOCKS, moves=[])
        async with sync(shop.client, path, ["org_1", "org_2"], kinds=set(SyncKind)) as run:
            async for _ in run:
                # While it is held, and afterwards.
                assert not leaked(path, canaries)
    assert not leaked(path, canaries)


def leaked(path, canaries):
    return [(file.name, canary) for file in path.parent.iterdir() for canary in canaries if canary in file.read_bytes()]


class TestKilledAtRandomInstants:
    """A kill is played by going on from a copy of the file as it is at that instant: what is durable, and no more."""

    POLL = attrs.evolve(STEADY, deadline=30, jitter=0.1)
    ORGANIZATIONS = ("org_1", "org_2", "org_3")

    @staticmethod
    def faults(draw, *, rough):
        often = dict.fromkeys(["refuse", "drop_before", "drop_after", "rate_limited", "server_error", "bad_json"], 0.03)
        return FaultPlan(latency=0.02, latency_spread=draw.choice([0.1, 1]), retry_after=1, **(often if rough else {}))

    async def life(self, shop, path, begun):
        options = {"retry": RetryPolicy(attempts=6, first=0.1), "probes": None}
        async with shop.connect(**options) as client:
            if begun:
                run = client.resume_many(SqliteLedger(path))
            else:
                run = sync(client, path, self.ORGANIZATIONS, kinds=SyncKind, poll=self.POLL, max_in_flight=8)
            await collect(run)

    async def kill(self, life, path, copy, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        for suffix in ("", "-wal"):
            if (file := path.with_name(path.name + suffix)).exists():
                shutil.copy(file, copy.with_name(copy.name + suffix))
        life.cancel()
        await asyncio.wait([life])

    @pytest.mark.parametrize("rough", [False, True], ids=["calm", "rough"])
    @pytest.mark.parametrize("seed", range(15))
    async def test_nothing_is_lost_nothing_repeated_and_every_outcome_is_true(self, tmp_path, seed, rough):
        draw = random.Random(seed * 2 + rough)
        random.seed(seed)
        times = SyncTimes(median=6, spread=5, finds_nothing=0.2)
        async with open_shop(
            organizations=3, integrations=5, seed=seed, sync_times=times, faults=self.faults(draw, rough=rough)
        ) as shop:
            path, in_doubt, begun = tmp_path / "0.sqlite", set(), False
            for number in range(1, draw.randint(4, 12)):
                life = asyncio.create_task(self.life(shop, path, begun))
                instant = draw.choice([0.2, 1, 3, 20])
                await asyncio.wait([life], timeout=draw.random() * instant)
                if life.done():
                    break
                copy = tmp_path / f"{number}.sqlite"
                await self.kill(life, path, copy, turns=draw.randint(0, 8))
                path, begun = copy, has_run(copy)
                in_doubt |= sent_in(copy) if begun else set()
            else:
                life = asyncio.create_task(self.life(shop, path, begun))
            await life
            verdict = hold_against_books(
                path,
                shop.emulator,
                self.ORGANIZATIONS,
                # A POST arrives at most so much later than it is recorded.
                window=self.POLL.deadline - 2,
                may_fail=rough,
                in_doubt=None if rough else in_doubt,
            )
            assert (verdict.lost, verdict.repeated, verdict.wrong) == ([], [], [])
            assert verdict.jobs == 15 or rough
            assert shop.emulator.counters.duplicate_posts == 0
            if not rough:
                posts = sum(count for (method, _), count in shop.emulator.counters.calls.items() if method == "POST")
                assert posts == len(shop.emulator.books.runs)


def has_run(path):
    if not path.exists():
        return False
    with read_ledger(path) as contents:
        return contents.run is not None


def sent_in(path):
    """The POSTs of a ledger that are recorded as sent and not as answered."""
    return {
        (*place, kind)
        for place, job in jobs_in(path).items()
        for kind, phase in phases_of(job).items()
        if phase is Phase.SENT
    }


async def test_a_run_is_not_resumed_on_another_server(path):
    async with open_shop(organizations=1, integrations=1) as shop:
        await leave_at(sync(shop.client, path), 3)
        async with shop.connect(base_url="https://elsewhere.example") as client:
            with pytest.raises(
                LedgerError, match=r"begun on https://api\.pack\.cloud, not on https://elsewhere\.example"
            ):
                await collect(client.resume_many(SqliteLedger(path)))
        # It was let go of, untouched.
        assert len(await resume(shop, path)) == 1
    assert shop.emulator.counters.duplicate_posts == 0


@pytest.mark.parametrize(("organizations", "at"), [(1, 3), (1, 4), (4, 3), (4, 4), (4, 6), (4, 8)])
async def test_a_ledger_that_breaks_is_one_error_to_whoever_iterates(organizations, at, tmp_path, monkeypatch):
    """Several POSTs wait for it, and each is told."""
    commits, real = 0, ledger_store.LedgerStore.commit

    def commit(self, batch):
        nonlocal commits
        commits += 1
        if commits >= at:
            self._failure = self._failure or LedgerError("the disk is full")
        return real(self, batch)

    monkeypatch.setattr(ledger_store.LedgerStore, "commit", commit)
    async with open_shop(organizations=organizations, integrations=6, faults=FaultPlan(latency=0.1)) as shop:
        ledger = SqliteLedger(tmp_path / "run.sqlite")
        told = []
        # It says so once more when it is closed.
        with pytest.raises(LedgerError, match="the disk is full"):
            async with shop.client.sync_many(
                shop.emulator.organization_ids, kinds={ORDERS}, poll=STEADY, ledger=ledger
            ) as run:
                await until_it_raises(run, told)
        (error,) = told
        assert isinstance(error, LedgerError)


async def until_it_raises(run, told):
    try:
        async for _ in run:
            pass
    except Exception as error:
        told.append(error)
        raise
