"""The machine of one job: rules by example, then any order of facts against a reference told in other words."""

import copy
import math
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Step
from packcloud_async._sansio.pacing import Expectation
from packcloud_async._sansio.progress import Done, IllegalStep, KindState, Phase, SyncProgress, Wait
from packcloud_async._sansio.timestamps import Direction
from packcloud_async._sansio.token import JobRecord, OnConflict, read_token, write_token
from packcloud_async.errors import Conflict, InvalidResponse, NotFound, ServerError, TransportError, Unauthorized
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy

from .reference import INFINITE, Reference, kinds_drawn, marks, outcomes_of, policies, seconds, spreads

ORDERS, PRODUCTS, STOCKS = SyncKind.ORDERS, SyncKind.PRODUCTS, SyncKind.STOCKS
T0, T1, T2, T3 = (f"2026-01-01T10:00:0{n}Z" for n in range(4))


def api_error(kind, status):
    return kind(status=status, method="GET", path="/x")


BUSY = api_error(Conflict, 409)
MISSING = api_error(NotFound, 404)
BROKEN = api_error(ServerError, 500)
DENIED = api_error(Unauthorized, 401)
DOUBT = TransportError("timed out", maybe_sent=True)


def policy(**changes):
    return PollPolicy(**{"first": 1.0, "growth": 2.0, "deadline": 100.0, "jitter": 0.0, "gone_after": 5.0, **changes})


def watched(*answers, now=0.0, baseline=None, **changes):
    """A machine whose kinds were answered in these ways, told as (kind, name of the answer, its arguments)."""
    told = answers or ((ORDERS, "accepted"),)
    progress = SyncProgress(
        policy=policy(**changes), started_at=now, kinds=dict.fromkeys([a[0] for a in told], KindState())
    )
    progress.baseline({ORDERS: T0, PRODUCTS: T0} if baseline is None else baseline)
    for kind, answer, *arguments in told:
        progress.sending(kind)
        getattr(progress, answer)(kind, *arguments)
    return progress, progress.watch(now)


def test_what_was_asked_for_stays_as_it_was():
    progress, _ = watched()
    state, kinds = progress.state_of(ORDERS), progress.kinds

    progress.observed({ORDERS: T1}, asked_at=1.0, now=2.0)

    assert progress.is_done
    assert state == kinds[ORDERS] == KindState(phase=Phase.ACCEPTED, baseline=T0)


def told(progress, kind=ORDERS):
    outcome = progress.outcomes[kind]
    return outcome.state, outcome.error


# The POST


@pytest.mark.parametrize(
    ("answer", "watchable", "state", "error"),
    [
        pytest.param(("accepted",), False, Outcome.UNOBSERVABLE, None, id="accepted"),
        pytest.param(("joined", BUSY), False, Outcome.UNOBSERVABLE, BUSY, id="joined"),
        pytest.param(("in_doubt", DOUBT), False, Outcome.AMBIGUOUS, DOUBT, id="in doubt"),
        pytest.param(("refused", BROKEN), False, Outcome.REJECTED, BROKEN, id="refused"),
        pytest.param(("refused", BROKEN), True, Outcome.REJECTED, BROKEN, id="refused although watchable"),
    ],
)
def test_an_answer_that_leaves_nothing_to_watch_is_an_outcome(answer, watchable, state, error):
    progress, decision = watched((ORDERS, *answer), baseline={ORDERS: T0} if watchable else {})
    seen = T0 if watchable else None
    assert progress.outcomes == {ORDERS: KindOutcome(state=state, before=seen, after=seen, error=error)}
    assert (decision, progress.is_done, progress.watched_from) == (Done(), True, None)


def test_a_post_that_was_never_sent_may_be_refused_or_sent_again():
    progress = SyncProgress(policy=policy(), started_at=0.0, kinds=dict.fromkeys([ORDERS, PRODUCTS], KindState()))
    progress.refused(ORDERS, BROKEN)
    progress.sending(PRODUCTS)
    assert progress.unsent == ()
    progress.not_sent(PRODUCTS)
    assert progress.unsent == (PRODUCTS,)


def test_a_null_baseline_is_a_value():
    progress, _ = watched(baseline={ORDERS: None})
    progress.observed({ORDERS: None}, asked_at=1.0, now=1.0)
    progress.observed({ORDERS: T1}, asked_at=2.0, now=2.5)
    assert progress.outcomes[ORDERS] == KindOutcome(
        state=Outcome.ADVANCED, before=None, after=T1, steps=(Step(None, T1, 2.5, Direction.FROM_NULL),)
    )


def test_the_watch_waits_for_every_answer():
    progress = SyncProgress(policy=policy(), started_at=0.0, kinds={ORDERS: KindState(), PRODUCTS: KindState()})
    progress.baseline({ORDERS: T0, PRODUCTS: T0})
    progress.refused(PRODUCTS, BROKEN)
    with pytest.raises(IllegalStep, match=r"^cannot be told 'watch' now \(orders planned, products rejected\)$"):
        progress.watch(0.0)
    progress.sending(ORDERS)
    with pytest.raises(IllegalStep, match="orders sent"):
        progress.watch(0.0)
    progress.accepted(ORDERS)
    assert progress.watch(0.0) == Wait(1.0, decides=False)


def test_only_kinds_of_the_job_have_a_state():
    progress, _ = watched()
    assert progress.state_of(ORDERS).phase is Phase.ACCEPTED
    with pytest.raises(KeyError):
        progress.state_of(STOCKS)


# Sharing


@pytest.mark.parametrize(("later", "seen_at"), [(0.0, 5.0), (2.0, 3.0), (9.0, 0.0), (-4.0, 9.0)])
def test_what_is_shared_has_the_seconds_of_each_job(later, seen_at):
    first, _ = watched(settle=50.0, now=10.0)
    first.observed({ORDERS: T1}, asked_at=15.0, now=15.0)
    second = SyncProgress(policy(settle=50.0), 10.0 + later, {ORDERS: KindState()})
    second.shares(ORDERS, first)
    assert second.kinds == {
        ORDERS: KindState(phase=Phase.ACCEPTED, baseline=T0, steps=(Step(T0, T1, seen_at, Direction.FORWARD),))
    }
    # The first one goes on by itself.
    first.observed({ORDERS: T2}, asked_at=16.0, now=16.0)
    assert len(second.state_of(ORDERS).steps) == 1


