"""Bytes -> models without JSON values in between, by msgspec, once the names in such answers were seen.

1. msgspec drops fields that a class does not name, and models keep them as ``extra``. Therefore it reads into a class
   that names what the model knows and what was seen beside it before, and that refuses every other name.
2. It gives a value or nothing. Nothing is said of a wrong type, another name or no JSON: the same bytes are then read
   the general way, which gives the value or the message, and from which the names are learned.
3. Names come from servers, and are no part of any source. So many are known at a time; what does not fit to them makes
   a new beginning, unless what is known has served since. A lesson is paid for by what is read the general way.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from types import GenericAlias
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast

from attrs import define, field, frozen

from packcloud_async._sansio import json_text
from packcloud_async._sansio.building import Field, Kind, Plan, compiled
from packcloud_async._sansio.envelope import PAGING_FIELDS, Content, Paging, paging
from packcloud_async._sansio.json_depth import check_depth
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.wire_form import NO_EXTRA

T = TypeVar("T")


MOST_NAMES: Final = 64
"""So many unknown names are known at a time, in models and envelopes together."""

_LOGGER: Final = logging.getLogger("packcloud_async")

MOST_LESSONS: Final = 16
"""So many lessons may be taken one after the other."""

LESSON: Final = 2_000
"""So many models, read the general way, earn one lesson: it costs about as much as two hundred of them."""

_LONGEST_NAME: Final = 100


class _Names(NamedTuple):
    """What was seen: names beside those of the model, names beside ``data``, and whether there is no envelope."""

    unknown: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    is_bare: bool = False

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
    _credit: int = field(default=MOST_LESSONS * LESSON, init=False)
    _way: _Way | None = field(default=None, init=False)
    _has_served: bool = field(default=False, init=False)

    def read(self, body: bytes) -> tuple[tuple[T, ...], Paging] | None:
        """Return the models and what stood around them; None when the general way is to be gone.

        Raises :class:`~packcloud_async.InvalidResponse` when paging is wrong around models that are right.
        """
        way = self._way
        if way is None or not json_text.is_fast():
            return None
        try:
            check_depth(body)
            document = way.decode(body)
        except (ValueError, RecursionError):
            return None
        found = document if way.is_bare else document.data
        models = way.build(found)
        self._has_served = True
        return models, _NOWHERE if way.is_bare else paging(*_paging_of(document))

    def learn(self, document: JsonValue, content: Content) -> None:
        """Take note of the names in an answer that was read the general way."""
        msgspec = json_text.msgspec_in_use()
        if msgspec is None:
            return
        objects = cast("Sequence[Mapping[str, JsonValue]]", content.value if self._many else [content.value])
        self._credit = min(MOST_LESSONS * LESSON, self._credit + len(objects))
        if self._credit < LESSON:
            return
        names = self._names_after(self._names_in(objects, document, content))
        if names is None:
            return
        self._credit -= LESSON
        self._way, self._has_served = _way(msgspec, self._plan, names, many=self._many), False
        if not _LOGGER.isEnabledFor(logging.DEBUG):
            return
        from packcloud_async._sansio.log import write  # noqa: PLC0415 - a first request loads nothing more

        write(
            logging.DEBUG,
            "%s is read straight, with %d names beside its own; %d lessons left",
            self._plan.model.__name__,
            len(names.unknown) + len(names.around),
            self._credit // LESSON,
        )

    def _names_after(self, found: _Names) -> _Names | None:
        """Return what is to be known after an answer with these names, None when there is nothing to learn of it."""
        known = _Names(is_bare=found.is_bare) if self._way is None else self._way.names
        both = known.with_those_of(found)
        if known.is_bare is found.is_bare and both.can_be_used:
            return both if self._way is None or both != known else None
        if self._has_served:
            # One odd answer among good ones is no reason to forget; if nothing is read straight until the next, it is.
            self._credit, self._has_served = self._credit - LESSON, False
            return None
        return found if found.can_be_used else None

    def _names_in(self, objects: Sequence[Mapping[str, JsonValue]], document: JsonValue, content: Content) -> _Names:
        is_bare = content.path == "$"
        around = () if is_bare else cast("Mapping[str, JsonValue]", document)
        return _Names(
            unknown=tuple(dict.fromkeys(name for one in objects for name in one if name not in self._plan.names)),
            around=tuple(name for name in around if name != "data"),
            is_bare=is_bare,
        )


@frozen(eq=False, repr=False)
class _Way:
    """How bytes become models."""

    names: _Names
    is_bare: bool
    decode: Callable[[bytes], Any]
    build: Callable[[Any], tuple[Any, ...]]


_NOWHERE: Final = Paging()
_paging_of = attrgetter(*PAGING_FIELDS)


def _way(msgspec: Any, plan: Plan, names: _Names, *, many: bool) -> _Way:
    required = {field.name: _TYPES[field.kind] for field in plan.fields if field.is_required}
    optional = {field.name: _TYPES[field.kind] for field in plan.fields if not field.is_required}
    around = [name for name in names.around if name not in PAGING_FIELDS]
    one: Any = _class(msgspec, required, optional, names.unknown)
    value: Any = GenericAlias(list, (one,)) if many else one
    # Of these null says as much as silence.
    told = [] if names.is_bare else [(name, Any, None) for name in PAGING_FIELDS]
    document = value if names.is_bare else _class(msgspec, {"data": value}, {}, around, told)
    return _Way(
        names=names,
        is_bare=names.is_bare,
        decode=msgspec.json.Decoder(document).decode,
        build=_builder(plan, names.unknown, msgspec.UNSET, many=many),
    )


_TYPES: Mapping[Kind, Any] = {
    Kind.TEXT: str,
    Kind.FLAG: bool,
    Kind.TEXT_OR_NULL: str | None,
    Kind.WORD: str,
    Kind.TEXTS: tuple[str, ...],
    Kind.OBJECTS: tuple[dict[str, Any], ...],
}


def _class(
    msgspec: Any,
    required: Mapping[str, Any],
    optional: Mapping[str, Any],
    unknown: Iterable[str],
    told: Iterable[tuple[str, Any, object]] = (),
) -> Any:
    """Make a class that reads an object of these fields and of no others."""
    renamed = {_attribute(at): name for at, name in enumerate(unknown)}
    may_be_there = {**optional, **dict.fromkeys(renamed, Any)}
    return msgspec.defstruct(
        "Seen",
        [
            *required.items(),
            *((name, kind | msgspec.UnsetType, msgspec.UNSET) for name, kind in may_be_there.items()),
            *told,
        ],
        rename=renamed,
        forbid_unknown_fields=True,
        # They live as long as one answer is read, and make no circles.
        gc=False,
    )


def _attribute(at: int) -> str:
    return f"unknown_{at}"


def _builder(plan: Plan, unknown: Sequence[str], unset: object, *, many: bool) -> Callable[[Any], tuple[Any, ...]]:
    @cache
    def with_one_more(absent: frozenset[str], name: str) -> frozenset[str]:
        # One for all models that lack the same.
        return absent | {name}

    def given(*values: object) -> Mapping[str, Any]:
        return {name: value for name, value in zip(unknown, values, strict=True) if value is not unset} or NO_EXTRA

    values = [_attribute(at) for at in range(len(unknown))]
    body = [
        "o = new()",
        "absent = none",
        *(line for at, field in enumerate(plan.fields) for line in _lines_for(field, at)),
        *(f"{value} = d.{value}" for value in values),
        *_lines_for_extra(values),
        "o.absent = absent",
    ]
    names = {f"name_{at}": name for at, name in enumerate(unknown)}
    return compiled(
        plan,
        body,
        {
            "unset": unset,
            "none": frozenset[str](),
            "with_one_more": with_one_more,
            "given": given,
            "no_extra": NO_EXTRA,
            **names,
        },
        each="d" if many else None,
    )


def _lines_for_extra(values: Sequence[str]) -> list[str]:
    if not values:
        return ["o.extra = no_extra"]
    return [
        f"if {' or '.join(f'{value} is unset' for value in values)}: o.extra = given({', '.join(values)})",
        f"else: o.extra = {{{', '.join(f'name_{at}: {value}' for at, value in enumerate(values))}}}",
    ]


def _lines_for(field: Field, at: int) -> list[str]:
    value = f"words_{at}.get(v, v)" if field.kind is Kind.WORD else "v"
    if field.is_required:
        return [f"v = d.{field.name}", f"o.{field.name} = {value}"]
    return [
        f"v = d.{field.name}",
        f"if v is unset: o.{field.name} = default_{at}; absent = with_one_more(absent, {field.name!r})",
        f"else: o.{field.name} = {value}",
    ]
