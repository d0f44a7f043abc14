"""The contestants of decoding: what each makes of the bytes of a page, or keeps of it.

Nothing here imports the package before a contestant is made: one of them is the package without msgspec.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

from attrs import frozen

Decode: TypeAlias = Callable[[bytes], Sequence[Any]]


class Category(StrEnum):
    """What an integration is for."""

    PAYMENT = "payment"
    SHOP = "shop"
    SHIPPING = "shipping"


@frozen(kw_only=True)
class Plain:
    """An integration as one would write it for cattrs or msgspec: the fields of the document."""

    id: str
    name: str
    category: Category
    order_sync_enabled: bool
    order_sync_updated_at: str | None
    product_sync_enabled: bool
    product_sync_updated_at: str | None
    stock_sync_enabled: bool
    created_at: str
    updated_at: str


@frozen
class PlainPage:
    """A page of them."""

    data: list[Plain]


def ours() -> Decode:
    """This library: every check, unknown fields kept."""
    from packcloud_async._sansio import endpoints  # noqa: PLC0415 - see above
    from packcloud_async._sansio.wire import Response  # noqa: PLC0415 - see above
    from packcloud_async.policies import Routes  # noqa: PLC0415 - see above

    call = endpoints.list_integrations(Routes(), "org_1")
    headers = {"content-type": "application/json"}
    return lambda body: call.read(Response(200, headers, body)).items


def ours_without_speed() -> Decode:
    """This library where msgspec is not installed."""
    sys.modules["msgspec"] = None  # type: ignore[assignment] # what an import takes for "not there"
    return ours()


def cattrs_as_it_comes() -> Decode:
    """The standard json and a converter nobody tuned."""
    import cattrs  # noqa: PLC0415 - only for this one

    converter = cattrs.Converter()
    return lambda body: converter.structure(json.loads(body), PlainPage).data


def msgspec_into_attrs() -> Decode:
    """Msgspec's decoder of attrs classes, the floor of what is typed."""
    import msgspec  # noqa: PLC0415 - only for this one

    decoder = msgspec.json.Decoder(PlainPage)
    return lambda body: decoder.decode(body).data


def pydantic_v2() -> Decode:
    """Pydantic, from the bytes; it drops what the model does not know, as it does unless it is told otherwise."""
    import pydantic  # noqa: PLC0415 - only for this one

    fields: dict[str, Any] = {name: (kind, ...) for name, kind in Plain.__annotations__.items()}
    model = pydantic.create_model("Model", **fields)
    page = pydantic.create_model("Page", data=(list[model], ...))  # type: ignore[valid-type] # made at run time
    return lambda body: page.model_validate_json(body).data  # type: ignore[attr-defined] # made at run time


def plain_json() -> Decode:
    """The standard json: dicts, nothing checked."""
    return lambda body: json.loads(body)["data"]


class Bare:
    """The least a model can be: slots, and nobody looks at what is put into them."""

    __slots__ = (*Plain.__annotations__, "absent", "extra")


def json_by_hand() -> Decode:
    """The floor on the standard json: models filled by hand, unknown fields kept, nothing checked."""
    new, category, nothing = Bare, {member.value: member for member in Category}.get, frozenset[str]()

    def decode(body: bytes) -> Sequence[Any]:
        found: list[Any] = []
        for one in json.loads(body)["data"]:
            model: Any = new()
            model.id, model.name = one["id"], one["name"]
            model.category = category(one["category"], one["category"])
            model.order_sync_enabled = one["order_sync_enabled"]
            model.order_sync_updated_at = one["order_sync_updated_at"]
            model.product_sync_enabled = one["product_sync_enabled"]
            model.product_sync_updated_at = one["product_sync_updated_at"]
            model.stock_sync_enabled = one["stock_sync_enabled"]
            model.created_at, model.updated_at = one["created_at"], one["updated_at"]
            model.extra = {"connector": one["connector"], "status": one["status"]}
            model.absent = nothing
            found.append(model)
        return found

    return decode


def msgspec_by_hand() -> Decode:
    """The floor on msgspec where unknown fields are kept: names known beforehand, models filled by hand."""
    import msgspec  # noqa: PLC0415 - only for this one

    known: dict[str, Any] = dict.fromkeys(("connector", "status"), Any)
    hints = {**Plain.__annotations__, "category": str}
    one_of: Any = msgspec.defstruct("One", [*hints.items(), *known.items()], gc=False)
    page = msgspec.defstruct("Page", [("data", list[one_of]), ("links", Any), ("meta", Any)], gc=False)
    decoder, new, nothing = msgspec.json.Decoder(page), Bare, frozenset[str]()
    category = {member.value: member for member in Category}.get

    def decode(body: bytes) -> Sequence[Any]:
        found: list[Any] = []
        for one in decoder.decode(body).data:
            model: Any = new()
            model.id, model.name, model.category = one.id, one.name, category(one.category, one.category)
            model.order_sync_enabled, model.order_sync_updated_at = one.order_sync_enabled, one.order_sync_updated_at
            model.product_sync_enabled = one.product_sync_enabled
            model.product_sync_updated_at = one.product_sync_updated_at
            model.stock_sync_enabled = one.stock_sync_enabled
            model.created_at, model.updated_at = one.created_at, one.updated_at
            model.extra, model.absent = {"connector": one.connector, "status": one.status}, nothing
            found.append(model)
        return found

    return decode


def glimpses_by_hand() -> Decode:
    """The floor of a poll read on msgspec: ids and the two documented watermarks, the rest skipped."""
    import msgspec  # noqa: PLC0415 - only for this one

    marks = [(name, str | None) for name in ("order_sync_updated_at", "product_sync_updated_at")]
    one: Any = msgspec.defstruct("Marks", [("id", str), *marks], gc=False)
    decoder = msgspec.json.Decoder(msgspec.defstruct("Page", [("data", list[one])], gc=False))
    return lambda body: decoder.decode(body).data


DECODERS: Mapping[str, Callable[[], Decode]] = {
    "ours": ours,
    "ours without `speed`": ours_without_speed,
    "cattrs as it comes": cattrs_as_it_comes,
    "pydantic v2": pydantic_v2,
    "msgspec straight into attrs": msgspec_into_attrs,
    "json, nothing checked": plain_json,
    "json, models filled by hand, nothing checked": json_by_hand,
    "msgspec, models filled by hand": msgspec_by_hand,
}
NEEDS = {
    "pydantic v2": "pydantic",
    "msgspec straight into attrs": "msgspec",
    "msgspec, models filled by hand": "msgspec",
}


def prepared(name: str, body: bytes) -> Callable[[], Sequence[Any]]:
    """Give what decodes one body over and over; the answer that ours reads is made once, as it is the transport's."""
    decode = DECODERS[name]()
    if DECODERS[name] not in {ours, ours_without_speed}:
        return lambda: decode(body)
    # Not before one of them was made: they say what there is to import.
    from packcloud_async._sansio import endpoints  # noqa: PLC0415 - see above
    from packcloud_async._sansio.wire import Response  # noqa: PLC0415 - see above
    from packcloud_async.policies import Routes  # noqa: PLC0415 - see above

    read, response = endpoints.list_integrations(Routes(), "org_1").read, Response(200, {}, body)
    return lambda: read(response).items