def test_an_outcome_is_shared_with_its_steps_in_the_seconds_of_each_job():
    first, _ = watched()
    first.observed({ORDERS: T1}, asked_at=5.0, now=5.0)
    second = SyncProgress(policy(), 3.0, {ORDERS: KindState()})
    second.shares(ORDERS, first)
    assert second.outcomes[ORDERS] == KindOutcome(
        state=Outcome.ADVANCED, before=T0, after=T1, steps=(Step(T0, T1, 2.0, Direction.FORWARD),)
    )


def test_what_one_read_showed_is_kept_once_for_all_kinds():
    progress, _ = watched((ORDERS, "accepted"), (PRODUCTS, "accepted"), now=0.25)
    progress.observed({ORDERS: T1, PRODUCTS: T1}, asked_at=3.0, now=3.5)
    found = progress.outcomes
    assert found[ORDERS].seen_at == 3.25
    assert found[ORDERS].seen_at is found[PRODUCTS].seen_at
    # The kinds are those of every job that has the same.
    other, _ = watched((ORDERS, "accepted"), (PRODUCTS, "accepted"))
    other.observed({ORDERS: T1, PRODUCTS: T1}, asked_at=3.0, now=3.5)
    assert found._kinds is other.outcomes._kinds


def test_a_post_that_was_cut_off_in_another_job_is_in_doubt_here():
    first = SyncProgress(policy(), 0.0, {ORDERS: KindState(), STOCKS: KindState()})
    first.baseline({ORDERS: T0})
    second = SyncProgress(policy(), 3.0, {ORDERS: KindState(), STOCKS: KindState()})
    for kind in (ORDERS, STOCKS):
        with pytest.raises(IllegalStep, match="shares_doubt"):
            second.shares_doubt(kind, first, DOUBT)
        first.sending(kind)
        second.shares_doubt(kind, first, DOUBT)
    assert second.state_of(ORDERS) == KindState(phase=Phase.IN_DOUBT, baseline=T0, error=DOUBT)
    assert told(second, STOCKS) == (Outcome.AMBIGUOUS, DOUBT)


def test_a_kind_that_nothing_shows_is_shared_as_long_as_its_job_is_open():
    progress, _ = watched((ORDERS, "accepted"), (STOCKS, "accepted"))
    assert progress.can_be_shared(STOCKS, 5.0)
    second = SyncProgress(policy(), 3.0, {STOCKS: KindState()})
    second.shares(STOCKS, progress)
    assert told(second, STOCKS) == (Outcome.UNOBSERVABLE, None)
    progress.observed({ORDERS: T1}, asked_at=5.0, now=5.0)
    assert not progress.can_be_shared(STOCKS, 5.0)


def test_a_window_that_ends_is_not_shared_any_more():
    progress, _ = watched((ORDERS, "accepted"), (PRODUCTS, "in_doubt", DOUBT), now=10.0)
    assert [progress.can_be_shared(ORDERS, now) for now in (10.0, 109.9, 110.0)] == [True, True, False]
    progress.observed({ORDERS: T1, PRODUCTS: T0}, asked_at=20.0, now=20.0)
    assert [progress.can_be_shared(kind, 20.0) for kind in (ORDERS, PRODUCTS, STOCKS)] == [False, True, False]


# What is expected


def test_the_first_read_and_the_window_are_where_news_is_expected():
    expected = {ORDERS: Expectation(low=20.0, high=24.0, tail=26.0, worst=4.0)}
    progress = SyncProgress(policy(growth=1.5), 0.0, {ORDERS: KindState()}, expected=expected)
    progress.baseline({ORDERS: T0})
    progress.sending(ORDERS)
    progress.accepted(ORDERS)
    decision, reads = progress.watch(0.0), []
    while isinstance(decision, Wait):
        reads.append(decision.until)
        decision = progress.observed({ORDERS: T0}, asked_at=decision.until, now=decision.until)
    # Four times the wait of the geometric rule until then, a quarter of it from then on, and twice the longest known.
    assert reads[:5] == [4.0, 12.0, 20.0, 22.5, 25.3125]
    assert (reads[-1], told(progress)) == (52.0, (Outcome.QUIET, None))


def test_whether_a_post_in_doubt_arrived_is_worth_the_whole_window():
    expected = dict.fromkeys([ORDERS, PRODUCTS], Expectation(low=5.0, high=6.0, tail=7.0, worst=4.0))
    progress = SyncProgress(policy(), 0.0, dict.fromkeys([ORDERS, PRODUCTS], KindState()), expected=expected)
    progress.baseline({ORDERS: T0, PRODUCTS: T0})
    for kind in (ORDERS, PRODUCTS):
        progress.sending(kind)
    progress.accepted(ORDERS)
    progress.in_doubt(PRODUCTS, DOUBT)
    progress.watch(0.0)
    progress.observed({ORDERS: T0, PRODUCTS: T0}, asked_at=25.0, now=25.0)
    assert list(progress.outcomes) == [ORDERS]
    progress.observed({ORDERS: T0, PRODUCTS: T0}, asked_at=99.0, now=99.0)
    assert progress.open_kinds == (PRODUCTS,)


# Reads


def test_reads_thin_out_until_the_deadline_decides():
    progress, decision = watched(first=1.0, growth=2.0, ceiling=20.0, deadline=60.0)
    due = []
    while isinstance(decision, Wait):
        due.append((decision.until, decision.decides))
        decision = progress.observed({ORDERS: T0}, asked_at=decision.until, now=decision.until)
    assert due == [(1, False), (2, False), (4, False), (8, False), (16, False), (32, False), (52, False), (60, True)]
    assert told(progress) == (Outcome.QUIET, None)


def test_after_a_step_the_reads_are_close_together_again():
    progress, _ = watched(settle=10.0)
    assert progress.observed({ORDERS: T0}, asked_at=40.0, now=40.0) == Wait(80.0, decides=False)
    assert progress.observed({ORDERS: T1}, asked_at=50.0, now=50.0) == Wait(51.0, decides=False)


