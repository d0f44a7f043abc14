"""Glimpse: what a poll reads of an integration, and nothing else of it.

1. A watch asks the same again and again, and wants to know whether a watermark moved. So only ids and watermarks
   become values, and what learning needs; of the rest it is made sure that it is JSON in UTF-8, and no more.
2. What is not read is not refused: neither an integration without a name, nor a number no float holds. Ids, the
   documented watermarks and the paging are held to the same types as everywhere.
3. msgspec reads what is as usual. The general way reads the same bytes when it is not, or when there is no msgspec: it
   gives the same values, and the message that names what is wrong.
"""

from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from types import GenericAlias
from typing import Any, Final, Protocol

from attrs import field, frozen

from packcloud_async._sansio import codec, json_text
from packcloud_async._sansio.envelope import PAGING_FIELDS, Content, Paging, paging, unwrap
from packcloud_async._sansio.json_depth import check_depth
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire_form import NO_EXTRA
from packcloud_async.models import SyncKind, sent_watermarks


class Glimpse(Protocol):
    """An integration as a poll sees it."""

    @property
    def id(self) -> str:
        """Which one it is."""
        ...

    @property
    def watermarks(self) -> Mapping[SyncKind, str | None]:
        """The watermark of every kind whose field is in the payload, as received."""
        ...

    @property
    def trade(self) -> Mapping[str, str | None]:
        """The names under which the time of its syncs is learned; empty when it was read without them."""
        ...


@frozen(kw_only=True, weakref_slot=False)
class GeneralGlimpse:
    """A glimpse as the general way gives it."""

    id: str
    order_sync_updated_at: str | None = None
    product_sync_updated_at: str | None = None
    extra: Mapping[str, JsonValue] = field(default=NO_EXTRA, repr=False)
    absent: frozenset[str] = field(default=frozenset(), repr=False)

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def watermarks(self) -> Mapping[SyncKind, str | None]:
        """See :class:`Glimpse`."""
        return sent_watermarks(self)

    @property
    def trade(self) -> Mapping[str, str | None]:
        """See :class:`Glimpse`."""
        return {name: _text_or_none(self.extra.get(name)) for name in TRADE}


@frozen(eq=False, repr=False)
class Glimpses:
    """Reads glimpses from the bytes of an answer: one, or a list when there are ``many``."""

    many: bool
    with_trade: bool

    def read(self, body: bytes) -> tuple[tuple[Glimpse, ...], Paging | Content]:
        """Return them and what stands around them; raise :class:`~packcloud_async.InvalidResponse`."""
        return self.read_straight(body) or self.read_generally(body)

    def read_straight(self, body: bytes) -> tuple[tuple[Glimpse, ...], Paging] | None:
        """Return them and what stands around them; None when the general way is to be gone."""
        if not json_text.is_fast():
            return None
        try:
            check_depth(body)
            if not body.isascii():
                # msgspec does not look into texts that it skips.
                body.decode()
        except ValueError:
            return None
        enveloped, bare, unset = _ways(self.many, self.with_trade)
        if (document := _decoded(enveloped, body)) is not None and document.id is unset:
            found, around = document.data, paging(*_paging_of(document))
        elif (found := _decoded(bare, body)) is not None:
            around = _NOWHERE
        else:
            return None
        return found if self.many else (found,), around

    def read_generally(self, body: bytes) -> tuple[tuple[Glimpse, ...], Content]:
        """Return them and what stands around them; raise :class:`~packcloud_async.InvalidResponse`."""
        content = unwrap(json_text.parse_leniently(body))
        return codec.decode_content(GeneralGlimpse, content, many=self.many), content


TRADE: Final = ("connector_id", "category")


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _decoded(decode: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return decode(body)
    except (ValueError, RecursionError):
        return None


_NOWHERE: Final = Paging()
_paging_of = attrgetter(*PAGING_FIELDS)


@cache
def _ways(many: bool, with_trade: bool) -> tuple[Callable[[bytes], Any], Callable[[bytes], Any], object]:
    """Make the readers of an answer in an envelope and of a bare one, and give what stands for what was not sent."""
    msgspec = json_text.msgspec_in_use()
    watermark = str | None | msgspec.UnsetType
    fields = {
        "order_sync_updated_at": watermark,
        "product_sync_updated_at": watermark,
        # Nothing is promised of these.
        "stock_sync_updated_at": Any,
        "shipping_service_sync_updated_at": Any,
        **(dict.fromkeys(TRADE, Any) if with_trade else {}),
    }
    shown = {"watermarks": property(_watermarks), "trade": property(_trade), "__repr__": _shown}
    optional = [(name, kind, msgspec.UNSET) for name, kind in fields.items()]
    one: Any = msgspec.defstruct("StraightGlimpse", [("id", str), *optional], namespace=shown, gc=False)
    value: Any = GenericAlias(tuple, (one, ...)) if many else one
    around = [("id", Any, msgspec.UNSET), *((name, Any, None) for name in PAGING_FIELDS)]
    envelope = msgspec.defstruct("Envelope", [("data", value), *around], gc=False)
    return msgspec.json.Decoder(envelope).decode, msgspec.json.Decoder(value).decode, msgspec.UNSET


def _watermarks(glimpse: Any) -> Mapping[SyncKind, str | None]:
    # Once for each watched integration of each read: a loop takes three times as long.
    orders, products, stocks, services = _marks_of(glimpse)
    if type(orders) is type(products) is str and stocks is services and stocks is not None and type(stocks) is not str:
        # The usual one: of the others nothing was sent.
        return {_ORDERS: orders, _PRODUCTS: products}
    marks: dict[SyncKind, str | None] = {}
    if orders is None or type(orders) is str:
        marks[_ORDERS] = orders
    if products is None or type(products) is str:
        marks[_PRODUCTS] = products
    if stocks is None or type(stocks) is str:
        marks[_STOCKS] = stocks
    if services is None or type(services) is str:
        marks[_SERVICES] = services
    return marks


_ORDERS, _PRODUCTS, _STOCKS, _SERVICES = SyncKind
_marks_of = attrgetter(*(kind.watermark_field for kind in SyncKind))


def _trade(glimpse: Any) -> Mapping[str, str | None]:
    return {name: _text_or_none(getattr(glimpse, name, None)) for name in TRADE}


def _shown(glimpse: Any) -> str:
    return f"{type(glimpse).__name__}(id={glimpse.id!r})"
