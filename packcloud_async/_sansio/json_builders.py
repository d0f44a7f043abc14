"""Models from parsed JSON objects, by functions that are made for each model.

1. Objects of one list mostly have the same names, and the next list has them too: what they mean is found once, and
   kept for the last form of them, if it is small. Whatever has other names takes longer, and is built all the same.
2. When all have the names of the first, their values come as tuples of one length, and no name is looked up in Python.
   Only the number of unknown names is in the source of that function, which is therefore made for so many at most.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, cast

from packcloud_async._sansio.building import Builder, Field, Kind, Plan, compiled
from packcloud_async._sansio.wire_form import NO_EXTRA


def builder_of(plan: Plan) -> Builder[Any]:
    """Make the function that builds models from parsed JSON objects."""
    build_any, build_alike = _builder_of_any(plan), _builder_of_alike(plan)

    def build(items: Sequence[object]) -> tuple[Any, ...]:
        if len(items) >= _MANY:
            # What they refuse has other names than the first, or is wrong.
            with suppress(KeyError, TypeError):
                return build_alike(items)
        return build_any(items)

    return cast("Builder[Any]", build)


_MANY = 4
"""From so many on it pays to look at the names of all at once."""

_MOST_UNKNOWN = 16
"""Functions are made for so many unknown names, and kept: one for each number, and for all that may be absent."""

_LONGEST_NAME = 100


class _Form(NamedTuple):
    """The names of an object in their order, and what they mean to a model."""

    keys: Sequence[str]
    unknown: Sequence[str]
    absent: frozenset[str]

    @property
    def may_be_kept(self) -> bool:
        """Whether it is small, whatever a server sent."""
        return len(self.unknown) <= _MOST_UNKNOWN and max(map(len, self.keys), default=0) <= _LONGEST_NAME


def _form_of(plan: Plan, keys: Sequence[str]) -> _Form:
    absent = frozenset(field.name for field in plan.fields if not field.is_required).difference(keys)
    return _Form(keys, [name for name in keys if name not in plan.names], absent)


def _builder_of_any(plan: Plan) -> Builder[Any]:
    """Make the function that builds models from objects of any names."""
    last = [_form_of(plan, [])]

    def form_of(keys: Sequence[str]) -> _Form:
        form = _form_of(plan, keys)
        if form.may_be_kept:
            last[0] = form
        return form

    body = [
        "if type(d) is not dict: raise TypeError",
        # Objects mostly have the same names in the same order as the last: what is unknown or absent is found once.
        "if (found := [*d]) != keys: form = form_of(found); keys = found; unknown = form.unknown; absent = form.absent",
        "o = new()",
        *(line for at, field in enumerate(plan.fields) for line in _lines_for(field, at)),
        "if unknown:",
        " o.extra = extra = {}",
        " for name in unknown: extra[name] = d[name]",
        "else: o.extra = no_extra",
        "o.absent = absent",
    ]
    before = ["form = last[0]", "keys = form.keys", "unknown = form.unknown", "absent = form.absent"]
    return compiled(plan, body, {"form_of": form_of, "last": last, "no_extra": NO_EXTRA}, before=before)


def _lines_for(field: Field, at: int) -> list[str]:
    take = [
        f"v = d[{field.name!r}]",
        f"if {_is_wrong(field, 'v')}: raise TypeError",
        f"o.{field.name} = {_form(field, at, 'v')}",
    ]
    if field.is_required:
        return take
    return [f"if {field.name!r} in d:", *(f" {line}" for line in take), f"else: o.{field.name} = default_{at}"]


class _Alike(NamedTuple):
    """How objects of one form are built: ``in_order`` puts the names of one into the order of the function."""

    form: _Form
    in_order: Callable[[Sequence[str]], Iterable[str]]
    build: Callable[..., tuple[Any, ...]]


def _builder_of_alike(plan: Plan) -> Builder[Any]:
    """Make the function that builds models from objects that all have the names of the first.

    It raises KeyError or TypeError when there is another, or a wrong value.
    """
    last: _Alike | None = None

    @cache
    def compiled_for(absent: frozenset[str], unknown: int) -> Callable[..., tuple[Any, ...]]:
        return _compiled_for(plan, absent, unknown)

    def study(keys: Sequence[str]) -> _Alike:
        form = _form_of(plan, keys)
        names = [field.name for field in plan.fields if field.name not in form.absent] + [*form.unknown]
        # One name alone would not make a tuple of values.
        if not form.may_be_kept or len(names) < _LEAST_NAMES or not {*names}.issubset(keys):
            raise KeyError
        return _Alike(form, itemgetter(*map(keys.index, names)), compiled_for(form.absent, len(form.unknown)))

    def build(items: Sequence[Any]) -> tuple[Any, ...]:
        nonlocal last
        if type(items[0]) is not dict:
            raise TypeError
        keys = [*cast("dict[str, object]", items[0])]
        # Taken once: another thread may put another one there.
        alike = last
        if alike is None or keys != alike.form.keys:
            last = alike = study(keys)
        # So many names, and all of them there: no others then.
        if set(map(len, items)) != {len(keys)}:
            raise KeyError
        # The names of this very document: those that are the same object are found faster.
        return alike.build(map(itemgetter(*alike.in_order(keys)), items), *alike.form.unknown)

    return cast("Builder[Any]", build)


_LEAST_NAMES = 2


def _compiled_for(plan: Plan, absent: frozenset[str], unknown: int) -> Callable[..., tuple[Any, ...]]:
    """Make a function of the values of each object, those of unknown names last, and of these names."""
    there = [(at, field) for at, field in enumerate(plan.fields) if field.name not in absent]
    names, values = [f"name_{at}" for at in range(unknown)], [f"unknown_{at}" for at in range(unknown)]
    extra = f"{{{', '.join(f'{name}: {value}' for name, value in zip(names, values, strict=True))}}}"
    wrong = [f"({_is_wrong(field, f'v_{at}')})" for at, field in there]
    body = [
        *([f"if {' or '.join(wrong)}: raise TypeError"] if wrong else []),
        "o = new()",
        *(f"o.{field.name} = {_form(field, at, f'v_{at}')}" for at, field in there),
        *(f"o.{field.name} = default_{at}" for at, field in enumerate(plan.fields) if field.name in absent),
        f"o.extra = {extra if unknown else 'no_extra'}",
        "o.absent = absent",
    ]
    each = ", ".join([*(f"v_{at}" for at, _ in there), *values])
    return compiled(plan, body, {"absent": absent, "no_extra": NO_EXTRA}, takes=["items", *names], each=each)


_WRONG = {
    Kind.TEXT: "type({v}) is not str",
    Kind.FLAG: "{v} is not True and {v} is not False",
    Kind.TEXT_OR_NULL: "{v} is not None and type({v}) is not str",
    Kind.WORD: "type({v}) is not str",
    Kind.TEXTS: "type({v}) is not list or not {{str}}.issuperset(map(type, {v}))",
    Kind.OBJECTS: "type({v}) is not list or not {{dict}}.issuperset(map(type, {v}))",
}
_FORMS = {Kind.WORD: "words_{at}.get({v}, {v})", Kind.TEXTS: "tuple({v})", Kind.OBJECTS: "tuple({v})"}


def _is_wrong(field: Field, value: str) -> str:
    """Write what is true of a value that is refused."""
    return _WRONG[field.kind].format(v=value)


def _form(field: Field, at: int, value: str) -> str:
    """Write what becomes of a checked value."""
    return _FORMS.get(field.kind, "{v}").format(v=value, at=at)