@pytest.mark.parametrize(
    ("answer", "read", "state", "error"),
    [
        pytest.param(("accepted",), "same", Outcome.QUIET, None, id="quiet"),
        pytest.param(("joined", BUSY), "same", Outcome.QUIET, BUSY, id="quiet, joined"),
        pytest.param(("in_doubt", DOUBT), "same", Outcome.AMBIGUOUS, DOUBT, id="ambiguous"),
        pytest.param(("accepted",), "failed", Outcome.UNREAD, BROKEN, id="unread"),
        pytest.param(("in_doubt", DOUBT), "failed", Outcome.AMBIGUOUS, DOUBT, id="ambiguous, unread"),
        pytest.param(("accepted",), "unfound", Outcome.UNREAD, MISSING, id="unfound once"),
        pytest.param(("in_doubt", DOUBT), "new", Outcome.ADVANCED, DOUBT, id="in doubt, but changed"),
        pytest.param(("joined", BUSY), "new", Outcome.ADVANCED, BUSY, id="joined and changed"),
        pytest.param(("accepted",), "new", Outcome.ADVANCED, None, id="changed at the last look"),
    ],
)
def test_the_last_look_decides(answer, read, state, error):
    progress, _ = watched((ORDERS, *answer))
    tell = {
        "same": lambda at: progress.observed({ORDERS: T0}, asked_at=at, now=at),
        "new": lambda at: progress.observed({ORDERS: T1}, asked_at=at, now=at),
        "failed": lambda at: progress.failed(BROKEN, asked_at=at, now=at),
        "unfound": lambda at: progress.unfound(MISSING, asked_at=at, now=at),
    }[read]
    assert tell(100.0) == Done()
    assert told(progress) == (state, error)


def probed(**changes):
    """A machine with one kind of the integration and one that a probe reads."""
    progress = SyncProgress(
        policy=policy(**changes), started_at=0.0, kinds=dict.fromkeys([ORDERS, STOCKS], KindState())
    )
    progress.baseline({ORDERS: T0}, probed={STOCKS: "a"})
    for kind in (ORDERS, STOCKS):
        progress.sending(kind)
        progress.accepted(kind)
    return progress, progress.watch(0.0)


def test_a_read_speaks_for_its_kinds_alone():
    progress, _ = probed()
    assert progress.observed({STOCKS: "b"}, asked_at=10.0, now=10.0, kinds=[STOCKS], found=False) == Done()
    assert not progress.is_done
    assert progress.next_read(10.0, kinds=[ORDERS]) == Wait(20.0, decides=False)
    assert progress.next_read(10.0, kinds=[STOCKS]) == Done()
    assert progress.observed({ORDERS: T1}, asked_at=12.0, now=12.0, kinds=[ORDERS]) == Done()
    assert {kind: outcome.state for kind, outcome in progress.outcomes.items()} == {
        ORDERS: Outcome.ADVANCED,
        STOCKS: Outcome.ADVANCED,
    }


@pytest.mark.parametrize("read", ["failed", "unfound", "observed"])
def test_the_last_look_at_one_part_does_not_end_the_other(read):
    progress, _ = probed()
    what = {} if read == "observed" else BROKEN
    assert getattr(progress, read)(what, asked_at=100.0, now=100.0, kinds=[ORDERS]) == Done()
    assert progress.open_kinds == (STOCKS,)


def test_what_a_probe_shows_does_not_prove_that_the_integration_is_there():
    progress, _ = probed(gone_after=5.0)
    progress.unfound(MISSING, asked_at=10.0, now=10.0, kinds=[ORDERS])
    progress.observed({STOCKS: "a"}, asked_at=12.0, now=12.0, kinds=[STOCKS], found=False)
    # Gone is gone for every kind.
    assert progress.unfound(MISSING, asked_at=15.0, now=15.0, kinds=[ORDERS]) == Done()
    assert {outcome.state for outcome in progress.outcomes.values()} == {Outcome.GONE}
    assert progress.is_done


def test_a_probe_that_loses_its_access_ends_its_kind_alone():
    progress, _ = probed()
    assert progress.refused_access(DENIED, now=3.0, kinds=[STOCKS]) == Done()
    assert list(progress.outcomes) == [STOCKS]
    assert told(progress, STOCKS) == (Outcome.UNREAD, DENIED)


def test_a_probe_that_failed_before_the_post_says_why_nothing_can_be_seen():
    progress = SyncProgress(policy(), 0.0, dict.fromkeys([STOCKS, PRODUCTS], KindState()))
    progress.baseline({}, probed={STOCKS: BROKEN, PRODUCTS: BROKEN})
    for kind in (STOCKS, PRODUCTS):
        progress.sending(kind)
    progress.accepted(STOCKS)
    # The error of the POST counts for more.
    progress.in_doubt(PRODUCTS, DOUBT)
    assert told(progress, STOCKS) == (Outcome.UNOBSERVABLE, BROKEN)
    assert told(progress, PRODUCTS) == (Outcome.AMBIGUOUS, DOUBT)


@pytest.mark.parametrize("read", ["observed", "failed", "unfound"])
def test_an_answer_that_was_merely_late_does_not_decide(read):
    progress, _ = watched()
    what = {ORDERS: T0} if read == "observed" else BROKEN
    assert getattr(progress, read)(what, asked_at=99.0, now=101.0) == Wait(101.0, decides=True)
    assert not progress.is_done


def test_a_watermark_that_is_not_sent_any_more_is_no_proof():
    progress, _ = watched()
    assert progress.observed({}, asked_at=50.0, now=50.0) == Wait(100.0, decides=True)
    progress.observed({}, asked_at=100.0, now=100.0)
    state, error = told(progress)
    assert (state, type(error), error.path) == (Outcome.UNREAD, InvalidResponse, "$.order_sync_updated_at")


def test_going_back_to_a_value_seen_before_is_no_news():
    progress, _ = watched(settle=50.0)
    for at, value in enumerate([T2, T0, "2026-01-01T11:00:02+01:00", T1], start=1):
        progress.observed({ORDERS: value}, asked_at=at, now=at)
    progress.observed({ORDERS: T2}, asked_at=54.0, now=54.0)
    outcome = progress.outcomes[ORDERS]
    assert [(step.before, step.after, step.seen_at) for step in outcome.steps] == [(T0, T2, 1), (T2, T1, 4)]
    assert [step.direction for step in outcome.steps] == [Direction.FORWARD, Direction.BACKWARD]
    assert (outcome.state, outcome.before, outcome.after, outcome.seen_at) == (Outcome.ADVANCED, T0, T1, 1)


# Settling


def test_without_a_settle_time_the_first_step_is_the_end_whenever_it_was_asked():
    progress, _ = watched()
    assert progress.observed({ORDERS: T1}, asked_at=-1.0, now=3.0) == Done()


def test_settling_keeps_every_step_and_ends_when_none_came_for_long_enough():
    progress, _ = watched(settle=10.0)
    assert progress.observed({ORDERS: T1}, asked_at=1.0, now=1.0) == Wait(2.0, decides=False)
    assert progress.observed({ORDERS: T2}, asked_at=10.5, now=10.5) == Wait(11.5, decides=False)
    assert progress.observed({ORDERS: T2}, asked_at=18.0, now=18.0) == Wait(20.5, decides=True)
    assert progress.observed({ORDERS: T2}, asked_at=20.5, now=20.5) == Done()
    assert [step.after for step in progress.outcomes[ORDERS].steps] == [T1, T2]


