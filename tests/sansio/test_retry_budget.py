import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.retry_budget import SPANS, RetryBudget
from packcloud_async.policies import RetryPolicy


def budget_of(*, share, reserve=0, window=10.0):
    return RetryBudget(RetryPolicy(budget=share, budget_reserve=reserve, budget_window=window))


def granted(budget, *, asked, now=0.0):
    return sum(budget.take(now) for _ in range(asked))


@pytest.mark.parametrize(
    ("share", "reserve", "sent", "allowed"),
    [(0.2, 0, 100, 20), (0.2, 5, 100, 25), (0.2, 5, 0, 5), (0.0, 0, 1000, 0), (1.0, 0, 7, 7), (None, 0, 0, 50)],
)
def test_so_many_retries_fit_beside_what_was_sent(share, reserve, sent, allowed):
    budget = budget_of(share=share, reserve=reserve)
    for _ in range(sent):
        budget.sent(0.0)
    assert granted(budget, asked=50) == allowed
    assert budget.withheld == 50 - allowed


def test_what_is_old_counts_no_more():
    budget = budget_of(share=0.5, reserve=1)
    budget.sent(0.0)
    budget.sent(0.0)
    assert granted(budget, asked=5) == 2
    assert granted(budget, asked=5, now=9.9) == 0
    assert granted(budget, asked=5, now=10.0) == 1
    assert granted(budget, asked=5, now=1e9) == 1


def test_a_server_that_only_fails_gets_a_quarter_more_than_the_first_attempts():
    budget = budget_of(share=0.2, reserve=0, window=10)
    retries = 0
    for second in range(1000):
        for _ in range(8):
            budget.sent(second)
        while budget.take(second):
            budget.sent(second)
            retries += 1
    # One more where a share ends, once for each window.
    assert 8 * 1000 / 4 <= retries <= 8 * 1000 / 4 + 1000 / 10 + 1


@given(
    share=st.floats(0, 1),
    reserve=st.integers(0, 5),
    steps=st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200),
)
def test_it_agrees_with_a_list_of_everything(share, reserve, steps):
    budget, sent, retries, now = budget_of(share=share, reserve=reserve), [], [], 0.0
    for wait, is_retry in steps:
        now += wait
        recent = [[at for at in ats if at // 1.0 > now // 1.0 - SPANS] for ats in (sent, retries)]
        if is_retry:
            expected = len(recent[1]) < reserve + share * len(recent[0])
            assert budget.take(now) is expected
            if expected:
                retries.append(now)
        else:
            budget.sent(now)
            sent.append(now)
