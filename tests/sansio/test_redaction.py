import html
import json
import re
from base64 import b64encode, encodebytes, urlsafe_b64encode
from codecs import encode
from collections import UserList
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.redaction import (
    MAX_EXCERPT,
    credentials_in,
    excerpt_of,
    field_errors_of,
    leaves_of,
    quotable,
)

from .payloads import json_values

SECRET = 'p@ss/w\\"ord é-1234'


def as_json(value):
    return json.dumps(value).encode()


def escaped_everywhere(text):
    return "".join(f"\\u{unit:04x}" for c in text for unit in code_units(c))


def code_units(character):
    raw = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[n : n + 2]) for n in range(0, len(raw), 2)]


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"<h1>Bad\r\n\tGateway</h1>", "<h1>Bad Gateway</h1>", id="html on one line"),
        pytest.param(b"null", "null", id="null"),
        pytest.param(as_json("gone"), '"gone"', id="a text"),
        pytest.param(as_json({"message": "No."}), "No.", id="message"),
        pytest.param(
            as_json({"message": "No.", "errors": {"name": ["a", "b"], "settings.key": "c"}}),
            "No.; name: a b; settings.key: c",
            id="message and complaints",
        ),
        pytest.param(as_json({"message": "No.", "errors": ["a"]}), "No.", id="complaints without fields"),
        pytest.param(as_json({"error": {"code": 7}}), '{"error":{"code":7}}', id="other JSON"),
        pytest.param(b'{"error": "cut o', '{"error": "cut o', id="damaged JSON"),
        pytest.param(b"caf\xc3\xa9 \xff\xfe!", "café \ufffd\ufffd!", id="bad utf-8"),
        pytest.param(b"a\xe2\x80\xaeb\xe2\x80\xa8c\x1b[31md\x07\x9b", "a b c [31md", id="bidi and terminal escapes"),
        pytest.param(as_json({"message": "a\x1b]0;x\x07b\u2066c"}), "a ]0;x b c", id="escapes in JSON"),
        pytest.param(as_json({"a\x1b[0m\u202e": 1}), '{"a [0m":1}', id="escapes in a key"),
    ],
)
def test_a_body_is_quoted_on_one_line(decoder, body, excerpt):
    assert excerpt_of(body) == excerpt


def test_at_most_500_characters_are_quoted():
    assert excerpt_of(b"x" * 500) == "x" * 500
    assert excerpt_of(b"x" * 501) == "x" * 499 + "…"
    assert len(excerpt_of(as_json({"message": "é" * 1000}))) == MAX_EXCERPT


def test_only_the_beginning_of_a_long_body_is_read():
    body = b'{"message": "' + b" " * 70_000 + b'late"}'
    assert excerpt_of(body) == '{"message": "'
    assert field_errors_of(b'{"errors": {"a": "b"}}' + b" " * 70_000) == {}


@pytest.mark.parametrize(
    ("told", "masked"),
    [
        pytest.param({"settings": {"shop_pw": "hush"}}, {"settings": "***"}, id="settings whole"),
        pytest.param({"data": [{"api_key": "hush"}]}, {"data": [{"api_key": "***"}]}, id="nested"),
        pytest.param({"accessToken": 5, "PASSWORD": None}, {"accessToken": "***", "PASSWORD": "***"}, id="any value"),
        pytest.param({"private-key": "hush", "Cookie": "hush"}, {"private-key": "***", "Cookie": "***"}, id="others"),
        pytest.param(
            {"errors": {"token": {"was": "hush"}, "name": {"settings": "hush"}}},
            {"errors": {"token": "***", "name": {"settings": "***"}}},
            id="values among the errors",
        ),
        pytest.param(
            {"errors": {"token": ["a"], "settings.key": "b"}},
            {"errors": {"token": ["a"], "settings.key": "b"}},
            id="complaints about private fields",
        ),
        pytest.param({"errors": [{"token": "hush"}]}, {"errors": [{"token": "***"}]}, id="a list of errors"),
        pytest.param({"log": 'sent {"api_key": "hush"} to'}, {"log": 'sent {"api_key":***'}, id="JSON in a text"),
        pytest.param({"sql": "where api_token = 'hush'"}, {"sql": "where api_token =***"}, id="sql"),
    ],
)
def test_values_of_private_keys_are_not_quoted(told, masked):
    assert json.loads(excerpt_of(as_json(told))) == masked


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        pytest.param(b'{"settings": {"shop": "hu', '{"settings":***', id="JSON cut off"),
        pytest.param(b"GET /x?api_token=hush HTTP/1.1", "GET /x?api_token=***", id="query"),
        pytest.param(b"<td>&quot;apiKey&quot;: &quot;hush", "<td>&quot;apiKey&quot;:***", id="html"),
        pytest.param(b"['password' => 'hush']", "['password' =>***", id="php"),
        pytest.param(b"The token: it must not be empty", "The token: it must not be empty", id="prose"),
        pytest.param(b'The "token" field is required', 'The "token" field is required', id="quoted prose"),
    ],
)
def test_text_is_quoted_up_to_the_first_likely_secret(body, excerpt):
    assert excerpt_of(body) == excerpt


