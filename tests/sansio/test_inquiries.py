"""Questions without side effects, and what was learned by them."""

from datetime import UTC, datetime

import pytest

from packcloud_async._sansio.answers import read_answer
from packcloud_async._sansio.inquiries import Answered, Silence, asks_again, inquiry, reason_to_stop, shortened, told
from packcloud_async._sansio.wire import Damage, Headers, Response
from packcloud_async.errors import TransportError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(response, *, keeps_body=True):
    return read_answer(inquiry("/v1/x", keeps_body=keeps_body), response, now=NOW, credential={})


@pytest.mark.parametrize("status", [101, 200, 204, 301, 401, 404, 405, 429, 503, 599])
def test_no_status_is_an_error(status):
    assert read(Response(status, {"allow": "POST"}, b"body")) == Response(status, {"allow": "POST"}, b"body")


def test_a_body_that_is_not_to_be_kept_is_dropped_however_little_of_it_arrived():
    found = read(Response(200, Headers({"Date": "now"}), b'{"api_key": "s3cret"', Damage.TRUNCATED), keeps_body=False)
    assert found == Response(200, {"date": "now"}, b"")


def test_a_body_that_is_to_be_kept_must_be_whole():
    with pytest.raises(TransportError):
        read(Response(200, {}, b"{", Damage.TRUNCATED))


def test_of_a_body_over_the_limit_everything_else_is_kept():
    found = read(Response(200, Headers({"Date": "now"}), b"[", Damage.TOO_LARGE))
    assert found == Response(200, {"date": "now"}, b"", Damage.TOO_LARGE)


@pytest.mark.parametrize(("length", "kept"), [(59, 59), (60, 60), (61, 60), (20_000, 60)])
def test_a_long_text_is_cut_in_the_middle(length, kept):
    cut = shortened("a" + "x" * (length - 2) + "z")
    assert (len(cut), cut[0], cut[-1], "..." in cut) == (kept, "a", "z", length > kept)


def test_it_is_a_get_that_may_be_repeated_and_is_never_quoted():
    call = inquiry("https://host/v1/x?cursor=2", keeps_body=True, named_path="/v1/x")
    assert (call.method, call.path, call.body, call.quotable) == ("GET", "/v1/x", None, False)


@pytest.mark.parametrize(
    ("header", "methods"),
    [
        (None, None),
        ("", set()),
        ("POST", {"POST"}),
        ("post,  Get\t,HEAD", {"POST", "GET", "HEAD"}),
        ("POST, \x1b[31m DELETE, s3cret", {"POST", "DELETE"}),
    ],
)
def test_allow_is_read_as_the_methods_there_are(header, methods):
    assert Answered(status=405, headers={} if header is None else {"allow": header}).allow == methods


@pytest.mark.parametrize(
    ("headers", "says"),
    [({}, True), ({"content-type": "application/problem+JSON"}, True), ({"content-type": "text/html"}, False)],
)
def test_what_is_said_to_be_json(headers, says):
    assert Answered(status=200, headers=headers).says_json is says


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (Answered(status=503), True),
        (Answered(status=429, headers={"retry-after": "10"}), True),
        (Answered(status=429, headers={"retry-after": "11"}), False),
        (Answered(status=404), False),
        (Answered(status=501), False),
        (Silence("broken"), False),
    ],
)
def test_what_may_pass_is_asked_twice_and_not_three_times(answer, again):
    assert asks_again(answer, asked=1) is again
    assert asks_again(answer, asked=2) is False


WELL = Answered(status=200)
BROKEN = Silence("broken")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([], None),
        ([BROKEN], None),
        ([BROKEN, WELL, BROKEN], None),
        ([WELL, BROKEN, BROKEN], "the server does not answer any more"),
        ([WELL, Answered(status=429, headers={"retry-after": "60"})], "the server asked for a long pause"),
        ([Answered(status=429)], None),
        ([Answered(status=404, headers={"retry-after": "60"})], None),
    ],
)
def test_when_nothing_more_is_asked(answers, reason):
    assert reason_to_stop(answers) == reason


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (WELL, "answered 200"),
        (Answered(status=200, is_too_large=True), "answered 200, and the body is larger than the limit"),
        (Answered(status=404, is_too_large=True), "answered 404"),
        (Silence(f"GET /{'x' * 20_000}: refused"), f"gave no answer (GET /{'x' * 260}...{'x' * 123}: refused)"),
        (Answered(status=405), "answered 405 (Allow: not said)"),
        (Answered(status=405, headers={"allow": ""}), "answered 405 (Allow: nothing)"),
        (Answered(status=405, headers={"allow": "PUT, DELETE"}), "answered 405 (Allow: DELETE, PUT)"),
        (BROKEN, "gave no answer (broken)"),
        (Silence("late", was_asked=False), "was not asked (late)"),
    ],
)
def test_an_answer_is_told_in_words_of_our_own(answer, said):
    assert told(answer) == said


def test_nothing_of_an_answer_shows_in_its_repr():
    answer = Answered(status=200, headers={"x": "s3cret"}, body=b"s3cret")
    assert "s3cret" not in repr(answer)
    assert answer.is_success
