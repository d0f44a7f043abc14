"""JSON text <-> plain Python values, by msgspec when the extra ``speed`` is installed, else the standard library."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, cast

from packcloud_async._sansio.json_depth import check_depth
from packcloud_async.errors import InvalidResponse

JsonValue: TypeAlias = bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None

LONGEST_WHOLE_NUMBER: Final = 4300
"""Characters, the sign included."""


def parse(body: bytes) -> JsonValue:
    """Read one JSON document; raise :class:`InvalidResponse` without quoting the body."""
    return _parsed(body, _decode)


def parse_leniently(body: bytes) -> JsonValue:
    """Read a document of which only some values matter: a number that nothing holds is infinite."""
    return _parsed(body, _decode_leniently)


def _parsed(body: bytes, decode: Callable[[bytes], JsonValue]) -> JsonValue:
    try:
        check_depth(body)
        return decode(body)
    # RecursionError: even so many levels may be too many for a caller far down the stack.
    except (ValueError, RecursionError) as error:
        from packcloud_async._sansio.counting import counted  # noqa: PLC0415 - few meet this error

        raise InvalidResponse(f"body is not JSON ({counted(len(body), 'byte')}): {type(error).__name__}") from None


def dump(value: JsonValue) -> bytes:
    """Write one JSON document, compact, in UTF-8; raise ValueError or TypeError for what JSON cannot hold."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def type_name(value: object) -> str:
    """Return what messages call the type of a JSON value."""
    return TYPE_NAMES.get(type(value), type(value).__name__)


TYPE_NAMES: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def parse_with_standard_library(body: bytes) -> JsonValue:
    """Read with :mod:`json`, refusing what msgspec refuses.

    That is: any encoding but UTF-8, a byte order mark, NaN, Infinity, numbers beyond a float, whole numbers of
    more than 4300 characters, and half of a surrogate pair, be it in a value that a later one replaces.
    """
    return _decoded(_STRICT, _text_of(body))


def _text_of(body: bytes) -> str:
    text = body.decode()
    if b"\\" in body and _MAYBE_HALF_A_PAIR.search(text) and any(map(_is_half_a_pair, _escape().finditer(text))):
        raise ValueError("half of a surrogate pair")
    return text


def _is_half_a_pair(escape: re.Match[str]) -> bool:
    return escape.group(1) is not None


_MAYBE_HALF_A_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


@cache
def _escape() -> re.Pattern[str]:
    # A whole pair is one match, so that what is found in group 1 has no other half.
    return re.compile(
        r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
    )


def _refuse(number: str) -> object:
    raise ValueError(number)


def _finite(number: str) -> object:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _whole(number: str) -> object:
    return int(number) if len(number) <= LONGEST_WHOLE_NUMBER else _refuse(number)


def _whole_or_infinite(number: str) -> object:
    return int(number) if len(number) <= LONGEST_WHOLE_NUMBER else math.inf


# A decoder is made once: json.loads() makes one for each call that is not as usual.
_STRICT = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
_LENIENT = json.JSONDecoder(parse_constant=_refuse, parse_int=_whole_or_infinite)


def _decode_leniently(body: bytes) -> JsonValue:
    return _decoded(_LENIENT, _text_of(body))


def _decoded(decoder: json.JSONDecoder, text: str) -> JsonValue:
    try:
        value, end = cast("Any", decoder).scan_once(text, 0)
    except StopIteration:
        end = value = None
    # decode() looks for white space at both ends with regular expressions, which takes as long as a short document.
    return cast("JsonValue", value if end == len(text) else decoder.decode(text))


def _plain(value: object) -> object:
    """Turn any mapping or sequence into the one :mod:`json` knows."""
    name = type(value).__name__
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, JsonValue]", value))
    if isinstance(value, Sequence) and not isinstance(value, _BYTES):
        return list(cast("Sequence[JsonValue]", value))
    raise TypeError(name)


_BYTES: Final[tuple[type, ...]] = (bytes, bytearray, memoryview)


def _msgspec_if_there() -> Any:
    try:
        import msgspec  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    return msgspec


def _fastest_decoder() -> Callable[[bytes], JsonValue]:
    msgspec = _msgspec_if_there()
    return parse_with_standard_library if msgspec is None else msgspec.json.Decoder().decode


def _decode_first(body: bytes) -> JsonValue:
    _choose_decoder()
    return _decode(body)


_decode: Callable[[bytes], JsonValue] = _decode_first


def _choose_decoder() -> None:
    global _decode  # noqa: PLW0603 - msgspec is loaded by the first document, which an import may never see
    _decode = _fastest_decoder()


def msgspec_in_use() -> Any:
    """Return the module that documents are read with, None when it is the standard library."""
    return _msgspec_if_there() if is_fast() else None


def is_fast() -> bool:
    """Whether documents are read with msgspec."""
    if _decode is _decode_first:
        _choose_decoder()
    return _decode is not parse_with_standard_library