@pytest.mark.parametrize(
    ("secrets", "text", "quoted"),
    [
        pytest.param(["abcdef"], "xabcdefx abcdef", "x***x ***", id="anywhere, every time"),
        pytest.param(["abcd", "cdef"], "x abcdef y", "x *** y", id="overlapping"),
        pytest.param(["abcd", "abcdef", "bcde"], "x abcdef y", "x *** y", id="one inside another"),
        pytest.param(["abab"], "x ababab y", "x *** y", id="overlapping itself"),
        pytest.param(["aaaa"], "x aaaaa y", "x *** y", id="overlapping itself by all but one"),
        pytest.param(["abcd", "efgh"], "abcdefgh", "******", id="side by side"),
        pytest.param(["***x"], "***x y", "*** y", id="looks like the mask"),
        pytest.param(["ab"], "ab cab abc, (ab) a", "*** cab abc, (***) a", id="short ones only as words"),
        pytest.param(["7"], "code 7 of 77", "code *** of 77", id="a short number"),
        pytest.param(["", " ", "\t\x00"], "a  b", "a b", id="empty ones"),
        pytest.param([" abcd\n"], "x abcd y", "x *** y", id="white space around it"),
        pytest.param(["ab\ncd  ef"], "x ab  cd\tef y", "x *** y", id="white space inside it"),
        pytest.param(["ab\ncd"], "x ab\x00cd y", "x *** y", id="control characters inside it"),
        pytest.param(["*+.?(["], "x*+.?([x", "x***x", id="characters of a pattern"),
    ],
)
def test_known_secrets_are_taken_out(secrets, text, quoted):
    assert quotable(text, secrets) == quoted
    assert excerpt_of(text.encode(), secrets) == quoted
    assert excerpt_of(as_json({"message": text}), secrets) == quoted


DISGUISES = {
    "as it is": lambda text: text,
    "JSON": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "JSON in ASCII": lambda text: json.dumps(text)[1:-1],
    "JSON as PHP writes it": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[1:-1],
    "every character escaped": escaped_everywhere,
    "every character escaped twice": lambda text: json.dumps(escaped_everywhere(text))[1:-1],
    "bytes escaped": lambda text: "".join(f"\\x{ord(c):02X}" if ord(c) < 256 else c for c in text),
    "percent": quote,
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html": html.escape,
    "html codes": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "html hex codes": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "html of JSON": lambda text: html.escape(json.dumps(text)[1:-1]),
    "other case": str.upper,
    "spaces between": " ".join,
    "control characters between": "\x00".join,
    "dashes between": "-".join,
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 behind one byte": lambda text: b64encode(b"u" + text.encode()).decode(),
    "base64 behind two bytes and before some": lambda text: b64encode(f"u:{text}!!".encode()).decode(),
    "base64 for URLs": lambda text: urlsafe_b64encode(f"u:{text}".encode()).decode().rstrip("="),
    "base64 in lines": lambda text: encodebytes(f"{text}{text}".encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal, as a dump": lambda text: text.encode().hex(" ").upper(),
    "backwards": lambda text: text[::-1],
}
BODIES = {
    "text": lambda told: f"Invalid value {told} given".encode(),
    "cut JSON": lambda told: f'{{"error": "{told}'.encode(),
    "message": lambda told: as_json({"message": f"Invalid value {told} given"}),
    "leaf": lambda told: as_json({"input": [f"{told}!"]}),
    "key": lambda told: as_json({"input": {told: 1}}),
    "complaint": lambda told: as_json({"message": "No.", "errors": {"name": [f"{told}?"]}}),
    "complaint without message": lambda told: as_json({"errors": {"settings.key": [f"{told}?"]}}),
    "name of a field": lambda told: as_json({"message": "No.", "errors": {told: ["no"]}}),
    "utf-16": lambda told: f"Invalid value {told} given".encode("utf-16"),
    "latin-1": lambda told: f"Invalid value {told} given".encode("latin-1", "replace"),
}


def reveals(quoted, secret):
    """Whether somebody who undoes escapes and ignores punctuation can read the secret."""

    def letters(text):
        return re.sub("[^0-9a-z]", "", text.lower())

    plain = secret.encode()
    codes = [b64encode(b"\0" * n + plain).decode()[n + bool(n) :].rstrip("=")[:-1] for n in range(3)]
    if any(letters(code) in letters(quoted) for code in [*codes, plain.hex(), secret[::-1]]):
        return True
    for _ in range(4):
        if letters(secret) in letters(quoted):
            return True
        quoted = re.sub(r"\\+(?:u00|x)(..)", lambda found: chr(int(found[1], 16)), quoted)
        quoted = unquote(html.unescape(quoted))
    return False


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)
def test_no_disguise_gets_a_known_secret_quoted(decoder, disguise, body):
    told = body(disguise(SECRET))
    quoted = [excerpt_of(told, [SECRET]), *field_errors_of(told, [SECRET])]
    quoted += [item for items in field_errors_of(told, [SECRET]).values() for item in items]
    assert not any(reveals(text, SECRET) for text in quoted)


