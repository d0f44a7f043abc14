"""Timestamps as the API sends them: kept as text, compared as instants when both can be read.

No public page gives a format or a zone (O:4563bfbf8cb5c53f4846256adf82de0d prints only "string"), so
nothing here fails: an unreadable text is None as an instant and is compared as text.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum

_FRACTION = re.compile(r"[.,](\d+)")


class Direction(StrEnum):
    """How a watermark went from one value to the next."""

    FORWARD = "forward"
    BACKWARD = "backward"
    FROM_NULL = "from_null"
    TO_NULL = "to_null"
    UNORDERED = "unordered"


def parse_timestamp(text: str) -> datetime | None:
    """Return the aware instant an ISO 8601 text names; without a zone it is UTC; unreadable is None.

    Digits alone are unreadable: they are rather seconds since some epoch, which a lenient reader takes for a date.
    """
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if text.strip().isdigit():
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def same_watermark(one: str | None, other: str | None) -> bool:
    """Whether two watermarks name the same instant, cut to the coarser precision of the two."""
    if one == other:
        return True
    if one is None or other is None:
        return False
    left, right = parse_timestamp(one), parse_timestamp(other)
    if left is None or right is None:
        return False
    digits = min(_fraction_digits(one), _fraction_digits(other))
    return _cut(left, digits) == _cut(right, digits)


def direction_of(before: str | None, after: str | None) -> Direction:
    """Say how a watermark moved between two values that are not the same."""
    if before is None:
        return Direction.FROM_NULL
    if after is None:
        return Direction.TO_NULL
    left, right = parse_timestamp(before), parse_timestamp(after)
    if left is None or right is None or left == right:
        return Direction.UNORDERED
    return Direction.FORWARD if right > left else Direction.BACKWARD


def _fraction_digits(text: str) -> int:
    found = _FRACTION.search(text)
    return len(found.group(1)) if found else 0


def _cut(instant: datetime, digits: int) -> datetime:
    step = 10 ** max(0, 6 - digits)
    return instant.replace(microsecond=instant.microsecond // step * step)