@pytest.mark.parametrize("read", ["failed", "unfound", "not sent any more"])
def test_a_settled_kind_ends_although_its_last_read_failed(read):
    progress, _ = watched(settle=10.0, deadline=None)
    progress.observed({ORDERS: T1}, asked_at=1.0, now=1.0)
    tell = {
        "failed": lambda at: progress.failed(BROKEN, asked_at=at, now=at),
        "unfound": lambda at: progress.unfound(MISSING, asked_at=at, now=at),
        "not sent any more": lambda at: progress.observed({}, asked_at=at, now=at),
    }[read]
    assert tell(5.0) == Wait(9.0, decides=False)
    assert tell(11.0) == Done()
    assert told(progress) == (Outcome.ADVANCED, None)


def test_a_settled_kind_ends_while_another_is_still_watched():
    progress, _ = watched((ORDERS, "accepted"), (PRODUCTS, "accepted"), settle=10.0)
    progress.observed({ORDERS: T1, PRODUCTS: T0}, asked_at=1.0, now=1.0)
    decision = progress.failed(BROKEN, asked_at=11.0, now=11.0)
    assert isinstance(decision, Wait)
    assert decision.until > 11.0
    assert set(progress.outcomes) == {ORDERS}


def test_the_deadline_ends_settling():
    progress, _ = watched(settle=50.0)
    assert progress.observed({ORDERS: T1}, asked_at=99.0, now=99.0) == Wait(100.0, decides=True)
    assert progress.observed({ORDERS: T1}, asked_at=100.0, now=100.0) == Done()


# Disappearing


def test_an_integration_is_gone_when_unfound_twice_with_time_between():
    progress, _ = watched(gone_after=5.0)
    assert progress.unfound(MISSING, asked_at=10.0, now=10.0) == Wait(15.0, decides=True)
    assert progress.unfound(MISSING, asked_at=14.0, now=14.0) == Wait(15.0, decides=True)
    assert progress.unfound(MISSING, asked_at=15.0, now=15.0) == Done()
    assert told(progress) == (Outcome.GONE, MISSING)


def test_a_read_that_succeeds_begins_the_grace_anew():
    progress, _ = watched(gone_after=5.0)
    progress.unfound(MISSING, asked_at=10.0, now=10.0)
    progress.observed({ORDERS: T0}, asked_at=12.0, now=12.0)
    assert progress.unfound(MISSING, asked_at=15.0, now=15.0) == Wait(20.0, decides=True)


def test_a_read_that_fails_does_not_begin_the_grace_anew():
    progress, _ = watched(gone_after=5.0)
    progress.unfound(MISSING, asked_at=10.0, now=10.0)
    assert progress.failed(BROKEN, asked_at=12.0, now=12.0) == Wait(15.0, decides=True)
    assert progress.unfound(MISSING, asked_at=15.0, now=15.0) == Done()


def test_after_the_grace_failing_reads_come_at_their_usual_pace():
    progress, _ = watched(gone_after=5.0, deadline=300.0)
    progress.unfound(MISSING, asked_at=10.0, now=10.0)
    assert progress.failed(BROKEN, asked_at=15.0, now=15.0) == Wait(30.0, decides=False)


UNMOVED = {ORDERS: T0, PRODUCTS: T0}


@pytest.mark.parametrize(
    ("shown", "asked_at", "changes", "wait"),
    [
        pytest.param(UNMOVED, 4.0, {}, Wait(9.0, decides=False), id="the next read"),
        pytest.param(UNMOVED, 4.0, {"deadline": None}, Wait(9.0, decides=False), id="a window without an end"),
        pytest.param(UNMOVED, 4.0, {"deadline": 8.0}, Wait(8.0, decides=True), id="the last read"),
        pytest.param(UNMOVED, 4.0, {"deadline": 4.2}, Wait(4.5, decides=True), id="the last read at once"),
        pytest.param(UNMOVED, 4.0, {"deadline": 4.0}, None, id="an end"),
        pytest.param({ORDERS: T0, PRODUCTS: T1}, 4.0, {}, None, id="news"),
        pytest.param({ORDERS: T0}, 4.0, {}, None, id="a watermark that is missing"),
    ],
)
def test_what_nearly_every_read_shows_is_told_in_one_step_or_changes_nothing(shown, asked_at, changes, wait):
    both = ((ORDERS, "accepted"), (PRODUCTS, "in_doubt", DOUBT))
    progress, _ = watched(*both, **changes)
    before = progress.kinds
    found = progress.unmoved(shown, asked_at=asked_at, now=4.5, kinds=(ORDERS, PRODUCTS))
    assert found == wait
    assert progress.kinds == before
    if wait is not None:
        assert progress.observed(shown, asked_at=asked_at, now=4.5) == wait


@pytest.mark.parametrize(
    "progress",
    [
        pytest.param(SyncProgress(policy(), 0.0, {ORDERS: KindState()}), id="not watched yet"),
        pytest.param(watched()[0], id="none of these kinds is open"),
    ],
)
def test_what_is_not_watched_is_not_unmoved(progress):
    assert progress.unmoved({PRODUCTS: T0}, asked_at=1.0, now=1.0, kinds=(PRODUCTS,)) is None


def test_a_read_from_before_the_watch_does_not_say_that_nothing_moved():
    progress, _ = watched(now=2.0)
    found = [progress.unmoved({ORDERS: T0}, asked_at=asked_at, now=3.0, kinds=(ORDERS,)) for asked_at in (1.9, 2.0)]
    assert found == [None, Wait(4.0, decides=False)]


def test_what_ended_or_is_not_asked_about_does_not_move():
    progress, _ = watched((ORDERS, "accepted"), (PRODUCTS, "accepted"), (STOCKS, "accepted"))
    assert progress.unmoved({ORDERS: T0}, asked_at=1.0, now=1.0, kinds=(ORDERS,)) == Wait(2.0, decides=False)
    # A kind without a watermark ended with its POST.
    shown = {ORDERS: T0, PRODUCTS: T0}
    assert progress.unmoved(shown, asked_at=1.0, now=1.0, kinds=(ORDERS, PRODUCTS, STOCKS)) == Wait(2.0, decides=False)
    assert progress.unmoved({}, asked_at=1.0, now=1.0, kinds=(STOCKS,)) is None


