import itertools
import math
from collections import Counter, deque

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import ConfigurationError
from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.fairness import GREATEST_WEIGHT, LEAST_WEIGHT, OLDEST_CLASS_EVERY, Turns

ACT, READ, LISTING = Urgency


def turns_of(*names, urgency=READ, weights=None):
    """Items named for their flow: ``a1`` waits in flow ``a``."""
    turns = Turns()
    for name in names:
        turns.add(name, flow=name[0], urgency=urgency, weight=(weights or {}).get(name[0], 1.0))
    return turns


def granted(turns, count=None):
    return [turns.next() for _ in range(len(turns) if count is None else count)]


def names(flow, count):
    return [f"{flow}{number}" for number in range(1, count + 1)]


class TestWhoseTurn:
    def test_nobody_waits(self):
        assert (Turns().next(), len(Turns())) == (None, 0)

    def test_flows_take_turns(self):
        turns = turns_of("a1", "a2", "a3", "b1", "c1", "c2")
        assert len(turns) == 6
        assert granted(turns) == ["a1", "b1", "c1", "a2", "c2", "a3"]
        assert turns.next() is None

    @pytest.mark.parametrize(
        ("weights", "order"),
        [
            pytest.param({"b": 2}, "abbabbabb", id="twice as many"),
            pytest.param({"b": 0.5}, "abaabaaba", id="half as many"),
            pytest.param({"b": 1.5}, "ababbababbab", id="what is left of the credit is carried on"),
            pytest.param({"a": 0.01, "b": 0.01}, "abababab", id="rounds in which nobody has credit cost nothing"),
            pytest.param({"a": 0.25, "b": 0.5}, "babbabbab", id="fractions beside each other"),
        ],
    )
    def test_weights_are_shares(self, weights, order):
        turns = turns_of(*names("a", 20), *names("b", 20), weights=weights)
        assert "".join(name[0] for name in granted(turns, len(order))) == order

    def test_a_turn_lasts_as_long_as_the_credit(self):
        turns = turns_of(*names("a", 9), *names("b", 3), *names("c", 3), weights={"a": 3})
        assert "".join(name[0] for name in granted(turns)) == "aaabc" * 3

    def test_the_weight_given_last_holds_from_the_next_turn_on(self):
        turns = turns_of(*names("a", 3), *names("b", 4))
        turns.add("b5", flow="b", urgency=READ, weight=3)
        assert granted(turns) == ["a1", "b1", "a2", "b2", "b3", "b4", "a3", "b5"]

    def test_a_flow_that_was_idle_has_saved_up_nothing(self):
        turns = turns_of("a1", *names("b", 9), weights={"a": 100})
        assert granted(turns, 6) == ["a1", "b1", "b2", "b3", "b4", "b5"]
        for name in names("c", 3):
            turns.add(name, flow="c", urgency=READ)
        assert granted(turns, 4) == ["b6", "c1", "b7", "c2"]

    def test_a_flow_that_empties_and_fills_again_has_no_second_turn_in_a_round(self):
        turns, order = turns_of("a1", "b1", "c1"), []
        for number in itertools.count(2):
            name = turns.next()
            order.append(name[0])
            if number > 10:
                break
            turns.add(f"{name[0]}{number}", flow=name[0], urgency=READ)
        assert "".join(order) == "abcabcabca"

    def test_the_same_flow_takes_turns_in_every_class_of_its_own(self):
        turns = turns_of("a1", "a2", "b1")
        turns.add("a-post", flow="a", urgency=ACT)
        turns.add("b-post", flow="b", urgency=ACT)
        assert granted(turns) == ["a-post", "b-post", "a1", "b1", "a2"]


class TestLeavingAndEntering:
    def test_what_is_discarded_gets_no_turn(self):
        turns = turns_of("a1", "a2", "b1", "b2")
        for item in ("a1", "b1", "b2", "never added"):
            turns.discard(item)
        assert len(turns) == 1
        assert granted(turns, 2) == ["a2", None]

    def test_what_was_granted_is_not_known_any_more(self):
        turns = turns_of("a1", "a2")
        turns.next()
        turns.discard("a1")
        assert granted(turns) == ["a2"]
        turns.add("a1", flow="a", urgency=LISTING)
        assert granted(turns) == ["a1"]

    def test_nothing_waits_twice(self):
        turns = turns_of("a1")
        with pytest.raises(ValueError, match="'a1' waits already"):
            turns.add("a1", flow="b", urgency=ACT)
        assert granted(turns, 2) == ["a1", None]

    @pytest.mark.parametrize("weight", [0, 0.0099, 100.1, -1, math.nan, math.inf])
    def test_a_weight_out_of_bounds_is_refused(self, weight):
        turns = Turns()
        with pytest.raises(ConfigurationError, match=r"between 0\.01 and 100, not"):
            turns.add("a1", flow="a", urgency=READ, weight=weight)
        assert (len(turns), turns.next()) == (0, None)

    def test_flows_that_pass_through_leave_nothing(self):
        turns = Turns()
        turns.add("stays", flow="stays", urgency=LISTING, weight=0.01)
        for number in range(100_000):
            turns.add(number, flow=number, urgency=Urgency(number % 3), weight=1 + number % 7)
            turns.discard(number) if number % 5 == 0 else turns.next()
        granted(turns)
        assert [(ring.flows, ring._rounds) for ring in turns._rings.values()] == [({}, {})] * 3

    def test_what_enters_and_leaves_without_any_grant_leaves_nothing(self):
        turns = turns_of("stays")
        for number in range(10_000):
            turns.add(number, flow=number, urgency=READ, weight=(1 + number % 200) / 100)
            turns.discard(number)
        # One more than the hundred rounds that a flow of the least weight waits for.
        assert len(turns._rings[READ]._rounds) <= 101
        assert granted(turns, 2) == ["stays", None]