@pytest.mark.parametrize("secret", ["pass", "pässword", "12345678"])
def test_short_secrets_are_found_behind_escapes_too(secret):
    assert quotable(f"not {escaped_everywhere(secret)}", [secret]) == "***"


def test_a_secret_in_another_coding_is_out_of_reach():
    # Said here so that nobody believes more: escapes, base64, hexadecimal digits and backwards are all that is known.
    assert encode("p4ssw0rd-1234", "rot13") in excerpt_of(encode("p4ssw0rd-1234", "rot13").encode(), ["p4ssw0rd-1234"])


@pytest.mark.parametrize(
    "coded", [bytes.hex, b64encode, lambda secret: secret[::-1]], ids=["hex", "base64", "backwards"]
)
def test_a_short_secret_is_no_reason_to_suspect_every_coding(coded):
    text = coded(b"abc")
    told = f"id {text if isinstance(text, str) else text.decode()} given"
    assert quotable(told, ["abc"]) == told


@pytest.mark.parametrize("length", range(4, 12))
def test_the_beginning_of_a_secret_at_the_end_of_a_cut_body_is_taken_off(length):
    body = b"wrong key: s3cret-value"[: 11 + length]
    assert excerpt_of(body, ["s3cret-value", "other"]) == "wrong key: ***"


def test_only_the_end_of_a_cut_body_is_taken_off():
    assert excerpt_of(b"key s3cr s3cret", ["s3cret-value"]) == "key s3cr ***"
    assert excerpt_of(b"s3cret keys", ["s3cret-value"]) == "s3cret keys"
    assert excerpt_of(b"s3cr", ["s3cret-value"]) == "***"


def test_a_secret_cut_inside_a_character_is_taken_off():
    assert excerpt_of("wrong key: sécré".encode()[:-1], ["sécrété"]) == "wrong key: ***"


def test_the_end_of_a_whole_answer_is_no_cut_secret():
    body = as_json({"message": "Invalid shop", "errors": {"settings.shop": ["Unknown shop"]}})
    secrets = ["shop-1.example"]
    assert excerpt_of(body, secrets) == "Invalid shop; settings.shop: Unknown shop"
    assert field_errors_of(body, secrets) == {"settings.shop": ("Unknown shop",)}


@pytest.mark.parametrize(
    ("document", "errors"),
    [
        pytest.param({"errors": {"a": ["x", "y"], "b": "z"}}, {"a": ("x", "y"), "b": ("z",)}, id="lists and texts"),
        pytest.param({"errors": {"a": [1, None, {"b": "c"}], "b": None}}, {"a": (), "b": ()}, id="only texts count"),
        pytest.param({"errors": ["a"]}, {}, id="no fields"),
        pytest.param({"errors": None}, {}, id="null"),
        pytest.param({"message": "No."}, {}, id="none"),
        pytest.param([], {}, id="a list"),
        pytest.param({"errors": {"a\x1b[1m": ["b\x07\nc"]}}, {"a [1m": ("b c",)}, id="no control characters"),
        pytest.param({"errors": {"a": ["x" * 600]}}, {"a": ("x" * 499 + "…",)}, id="at most 500 characters"),
        pytest.param({"errors": {"hush!": ["say hush!"]}}, {"***": ("say ***",)}, id="no secrets"),
        pytest.param({"errors": {"a": ["token=hunter2"]}}, {"a": ("token=***",)}, id="no likely secrets"),
    ],
)
def test_complaints_by_field(decoder, document, errors):
    assert field_errors_of(as_json(document), ["hush!"]) == errors


