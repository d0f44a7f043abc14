"""What the API talks about, as frozen values.

Source pages are named by the hash under ``https://pack.cloud/docs/api/organization/``. Fields a page does not
print are kept in ``extra`` and are sent back unchanged by a round trip.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum, StrEnum
from functools import cached_property
from typing import Final, Generic, Protocol, TypeVar

from attrs import field, frozen

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.timestamps import parse_timestamp
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire_form import NO_EXTRA, wire_form

T_co = TypeVar("T_co", covariant=True)


class Unset(Enum):
    """The type of :data:`~packcloud_async.UNSET`."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Marks a value that was not given, where None would mean "send null"."""


class SyncKind(StrEnum):
    """What a sync brings up to date."""

    ORDERS = "orders"
    PRODUCTS = "products"
    STOCKS = "stocks"
    SHIPPING_SERVICES = "shipping_services"

    @cached_property
    def watermark_field(self) -> str:
        """The field of an integration that moves when this kind changed at the shop.

        Only ``order_sync_updated_at`` and ``product_sync_updated_at`` are documented
        (4563bfbf8cb5c53f4846256adf82de0d); the other two are used if a payload ever carries them.
        """
        return f"{self.value.removesuffix('s')}_sync_updated_at"


class IntegrationCategory(StrEnum):
    """The kinds of integration the document prints; others arrive as plain strings."""

    PAYMENT = "payment"
    SHOP = "shop"
    SHIPPING = "shipping"


class ServiceType(StrEnum):
    """Which way a shipping service sends."""

    DELIVERY = "delivery"
    RETURN = "return"


def _keys_only(mapping: Mapping[str, object]) -> str:
    return f"<{', '.join(name if name.isprintable() else ascii(name) for name in sorted(mapping))}>"


def _count(items: tuple[object, ...]) -> str:
    return f"<{len(items)}>"


def _is_there(link: str | None) -> str:
    return "None" if link is None else "<link>"


def _extra() -> Mapping[str, JsonValue]:
    """Fields the model does not know, as received, in any order: never printed, they may hold anything."""
    return field(default=NO_EXTRA, hash=False, repr=_keys_only)


def _absent() -> frozenset[str]:
    """Names of the fields with a default that the payload did not carry, so that a round trip adds none."""
    return field(default=frozenset(), repr=False)


@frozen(kw_only=True, weakref_slot=False)
class Integration:
    """An integration of an organization (4563bfbf8cb5c53f4846256adf82de0d).

    The ``*_at`` fields are text as received. The two watermarks are the time of the last known change
    *at the shop*, not of a sync; None means null or not sent, and ``absent`` names those not sent.

    >>> shop = Integration(id="int_1", name="Shopify", category=IntegrationCategory.SHOP,
    ...     order_sync_enabled=True, order_sync_updated_at="2026-01-01T10:00:00Z",
    ...     product_sync_enabled=False, product_sync_updated_at=None, stock_sync_enabled=False,
    ...     created_at="2025-01-01T00:00:00Z", updated_at="2025-01-01T00:00:00Z")
    >>> shop.order_sync_time.isoformat()
    '2026-01-01T10:00:00+00:00'
    """

    id: str
    name: str
    category: IntegrationCategory | str
    order_sync_enabled: bool = field(repr=False)
    order_sync_updated_at: str | None = None
    product_sync_enabled: bool = field(repr=False)
    product_sync_updated_at: str | None = None
    stock_sync_enabled: bool = field(repr=False)
    created_at: str = field(repr=False)
    updated_at: str = field(repr=False)
    extra: Mapping[str, JsonValue] = _extra()
    absent: frozenset[str] = _absent()

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def order_sync_time(self) -> datetime | None:
        """``order_sync_updated_at`` as an aware datetime; no zone means UTC; None if null or unreadable."""
        return _instant(self.order_sync_updated_at)

    @property
    def product_sync_time(self) -> datetime | None:
        """``product_sync_updated_at`` as an aware datetime; no zone means UTC; None if null or unreadable."""
        return _instant(self.product_sync_updated_at)

    @property
    def created_time(self) -> datetime | None:
        """``created_at`` as an aware datetime; no zone means UTC; None if unreadable."""
        return _instant(self.created_at)

    @property
    def updated_time(self) -> datetime | None:
        """``updated_at`` as an aware datetime; no zone means UTC; None if unreadable."""
        return _instant(self.updated_at)

    @property
    def watermarks(self) -> Mapping[SyncKind, str | None]:
        """The watermark of every kind whose field is in the payload, as received."""
        return sent_watermarks(self)

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the JSON object this came from: with the unknown fields, without those that were not sent."""
        return wire_form(self)


class WithWatermarks(Protocol):
    """What carries the two documented watermarks, and may carry others beside its own fields."""

    @property
    def extra(self) -> Mapping[str, JsonValue]:
        """Fields the model does not know."""
        ...

    @property
    def absent(self) -> frozenset[str]:
        """Names of the fields that were not sent."""
        ...


def sent_watermarks(integration: WithWatermarks) -> Mapping[SyncKind, str | None]:
    """Return the watermark of every kind whose field was sent; what is no text and not null is none."""
    marks: dict[SyncKind, str | None] = {}
    for kind, name in _WATERMARKS:
        is_known = name in _DOCUMENTED and name not in integration.absent
        value: object = getattr(integration, name) if is_known else integration.extra.get(name, UNSET)
        if value is None or isinstance(value, str):
            marks[kind] = value
    return marks


_WATERMARKS: Final = tuple((kind, kind.watermark_field) for kind in SyncKind)
_DOCUMENTED: Final = frozenset({"order_sync_updated_at", "product_sync_updated_at"})


@frozen(kw_only=True, weakref_slot=False)
class IntegrationAction:
    """Something an integration can be told to do.

    Unconfirmed: no page of this call is public. The shape follows the way the API describes rule types
    (acefd1fb927e8e356d991caa1a224191): a ``code``, a ``name`` and the form ``fields`` it takes. None is null, or was
    not sent.
    """

    code: str | None = None
    name: str | None = None
    id: str | None = None
    fields: tuple[Mapping[str, JsonValue], ...] = field(default=(), hash=False, repr=_count)
    extra: Mapping[str, JsonValue] = _extra()
    absent: frozenset[str] = _absent()

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def key(self) -> str | None:
        """What names this action in a call: its code, else its id, else None."""
        return self.code if self.code is not None else self.id

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the JSON object this came from: with the unknown fields, without those that were not sent."""
        return wire_form(self)


