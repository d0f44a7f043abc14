"""What pictures and tables show, worked out of a story."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import SyncKind
from packcloud_async.reporting import words
from packcloud_async.reporting.digest import (
    FAILED_SHOWN,
    MOST_BINS,
    SLOWEST_SHOWN,
    digest,
    has_failed,
    nice_width,
    quantile,
)
from packcloud_async.reporting.story import IN_READING_ORDER, Mark, Moment, Source, State
from packcloud_async.reporting.timelines import STRIPS_BY_KIND, strips_of

from .stories import ORDERS, PRODUCTS, STOCKS, job, kind_of, large, story, unstarted

JOBS = st.lists(
    st.builds(
        lambda org, number, states, began, took: job(f"org_{org}", f"int_{number}", *states, began=began, took=took),
        st.integers(0, 5),
        st.integers(0, 1000),
        st.lists(st.sampled_from(State), min_size=1, max_size=4),
        st.floats(-10, 1000),
        st.floats(0, 1000),
    )
    | st.just(unstarted()),
    max_size=30,
)


@given(JOBS)
def test_no_job_is_lost_and_none_is_counted_twice(jobs):
    told = digest(story(jobs))
    assert sorted(map(repr, told.jobs)) == sorted(map(repr, jobs))
    assert sum(sum(of.values()) for of in told.outcomes.values()) == sum(len(one.kinds) for one in jobs)
    assert sum(told.without_kinds.values()) == sum(not one.kinds for one in jobs)
    failures = sum(max(has_failed(one), sum(kind.state.is_failure for kind in one.kinds)) for one in jobs)
    assert sum(group.count for group in told.groups) == failures
    assert len(told.failed) == sum(map(has_failed, jobs))


@given(JOBS)
def test_organizations_stand_together_the_failed_ones_first(jobs):
    told = digest(story(jobs))
    assert [band.first for band in told.bands] == [0, *(band.end for band in told.bands)][: len(told.bands)]
    for band in told.bands:
        assert {one.organization_id for one in told.jobs[band.first : band.end]} == {band.organization_id}
    assert len({band.organization_id for band in told.bands}) == len(told.bands)
    have_failed = [any(map(has_failed, told.jobs[band.first : band.end])) for band in told.bands]
    assert have_failed == sorted(have_failed, reverse=True)


@given(JOBS)
def test_the_delays_are_all_in_a_bin(jobs):
    delays = digest(story(jobs)).delays
    assert {kind: sum(counts) for kind, counts in delays.counts.items()} == {
        kind: len(values) for kind, values in delays.sorted.items()
    }
    for kind, values in delays.sorted.items():
        assert len(delays.counts[kind]) <= MOST_BINS + 1
        assert values == sorted(values)
        counts = delays.counts[kind]
        assert counts[0] == sum(value < delays.width for value in values)


@given(st.floats(0, 1e6))
def test_a_round_width_reaches_as_far_as_it_must(longest):
    width = nice_width(longest)
    assert longest <= width * MOST_BINS * (1 + 1e-6)
    assert f"{width:e}"[0] in "125"


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_one_of_the_values_and_leaves_few_above(values, share):
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert sum(value <= found for value in ordered) >= share * len(ordered) - 1e-9
    assert found in ordered


def test_the_slowest_begin_with_the_slowest_and_are_integrations():
    jobs = [job(integration=f"int_{number}", took=float(number)) for number in range(40)]
    told = digest(story([*jobs, unstarted()]))
    assert [one.seconds for one in told.slowest] == [float(39 - number) for number in range(SLOWEST_SHOWN)]


def test_a_job_is_as_grave_as_its_gravest_kind_and_what_nobody_can_see_weighs_least():
    assert job("o", "i", State.ADVANCED, State.UNOBSERVABLE).state is State.ADVANCED
    assert job("o", "i", State.ADVANCED, State.QUIET).state is State.QUIET
    assert job("o", "i", State.QUIET, State.REJECTED, State.AMBIGUOUS).state is State.REJECTED
    assert job("o", "i", State.ADVANCED, is_finished=False).state is State.UNFINISHED
    assert job("o", "i", State.ADVANCED, reason="SyncError").state is State.NO_OUTCOME
    assert unstarted().state is State.NO_OUTCOME


def test_quiet_and_unfinished_are_no_failures():
    assert {state for state in State if not state.is_failure} == {
        State.UNFINISHED,
        State.QUIET,
        State.ADVANCED,
        State.UNOBSERVABLE,
    }
    assert sorted(IN_READING_ORDER) == sorted(State)


def test_failures_that_are_alike_are_counted_together_with_an_example():
    jobs = [job("o", f"i{n}", State.REJECTED, State.ADVANCED) for n in range(3)] + [unstarted()]
    groups = digest(story(jobs)).groups
    assert [(group.kind, group.state, group.reason, group.count) for group in groups] == [
        (ORDERS, State.REJECTED, "ServerError 503", 3),
        (None, State.NO_OUTCOME, "NotFound 404", 1),
    ]
    assert groups[0].example == "POST /orders: 503 Service Unavailable"


class TestStrips:
    """The bars of the timeline."""

    def test_few_syncs_have_one_each(self):
        told = digest(story([job(integration=f"int_{n}") for n in range(STRIPS_BY_KIND // 4)]))
        strips = strips_of(told)
        assert len(strips) == STRIPS_BY_KIND
        assert [strip.kind.kind for strip in strips[:4]] == list(SyncKind)

    def test_of_more_each_job_has_one_in_the_colour_of_its_gravest(self):
        jobs = [job(integration=f"int_{n}", took=float(n)) for n in range(STRIPS_BY_KIND // 4 + 1)]
        jobs[5] = job("org_1", "int_5", State.ADVANCED, State.GONE)
        strips = strips_of(digest(story(jobs)))
        assert len(strips) == len(jobs)
        assert [strip.state for strip in strips[:2]] == [State.GONE, State.ADVANCED]

    def test_a_bar_ends_with_its_kind(self):
        kinds = (kind_of(ORDERS, State.ADVANCED, 7.0), kind_of(PRODUCTS, State.QUIET, 20.0))
        strips = strips_of(digest(story([job(began=3.0, kinds=kinds)])))
        assert [(strip.began, strip.ended) for strip in strips] == [(3.0, 10.0), (3.0, 23.0)]

    def test_of_a_kind_without_an_end_a_ledger_knows_no_more_than_the_begin_of_the_watch(self):
        kinds = (kind_of(ORDERS, State.ADVANCED, 7.0), kind_of(STOCKS, State.UNOBSERVABLE, ended=None))
        moments = (Moment(0.5, Mark.WATCHED), Moment(7.0, Mark.CHANGED, "orders"))
        strips = strips_of(digest(story([job(kinds=kinds, moments=moments, ended=None)], source=Source.LEDGER)))
        assert [strip.ended for strip in strips] == [7.0, 0.5]


class TestWords:
    """Sentences that say what pictures show."""

    def test_the_headline(self):
        jobs = [job(), job("org_2", "int_1", State.REJECTED), job("org_3", is_finished=False), unstarted()]
        told = digest(story(jobs, planned=1200, begun=4))
        assert words.headline(told) == (
            "3 integrations of 4 organizations, 2 failed, whole or in part, 1 not finished, "
            "1,196 of 1,200 organizations not begun, 1 min 40 s."
        )

    @pytest.mark.parametrize(("finished", "told"), [(False, "not begun"), (True, "had nothing to sync")])
    def test_an_organization_of_which_nothing_is_shown_is_counted(self, finished, told):
        # All of them were begun: some were being listed, or have no integration.
        seen = digest(story([job()], planned=3, begun=3, finished=finished))
        assert words.headline(seen) == (
            f"1 integration of 1 organization, none failed, 2 of 3 organizations {told}, 1 min 40 s."
        )
        assert words.of_timeline(digest(story(finished=False)), by_kind=True) == "No sync was begun."

    def test_one_that_waits_in_a_ledger_is_not_begun(self):
        waits = job("org_2", None, kinds=(), moments=(), ended=None, is_finished=False)
        seen = digest(story([job(), waits], source=Source.LEDGER, planned=2, begun=1, finished=False, elapsed=None))
        assert words.headline(seen) == (
            "1 integration of 2 organizations, none failed, 1 not finished, 1 of 2 organizations not begun."
        )

    @pytest.mark.parametrize("planned", [3, None])
    def test_it_is_said_where_they_are_counted(self, planned):
        told = " ".join(words.cannot_tell(story(planned=planned, finished=False)))
        assert ("are counted at its top" in told) == (planned is not None)

    def test_the_outcomes(self):
        told = digest(story([job("o", "i", State.ADVANCED, State.GONE), job("o", "j", State.QUIET), unstarted()]))
        assert words.of_outcomes(told) == (
            "orders: 1 advanced, 1 quiet; products: 1 gone; 1 target of which no kind was begun: 1 no outcome."
        )

    def test_a_bounded_table_says_so(self):
        told = digest(story([job("o", f"i{n}", State.REJECTED) for n in range(FAILED_SHOWN + 1034)]))
        assert words.of_failed(told).startswith(f"The first {FAILED_SHOWN} of 1,234 jobs that failed.")

    @pytest.mark.parametrize("source", Source)
    def test_what_cannot_be_told_is_said_of_every_source(self, source):
        told = " ".join(words.cannot_tell(story(source=source)))
        assert "Quiet is no failure and no proof" in told
        assert ("no reads, no requests" in told) == (source is Source.LEDGER)
        assert "did not come to its end" in " ".join(words.cannot_tell(story(source=source, finished=False)))

    def test_the_requests(self):
        told = words.of_traffic(large(20, 2))
        assert "The budget was 50 requests a second, 25 at the least; a burst may pass it for a moment." in told
        assert "Requests waited 12.0 s for their turn, added up." in told
        assert words.of_traffic(story(traffic=None)).startswith("A ledger does not record requests.")

    def test_the_delays(self):
        told = words.of_delays(digest(story([job("o", f"i{n}", State.ADVANCED, took=n + 0.4) for n in range(1, 21)])))
        assert "orders: 20 changes, half of them within 10.0 s, 95 of 100 within 19.0 s, all within 20.0 s." in told
        assert words.of_delays(digest(story())) == "No change was seen, so there is no delay to show."

    def test_a_run_of_nothing_has_a_sentence_for_everything(self):
        told = digest(story(traffic=traffic_of_nothing(), planned=0, begun=0))
        assert words.headline(told) == "0 integrations of 0 organizations, none failed, 1 min 40 s."
        assert words.of_timeline(told, by_kind=True) == "There was nothing to sync."
        assert words.of_slowest(told) == "No job took any time that is known."
        assert words.of_failed(told) == "None failed."


def traffic_of_nothing():
    return story().traffic
