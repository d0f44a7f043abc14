import json
import math
import statistics
import sys
from bisect import bisect_left
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packcloud_async import ConfigurationError, IntegrationCategory, LearnedPacing, PollPolicy, SyncKind
from packcloud_async._sansio.learned_pacing import ENOUGH
from packcloud_async._sansio.pacing import Expectation, delay_after

HUGE = sys.float_info.max
TINY = 5e-324
SHOP = {"connector_id": "shopify", "category": "shop", "kind": SyncKind.ORDERS}


def learned(durations, *, of=SHOP, **options):
    pacing = LearnedPacing(**options)
    for duration in durations:
        pacing.learn(**of, not_yet=duration, seen=duration)
    return pacing


def watched(policy, expected, duration, *, spread):
    """The ages of the reads of a sync of this duration, the last one with its news."""
    ages = [delay_after(policy, expected, 0.0, spread=spread)]
    while ages[-1] < duration:
        ages.append(ages[-1] + delay_after(policy, expected, ages[-1], spread=spread))
    return ages


def watch_and_learn(pacing, policy, duration, *, spread, of=SHOP):
    ages = watched(policy, pacing.expect(**of), duration, spread=spread)
    pacing.learn(**of, not_yet=([0.0, *ages])[-2], seen=ages[-1])
    return ages


# What is expected


def test_nothing_is_expected_at_first():
    assert LearnedPacing().expect(**SHOP) is None


def test_eight_syncs_are_enough():
    pacing = learned(range(10, 17))
    assert pacing.expect(**SHOP) is None
    pacing.learn(**SHOP, not_yet=17, seen=17)
    assert pacing.expect(**SHOP) == Expectation(low=10.0, high=17.0, tail=17.0, worst=4.0)


def test_a_tenth_of_the_syncs_is_below_and_a_tenth_above():
    assert learned(range(1, 21), worst=2).expect(**SHOP) == Expectation(low=3.0, high=18.0, tail=20.0, worst=2)


def test_only_the_last_durations_count():
    assert learned([*range(1000), *[5] * 10], samples=10).expect(**SHOP) == Expectation(5.0, 5.0, 5.0, 4.0)


def test_what_is_expected_is_made_once_until_something_is_learned():
    pacing = learned([30.0] * ENOUGH)
    expected = pacing.expect(**SHOP)
    assert pacing.expect(**SHOP) is expected
    for _ in range(ENOUGH):
        pacing.learn(**SHOP, not_yet=90.0, seen=90.0)
    assert pacing.expect(**SHOP) == Expectation(low=30.0, high=90.0, tail=90.0, worst=4.0)


def test_what_is_forgotten_is_expected_no_more():
    pacing = learned([30.0] * ENOUGH, max_keys=2)
    assert pacing.expect(**SHOP) is not None
    learned_elsewhere = {"connector_id": "woo", "category": "pos", "kind": SyncKind.PRODUCTS}
    pacing.learn(**learned_elsewhere, not_yet=1.0, seen=1.0)
    assert pacing.expect(**SHOP) is None


def test_options_that_are_changed_count_from_then_on():
    pacing = learned(range(1, 21))
    assert pacing.expect(**SHOP).worst == 4.0
    pacing.worst, pacing.samples = 2.0, 8
    assert pacing.expect(**SHOP).worst == 2.0
    pacing.learn(**SHOP, not_yet=30.0, seen=30.0)
    assert pacing.expect(**SHOP) == Expectation(low=14.0, high=30.0, tail=30.0, worst=2.0)


def test_the_middle_between_two_reads_is_recorded():
    pacing = LearnedPacing()
    for _ in range(ENOUGH):
        pacing.learn(**SHOP, not_yet=12.0, seen=36.0)
    assert pacing.expect(**SHOP) == Expectation(24.0, 24.0, 24.0, 4.0)


