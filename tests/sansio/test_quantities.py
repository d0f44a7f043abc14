"""Rates and durations as a person writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import ConfigurationError
from packcloud_async._sansio.quantities import Rate, read_duration, read_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("50", Rate(50, 1)),
        ("50/s", Rate(50, 1)),
        (" 50/sec ", Rate(50, 1)),
        ("600/min", Rate(600, 60)),
        ("600/m", Rate(600, 60)),
        ("0.5/s", Rate(0.5, 1)),
        ("10/2s", Rate(10, 2)),
        ("1000/h", Rate(1000, 3600)),
        ("1000/d", Rate(1000, 86400)),
    ],
)
def test_a_rate_is_read(text, rate):
    assert read_rate(text) == rate


@pytest.mark.parametrize(
    "text", ["", "/s", "s", "0/s", "0", "-1/s", "50/", "50/0s", "50/y", "1e3/s", "nan", "inf/s", "\u0665/s"]
)
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(ConfigurationError) as caught:
        read_rate(text)
    assert str(caught.value) == f"must be a rate such as 50/s, 600/min or 10/2s, not {text!r}"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("5min", 300), ("1.5h", 5400), ("1d", 86400), ("0", 0)]
)
def test_a_duration_is_read(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "1w", "1 h", "nan", "inf", "1e9", "5m30s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ConfigurationError) as caught:
        read_duration(text)
    assert str(caught.value) == f"must be a time such as 90s, 5m or 1h, not {text!r}"


def told_by(read, text):
    """What is wrong with a text, None when nothing is."""
    try:
        read(text)
    except ConfigurationError as error:
        return str(error)
    return None


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for read in (read_rate, read_duration):
        told = told_by(read, text)
        assert told is None or repr(text) in told