def test_it_tells_how_far_a_post_got_and_which_kinds_a_probe_reads():
    progress = SyncProgress(policy(), 0.0, dict.fromkeys([ORDERS, STOCKS], KindState()))
    progress.baseline({ORDERS: T0}, probed={STOCKS: "a"})
    progress.sending(ORDERS)
    assert [progress.phase_of(kind) for kind in (ORDERS, STOCKS)] == [Phase.SENT, Phase.PLANNED]
    assert not progress.is_answered(ORDERS)
    assert progress.probed_kinds == (STOCKS,)
    progress.accepted(ORDERS)
    progress.refused(STOCKS, BUSY)
    assert progress.is_answered(ORDERS)
    assert progress.is_answered(STOCKS)
    assert progress.probed_kinds == ()


def test_what_is_expected_or_was_missed_is_told_step_by_step():
    progress, _ = watched()
    progress.unfound(MISSING, asked_at=1.0, now=1.0)
    assert progress.unmoved({ORDERS: T0}, asked_at=2.0, now=2.0, kinds=(ORDERS,)) is None
    progress, _ = watched()
    progress.expected = {ORDERS: Expectation(low=1.0, high=2.0, tail=3.0, worst=2.0)}
    assert progress.unmoved({ORDERS: T0}, asked_at=2.0, now=2.0, kinds=(ORDERS,)) is None


def test_an_answer_from_before_the_watch_is_known_as_such():
    progress, _ = watched()
    assert [progress.is_watched_at(instant) for instant in (-1.0, 0.0, 1.0)] == [False, True, True]
    assert not SyncProgress(policy=PollPolicy(), started_at=0.0, kinds={ORDERS: KindState()}).is_watched_at(5.0)


def test_without_a_grace_it_still_takes_two_reads_apart():
    progress, _ = watched(gone_after=0.0)
    assert progress.unfound(MISSING, asked_at=10.0, now=10.0) == Wait(20.0, decides=False)
    assert progress.unfound(MISSING, asked_at=20.0, now=20.0) == Done()
    assert told(progress) == (Outcome.GONE, MISSING)


@pytest.mark.parametrize(
    ("ending", "state"),
    [("removed", Outcome.GONE), ("refused_access", Outcome.UNREAD)],
)
def test_some_answers_end_the_watch_at_once(ending, state):
    progress, _ = watched((ORDERS, "accepted"), (PRODUCTS, "accepted"), settle=50.0)
    progress.observed({ORDERS: T1, PRODUCTS: T0}, asked_at=1.0, now=1.0)
    assert getattr(progress, ending)(DENIED, now=2.0) == Done()
    # A proven change outlives any later trouble.
    assert told(progress, ORDERS) == (Outcome.ADVANCED, None)
    assert told(progress, PRODUCTS) == (state, DENIED)


# Going on


def test_a_resumed_machine_looks_at_once_and_keeps_its_window():
    progress, _ = watched(settle=10.0)
    again = SyncProgress(policy=progress.policy, started_at=0.0, kinds=dict(progress.kinds), watched_from=0.0)
    assert again.watch(30.0) == Wait(30.0, decides=False)
    assert again.deadline_at == 100.0
    assert again.watch(130.0) == Wait(130.0, decides=True)
    again.observed({ORDERS: T1}, asked_at=30.0, now=30.0)
    assert again.watch(39.0) == Wait(39.0, decides=False)
    assert again.watch(40.0) == Wait(40.0, decides=True)


def test_reads_are_paced_from_the_begin_of_the_watch():
    assert watched(now=50.0)[1] == Wait(51.0, decides=False)
    again = SyncProgress(policy(), 50.0, {ORDERS: KindState(phase=Phase.ACCEPTED, baseline=T0)}, watched_from=60.0)
    again.watch(70.0)
    assert again.failed(BROKEN, asked_at=70.0, now=70.0) == Wait(80.0, decides=False)


def test_a_resumed_machine_is_paced_from_the_last_step():
    progress, _ = watched(settle=30.0)
    progress.observed({ORDERS: T1}, asked_at=40.0, now=40.0)
    again = SyncProgress(progress.policy, 0.0, dict(progress.kinds), watched_from=0.0)
    again.watch(44.0)
    assert again.observed({ORDERS: T1}, asked_at=44.0, now=44.0) == Wait(48.0, decides=False)


def test_without_a_deadline_the_window_is_infinite():
    progress, decision = watched(deadline=None)
    assert (progress.deadline_at, decision) == (math.inf, Wait(1.0, decides=False))


def test_before_the_watch_there_is_no_deadline():
    assert SyncProgress(policy=policy(), started_at=0.0, kinds={ORDERS: KindState()}).deadline_at == math.inf


# Any order of facts


READS = ["observed", "failed", "unfound", "removed", "refused_access"]
POST_FACTS = {
    "sending": (["planned"], ()),
    "not_sent": (["sent"], ()),
    "accepted": (["sent"], ()),
    "joined": (["sent"], (BUSY,)),
    "in_doubt": (["sent"], (DOUBT,)),
    "refused": (["planned", "sent"], (BROKEN,)),
}
READ_ERRORS = {"failed": BROKEN, "unfound": MISSING}
any_kind = st.sampled_from(SyncKind)
shown_drawn = st.dictionaries(any_kind, marks)
# What a probe of some kinds showed; an error is why it could not be read.
probed_drawn = st.dictionaries(any_kind, marks | st.just(BROKEN))
some_kinds = st.none() | st.sets(any_kind).map(sorted)
expectations = st.builds(
    lambda low, middle, tail, worst: Expectation(low=low, high=low + middle, tail=low + middle + tail, worst=worst),
    *[st.sampled_from([0.0, 0.5, 2.0, 15.0])] * 3,
    st.sampled_from([1.0, 2.0, 4.0]),
)
# Mostly reads that succeed, and mostly with a watermark of every kind.
reads_drawn = st.tuples(
    st.sampled_from(["observed", "observed", "failed", "unfound"]),
    st.fixed_dictionaries(dict.fromkeys(SyncKind, marks)) | shown_drawn,
    seconds,
    some_kinds,
    st.booleans(),
)
# What another job of the same integration did for one kind: when it began, what came of its POST, what it saw when.
others_drawn = st.tuples(
    st.sampled_from([-20.0, -2.5, 0.0, 1.0]),
    st.none() | marks,
    st.sampled_from([None, "sending", "accepted", "in_doubt", "joined", "refused"]),
    st.lists(st.tuples(seconds, marks), max_size=3),
    st.booleans(),
)


