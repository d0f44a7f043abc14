"""Organizations, integrations and shipping services as the emulator keeps them, and as the API writes them."""

from typing import Final

from attrs import define, field, frozen

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.emulator.checks import whole
from packcloud_async.emulator.dates import WatermarkFormat, written
from packcloud_async.emulator.sync_runs import SyncTimes, Track, on_the_wire
from packcloud_async.models import IntegrationCategory, ServiceType, SyncKind

DOCUMENTED_WATERMARKS: Final = frozenset({SyncKind.ORDERS, SyncKind.PRODUCTS})
MOST: Final = 1_000_000
"""Of what the seed gives; more ids than that would fill the memory when somebody lists them."""


@frozen(kw_only=True)
class World:
    """What is emulated: organizations ``org_1`` to ``org_N``, each with integrations ``int_1`` to ``int_M``.

    Integration ids are unique within their organization only. ``watermarks`` names the kinds whose field is in
    the payload. ``conflict_while_running`` answers 409 to a sync POST while one of that kind runs.
    """

    organizations: int = field(default=3, validator=whole(0, MOST))
    integrations: int = field(default=4, validator=whole(0, MOST))
    seed: int = field(default=0, validator=whole(0))
    per_page: int = field(default=25, validator=whole(1))
    sync_times: SyncTimes = field(factory=SyncTimes)
    watermarks: frozenset[SyncKind] = DOCUMENTED_WATERMARKS
    conflict_while_running: bool = False


@frozen
class View:
    """How values are read: as a lagging replica if ``stale``, watermarks in the given format."""

    now: float
    stale: bool = False
    style: WatermarkFormat = WatermarkFormat.PLAIN


@define
class Service:
    """A shipping service; it is there from emulator second ``born_at`` on."""

    number: int
    name: str
    carrier_code: str
    enabled: bool
    type: ServiceType
    label_types: tuple[str, ...]
    created: int
    updated: Track
    born_at: float = 0.0
    given_id: str | None = None
    """None for those whose id follows from their number."""

    @property
    def id(self) -> str:
        """Its id, unique within its organization."""
        return self.given_id if self.given_id is not None else f"svc_{self.number}"

    def as_json(self, integration_id: str, view: View) -> dict[str, JsonValue]:
        """Write it as 1b3ab34db413955c32bbfa109803bd46 does, without the hidden fields nobody can name."""
        return {
            "id": self.id,
            "integration_id": integration_id,
            "name": self.name,
            "default_label_type": self.label_types[0] if self.label_types else None,
            "enabled": self.enabled,
            "label_types": list(self.label_types),
            "type": self.type.value,
            "created_at": written(self.created),
            "updated_at": on_the_wire(self.updated.value(view.now, stale=view.stale), WatermarkFormat.PLAIN),
        }


@define
class Integration:
    """An integration as the server knows it; ``created`` and ``updated`` are seconds since the epoch."""

    number: int
    category: IntegrationCategory
    name: str
    connector_id: str
    created: int
    updated: int
    watermarks: dict[SyncKind, Track]
    settings: dict[str, JsonValue] | None = field(default=None, repr=False)
    """None for those the seed gives."""
    order_sync_enabled: bool = False
    product_sync_enabled: bool = False
    stock_sync_enabled: bool = False
    services: tuple[Service, ...] = ()
    given_id: str | None = None
    """None for those whose id follows from their number."""

    @property
    def id(self) -> str:
        """Its id, unique within its organization."""
        return self.given_id if self.given_id is not None else f"int_{self.number}"

    def as_json(self, view: View) -> dict[str, JsonValue]:
        """Write the ten fields of 4563bfbf8cb5c53f4846256adf82de0d, or one for each watermark more or less."""
        marks = {
            _WATERMARK_FIELDS[kind]: on_the_wire(track.value(view.now, stale=view.stale), view.style)
            for kind, track in self.watermarks.items()
        }
        return {
            "id": self.id,
            "category": self.category.value,
            "name": self.name,
            "order_sync_enabled": self.order_sync_enabled,
            "product_sync_enabled": self.product_sync_enabled,
            "stock_sync_enabled": self.stock_sync_enabled,
            "created_at": written(self.created),
            "updated_at": written(self.updated),
            **marks,
        }

    def tracks_of(self, kind: SyncKind) -> list[Track]:
        """Return everything that a sync of this kind moves."""
        tracks = [self.watermarks[kind]] if kind in self.watermarks else []
        if kind is SyncKind.SHIPPING_SERVICES:
            tracks += [service.updated for service in self.services]
        return tracks


@define
class Organization:
    """An organization and what belongs to it, by id in the order of creation."""

    integrations: dict[str, Integration]
    integrations_ever: int
    services_ever: int = 0

    def next_integration(self) -> int:
        """Return a number no integration had before."""
        self.integrations_ever += 1
        return self.integrations_ever

    def next_service(self) -> int:
        """Return a number no shipping service had before."""
        self.services_ever += 1
        return self.services_ever


_WATERMARK_FIELDS = {kind: kind.watermark_field for kind in SyncKind}
