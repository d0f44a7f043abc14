"""What a ledger's records tell, as values."""

from datetime import timedelta

import pytest
from attrs import evolve

from packcloud_async import OnConflict, PollPolicy, RunRecord, SyncKind, TargetRecord
from packcloud_async._sansio.kind_state import KindState, Phase
from packcloud_async._sansio.ledger_records import LedgerJob, LedgerTarget, TargetState
from packcloud_async._sansio.outcomes import Outcome, Step
from packcloud_async._sansio.timestamps import Direction
from packcloud_async._sansio.token import JobRecord, RecordedError, write_token
from packcloud_async.reporting.from_ledger import story_of
from packcloud_async.reporting.story import LONGEST_ID, Mark, Moment, State

from .stories import ORDERS, PRODUCTS, STARTED, STOCKS

RUN = RunRecord(tuple(SyncKind), PollPolicy(), OnConflict.WATCH, STARTED)


def seconds(count):
    return timedelta(seconds=count)


def moved(at):
    state = KindState(
        phase=Phase.ACCEPTED,
        baseline="a",
        steps=(Step("a", "b", at, Direction.FORWARD), Step("b", "c", at + 1, Direction.FORWARD)),
    )
    return state.ended(Outcome.ADVANCED)


def token(kinds, *, began=5.0, watched=7.0):
    return write_token(
        JobRecord(
            organization_id="org_1",
            integration_id="int_1",
            poll=PollPolicy(),
            on_conflict=OnConflict.WATCH,
            started=STARTED + seconds(began),
            watched=None if watched is None else STARTED + seconds(watched),
            kinds=kinds,
        )
    )


def told(kinds=None, *, finished=True, error=None, run=RUN, state=TargetState.LISTED, **times):
    job = LedgerJob(1, "int_1", token(kinds or {ORDERS: moved(12.0)}, **times), finished=finished, error=error)
    return story_of(run, [LedgerTarget(1, TargetRecord("org_1"), state, jobs=(job,))])


def test_a_job_begins_when_it_began_and_its_delay_is_counted_from_the_begin_of_its_watch():
    (one,) = told().jobs
    (kind,) = one.kinds
    assert (one.began, one.ended, one.known_until) == (5.0, None, 18.0)
    assert (kind.state, kind.ended, kind.delay) == (State.ADVANCED, 12.0, 10.0)
    assert one.moments == (
        Moment(2.0, Mark.WATCHED),
        Moment(12.0, Mark.CHANGED, "orders"),
        Moment(13.0, Mark.CHANGED, "orders"),
    )


@pytest.mark.parametrize(("watched", "delay"), [(None, None), (60.0, 0.0)], ids=["not watched", "seen before"])
def test_a_delay_is_never_made_up(watched, delay):
    (one,) = told(watched=watched).jobs
    assert one.kinds[0].delay == delay


def test_what_is_under_way_is_not_finished_and_what_failed_has_no_outcome():
    kinds = {PRODUCTS: KindState(phase=Phase.ACCEPTED, baseline="a"), STOCKS: KindState().ended(Outcome.UNOBSERVABLE)}
    (one,) = told(kinds, finished=False).jobs
    assert [(kind.state, kind.reason) for kind in one.kinds] == [(State.UNFINISHED, None), (State.UNOBSERVABLE, None)]
    assert one.state is State.UNFINISHED
    (one,) = told(kinds, error="ServerError 503").jobs
    assert [(kind.state, kind.reason) for kind in one.kinds] == [
        (State.NO_OUTCOME, "ServerError 503"),
        (State.UNOBSERVABLE, None),
    ]
    assert one.state is State.NO_OUTCOME


def test_a_quiet_kind_has_no_end():
    (one,) = told({ORDERS: KindState(phase=Phase.ACCEPTED, baseline="a").ended(Outcome.QUIET)}).jobs
    assert (one.kinds[0].ended, one.known_until) == (None, 7.0)


def test_the_class_and_status_of_an_error_are_its_reason_and_there_is_no_message():
    state = KindState(phase=Phase.SENT).ended(Outcome.REJECTED, RecordedError("Forbidden 403"))
    (one,) = told({ORDERS: state}, watched=None).jobs
    assert (one.kinds[0].reason, one.kinds[0].message, one.moments) == ("Forbidden 403", None, ())


def test_a_finished_run_took_as_long_as_its_wall_clock_says():
    assert told().elapsed is None
    assert told().span == 18.0
    finished = told(run=evolve(RUN, finished=STARTED + seconds(90)))
    assert (finished.finished, finished.elapsed) == (True, 90.0)
    # A wall clock may go backwards.
    assert told(run=evolve(RUN, finished=STARTED - seconds(90))).elapsed == 0.0


def test_targets_without_jobs():
    targets = [
        LedgerTarget(1, TargetRecord("org_1"), TargetState.WAITING),
        LedgerTarget(2, TargetRecord("o" * 1000), TargetState.FAILED, error="NotFound 404"),
        LedgerTarget(3, TargetRecord("org_3"), TargetState.LISTED),
    ]
    story = story_of(RUN, iter(targets))
    assert (story.planned, story.begun) == (3, 2)
    assert [(one.state, one.reason) for one in story.jobs] == [
        (State.UNFINISHED, None),
        (State.NO_OUTCOME, "NotFound 404"),
    ]
    assert len(story.jobs[1].organization_id) < LONGEST_ID + 9
