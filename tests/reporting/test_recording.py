"""The story of a run as its hook saw it, held against what the run itself reports."""

import asyncio
from contextlib import aclosing

import pytest

from packcloud_async import (
    ClientStateError,
    NotFound,
    Outcome,
    PollPolicy,
    RateLimit,
    RateLimited,
    ServerError,
    SqliteLedger,
    SyncKind,
    TransportError,
)
from packcloud_async._sansio.outcomes import KindOutcome, Sighting, SyncResult
from packcloud_async._sansio.request_events import JobBegun
from packcloud_async._sansio.sync_events import JobEnded, JobFired, JobRead
from packcloud_async.emulator import FaultPlan
from packcloud_async.reporting.folding import Folding, is_refusal
from packcloud_async.reporting.from_ledger import story_of
from packcloud_async.reporting.recording import Recording
from packcloud_async.reporting.story import (
    LONGEST_ID,
    LONGEST_MESSAGE,
    MOST_MOMENTS,
    Mark,
    Source,
    State,
    shown_id,
    shown_message,
)
from packcloud_async.reporting.traffic import SENT, Sort

from ..support.shop import STEADY, open_shop
from .stories import ORDERS, PRODUCTS, STARTED, STOCKS

pytestmark = pytest.mark.filterwarnings("error")


async def carried_out(shop, recording, targets, *, ledger=None, upto=None, kinds=tuple(SyncKind), poll=STEADY):
    """Carry a run out, or leave it after so many results; return its results and its report."""
    results = []
    recording.budget = lambda: shop.client.budget
    async with shop.client.sync_many(targets, kinds=kinds, poll=poll, ledger=ledger) as run:
        if upto != 0:
            async for result in run:
                results.append(result)
                if len(results) == upto:
                    break
        else:
            await asyncio.sleep(2)
    return results, run.report


def counted(jobs):
    found = {}
    for one in jobs:
        for kind in one.kinds:
            counts = found.setdefault(kind.kind, {})
            counts[kind.state.value] = counts.get(kind.state.value, 0) + 1
    return found


async def test_it_tells_what_the_report_of_the_run_tells():
    recording = Recording(planned=4)
    faults = FaultPlan(routes={"sync_orders"}, script=[422, 503, "drop_after", None, 429])
    client = {"hooks": [recording], "rate_limit": RateLimit(20)}
    async with open_shop(organizations=3, integrations=5, faults=faults, client=client) as shop:
        results, report = await carried_out(shop, recording, [*shop.emulator.organization_ids, "org_99"])
        story = recording.story()
    assert counted(story.jobs) == {
        kind: {outcome.value: count for outcome, count in counts.items()} for kind, counts in report.outcomes.items()
    }
    assert sum(story.traffic.total(sort) for sort in SENT) == report.requests_sent
    assert story.traffic.total(Sort.AGAIN) > 0
    assert story.traffic.total(Sort.REFUSED) == 1
    assert (story.finished, story.planned, story.begun, story.resumed) == (True, 4, 4, False)
    assert story.elapsed == report.elapsed
    assert story.budget.rate == report.budget.rate
    assert next(rate for rate in story.traffic.budget if rate is not None) == 20
    told = {(one.organization_id, one.integration_id): one for one in story.jobs}
    assert set(told) == {(result.organization_id, result.integration_id) for result in results}
    for result in results:
        one = told[result.organization_id, result.integration_id]
        assert one.seconds == pytest.approx(result.elapsed)
        assert 0 <= one.began <= one.ended <= story.elapsed + 1e-6
        assert {kind.kind: kind.state.value for kind in one.kinds} == {
            kind: outcome.state.value for kind, outcome in result.kinds.items()
        }
    failed = told["org_99", None]
    assert (failed.state, failed.reason) == (State.NO_OUTCOME, "NotFound 404")
    assert "404" in failed.message


