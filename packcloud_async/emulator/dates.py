"""Instants of the emulated world: seconds since its epoch, and the ways of writing them."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final, assert_never

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""What second 0 of every emulator is called; nothing here asks a clock."""


class WatermarkFormat(StrEnum):
    """How a watermark is written; no public page of the API gives a format."""

    PLAIN = "plain"
    """``2026-01-01T00:00:10Z``"""
    FRACTION = "fraction"
    """``2026-01-01T00:00:10.000000Z``"""
    OFFSET = "offset"
    """``2026-01-01T02:00:10+02:00``"""
    NO_ZONE = "no_zone"
    """``2026-01-01 00:00:10``"""
    UNREADABLE = "unreadable"
    """``01/01/2026 00:00:10``, which is not ISO 8601"""


def written(second: int, style: WatermarkFormat = WatermarkFormat.PLAIN) -> str:
    """Write the instant this many seconds after the epoch (before it, if negative)."""
    match style:
        case WatermarkFormat.PLAIN:
            return f"{_day(second // _DAY)}T{_time(second % _DAY)}Z"
        case WatermarkFormat.FRACTION:
            return f"{_day(second // _DAY)}T{_time(second % _DAY)}.000000Z"
        case WatermarkFormat.OFFSET:
            return f"{written(second + 7_200)[:-1]}+02:00"
        case WatermarkFormat.NO_ZONE:
            return f"{_day(second // _DAY)} {_time(second % _DAY)}"
        case WatermarkFormat.UNREADABLE:
            year, month, day = _day(second // _DAY).split("-")
            return f"{day}/{month}/{year} {_time(second % _DAY)}"
        case _:
            assert_never(style)


def second_of(text: str) -> int | None:
    """Return the second that is written like this, None for any other way of writing.

    >>> second_of(written(-90)), second_of("2026-01-01 00:00:10")
    (-90, None)
    """
    try:
        instant = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    second = (instant - EPOCH) // timedelta(seconds=1)
    return second if written(second) == text else None


@lru_cache(maxsize=1_024)
def http_date(second: int) -> str:
    """Write an instant the way HTTP headers do."""
    return format_datetime(EPOCH + timedelta(seconds=second), usegmt=True)


_DAY = 86_400


# Cached in two parts: a hundred thousand shops have few days between them, and no instant in common.
@lru_cache(maxsize=4_096)
def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).date().isoformat()


def _time(second: int) -> str:
    return f"{second // 3_600:02}:{second // 60 % 60:02}:{second % 60:02}"