def another_job(now, kind, drawn):
    """Return the machine of another job and its reference."""
    starts, baseline, answer, reads, is_over = drawn
    started_at = now + starts
    machine = SyncProgress(policy(settle=1e6, deadline=None), started_at, {kind: KindState()})
    reference = Reference(machine.policy, started_at, [kind])
    machine.baseline({} if baseline is None else {kind: baseline[1]})
    reference.baseline({} if baseline is None else {kind: baseline}, {})
    for fact in () if answer is None else ("sending",) if answer == "sending" else ("sending", answer):
        getattr(machine, fact)(kind, *POST_FACTS[fact][1])
        reference.post(fact, kind, *POST_FACTS[fact][1])
    if reference.may_watch() and not reference.is_done:
        machine.watch(started_at)
        reference.watched_from = started_at
        for pause, mark in reads:
            started_at += pause
            machine.observed({kind: mark[1]}, asked_at=started_at, now=started_at)
            reference.observed({kind: mark}, started_at, started_at)
        if is_over:
            machine.removed(DENIED, now=started_at)
            reference.removed(DENIED)
    return machine, reference


def is_open(machine):
    # After the end nothing is legal: most steps are to be taken before it.
    return not machine.expected.is_done


class AnyJob(RuleBasedStateMachine):
    """Tells facts in any order to the machine and to the reference; what may not be told must change nothing."""

    @initialize(
        policy=policies((0.5, 6.0, 40.0, 100.0, None)),
        kinds=kinds_drawn,
        spread=spreads,
        now=seconds,
        shown=st.none() | st.fixed_dictionaries(dict.fromkeys(SyncKind, marks)) | shown_drawn,
        probed=probed_drawn,
        answers=st.none() | st.lists(st.sampled_from(["accepted", "in_doubt", "joined"]), min_size=4, max_size=4),
        expected=st.just({}) | st.dictionaries(any_kind, expectations),
    )
    def begin(self, policy, kinds, spread, now, shown, probed, answers, expected):
        self.now = now
        self.spread = spread
        self.decision = None
        self.progress = SyncProgress(
            policy=policy,
            started_at=now,
            kinds=dict.fromkeys(kinds, KindState()),
            spread=spread,
            expected=expected,
        )
        self.expected = Reference(policy, now, kinds, spread, expected)
        if shown is not None:
            self.baseline(shown, probed)
        if answers is not None:
            self.answer_everything_and_watch(answers)

    def tell(self, legal, name, *arguments, **named):
        """Return whether it was legal to tell this."""
        if legal:
            self.decision = getattr(self.progress, name)(*arguments, **named)
            return True
        before = copy.deepcopy(self.progress)
        with pytest.raises(IllegalStep, match=f"cannot be told '{name}'"):
            getattr(self.progress, name)(*arguments, **named)
        assert repr(self.progress) == repr(before)
        return False

    @precondition(is_open)
    @rule(shown=shown_drawn, probed=probed_drawn)
    def baseline(self, shown, probed):
        texts = {kind: text for kind, (_, text) in shown.items()}
        probes = {kind: mark if mark is BROKEN else mark[1] for kind, mark in probed.items()}
        # A probe that showed nothing is like none; a watermark may be null.
        probed = {kind: mark for kind, mark in probed.items() if mark is BROKEN or mark[1] is not None}
        if self.tell(self.expected.may_tell_baseline(), "baseline", texts, probed=probes):
            self.expected.baseline(shown, probed)

    @precondition(is_open)
    @rule(kind=any_kind, drawn=others_drawn)
    def share(self, kind, drawn):
        other, reference = another_job(self.now, kind, drawn)
        is_answered = not reference.may_tell(kind, "planned", "sent")
        if self.tell(self.expected.may_tell(kind, "planned") and is_answered, "shares", kind, other):
            self.expected.shares(kind, reference)

    @precondition(is_open)
    @rule(fact=st.sampled_from(sorted(POST_FACTS)), kind=any_kind)
    def post(self, fact, kind):
        phases, arguments = POST_FACTS[fact]
        if self.tell(self.expected.may_tell(kind, *phases), fact, kind, *arguments):
            self.expected.post(fact, kind, *arguments)

    @rule()
    def watch(self):
        if self.tell(self.expected.may_watch(), "watch", self.now):
            if not self.expected.is_done:
                self.expected.is_measured = self.expected.is_measured and self.expected.watched_from is None
                self.expected.watched_from = (
                    self.now if self.expected.watched_from is None else self.expected.watched_from
                )
            self.check_decision(None)

    def answer_everything_and_watch(self, answers):
        for kind, answer in zip(SyncKind, answers, strict=True):
            if self.expected.may_tell(kind, "planned"):
                self.post("sending", kind)
            if self.expected.may_tell(kind, "sent"):
                self.post(answer, kind)
        self.watch()

    def check_the_short_way(self, texts, asked_at, kinds):
        given = tuple(SyncKind) if kinds is None else kinds
        quiet = self.progress.unmoved(texts, asked_at=asked_at, now=self.now, kinds=given)
        if quiet is not None:
            twin = copy.deepcopy(self.progress)
            assert quiet == twin.observed(texts, asked_at=asked_at, now=self.now, kinds=kinds)
            assert [(s.phase, s.steps, s.outcome) for s in twin.kinds.values()] == [
                (s.phase, s.steps, s.outcome) for s in self.progress.kinds.values()
            ]

    @rule(pause=seconds)
    def time_passes(self, pause):
        self.now += pause

    @rule(drawn=reads_drawn)
    def read_at_any_time(self, drawn):
        read, shown, latency, kinds, found = drawn
        asked_at, self.now = self.now, self.now + latency
        if read == "observed":
            texts = {kind: text for kind, (_, text) in shown.items()}
            self.check_what_would_be_news(shown)
            self.check_the_short_way(texts, asked_at, kinds)
            if self.tell(
                self.expected.may_read(), "observed", texts, asked_at=asked_at, now=self.now, kinds=kinds, found=found
            ):
                self.expected.observed(shown, asked_at, self.now, kinds, found)
                self.check_decision(kinds)
            return
        error = READ_ERRORS[read]
        if self.expected.may_read():
            assert self.progress.ends_if_unfound(asked_at) is self.expected.ends_if_unfound(asked_at)
        if self.tell(self.expected.may_read(), read, error, asked_at=asked_at, now=self.now, kinds=kinds):
            getattr(self.expected, read)(error, asked_at, kinds)
            self.check_decision(kinds)

    def check_what_would_be_news(self, shown):
        for kind, mark in shown.items():
            if kind in self.expected.phase:
                assert self.progress.would_be_news(kind, mark[1]) is self.expected.would_be_news(kind, mark)

    @precondition(lambda self: isinstance(self.decision, Wait))
    @rule(reads=st.lists(reads_drawn, min_size=1, max_size=5))
    def read_when_due(self, reads):
        for drawn in reads:
            if isinstance(self.decision, Wait):
                self.now = max(self.now, self.decision.until)
                self.read_at_any_time(drawn)

    @precondition(is_open)
    @rule(read=st.sampled_from(["removed", "refused_access"]), rarely=st.integers(0, 9), kinds=some_kinds)
    def end_at_once(self, read, rarely, kinds):
        legal, of = self.expected.may_read(), {} if read == "removed" else {"kinds": kinds}
        if (rarely == 0 or not legal) and self.tell(legal, read, DENIED, now=self.now, **of):
            getattr(self.expected, read)(DENIED, **of)
            self.check_decision(of.get("kinds"))

    @rule()
    def another_process_goes_on(self):
        kinds, watched_from = kinds_after_restart(self.progress), self.progress.watched_from
        self.progress = SyncProgress(
            policy=self.progress.policy,
            started_at=self.progress.started_at,
            kinds=kinds,
            spread=self.spread,
            watched_from=watched_from,
        )
        # What an earlier process did not find is not in the token: the grace begins anew. Neither is what it expected.
        self.expected.unfound_at = []
        self.expected.expected = {}
        self.expected.is_measured = True
        if watched_from is not None and not self.expected.is_done:
            self.watch()
            assert self.decision.until == self.now

    def check_decision(self, kinds):
        assert (self.decision == Done()) is (not self.expected.open_of(kinds))
        if isinstance(self.decision, Wait):
            until, end = self.decision.until, self.expected.next_end(kinds)
            assert self.now <= until <= max(self.now, end, self.expected.deadline_at())
            assert until <= max(self.now, end)
            assert until < INFINITE
            assert self.decision.decides or until < end
            if not self.expected.unfound_at:
                assert self.decision.decides is (until >= end)

    @invariant()
    def the_same_is_known(self):
        assert outcomes_of(self.progress) == self.expected.outcomes()
        assert self.progress.is_done is self.expected.is_done
        assert self.progress.deadline_at == self.expected.deadline_at()
        unsent = [kind for kind in self.expected.open if self.expected.phase[kind] == "planned"]
        assert list(self.progress.unsent) == unsent
        assert list(self.progress.unmoved_kinds) == self.expected.unmoved
        assert self.progress.is_measured is self.expected.is_measured
        assert {kind for kind, state in self.progress.kinds.items() if state.probed} == self.expected.probed
        for kind in SyncKind:
            assert self.progress.can_be_shared(kind, self.now) is self.expected.may_be_shared(kind, self.now)

    def teardown(self):
        """Whatever was told, reads that fail end it, within the number of reads the policy allows."""
        if not hasattr(self, "progress") or self.expected.is_done:
            return
        self.answer_everything_and_watch(["accepted", "in_doubt", "joined", "accepted"])
        if self.expected.policy.deadline is None and not self.expected.is_done:
            self.end_at_once("removed", 0, None)
        # The wait between two reads is at least `shortest`, so no more reads than these fit into the window.
        policy = self.expected.policy
        shortest = min(policy.first, policy.ceiling) * (1 - policy.jitter)
        for _ in range(int((policy.deadline or 0) / shortest) + 10):
            if self.expected.is_done:
                break
            self.read_when_due([("failed", {}, 0.0, None, False)])
        assert self.progress.is_done
        self.the_same_is_known()


