"""What may be quoted of a body: a short excerpt with every known or likely secret taken out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.errors import InvalidResponse

MAX_EXCERPT = 500
_MASK = "***"
_LONG_ENOUGH_TO_BE_UNIQUE = 4
_PRIVATE_KEY = re.compile(r"settings|secret|token|password|passwd|credential|authorization|api.?key", re.IGNORECASE)


def excerpt_of(body: bytes, secrets: Iterable[str] = ()) -> str:
    """Quote at most 500 characters of an error body, on one line, without secrets or control characters."""
    text = _masked_text(_readable(body), secrets)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_EXCERPT else f"{line[: MAX_EXCERPT - 1]}…"


def field_errors_of(body: bytes, secrets: Iterable[str] = ()) -> Mapping[str, tuple[str, ...]]:
    """Read ``{errors: {field: [complaint]}}``, the inferred form of a 422; anything else is no field errors."""
    document = _parsed(body)
    errors = document.get("errors") if isinstance(document, Mapping) else None
    if not isinstance(errors, Mapping):
        return {}
    listed = {name: told if isinstance(told, list) else [told] for name, told in errors.items()}
    return {
        name: tuple(_masked_text(item, secrets) for item in told if isinstance(item, str))
        for name, told in listed.items()
    }


def leaves_of(value: JsonValue) -> Iterator[str]:
    """Yield every text and number inside a JSON value, as the text it would be quoted as."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from leaves_of(item)
    elif isinstance(value, list | tuple):
        for item in cast("Iterable[JsonValue]", value):
            yield from leaves_of(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)


def _readable(body: bytes) -> str:
    document = _parsed(body)
    if document is None:
        return body.decode("utf-8", "replace")
    masked = _without_private_values(document)
    if isinstance(masked, Mapping) and isinstance(masked.get("message"), str):
        return "; ".join([cast("str", masked["message"]), *_complaints(masked.get("errors"))])
    return json_text.dump(masked).decode()


def _complaints(errors: JsonValue) -> Iterator[str]:
    if isinstance(errors, Mapping):
        for name, told in errors.items():
            yield f"{name}: {' '.join(leaves_of(told))}"


def _parsed(body: bytes) -> JsonValue:
    try:
        return json_text.parse(body)
    except InvalidResponse:
        return None


def _without_private_values(value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {
            # Complaints are named after their field, {"errors": {"settings.shop": ["..."]}}, and stay readable.
            key: item if key == "errors" else _MASK if _PRIVATE_KEY.search(key) else _without_private_values(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_private_values(item) for item in value]
    return value


def _masked_text(text: str, secrets: Iterable[str]) -> str:
    # Longest first, so that a secret holding another one leaves no rest behind.
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        if len(secret) >= _LONG_ENOUGH_TO_BE_UNIQUE:
            text = text.replace(secret, _MASK)
        else:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _MASK, text)
    return text
