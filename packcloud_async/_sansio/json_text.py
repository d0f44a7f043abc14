"""JSON text <-> plain Python values, by msgspec when the extra ``speed`` is installed, else the standard library."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

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
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def parse_with_standard_library(body: bytes) -> JsonValue:
    """Read with :mod:`json`, refusing what msgspec refuses.

    That is: any encoding but UTF-8, a byte order mark, NaN, Infinity, numbers beyond a float, and half of a
    surrogate pair.
    """
    text = body.decode()
    value = cast("JsonValue", json.loads(text, parse_constant=_refuse, parse_float=_finite))
    if _MAYBE_HALF_A_PAIR.search(text):
        dump(value)
    return value


_MAYBE_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def _refuse(number: str) -> object:
    raise ValueError(number)


def _finite(number: str) -> object:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _plain(value: object) -> object:
    """Turn any mapping or sequence into the one :mod:`json` knows."""
    name = type(value).__name__
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, JsonValue]", value))
    if isinstance(value, Sequence) and not isinstance(value, _BYTES):
        return list(cast("Sequence[JsonValue]", value))
    raise TypeError(name)


_BYTES: Final[tuple[type, ...]] = (bytes, bytearray, memoryview)


def _fastest_decoder() -> Callable[[bytes], JsonValue]:
    try:
        import msgspec  # noqa: PLC0415 - an optional extra
    except ImportError:
        return parse_with_standard_library
    return cast("Callable[[bytes], JsonValue]", msgspec.json.Decoder().decode)


_decode = _fastest_decoder()
