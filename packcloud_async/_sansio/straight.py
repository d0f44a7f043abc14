"""Bytes -> models without JSON values in between, by msgspec, once the names in such answers were seen.

1. msgspec drops fields that a class does not name, and models keep them as ``extra``. Therefore it reads into a class
   that names what the model knows and what was seen beside it before, and that refuses every other name.
2. It gives a value or nothing. Nothing is said of a wrong type, another name or no JSON: the same bytes are then read
   the general way, which gives the value or the message, and from which the names are learned.
3. Names come from servers: some are learned, and if there are ever more, none is used. They are no part of any source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from types import GenericAlias
from typing import Any, Final, Generic, TypeVar, cast

from attrs import define, field, frozen

from packcloud_async._sansio import json_text
from packcloud_async._sansio.building import Builder, Field, Kind, Plan, compiled
from packcloud_async._sansio.envelope import PAGING_FIELDS, Content, unwrap
from packcloud_async._sansio.json_depth import DEEPEST, is_deeper, is_guarded, may_be_deep
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.values import equal, hashed, shown

T = TypeVar("T")

MOST_NAMES: Final = 64
"""So many unknown names are learned, in models and envelopes together."""

MOST_LESSONS: Final = 16
"""A lesson costs about as much as a thousand models."""

_LONGEST_NAME: Final = 100
_LEVELS_AROUND: Final = 5
"""At most so many are around a value of any form: an envelope, a list, a model, and the list and the object in it."""


@frozen
class _Names:
    """What was seen: names beside those of the model, names beside ``data``, and whether there is no envelope."""

    unknown: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    is_bare: bool = False

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def with_those_of(self, other: _Names) -> _Names:
        """Return all names of both, in the form of the other."""
        unknown, around = (*self.unknown, *other.unknown), (*self.around, *other.around)
        return _Names(tuple(dict.fromkeys(unknown)), tuple(dict.fromkeys(around)), other.is_bare)

    @property
    def can_be_used(self) -> bool:
        """Whether a class can have fields of these names, and of no others."""
        names = (*self.unknown, *self.around)
        # A bare object with a field "data" is bare because of its id; one that comes without it is an envelope.
        return len(names) <= MOST_NAMES and all(map(_is_plain, names)) and not (self.is_bare and "data" in names)


def _is_plain(name: str) -> bool:
    return len(name) <= _LONGEST_NAME and name.isprintable() and '"' not in name and "\\" not in name


@define(eq=False, repr=False)
class Straight(Generic[T]):
    """Reads the answers that carry one model, or a list when there are ``many``, all but the first of them fast."""

    _plan: Plan
    _many: bool
    _lessons_left: int = field(default=MOST_LESSONS, init=False)
    _way: _Way | None = field(default=None, init=False)

    def read(self, body: bytes) -> tuple[tuple[T, ...], Content] | None:
        """Return the models and what stood around them; None when the general way is to be gone.

        Raises :class:`~packcloud_async.InvalidResponse` when paging is wrong around models that are right.
        """
        way = self._way
        if way is None or not json_text.is_fast() or ((is_large := may_be_deep(body)) and not is_guarded()):
            return None
        try:
            document = way.decode(body)
        except (ValueError, RecursionError):
            return None
        found = document if way.names.is_bare else document.data
        models = way.build(found if self._many else (found,))
        if is_large and is_deeper(way.loose_values(document, models), DEEPEST - _LEVELS_AROUND):
            return None
        return models, way.around(document)

    def learn(self, document: JsonValue, content: Content) -> None:
        """Take note of the names in an answer that was read the general way."""
        msgspec = json_text.msgspec_in_use()
        if msgspec is None or not self._lessons_left:
            return
        known = None if self._way is None else self._way.names
        names = (known or _Names()).with_those_of(self._names_in(document, content))
        if names == known:
            return
        self._lessons_left = self._lessons_left - 1 if names.can_be_used else 0
        self._way = _way(msgspec, self._plan, names, many=self._many) if self._lessons_left else None

    def _names_in(self, document: JsonValue, content: Content) -> _Names:
        objects = cast("Sequence[Mapping[str, JsonValue]]", content.value if self._many else [content.value])
        is_bare = content.path == "$"
        around = () if is_bare else cast("Mapping[str, JsonValue]", document)
        return _Names(
            unknown=tuple(dict.fromkeys(name for one in objects for name in one if name not in self._plan.names)),
            around=tuple(name for name in around if name != "data"),
            is_bare=is_bare,
        )


@frozen(eq=False, repr=False)
class _Way:
    """How bytes become models: ``paging`` are the fields of an envelope that matter, each with its attribute."""

    names: _Names
    decode: Callable[[bytes], Any]
    build: Builder[Any]
    paging: tuple[tuple[str, str], ...]
    unset: object
    loose_in_models: tuple[str, ...]
    loose_around: tuple[str, ...]

    def loose_values(self, document: Any, models: Iterable[Any]) -> list[object]:
        """Return all values of any form, wherever they stand."""
        inside = [getattr(model, name) for name in self.loose_in_models for model in models]
        return inside + [getattr(document, attribute) for attribute in self.loose_around]

    def around(self, document: Any) -> Content:
        """Return what stands around the models."""
        if not self.paging:
            return _BARE if self.names.is_bare else _ENVELOPED
        told = [(name, getattr(document, attribute)) for name, attribute in self.paging]
        return unwrap({"data": None, **{name: value for name, value in told if value is not self.unset}})


_BARE: Final = Content(None, "$")
_ENVELOPED: Final = Content(None, "$.data")


def _way(msgspec: Any, plan: Plan, names: _Names, *, many: bool) -> _Way:
    required = {field.name: _TYPES[field.kind] for field in plan.fields if field.is_required}
    optional = {field.name: _TYPES[field.kind] for field in plan.fields if not field.is_required}
    around = () if names.is_bare else names.around
    one: Any = _class(msgspec, required, optional, names.unknown)
    value: Any = GenericAlias(list, (one,)) if many else one
    return _Way(
        names=names,
        decode=msgspec.json.Decoder(value if names.is_bare else _class(msgspec, {"data": value}, {}, around)).decode,
        build=_builder(plan, names.unknown, msgspec.UNSET),
        paging=tuple((name, _attribute(at)) for at, name in enumerate(around) if name in PAGING_FIELDS),
        unset=msgspec.UNSET,
        loose_in_models=("extra", *(field.name for field in plan.fields if field.kind is Kind.OBJECTS)),
        loose_around=tuple(_attribute(at) for at in range(len(around))),
    )


_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.TEXT_OR_NULL: str | None,
    Kind.WORD: str,
    Kind.TEXTS: tuple[str, ...],
    Kind.OBJECTS: tuple[dict[str, Any], ...],
}


def _class(msgspec: Any, required: Mapping[str, Any], optional: Mapping[str, Any], unknown: Iterable[str]) -> Any:
    """Make a class that reads an object of these fields and of no others."""
    renamed = {_attribute(at): name for at, name in enumerate(unknown)}
    may_be_there = {**optional, **dict.fromkeys(renamed, Any)}
    return msgspec.defstruct(
        "Seen",
        [
            *required.items(),
            *((name, kind | msgspec.UnsetType, msgspec.UNSET) for name, kind in may_be_there.items()),
        ],
        rename=renamed,
        forbid_unknown_fields=True,
        # They live as long as one answer is read, and make no circles.
        gc=False,
    )


def _attribute(at: int) -> str:
    return f"unknown_{at}"


def _builder(plan: Plan, unknown: Sequence[str], unset: object) -> Builder[Any]:
    @cache
    def with_one_more(absent: frozenset[str], name: str) -> frozenset[str]:
        # One for all models that lack the same.
        return absent | {name}

    def given(*values: object) -> dict[str, object]:
        return {name: value for name, value in zip(unknown, values, strict=True) if value is not unset}

    values = [_attribute(at) for at in range(len(unknown))]
    body = [
        "o = new()",
        "absent = none",
        *(line for at, field in enumerate(plan.fields) for line in _lines_for(field, at)),
        *(f"{value} = d.{value}" for value in values),
        f"o.extra = {{{', '.join(f'name_{at}: {value}' for at, value in enumerate(values))}}}",
        f"if {' or '.join(f'{value} is unset' for value in values) or False}: o.extra = given({', '.join(values)})",
        "o.absent = absent",
    ]
    names = {f"name_{at}": name for at, name in enumerate(unknown)}
    return compiled(
        plan,
        body,
        {"unset": unset, "none": frozenset[str](), "with_one_more": with_one_more, "given": given, **names},
    )


def _lines_for(field: Field, at: int) -> list[str]:
    value = f"words_{at}.get(v, v)" if field.kind is Kind.WORD else "v"
    if field.is_required:
        return [f"v = d.{field.name}", f"o.{field.name} = {value}"]
    return [
        f"v = d.{field.name}",
        f"if v is unset: o.{field.name} = default_{at}; absent = with_one_more(absent, {field.name!r})",
        f"else: o.{field.name} = {value}",
    ]
