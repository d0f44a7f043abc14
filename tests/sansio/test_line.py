import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.line import PATIENCE, Door, Line

ACT, READ, LISTING = Urgency


def take_all(line):
    taken = []
    while line.is_ready:
        taken.append(line.take().item)
    return taken


def test_nobody_waits_at_first():
    assert not Line().is_ready


def test_the_most_urgent_goes_first_and_among_equals_who_came_first():
    line, door = Line(), Door()
    for item, urgency in (("l1", LISTING), ("r1", READ), ("a1", ACT), ("r2", READ), ("l2", LISTING), ("a2", ACT)):
        line.put(item, door=door, urgency=urgency)
    assert take_all(line) == ["a1", "a2", "r1", "r2", "l1", "l2"]


def test_first_come_first_served_holds_over_all_doors():
    line, doors = Line(), [Door(), Door(), Door()]
    for number in range(9):
        line.put(number, door=doors[number % 3], urgency=READ)
    assert take_all(line) == list(range(9))


def test_who_waits_at_a_closed_door_cannot_go_and_keeps_its_place():
    line, closed, opened = Line(), Door(), Door()
    line.put("first", door=closed, urgency=READ)
    line.set_open(closed, False)
    line.put("second", door=closed, urgency=ACT)
    assert not line.is_ready
    line.put("third", door=opened, urgency=READ)
    line.put("fourth", door=opened, urgency=READ)
    assert line.take().item == "third"
    line.set_open(closed, True)
    assert take_all(line) == ["second", "first", "fourth"]


def test_who_leaves_is_not_taken_and_nobody_else_loses_a_place():
    line, door = Line(), Door()
    places = [line.put(number, door=door, urgency=READ) for number in range(5)]
    for number in (0, 2, 4):
        line.leave(places[number])
    line.leave(places[0])
    assert take_all(line) == [1, 3]
    assert not line.is_ready


def test_who_was_taken_and_is_put_back_waits_where_it_waited():
    line, door, other = Line(), Door(), Door()
    for item, at, urgency in (("r1", door, READ), ("a1", other, ACT), ("r2", door, READ), ("r3", door, READ)):
        line.put(item, door=at, urgency=urgency)
    taken = [line.take() for _ in range(3)]
    for place in reversed(taken):
        line.put_back(place)
    assert take_all(line) == ["a1", "r1", "r2", "r3"]


def test_the_oldest_is_overtaken_so_often_and_then_goes():
    line, door = Line(), Door()
    line.put("old", door=door, urgency=LISTING)
    line.put("next", door=door, urgency=LISTING)
    for number in range(40):
        line.put(number, door=door, urgency=ACT)
    taken = take_all(line)
    assert (taken.index("old"), taken.index("next")) == (PATIENCE, 2 * PATIENCE + 1)


def test_a_stream_of_urgent_requests_through_another_door_starves_nobody():
    line, quiet, busy = Line(), Door(), Door()
    line.put("old", door=quiet, urgency=LISTING)
    taken = []
    for number in range(PATIENCE + 1):
        line.put(number, door=busy, urgency=ACT)
        taken.append(line.take().item)
    assert taken == [*range(PATIENCE), "old"]


def test_a_door_open_for_moments_does_not_starve_its_own():
    line, narrow, wide = Line(), Door(), Door()
    line.put("old", door=narrow, urgency=LISTING)
    line.set_open(narrow, False)
    taken = []
    for number in range(PATIENCE + 1):
        line.put(f"n{number}", door=narrow, urgency=ACT)
        # While it is closed the others' oldest goes, again and again.
        line.put(f"w{number}", door=wide, urgency=READ)
        taken.append(line.take().item)
        line.set_open(narrow, True)
        taken.append(line.take().item)
        line.set_open(narrow, False)
    assert taken[-1] == "old"
    assert "old" not in taken[:-1]


urgencies = st.sampled_from(Urgency)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), urgencies),
        st.tuples(st.just("take")),
        st.tuples(st.just("leave"), st.integers(0, 50)),
        st.tuples(st.just("door"), st.integers(0, 2), st.booleans()),
    ),
    max_size=200,
)


@given(steps)
def test_it_agrees_with_a_plain_list(steps):
    line, doors, places = Line(), [Door(), Door(), Door()], []
    passed, passed_at = 0, dict.fromkeys(doors, 0)
    for step, *values in steps:
        if step == "put":
            door = doors[values[0]]
            places.append(line.put(len(places), door=door, urgency=values[1]))
        elif step == "leave" and places:
            line.leave(places.pop(values[0] % len(places)))
        elif step == "door":
            line.set_open(doors[values[0]], values[1])
        able = [place for place in places if place.door.is_open]
        assert line.is_ready is bool(able)
        if step == "take" and able:
            expected = min(able, key=lambda place: (place.urgency, place.number))
            at_door = [place for place in able if place.door is expected.door]
            if passed >= PATIENCE:
                expected = able[0]
            elif passed_at[expected.door] >= PATIENCE:
                expected = at_door[0]
            at_door = [place for place in able if place.door is expected.door]
            passed = 0 if expected is able[0] else passed + 1
            passed_at[expected.door] = 0 if expected is at_door[0] else passed_at[expected.door] + 1
            assert line.take() is expected
            places.remove(expected)


@given(st.lists(st.tuples(urgencies, st.integers(0, 3)), max_size=300))
def test_nobody_is_overtaken_beyond_measure(arrivals):
    line, door, waiting, overtaken, allowed = Line(), Door(), [], {}, {}
    for urgency, served in arrivals:
        place = line.put(None, door=door, urgency=urgency)
        # Each that stands before it, and then itself, is the oldest for so many turns.
        allowed[place], overtaken[place] = PATIENCE * (len(waiting) + 1), 0
        waiting.append(place)
        for _ in range(min(served, len(waiting))):
            taken = line.take()
            for older in waiting[: waiting.index(taken)]:
                overtaken[older] += 1
            waiting.remove(taken)
        assert all(overtaken[place] <= allowed[place] for place in waiting)


@pytest.mark.parametrize("urgency", Urgency)
def test_a_place_tells_who_stands_there(urgency):
    line, door = Line(), Door()
    place = line.put("somebody", door=door, urgency=urgency)
    assert (place.item, place.urgency, place.door, place.number) == ("somebody", urgency, door, 1)
    assert line.take() is place
