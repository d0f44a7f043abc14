"""What a server says about its own limit in the headers of an answer.

Read are, the newest form first, and the first that can be read counts:

- ``RateLimit: "default";r=50;t=30`` with ``RateLimit-Policy: "default";q=100;w=60`` (the IETF draft from 08 on);
- ``RateLimit: limit=100, remaining=50, reset=30`` with ``RateLimit-Policy: 100;w=60`` (07);
- ``RateLimit-Limit``, ``RateLimit-Remaining`` and ``RateLimit-Reset`` (up to 06);
- ``X-RateLimit-Limit``, ``X-RateLimit-Remaining`` and ``X-RateLimit-Reset``, also as ``X-Rate-Limit-...``.

Whatever cannot be read, or is absurd, counts as not sent.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from attrs import frozen

from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire import Headers

LONGEST_RESET = 7 * 86_400.0
"""Seconds; a reset later than that, or a day ago, is a misunderstanding."""
EARLIEST_RESET = -86_400.0
FIRST_EPOCH = 1e9
"""Larger numbers are seconds since 1970, smaller ones seconds from now."""
MOST_REQUESTS = 1e9

_NAMES = tuple(
    (prefix, *(f"{prefix}-{name}" for name in ("limit", "remaining", "reset")))
    for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit")
)


_TELLING = frozenset(name for whole, _, remaining, _ in _NAMES for name in (whole, remaining))


@frozen(kw_only=True)
class Allowance:
    """What one limit of the server leaves; None is what it did not say.

    ``remaining`` and ``limit`` count requests, ``reset`` is seconds from the answer, ``window`` the length of the
    server's window in seconds.
    """

    remaining: float
    limit: float | None = None
    reset: float | None = None
    window: float | None = None

    __repr__, __eq__, __hash__ = shown, equal, hashed


def tells_allowance(headers: Mapping[str, str]) -> bool:
    """Whether an answer says anything that :func:`allowances` may read; header names are lower case."""
    return headers.has_any(_TELLING) if isinstance(headers, Headers) else not _TELLING.isdisjoint(headers)


def allowances(headers: Mapping[str, str], now: datetime) -> tuple[Allowance, ...]:
    """Read every limit an answer tells of; header names are lower case.

    ``now`` is the wall clock, used for a reset given as a date only when the answer has no Date of its own.
    """
    for whole, limit, remaining, reset in _NAMES:
        if whole not in headers and remaining not in headers:
            continue
        told = _in_one(headers) if whole == "ratelimit" and whole in headers else []
        if remaining in headers:
            most, window = _quota(headers.get(limit, ""))
            told.append(_Told(headers[remaining], most, headers.get(reset), window))
        # The server's own Date makes its wish independent of the difference between two clocks.
        readable = [one.read(_http_date(headers.get("date", "")) or now) for one in told]
        if found := tuple(allowance for allowance in readable if allowance is not None):
            return found
    return ()


@frozen(eq=False, repr=False)
class _Told:
    """The texts of one limit."""

    remaining: str | None
    limit: str | None
    reset: str | None
    window: str | None

    def read(self, clock: datetime) -> Allowance | None:
        remaining = _number(self.remaining, MOST_REQUESTS)
        if remaining is None:
            return None
        # A limit or a window of nothing says nothing.
        limit, window = _number(self.limit, MOST_REQUESTS) or None, _number(self.window, LONGEST_RESET) or None
        return Allowance(remaining=remaining, limit=limit, reset=_reset(self.reset, clock), window=window)


def _in_one(headers: Mapping[str, str]) -> list[_Told]:
    """Read ``RateLimit``, which holds everything, and its policy."""
    members, policies = _members(headers["ratelimit"]), headers.get("ratelimit-policy", "")
    plain = _parameters([part for member in members for part in member])
    if "remaining" in plain:
        return [_Told(plain["remaining"], plain.get("limit"), plain.get("reset"), _quota(policies)[1])]
    quotas = {name: _parameters(parameters) for name, *parameters in _members(policies)}
    told: list[_Told] = []
    for name, *parameters in members:
        here, quota = _parameters(parameters), quotas.get(name, {})
        told.append(_Told(here.get("r"), quota.get("q"), here.get("t"), quota.get("w")))
    return told


def _quota(text: str) -> tuple[str, str | None]:
    """Read ``100, 100;w=60``: how many requests in how many seconds."""
    members = _members(text)
    windows = [_parameters(parameters).get("w") for _, *parameters in members]
    return members[0][0], next((window for window in windows if window is not None), None)


def _members(text: str) -> list[list[str]]:
    """Split at commas and semicolons outside of quotes: a list of members with their parameters."""
    members = [[""]]
    for piece in re.findall(r'"[^"]*"|[^",;]+|[,;]', text):
        if piece == ",":
            members.append([""])
        elif piece == ";":
            members[-1].append("")
        else:
            members[-1][-1] += piece.strip()
    return members


def _parameters(parts: list[str]) -> dict[str, str]:
    pairs = (part.partition("=") for part in parts)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _reset(text: str | None, clock: datetime) -> float | None:
    seconds = _number(text, 1e15)
    if seconds is not None and seconds >= FIRST_EPOCH:
        seconds -= clock.timestamp()
    if seconds is None or not EARLIEST_RESET <= seconds <= LONGEST_RESET:
        return None
    return max(0.0, seconds)


def _number(text: str | None, most: float) -> float | None:
    digits = (text or "").strip()
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,9})?", digits):
        return None
    number = float(digits)
    return number if number <= most else None


def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
