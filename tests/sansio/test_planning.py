import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.planning import SLACK, Singles, Walk, due_by, plan_reads


@pytest.mark.parametrize(
    ("due", "watched", "pages", "plan"),
    [
        pytest.param(["a"], 9, None, Singles(("a",)), id="list never walked"),
        pytest.param(["a", "b", "c"], 9, None, Singles(("a", "b", "c")), id="many, list never walked"),
        pytest.param(["a"], 1, 1, Singles(("a",)), id="as many pages as reads, nobody else watched"),
        pytest.param(["a"], 2, 1, Walk(("a",)), id="as many pages as reads, others watched"),
        pytest.param(["a", "b"], 2, 1, Walk(("a", "b")), id="fewer pages than reads"),
        pytest.param(["a", "b"], 9, 3, Singles(("a", "b")), id="more pages than reads"),
        pytest.param(["b", "a", "b"], 2, 2, Singles(("b", "a")), id="two jobs of one integration are one read"),
        pytest.param(["b", "a", "b", "c"], 3, 2, Walk(("b", "a", "c")), id="distinct integrations count"),
        pytest.param([], 9, 1, Singles(()), id="nothing due"),
    ],
)
def test_the_plan_with_fewer_requests_is_chosen(due, watched, pages, plan):
    assert plan_reads(due, watched=watched, pages=pages) == plan


@pytest.mark.parametrize(
    ("scheduled_at", "due_at", "earliest"),
    [(0.0, 4.0, 3.0), (10.0, 10.0, 10.0), (10.0, 8.0, 8.0), (-4.0, 0.0, -1.0)],
)
def test_a_read_may_come_early_by_a_share_of_its_wait(scheduled_at, due_at, earliest):
    assert SLACK == 0.25
    assert due_by(scheduled_at, due_at) == earliest


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_read_is_never_early_by_more_than_its_wait_or_late(scheduled_at, due_at):
    assert min(scheduled_at, due_at) <= due_by(scheduled_at, due_at) <= due_at
