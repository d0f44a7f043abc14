"""The depth of a document, looked at before it is read and afterwards."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import InvalidResponse
from packcloud_async._sansio import json_depth, json_text, readers
from packcloud_async._sansio.json_depth import DEEPEST, NestedTooDeep, check_depth, may_be_deep
from packcloud_async._sansio.wire import Response
from packcloud_async.models import Integration

from .payloads import integration


def nested(levels, innermost=1):
    for level in range(levels):
        innermost = [innermost] if level % 2 else {"a": innermost}
    return innermost


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


awkward_texts = st.text("""[]{}"\\/a""", max_size=4)
awkward_values = st.recursive(
    awkward_texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(awkward_texts, inner, max_size=4)
)


@given(awkward_values)
def test_only_brackets_outside_of_texts_are_counted(value):
    """Held against a reader that goes through the document letter by letter."""
    body, outside, is_text, is_escaped = json.dumps(value), [], False, False
    for letter in body:
        if is_text:
            is_text, is_escaped = is_escaped or letter != '"', not is_escaped and letter == "\\"
        elif letter == '"':
            is_text = True
        elif letter in "[]{}":
            outside.append(letter)
    assert json_depth._brackets(body.encode()) == "".join(outside).encode()


def test_many_brackets_are_not_deep():
    body = json.dumps([{"a": [{}]}] * 1000).encode()
    assert may_be_deep(body)
    check_depth(body)


@pytest.mark.parametrize("body", [b"", b"[", b'{"a": "[[', b"]" * 2000, b'"' * 2001 + b"[" * 600 + b'"'])
def test_nothing_is_said_of_what_is_no_json(body):
    check_depth(body)


WIDE = [{"a": [{}]}] * 1000
DEEP_AND_WIDE = [nested(DEEPEST - 1)] * 3


@pytest.mark.parametrize(
    ("body", "is_too_deep"),
    [
        pytest.param(json.dumps(WIDE).encode(), False, id="wide"),
        pytest.param(json.dumps(DEEP_AND_WIDE).encode(), False, id="deep and wide"),
        pytest.param(json.dumps([*DEEP_AND_WIDE, nested(DEEPEST)]).encode(), True, id="one level more"),
        pytest.param(json.dumps(nested(DEEPEST)).encode(), False, id="as deep as may be"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, True, id="deeper than any stack"),
        pytest.param(b"[" * 100_000, True, id="deep, and no JSON"),
        pytest.param(b"]" * 2000 + b"[" * 2000, False, id="no JSON, and never deep"),
    ],
)
def test_depth_is_known_before_anything_is_read(body, is_too_deep):
    if is_too_deep:
        with pytest.raises(NestedTooDeep):
            check_depth(body)
    else:
        check_depth(body)


def in_a_small_thread(act):
    """Run it where the stack is as small as it is on some systems."""
    found = []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: found.append(act()))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return found[0]


@pytest.mark.own_interpreter
@pytest.mark.parametrize("learned", [False, True], ids=["general", "straight"])
@pytest.mark.parametrize("is_fast", [False, True], ids=["standard", "msgspec"])
def test_no_depth_ends_the_process_of_a_small_stack(is_fast, learned, monkeypatch):
    """A stack that overflows ends it, and from Python 3.12 on no limit of the interpreter is in the way."""
    if not is_fast:
        monkeypatch.setattr(json_text, "msgspec_in_use", lambda: None)
    elif not json_text.is_fast():
        pytest.skip("msgspec is in the extra speed")
    read = readers.one(Integration)
    if learned:
        read(Response(200, {}, json.dumps({"data": integration(more=1)}).encode()))

    def refused_at(levels):
        deep = json.dumps({"data": integration(more="@")}).replace('"@"', '{"a":' * levels + "1" + "}" * levels)
        with pytest.raises(InvalidResponse, match="NestedTooDeep"):
            read(Response(200, {}, deep.encode()))
        return levels

    for levels in (4_000, 9_000, 50_000):
        assert in_a_small_thread(lambda levels=levels: refused_at(levels)) == levels