def kinds_after_restart(progress):
    """Take the kinds of a machine through a token."""
    token = write_token(
        JobRecord(
            organization_id="org_1",
            integration_id="int_1",
            poll=progress.policy,
            on_conflict=OnConflict.WATCH,
            started=datetime(2026, 1, 1, tzinfo=UTC),
            watched=None,
            kinds=progress.kinds,
        )
    )
    return dict(read_token(token).kinds)


TestAnyJob = AnyJob.TestCase
TestAnyJob.settings = settings(max_examples=200, stateful_step_count=40)


# A driver that reads when it is told to


read_drawn = st.tuples(
    st.sampled_from(["observed", "observed", "observed", "failed", "unfound"]),
    st.dictionaries(st.sampled_from([ORDERS, PRODUCTS]), marks, min_size=1),
    seconds,
)


@st.composite
def runs(draw, deadlines=(0.0, 0.5, 6.0, 40.0)):
    """Drive a machine by reads of any kind, each made when it is due, until it ends."""
    answers = draw(st.lists(st.sampled_from([("accepted",), ("in_doubt", DOUBT)]), min_size=2, max_size=2))
    progress = SyncProgress(
        policy=draw(policies(deadlines)),
        started_at=0.0,
        kinds=dict.fromkeys([ORDERS, PRODUCTS], KindState()),
        spread=draw(spreads),
    )
    baseline = {kind: draw(marks) for kind in (ORDERS, PRODUCTS)}
    progress.baseline({kind: text for kind, (_, text) in baseline.items()})
    for kind, answer in zip((ORDERS, PRODUCTS), answers, strict=True):
        progress.sending(kind)
        getattr(progress, answer[0])(kind, *answer[1:])
    now = draw(seconds)
    decision = progress.watch(now)
    history = []
    for what, shown, latency in draw(st.lists(read_drawn, max_size=12)):
        if isinstance(decision, Done):
            break
        now, asked_at = decision.until + latency, decision.until
        decision = tell_read(progress, what, shown, asked_at, now)
        history.append((what, shown, asked_at, now, decision, dict(progress.outcomes)))
    return progress, baseline, history, decision, now


def tell_read(progress, what, shown, asked_at, now):
    if what == "observed":
        texts = {kind: text for kind, (_, text) in shown.items()}
        return progress.observed(texts, asked_at=asked_at, now=now)
    return getattr(progress, what)(MISSING if what == "unfound" else BROKEN, asked_at=asked_at, now=now)


def finish(progress, decision, what, now):
    """Read in one way until the end; return how many reads it took."""
    for count in range(2000):
        if isinstance(decision, Done):
            return count
        now = decision.until
        decision = tell_read(progress, what, {}, now, now)
    raise AssertionError("does not end")


