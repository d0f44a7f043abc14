"""What the headers of answers tell."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.check import Mark
from packcloud_async._sansio.header_checks import header_checks
from packcloud_async._sansio.inquiries import Answered

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def answered(status=200, *, elapsed=0.1, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answered(status=status, headers=named, received_at=NOW, elapsed=elapsed)


def check(name, *answers):
    checks = {check.name: check for check in header_checks(answers)}
    assert list(checks) == ["rate_limit", "deprecation", "clock", "latency"]
    return checks[name].mark, checks[name].sentence


@pytest.mark.parametrize(
    ("answers", "mark", "sentence"),
    [
        ([answered()], Mark.OK, "No header tells of a limit: keep one of your own, RateLimit."),
        ([], Mark.UNKNOWN, "There was no answer whose headers could tell."),
        (
            [answered(ratelimit="limit=100, remaining=51, reset=30", ratelimit_policy="100;w=60"), answered()],
            Mark.OK,
            "The server says that 51 of 100 requests in 60 seconds are left, anew in 30 seconds.",
        ),
        (
            [answered(x_ratelimit_remaining="59"), answered(429, x_ratelimit_remaining="0")],
            Mark.NOTE,
            "The server says that 0 requests are left. 1 of 2 requests was refused with 429.",
        ),
        (
            [answered(ratelimit="limit=1, remaining=1, reset=1", ratelimit_policy="1;w=1")],
            Mark.OK,
            "The server says that 1 of 1 request in 1 second is left, anew in 1 second.",
        ),
        (
            [answered(429)],
            Mark.NOTE,
            "No header tells of a limit: keep one of your own, RateLimit. 1 of 1 request was refused with 429.",
        ),
    ],
)
def test_limits(answers, mark, sentence):
    assert check("rate_limit", *answers) == (mark, sentence)


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({}, "No header says that the interface will end."),
        ({"deprecation": "false"}, "No header says that the interface will end."),
        ({"deprecation": "true"}, "The server says that this is deprecated."),
        ({"deprecation": "@1767225600"}, "The server says that this is deprecated from 2026-01-01 on."),
        (
            {"deprecation": "Thu, 01 Jan 2026 00:00:00 GMT", "sunset": "Fri, 01 Jan 2027 00:00:00 GMT"},
            "The server says that this is deprecated from 2026-01-01 on and that this will end on 2027-01-01.",
        ),
        ({"sunset": "s3cret"}, "The server says that this will end, at a date that cannot be read."),
        ({"deprecation": "s3cret"}, "The server says that this is deprecated."),
    ],
)
def test_the_end_of_an_interface(headers, sentence):
    mark = Mark.NOTE if "server says" in sentence else Mark.OK
    assert check("deprecation", answered(), answered(405, **headers), answered(**headers)) == (mark, sentence)


def test_without_an_answer_nobody_knows_whether_the_interface_will_end():
    assert check("deprecation") == (Mark.UNKNOWN, "There was no answer whose headers could tell.")


def at(seconds):
    """An answer that the server dates so many seconds before it came."""
    return answered(date=format_datetime(NOW - timedelta(seconds=seconds), usegmt=True))


@pytest.mark.parametrize(
    ("answers", "mark", "sentence"),
    [
        ([answered(), answered(date="no date")], Mark.NOTE, "No answer has a readable Date"),
        ([at(5)], Mark.OK, "agree within 5 seconds"),
        ([at(-5)], Mark.OK, "agree within 5 seconds"),
        ([at(40), at(3)], Mark.OK, "agree within 5 seconds"),
        ([at(6)], Mark.NOTE, "This clock is 6 seconds ahead of the server's."),
        ([at(-125)], Mark.NOTE, "This clock is 2 minutes behind the server's."),
        ([at(3 * 3600), at(4 * 3600)], Mark.NOTE, "This clock is 3 hours ahead of the server's."),
        ([at(181 * 86_400)], Mark.NOTE, "This clock is 181 days ahead of the server's."),
    ],
)
def test_the_two_clocks(answers, mark, sentence):
    found = check("clock", *answers)
    assert found[0] is mark
    assert sentence in found[1]


def test_how_long_answers_took():
    assert check("latency") == (Mark.UNKNOWN, "There was no answer to time.")
    assert check("latency", answered(elapsed=0.0204))[1] == "1 answer: 20 ms in the median, 20 ms at most."
    times = (0.01, 0.03, 1.5)
    assert check("latency", *(answered(elapsed=elapsed) for elapsed in times))[1] == (
        "3 answers: 30 ms in the median, 1500 ms at most."
    )


NAMES = ["date", "deprecation", "sunset", "ratelimit", "ratelimit-policy", "x-ratelimit-remaining", "retry-after"]


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=30)), max_size=3))
def test_no_header_is_an_error_and_none_is_quoted(given_headers):
    canary = "c4nary"
    spoilt = [{name: text + canary for name, text in headers.items()} for headers in given_headers]
    for headers in (given_headers, spoilt):
        checks = header_checks([Answered(status=200, headers=one, received_at=NOW) for one in headers])
        assert not any(canary in check.sentence for check in checks)