@frozen(repr=False, eq=False)
class IntegrationSettings(Mapping[str, JsonValue]):
    """The settings of an integration: an opaque mapping whose repr never shows a value, which may be a secret or None.

    >>> IntegrationSettings({"api_key": "s3cret", "shop": "example"})
    IntegrationSettings(<api_key, shop>)
    """

    values_by_name: Mapping[str, JsonValue] = field(repr=_keys_only)

    def __getitem__(self, name: str) -> JsonValue:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __hash__(self) -> int:
        return hash(frozenset(self.values_by_name))

    def __repr__(self) -> str:
        return f"IntegrationSettings({_keys_only(self.values_by_name)})"


@frozen(kw_only=True, weakref_slot=False)
class ShippingService:
    """A shipping service an integration offers (1b3ab34db413955c32bbfa109803bd46).

    ``default_label_type`` is None when the service has none. ``label_types`` is a hidden field of the page whose name
    only a description shows.
    """

    id: str
    integration_id: str
    name: str
    default_label_type: str | None
    enabled: bool
    type: ServiceType | str
    created_at: str = field(repr=False)
    updated_at: str = field(repr=False)
    label_types: tuple[str, ...] = field(default=(), repr=False)
    extra: Mapping[str, JsonValue] = _extra()
    absent: frozenset[str] = _absent()

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def to_wire(self) -> dict[str, JsonValue]:
        """Return the JSON object this came from: with the unknown fields, without those that were not sent."""
        return wire_form(self)


@frozen
class Page(Generic[T_co]):
    """One page of a list; ``next`` and ``prev`` are opaque links, None at the ends.

    ``per_page`` is the page size the server says it uses, None if it does not say.
    """

    items: tuple[T_co, ...]
    next: str | None = field(default=None, repr=_is_there)
    prev: str | None = field(default=None, repr=_is_there)
    per_page: int | None = None

    __repr__, __eq__, __hash__ = shown, equal, hashed


@frozen
class SyncAccepted:
    """The server's 2xx answer to a sync POST; it proves acceptance and nothing else.

    No page says whether a job id or a body comes back: ``body`` is the JSON value received, None when
    there was none or it was not JSON.
    """

    kind: SyncKind
    status: int
    body: JsonValue = field(default=None, hash=False, repr=False)

    __repr__, __eq__, __hash__ = shown, equal, hashed


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_timestamp(text)
