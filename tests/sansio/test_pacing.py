import math
import sys
from bisect import bisect_left, bisect_right
from itertools import pairwise

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from packcloud_async import PollPolicy
from packcloud_async._sansio.pacing import PATROL, Expectation, delay_after

HUGE = sys.float_info.max
TINY = 5e-324
SLIGHTLY_MORE = 1 + 1e-9


def reads(policy, *, spread, expected=None, count=200):
    """The ages of the first reads."""
    ages, age = [], 0.0
    for _ in range(count):
        age += delay_after(policy, expected, age, spread=spread)
        ages.append(age)
    return ages


def reads_up_to(age, policy, *, spread, expected=None):
    ages = [0.0]
    while ages[-1] < age:
        ages.append(ages[-1] + delay_after(policy, expected, ages[-1], spread=spread))
    return ages[1:]


def seen_at(duration, ages):
    return ages[bisect_left(ages, duration)]


def stretch(policy, spread):
    """What the job's draw makes of every delay."""
    return 1 + policy.jitter * (2 * spread - 1)


def allowed_delay(policy, duration, *, spread):
    """What the geometric rule promises for a sync of this duration."""
    return min(policy.ceiling, max(policy.first, (policy.growth - 1) * duration)) * stretch(policy, spread)


def reads_allowed(policy, duration, *, spread):
    """What the geometric rule promises: logarithmic, and linear once the ceiling rules."""
    first = min(policy.first, policy.ceiling) * stretch(policy, spread)
    growth = 1 + (policy.growth - 1) * stretch(policy, spread)
    ruled_by_ceiling = policy.ceiling / (policy.growth - 1)
    ratio = max(min(duration, ruled_by_ceiling), TINY) / first
    grown = max(1.0, math.log(max(ratio, TINY)) / math.log(growth) + 2)
    if duration <= ruled_by_ceiling:
        return grown
    return grown + (duration - ruled_by_ceiling) / (policy.ceiling * stretch(policy, spread)) + 1


spreads = st.floats(0, 1, exclude_max=True)
policies = st.builds(
    PollPolicy,
    first=st.floats(1e-3, 1e3),
    growth=st.floats(1.01, 20),
    ceiling=st.floats(1e-2, 1e4),
    jitter=st.floats(0, 0.95),
)
shares = st.floats(0, 1)


def durations_within(data, ages):
    """Any duration within these ages, and those just after a read, which are the worst."""
    just_after = st.sampled_from(ages[:-1]).map(lambda age: math.nextafter(age, math.inf))
    return data.draw(st.one_of(just_after, st.sampled_from(ages), shares.map(lambda share: share * ages[-1])))


# The geometric rule


@given(policies, spreads, st.data())
def test_news_is_late_by_a_share_of_the_syncs_own_duration(policy, spread, data):
    ages = reads(policy, spread=spread)
    duration = durations_within(data, ages)
    late = seen_at(duration, ages) - duration
    allowed = allowed_delay(policy, duration, spread=spread)
    assert 0 <= late <= allowed * SLIGHTLY_MORE
    assert allowed <= (policy.first + (policy.growth - 1) * duration) * (1 + policy.jitter) * SLIGHTLY_MORE


@given(policies, spreads, st.data())
def test_the_reads_of_a_sync_are_a_logarithm_of_its_duration(policy, spread, data):
    ages = reads(policy, spread=spread)
    duration = durations_within(data, ages)
    made = bisect_left(ages, duration) + 1
    assert made <= reads_allowed(policy, duration, spread=spread) * SLIGHTLY_MORE
    # The same for a job whose draw is not known.
    if policy.first <= duration <= policy.ceiling / (policy.growth - 1) and policy.first <= policy.ceiling:
        hastiest = 1 - policy.jitter
        ratio = duration / (policy.first * hastiest)
        assert made <= (math.log(ratio) / math.log(1 + (policy.growth - 1) * hastiest) + 2) * SLIGHTLY_MORE


@pytest.mark.parametrize(
    ("spread", "ages"),
    [
        (0.0, [0.9, 1.8, 2.7, 3.915, 5.67675]),
        (0.5, [1.0, 2.0, 3.0, 4.5, 6.75]),
        (0.75, [1.05, 2.1, 3.2025, 4.8838125, 7.4478140625]),
    ],
)
def test_the_first_reads_of_the_default_policy(spread, ages):
    assert reads(PollPolicy(), spread=spread, count=5) == pytest.approx(ages, rel=1e-12)


