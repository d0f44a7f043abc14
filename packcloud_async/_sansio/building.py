"""Functions that build models, made for each model: written as source once, and compiled.

1. They refuse what the hooks of the converter refuse, and do not say why: whoever is refused asks the converter.
2. attrs puts every field of a frozen instance into place through a call. Here a twin is filled, of a class that has
   the same slots and is not frozen, and becomes an instance of the model before anybody has seen it.
3. Nothing that was received gets into the source. Names of fields do: those of our own classes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum, StrEnum
from types import UnionType
from typing import Any, NamedTuple, TypeAlias, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import attrs

from packcloud_async._sansio.wire_form import KEPT_APART

T = TypeVar("T")

Builder: TypeAlias = Callable[[Sequence[object]], tuple[T, ...]]
"""Builds one model from each value, or raises whatever it meets."""


class Kind(StrEnum):
    """What a field of a model may hold."""

    TEXT = "text"
    FLAG = "flag"
    TEXT_OR_NULL = "text_or_null"
    WORD = "word"
    TEXTS = "texts"
    OBJECTS = "objects"


class Field(NamedTuple):
    """A field that is read: ``words`` are the texts that become members of an enum."""

    name: str
    kind: Kind
    default: object
    words: Mapping[str, Enum]

    @property
    def is_required(self) -> bool:
        """Whether it must be there."""
        return self.default is attrs.NOTHING


class Plan(NamedTuple):
    """How a model is built: ``open_class`` is its twin."""

    model: type
    open_class: type
    fields: tuple[Field, ...]

    @property
    def names(self) -> frozenset[str]:
        """The names of all fields that are read."""
        return frozenset(field.name for field in self.fields)


def plan_of(model: type) -> Plan | None:
    """Return how a model is built; None for one that must be built by its constructor."""
    if hasattr(model, "__attrs_post_init__") or model.__mro__ != (model, object):
        return None
    attributes = attrs.fields_dict(cast("type[attrs.AttrsInstance]", model))
    if not attributes.keys() >= KEPT_APART or set(getattr(model, "__slots__", ())) != set(attributes):
        return None
    hints = get_type_hints(model)
    found = {name: _field(attribute, hints[name]) for name, attribute in attributes.items() if name not in KEPT_APART}
    fields = tuple(field for field in found.values() if field is not None)
    open_class = type(f"Open{model.__name__}", (), {"__slots__": tuple(attributes)})
    return Plan(model, open_class, fields) if len(fields) == len(found) else None


_FACTORY: type = cast("Any", attrs.Factory)


def _field(attribute: Any, hint: object) -> Field | None:
    kind, words = _kind(hint), enum_of(hint)
    has_factory = isinstance(attribute.default, _FACTORY)
    if kind is None or has_factory or attribute.validator is not None or attribute.converter is not None:
        return None
    members: dict[str, Enum] = {} if words is None else {member.value: member for member in words}
    return Field(attribute.name, kind, attribute.default, members)


def _kind(hint: object) -> Kind | None:
    if hint is str or hint is bool:
        return Kind.TEXT if hint is str else Kind.FLAG
    arguments = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        if set(arguments) == {str, type(None)}:
            return Kind.TEXT_OR_NULL
        return None if enum_of(hint) is None else Kind.WORD
    if get_origin(hint) is not tuple or len(arguments) != 2 or arguments[1] is not ...:
        return None
    if arguments[0] is str:
        return Kind.TEXTS
    return Kind.OBJECTS if get_origin(arguments[0]) is Mapping else None


def enum_of(hint: object) -> type[Enum] | None:
    """Return the enum of a union of one with str, which unknown words are kept as; None for anything else."""
    arms = get_args(hint)
    enums = [arm for arm in arms if isinstance(arm, type) and issubclass(arm, Enum)]
    return enums[0] if len(enums) == 1 and set(arms) == {enums[0], str} else None


def compiled(
    plan: Plan,
    body: Iterable[str],
    given: Mapping[str, object],
    *,
    takes: Iterable[str] = ("items",),
    before: Iterable[str] = (),
    each: str | None = "d",
) -> Callable[..., Any]:
    """Compile a builder: ``body`` fills each ``o`` from a ``d``; whatever it uses beside builtins is given.

    ``each`` are the variables that an item becomes, None if the one argument is the only item, ``d``.
    """
    names: dict[str, object] = {"new": plan.open_class, "model": plan.model, **given}
    for at, field in enumerate(plan.fields):
        names[f"default_{at}"], names[f"words_{at}"] = field.default, field.words
    whole = [*body, "o.__class__ = model"]
    looped = [
        f" def build({', '.join(takes)}):",
        "  built = []",
        "  add = built.append",
        *(f"  {line}" for line in before),
        f"  for {each} in items:",
        *(f"   {line}" for line in whole),
        "   add(o)",
        "  return tuple(built)",
    ]
    alone = [" def build(d):", *(f"  {line}" for line in whole), "  return (o,)"]
    source = [f"def maker({', '.join(names)}):", *(alone if each is None else looped), " return build"]
    code = compile("\n".join(source), f"<builder of {plan.model.__name__}>", "exec")
    scope: dict[str, Any] = {}
    exec(code, scope)  # noqa: S102 - made of the texts of this package and the names of fields of its classes
    return cast("Callable[..., Any]", scope["maker"](**names))
