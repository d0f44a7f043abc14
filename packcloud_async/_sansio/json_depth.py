"""How deep a JSON document is nested.

What the interpreter's stack can hold depends on its version and its caller, so that a limit of our own is kept. It is
looked after before a document is read: the interpreter's own may be more than the stack of a thread holds.
"""

import re
from itertools import accumulate
from typing import Final

DEEPEST: Final = 500
"""Levels of nesting that are read."""

# No document of so many bytes is too deep: each level is two brackets at least.
_SHORT: Final = 2 * DEEPEST

# So many levels are taken away from within, which is fast; few documents have more.
_USUAL_LEVELS: Final = 8


class NestedTooDeep(ValueError):
    """A document has more than ``DEEPEST`` levels."""


def check_depth(body: bytes) -> None:
    """Raise :class:`NestedTooDeep` for a document of more than ``DEEPEST`` levels; say nothing of what is no JSON."""
    if may_be_deep(body):
        brackets = left = _brackets(body)
        for _ in range(_USUAL_LEVELS):
            left = left.replace(b"{}", b"").replace(b"[]", b"")
        if left and any(level > DEEPEST for level in accumulate(memoryview(brackets.translate(_LEVELS)).cast("b"))):
            raise NestedTooDeep


def may_be_deep(body: bytes) -> bool:
    """Whether there are more brackets than levels are allowed: few documents have so many at all."""
    return len(body) > _SHORT and _opened(body) > DEEPEST


# Bytes of value 1 and -1 for a bracket that opens and one that closes.
_LEVELS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))
_NEITHER = bytes(set(range(256)) - set(b'[{]}"'))
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


def _opened(body: bytes) -> int:
    # Counted by what is missing without them, at most one more than matters: count() looks at each byte, this leaps.
    without = len(body.replace(b"{", b"", DEEPEST + 1)) + len(body.replace(b"[", b"", DEEPEST + 1))
    return 2 * len(body) - without


def _brackets(body: bytes) -> bytes:
    """Return the brackets that are not in texts."""
    # One letter is found much faster than two.
    if b"\\" in body and b'\\"' in body:
        return _TEXT.sub(b"", body).translate(None, _NO_BRACKETS)
    # No quotation mark is in a text. A text without brackets becomes two of them side by side; before the first text
    # with a bracket stand such pairs and its own mark, which has no other beside it.
    found = body.translate(None, _NEITHER).replace(b'""', b"")
    return found if b'"' not in found else b"".join(body.split(b'"')[::2]).translate(None, _NO_BRACKETS)