@pytest.mark.parametrize(("number", "share"), [(3, 0.5), (10, 0.5)])
def test_the_promised_delay_is_reached(number, share):
    ages = reads(PollPolicy(), spread=0.5)
    just_missed = math.nextafter(ages[number], math.inf)
    assert seen_at(just_missed, ages) - just_missed == pytest.approx(share * just_missed)


@given(policies, spreads, spreads)
def test_jobs_fired_together_drift_apart_from_the_first_read_on(policy, one, other):
    assume(abs(one - other) > 1e-6 and policy.jitter > 1e-3)
    early, late = (reads(policy, spread=spread, count=50) for spread in sorted((one, other)))
    gaps = [b - a for a, b in zip(early, late, strict=True)]
    first = min(policy.first, policy.ceiling) * 2 * policy.jitter * abs(one - other)
    assert gaps[0] == pytest.approx(first, rel=1e-6)
    assert all(after > before for before, after in pairwise(gaps))


def in_one_tenth_of_a_second(instants):
    """The most reads that fall into any tenth of a second."""
    ordered = sorted(instants)
    return max(bisect_right(ordered, begin + 0.1) - number for number, begin in enumerate(ordered))


@pytest.mark.parametrize(("jitter", "busiest"), [(0.0, [1000, 1000, 1000]), (0.1, [501, 251, 49])])
def test_a_bulk_start_does_not_read_in_step(jitter, busiest):
    fired = [reads(PollPolicy(jitter=jitter), spread=number / 1000, count=6) for number in range(1000)]
    assert [in_one_tenth_of_a_second(ages[read] for ages in fired) for read in (0, 1, 4)] == busiest


# With something expected


HOURLY = PollPolicy(deadline=3600.0)


@pytest.mark.parametrize(
    ("age", "spread", "delay"),
    [
        pytest.param(0.0, 0.5, 4.0, id="as late as allowed: four first delays"),
        pytest.param(4.0, 0.5, 8.0, id="as late as allowed: four times the geometric delay"),
        pytest.param(12.0, 0.5, 24.0, id="and again"),
        pytest.param(36.0, 0.5, 24.0, id="straight to the time of the earliest news"),
        pytest.param(36.0, 0.0, 21.6, id="with the job's own jitter"),
        pytest.param(55.0, 0.5, 10.0, id="no short hop"),
        pytest.param(60.0, 0.5, 10.0, id="an eighth of the time in which news comes"),
        pytest.param(139.0, 0.5, 15.0, id="as close as allowed: a fourth of the geometric delay"),
        pytest.param(140.0, 0.5, 60.0, id="surprising: the geometric rule"),
    ],
)
def test_reads_wait_for_the_expected_time_and_are_dense_there(age, spread, delay):
    expected = Expectation(low=60.0, high=140.0, tail=200.0, worst=4.0)
    assert delay_after(PollPolicy(), expected, age, spread=spread) == pytest.approx(delay)


@pytest.mark.parametrize(
    ("expected", "policy", "age", "delay"),
    [
        pytest.param((0.2, 0.3), {}, 0.0, 1.0, id="never before the first delay"),
        pytest.param((50.0, 50.0), {}, 49.9, 6.2375, id="never closer than a share of the geometric delay"),
        pytest.param((0.0, 400.0), {}, 20.0, 10.0, id="dense is never sparser than geometric"),
        pytest.param((500.0, 600.0), {}, 60.0, 60.0, id="never beyond the ceiling"),
        pytest.param((500.0, 600.0), {"first": 90.0}, 0.0, 60.0, id="a first delay beyond the ceiling"),
    ],
)
def test_the_policy_keeps_its_bounds(expected, policy, age, delay):
    expected = Expectation(*expected, tail=1000.0, worst=4.0)
    assert delay_after(PollPolicy(**policy), expected, age, spread=0.5) == pytest.approx(delay)


@given(policies, spreads, st.floats(0, 1e6))
def test_nothing_expected_is_the_geometric_rule(policy, spread, age):
    assert delay_after(policy, None, age, spread=spread) == policy.delay_after(age, spread=spread)


@given(policies, spreads, st.floats(0, 1e6))
def test_a_worst_of_one_is_the_geometric_rule(policy, spread, age):
    expected = Expectation(low=30.0, high=50.0, tail=60.0, worst=1.0)
    assert delay_after(policy, expected, age, spread=spread) == policy.delay_after(age, spread=spread)


