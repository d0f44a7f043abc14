"""Timestamps as the API sends them: kept as text, compared as instants when both can be read.

No public page gives a format or a zone (O:4563bfbf8cb5c53f4846256adf82de0d prints only "string"), so
nothing here fails: an unreadable text is None as an instant and is compared as text.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000


class Direction(StrEnum):
    """How a watermark went from one value to the next."""

    FORWARD = "forward"
    BACKWARD = "backward"
    FROM_NULL = "from_null"
    TO_NULL = "to_null"
    UNORDERED = "unordered"


def parse_timestamp(text: str) -> datetime | None:
    """Return the aware instant an ISO 8601 text names; without a zone it is UTC; unreadable is None.

    Digits alone, or with a fraction, are unreadable: they are rather seconds since some epoch.
    """
    if not _form().fullmatch(text.strip()):
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def same_watermark(one: str | None, other: str | None) -> bool:
    """Whether two watermarks name the same instant, cut to the coarser precision of the two."""
    if one == other:
        return True
    if one is None or other is None or _are_plain(one, other):
        return False
    left, right = parse_timestamp(one), parse_timestamp(other)
    if left is None or right is None:
        return False
    step = max(_precision(one), _precision(other))
    return _count(left, step) == _count(right, step)


def direction_of(before: str | None, after: str | None) -> Direction:
    """Say how a watermark moved between two values that are not the same."""
    if before is None:
        return Direction.FROM_NULL
    if after is None:
        return Direction.TO_NULL
    if before != after and _are_plain(before, after):
        return Direction.FORWARD if after > before else Direction.BACKWARD
    left, right = parse_timestamp(before), parse_timestamp(after)
    if left is None or right is None or left == right:
        return Direction.UNORDERED
    return Direction.FORWARD if right > left else Direction.BACKWARD


def _are_plain(one: str, other: str) -> bool:
    """Whether both are written as nearly every server does, and alike: then instants are in the order of their texts.

    What is rare, such as the 29th of February, is left to the general way.
    """
    is_plain = _plain().fullmatch
    return len(one) == len(other) and is_plain(one) is not None and is_plain(other) is not None


@cache
def _plain() -> re.Pattern[str]:
    day = r"(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31"
    return re.compile(rf"(?!0000)\d{{4}}-(?:{day})T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,6}})?Z", re.ASCII)


@cache
def _form() -> re.Pattern[str]:
    # Between date and time may stand whatever is no part of a number: "1712010112345.678" is a number, and a lenient
    # reader takes it for a quarter to midnight in 1712. Some releases of Python read 24 o'clock, others do not.
    return re.compile(
        r"(?P<date>\d{4}-\d\d-\d\d|\d{4}-?W\d\d(?:-?\d)?|\d{8}(?!$))"
        r"(?:[^\d.,+-](?!24)\d\d(?P<minute>:?\d\d(?P<second>:?\d\d(?:[.,](?P<fraction>\d+))?)?)?"
        r" ?(?:Z|[+-]\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?)?)?",
        re.ASCII,
    )


def _precision(text: str) -> int:
    """Return the step of the last place of a readable text, in microseconds: that of a date alone is a day."""
    form = _form().fullmatch(text.strip())
    assert form is not None
    if form["minute"] is None:
        # What follows a date is an hour at least.
        return 3_600 * _SECOND if form.end() > form.end("date") else 86_400 * _SECOND
    if form["second"] is None:
        return 60 * _SECOND
    return int(10 ** max(0, 6 - len(form["fraction"] or "")))


def _count(instant: datetime, step: int) -> int:
    # In UTC, without making a time of it, which may lie before the first year or after the last.
    return (instant - _EPOCH) // _MICROSECOND // step
