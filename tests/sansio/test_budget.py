import math

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.budget import Bucket, Budget
from packcloud_async._sansio.rate_headers import Allowance
from packcloud_async.policies import RateLimit


def begin_all(budget, *, now=0.0, most=50, until=math.inf):
    """Begin as soon as it is allowed; return the instants."""
    instants = []
    while len(instants) < most:
        while (ready_at := budget.ready_at(now)) > now:
            now = ready_at
        if now > until:
            break
        budget.begin(now)
        instants.append(now)
    return instants


def most_in_a_window(instants, window):
    """How many of the sorted instants lie in the fullest closed window."""
    first = most = 0
    for last, instant in enumerate(instants):
        while instants[first] < instant - window:
            first += 1
        most = max(most, last - first + 1)
    return most


class TestARate:
    def test_is_no_limit_when_none_is_given(self):
        budget = Budget(RateLimit())
        assert begin_all(budget) == [0.0] * 50
        assert (budget.rate(0.0), budget.lowest_rate, budget.paused_for(0.0)) == (None, None, 0.0)

    def test_lets_the_burst_go_at_once_and_the_rest_evenly(self):
        budget = Budget(RateLimit(2, burst=3))
        assert begin_all(budget, most=6) == [0, 0, 0, 0.5, 1, 1.5]
        assert (budget.rate(2.0), budget.lowest_rate) == (2, 2)

    def test_saves_up_no_more_than_the_burst(self):
        budget = Budget(RateLimit(2, burst=3))
        begin_all(budget, most=3)
        assert begin_all(budget, now=1000.0, most=5) == [1000, 1000, 1000, 1000.5, 1001]

    def test_counts_time_once_even_if_the_clock_steps_back(self):
        budget = Budget(RateLimit(1))
        budget.begin(10.0)
        assert [budget.ready_at(now) for now in (10.0, 9.0, 10.0)] == [11, 11, 11]

    def test_lets_nobody_go_early(self):
        budget = Budget(RateLimit(1))
        budget.begin(10.0)
        assert [budget.ready_at(now) for now in (10.5, 10.99, 10.999_999)] == pytest.approx([11, 11, 11])

    def test_gets_back_what_did_not_begin(self):
        budget = Budget(RateLimit(1, burst=2))
        budget.begin(0.0)
        budget.begin(0.0)
        budget.take_back()
        assert budget.ready_at(0.0) <= 0
        budget.begin(0.0)
        assert budget.ready_at(0.0) == 1

    def test_is_never_fuller_than_the_burst_for_what_was_put_back(self):
        budget = Budget(RateLimit(1, burst=2))
        budget.begin(0.0)
        assert budget.ready_at(100.0) <= 100
        budget.take_back()
        assert begin_all(budget, now=100.0, most=3) == [100, 100, 101]


class TestAPause:
    def test_holds_back_everything_until_it_ends(self):
        budget = Budget(RateLimit())
        budget.pause(0.0, 7.0)
        assert (budget.ready_at(3.0), budget.paused_for(3.0), budget.paused_for(8.0)) == (7, 4, 0)

    @pytest.mark.parametrize("wishes", [(10, 3), (3, 10), (10, 0)])
    def test_is_not_shortened_by_a_shorter_one(self, wishes):
        budget = Budget(RateLimit(5))
        for wish in wishes:
            budget.pause(0.0, wish)
        assert budget.ready_at(0.0) == 10

    def test_is_followed_by_one_request_and_then_by_the_rate(self):
        budget = Budget(RateLimit(2, burst=10))
        budget.pause(0.0, 60.0)
        assert begin_all(budget, most=4) == [60, 60.5, 61, 61.5]

    def test_gives_no_more_than_was_earned_meanwhile(self):
        budget = Budget(RateLimit(1, per=100))
        budget.begin(0.0)
        budget.pause(0.0, 5.0)
        assert begin_all(budget, most=2) == [100, 200]

    def test_of_no_length_leaves_the_burst_as_it_is(self):
        budget = Budget(RateLimit(2, burst=3))
        budget.pause(5.0, 5.0)
        assert begin_all(budget, now=5.0, most=4) == [5, 5, 5, 5.5]

    def test_that_is_over_lets_the_burst_be_saved_up_again(self):
        budget = Budget(RateLimit(2, burst=3))
        budget.pause(0.0, 10.0)
        assert begin_all(budget, now=11.0, most=4) == [11, 11, 11, 11.5]


