"""Bytes <-> models: the one cattrs converter, and the one reading of the API's envelopes.

1. cattrs is lax where it hurts: null in a ``str`` field becomes ``"None"``, ``"no"`` in a ``bool`` field
   becomes True, a text in a field of many becomes its letters. The hooks here refuse instead of converting.
2. A model is read by a function cattrs generates without bookkeeping. When that fails, the same value is read
   once more with it, only to name the path.
3. No message quotes a value of the body: it may be a secret.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import attrs
import cattrs
from attrs import frozen
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, override

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.errors import InvalidResponse

T = TypeVar("T")

_MISSING = "required field missing"


class _WrongType(Exception):
    """A value is not of the type the API promises."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {_json_type(value)}")


@frozen
class Content:
    """What an answer carries once its envelope is taken off; ``path`` says where it stood."""

    value: JsonValue
    path: str
    next: str | None = None
    prev: str | None = None
    per_page: int | None = None


def unwrap(document: JsonValue) -> Content:
    """Take off the envelope: ``{data: ...}`` or bare; ``links.next`` or ``next``; ``meta.per_page`` or ``per_page``.

    No page shows which form the API uses: the text of the pages drops the names of wrapping objects.
    An object with an ``id`` of its own is not an envelope.
    """
    if not isinstance(document, Mapping) or "data" not in document or "id" in document:
        return Content(document, "$")
    return Content(
        value=document["data"],
        path="$.data",
        next=_paging_field(document, "links", "next", str),
        prev=_paging_field(document, "links", "prev", str),
        per_page=_paging_field(document, "meta", "per_page", int),
    )


def decode(model: type[T], value: JsonValue, path: str = "$") -> T:
    """Build a model; raise :class:`InvalidResponse` naming the first place that is wrong."""
    try:
        return _converter.structure(value, model)
    except _WrongType as error:
        raise InvalidResponse(str(error), path=path) from None
    except Exception as error:  # noqa: BLE001 - cattrs raises whatever the hooks and constructors raise
        complaint, place = _first_complaint(error, path)
        raise InvalidResponse(complaint, path=place) from None


def decode_items(model: type[T], content: Content) -> tuple[T, ...]:
    """Build the models of a list; raise :class:`InvalidResponse` naming index and field."""
    if not isinstance(content.value, list):
        raise InvalidResponse(f"expected a list, got {_json_type(content.value)}", path=content.path)
    items = content.value
    try:
        return tuple([_converter.structure(item, model) for item in items])
    except Exception:  # noqa: BLE001 - read again, item by item, for the path
        return tuple(decode(model, item, f"{content.path}[{index}]") for index, item in enumerate(items))


def encode(model: object) -> dict[str, JsonValue]:
    """Return the JSON object a model came from: unknown fields included, absent ones left out."""
    assert attrs.has(type(model))
    fields = attrs.fields_dict(cast("type[attrs.AttrsInstance]", type(model)))
    absent = cast("frozenset[str]", getattr(model, "absent", frozenset[str]()))
    known = {name: _plain(getattr(model, name)) for name in fields if name not in _KEPT_APART and name not in absent}
    return {**known, **cast("Mapping[str, JsonValue]", getattr(model, "extra", {}))}


_KEPT_APART = frozenset({"extra", "absent"})


def _plain(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return cast("str", value.value)
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return cast("JsonValue", value)


def _paging_field(document: Mapping[str, JsonValue], wrapper: str, name: str, kind: type[T]) -> T | None:
    inner = document.get(wrapper)
    if isinstance(inner, Mapping) and name in inner:
        value, path = inner[name], f"$.{wrapper}.{name}"
    else:
        value, path = document.get(name), f"$.{name}"
    if value is None:
        return None
    # A bool is an int to Python, not to JSON.
    if not isinstance(value, kind) or type(value) is bool:
        raise InvalidResponse(f"expected {_TYPE_NAMES[kind]} or null, got {_json_type(value)}", path=path)
    return value


_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _json_type(value: object) -> str:
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def _strict(expected: type) -> Callable[[Any, Any], Any]:
    name = _TYPE_NAMES[expected]

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
    return _is_union(kind) and _open_enum_of(kind) is not None


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _open_enum_of(union: Any) -> type[Enum] | None:
    enums = [arm for arm in get_args(union) if isinstance(arm, type) and issubclass(arm, Enum)]
    return enums[0] if len(enums) == 1 and set(get_args(union)) == {enums[0], str} else None


def _open_enum_hook(union: Any) -> Callable[[Any, Any], Any]:
    enum = _open_enum_of(union)
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
        if type(value) is list:
            return tuple(items(value, kind))
        raise _WrongType("a list", value)

    return hook


def _model_hook(model: Any) -> Callable[[Any, Any], Any]:
    """Read a model with the fast generated function, and with the explaining one only after a failure."""
    known = attrs.fields_dict(model)
    names = frozenset(known) - _KEPT_APART
    optional = [name for name in names if known[name].default is not attrs.NOTHING]
    left_out: dict[str, Any] = {name: override(omit=True) for name in _KEPT_APART}
    fast = make_dict_structure_fn(model, _converter, _cattrs_detailed_validation=False, **left_out)
    explaining = make_dict_structure_fn(model, _converter, _cattrs_detailed_validation=True, **left_out)

    def hook(value: Any, kind: Any) -> Any:
        if type(value) is not dict:
            raise _WrongType("an object", value)
        fields = cast("dict[str, JsonValue]", value)
        try:
            built = fast(fields, kind)
        except Exception:  # noqa: BLE001 - read again for the path
            built = explaining(fields, kind)
        # The instance is new and nobody has seen it: this completes its construction.
        if absent := [name for name in optional if name not in fields]:
            object.__setattr__(built, "absent", frozenset(absent))
        if not names.issuperset(fields):
            extra = {name: item for name, item in fields.items() if name not in names}
            object.__setattr__(built, "extra", extra)
        return built

    return hook


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