async def test_the_news_delay_is_that_of_the_hooks():
    recording, delays = Recording(), []

    def note(event):
        if isinstance(event, JobEnded):
            delays.extend(event.news_delay.values())

    async with open_shop(organizations=2, integrations=4, client={"hooks": [recording, note]}) as shop:
        await carried_out(shop, recording, shop.emulator.organization_ids)
        story = recording.story()
    assert delays
    assert sorted(kind.delay for one in story.jobs for kind in one.kinds if kind.delay is not None) == sorted(delays)


async def test_the_moments_of_a_job_are_in_their_order():
    recording = Recording()
    async with open_shop(integrations=1, client={"hooks": [recording]}) as shop:
        shop.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(5.0, "2026-05-01T00:00:00+00:00")], takes=6.0)
        await carried_out(shop, recording, ["org_1"], kinds=(ORDERS,))
        (one,) = recording.story().jobs
    marks = [moment.mark for moment in one.moments]
    assert marks[:2] == [Mark.SENT, Mark.ACCEPTED]
    assert marks[-1] in {Mark.CHANGED, Mark.READ}
    assert Mark.CHANGED in marks
    assert [moment.at for moment in one.moments] == sorted(moment.at for moment in one.moments)
    (kind,) = one.kinds
    assert kind.ended == next(moment.at for moment in one.moments if moment.mark is Mark.CHANGED)


async def test_a_run_that_is_left_is_not_finished_and_its_jobs_are_no_failures():
    recording = Recording(planned=2)
    async with open_shop(organizations=2, integrations=3, client={"hooks": [recording]}) as shop:
        await carried_out(shop, recording, shop.emulator.organization_ids, upto=0)
        story = recording.story()
    assert not story.finished
    assert "left before it was finished" in story.error
    assert story.jobs
    assert {one.is_finished for one in story.jobs} == {False}
    states = {kind.state for one in story.jobs for kind in one.kinds}
    assert State.UNFINISHED in states
    assert not [state for state in states if state.is_failure]


async def test_the_next_run_takes_the_place_of_the_last():
    recording = Recording()
    async with open_shop(organizations=2, integrations=2, client={"hooks": [recording]}) as shop:
        assert recording.story() is None
        await shop.client.organization("org_1").integrations.get("int_1")
        assert recording.story() is None
        await carried_out(shop, recording, ["org_1", "org_2"], kinds=(STOCKS,))
        first = recording.story()
        await carried_out(shop, recording, ["org_2"], kinds=(STOCKS,))
        second = recording.story()
    assert (len(first.jobs), len(second.jobs)) == (4, 2)
    assert {one.organization_id for one in second.jobs} == {"org_2"}
    assert second.traffic.total(Sort.POST) == 2


async def test_a_ledger_tells_the_same_outcomes_changes_and_delays(tmp_path):
    recording = Recording()
    ledger = SqliteLedger(tmp_path / "run.sqlite")
    faults = FaultPlan(routes={"sync_orders"}, script=[422, "drop_after"])
    async with open_shop(organizations=2, integrations=3, faults=faults, client={"hooks": [recording]}) as shop:
        await carried_out(shop, recording, [*shop.emulator.organization_ids, "org_99"], ledger=ledger)
        seen = recording.story()
    told = in_ledger(tmp_path / "run.sqlite")
    assert (told.source, told.finished, told.traffic) == (Source.LEDGER, True, None)
    assert (told.planned, told.begun) == (3, 3)
    assert counted(told.jobs) == counted(seen.jobs)

    def known(story):
        return {
            (one.organization_id, one.integration_id, kind.kind): (kind.state, kind.reason, round(kind.delay or -1, 3))
            for one in story.jobs
            for kind in one.kinds
        }

    assert known(told) == known(seen)
    (failed,) = [one for one in told.jobs if one.integration_id is None]
    assert (failed.organization_id, failed.reason, failed.message) == ("org_99", "NotFound 404", None)
    began = {(one.organization_id, one.integration_id): one.began for one in seen.jobs if one.kinds}
    for one in told.jobs:
        assert one.ended is None
        if one.kinds:
            # The one counts from the wall clock, which the jumping loop leaves behind.
            assert one.began <= began[one.organization_id, one.integration_id] + 0.1
            assert {moment.mark for moment in one.moments} <= {Mark.WATCHED, Mark.CHANGED}