class TestAdapting:
    POLICY = RateLimit(100, adaptive=True, decrease=0.5, increase=0.25, quiet=10, floor=0.1)

    def budget(self, **changes):
        return Budget(attrs.evolve(self.POLICY, **changes))

    def refuse(self, budget, *, at, began=None, until=None):
        budget.refused(began=at if began is None else began, now=at, until=at if until is None else until)

    def test_a_refusal_lowers_the_rate(self):
        budget = self.budget()
        self.refuse(budget, at=5.0)
        assert (budget.rate(5.0), budget.lowest_rate) == (50, 50)

    def test_only_if_that_was_asked_for(self):
        budget = self.budget(adaptive=False)
        self.refuse(budget, at=5.0, until=9.0)
        assert (budget.rate(5.0), budget.lowest_rate, budget.ready_at(5.0)) == (100, 100, 9)

    def test_a_limit_of_none_has_nothing_to_lower(self):
        budget = Budget(RateLimit())
        self.refuse(budget, at=5.0, until=9.0)
        assert (budget.rate(5.0), budget.ready_at(5.0)) == (None, 9)

    def test_a_hundred_requests_that_meet_the_same_refusal_lower_it_once(self):
        budget = self.budget()
        for number in range(100):
            self.refuse(budget, at=5.0 + number / 100, began=number / 20)
        assert budget.rate(6.0) == 50

    def test_one_that_began_after_it_was_lowered_lowers_it_again_down_to_the_floor(self):
        budget = self.budget()
        rates = []
        for second in range(1, 7):
            self.refuse(budget, at=float(second))
            rates.append(budget.rate(second))
        assert rates == [50, 25, 12.5, 10, 10, 10]
        assert budget.lowest_rate == 10

    def test_quiet_time_raises_it_step_by_step_to_where_it_was(self):
        budget = self.budget()
        self.refuse(budget, at=0.0)
        assert [budget.rate(now) for now in (9.9, 10, 19.9, 20, 1e9)] == [50, 75, 75, 100, 100]
        assert budget.lowest_rate == 50

    def test_quiet_time_begins_after_the_last_refusal_and_its_pause(self):
        budget = self.budget()
        self.refuse(budget, at=1.0, until=30.0)
        self.refuse(budget, at=2.0, began=0.5)
        assert [budget.rate(now) for now in (39.9, 40)] == [50, 75]

    def test_a_rise_while_nothing_was_asked_counts_from_when_it_happened(self):
        budget = self.budget(requests=1.0, burst=20, increase=0.5, floor=0.5)
        begin_all(budget, most=20)
        self.refuse(budget, at=0.0)
        assert len(begin_all(budget, now=20.0, until=20.0)) == 5 + 10

    def test_a_rise_brings_forward_what_waits(self):
        budget = self.budget(requests=1.0, per=100, burst=1, floor=0.1)
        budget.begin(0.0)
        self.refuse(budget, at=0.0)
        assert begin_all(budget, most=1)[0] == pytest.approx(20 + (1 - 0.05 - 0.075) / 0.01)


class TestTheHeadersOfAnswers:
    ALLOWANCE = Allowance(remaining=0, limit=60, reset=30)

    def test_hold_back_without_any_limit_of_ones_own(self):
        budget = Budget(RateLimit())
        budget.told([self.ALLOWANCE], uncertain=0, now=0.0)
        assert (budget.ready_at(0.0), budget.paused_for(10.0)) == (30, 20)

    def test_that_say_nothing_change_nothing(self):
        budget = Budget(RateLimit())
        budget.told([], uncertain=0, now=0.0)
        assert budget.ready_at(0.0) <= 0

    def test_are_left_alone_when_so_told(self):
        budget = Budget(RateLimit(server_headers=False))
        budget.told([self.ALLOWANCE], uncertain=0, now=0.0)
        assert (budget.ready_at(0.0) <= 0, budget.paused_for(0.0)) == (True, 0)

    def test_spread_what_is_left_which_is_no_pause(self):
        budget = Budget(RateLimit())
        budget.told([Allowance(remaining=2, limit=60, reset=30)], uncertain=0, now=0.0)
        assert budget.paused_for(0.0) == 0
        assert begin_all(budget, most=2) == [10, 20]
        assert budget.paused_for(20.0) == 10

    def test_count_what_did_not_begin_as_left(self):
        budget = Budget(RateLimit())
        budget.told([Allowance(remaining=1, limit=60, reset=30)], uncertain=0, now=0.0)
        budget.begin(0.0)
        assert budget.ready_at(0.0) == 30
        budget.take_back()
        assert budget.ready_at(0.0) == 15

    def test_and_the_rate_hold_together(self):
        budget = Budget(RateLimit(1, per=100))
        budget.begin(0.0)
        budget.told([self.ALLOWANCE], uncertain=0, now=0.0)
        assert begin_all(budget, most=1) == [100]


