"""The fewest reads for a delay, held against trying everything."""

import itertools
import math
import random

import pytest

from benchmarks.whole import bounds
from benchmarks.whole.least import Page, _Choice, knowing_the_distribution, knowing_the_draws, log_normal
from benchmarks.whole.server import Plan

SURVIVALS = [
    pytest.param((1.0, 0.7, 0.4, 0.15, 0.0), id="falls evenly"),
    pytest.param((1.0, 0.95, 0.3, 0.25, 0.0), id="nearly all in one step"),
    pytest.param((1.0, 0.3, 0.28, 0.2, 0.0), id="a long tail"),
]


def every_way(survivals, syncs):
    """Every way of choosing the next read by the instant and by how many are missing."""
    last = len(survivals) - 1
    states = [(now, missing) for now in range(last) for missing in range(1, syncs + 1)]
    for chosen in itertools.product(*(range(now + 1, last + 1) for now, _ in states)):
        yield dict(zip(states, chosen, strict=True))


def expected_of(way, survivals, syncs, tolerated):
    """Reads and late news of one way, by going through every combination of durations."""
    reads = late = 0.0
    last = len(survivals) - 1
    for durations in itertools.product(range(1, last + 1), repeat=syncs):
        weight = math.prod(survivals[one - 1] - survivals[one] for one in durations)
        now, missing = 0, list(durations)
        while missing:
            then = way[now, len(missing)]
            reads += weight
            late += weight * sum(then - one >= tolerated for one in missing if one <= then)
            now, missing = then, [one for one in missing if one > then]
    return reads, late


@pytest.mark.parametrize("tolerated", [1, 2])
@pytest.mark.parametrize("survivals", SURVIVALS)
def test_no_way_of_reading_is_cheaper_than_the_best(survivals, tolerated):
    choice = _Choice(2, survivals, tolerated)
    ways = {expected_of(way, survivals, 2, tolerated) for way in every_way(survivals, 2)}
    for price in (0.0, 0.5, 1.3, 4.0):
        assert choice.cost(price) == pytest.approx(min(reads + price * late for reads, late in ways))
    for share in (0.0, 0.05, 0.2, 0.5):
        allowed = 2 * share
        mixed = [
            few_late[0] + (many_late[0] - few_late[0]) * (allowed - few_late[1]) / (many_late[1] - few_late[1])
            for few_late, many_late in itertools.product(ways, repeat=2)
            if few_late[1] <= allowed < many_late[1]
        ]
        least = min([*mixed, *(reads for reads, late in ways if late <= allowed)])
        assert choice.reads(share) == pytest.approx(least, abs=0.01)


def test_with_one_sync_and_any_delay_one_read_is_enough():
    page = Page(syncs=1, survival=log_normal(median=2, spread=1))
    assert knowing_the_distribution(page, tolerated=200, late=0, steps=4).enough == pytest.approx(1)


@pytest.mark.parametrize(
    ("fewer", "more"),
    [
        pytest.param({"tolerated": 1.5}, {"tolerated": 1.0}, id="with more delay"),
        pytest.param({"late": 0.2}, {"late": 0.05}, id="with more that may be late"),
        pytest.param({"syncs": 4}, {"syncs": 6}, id="of fewer syncs"),
        pytest.param({"spread": 0.5}, {"spread": 1.0}, id="of syncs that differ less"),
    ],
)
def test_fewer_reads_are_needed(fewer, more):
    def least(*, syncs=6, spread=1.0, tolerated=1.2, late=0.05):
        page = Page(syncs=syncs, survival=log_normal(median=2, spread=spread))
        return knowing_the_distribution(page, tolerated=tolerated, late=late, steps=4)

    assert least(**fewer).bound < least(**more).bound
    assert least(**fewer).enough < least(**more).enough


def test_what_is_enough_lies_a_little_above_the_bound():
    page = Page(syncs=4, survival=log_normal(median=2, spread=1))
    coarse, fine = (knowing_the_distribution(page, tolerated=1.2, steps=steps) for steps in (8, 16))
    assert coarse.bound < fine.bound < fine.enough < 1.1 * fine.bound
    assert fine.enough == pytest.approx(coarse.enough, rel=0.01)


def reads_of_all(pages, tolerated, late):
    """The fewest reads, by trying every choice of instants for all pages at once."""
    choices = []
    for instants in pages:
        found = {}
        for size in range(len(instants)):
            for others in itertools.combinations(sorted(instants)[:-1], size):
                reads = [*others, max(instants)]
                seen = [min(read for read in reads if read >= at) - at for at in instants]
                late_ones = sum(delay > tolerated for delay in seen)
                found[late_ones] = min(found.get(late_ones, math.inf), len(reads))
        choices.append(found.items())
    allowed = late * sum(map(len, pages))
    return min(
        sum(reads for _, reads in chosen)
        for chosen in itertools.product(*choices)
        if sum(late_ones for late_ones, _ in chosen) <= allowed
    )


@pytest.mark.parametrize("late", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("seed", range(8))
def test_whoever_knows_every_draw_reads_where_it_saves_most(seed, late):
    draws = random.Random(seed)
    pages = [[draws.lognormvariate(0.7, 0.5) for _ in range(draws.randint(1, 6))] for _ in range(3)]
    assert knowing_the_draws(pages, tolerated=0.6, late=late) == reads_of_all(pages, 0.6, late)


def test_the_survival_is_that_of_the_draws_of_a_plan():
    plan = Plan(organizations=100)
    survival = log_normal(median=plan.median, spread=plan.spread)
    drawn = [plan.takes((*place, kind)) for place in plan.integration_ids for kind in bounds.KINDS]
    for seconds in (1.0, 2.0, 3.5, 5.0):
        assert sum(one > seconds for one in drawn) / len(drawn) == pytest.approx(survival(seconds), abs=0.03)
    assert survival(0) == 1.0


class TestOfAPlan:
    PLAN = Plan(organizations=3, integrations=3, per_page=2, median=0.5, spread=1 / 3)

    def test_the_floor_is_the_posts_and_each_page_twice(self):
        assert bounds.floor(self.PLAN) == bounds.Requests(reads=3 * 2 * 2, posts=3 * 3 * 2)

    def test_each_page_is_listed_and_then_read_by_what_it_shows(self):
        survival = log_normal(median=self.PLAN.median, spread=self.PLAN.spread)
        four, two = (knowing_the_distribution(Page(syncs=n, survival=survival), tolerated=1.2) for n in (4, 2))
        found = bounds.for_whom_knows_the_distribution(self.PLAN, tolerated=1.2)
        assert found.bound == pytest.approx(3 * (2 + four.bound + two.bound))
        assert found.enough == pytest.approx(3 * (2 + four.enough + two.enough))

    def test_who_knows_more_needs_fewer(self):
        plan = Plan(organizations=50, integrations=3, median=0.5, spread=1 / 3)
        knowing_all = bounds.for_whom_knows_the_draws(plan, tolerated=0.6)
        assert 100 < knowing_all < bounds.for_whom_knows_the_distribution(plan, tolerated=0.6).bound

    def test_with_any_delay_one_read_after_is_enough(self):
        assert bounds.for_whom_knows_the_draws(self.PLAN, tolerated=1e6) == bounds.floor(self.PLAN).reads
