"""Requests counted by time: bounded, and none lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async.reporting.traffic import FIRST_WIDTH, MOST_BUCKETS, SENT, Sort, Traffic

EVENTS = st.lists(st.tuples(st.sampled_from(Sort), st.floats(-1, 1e6)), max_size=60)


def counted(events):
    traffic = Traffic()
    for sort, at in events:
        traffic.count(sort, at)
    return traffic.story()


@given(EVENTS)
def test_however_long_it_takes_the_buckets_are_bounded_and_nothing_is_lost(events):
    story = counted(events)
    assert len(story.budget) <= MOST_BUCKETS
    assert {len(story.of(sort)) for sort in Sort} == {len(story.budget)}
    assert {sort: story.total(sort) for sort in Sort} == {sort: sum(of is sort for of, _ in events) for sort in Sort}
    assert sum(story.sent) == sum(sort in SENT for sort, _ in events)


@given(EVENTS, st.floats(0.01, 1000))
def test_coarser_buckets_hold_the_same(events, width):
    story = counted(events)
    coarser = story.coarser(width)
    assert coarser.width >= width
    assert [coarser.total(sort) for sort in Sort] == [story.total(sort) for sort in Sort]


@given(st.floats(0, FIRST_WIDTH * MOST_BUCKETS * 0.999))
def test_one_is_counted_where_it_belongs(at):
    story = counted([(Sort.POST, at)])
    (index,) = [number for number, count in enumerate(story.of(Sort.POST)) if count]
    assert story.width == FIRST_WIDTH
    assert index * FIRST_WIDTH <= at + 1e-9 < (index + 1) * FIRST_WIDTH + 2e-9


def test_a_bucket_tells_its_first_one_so_that_the_budget_is_asked_once():
    traffic = Traffic()
    assert [traffic.count(Sort.READ, at) for at in (0.0, 0.01, 0.06, 0.07, 0.3)] == [True, False, True, False, True]


def test_a_budget_that_was_lower_for_a_moment_is_not_lost_when_buckets_are_merged():
    traffic = Traffic()
    for at, rate in ((0.0, 50.0), (0.05, 25.0), (0.1, 50.0), (0.2, None)):
        traffic.count(Sort.READ, at)
        traffic.allowed(rate, at)
    assert traffic.story().budget == [50.0, 25.0, 50.0, None, None]
    assert traffic.story().coarser(0.1).budget == [25.0, 50.0, None]


@pytest.mark.parametrize("seconds", [1, 60, 3600, 86400 * 30])
def test_the_width_doubles(seconds):
    story = counted([(Sort.READ, 0.0), (Sort.READ, float(seconds))])
    assert story.width * MOST_BUCKETS > seconds
