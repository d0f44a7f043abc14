"""JSON values <-> models: the one cattrs converter.

1. cattrs is lax where it hurts: null in a ``str`` field becomes ``"None"``, ``"no"`` in a ``bool`` field
   becomes True, a text in a field of many becomes its letters. The hooks here refuse instead of converting.
2. A model is read by a function that is made for it and keeps no books, of ours where the model is plain. When that
   fails, the same value is read once more by cattrs with its bookkeeping, only to name the path.
3. No message quotes a value of the body: it may be a secret.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from packcloud_async._sansio.building import Builder, enum_of, plan_of
from packcloud_async._sansio.envelope import Content
from packcloud_async._sansio.json_builders import builder_of
from packcloud_async._sansio.json_text import TYPE_NAMES, JsonValue, type_name
from packcloud_async._sansio.wire_form import KEPT_APART, wire_form
from packcloud_async.errors import InvalidResponse

T = TypeVar("T")

_MISSING = "required field missing"


class _WrongType(Exception):
    """A value is not of the type the API promises."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {type_name(value)}")


def decode(model: type[T], value: JsonValue, path: str = "$") -> T:
    """Build a model; raise :class:`InvalidResponse` naming the first place that is wrong."""
    built = _built(model, (value,))
    return _explained(model, value, path) if built is None else built[0]


def decode_items(model: type[T], content: Content) -> tuple[T, ...]:
    """Build the models of a list; raise :class:`InvalidResponse` naming index and field."""
    items = content.value
    if not isinstance(items, list):
        raise InvalidResponse(f"expected a list, got {type_name(items)}", path=content.path)
    built = _built(model, items)
    if built is not None:
        return built
    return tuple(decode(model, item, f"{content.path}[{index}]") for index, item in enumerate(items))


def _built(model: type[T], items: Sequence[JsonValue]) -> tuple[T, ...] | None:
    """Build models by the function that is made for them; None when there is none, or when anything is wrong."""
    build = _builder(cast("Any", model))
    try:
        return None if build is None else cast("tuple[T, ...]", build(items))
    except Exception:  # noqa: BLE001 - read again, for the path
        return None


def _explained(model: type[T], value: JsonValue, path: str) -> T:
    try:
        return _converter.structure(value, model)
    except _WrongType as error:
        raise InvalidResponse(str(error), path=path) from None
    except Exception as error:  # noqa: BLE001 - cattrs raises whatever the hooks and constructors raise
        complaint, place = _first_complaint(error, path)
        raise InvalidResponse(complaint, path=place) from None


def decode_content(model: type[T], content: Content, *, many: bool) -> tuple[T, ...]:
    """Build all models of an answer: those of a list when there are ``many``, else the one it is."""
    return decode_items(model, content) if many else (decode(model, content.value, content.path),)


def encode(model: object) -> dict[str, JsonValue]:
    """Return the JSON object a model came from: unknown fields included, absent ones left out."""
    return wire_form(model)


def _strict(expected: type) -> Callable[[Any, Any], Any]:
    name = TYPE_NAMES[expected]

    def hook(value: Any, _: Any) -> Any:
        if type(value) is expected:
            return value
        raise _WrongType(name, value)

    return hook


def _optional_text(value: Any, _: Any) -> Any:
    if value is None or type(value) is str:
        return value
    raise _WrongType("a string or null", value)


def _is_optional_text(kind: Any) -> bool:
    return _is_union(kind) and set(get_args(kind)) == {str, type(None)}


def _is_open_enum(kind: Any) -> bool:
    return _is_union(kind) and enum_of(kind) is not None


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _open_enum_hook(union: Any) -> Callable[[Any, Any], Any]:
    enum = enum_of(union)
    assert enum is not None
    members = {member.value: member for member in enum}

    def hook(value: Any, _: Any) -> Any:
        if type(value) is str:
            return members.get(value, value)
        raise _WrongType("a string", value)

    return hook


def _mapping(value: Any, _: Any) -> Any:
    if type(value) is dict:
        return cast("dict[str, JsonValue]", value)
    raise _WrongType("an object", value)


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) is Mapping


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _tuple_hook(kind: Any, converter: cattrs.BaseConverter) -> Callable[[Any, Any], Any]:
    items = list_structure_factory(kind, converter)

    def hook(value: Any, kind: Any) -> Any:
        if type(value) is not list:
            raise _WrongType("a list", value)
        return tuple(items(value, kind))

    return hook


@cache
def _builder(model: Any) -> Builder[Any] | None:
    plan = plan_of(model) if attrs.has(model) else None
    return None if plan is None else builder_of(plan)


def _model_hook(model: Any) -> Callable[[Any, Any], Any]:
    explaining = _explaining(model)

    def hook(value: Any, kind: Any) -> Any:
        if type(value) is not dict:
            raise _WrongType("an object", value)
        return explaining(value, kind)

    return hook


@cache
def _explaining(model: Any) -> Callable[[Any, Any], Any]:
    known = attrs.fields_dict(model)
    names = frozenset(known) - KEPT_APART
    optional = [name for name in names if known[name].default is not attrs.NOTHING]
    left_out: dict[str, Any] = {name: override(omit=True) for name in KEPT_APART}
    structure = make_dict_structure_fn(model, _converter, _cattrs_detailed_validation=True, **left_out)

    def explaining(fields: Mapping[str, JsonValue], kind: Any) -> Any:
        built = structure(fields, kind)
        # The instance is new and nobody has seen it: this completes its construction.
        if absent := [name for name in optional if name not in fields]:
            object.__setattr__(built, "absent", frozenset(absent))
        if not names.issuperset(fields):
            extra = {name: item for name, item in fields.items() if name not in names}
            object.__setattr__(built, "extra", extra)
        return built

    return explaining


def _first_complaint(error: Exception, path: str) -> tuple[str, str]:
    complaints = cattrs.transform_error(error, path=path, format_exception=_describe)
    complaint, _, place = complaints[0].rpartition(" @ ")
    return complaint, place


def _describe(error: BaseException, _: Any) -> str:
    if isinstance(error, _WrongType):
        return str(error)
    return _MISSING if isinstance(error, KeyError) else f"unreadable value ({type(error).__name__})"


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for primitive in (str, bool, int):
        converter.register_structure_hook(primitive, _strict(primitive))
    converter.register_structure_hook_func(_is_optional_text, _optional_text)
    converter.register_structure_hook_func(_is_mapping, _mapping)
    converter.register_structure_hook_factory(_is_open_enum, _open_enum_hook)
    converter.register_structure_hook_factory(_is_tuple, _tuple_hook)
    converter.register_structure_hook_factory(attrs.has, _model_hook)
    return converter


_converter = _make_converter()
