"""What is kept between two looks at a target, and the line its triggers stand in: for whatever stands in a database."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async import SyncKind
from packcloud_async.fleet.queue import FIRST, place_behind
from packcloud_async.fleet.schedule import NextRead, Plan, Schedule, read_schedule, write_schedule

INSTANTS = st.floats(0, 250_000_000_000, allow_nan=False)
READS = st.builds(NextRead, st.sampled_from([None, *SyncKind]), INSTANTS, st.booleans(), INSTANTS)
PLANS = st.builds(Plan, st.lists(READS, max_size=3).map(tuple), st.integers(0, 10_000), st.one_of(st.none(), INSTANTS))
SCHEDULES = st.builds(
    Schedule,
    st.dictionaries(st.integers(1, 2**50), PLANS, max_size=4),
    st.one_of(st.none(), st.integers(1, 10_000)),
    st.booleans(),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=12,
)


@given(SCHEDULES)
def test_what_was_written_is_read(schedule):
    assert read_schedule(write_schedule(schedule)) == schedule


@given(st.one_of(st.text(), JSON.map(json.dumps)))
def test_what_cannot_be_read_makes_everything_due_at_once(text):
    assert read_schedule(text) == Schedule()


@settings(max_examples=300)
@given(SCHEDULES, st.data())
def test_what_is_damaged_is_nothing_or_something_usable(schedule, data):
    document = json.loads(write_schedule(schedule))
    holder, key = data.draw(st.sampled_from(list(places_in(document))))
    holder[key] = data.draw(JSON)
    found = read_schedule(json.dumps(document))
    for plan in found.plans.values():
        assert plan.page >= 0
        for read in plan.reads:
            assert 0 <= read.due_at < 1e12
            assert 0 <= read.scheduled_at < 1e12
    assert found.pages is None or found.pages >= 1
    assert found.next_due is None or math.isfinite(found.next_due)
    # What was read once can be written again.
    assert read_schedule(write_schedule(found)) == found


def places_in(document):
    """Every place of a document that holds something."""
    keys = document if isinstance(document, dict) else range(len(document))
    for key in keys:
        yield document, key
        if isinstance(document[key], dict | list):
            yield from places_in(document[key])


@pytest.mark.parametrize("text", [None, "", "{", "[]", "null", "1e400", "[" * 100_000])
def test_nothing_and_nonsense_are_an_empty_schedule(text):
    assert read_schedule(text) == Schedule()


@given(st.lists(st.floats(0, allow_infinity=False, exclude_min=True), max_size=20), st.integers(0, FIRST))
def test_places_go_up_and_stay_within_what_the_engine_can_count(weights, place):
    for weight in weights:
        behind = place_behind(place, weight)
        assert place < behind <= FIRST or place == behind == FIRST
        place = behind


def test_one_of_weight_2_has_two_places_where_others_have_one():
    assert [place_behind(0, weight) for weight in (0.5, 1, 2, 4)] == [200, 100, 50, 25]