async def test_an_unfinished_ledger_tells_what_waits_and_what_is_under_way(tmp_path):
    recording = Recording()
    ledger = SqliteLedger(tmp_path / "run.sqlite")
    async with open_shop(organizations=2, integrations=2, client={"hooks": [recording]}) as shop:
        await carried_out(shop, recording, shop.emulator.organization_ids, ledger=ledger, upto=0)
    told = in_ledger(tmp_path / "run.sqlite")
    assert (told.finished, told.elapsed) == (False, None)
    assert len(told.jobs) == 4
    assert {one.state for one in told.jobs} == {State.UNFINISHED}
    recording = Recording()
    async with shop.connect(hooks=[recording]) as client, client.resume_many(ledger) as run:
        async for _ in run:
            pass
    story = recording.story()
    assert (story.resumed, story.finished, len(story.jobs)) == (True, True, 4)
    assert in_ledger(tmp_path / "run.sqlite").finished


async def test_a_damaged_job_of_a_ledger_hides_no_other(tmp_path):
    from packcloud_async import NewJob, OnConflict, RunRecord, TargetRecord

    async with aclosing(SqliteLedger(tmp_path / "run.sqlite")) as ledger:
        await ledger.open()
        ledger.begin(RunRecord((ORDERS,), PollPolicy(), OnConflict.WATCH, STARTED))
        first, _ = ledger.add_targets([TargetRecord("org_1"), TargetRecord("org_2")])
        ledger.add_jobs(first, [NewJob("int_1", "no token")])
    told = in_ledger(tmp_path / "run.sqlite")
    assert [(one.organization_id, one.integration_id, one.reason, one.state) for one in told.jobs] == [
        ("org_1", "int_1", "SyncError", State.NO_OUTCOME),
        ("org_2", None, None, State.UNFINISHED),
    ]


def in_ledger(path):
    from packcloud_async import read_ledger

    with read_ledger(path) as contents:
        return story_of(contents.run, contents.targets())


