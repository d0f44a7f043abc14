"""The depth of a document, looked at before it is read and afterwards."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio import json_depth
from packcloud_async._sansio.json_depth import (
    DEEPEST,
    NestedTooDeep,
    check_depth,
    decoded_within_depth,
    is_deeper,
    is_guarded,
    may_be_deep,
)

from .payloads import json_values


def depth_of(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth_of, inside), default=0)


def nested(levels, innermost=1):
    for level in range(levels):
        innermost = [innermost] if level % 2 else {"a": innermost}
    return innermost


@given(json_values, st.integers(0, 6))
def test_a_value_is_deeper_than_some_levels(value, levels):
    assert is_deeper([7, value, "x"], levels) == (depth_of(value) > levels)


@pytest.mark.parametrize("plain", ["x", "]}]}" * 300, "[{" * 300, 'said "no"', "\\", '\\"]'])
@pytest.mark.parametrize("levels", [DEEPEST - 1, DEEPEST])
def test_brackets_in_texts_do_not_count(plain, levels):
    body = json.dumps([plain, nested(levels, plain)]).encode()
    assert may_be_deep(body) or levels < DEEPEST
    if levels + 1 > DEEPEST:
        with pytest.raises(NestedTooDeep):
            check_depth(body)
    else:
        check_depth(body)


def test_many_brackets_are_not_deep():
    body = json.dumps([{"a": [{}]}] * 1000).encode()
    assert may_be_deep(body)
    check_depth(body)


@pytest.mark.parametrize("body", [b"", b"[", b'{"a": "[[', b"]" * 2000, b'"' * 2001 + b"[" * 600 + b'"'])
def test_nothing_is_said_of_what_is_no_json(body):
    check_depth(body)


def test_a_raised_limit_of_the_interpreter_is_no_guard(monkeypatch):
    monkeypatch.setattr(sys, "getrecursionlimit", lambda: 1000)
    assert is_guarded()
    monkeypatch.setattr(json_depth.sys, "getrecursionlimit", lambda: 1_000_000)
    assert not is_guarded()


# Under hypothesis, or a debugger, the limit is another one.
LIMITS = {"guarded": 1000, "not guarded": 1_000_000}
WIDE = [{"a": [{}]}] * 1000


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(json.dumps(WIDE).encode(), None, id="wide"),
        pytest.param(json.dumps(nested(DEEPEST)).encode(), None, id="as deep as may be"),
        pytest.param(json.dumps(nested(DEEPEST + 1)).encode(), NestedTooDeep, id="one level more"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, NestedTooDeep, id="deeper than any stack"),
        pytest.param(b"[" * 100_000, NestedTooDeep, id="deep, and no JSON"),
        pytest.param(json.dumps(WIDE).encode()[:-1], json.JSONDecodeError, id="wide, and no JSON"),
    ],
)
def test_a_document_is_decoded_within_its_depth(body, error, limit, monkeypatch):
    monkeypatch.setattr(json_depth.sys, "getrecursionlimit", lambda: limit)
    if error is None:
        assert decoded_within_depth(body, json.loads) == json.loads(body)
    else:
        with pytest.raises(error):
            decoded_within_depth(body, json.loads)