def test_a_connector_that_is_not_known_well_is_expected_to_be_like_its_category():
    pacing = learned([30.0] * ENOUGH)
    pacing.learn(connector_id="woo", category="shop", kind=SyncKind.ORDERS, not_yet=90.0, seen=90.0)
    woo = pacing.expect(connector_id="woo", category="shop", kind=SyncKind.ORDERS)
    assert (woo.low, woo.tail) == (30.0, 90.0)
    assert pacing.expect(**SHOP).tail == 30.0


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        pytest.param({"connector_id": None}, True, id="no connector: the category"),
        pytest.param({"category": None}, True, id="no category: the connector"),
        pytest.param(
            {"category": IntegrationCategory.SHOP, "connector_id": "new"}, True, id="a category of the models"
        ),
        pytest.param({"category": None, "connector_id": None}, False, id="neither"),
        pytest.param({"kind": SyncKind.PRODUCTS}, False, id="another kind"),
        pytest.param({"category": "shopify", "connector_id": "shop"}, False, id="a category is no connector"),
    ],
)
def test_what_is_known_is_known_of_a_connector_a_category_and_a_kind(asked, known):
    pacing = learned([30.0] * ENOUGH)
    assert (pacing.expect(**{**SHOP, **asked}) is not None) == known


def test_without_a_connector_and_a_category_nothing_is_learned():
    nameless = {"connector_id": None, "category": None, "kind": SyncKind.ORDERS}
    assert learned([30.0] * ENOUGH, of=nameless) == LearnedPacing()


def test_what_was_not_learned_for_the_longest_time_is_forgotten():
    def only(connector):
        return {"connector_id": connector, "category": None, "kind": SyncKind.ORDERS}

    pacing = LearnedPacing(max_keys=2)
    for connector in ("first", "second", "first", "third"):
        for _ in range(ENOUGH):
            pacing.learn(**only(connector), not_yet=1.0, seen=1.0)
    assert [pacing.expect(**only(c)) is not None for c in ("first", "second", "third")] == [True, False, True]


# What is refused


@pytest.mark.parametrize(
    ("not_yet", "seen"),
    [
        (-1.0, 1.0),
        (2.0, 1.0),
        (0.0, math.inf),
        (math.nan, 1.0),
        (0.0, math.nan),
        (0.0, "1"),
        (False, True),
        (0, 10**400),
    ],
)
def test_ages_that_cannot_be_are_refused(not_yet, seen):
    pacing = LearnedPacing()
    with pytest.raises(ConfigurationError, match="news comes between two ages, not between"):
        pacing.learn(**SHOP, not_yet=not_yet, seen=seen)
    assert pacing == LearnedPacing()


@pytest.mark.parametrize("name", ["connector_id", "category"])
def test_names_are_texts(name):
    pacing = LearnedPacing()
    with pytest.raises(ConfigurationError, match=f"{name} must be a str, not 5"):
        pacing.learn(**{**SHOP, name: 5}, not_yet=0.0, seen=1.0)
    with pytest.raises(ConfigurationError, match=f"{name} must be a str, not 5"):
        pacing.expect(**{**SHOP, name: 5})


@pytest.mark.parametrize(
    ("option", "value", "wanted"),
    [
        *[
            ("worst", value, "a number of at least 1")
            for value in (0.9, -4, math.inf, math.nan, "4", None, True, 10**400)
        ],
        *[("samples", value, "a whole number of at least 8") for value in (7, 64.0, "64", None)],
        *[("max_keys", value, "a whole number of at least 2") for value in (1, 2.0, None)],
    ],
)
def test_options_are_checked_when_given(option, value, wanted):
    with pytest.raises(ConfigurationError, match=f"LearnedPacing.{option} must be {wanted}, not"):
        LearnedPacing(**{option: value})


def test_its_repr_is_short():
    assert repr(learned([30.0] * ENOUGH)) == "LearnedPacing(worst=4.0, samples=64, max_keys=1024)"


# Whatever was learned


