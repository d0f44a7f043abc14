"""The contestants of decoding: what each makes of the bytes of a page, or keeps of it.

Nothing here imports the package before a contestant is made: one of them is the package without msgspec.
"""

import json
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeAlias

from attrs import frozen

Decode: TypeAlias = Callable[[bytes], list[Any]]


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
    return lambda body: list(call.read(Response(200, headers, body)).items)


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


DECODERS: Mapping[str, Callable[[], Decode]] = {
    "ours": ours,
    "ours without `speed`": ours_without_speed,
    "cattrs as it comes": cattrs_as_it_comes,
    "pydantic v2": pydantic_v2,
    "msgspec straight into attrs": msgspec_into_attrs,
    "json, nothing checked": plain_json,
}
NEEDS = {"pydantic v2": "pydantic", "msgspec straight into attrs": "msgspec"}