class TestClasses:
    def test_posts_go_before_reads_and_reads_before_listings(self):
        turns = Turns()
        for item, urgency in [("l", LISTING), ("r", READ), ("p", ACT), ("r2", READ), ("p2", ACT)]:
            turns.add(item, flow=item, urgency=urgency)
        assert granted(turns) == ["p", "p2", "r", "r2", "l"]

    def test_every_eighth_grant_goes_to_the_class_that_has_waited_longest(self):
        turns = Turns()
        for urgency in (LISTING, READ, ACT):
            for number in range(40):
                turns.add((urgency, number), flow="a", urgency=urgency)
        assert OLDEST_CLASS_EVERY == 8
        order = [urgency for urgency, _ in granted(turns, 32)]
        assert order == [ACT] * 7 + [LISTING] + [ACT] * 7 + [READ] + [ACT] * 7 + [LISTING] + [ACT] * 7 + [READ]

    def test_the_wait_of_a_class_begins_when_something_waits_in_it(self):
        turns = Turns()
        for number, urgency in itertools.product(range(40), (ACT, READ)):
            turns.add((urgency, number), flow="a", urgency=urgency)
        order = granted(turns, 10)
        turns.add((LISTING, 0), flow="a", urgency=LISTING)
        order += granted(turns, 14)
        assert [urgency for urgency, _ in order[7::8]] == [READ, READ, LISTING]

    def test_the_example_of_the_documentation(self):
        turns = turns_of("c", urgency=ACT)
        for name in (*names("a", 9), *names("b", 2), "l1"):
            turns.add(name, flow=name[0], urgency=LISTING if name == "l1" else READ)
        assert " ".join(granted(turns, 10)) == "c a1 b1 a2 b2 a3 a4 l1 a5 a6"


# What the flows of the following worlds weigh, by flow.
weights = st.lists(st.sampled_from([0.01, 0.3, 0.5, 1, 1, 1, 2.5, 7]), min_size=2, max_size=6)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 5), st.sampled_from(Urgency), st.integers(1, 12)),
        st.tuples(st.just("next"), st.integers(1, 10)),
        st.tuples(st.just("discard"), st.integers(0, 400)),
    ),
    max_size=80,
)


@define(eq=False)
class Waiter:
    """``ahead`` is how many waited before it in its flow, ``others`` how many of other flows may go before the first
    of a flow, None for any other. The grants are what had been granted when it came.
    """

    flow: int
    urgency: Urgency
    ahead: int
    class_grants: int
    grants: int
    others: int | None


@define
class World:
    """Turns beside plain queues that know what must hold."""

    weights: list[float]
    turns: Turns = field(factory=Turns)
    queues: dict = field(factory=dict)
    grants: int = 0
    class_grants: Counter = field(factory=Counter)
    class_waits: Counter = field(factory=Counter)

    def add(self, flow, urgency):
        flow %= len(self.weights)
        queue = self.queues.setdefault((urgency, flow), deque())
        fresh = not queue and self.weights[flow] >= 1
        waiter = Waiter(
            flow=flow,
            urgency=urgency,
            ahead=len(queue),
            class_grants=self.class_grants[urgency],
            grants=self.grants,
            others=self.one_round(urgency) if fresh else None,
        )
        queue.append(waiter)
        self.turns.add(waiter, flow=flow, urgency=urgency, weight=self.weights[flow])

    def one_round(self, urgency):
        waiting = [flow for (kind, flow), queue in self.queues.items() if kind is urgency and queue]
        return sum(math.ceil(self.weights[flow]) for flow in waiting)

    def discard(self, which):
        everyone = [waiter for queue in self.queues.values() for waiter in queue]
        if everyone:
            waiter = everyone[which % len(everyone)]
            self.queues[waiter.urgency, waiter.flow].remove(waiter)
            self.turns.discard(waiter)
        for urgency in Urgency:
            if urgency not in self.waiting_classes():
                self.class_waits[urgency] = 0

    def waiting_classes(self):
        return sorted({urgency for (urgency, _), queue in self.queues.items() if queue})

    def next(self):
        """Take the next one; hold its place, its class and its wait against what is promised."""
        classes = self.waiting_classes()
        waiter = self.turns.next()
        if not classes:
            assert waiter is None
            return None
        assert self.queues[waiter.urgency, waiter.flow].popleft() is waiter
        self.grants += 1
        if self.grants % OLDEST_CLASS_EVERY:
            assert waiter.urgency is classes[0]
        for urgency in Urgency:
            passed_over = urgency in classes and urgency is not waiter.urgency
            self.class_waits[urgency] = self.class_waits[urgency] + 1 if passed_over else 0
            assert self.class_waits[urgency] < 2 * OLDEST_CLASS_EVERY
        self.class_grants[waiter.urgency] += 1
        self.check_wait(waiter)
        assert len(self.turns) == sum(map(len, self.queues.values()))
        return waiter

    def check_wait(self, waiter):
        own, position = self.weights[waiter.flow], waiter.ahead + 1
        rounds = math.ceil(round(position / own, 9))
        others = sum(math.ceil(weight) for flow, weight in enumerate(self.weights) if flow != waiter.flow)
        bound = position + (rounds + 1) * others
        if waiter.others is not None:
            bound = min(bound, 1 + waiter.others)
        waited = self.class_grants[waiter.urgency] - waiter.class_grants
        assert waited <= bound
        assert self.grants - waiter.grants <= 2 * OLDEST_CLASS_EVERY * bound


