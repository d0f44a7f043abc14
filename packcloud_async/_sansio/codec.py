"""JSON values <-> models.

1. A model is read by a function that is made for it and keeps no books, where the model is plain. When that fails, the
   same value is read once more by cattrs, with its bookkeeping, to name the path; see ``explaining``, which is loaded
   by the first answer that needs it.
2. No message quotes a value of the body: it may be a secret.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar, cast

import attrs

from packcloud_async._sansio.building import Builder, plan_of
from packcloud_async._sansio.envelope import Content
from packcloud_async._sansio.json_builders import builder_of
from packcloud_async._sansio.json_text import JsonValue, type_name
from packcloud_async._sansio.wire_form import wire_form
from packcloud_async.errors import InvalidResponse

T = TypeVar("T")


def decode(model: type[T], value: JsonValue, path: str = "$") -> T:
    """Build a model; raise :class:`InvalidResponse` naming the first place that is wrong."""
    built = _built(model, (value,))
    if built is not None:
        return built[0]
    from packcloud_async._sansio import explaining  # noqa: PLC0415 - nearly all answers are right, and cattrs is large

    return explaining.decode(model, value, path)


def decode_items(model: type[T], content: Content) -> tuple[T, ...]:
    """Build the models of a list; raise :class:`InvalidResponse` naming index and field."""
    items = content.value
    if not isinstance(items, list):
        raise InvalidResponse(f"expected a list, got {type_name(items)}", path=content.path)
    built = _built(model, items)
    if built is not None:
        return built
    # Item by item, for the path.
    return tuple(decode(model, item, f"{content.path}[{index}]") for index, item in enumerate(items))


def _built(model: type[T], items: Sequence[JsonValue]) -> tuple[T, ...] | None:
    """Build models by the function that is made for them; None when there is none, or when anything is wrong."""
    build = _builder(cast("Any", model))
    try:
        return None if build is None else cast("tuple[T, ...]", build(items))
    except Exception:  # noqa: BLE001 - read again, for the path
        return None


def decode_content(model: type[T], content: Content, *, many: bool) -> tuple[T, ...]:
    """Build all models of an answer: those of a list when there are ``many``, else the one it is."""
    return decode_items(model, content) if many else (decode(model, content.value, content.path),)


def encode(model: object) -> dict[str, JsonValue]:
    """Return the JSON object a model came from: unknown fields included, absent ones left out."""
    return wire_form(model)


@cache
def _builder(model: Any) -> Builder[Any] | None:
    plan = plan_of(model) if attrs.has(model) else None
    return None if plan is None else builder_of(plan)
