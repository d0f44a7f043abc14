"""Values of a file by their place in it, read with complaints that name it."""

import math
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

from attrs import evolve, field, frozen

from packcloud_async._sansio.json_text import TYPE_NAMES, JsonValue
from packcloud_async.errors import ConfigurationError

T = TypeVar("T")
K = TypeVar("K", bound=StrEnum)

_LONGEST_TEXT = 255
_LONGEST_QUOTE = 80
LARGEST: Final = 10**9
LONGEST_TIME: Final = 1e9
"""Seconds; what is later has no date."""


class InvalidData(ConfigurationError):
    """A file of emulator data cannot be used; ``place`` is where in ``source``: ``$.seed``, or a line."""

    def __init__(self, complaint: str, *, source: str, place: str) -> None:
        super().__init__(f"{source}: {place} {complaint}" if place else f"{source} {complaint}")
        self.source = source
        self.place = place


@frozen
class Place:
    """A value, where it is, and how it is read; what is read as settings is never quoted."""

    value: object = field(repr=False)
    source: str
    path: str = "$"

    def refusal(self, complaint: str) -> InvalidData:
        """Return the error to raise."""
        return InvalidData(complaint, source=self.source, place=self.path)

    def fields(self, *known: str, needed: Collection[str] = ()) -> Mapping[str, "Place"]:
        """Read an object; a field that is null is as one that is not there."""
        mapping = self._mapping()
        for name in mapping:
            if name not in known:
                raise self.refusal(f"has an unknown field {_quoted(name)}; known: {', '.join(known)}")
        for name in needed:
            if mapping.get(name) is None:
                raise self.refusal(f"needs {name}")
        return {name: self._below(f".{name}", value) for name, value in mapping.items() if value is not None}

    def items(self) -> list["Place"]:
        """Read a list."""
        if not isinstance(self.value, list):
            raise self._unlike("a list")
        return [self._below(f"[{index}]", item) for index, item in enumerate(cast("list[object]", self.value))]

    def entries(self) -> Mapping[str, "Place"]:
        """Read an object of any names."""
        return {name: self._below(f".{name}", value) for name, value in self._mapping().items()}

    def text(self, *, may_be_empty: bool = False) -> str:
        """Read a text."""
        if not isinstance(self.value, str) or len(self.value) > _LONGEST_TEXT or not (self.value or may_be_empty):
            raise self._unlike(f"a text of {0 if may_be_empty else 1} to {_LONGEST_TEXT} characters")
        return self.value

    def identifier(self) -> str:
        """Read an id; one that no path can hold is refused."""
        found = self.text()
        if found in {".", ".."} or not found.isprintable():
            raise self.refusal(f"is {_quoted(found)}, which cannot be part of a path")
        return found

    def switch(self) -> bool:
        """Read true or false."""
        if not isinstance(self.value, bool):
            raise self._unlike("true or false")
        return self.value

    def whole(self) -> int:
        """Read a whole number from 0."""
        if not isinstance(self.value, int) or isinstance(self.value, bool) or not 0 <= self.value <= LARGEST:
            raise self._unlike(f"a whole number from 0 to {LARGEST}")
        return self.value

    def seconds(self) -> float:
        """Read a number of seconds."""
        value = self.value
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LONGEST_TIME:
            raise self._unlike(f"seconds from 0 to {LONGEST_TIME:.0f}")
        return float(value)

    def choice(self, kinds: type[K]) -> K:
        """Read one of some names."""
        if self.value not in [kind.value for kind in kinds]:
            raise self._unlike(f"one of {', '.join(kinds)}")
        return kinds(self.value)

    def settings(self) -> dict[str, JsonValue]:
        """Read an object of JSON values, quoting nothing of it."""
        if not isinstance(self.value, dict):
            raise self.refusal(f"must be an object, not {_type_name(self.value)}")
        if not _is_json(cast("object", self.value)):
            raise self.refusal("holds something that JSON has no word for, such as a date: write it as a text")
        return cast("dict[str, JsonValue]", self.value)

    def built(self, make: Callable[[], T]) -> T:
        """Make something out of what was read here; what it complains about is complained about here."""
        try:
            return make()
        except ValueError as error:
            raise self.refusal(f"cannot be used: {error}") from None

    def _mapping(self) -> Mapping[str, object]:
        if not isinstance(self.value, dict):
            raise self._unlike("an object")
        return cast("dict[str, object]", self.value)

    def _below(self, step: str, value: object) -> "Place":
        return evolve(self, value=value, path=self.path + step)

    def _unlike(self, wanted: str) -> InvalidData:
        plain = isinstance(self.value, str | int | float)
        return self.refusal(f"must be {wanted}, not {_quoted(self.value) if plain else _type_name(self.value)}")


def _quoted(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def _type_name(value: object) -> str:
    return TYPE_NAMES.get(type(value), f"a {type(value).__name__}")


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_json(item) for item in cast("dict[str, object]", value).values())
    if isinstance(value, list):
        return all(_is_json(item) for item in cast("list[object]", value))
    return value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