any_duration = st.one_of(st.floats(0, HUGE), st.floats(0, 1e4), st.sampled_from([0.0, TINY, 1e-308, 1.0, HUGE]))
above_zero = st.floats(0, 1e308, exclude_min=True)
expectations = st.builds(
    lambda known, worst: Expectation(*sorted(known), worst=worst),
    st.one_of(st.tuples(any_duration, any_duration, any_duration), any_duration.map(lambda same: (same,) * 3)),
    st.floats(1, 100),
)
all_policies = st.builds(
    PollPolicy,
    first=above_zero,
    growth=st.one_of(st.floats(1, 1e308, exclude_min=True), st.floats(1, 3, exclude_min=True)),
    ceiling=above_zero,
    jitter=st.floats(0, 1, exclude_max=True),
    deadline=st.none() | st.floats(0, HUGE),
)


@given(all_policies, expectations, st.floats(0, HUGE), spreads)
@example(PollPolicy(first=TINY, ceiling=TINY), Expectation(0.0, HUGE, HUGE, 4.0), 0.0, 0.5)
@example(PollPolicy(first=1e308, ceiling=1e308), Expectation(HUGE, HUGE, HUGE, 100.0), HUGE, 0.5)
def test_every_delay_keeps_the_factor_the_first_delay_and_the_ceiling(policy, expected, age, spread):
    delay = delay_after(policy, expected, age, spread=spread)
    geometric = policy.delay_after(age, spread=spread)
    slack = 8 * TINY
    assert geometric / expected.worst / SLIGHTLY_MORE - slack <= delay
    assert delay <= geometric * expected.worst * SLIGHTLY_MORE + slack
    assert min(policy.first, policy.ceiling) * stretch(policy, spread) / SLIGHTLY_MORE - slack <= delay
    assert delay <= policy.ceiling * stretch(policy, spread) * SLIGHTLY_MORE + slack


@given(policies, expectations, spreads, st.data())
def test_news_is_never_later_than_the_factor_allows(policy, expected, spread, data):
    ages = reads(policy, spread=spread, expected=expected)
    assert all(after > before for before, after in pairwise([0.0, *ages]))
    duration = durations_within(data, ages)
    late = seen_at(duration, ages) - duration
    assert 0 <= late <= expected.worst * allowed_delay(policy, duration, spread=spread) * SLIGHTLY_MORE


@given(policies, expectations, spreads)
def test_there_are_never_more_reads_than_the_factor_allows(policy, expected, spread):
    ages = reads(policy, spread=spread, expected=expected)
    # A hair shorter, so that rounding does not decide: whoever reads geometrically reads at least so often.
    geometric = [age / SLIGHTLY_MORE for age in reads_up_to(ages[-1] * SLIGHTLY_MORE, policy, spread=spread)]
    for number, age in enumerate(ages, start=1):
        assert number <= math.ceil(expected.worst) * bisect_right(geometric, age)


# The quiet window


@pytest.mark.parametrize(
    ("tail", "spread", "window"),
    [
        pytest.param(600.0, 0.5, 1200.0, id="twice the longest"),
        pytest.param(10.0, 0.5, 900.0, id="at least a share of the deadline"),
        pytest.param(3000.0, 0.5, 3600.0, id="at most the deadline"),
        pytest.param(HUGE, 0.5, 3600.0, id="twice beyond a float"),
        pytest.param(600.0, 0.0, 3600.0, id="on patrol: the whole deadline"),
        pytest.param(600.0, math.nextafter(PATROL, 0), 3600.0, id="the last one on patrol"),
        pytest.param(600.0, PATROL, 1200.0, id="the first one that is not"),
    ],
)
def test_the_window_is_learned_within_bounds(tail, spread, window):
    assert Expectation(1.0, 2.0, tail, worst=4.0).window(HOURLY, spread=spread) == window


def test_a_policy_without_a_deadline_is_given_none():
    assert Expectation(1.0, 2.0, 3.0, worst=4.0).window(PollPolicy(deadline=None)) is None


@given(all_policies, expectations, spreads)
def test_no_window_leaves_its_bounds(policy, expected, spread):
    window = expected.window(policy, spread=spread)
    if policy.deadline is None:
        assert window is None
    else:
        assert policy.deadline / expected.worst <= window <= policy.deadline