durations = st.one_of(st.floats(0, HUGE), st.floats(0, 1e4), st.sampled_from([0.0, TINY, 1e-308, 1.0, HUGE]))
histories = st.one_of(
    st.lists(st.tuples(durations, durations).map(sorted), max_size=80),
    st.builds(lambda duration, count: [(duration, duration)] * count, durations, st.integers(8, 80)),
)
spreads = st.floats(0, 1, exclude_max=True)
policies = st.builds(
    PollPolicy,
    first=st.floats(1e-2, 1e2),
    growth=st.floats(1.05, 10),
    ceiling=st.floats(1, 1e4),
    jitter=st.floats(0, 0.9),
)
SLIGHTLY_MORE = 1 + 1e-9


def after(history, **options):
    pacing = LearnedPacing(**options)
    for not_yet, seen in history:
        pacing.learn(**SHOP, not_yet=not_yet, seen=seen)
    return pacing


@given(histories, st.floats(1, 20), policies, spreads, st.floats(0, 1))
@example([(0.0, 0.0)] * 8, 4.0, PollPolicy(), 0.5, 0.5)
@example([(HUGE, HUGE)] * 8, 4.0, PollPolicy(), 0.5, 0.5)
@example([(0.0, 0.0)] * 4 + [(HUGE, HUGE)] * 4, 4.0, PollPolicy(), 0.5, 0.5)
def test_no_history_makes_a_job_worse_than_the_factor(history, worst, policy, spread, share):
    expected = after(history, worst=worst).expect(**SHOP)
    duration = share * 200 * policy.ceiling * (1 - policy.jitter)
    ages = watched(policy, expected, duration, spread=spread)
    stretch = 1 + policy.jitter * (2 * spread - 1)
    allowed = min(policy.ceiling, max(policy.first, (policy.growth - 1) * duration)) * stretch
    assert ages[-1] - duration <= worst * allowed * SLIGHTLY_MORE
    assert len(ages) <= math.ceil(worst) * len(watched(policy, None, duration * SLIGHTLY_MORE, spread=spread))


@given(histories, policies, st.floats(0.1, 1000), st.integers(0, 2**32))
def test_no_history_is_believed_for_longer_than_it_is_kept(history, policy, duration, seed):
    """A late read does not make the next one later: what is learned stays near the truth, and comes back to it."""
    pacing, draws = after(history, samples=8), Random(seed)
    for _ in range(8):
        watch_and_learn(pacing, policy, duration, spread=draws.random())
    expected = pacing.expect(**SHOP)
    allowed = min(policy.ceiling, max(policy.first, (policy.growth - 1) * duration)) * (1 + policy.jitter)
    assert duration / 2 <= expected.low * SLIGHTLY_MORE
    assert expected.tail <= (duration + 4 * allowed / 2) * SLIGHTLY_MORE


# What it is worth


def measured(median, *, jobs=2000, seed=7):
    """Reads and delay of both rules over the same syncs, after two hundred of them taught the one."""
    draws, policy, pacing = Random(seed), PollPolicy(), LearnedPacing()
    geometric, learning = [], []
    for _ in range(jobs + 200):
        duration, spread = draws.lognormvariate(math.log(median), 0.5), draws.random()
        for found, ages in (
            (geometric, watched(policy, None, duration, spread=spread)),
            (learning, watch_and_learn(pacing, policy, duration, spread=spread)),
        ):
            found.append((len(ages), ages[-1] - duration))
    return [
        tuple(statistics.fmean(column) for column in zip(*found[200:], strict=True)) for found in (geometric, learning)
    ]


@pytest.mark.parametrize(("median", "fewer", "sooner"), [(30, 0.75, 0.6), (120, 0.7, 0.6)])
def test_on_common_durations_it_reads_less_and_sees_the_news_sooner(median, fewer, sooner):
    (reads, delay), (learned_reads, learned_delay) = measured(median)
    assert learned_reads < fewer * reads
    assert learned_delay < sooner * delay


