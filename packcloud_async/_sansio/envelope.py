"""The one reading of the API's envelopes."""

from collections.abc import Mapping
from typing import Final, TypeVar, cast

from attrs import frozen

from packcloud_async._sansio.json_text import TYPE_NAMES, JsonValue, type_name
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async.errors import InvalidResponse

T = TypeVar("T")

PAGING_FIELDS: Final = ("links", "meta", "next", "prev", "per_page")
"""The fields of an envelope that say where the list goes on."""


@frozen
class Content:
    """What an answer carries once its envelope is taken off; ``path`` says where it stood."""

    value: JsonValue
    path: str
    next: str | None = None
    prev: str | None = None
    per_page: int | None = None

    __repr__, __eq__, __hash__ = shown, equal, hashed


def unwrap(document: JsonValue) -> Content:
    """Take off the envelope: ``{data: ...}`` or bare; ``links.next`` or ``next``; ``meta.per_page`` or ``per_page``.

    No page shows which form the API uses: the text of the pages drops the names of wrapping objects.
    An object with an ``id`` of its own is not an envelope.
    """
    if type(document) is not dict:
        return Content(document, "$")
    fields = cast("dict[str, JsonValue]", document)
    if "data" not in fields or "id" in fields:
        return Content(fields, "$")
    return Content(
        value=fields["data"],
        path="$.data",
        next=_paging_field(fields, "links", "next", str),
        prev=_paging_field(fields, "links", "prev", str),
        per_page=_paging_field(fields, "meta", "per_page", int),
    )


def _paging_field(document: Mapping[str, JsonValue], wrapper: str, name: str, kind: type[T]) -> T | None:
    value: JsonValue
    inner = document.get(wrapper)
    is_inside = type(inner) is dict and name in cast("Mapping[str, JsonValue]", inner)
    value = cast("Mapping[str, JsonValue]", inner)[name] if is_inside else document.get(name)
    if value is None:
        return None
    # A bool is an int to Python, not to JSON.
    if not isinstance(value, kind) or type(value) is bool:
        path = f"$.{wrapper}.{name}" if is_inside else f"$.{name}"
        raise InvalidResponse(f"expected {TYPE_NAMES[kind]} or null, got {type_name(value)}", path=path)
    return value