policies = st.builds(
    RateLimit,
    st.integers(1, 40),
    per=st.sampled_from([0.1, 1.0, 7.0, 60.0]),
    burst=st.integers(1, 15),
    adaptive=st.booleans(),
    decrease=st.floats(0.1, 0.9),
    increase=st.floats(0.05, 1),
    quiet=st.floats(0.1, 30),
    floor=st.floats(0.05, 1),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(1, 20)),
        st.tuples(st.just("wait"), st.floats(0, 30)),
        st.tuples(st.just("pause"), st.floats(0, 20)),
        st.tuples(st.just("refuse"), st.floats(0, 20)),
        st.tuples(st.just("give up"), st.just(0)),
    ),
    max_size=60,
)


@given(policies, steps, st.sampled_from([0.0, 1e3, 1e7]))
def test_no_window_ever_holds_more_than_the_requests_and_the_burst(policy, steps, now):
    budget, begun = Budget(policy), []
    for step, value in steps:
        match step:
            case "begin":
                begun += begin_all(budget, now=now, most=value)
                now = max(now, begun[-1])
            case "wait":
                now += value
            case "pause":
                budget.pause(now, now + value)
            case "refuse":
                budget.refused(began=begun[-1] if begun else now, now=now, until=now + value)
            case _ if begun and begun[-1] == now:
                budget.take_back()
                begun.pop()
        full = policy.requests / policy.per
        assert policy.floor * full <= budget.rate(now) <= full
        assert budget.lowest_rate <= budget.rate(now)
    # The last bits of an instant are rounded.
    assert most_in_a_window(begun, policy.per * (1 - 1e-6)) <= policy.requests + policy.burst


@given(policies, st.integers(1, 60))
def test_a_burst_of_one_keeps_the_limit_itself_in_windows_without_their_last_instant(policy, requests):
    budget = Budget(attrs.evolve(policy, burst=1))
    begun = begin_all(budget, most=requests)
    assert most_in_a_window(begun, policy.per * (1 - 1e-6)) <= policy.requests


@given(policies, st.floats(0, 1e9), st.lists(st.floats(0, 100), max_size=20))
def test_who_asks_again_when_told_gets_there_without_asking_often(policy, start, pauses):
    budget, now = Budget(policy), start
    for pause in pauses:
        budget.begin(now)
        budget.refused(began=now, now=now, until=now + pause)
        questions = 0
        while (ready_at := budget.ready_at(now)) > now:
            now, questions = ready_at, questions + 1
        # One for each step by which the rate may rise meanwhile, and what rounding costs.
        assert questions <= 1 + math.ceil(1 / policy.increase) + 2


def test_a_bucket_begins_full():
    bucket = Bucket(RateLimit(5, burst=3), 5.0)
    assert (bucket.rate, bucket.lowest_rate, bucket.ready_at(0.0)) == (5, 5, -math.inf)


class TestMayBegin:
    """It says in one step what ``ready_at`` says."""

    @pytest.mark.parametrize("policy", [RateLimit(), RateLimit(2, burst=1)], ids=["no limit", "a limit"])
    def test_it_is_what_ready_at_says(self, policy):
        budget = Budget(policy)
        assert budget.may_begin(0.0)
        budget.begin(0.0)
        for now in (0.0, 0.4, 0.6):
            assert budget.may_begin(now) is (budget.ready_at(now) <= now)
        budget.pause(0.6, 5.0)
        assert not budget.may_begin(1.0)
        assert budget.may_begin(5.0)

    def test_what_the_server_said_counts(self):
        budget = Budget(RateLimit())
        budget.begin(0.0)
        budget.told([Allowance(remaining=0, limit=10, reset=30)], uncertain=0, now=0.0)
        assert not budget.may_begin(1.0)
        assert budget.may_begin(31.0)
