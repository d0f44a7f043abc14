"""What the headers of answers tell: limits, the end of an interface, the two clocks, and how long answers took."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Final

from packcloud_async._sansio.answers import http_date
from packcloud_async._sansio.check import Check, Mark
from packcloud_async._sansio.counting import counted, noun_for
from packcloud_async._sansio.inquiries import Answered
from packcloud_async._sansio.rate_headers import Allowance, allowances

CLOSE: Final = 5.0
"""Seconds by which two clocks may differ without a word: Date counts whole seconds, and an answer takes time."""


def header_checks(answers: Sequence[Answered]) -> tuple[Check, ...]:
    """Judge what was said beside the bodies of all answers, in the order they came."""
    return _rate_limit(answers), _deprecation(answers), _clock(answers), _latency(answers)


_NOTHING = "There was no answer whose headers could tell."


def _rate_limit(answers: Sequence[Answered]) -> Check:
    name = "rate_limit"
    if not answers:
        return Check(name, Mark.UNKNOWN, _NOTHING)
    told = [found for answer in answers for found in allowances(answer.headers, answer.received_at)]
    refused = sum(answer.status == 429 for answer in answers)
    were = "was" if refused == 1 else "were"
    said = f" {refused} of {counted(len(answers), 'request')} {were} refused with 429." if refused else ""
    if told:
        return Check(name, Mark.NOTE if refused else Mark.OK, f"The server says {_limit(told[-1])}.{said}")
    mark = Mark.NOTE if refused else Mark.OK
    return Check(name, mark, f"No header tells of a limit: keep one of your own, RateLimit.{said}")


def _limit(allowance: Allowance) -> str:
    of, every = ("", allowance.remaining) if allowance.limit is None else (f" of {allowance.limit:g}", allowance.limit)
    window = "" if allowance.window is None else f" in {counted(allowance.window, 'second')}"
    reset = "" if allowance.reset is None else f", anew in {counted(round(allowance.reset), 'second')}"
    is_one = 1 in {allowance.remaining, every}
    left = f"{noun_for(every, 'request')}{window} {'is' if is_one else 'are'} left"
    return f"that {allowance.remaining:g}{of} {left}{reset}"


def _deprecation(answers: Sequence[Answered]) -> Check:
    name = "deprecation"
    if not answers:
        return Check(name, Mark.UNKNOWN, _NOTHING)
    told = [said for answer in answers for said in _ending(answer.headers)]
    if not told:
        return Check(name, Mark.OK, "No header says that the interface will end.")
    return Check(name, Mark.NOTE, f"The server says that {' and that '.join(dict.fromkeys(told))}.")


def _ending(headers: Mapping[str, str]) -> list[str]:
    """Read ``Deprecation`` (RFC 9745, and ``true`` or a date as its drafts had it) and ``Sunset`` (RFC 8594)."""
    told: list[str] = []
    if (text := headers.get("deprecation", "false").strip().lower()) != "false":
        since = _instant(text) or http_date(text)
        told.append("this is deprecated" + ("" if since is None else f" from {since:%Y-%m-%d} on"))
    if "sunset" in headers:
        end = http_date(headers["sunset"])
        told.append("this will end" + (", at a date that cannot be read" if end is None else f" on {end:%Y-%m-%d}"))
    return told


def _instant(text: str) -> datetime | None:
    digits = re.fullmatch(r"@([0-9]{1,11})", text)
    return datetime.fromtimestamp(int(digits[1]), UTC) if digits else None


def _clock(answers: Sequence[Answered]) -> Check:
    name = "clock"
    ahead = [
        (answer.received_at - sent).total_seconds()
        for answer in answers
        if (sent := http_date(answer.headers.get("date", ""))) is not None
    ]
    if not ahead:
        return Check(name, Mark.NOTE, "No answer has a readable Date: the clocks cannot be compared.")
    # Answers may come late, and then look as if this clock were ahead.
    least = min(ahead, key=abs)
    if abs(least) <= CLOSE:
        return Check(name, Mark.OK, f"This clock and the server's agree within {CLOSE:g} seconds.")
    way = "ahead of" if least > 0 else "behind"
    return Check(name, Mark.NOTE, f"This clock is {_span(abs(least))} {way} the server's.")


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _latency(answers: Sequence[Answered]) -> Check:
    if not answers:
        return Check("latency", Mark.UNKNOWN, "There was no answer to time.")
    times = [1_000 * answer.elapsed for answer in answers]
    count = counted(len(times), "answer")
    return Check("latency", Mark.OK, f"{count}: {median(times):.0f} ms in the median, {max(times):.0f} ms at most.")
