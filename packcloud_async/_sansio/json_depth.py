"""How deep a JSON document is nested.

What the interpreter's stack can hold depends on its version and its caller, so that a limit of our own is kept. It is
looked after before a document is read: the limit of the interpreter may have been raised beyond what the stack holds.
"""

import re
import sys
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Any, Final, TypeVar

T = TypeVar("T")

DEEPEST: Final = 500
"""Levels of nesting that are read."""

SHORT: Final = 2 * DEEPEST
"""No document of so many bytes is too deep: each level is two brackets at least."""

_USUAL_LIMIT: Final = 2000
"""Python's own is 1000; so many levels never harm a stack."""


class NestedTooDeep(ValueError):
    """A document has more than ``DEEPEST`` levels."""


def check_depth(body: bytes) -> None:
    """Raise :class:`NestedTooDeep` for a document of more than ``DEEPEST`` levels; say nothing of what is no JSON."""
    if may_be_deep(body):
        brackets = _without_texts(body).translate(_LEVELS, _NO_BRACKETS)
        if any(level > DEEPEST for level in accumulate(memoryview(brackets).cast("b"))):
            raise NestedTooDeep


def decoded_within_depth(body: bytes, decode: Callable[[bytes], T]) -> T:
    """Decode a document; raise :class:`NestedTooDeep` for one of more than ``DEEPEST`` levels.

    It raises what ``decode`` raises for what is no JSON.
    """
    if not may_be_deep(body):
        return decode(body)
    if not is_guarded():
        check_depth(body)
        return decode(body)
    try:
        value = decode(body)
    except (ValueError, RecursionError):
        check_depth(body)
        raise
    # Of values this takes a quarter of what it takes of the text.
    if is_deeper((value,), DEEPEST):
        raise NestedTooDeep
    return value


def may_be_deep(body: bytes) -> bool:
    """Whether there are more brackets than levels are allowed: few documents have so many at all."""
    return len(body) > SHORT and _opened(body) > DEEPEST


def is_guarded() -> bool:
    """Whether the interpreter ends a reader before the stack does, so that depth may be looked at afterwards."""
    return sys.getrecursionlimit() <= _USUAL_LIMIT


def is_deeper(values: Iterable[object], levels: int) -> bool:
    """Whether one of the values that were read is nested deeper than so many levels."""
    inner: list[Any] = [value for value in values if type(value) in _CONTAINERS]
    for _ in range(levels):
        if not inner:
            return False
        inner = [
            value
            for container in inner
            for value in (container.values() if type(container) in _NAMED else container)
            if type(value) in _CONTAINERS
        ]
    return bool(inner)


_NAMED: Final = frozenset({dict})
_CONTAINERS: Final = frozenset({dict, list, tuple})

# Bytes of value 1 and -1 for a bracket that opens and one that closes.
_LEVELS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


def _opened(body: bytes) -> int:
    # Counted by what is missing without them, at most one more than matters: count() looks at each byte, this leaps.
    without = len(body.replace(b"{", b"", DEEPEST + 1)) + len(body.replace(b"[", b"", DEEPEST + 1))
    return 2 * len(body) - without


def _without_texts(body: bytes) -> bytes:
    # Where nothing is escaped, every second piece between quotation marks is a text.
    return _TEXT.sub(b"", body) if b"\\" in body else b"".join(body.split(b'"')[::2])
