"""Models -> the JSON objects they came from."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NoReturn, cast

import attrs

from packcloud_async._sansio.json_text import JsonValue

KEPT_APART: Final = frozenset({"extra", "absent"})
"""What a model knows of a payload beside its fields."""


def _refuse(*_: object, **__: object) -> NoReturn:
    raise TypeError("this extra cannot be changed: it belongs to every model without unknown fields")


def _as_ordinary(_: object) -> tuple[type, tuple[()]]:
    return dict, ()


_CHANGES = ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update")

# A dict, for whoever writes models as JSON; a copy or a pickle of it is an ordinary one.
NO_EXTRA: Final[Mapping[str, JsonValue]] = type(
    "NoExtra",
    (dict,),
    {"__slots__": (), "__reduce__": _as_ordinary, **dict.fromkeys(_CHANGES, _refuse)},
)()
"""The ``extra`` of all models without unknown fields: one of its own each would be a tenth of their memory."""


def wire_form(model: object) -> dict[str, JsonValue]:
    """Return the JSON object a model came from: unknown fields included, absent ones left out."""
    assert attrs.has(type(model))
    fields = attrs.fields_dict(cast("type[attrs.AttrsInstance]", type(model)))
    absent = cast("frozenset[str]", getattr(model, "absent", frozenset[str]()))
    known = {
        name: _plain(value)
        for name, attribute in fields.items()
        if name not in KEPT_APART
        # A copy may have been given a value for what was absent.
        and not ((value := getattr(model, name)) == cast("Any", attribute).default and name in absent)
    }
    return {**known, **cast("Mapping[str, JsonValue]", getattr(model, "extra", {}))}


def _plain(value: object) -> JsonValue:
    if isinstance(value, Enum):
        return cast("str", value.value)
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    return cast("JsonValue", value)
