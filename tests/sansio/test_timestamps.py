from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packcloud_async._sansio import timestamps
from packcloud_async._sansio.timestamps import Direction, direction_of, parse_timestamp, same_watermark

TEN = datetime(2026, 1, 1, 10, tzinfo=UTC)
FIRST = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2026-01-01T10:00:00Z", TEN, id="utc"),
        pytest.param("2026-01-01T12:00:00+02:00", TEN, id="offset"),
        pytest.param("2026-01-01 10:00:00", TEN, id="no zone is utc"),
        pytest.param(" 2026-01-01T10:00:00Z\n", TEN, id="white space around it"),
        pytest.param("20260101T100000Z", TEN, id="basic form"),
        pytest.param("2026-01-01T10:00:00.5Z", TEN + timedelta(milliseconds=500), id="fraction"),
        pytest.param("2026-01-01T10:00:00,123456789Z", TEN + timedelta(microseconds=123456), id="nanoseconds are cut"),
        pytest.param("", None, id="empty"),
        pytest.param("yesterday", None, id="words"),
        pytest.param("2026-02-30T10:00:00Z", None, id="no such day"),
        pytest.param("20260101", None, id="digits alone"),
        pytest.param("1712010112345", None, id="milliseconds since 1970"),
        pytest.param("1712010112345.678", None, id="milliseconds since 1970 with a fraction"),
        pytest.param("17120101.123456", None, id="a number with a fraction"),
        pytest.param("17120101,123456", None, id="a number with a comma"),
        pytest.param("2026-01-01110:00", None, id="a digit between date and time"),
        pytest.param("2026-01-01T24:00:00Z", None, id="24 o'clock"),
        pytest.param("2026-01-01\ud80010:00", TEN, id="half of a surrogate pair between date and time"),
        pytest.param("2026-01-01T10:00:00\x00", None, id="NUL at the end"),
        pytest.param("\uff12\uff10\uff12\uff16-01-01T10:00:00Z", None, id="digits of another script"),
        pytest.param("2026-01-01T10:00", TEN, id="minutes"),
        pytest.param("2026-01-01T10+00:00", TEN, id="hours"),
        pytest.param("2026-01-01", TEN.replace(hour=0), id="a day"),
        pytest.param("2026-W01-4", TEN.replace(hour=0), id="a day of a week"),
        pytest.param("0001-01-01T00:00:00+14:00", FIRST, id="before the first year in UTC"),
    ],
)
def test_a_timestamp_is_read_or_none(text, instant):
    assert parse_timestamp(text) == instant


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(None, None, True, id="both null"),
        pytest.param(None, "2026-01-01T10:00:00Z", False, id="null and a time"),
        pytest.param("n/a", "n/a", True, id="the same unreadable text"),
        pytest.param("n/a", "N/A", False, id="two unreadable texts"),
        pytest.param("n/a", "2026-01-01T10:00:00Z", False, id="unreadable and a time"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T11:00:00+01:00", True, id="another zone"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:00:00", True, id="no zone"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:00:00.999999Z", True, id="coarser precision decides"),
        pytest.param("2026-01-01T10:00:00.12Z", "2026-01-01T10:00:00.129Z", True, id="two digits decide"),
        pytest.param("2026-01-01T10:00:00.12Z", "2026-01-01T10:00:00.139Z", False, id="two digits differ"),
        pytest.param("2026-01-01T10:00:00.1234567Z", "2026-01-01T10:00:00.1234561Z", True, id="beyond microseconds"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z", False, id="a second later"),
        pytest.param("2026-01-01T10:00:00.123456Z", "2026-01-01T10:00:00.123457Z", False, id="a microsecond later"),
        pytest.param("1712010112345", "1712010122345", False, id="two counters"),
        pytest.param("1712010112345.678", "1712010122345.678", False, id="two counters with a fraction"),
        pytest.param("2026-01-01", "2026-01-01T10:00:00Z", True, id="a day and a time in it"),
        pytest.param("2026-01-01", "2026-01-02T00:00:00Z", False, id="a day and the next"),
        pytest.param("2026-01-01", "2026-01-01T23:30:00-01:00", False, id="a day, and the next in UTC"),
        pytest.param("2026-01-01T10Z", "2026-01-01T10:59:59Z", True, id="an hour and a time in it"),
        pytest.param("2026-01-01T10:00Z", "2026-01-01T10:00:59.9Z", True, id="a minute and a time in it"),
        pytest.param("2026-01-01T10:00Z", "2026-01-01T10:01:00Z", False, id="a minute and the next"),
        pytest.param("2026-01-01T10:01", "2026-01-01T1001", True, id="minutes, basic form"),
        pytest.param("2026-01-01T10:00+05:30", "2026-01-01T04:30:30Z", True, id="minutes in another zone"),
        pytest.param(
            "2026-01-01T10:00:00+01:00:00.5", "2026-01-01T08:59:59Z", True, id="a zone with a fraction of a second"
        ),
        pytest.param("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", False, id="before the first year"),
        pytest.param("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59.5-14:00", True, id="after the last year"),
    ],
)
def test_two_watermarks_are_the_same_instant(one, other, same):
    assert same_watermark(one, other) is same
    assert same_watermark(other, one) is same


