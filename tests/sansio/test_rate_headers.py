from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.rate_headers import LONGEST_RESET, MOST_REQUESTS, Allowance, allowances, tells_allowance

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = int(NOW.timestamp())


def read(**headers):
    return allowances({name.replace("_", "-"): value for name, value in headers.items()}, NOW)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        pytest.param(
            {"ratelimit": '"default";r=50;t=30', "ratelimit_policy": '"default";q=100;w=60'},
            Allowance(remaining=50, limit=100, reset=30, window=60),
            id="structured",
        ),
        pytest.param({"ratelimit": '"default";r=50;t=30'}, Allowance(remaining=50, reset=30), id="without its policy"),
        pytest.param(
            {"ratelimit": ' "a b" ; T = 30 ; R = 0 ', "ratelimit_policy": '"other";q=9, "a b";q=5'},
            Allowance(remaining=0, limit=5, reset=30),
            id="spaces and capitals",
        ),
        pytest.param(
            {"ratelimit": '"a,b;c";r=7', "ratelimit_policy": '"a,b;c";w=10;q=8'},
            Allowance(remaining=7, limit=8, window=10),
            id="separators in a name",
        ),
        pytest.param({"ratelimit": "default;r=3;t=4"}, Allowance(remaining=3, reset=4), id="a name without quotes"),
        pytest.param(
            {"ratelimit": "limit=100, remaining=50, reset=30", "ratelimit_policy": "100;w=60"},
            Allowance(remaining=50, limit=100, reset=30, window=60),
            id="draft 07",
        ),
        pytest.param(
            {"ratelimit": "remaining=0;reset=9"}, Allowance(remaining=0, reset=9), id="draft 07 in one member"
        ),
        pytest.param(
            {"ratelimit_limit": "100, 100;w=60", "ratelimit_remaining": "50", "ratelimit_reset": "30"},
            Allowance(remaining=50, limit=100, reset=30, window=60),
            id="draft 06",
        ),
        pytest.param(
            {"x_ratelimit_limit": "60", "x_ratelimit_remaining": "59"},
            Allowance(remaining=59, limit=60),
            id="as Laravel answers",
        ),
        pytest.param(
            {"x_ratelimit_limit": "60", "x_ratelimit_remaining": "0", "x_ratelimit_reset": str(EPOCH + 42)},
            Allowance(remaining=0, limit=60, reset=42),
            id="as Laravel refuses",
        ),
        pytest.param(
            {"x_rate_limit_limit": "15", "x_rate_limit_remaining": "3", "x_rate_limit_reset": "7.5"},
            Allowance(remaining=3, limit=15, reset=7.5),
            id="another spelling",
        ),
        pytest.param({"x_ratelimit_remaining": " 7 "}, Allowance(remaining=7), id="nothing but what is left"),
        pytest.param(
            {"ratelimit": "gibberish", "ratelimit_remaining": "?", "x_ratelimit_remaining": "7"},
            Allowance(remaining=7),
            id="the first that can be read",
        ),
        pytest.param(
            {"ratelimit": '"a";r=1', "ratelimit_remaining": "2", "x_ratelimit_remaining": "3"},
            Allowance(remaining=1),
            id="the newest form first",
        ),
    ],
)
def test_every_form_is_read(headers, told):
    assert read(**headers)[:1] == (told,)


def test_several_limits_are_all_read():
    told = read(ratelimit='"minute";r=50;t=30, "day";r=3;t=80000, "odd"', ratelimit_policy='"day";q=5000')
    assert told == (Allowance(remaining=50, reset=30), Allowance(remaining=3, limit=5000, reset=80_000))


