"""Secrets that exist only to be looked for, and the search for them in whatever form they may be written.

Each canary carries a word of letters and digits that is found nowhere else. Escapes of any kind leave such a word as it
is or are one of the forms below, so that the word in all its forms is what is looked for.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from attrs import frozen

TOKEN_WORD, HEADER_WORD, SETTING_WORD, URL_WORD = "Q7kTokenZw", "Q7kHeaderZw", "Q7kSettingZw", "Q7kUserinfoZw"
QUERY_WORD = "Q7kQueryZw"

TOKEN = f"tok|<{TOKEN_WORD}>&%41/+=~\"'\\."
HEADER = f"key|<{HEADER_WORD}>&%41/+=~\"'\\."
SETTING = f"pass <{SETTING_WORD}>\n&%41/+=\u00e9\"'\\."

QUERY = f"find <{QUERY_WORD}>&%41/+=~"

WORDS = (TOKEN_WORD, HEADER_WORD, SETTING_WORD, URL_WORD, QUERY_WORD)


def settings() -> dict[str, Any]:
    """Settings whose every value is a canary; their names may be shown."""
    return {"shop": SETTING, "deep": {"list": [SETTING, {"user": SETTING}]}, "password": SETTING}


def base64_of(word: str) -> set[str]:
    """The part of a word's base64 that does not depend on its neighbours, at each of three places."""
    parts = set()
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + word.encode()).decode()
        first, last = -(-offset * 8 // 6), (offset + len(word)) * 8 // 6
        parts.add(coded[first:last])
    return parts


def forms_of(word: str) -> set[str]:
    """A word as it is written plainly, escaped or coded."""
    escaped = {
        "".join(f"%{ord(c):02x}" for c in word),
        "".join(f"%25{ord(c):02x}" for c in word),
        "".join(f"\\u{ord(c):04x}" for c in word),
        "".join(f"\\\\u{ord(c):04x}" for c in word),
        "".join(f"\\x{ord(c):02x}" for c in word),
        "".join(f"&#{ord(c)};" for c in word),
        "".join(f"&#x{ord(c):x};" for c in word),
        word.encode().hex(),
        word.encode().hex(" "),
    }
    return {word, word[::-1], *escaped, *base64_of(word)}


_NO_LETTERS = bytes(set(range(256)) - set(b"0123456789abcdefghijklmnopqrstuvwxyz"))
_ESCAPES = re.compile(rb"\\+(?:u[0-9a-f]{4}|x[0-9a-f]{2}|[nrt0])")
_FORMS = sorted({form.lower().encode() for word in WORDS for form in forms_of(word)})
_SPREAD = sorted(
    {form.lower().encode() for word in WORDS for form in {word, word.encode().hex(), *base64_of(word)}}
    | {form.lower().encode().translate(None, _NO_LETTERS) for word in WORDS for form in base64_of(word)}
)


def found_in(text: str | bytes) -> list[str]:
    """Every form of a canary in a text, with what stands around it; then those spread out over several characters."""
    plain = (text if isinstance(text, bytes) else text.encode("ascii", "ignore")).lower()
    if found := list(_found(_FORMS, plain)):
        return found
    letters = (_ESCAPES.sub(b"", plain) if b"\\" in plain else plain).translate(None, _NO_LETTERS)
    return list(_found(_SPREAD, letters))


def _found(forms: Iterable[bytes], text: bytes) -> Iterator[str]:
    for form in forms:
        if (start := text.find(form)) >= 0:
            yield text[max(0, start - 40) : start + len(form) + 40].decode("ascii", "replace")


def echoes() -> Mapping[str, Any]:
    """How a hostile server may write what it received: functions from a secret to a text."""
    return {
        "as it is": str,
        "upper case": str.upper,
        "lower case": str.lower,
        "json": lambda secret: json.dumps(secret)[1:-1],
        "json twice": lambda secret: json.dumps(json.dumps(secret))[1:-1],
        "json, every character": lambda secret: "".join(f"\\u{ord(c):04x}" for c in secret),
        "json, every character, twice": lambda secret: "".join(f"\\\\u{ord(c):04x}" for c in secret),
        "backslash x": lambda secret: "".join(f"\\x{ord(c) & 255:02x}" for c in secret),
        "percent": lambda secret: quote(secret, safe=""),
        "percent, every byte": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
        "percent twice": lambda secret: quote("".join(f"%{byte:02x}" for byte in secret.encode()), safe=""),
        "html": html.escape,
        "html, every character": lambda secret: "".join(f"&#{ord(c)};" for c in secret),
        "html, hexadecimal": lambda secret: "".join(f"&#x{ord(c):X};" for c in secret),
        "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
        "base64, second place": lambda secret: base64.b64encode(b"u" + secret.encode()).decode(),
        "base64, third place": lambda secret: base64.b64encode(b"u:" + secret.encode()).decode(),
        "base64 for URLs": lambda secret: base64.urlsafe_b64encode(b"u:" + secret.encode()).decode().rstrip("="),
        "base64 in lines": lambda secret: "\n".join(
            re.findall("..?.?.?.?.?.?.?", base64.b64encode(secret.encode()).decode())
        ),
        "hexadecimal": lambda secret: secret.encode().hex(),
        "hexadecimal, spaced": lambda secret: secret.encode().hex(" ").upper(),
        "backwards": lambda secret: secret[::-1],
        "a space in between": " ".join,
        "a line in between": "\r\n".join,
        "a zero width space in between": "\u200b".join,
        "a NUL in between": "\0".join,
        "a dot in between": ".".join,
        "a key of its own": lambda secret: f'{{"token": "{secret}"}}',
        "after much text": lambda secret: "x" * 480 + secret,
        "after very much text": lambda secret: "x" * 65_530 + secret,
    }


@frozen
class Seen:
    """Something that was shown, and where; ``text`` is all that could be read of it."""

    where: str
    text: str | bytes


def leaks(seen: Iterable[Seen]) -> list[str]:
    """What of it shows a canary; a text that was shown in two places is told once."""
    distinct = {shown.text: shown for shown in seen}
    return [f"{shown.where}: {found}" for shown in distinct.values() for found in found_in(shown.text)]
