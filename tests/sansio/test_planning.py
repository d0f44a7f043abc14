import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.planning import SLACK, Singles, Walk, due_by, goes_on, plan_reads, shared_list_pays


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
    ("seen_on", "watched", "pages", "walks"),
    [
        pytest.param([1, 1], 9, 50, True, id="both on the first of many pages"),
        pytest.param([2, 2], 9, 50, True, id="as many pages as reads, others watched"),
        pytest.param([2, 2], 2, 50, False, id="as many pages as reads, nobody else watched"),
        pytest.param([1, 3], 9, 50, True, id="one on the first page, which tells others too"),
        pytest.param([1, 3], 2, 50, False, id="one on the first page, nobody else watched"),
        pytest.param([1, 1, 50], 3, 50, True, id="two on the first page, one on the last"),
        pytest.param([3, 3], 9, 50, False, id="two on the third page"),
        pytest.param([None, 1], 9, 2, True, id="an unknown one may be on any page"),
        pytest.param([None, None], 9, 3, False, id="the list is longer than the unknown are many"),
        pytest.param([9, 9], 2, 1, True, id="seen further back than the list is long"),
        pytest.param([1, 1], 9, None, False, id="list never walked"),
    ],
)
def test_the_pages_on_which_they_were_seen_decide(seen_on, watched, pages, walks):
    due = [f"int_{number}" for number in range(len(seen_on))]
    plan = plan_reads(due, watched=watched, pages=pages, page_of=dict(zip(due, seen_on, strict=True)).get)
    assert plan == (Walk if walks else Singles)(tuple(due))


@pytest.mark.parametrize(
    ("missing", "read", "pages", "others", "on"),
    [
        pytest.param([], 1, 9, True, False, id="nothing is missing"),
        pytest.param([2], 1, 9, True, True, id="one on the next page, others too"),
        pytest.param([2], 1, 9, False, False, id="one on the next page and nobody else"),
        pytest.param([2, 2], 1, 9, False, True, id="two on the next page"),
        pytest.param([3, 3, 3], 1, 9, False, True, id="three on the page after"),
        pytest.param([1, 1, 1], 1, 9, True, False, id="those that were not where they were expected"),
        pytest.param([1, 1, 2], 1, 9, False, False, id="those do not count for what is ahead"),
        pytest.param([None, None], 8, 9, False, True, id="unknown, one page left"),
        pytest.param([None, None], 9, 9, True, False, id="unknown, and the list has grown"),
        pytest.param([None, None, 3], 1, None, False, False, id="unknown in a list of unknown length"),
        pytest.param([2, 2], 1, None, False, True, id="known in a list of unknown length"),
    ],
)
def test_a_walk_goes_on_while_that_is_cheaper(missing, read, pages, others, on):
    assert goes_on(missing, read=read, pages=pages, others=others) is on


@pytest.mark.parametrize(
    ("singles", "unconfirmed", "pages", "pays"),
    [
        pytest.param(0, 0, None, False, id="nothing asked for"),
        pytest.param(1, 1, None, False, id="one, length unknown"),
        pytest.param(2, 2, None, True, id="two, length unknown"),
        pytest.param(1, 1, 1, False, id="one, as many pages"),
        pytest.param(2, 2, 1, True, id="one page needs no confirming"),
        pytest.param(3, 0, 2, True, id="all seen before"),
        pytest.param(3, 1, 2, False, id="one to be confirmed by a single read"),
        pytest.param(4, 1, 2, True, id="one to be confirmed, still fewer"),
        pytest.param(4, 4, 2, False, id="all to be confirmed by a second walk"),
        pytest.param(5, 5, 2, True, id="all to be confirmed by a second walk, still fewer"),
        pytest.param(9, 0, 9, False, id="as many pages as single reads"),
    ],
)
def test_a_shared_list_is_read_when_it_saves_requests(singles, unconfirmed, pages, pays):
    assert shared_list_pays(singles=singles, unconfirmed=unconfirmed, pages=pages) is pays


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


@frozen
class Reading:
    """What came of a plan; ``at_the_end`` when the walk read the last page."""

    shown: set
    alone: set
    pages_read: int
    at_the_end: bool

    @property
    def requests(self):
        return self.pages_read + len(self.alone)