@pytest.mark.parametrize(
    ("reset", "date", "seconds"),
    [
        pytest.param("0", None, 0, id="now"),
        pytest.param(str(EPOCH + 30), None, 30, id="an instant"),
        pytest.param(str(EPOCH + 30), "Thu, 01 Jan 2026 00:00:10 GMT", 20, id="by the server's own clock"),
        pytest.param(str(EPOCH + 30), "Thu, 01 Jan 2026 00:00:10", 20, id="a date without zone"),
        pytest.param(str(EPOCH + 30), "yesterday", 30, id="a date nobody can read"),
        pytest.param(str(EPOCH - 30), None, 0, id="just over"),
        pytest.param(str(EPOCH - 90_000), None, None, id="long over"),
        pytest.param(f"{LONGEST_RESET:.0f}", None, LONGEST_RESET, id="a week"),
        pytest.param(f"{LONGEST_RESET + 1:.0f}", None, None, id="more than a week"),
        pytest.param(str((EPOCH + 30) * 1000), None, None, id="milliseconds"),
        pytest.param("soon", None, None, id="a word"),
        pytest.param("-5", None, None, id="negative"),
        pytest.param("", None, None, id="empty"),
    ],
)
def test_a_reset_is_seconds_or_an_instant(reset, date, seconds):
    dated = {} if date is None else {"date": date}
    assert read(x_ratelimit_remaining="1", x_ratelimit_reset=reset, **dated) == (Allowance(remaining=1, reset=seconds),)


@pytest.mark.parametrize(
    "value", ["", "-1", "many", "1e3", "nan", "inf", "0x10", "1_000", "٣", "1" * 20, f"{MOST_REQUESTS + 1:.0f}"]
)
def test_what_is_absurd_counts_as_not_sent(value):
    assert read(x_ratelimit_remaining=value, x_ratelimit_limit="60") == ()
    assert read(x_ratelimit_remaining="5", x_ratelimit_limit=value) == (Allowance(remaining=5),)
    assert read(ratelimit=f'"a";r={value};t=3') == ()
    assert read(ratelimit=f"limit=5, remaining={value}") == ()


@pytest.mark.parametrize("nothing", ["0", "0.0"])
def test_a_limit_or_window_of_nothing_says_nothing(nothing):
    told = read(ratelimit='"a";r=5', ratelimit_policy=f'"a";q={nothing};w={nothing}')
    assert told == (Allowance(remaining=5),)


@pytest.mark.parametrize("blank", ["\t", "\x1f", "\x85", "\u2003"], ids=ascii)
def test_what_counts_as_blank_around_a_number_is_no_part_of_it(blank):
    assert read(x_ratelimit_remaining=f"{blank}5{blank}") == (Allowance(remaining=5),)


def test_where_nothing_is_sent_nothing_is_read():
    assert read() == read(date="Thu, 01 Jan 2026 00:00:00 GMT", x_ratelimit_limit="60", x_ratelimit_reset="1") == ()


texts = st.text(st.sampled_from('"=;, \trtqwlimtremainingreset0123456789.-é\x00'), max_size=60) | st.text(max_size=30)
names = st.sampled_from(
    ["ratelimit", "ratelimit-policy", "date"]
    + [f"{prefix}-{name}" for prefix in ("ratelimit", "x-ratelimit") for name in ("limit", "remaining", "reset")]
)


@given(st.dictionaries(names, texts))
def test_no_header_breaks_it_and_what_is_read_is_within_bounds(headers):
    for told in allowances(headers, NOW):
        assert 0 <= told.remaining <= MOST_REQUESTS
        assert told.limit is None or 0 < told.limit <= MOST_REQUESTS
        assert told.reset is None or 0 <= told.reset <= LONGEST_RESET
        assert told.window is None or 0 < told.window <= LONGEST_RESET


def test_whether_headers_tell_of_a_limit_is_known_without_reading_them():
    assert tells_allowance({"date": "x", "x-ratelimit-remaining": "odd"})
    assert tells_allowance({"ratelimit": "odd"})
    assert not tells_allowance({"ratelimit-limit": "5", "x-ratelimit-reset": "5"})
    assert not tells_allowance({})
