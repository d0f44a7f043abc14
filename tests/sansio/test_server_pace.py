import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.rate_headers import Allowance
from packcloud_async._sansio.server_pace import ServerPace
from packcloud_async.policies import RateLimit

NEVER = -math.inf


def pace_of(*, began=0, now=0.0, uncertain=0, policy=RateLimit(), **told):  # noqa: B008 - frozen
    pace = ServerPace(policy)
    pace.began(began)
    pace.told([Allowance(**told)], uncertain=uncertain, now=now)
    return pace


def begin_all(pace, *, until, now=0.0):
    """Begin as soon as it is allowed; return the instants."""
    instants = []
    while (ready_at := max(now, pace.ready_at(now))) < until and len(instants) < 1000:
        now = ready_at
        pace.began(now)
        instants.append(now)
    return instants


def test_where_nothing_was_said_nobody_waits():
    pace = ServerPace(RateLimit())
    assert len(begin_all(pace, until=1.0)) == 1000
    assert not pace.is_used_up


@pytest.mark.parametrize("remaining", [7, 59, 60, 1000])
def test_while_much_is_left_nobody_waits(remaining):
    assert pace_of(remaining=remaining, limit=60, reset=30).ready_at(0.0) == NEVER


def test_when_little_is_left_the_rest_is_spread_over_the_time_until_the_reset():
    pace = pace_of(remaining=5, limit=60, reset=30)
    assert begin_all(pace, until=30) == [5, 10, 15, 20, 25]


def test_when_nothing_is_left_the_next_one_waits_for_the_reset():
    pace = pace_of(remaining=0, limit=60, reset=30)
    assert (pace.ready_at(0.0), pace.ready_at(29.9), pace.is_used_up) == (30, 30, True)
    assert pace.ready_at(30.0) == NEVER
    assert not pace.is_used_up


def test_requests_that_may_not_be_counted_are_taken_off():
    assert pace_of(remaining=20, limit=60, reset=30, uncertain=13).ready_at(0.0) == NEVER
    assert pace_of(remaining=20, limit=60, reset=30, uncertain=15).ready_at(0.0) == 5
    assert pace_of(remaining=20, limit=60, reset=30, uncertain=99).ready_at(0.0) == 30


@pytest.mark.parametrize("order", [1, -1], ids=["in order", "out of order"])
@pytest.mark.parametrize("reset", [30, None])
def test_of_ten_answers_at_once_the_best_minimum_stands(order, reset):
    pace = ServerPace(RateLimit(little=1))
    for _ in range(10):
        pace.began(0.0)
    answers = [Allowance(remaining=60 - number, limit=60, reset=reset) for number in range(1, 11)]
    for allowance in answers[::order]:
        pace.told([allowance], uncertain=9, now=0.0)
    # The one that says 59 was counted first; the nine others then leave 50.
    assert len(begin_all(pace, until=(reset or 60) - 0.1)) == 50


def test_more_than_the_server_says_is_never_left():
    pace = pace_of(remaining=50, limit=60, reset=30)
    pace.told([Allowance(remaining=4, limit=60, reset=30)], uncertain=0, now=0.0)
    assert pace.ready_at(0.0) == 6


@pytest.mark.parametrize(("reset", "ready_at"), [(31.5, 6.3), (28.5, 5.7), (33, 33 / 1), (20, 20 / 1)])
def test_the_same_reset_may_be_told_a_little_differently(reset, ready_at):
    pace = pace_of(remaining=4, limit=60, reset=30)
    pace.told([Allowance(remaining=4, limit=60, reset=reset)], uncertain=4, now=0.0)
    assert pace.ready_at(0.0) == pytest.approx(ready_at)


def test_what_begins_is_taken_off_until_the_next_answer_says_otherwise():
    pace = pace_of(remaining=8, limit=60, reset=30)
    pace.began(1.0)
    assert pace.ready_at(1.0) == NEVER
    pace.began(2.0)
    assert pace.ready_at(2.0) == 2 + 28 / 7
    pace.told([Allowance(remaining=40, limit=60, reset=20)], uncertain=0, now=3.0)
    assert pace.ready_at(3.0) == NEVER


def test_what_did_not_begin_after_all_is_put_back():
    pace = pace_of(remaining=1, limit=60, reset=30)
    ready_at = pace.ready_at(0.0)
    pace.began(20.0)
    assert pace.ready_at(20.0) == 30
    pace.took_back()
    assert pace.ready_at(20.0) == ready_at == 15


def test_taking_back_where_nothing_was_said_changes_nothing():
    pace = ServerPace(RateLimit())
    pace.began(1.0)
    pace.took_back()
    assert pace.ready_at(1.0) == NEVER


def test_no_single_wait_is_longer_than_the_policy_says():
    policy = RateLimit(longest_wait=7)
    assert pace_of(remaining=0, limit=60, reset=3000, policy=policy).ready_at(0.0) == 7
    pace = pace_of(remaining=1, limit=60, reset=3000, policy=policy)
    assert begin_all(pace, until=30) == [7, 14, 21, 28]