@pytest.mark.parametrize(
    ("before", "after", "direction"),
    [
        pytest.param(None, "2026-01-01T10:00:00Z", Direction.FROM_NULL, id="from null"),
        pytest.param("2026-01-01T10:00:00Z", None, Direction.TO_NULL, id="to null"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z", Direction.FORWARD, id="forward"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:59:59+01:00", Direction.BACKWARD, id="backward"),
        pytest.param("n/a", "2026-01-01T10:00:00Z", Direction.UNORDERED, id="from unreadable"),
        pytest.param("2026-01-01T10:00:00Z", "n/a", Direction.UNORDERED, id="to unreadable"),
        pytest.param("2026-01-01T10:00:00Z", "2026-01-01T10:00:00", Direction.UNORDERED, id="not moved"),
    ],
)
def test_the_direction_of_a_move(before, after, direction):
    assert direction_of(before, after) is direction


@given(st.text())
def test_no_text_fails(text):
    assert parse_timestamp(text) is None or parse_timestamp(text).tzinfo is not None
    assert same_watermark(text, text)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001 - wall times
def test_an_instant_is_the_same_in_every_zone(wall, minutes):
    there = (wall + timedelta(minutes=minutes)).isoformat(timespec="microseconds")
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    assert same_watermark(wall.isoformat(timespec="microseconds") + "Z", there + offset)


digits = st.integers(0, 99).map("{:02}".format)
written_alike = st.builds(
    "{}-{}-{}T{}:{}:{}{}{}".format,
    st.sampled_from(["0000", "0001", "2025", "2026", "9999"]),
    *[digits] * 5,
    st.sampled_from(["", ".0", ".1", ".100000", ".999999", ".1000000", ".1000001", ","]),
    st.sampled_from(["Z", "Z", "Z", "+00:00", "+01:00", "z", ""]),
)
instants = st.datetimes().map(lambda instant: f"{instant.isoformat()}Z")


@given(st.one_of(written_alike, instants), st.one_of(written_alike, instants))
@example("2026-01-01T00:00:00.100000Z", "2026-01-01T00:00:00.1+00:00")
@example("2024-02-29T00:00:00Z", "2024-02-28T00:00:00Z")
@example("2025-02-29T00:00:00Z", "2025-02-28T00:00:00Z")
@example("2026-04-31T00:00:00Z", "2026-04-30T00:00:00Z")
@example("2026-01-02T24:00:00Z", "2026-01-03T00:00:00Z")
@example("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
def test_what_is_written_alike_is_compared_as_any_two_texts_are(one, other):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timestamps, "_are_plain", lambda *_: False)
        expected = same_watermark(one, other), direction_of(one, other), direction_of(other, one)
    assert (same_watermark(one, other), direction_of(one, other), direction_of(other, one)) == expected


def test_what_nearly_every_server_writes_is_not_parsed(monkeypatch):
    monkeypatch.setattr(timestamps, "parse_timestamp", None)
    for before, after in [("2026-01-31T23:59:59Z", "2026-02-01T00:00:00Z"), (T0_MICROS, T1_MICROS)]:
        assert not same_watermark(before, after)
        assert direction_of(before, after) is Direction.FORWARD
        assert direction_of(after, before) is Direction.BACKWARD


T0_MICROS, T1_MICROS = "2026-12-30T09:08:07.000001Z", "2026-12-30T09:08:07.000010Z"
