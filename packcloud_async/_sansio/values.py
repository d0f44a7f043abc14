"""How values are written, compared and hashed, whatever their class.

attrs writes and compiles these methods for each class anew, which is the larger part of what importing a class takes. A
class that has them already is given none::

    __repr__, __eq__, __hash__ = shown, equal, hashed
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, cast

import attrs


def shown(self: Any) -> str:
    """Write the fields as attrs does: those with ``repr=False`` not at all, those with a function by that."""
    return _shown(self)


def equal(self: Any, other: object) -> bool:
    """Whether the other one is of the same class, and its fields are equal; those with ``eq=False`` do not count."""
    if type(other) is not type(self):
        return cast("bool", NotImplemented)
    compared = _compared(cast("Any", type(self)))
    return bool(compared(self) == compared(other))


def hashed(self: Any) -> int:
    """Hash the fields that are compared, without those with ``hash=False``."""
    return hash(_hashed(cast("Any", type(self)))(self))


@recursive_repr()
def _shown(self: Any) -> str:
    kind = cast("Any", type(self))
    told = ", ".join(f"{name}={write(getattr(self, name, attrs.NOTHING))}" for name, write in _written(kind))
    return f"{kind.__qualname__.rpartition('>.')[2]}({told})"


@cache
def _written(kind: Any) -> tuple[tuple[str, Callable[[Any], str]], ...]:
    return tuple((field.name, _way(field.repr)) for field in attrs.fields(kind) if field.repr)


def _way(given: Any) -> Callable[[Any], str]:
    return repr if given is True else given


@cache
def _compared(kind: Any) -> Callable[[Any], object]:
    return attrgetter(*(field.name for field in attrs.fields(kind) if field.eq))


@cache
def _hashed(kind: Any) -> Callable[[Any], object]:
    counts = (field.eq if field.hash is None else field.hash for field in attrs.fields(kind))
    return attrgetter(*(field.name for field, does in zip(attrs.fields(kind), counts, strict=True) if does))