@pytest.mark.parametrize(("little", "ready_at"), [(0, NEVER), (0.5, 30 / 31), (1, 30 / 31)])
def test_what_little_means_is_the_policys(little, ready_at):
    assert pace_of(remaining=30, limit=60, reset=30, policy=RateLimit(little=little)).ready_at(0.0) == ready_at


def test_of_several_limits_the_one_counts_that_holds_back_longest():
    pace = ServerPace(RateLimit())
    day, minute = Allowance(remaining=1, limit=100, reset=100), Allowance(remaining=0, limit=60, reset=30)
    pace.told([minute, day, Allowance(remaining=9, limit=10, reset=1)], uncertain=0, now=0.0)
    assert pace.ready_at(0.0) == 50


def test_a_limit_that_is_not_named_is_the_most_that_was_ever_left():
    pace = pace_of(remaining=100, reset=30)
    assert pace.ready_at(0.0) == NEVER
    pace.told([Allowance(remaining=9, reset=30)], uncertain=0, now=0.0)
    assert pace.ready_at(0.0) == 3


def test_the_next_window_is_another_one_however_short_it_is():
    pace = pace_of(remaining=5, limit=60, reset=1, window=1)
    pace.told([Allowance(remaining=5, limit=60, reset=1, window=1)], uncertain=5, now=0.9)
    assert pace.ready_at(0.9) == 1.9


class TestAResetThatIsNotNamed:
    """As Laravel answers: only what is left of how much."""

    def test_is_presumed_a_window_after_the_window_was_first_heard_of(self):
        pace = pace_of(remaining=50, limit=60)
        pace.told([Allowance(remaining=0, limit=60)], uncertain=0, now=10.0)
        assert pace.ready_at(10.0) == 60

    def test_is_a_window_later_when_more_is_left_than_at_first(self):
        pace = pace_of(remaining=50, limit=60)
        pace.told([Allowance(remaining=59, limit=60)], uncertain=0, now=40.0)
        pace.told([Allowance(remaining=0, limit=60)], uncertain=0, now=41.0)
        assert pace.ready_at(41.0) == 100

    def test_is_a_window_after_the_reset_that_passed(self):
        pace = pace_of(remaining=0, limit=60, reset=5)
        assert pace.ready_at(5.0) == NEVER
        pace.told([Allowance(remaining=59, limit=60)], uncertain=0, now=6.0)
        pace.told([Allowance(remaining=0, limit=60)], uncertain=0, now=7.0)
        assert pace.ready_at(7.0) == 65

    @pytest.mark.parametrize(
        ("told", "resets_at"), [({}, 20), ({"window": 7}, 7)], ids=["by the policy", "by the server"]
    )
    def test_is_presumed_by_the_length_of_a_window(self, told, resets_at):
        pace = pace_of(remaining=0, limit=60, policy=RateLimit(presumed_window=20), **told)
        assert pace.ready_at(0.0) == resets_at


class TestAfterTheReset:
    def test_one_more_window_of_the_same_limit_is_expected(self):
        pace = pace_of(remaining=0, limit=10, reset=5, window=50)
        assert begin_all(pace, now=5.0, until=55) == [5] * 9 + [30]

    def test_and_after_that_nothing_is_known(self):
        pace = pace_of(remaining=0, limit=10, reset=5, window=50)
        begin_all(pace, now=5.0, until=55)
        assert len(begin_all(pace, now=55.0, until=56)) == 1000

    def test_nothing_is_known_when_both_are_over(self):
        pace = pace_of(remaining=0, limit=10, reset=5, window=50)
        assert len(begin_all(pace, now=55.0, until=56)) == 1000

    def test_nothing_is_expected_of_a_server_that_never_left_anything(self):
        pace = pace_of(remaining=0, reset=5)
        assert len(begin_all(pace, now=5.0, until=6)) == 1000


@given(
    limit=st.integers(1, 50),
    window=st.integers(1, 100),
    latency=st.floats(0, 20),
    little=st.floats(0, 1),
    spacing=st.lists(st.floats(0, 5), min_size=1, max_size=150),
)
def test_a_server_that_counts_in_windows_never_has_to_refuse(limit, window, latency, little, spacing):
    """One request in flight at a time; the server counts at the begin, and tells when it answers."""
    pace, counts, now = ServerPace(RateLimit(little=little, longest_wait=1e6)), {}, 0.0
    for wait in spacing:
        now = max(now + wait, pace.ready_at(now + wait))
        pace.began(now)
        number = now // window
        counts[number] = counts.get(number, 0) + 1
        now += min(latency, 0.9 * ((number + 1) * window - now))
        told = Allowance(
            remaining=max(0, limit - counts[number]), limit=limit, reset=(number + 1) * window - now, window=window
        )
        pace.told([told], uncertain=0, now=now)
    assert max(counts.values()) <= limit