def test_what_is_learned_is_not_what_late_reads_make_of_it():
    pacing, draws, policy, lows, highs = LearnedPacing(), Random(5), PollPolicy(jitter=0), [], []
    for _ in range(4000):
        watch_and_learn(pacing, policy, draws.lognormvariate(math.log(120), 0.5), spread=0.5)
        if (expected := pacing.expect(**SHOP)) is not None:
            lows.append(expected.low)
            highs.append(expected.high)
    # The tenth and the ninetieth percentile of these durations are 63.2 and 227.8 seconds.
    assert statistics.fmean(lows) == pytest.approx(63.2, rel=0.06)
    assert statistics.fmean(highs) == pytest.approx(227.8, rel=0.03)


def test_it_follows_a_shop_that_becomes_slower():
    pacing, draws, policy = LearnedPacing(), Random(3), PollPolicy()
    for duration in (20.0, 200.0):
        for _ in range(64):
            watch_and_learn(pacing, policy, duration, spread=draws.random())
    expected = pacing.expect(**SHOP)
    ages = watched(policy, expected, 200.0, spread=0.5)
    assert 180 <= expected.low <= 200 <= expected.tail <= 240
    assert bisect_left(ages, expected.low) == 5 < bisect_left(watched(policy, None, 200.0, spread=0.5), expected.low)


# Saved and loaded


names = st.none() | st.sampled_from("abc") | st.text(max_size=8)
lessons = st.lists(
    st.tuples(names, names | st.sampled_from(IntegrationCategory), st.sampled_from(SyncKind), durations, durations),
    max_size=60,
)


@given(lessons, st.floats(1, HUGE), st.integers(8, 20), st.integers(2, 10))
def test_what_was_saved_is_loaded(told, worst, samples, max_keys):
    pacing = LearnedPacing(worst=worst, samples=samples, max_keys=max_keys)
    for connector_id, category, kind, one, other in told:
        not_yet, seen = sorted((one, other))
        pacing.learn(connector_id=connector_id, category=category, kind=kind, not_yet=not_yet, seen=seen)
    loaded = LearnedPacing.from_json(pacing.to_json())
    assert loaded == pacing
    assert loaded.to_json() == pacing.to_json()
    for connector_id, category, kind, *_ in told:
        of = {"connector_id": connector_id, "category": category, "kind": kind}
        assert loaded.expect(**of) == pacing.expect(**of)


def test_a_loaded_one_goes_on_learning_and_forgetting():
    pacing = LearnedPacing.from_json(learned(range(10), samples=8, max_keys=2).to_json())
    pacing.learn(**SHOP, not_yet=10, seen=10)
    assert pacing.expect(**SHOP) == Expectation(3.0, 10.0, 10.0, 4.0)
    pacing.learn(connector_id="woo", category="shop", kind=SyncKind.ORDERS, not_yet=1.0, seen=1.0)
    assert pacing.expect(connector_id="shopify", category=None, kind=SyncKind.ORDERS) is None


def test_the_text_is_the_documented_one():
    pacing = LearnedPacing()
    pacing.learn(connector_id="shopify", category=IntegrationCategory.SHOP, kind=SyncKind.ORDERS, not_yet=20, seen=42.4)
    assert json.loads(pacing.to_json()) == {
        "version": 1,
        "worst": 4.0,
        "samples": 64,
        "max_keys": 1024,
        "learned": [["connector", "shopify", "orders", [31.2]], ["category", "shop", "orders", [31.2]]],
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "is not JSON", id="empty"),
        pytest.param('{"version": 1, "worst"', "is not JSON", id="cut off"),
        pytest.param("[" * 100_000, "is not JSON", id="nested without end"),
        pytest.param(None, "is not JSON", id="no text"),
        pytest.param("[]", "it has no version", id="no object"),
        pytest.param('{"kinds": {}}', "it has no version", id="foreign"),
        pytest.param('{"version": 2}', "of version 2; this release reads version 1", id="newer"),
        pytest.param('{"version": true}', "of version True; this release reads version 1", id="no number"),
        pytest.param('{"version": "1"}', "of version '1'; this release reads version 1", id="a text"),
        pytest.param('{"version": 1}', "damaged", id="nothing else"),
        pytest.param('{"version": 1, "organization_id": "org_1", "kinds": {}}', "damaged", id="a job token"),
    ],
)
def test_what_is_no_learned_pacing_says_so(text, told):
    with pytest.raises(ConfigurationError, match=told) as caught:
        LearnedPacing.from_json(text)
    assert caught.value.__cause__ is None


