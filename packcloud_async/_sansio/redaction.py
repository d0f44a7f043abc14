"""What may be quoted of an answer: a short excerpt with every known or likely secret taken out.

1. A known secret is looked for in the one line that would be quoted, so that white space and control characters
   hide nothing; a text of a JSON body is searched before it is escaped again.
2. If a known secret still shows once escapes are undone (``\\u0041``, ``%41``, ``&#65;``), or punctuation and case
   ignored, or as base64 at any place, in hexadecimal digits or backwards, nothing is quoted. Other codings are out of
   reach.
3. A likely secret is the value of a key whose name says so. Text that is not JSON is quoted up to the first one.
"""

import base64
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from urllib.parse import unquote

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.errors import InvalidResponse

MAX_EXCERPT = 500
_MASK = "***"
_MAX_READ = 65_536
_MAX_DEPTH = 20
_ESCAPED_TIMES = 3
_LONG_ENOUGH_TO_BE_UNIQUE = 4
_LONG_ENOUGH_WITHOUT_PUNCTUATION = 8
# Patterns are compiled by the first text that needs them, and few ever do.
_PRIVATE_WORD = (
    r"settings|secret|token|passw(?:or)?d|passphrase|pwd|credential|authorization|cookie|(?:api|access|private).?key"
)


def excerpt_of(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Quote at most 500 characters of an error body, on one line, without secrets or control characters."""
    known = _known(secrets)
    return _quoted(_readable(body, known), known)


def quotable(text: str, secrets: Iterable[str] = ()) -> str:
    """Put a text on one line of at most 500 characters, without known secrets or control characters."""
    return _quoted(text, _known(secrets))


def field_errors_of(body: bytes, secrets: Iterable[str] = ()) -> Mapping[str, tuple[str, ...]]:
    """Read ``{errors: {field: [complaint]}}``, the inferred form of a 422; anything else is no field errors."""
    document = _parsed(body)
    errors = document.get("errors") if isinstance(document, Mapping) else None
    if not isinstance(errors, Mapping):
        return {}
    known = _known(secrets)
    listed = {name: told if isinstance(told, list) else [told] for name, told in errors.items()}
    return {
        _quoted(name, known): tuple(_quoted(_text(item, known), known) for item in told if isinstance(item, str))
        for name, told in listed.items()
    }


def leaves_of(value: JsonValue) -> Iterator[str]:
    """Yield every text and number inside a JSON value, as the text it would be quoted as."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Mapping):
            waiting.extend(reversed(list(item.values())))
        elif isinstance(item, Sequence) and not isinstance(item, str):
            waiting.extend(reversed(item))
        elif item is not None and not isinstance(item, bool):
            yield str(item)


def credentials_in(header: str) -> Iterator[str]:
    """Yield what a server may quote of the value of a credential's header: the whole of it, and each part.

    ``Bearer abc`` gives itself and ``abc``, ``Cookie: session=abc`` gives ``abc``, and ``Basic`` what it encodes.
    """
    yield header
    scheme, _, rest = header.partition(" ")
    if not (rest and _SCHEME.fullmatch(scheme)):
        scheme, rest = "", header
    yield rest
    for piece in _BETWEEN_PARTS.split(rest):
        _, _, value = piece.partition("=")
        # What follows the name it has; the equals signs at the end of base64 give none.
        part = value if value.strip("=") else piece
        if len(part) >= _LONG_ENOUGH_TO_BE_UNIQUE:
            yield part
    if scheme.lower() == "basic":
        decoded = _decoded(rest)
        yield decoded
        yield from decoded.split(":", 1)


_SCHEME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)
_BETWEEN_PARTS = re.compile(r"[\s:;,\"']+")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text + "==").decode("utf-8", "replace")
    except ValueError:
        return ""


def _readable(body: bytes, known: Collection[str]) -> str:
    document = _parsed(body)
    if document is None:
        text = body[:_MAX_READ].decode("utf-8", "replace").rstrip("\ufffd")
        return _without_cut_off_secret(_text(text, known), known)
    public = _public(document, known)
    if isinstance(public, Mapping) and isinstance(message := public.get("message"), str):
        return "; ".join([message, *_complaints(public.get("errors"))])
    return json_text.dump(public).decode()


def _complaints(errors: JsonValue) -> Iterator[str]:
    if isinstance(errors, Mapping):
        for name, told in errors.items():
            yield f"{name}: {' '.join(leaves_of(told))}"


def _parsed(body: bytes) -> JsonValue:
    if len(body) > _MAX_READ:
        return None
    try:
        return json_text.parse(body)
    except InvalidResponse:
        return None


def _public(value: JsonValue, known: Collection[str], depth: int = 0) -> JsonValue:
    """Return a JSON value without the values of private keys; too deep a value is one mask."""
    if depth > _MAX_DEPTH:
        return _MASK
    if isinstance(value, Mapping):
        return {_text(key, known): _public_field(key, item, known, depth) for key, item in value.items()}
    if isinstance(value, list):
        return [_public(item, known, depth + 1) for item in value]
    return _text(value, known) if isinstance(value, str) else value


