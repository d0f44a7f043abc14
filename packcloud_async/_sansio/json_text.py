"""JSON text <-> plain Python values, by msgspec when the extra ``speed`` is installed, else the standard library."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias, cast

from packcloud_async.errors import InvalidResponse

JsonValue: TypeAlias = bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None


def parse(body: bytes) -> JsonValue:
    """Read one JSON document; raise :class:`InvalidResponse` without quoting the body."""
    try:
        return _decode(body)
    # RecursionError: a document nested deeper than the interpreter's stack.
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"body is not JSON ({len(body)} bytes): {type(error).__name__}") from None


def dump(value: JsonValue) -> bytes:
    """Write one JSON document, compact, in UTF-8; raise ValueError or TypeError for what JSON cannot hold."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def parse_with_standard_library(body: bytes) -> JsonValue:
    """Read with :mod:`json`, refusing NaN and Infinity, which JSON does not know."""
    return cast("JsonValue", json.loads(body, parse_constant=_refuse_constant))


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _fastest_decoder() -> Callable[[bytes], JsonValue]:
    try:
        import msgspec  # noqa: PLC0415 - an optional extra
    except ImportError:
        return parse_with_standard_library
    return cast("Callable[[bytes], JsonValue]", msgspec.json.Decoder().decode)


_decode = _fastest_decoder()