@given(weights, steps)
def test_places_classes_and_waits_are_as_promised_whatever_comes_and_goes(weights, steps):
    world = World(weights)
    for step, *values in steps:
        match step:
            case "add":
                flow, urgency, count = values
                for _ in range(count):
                    world.add(flow, urgency)
            case "next":
                for _ in range(values[0]):
                    world.next()
            case _:
                world.discard(values[0])
    while world.next() is not None:
        pass
    assert len(world.turns) == 0


@given(weights, st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Urgency)), min_size=1, max_size=30), st.data())
def test_nobody_starves_while_arrivals_never_stop(weights, arrivals, data):
    """Two arrive for each grant, in an order that hypothesis chose to be unpleasant."""
    world = World(weights)
    for flow, urgency in itertools.product(range(len(weights)), Urgency):
        world.add(flow, urgency)
    first = {waiter for queue in world.queues.values() for waiter in queue}
    again = itertools.cycle(arrivals)
    limit = 2 * OLDEST_CLASS_EVERY * (1 + 101 * sum(math.ceil(weight) for weight in weights))
    while first and world.grants < limit:
        first.discard(world.next())
        for _ in range(2):
            world.add(*next(again))
    assert not first


@given(weights, st.lists(st.integers(0, 5), max_size=40), st.sampled_from([(READ,), (ACT, READ), (READ, LISTING)]))
def test_shares_follow_the_weights_over_every_stretch(weights, visitors, classes):
    """The flows always have something waiting; visitors with one item each come and go, and so do other classes."""
    turns, served, history = Turns(), Counter(), []
    numbers = itertools.count()
    for urgency in classes:
        for flow, weight in enumerate(weights):
            for _ in range(2):
                turns.add((flow, urgency, next(numbers)), flow=flow, urgency=urgency, weight=weight)
    coming = itertools.cycle(visitors) if visitors else itertools.repeat(0)
    for _ in range(600):
        flow, urgency, _ = turns.next()
        if isinstance(flow, int):
            turns.add((flow, urgency, next(numbers)), flow=flow, urgency=urgency, weight=weights[flow])
            if urgency is READ:
                served[flow] += 1
                history.append(dict(served))
        for number in range(next(coming) // 3):
            turns.add((f"v{number}", READ, next(numbers)), flow=f"v{number}", urgency=READ, weight=3)
    for (one, w), (other, v) in itertools.combinations(enumerate(weights), 2):
        ahead = [0.0, *(step.get(one, 0) / w - step.get(other, 0) / v for step in history)]
        assert max(ahead) - min(ahead) < 2 + 1 / w + 1 / v


@pytest.mark.parametrize("small_flows", [1, 3, 30])
def test_the_small_are_served_beside_the_large_as_if_alone(small_flows):
    turns = turns_of(*(("x", number) for number in range(5000)))
    small = [f"small {number}" for number in range(small_flows)]
    for flow, number in itertools.product(small, (1, 2)):
        turns.add((flow, number), flow=flow, urgency=READ)
    order = granted(turns, 2 * (small_flows + 1))
    assert Counter(flow for flow, _ in order) == {"x": 2, **dict.fromkeys(small, 2)}


def test_the_bounds_of_a_weight_are_as_documented():
    turns = turns_of("a1", "b1", weights={"a": LEAST_WEIGHT, "b": GREATEST_WEIGHT})
    assert granted(turns) == ["b1", "a1"]
    assert (LEAST_WEIGHT, GREATEST_WEIGHT) == (0.01, 100)