def carry_out(due, known, pages, *, pages_now, watched=0):
    """Do what a watch does. ``pages_now(n)`` is what page n shows when it is read, None after the last."""
    watched = max(watched, len(set(due)))
    plan = plan_reads(due, watched=watched, pages=pages, page_of=known.get)
    missing, read = dict.fromkeys(plan.integration_ids), 0
    walks = isinstance(plan, Walk)
    while walks:
        read += 1
        for name in pages_now(read):
            missing.pop(name, None)
        at_the_end = pages_now(read + 1) is None
        others = watched > len(plan.integration_ids)
        walks = not at_the_end and goes_on(map(known.get, missing), read=read, pages=pages, others=others)
    shown = set(plan.integration_ids) - set(missing)
    return Reading(shown, set(missing), read, read > 0 and pages_now(read + 1) is None)


def paged(names, per_page):
    """The pages of a list; an empty one has one empty page."""
    return [names[start : start + per_page] for start in range(0, len(names), per_page)] or [[]]


def page_numbers(pages):
    return {name: number for number, page in enumerate(pages, start=1) for name in page}


def page_at(pages):
    return lambda number: pages[number - 1] if number <= len(pages) else None


everyone = st.integers(1, 40).map(range)
page_sizes = st.integers(1, 8)


@given(everyone, page_sizes, st.data())
def test_with_right_knowledge_no_plan_is_cheaper(everyone, per_page, data):
    pages = paged(list(everyone), per_page)
    page_of = page_numbers(pages)
    due = data.draw(st.lists(st.sampled_from(list(everyone)), unique=True), label="due")
    known = {name: page_of[name] for name in due if data.draw(st.booleans(), label="known")}
    watched = data.draw(st.integers(0, len(everyone)), label="watched")
    reading = carry_out(due, known, len(pages), pages_now=page_at(pages), watched=watched)
    furthest = max((known.get(name, len(pages)) for name in due), default=0)
    assert reading.requests <= min(len(due), furthest)
    # Nor is any walk that ends on purpose in between.
    for page in range(len(pages) + 1):
        assert reading.requests <= page + sum(known.get(name, len(pages)) > page for name in due)
    assert reading.shown | reading.alone == set(due)
    assert not reading.shown & reading.alone


@given(everyone, page_sizes, st.permutations(range(40)), st.integers(0, 40), page_sizes, st.data())
def test_whatever_moved_costs_at_most_one_request_more(everyone, per_page, order, left, per_page_now, data):
    """Integrations were added, removed and moved since the pages were noted, and pages may hold another number."""
    before = paged(list(everyone), per_page)
    now = paged([f"new {name}" if name >= 30 else name for name in order[:left]], per_page_now)
    due = data.draw(st.lists(st.sampled_from(list(everyone)), unique=True), label="due")
    known = {name: page for name, page in page_numbers(before).items() if data.draw(st.booleans(), label="known")}
    watched = data.draw(st.integers(0, 40), label="watched")
    reading = carry_out(due, known, len(before), pages_now=page_at(now), watched=watched)
    expected = {name: known.get(name, len(before)) for name in due}
    moved = [name for name in due if page_numbers(now).get(name, 99) > expected[name]]
    cheaper = min(len(due), max(expected.values(), default=0))
    assert reading.requests <= cheaper + len(moved)
    assert reading.shown | reading.alone == set(due)


@given(everyone, page_sizes, st.lists(st.permutations(range(40)), min_size=1, max_size=6), st.data())
def test_a_list_that_changes_from_page_to_page_costs_no_more_than_that(everyone, per_page, orders, data):
    before = paged(list(everyone), per_page)
    lists = [paged(order, per_page) for order in orders]
    lengths = [len(pages) for pages in lists]

    def pages_now(number):
        pages = lists[number % len(lists)]
        return pages[number - 1] if number <= min(lengths) else None

    due = data.draw(st.lists(st.sampled_from(list(everyone)), unique=True), label="due")
    known = page_numbers(before)
    reading = carry_out(due, known, len(before), pages_now=pages_now)
    not_there = [name for name in reading.alone if known[name] <= reading.pages_read or reading.at_the_end]
    assert reading.requests <= min(len(due), max(map(known.get, due), default=0)) + len(not_there)
    assert reading.shown | reading.alone == set(due)