@given(runs(), st.sampled_from(["observed", "failed", "unfound"]))
def test_every_run_ends_with_one_outcome_for_each_kind(run, what):
    progress, _, history, decision, now = run
    finish(progress, decision, what, now)
    assert set(progress.outcomes) == {ORDERS, PRODUCTS}
    for *_, outcomes in history:
        assert outcomes.items() <= dict(progress.outcomes).items()


@given(runs())
def test_no_wait_is_past_or_beyond_the_deadline(run):
    progress, _, history, _, _ = run
    for _, _, _, now, decision, _ in history:
        if isinstance(decision, Wait):
            assert now <= decision.until <= max(now, progress.deadline_at) < INFINITE


@given(runs())
def test_nothing_is_called_unchanged_without_a_look_at_the_deadline(run):
    progress, _, history, _, _ = run
    known = {}
    for _, _, asked_at, _, _, outcomes in history:
        for kind in outcomes.keys() - known.keys():
            if outcomes[kind].state in {Outcome.QUIET, Outcome.UNREAD, Outcome.AMBIGUOUS}:
                assert asked_at >= progress.deadline_at
        known = outcomes


@given(runs())
def test_a_kind_advanced_exactly_if_a_value_was_shown_that_was_never_shown_before(run):
    progress, baseline, history, _, _ = run
    for kind in (ORDERS, PRODUCTS):
        shown = [baseline[kind][0]]
        known = {}
        for what, values, _, _, _, outcomes in history:
            if what == "observed" and kind in values and kind not in known:
                shown.append(values[kind][0])
            known = outcomes
        steps = len(progress.kinds[kind].steps)
        assert steps == len(set(shown)) - 1
        assert kind not in known or (known[kind].state is Outcome.ADVANCED) is (steps > 0)


@given(runs())
def test_an_integration_is_gone_only_when_unfound_twice_with_time_between(run):
    progress, _, history, _, _ = run
    gone = {kind for kind, outcome in progress.outcomes.items() if outcome.state is Outcome.GONE}
    unfound = []
    for what, _, asked_at, _, _, _ in history:
        unfound = [] if what == "observed" else [*unfound, asked_at] if what == "unfound" else unfound
    if gone:
        assert len(unfound) > 1
        assert unfound[-1] - unfound[0] >= progress.policy.gone_after


@given(runs(deadlines=[None]))
def test_without_a_deadline_nothing_ends_without_news(run):
    progress, _, _, decision, _ = run
    assert {outcome.state for outcome in progress.outcomes.values()} <= {Outcome.ADVANCED, Outcome.GONE}
    assert isinstance(decision, Done) is (len(progress.outcomes) == 2)


@given(runs(), st.sampled_from([*READS, "baseline", "sending", "not_sent", "accepted", "joined", "refused"]))
def test_after_the_end_nothing_can_be_told(run, name):
    progress, _, _, decision, now = run
    finish(progress, decision, "failed", now)
    before = copy.deepcopy(progress)
    arguments = {
        "observed": ({ORDERS: T3},),
        "baseline": ({ORDERS: T3},),
        **dict.fromkeys(["failed", "unfound", "removed", "refused_access"], (BROKEN,)),
        **dict.fromkeys(["sending", "not_sent", "accepted"], (ORDERS,)),
        **dict.fromkeys(["joined", "refused"], (ORDERS, BUSY)),
    }[name]
    times = {"asked_at": 1e6, "now": 1e6} if name in READS[:3] else {"now": 1e6} if name in READS else {}
    with pytest.raises(IllegalStep):
        getattr(progress, name)(*arguments, **times)
    assert progress.watch(1e6) == Done()
    assert repr(progress) == repr(before)


@given(st.data())
def test_a_resumed_run_ends_like_one_that_was_never_interrupted(data):
    progress, _, history, _, _ = data.draw(runs())
    assume(history)
    cut = data.draw(st.integers(0, len(history) - 1))
    # The token does not remember what was not found: after a restart the grace begins anew.
    assume("unfound" not in [what for what, *_ in history])
    kinds = {
        kind: KindState(phase=state.phase, baseline=state.baseline, error=state.error)
        for kind, state in progress.kinds.items()
    }
    watched_from = progress.watched_from
    again = SyncProgress(progress.policy, 0.0, kinds, progress.spread, watched_from)
    again.watch(watched_from)
    for index, (what, shown, asked_at, now, *_) in enumerate(history):
        if index == cut:
            again = SyncProgress(progress.policy, 0.0, kinds_after_restart(again), progress.spread, watched_from)
            again.watch(asked_at)
        tell_read(again, what, shown, asked_at, now)
    assert outcomes_of(again) == outcomes_of(progress)


# Pace


@given(
    first=st.floats(0.01, 10),
    growth=st.floats(1.05, 4),
    jitter=st.floats(0, 0.5),
    spread=st.floats(0, 1, exclude_max=True),
    duration=st.floats(0.001, 100_000),
)
def test_news_is_seen_soon_and_with_few_reads(first, growth, jitter, spread, duration):
    poll = PollPolicy(first=first, growth=growth, jitter=jitter, ceiling=1e9, deadline=None)
    progress = SyncProgress(
        policy=poll, started_at=0.0, kinds={ORDERS: KindState(phase=Phase.ACCEPTED, baseline=T0)}, spread=spread
    )
    decision, reads = progress.watch(0.0), 0
    while isinstance(decision, Wait):
        now, reads = decision.until, reads + 1
        decision = progress.observed({ORDERS: T1 if now >= duration else T0}, asked_at=now, now=now)
    stretch = 1 + jitter * (2 * spread - 1)
    # Never later than the sync's own duration times (growth - 1), or the first wait, both stretched.
    assert now - duration <= max(first, (growth - 1) * duration) * stretch * (1 + 1e-9)
    steps = math.log(max(duration / (first * stretch), 1)) / math.log(1 + (growth - 1) * stretch)
    assert reads <= steps + 2


@given(policies([None]), spreads, st.lists(seconds, min_size=1, max_size=30))
def test_two_reads_are_never_further_apart_than_the_ceiling(poll, spread, latencies):
    progress = SyncProgress(
        policy=poll, started_at=0.0, kinds={ORDERS: KindState(phase=Phase.ACCEPTED, baseline=T0)}, spread=spread
    )
    now = 0.0
    decision = progress.watch(now)
    for latency in latencies:
        assert 0 < decision.until - now <= poll.ceiling * (1 + poll.jitter)
        now = decision.until + latency
        decision = progress.failed(BROKEN, asked_at=decision.until, now=now)