ROW = ["connector", "shopify", "orders", [1.0]]
UNDAMAGED = {"version": 1, "worst": 4.0, "samples": 8, "max_keys": 2, "learned": [ROW]}


@pytest.mark.parametrize(
    "damage",
    [
        {"worst": 0.5},
        {"worst": "4"},
        {"worst": math.nan},
        {"samples": 1},
        {"samples": 8.0},
        {"samples": 10**30, "learned": []},
        {"max_keys": None},
        {"more": 1},
        {"learned": None},
        {"learned": {}},
        {"learned": "text"},
        {"learned": [None]},
        {"learned": [[]]},
        {"learned": [ROW, ROW]},
        {"learned": [[*ROW, 1]]},
        {"learned": [["shop", "shopify", "orders", [1.0]]]},
        {"learned": [[[], "shopify", "orders", [1.0]]]},
        {"learned": [["connector", 5, "orders", [1.0]]]},
        {"learned": [["connector", None, "orders", [1.0]]]},
        {"learned": [["connector", "shopify", "invoices", [1.0]]]},
        {"learned": [["connector", "shopify", {}, [1.0]]]},
        {"learned": [["connector", "shopify", "orders", []]]},
        {"learned": [["connector", "shopify", "orders", "1"]]},
        {"learned": [["connector", "shopify", "orders", ["1"]]]},
        {"learned": [["connector", "shopify", "orders", [None]]]},
        {"learned": [["connector", "shopify", "orders", [True]]]},
        {"learned": [["connector", "shopify", "orders", [-1.0]]]},
        {"learned": [["connector", "shopify", "orders", [math.nan]]]},
        {"learned": [["connector", "shopify", "orders", [math.inf]]]},
        {"learned": [["connector", "shopify", "orders", [10**400]]]},
        {"learned": [["connector", "shopify", "orders", [1.0] * 9]]},
        {"learned": [["connector", name, "orders", [1.0]] for name in "abc"]},
    ],
    ids=lambda damage: json.dumps(damage)[:70],
)
def test_damage_is_refused(damage):
    with pytest.raises(ConfigurationError, match="damaged learned pacing: use the text exactly as it was saved"):
        LearnedPacing.from_json(json.dumps({**UNDAMAGED, **damage}))


@pytest.mark.parametrize("missing", sorted(set(UNDAMAGED) - {"version"}))
def test_a_missing_field_is_damage(missing):
    with pytest.raises(ConfigurationError, match="damaged"):
        LearnedPacing.from_json(json.dumps({name: value for name, value in UNDAMAGED.items() if name != missing}))


def test_what_is_undamaged_is_read():
    pacing = LearnedPacing.from_json(json.dumps(UNDAMAGED))
    assert json.loads(pacing.to_json()) == UNDAMAGED


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_no_change_of_one_byte_is_read_as_something_that_cannot_be_written_again(place, byte):
    text = learned([1.5, 20.25, 300.0] * 3).to_json().encode()
    place %= len(text)
    changed = (text[:place] + bytes([byte]) + text[place + 1 :]).decode("latin-1")
    try:
        loaded = LearnedPacing.from_json(changed)
    except ConfigurationError:
        return
    assert LearnedPacing.from_json(loaded.to_json()) == loaded