def _public_field(key: str, value: JsonValue, known: Collection[str], depth: int) -> JsonValue:
    if key == "errors" and isinstance(value, Mapping):
        # Complaints are named after their field, {"errors": {"settings.shop": ["..."]}}, and stay readable.
        return {
            _text(name, known): _MASK
            if _private_key().search(name) and not _is_complaint(told)
            else _public(told, known, depth + 1)
            for name, told in value.items()
        }
    return _MASK if _private_key().search(key) else _public(value, known, depth + 1)


def _is_complaint(told: JsonValue) -> bool:
    return isinstance(told, str) or (isinstance(told, list) and all(isinstance(item, str) for item in told))


def _text(text: str, known: Collection[str]) -> str:
    """Cut a text before its first likely secret, and take the known ones out."""
    pair = _private_pair().search(text)
    return _masked(_one_line(text if pair is None else text[: pair.end()] + _MASK), known)


def _quoted(text: str, known: Collection[str]) -> str:
    line = _masked(_one_line(text), known)
    if _still_shows(line[: 8 * MAX_EXCERPT], known):
        return _MASK
    return line if len(line) <= MAX_EXCERPT else f"{line[: MAX_EXCERPT - 1]}…"


def _known(secrets: Iterable[str]) -> Collection[str]:
    return {_one_line(secret) for secret in secrets} - {""}


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _masked(line: str, known: Collection[str]) -> str:
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(place for secret in known for place in _places(secret, line)):
        # Secrets may overlap: no rest of one may stay because another was taken out first.
        if start >= end:
            pieces += [line[end:start], _MASK]
        end = max(end, stop)
    return "".join([*pieces, line[end:]])


def _places(secret: str, line: str) -> Iterator[tuple[int, int]]:
    start = line.find(secret)
    while start >= 0:
        stop = start + len(secret)
        inside_a_word = line[start - 1 : start].isalnum() or line[stop : stop + 1].isalnum()
        if len(secret) >= _LONG_ENOUGH_TO_BE_UNIQUE or not inside_a_word:
            yield start, stop
        start = line.find(secret, start + 1)


def _without_cut_off_secret(line: str, known: Collection[str]) -> str:
    """Take the beginning of a secret off the end: the body may have been cut off in its middle."""
    for secret in known:
        head = secret[:_LONG_ENOUGH_TO_BE_UNIQUE]
        start = line.find(head, max(0, len(line) - len(secret)))
        while start >= 0 and not secret.startswith(line[start:]):
            start = line.find(head, start + 1)
        if start >= 0 and len(line) - start >= _LONG_ENOUGH_TO_BE_UNIQUE:
            line = line[:start] + _MASK
    return line


def _still_shows(line: str, known: Collection[str]) -> bool:
    # A secret may hold what looks like an escape.
    forms = (form for secret in known for form in (secret, _unescaped(secret), *_coded(secret)))
    plain = {form for form in forms if len(form) >= _LONG_ENOUGH_TO_BE_UNIQUE}
    bare = {_letters(form) for form in plain}
    for _ in range(_ESCAPED_TIMES + 1):
        if any(secret in line for secret in plain):
            return True
        letters = _letters(line)
        if any(secret in letters for secret in bare if len(secret) >= _LONG_ENOUGH_WITHOUT_PUNCTUATION):
            return True
        line = _unescaped(line)
    return False


def _coded(secret: str) -> Iterator[str]:
    if len(secret) < _LONG_ENOUGH_TO_BE_UNIQUE:
        return
    content = secret.encode("utf-8", "replace")
    yield secret[::-1]
    yield content.hex()
    for neighbours in range(3):
        # What stands before and after it in the coded text shares its first and its last character.
        coded = base64.b64encode(b"\0" * neighbours + content).decode()
        yield coded[-(-neighbours * 8 // 6) : (neighbours + len(content)) * 8 // 6]


def _letters(text: str) -> str:
    # ASCII alone: in a body of another encoding than UTF-8 only that much is left of a secret.
    return "".join(c for c in text.lower() if c.isascii() and c.isalnum())


def _unescaped(line: str) -> str:
    import html  # noqa: PLC0415 - its long table is only needed for the text of an error

    plain = _backslashed().sub(_unbackslashed, unquote(html.unescape(line)))
    # Two halves of a surrogate pair become the one character they stand for.
    return _one_line(plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


@cache
def _private_key() -> re.Pattern[str]:
    return re.compile(_PRIVATE_WORD, re.IGNORECASE)


@cache
def _private_pair() -> re.Pattern[str]:
    # token=..., "token": ..., 'token' => ..., &quot;token&quot;: ..., but not the words "token: must not be empty".
    return re.compile(
        rf"(?:{_PRIVATE_WORD})[\w.\[\]-]*(?:\s*=>?|(?:[\"'\\]|&quot;|&\#0*39;)+\s*(?::|=>?))", re.IGNORECASE
    )


@cache
def _backslashed() -> re.Pattern[str]:
    return re.compile(r"\\(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(.))", re.IGNORECASE)


def _unbackslashed(found: re.Match[str]) -> str:
    code, byte, plain = found.groups()
    if plain is not None:
        return " " if plain in "nrtfv" else plain
    return chr(int(code or byte, 16))
