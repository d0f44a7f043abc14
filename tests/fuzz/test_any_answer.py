"""Any answer of any call ends in the value the tables say, in InvalidResponse, or in the error of its status."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async._sansio.wire import Damage, Response
from tests.sansio.payloads import json_values

from .calls import CALLS, makers
from .near_valid import RIGHT, every_one_change, nearly
from .oracle import ANSWERS
from .targets import HEADERS, check_answer

# These take any body at all.
UNDEMANDING = {"any_request", "delete_integration", "sync"}

NO_SECONDS = ["\u00b2", "\u0663"]

texts = st.text(max_size=30)
header_values = (
    texts
    | st.integers(-(10**20), 10**20).map(str)
    | st.floats().map(str)
    | st.sampled_from(
        [
            "Thu, 01 Jan 2026 12:00:30 GMT",
            "Thu, 01 Jan 0001 00:00:00 +1400",
            "Fri, 31 Dec 9999 23:59:59 -1400",
            "Thu, 01 Jan 2026 12:00:30 +9999",
            "Thu, 32 Foo 2026 25:61:61",
            "limit=100, remaining=50, reset=30",
            '"default";r=50;t=30',
            "application/json; charset=latin-1",
            "Bearer t0ken-of-a-shop",
            "\udcff\x1f",
            "9" * 5_000,
            # Digits that are no numbers in a header.
            *NO_SECONDS,
        ]
    )
)
headers = st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=4)


def test_every_call_has_tables_and_a_right_answer():
    assert set(CALLS) == set(makers()) == set(ANSWERS) == set(RIGHT)


@pytest.mark.parametrize("name", CALLS)
def test_any_one_change_of_a_right_answer_is_read_as_the_tables_say_or_refused(name):
    bodies = {body for document in RIGHT[name] for body in every_one_change(document)}
    verdicts = {check_answer(name, Response(200, {}, body)) for body in bodies}
    assert verdicts == ({True} if name in UNDEMANDING else {True, False})


@pytest.mark.parametrize("name", CALLS)
def test_a_nearly_right_answer_is_read_as_the_tables_say_or_refused(name, decoder):
    verdicts = set()

    @settings(max_examples=150)
    @given(nearly(RIGHT[name]), st.sampled_from([200, 201, 202, 206, 299]))
    def check(body, status):
        verdicts.add(check_answer(name, Response(status, {"content-type": "application/json"}, body)))

    check()
    assert verdicts == ({True} if name in UNDEMANDING else {True, False})


@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=80)
@given(
    st.integers(100, 599) | st.sampled_from([200, 204, 409, 422, 429, 503]),
    headers,
    st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()) | nearly([{"message": "x"}]),
    st.sampled_from([None, None, None, None, *Damage]),
)
def test_any_answer_ends_in_a_value_or_an_error_of_ours(name, status, headers, body, damage):
    check_answer(name, Response(status, headers, body, damage))


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_of_every_call_ends_in_its_error_or_its_value(status):
    for name in CALLS:
        for body in (b"", b"{}", b'{"message": "no", "errors": {"name": ["bad"]}}'):
            check_answer(name, Response(status, {"retry-after": "7"}, body))


@pytest.mark.parametrize("value", [*NO_SECONDS, "1\u00b2", "\u0663\u0660"], ids=ascii)
def test_digits_of_other_scripts_are_no_seconds_to_wait(value):
    for name in CALLS:
        for status in (409, 429, 503):
            check_answer(name, Response(status, {"retry-after": value}))
