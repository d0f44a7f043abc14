"""The one reading of the API's envelopes."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, cast

from packcloud_async._sansio.json_text import TYPE_NAMES, JsonValue, type_name
from packcloud_async.errors import InvalidResponse

PAGING_FIELDS: Final = ("links", "meta", "next", "prev", "per_page")
"""The fields of an envelope that say where the list goes on."""


class Paging(NamedTuple):
    """Where a list goes on, and how long its pages are: None for what is not said."""

    next: str | None = None
    prev: str | None = None
    per_page: int | None = None


class Content(NamedTuple):
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
    if type(document) is not dict:
        return Content(document, "$")
    fields = cast("dict[str, JsonValue]", document)
    if "data" not in fields or "id" in fields:
        return Content(fields, "$")
    if len(fields) == 1:
        return Content(fields["data"], "$.data")
    get = fields.get
    around = paging(get("links"), get("meta"), get("next"), get("prev"), get("per_page"))
    return Content(fields["data"], "$.data", *around)


def paging(links: Any, meta: Any, next: Any, prev: Any, per_page: Any) -> Paging:  # noqa: A002 - as the API calls it
    """Read the fields of an envelope that say where the list goes on; None is a field that is not there."""
    if type(links) in _OBJECT:
        next, prev = links.get("next", next), links.get("prev", prev)  # noqa: A001 - as above
    if type(meta) in _OBJECT:
        per_page = meta.get("per_page", per_page)
    if (
        (next is None or type(next) is str)
        and (prev is None or type(prev) is str)
        # A bool is an int to Python, not to JSON.
        and (per_page is None or type(per_page) is int)
    ):
        return _PAGING((next, prev, per_page))
    raise _complaint(links, meta, Paging(next, prev, per_page))


# What the class of a named tuple does itself before it makes one costs twice as much.
_PAGING: Final[Callable[[tuple[Any, Any, Any]], Paging]] = partial(cast("Any", tuple).__new__, Paging)
_OBJECT: Final = frozenset({dict})
_NONE: Final = type(None)


def _complaint(links: Any, meta: Any, found: Paging) -> InvalidResponse:
    """Say which field is the first that is wrong, and where it stands."""
    told = zip(found._fields, found, ("links", "links", "meta"), (links, links, meta), (str, str, int), strict=True)
    name, value, wrapper, inner, kind = next(one for one in told if type(one[1]) not in {one[4], _NONE})
    path = f"$.{wrapper}.{name}" if type(inner) in _OBJECT and name in inner else f"$.{name}"
    return InvalidResponse(f"expected {TYPE_NAMES[kind]} or null, got {type_name(value)}", path=path)
