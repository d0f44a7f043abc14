import sys
from collections import UserList
from types import MappingProxyType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packcloud_async._sansio import json_text
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import IntegrationSettings

from .conftest import DECODERS
from .payloads import json_values


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(b"null", None, id="null"),
        pytest.param(b' {"a" : [1, 2.5, true]}\n', {"a": [1, 2.5, True]}, id="white space"),
        pytest.param(b'{"a": 1, "a": 2}', {"a": 2}, id="the last of two keys"),
        pytest.param(b"9" * 400, int("9" * 400), id="integer beyond 64 bits"),
        pytest.param(b"9" * 4300, int("9" * 4300), id="longest integer"),
        pytest.param(b"18446744073709551616", 2**64, id="2 to the 64"),
        pytest.param(b"1e-400", 0.0, id="too small is zero"),
        pytest.param(rb'"\u0041\/\ud83d\ude00"', "A/\N{GRINNING FACE}", id="escapes and a surrogate pair"),
        pytest.param(rb'"\\ud800"', r"\ud800", id="an escaped backslash before a code"),
        pytest.param('"é\x7f"'.encode(), "é\x7f", id="utf-8"),
        pytest.param(b"[" * 500 + b"]" * 500, ..., id="500 deep"),
        pytest.param(b'{"a":' * 500 + b"1" + b"}" * 500, ..., id="objects, 500 deep"),
        pytest.param(b'["' + b"[" * 600 + b'","\\"' + b"{" * 600 + b'"]', ..., id="brackets in texts"),
        pytest.param(b"[" + b"{}," * 600 + b"{}]", ..., id="many brackets, two deep"),
        pytest.param(b"-" + b"9" * 4299, -int("9" * 4299), id="longest negative integer"),
    ],
)
def test_json_is_read(decoder, body, value):
    parsed = json_text.parse(body)
    if value is ...:
        assert json_text.dump(parsed) == body
    else:
        assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \n", id="white space only"),
        pytest.param(b"<html>", id="html"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b"[-Infinity]", id="minus Infinity"),
        pytest.param(b"1e400", id="beyond a float"),
        pytest.param(b"-" + b"9" * 400 + b".0", id="long float beyond a float"),
        pytest.param(b"9" * 4301, id="too long an integer"),
        pytest.param(b'"\xff"', id="invalid utf-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate in utf-8"),
        pytest.param(rb'"\ud800"', id="half of a surrogate pair"),
        pytest.param(rb'{"\uDC00": 1}', id="half of a pair in a key"),
        pytest.param(rb'"\ud800\u0041"', id="half of a pair before a letter"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param("{}".encode("utf-16"), id="utf-16"),
        pytest.param("{}".encode("utf-32"), id="utf-32"),
        pytest.param(b'"\x01"', id="bare control character"),
        pytest.param(b"[1,]", id="comma at the end"),
        pytest.param(b"{} x", id="more after the end"),
        pytest.param(b"01", id="leading zero"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b"[" * 100_000, id="deeper than the stack"),
        pytest.param(b"[" * 501 + b"]" * 501, id="501 deep"),
        pytest.param(b'[{"a":' * 251 + b"1" + b"}]" * 251, id="501 deep and mixed"),
        pytest.param(b'["]]]]",' + b'"\\"]",[' * 500 + b"]" * 501, id="501 deep between texts with brackets"),
        pytest.param(b"-" + b"9" * 4300, id="too long a negative integer"),
        pytest.param(rb'{"a": "\ud800", "a": 1}', id="half of a pair in a value that is replaced"),
        pytest.param(rb'"\\\ud800"', id="half of a pair behind an escaped backslash"),
        pytest.param(rb'"\udc00\ud800"', id="two halves the wrong way round"),
    ],
)
def test_what_is_not_json_is_refused_without_quoting_it(decoder, body):
    with pytest.raises(InvalidResponse, match=rf"^body is not JSON \({len(body)} bytes\): \w+ @ \$$") as caught:
        json_text.parse(body)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=30) | st.text('[]{}:,"\\ud80019.eE-+ntrfals', max_size=30).map(str.encode))
@example(rb'"\ud83d\ude00"')
@example(rb'"\uD83D\uDE00\ud800"')
@example(b"-0")
@example(b"1E400")
def test_both_decoders_read_the_same(body):
    def outcome(decode):
        try:
            return repr(decode(body))
        except ValueError:
            return None

    ours, theirs = (outcome(decode) for decode in DECODERS.values())
    assert ours == theirs


@given(json_values)
def test_what_is_written_is_read_again(value):
    body = json_text.dump(value)
    assert [decode(body) for decode in DECODERS.values()] == [value, value]


@pytest.mark.parametrize(
    ("value", "body"),
    [
        pytest.param(IntegrationSettings({"a": {"b": "é"}}), '{"a":{"b":"é"}}', id="settings as received"),
        pytest.param(MappingProxyType({"a": (1, 2)}), '{"a":[1,2]}', id="read-only mapping, tuple"),
        pytest.param(UserList([None, True]), "[null,true]", id="any sequence"),
    ],
)
def test_every_mapping_and_sequence_is_written(value, body):
    assert json_text.dump(value).decode() == body


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(float("nan"), id="NaN"),
        pytest.param([float("inf")], id="Infinity"),
        pytest.param("\ud800", id="half of a surrogate pair"),
        pytest.param(b"bytes", id="bytes"),
        pytest.param(memoryview(b"bytes"), id="memory"),
        pytest.param({"a": object()}, id="an object"),
        pytest.param({(1, 2): 3}, id="a key that is no text"),
    ],
)
def test_what_json_cannot_hold_is_not_written(value):
    with pytest.raises((ValueError, TypeError)):
        json_text.dump(value)


def test_msgspec_is_used_when_it_is_there(monkeypatch):
    body = b'{"a": 1}'
    assert type(json_text._fastest_decoder()).__name__ == "builtin_function_or_method"
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert json_text._fastest_decoder() is json_text.parse_with_standard_library
    assert json_text._fastest_decoder()(body) == {"a": 1}


def test_the_first_document_chooses_the_reader(monkeypatch):
    monkeypatch.setattr(json_text, "_decode", json_text._decode_first)
    assert json_text.parse(b"[1]") == [1]
    assert json_text._decode is not json_text._decode_first


def test_whoever_asks_before_the_first_document_chooses_it_too(monkeypatch):
    monkeypatch.setattr(json_text, "_decode", json_text._decode_first)
    assert json_text.is_fast()
    assert json_text.msgspec_in_use() is sys.modules["msgspec"]
    monkeypatch.setattr(json_text, "_decode", json_text._decode_first)
    monkeypatch.setitem(sys.modules, "msgspec", None)
    assert not json_text.is_fast()
    assert json_text.msgspec_in_use() is None