def test_a_body_that_is_no_json_has_no_complaints_by_field():
    assert field_errors_of(b"<html>") == {}


def test_leaves_are_texts_and_numbers_in_order():
    value = {"a": ["x", 1, 2.5, True, None, ("y", UserList(["z"]))], "b": {"c": ""}}
    assert list(leaves_of(value)) == ["x", "1", "2.5", "y", "z", ""]


def test_leaves_of_the_deepest_value_are_found():
    value = "leaf"
    for _ in range(100_000):
        value = [value]
    assert list(leaves_of(value)) == ["leaf"]


def test_a_deep_body_is_masked_below_20_levels(decoder):
    body = b"[" * 400 + b'"x"' + b"]" * 400
    assert excerpt_of(body) == "[" * 21 + '"***"' + "]" * 21
    body = b'{"a":' * 30 + b"7" + b"}" * 30
    assert excerpt_of(body) == '{"a":' * 21 + '"***"' + "}" * 21
    body = b'{"errors":{"a":' * 30 + b"7" + b"}}" * 30
    assert excerpt_of(body) == '{"errors":{"a":' * 21 + '"***"' + "}}" * 21


secrets_drawn = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=4, max_size=20).filter(
    lambda text: "*" not in text and sum(c.isalnum() for c in text) > 3
)


@given(json_values, st.lists(secrets_drawn, max_size=4), st.data())
def test_no_known_secret_in_any_body(value, secrets, data):
    told = data.draw(st.recursive(st.sampled_from([*secrets, value]), st.lists, max_leaves=5))
    for body in (as_json(told), as_json({"message": str(told), "errors": {str(told): [told]}}), str(told).encode()):
        excerpt = excerpt_of(body, secrets)
        assert len(excerpt) <= MAX_EXCERPT
        assert excerpt.isprintable()
        assert not any(secret in excerpt for secret in secrets)


@given(st.binary(max_size=200), st.lists(st.text(max_size=10), max_size=3))
def test_any_bytes_are_quoted_somehow(body, secrets):
    assert excerpt_of(body, secrets).isprintable()
    assert len(excerpt_of(body, secrets)) <= MAX_EXCERPT


@pytest.mark.parametrize(
    ("header", "quoted"),
    [
        ("Bearer s3cret-t0ken", ["s3cret-t0ken", "Bearer s3cret-t0ken"]),
        ("s3cret-t0ken", ["s3cret-t0ken"]),
        ("Basic YWRtaW46c2hvcC1wdw==", ["shop-pw", "admin:shop-pw", "YWRtaW46c2hvcC1wdw==", "YWRtaW46c2hvcC1wdw"]),
        ("session=shop-pw", ["shop-pw"]),
        ("lang=en; session=shop-pw; x=y", ["shop-pw"]),
        ('Token token="shop-pw", x="other-pw"', ["shop-pw", "other-pw"]),
        ("Token token=shop-pw", ["shop-pw"]),
        ("key:shop-pw", ["shop-pw"]),
        ("session=abc12345; theme=dark", ["abc12345"]),
        ("lang=en; session=abc12345; theme=dark", ["abc12345"]),
        ("theme=dark; session=abc12345", ["abc12345"]),
        ("session=s%3Aabcdef.xyz; theme=dark", ["s:abcdef.xyz", "s%3Aabcdef.xyz"]),
        ("user=shop key=abc12345", ["abc12345"]),
        ("key=abc12345 user=shop", ["abc12345"]),
        ("Basic not-base64!", ["not-base64!"]),
        ("Basic YQ", ["YQ"]),
    ],
)
def test_no_part_of_a_credential_is_quoted(header, quoted):
    secrets = list(credentials_in(header))
    for part in quoted:
        assert part not in excerpt_of(f"login failed for {part} here".encode(), secrets)


@pytest.mark.parametrize("word", ["Bearer", "Basic", "session", "for", "en"])
def test_words_around_a_credential_stay_readable(word):
    headers = ("Bearer s3cret-t0ken", "Basic YWRtaW46c2hvcC1wdw==", "lang=en; session=shop-pw")
    secrets = [part for header in headers for part in credentials_in(header)]
    assert word in excerpt_of(f"no {word} here".encode(), secrets)