class TestFolding:
    """Events as values, told at instants of a clock."""

    JOB = JobBegun(organization_id="org_1", integration_id="int_1", kinds=(ORDERS, PRODUCTS))

    def folded(self, *events, end=50.0):
        folding = Folding(STARTED, 1000.0, None, False)
        for at, event in events:
            folding.add(event, 1000.0 + at)
        return folding.story(1000.0 + end)

    def ended(self, *, elapsed=20.0, error=None, **kinds):
        outcomes = {SyncKind(name): outcome for name, outcome in kinds.items()}
        result = SyncResult(
            organization_id="org_1", integration_id="int_1", kinds=outcomes, elapsed=elapsed, error=error
        )
        return JobEnded(job=self.JOB, result=result, error=error, news_delay={})

    def test_what_is_known_at_the_post_ends_there(self):
        refused = NotFound(status=404, method="POST", path="/x")
        story = self.folded(
            (5.0, self.JOB),
            (6.0, JobFired(job=self.JOB, at=1.0, kind=ORDERS, error=refused, shared=False)),
            (
                25.0,
                self.ended(
                    orders=KindOutcome(state=Outcome.REJECTED, error=refused), products=KindOutcome(state=Outcome.QUIET)
                ),
            ),
        )
        (one,) = story.jobs
        assert (one.began, one.ended) == (5.0, 25.0)
        assert [(kind.state, kind.ended, kind.reason) for kind in one.kinds] == [
            (State.REJECTED, 1.0, "NotFound 404"),
            (State.QUIET, 20.0, None),
        ]
        assert [(moment.mark, moment.told) for moment in one.moments] == [(Mark.REFUSED, "orders: NotFound 404")]

    def test_a_job_of_an_earlier_process_begins_before_the_run(self):
        (one,) = self.folded((1.0, self.JOB), (5.0, self.ended(elapsed=65.0))).jobs
        assert (one.began, one.seconds) == (-60.0, 65.0)

    def test_a_job_that_ended_with_an_error_has_no_outcome_in_the_kinds_that_are_missing(self):
        error = ServerError(status=500, method="GET", path="/x")
        (one,) = self.folded(
            (0.0, self.JOB), (9.0, self.ended(error=error, orders=KindOutcome(state=Outcome.ADVANCED)))
        ).jobs
        assert [(kind.kind, kind.state) for kind in one.kinds] == [
            (ORDERS, State.ADVANCED),
            (PRODUCTS, State.NO_OUTCOME),
        ]
        assert one.state is State.NO_OUTCOME

    def test_a_job_that_was_cut_off_keeps_what_it_knows(self):
        cut = self.ended(error=ClientStateError("left"), orders=KindOutcome(state=Outcome.ADVANCED))
        (one,) = self.folded((0.0, self.JOB), (9.0, cut)).jobs
        assert [kind.state for kind in one.kinds] == [State.ADVANCED, State.UNFINISHED]
        assert (one.is_finished, one.reason) == (False, None)

    def test_a_job_under_way_is_told_as_it_stands(self):
        (one,) = self.folded((3.0, self.JOB), end=10.0).jobs
        assert (one.began, one.ended, one.state) == (3.0, 10.0, State.UNFINISHED)

    def test_moments_are_bounded_the_first_and_the_latest_stay(self):
        reads = [(float(at), JobRead(job=self.JOB, sighting=Sighting(at=float(at)), read=None)) for at in range(1, 101)]
        (one,) = self.folded((0.0, self.JOB), *reads, (101.0, self.ended(elapsed=101.0))).jobs
        assert (len(one.moments), one.left_out) == (MOST_MOMENTS, 100 - MOST_MOMENTS)
        assert (one.moments[0].at, one.moments[-1].at) == (1.0, 100.0)

    def test_ids_and_messages_are_cut(self):
        job = JobBegun(organization_id="o" * 10_000, integration_id="i\u202e", kinds=(ORDERS,))
        error = ServerError(status=500, method="GET", path="/" + "x" * 10_000)
        result = SyncResult(organization_id="o" * 10_000, integration_id="i\u202e", error=error, elapsed=1.0)
        (one,) = self.folded((0.0, job), (1.0, JobEnded(job=job, result=result, error=error, news_delay={}))).jobs
        assert len(one.organization_id) <= LONGEST_ID + 8
        assert one.integration_id.startswith("i #")
        assert len(one.message) <= LONGEST_MESSAGE


def test_what_is_refused_for_now():
    refusal = {"method": "GET", "path": "/x"}
    assert is_refusal(RateLimited(status=429, **refusal))
    assert is_refusal(ServerError(status=503, retry_after=3.0, **refusal))
    assert not is_refusal(ServerError(status=503, **refusal))
    assert not is_refusal(ServerError(status=500, retry_after=3.0, **refusal))
    assert not is_refusal(TransportError("closed", maybe_sent=True))
    assert not is_refusal(None)


def test_ids_that_are_shown_alike_are_told_apart():
    ids = ["org_1", "org_1\u202e", "org_1\x07", "o" * 200, "o" * 200 + "x", "\ud800", "<b>", "a b"]
    shown = [shown_id(id_) for id_ in ids]
    assert len(set(shown)) == len(ids)
    assert all(one.isprintable() for one in shown)
    assert (shown[0], shown[6], shown[7]) == ("org_1", "<b>", "a b")
    assert shown_message("a\n\x1b[2Jb") == "a [2Jb"
