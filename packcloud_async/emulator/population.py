"""The emulated organizations, built from the seed when first asked for."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from attrs import frozen

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.emulator.dates import written
from packcloud_async.emulator.draws import Draws, pick
from packcloud_async.emulator.shops import Integration, Organization, Service, World
from packcloud_async.emulator.sync_runs import Track
from packcloud_async.models import IntegrationCategory, ServiceType, SyncKind


class Organizations:
    """All organizations; one is built when it is first asked for, so a hundred thousand cost nothing."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._draws = Draws(world.seed)
        self._built: dict[str, Organization] = {}
        self._others: list[str] = []

    def find(self, organization_id: str) -> Organization | None:
        """Return the organization of this id, None when there is none."""
        built = self._built.get(organization_id)
        if built is None and self._exists(organization_id):
            built = self._built[organization_id] = self._build(organization_id)
        return built

    def adopt(self, organizations: Mapping[str, Organization]) -> None:
        """Let these be there, in place of those of the same id that the seed would give."""
        self._built |= organizations
        self._others += [name for name in organizations if not self._exists(name)]

    @property
    def built(self) -> Mapping[str, Organization]:
        """Those that were asked for, or were given."""
        return self._built

    @property
    def ids(self) -> Iterator[str]:
        """The ids of all, those of the seed first."""
        of_the_seed = (f"org_{number}" for number in range(1, self._world.organizations + 1))
        return chain(of_the_seed, self._others)

    def __len__(self) -> int:
        return self._world.organizations + len(self._others)

    def create(
        self, organization: Organization, *, name: str, connector_id: str, settings: dict[str, JsonValue], second: int
    ) -> Integration:
        """Add an integration; nothing is synced yet and every watermark is null."""
        connector = CONNECTORS.get(connector_id)
        integration = Integration(
            number=organization.next_integration(),
            category=connector.category if connector is not None else IntegrationCategory.SHOP,
            name=name,
            connector_id=connector_id,
            created=second,
            updated=second,
            watermarks={kind: Track(None) for kind in self._kinds()},
            settings=settings,
        )
        organization.integrations[integration.id] = integration
        return integration

    def settings(self, organization_id: str, integration: Integration) -> dict[str, JsonValue]:
        """Return the settings of an integration, secrets included."""
        if integration.settings is not None:
            return integration.settings
        return {
            "url": f"https://{integration.connector_id}-{integration.number}.example",
            "api_key": self._draws.hexadecimal(organization_id, integration.number, "api_key"),
            "secret": self._draws.hexadecimal(organization_id, integration.number, "secret"),
        }

    def _exists(self, organization_id: str) -> bool:
        digits = organization_id.removeprefix("org_")
        if len(digits) > 9 or not (digits.isascii() and digits.isdecimal()):
            return False
        number = int(digits)
        return organization_id == f"org_{number}" and 1 <= number <= self._world.organizations

    def _build(self, organization_id: str) -> Organization:
        organization = Organization({}, self._world.integrations)
        for number in range(1, self._world.integrations + 1):
            integration = self._integration(organization_id, number)
            organization.integrations[integration.id] = integration
            if integration.category is IntegrationCategory.SHIPPING:
                integration.services = tuple(
                    self.service(organization, integration, kind, second=integration.created) for kind in ServiceType
                )
        return organization

    def _integration(self, organization_id: str, number: int) -> Integration:
        draw = self._draws.eight(organization_id, number)
        category = _CATEGORIES[(number - 1) % len(_CATEGORIES)]
        connector_id = pick(_CONNECTORS_OF[category], draw[0])
        is_shop = category is IntegrationCategory.SHOP
        created = -int((1 + 2 * draw[1]) * _YEAR)
        return Integration(
            number=number,
            category=category,
            name=f"{pick(_SHOPS, draw[2])} {CONNECTORS[connector_id].name}",
            connector_id=connector_id,
            created=created,
            updated=int(created * draw[3]),
            watermarks={kind: Track(_past(draw[4 + index], is_shop)) for index, kind in enumerate(self._kinds())},
            order_sync_enabled=is_shop,
            product_sync_enabled=is_shop and draw[6] < 0.8,
            stock_sync_enabled=is_shop and draw[7] < 0.5,
        )

    def service(
        self,
        organization: Organization,
        integration: Integration,
        kind: ServiceType,
        *,
        second: int,
        born_at: float = 0.0,
    ) -> Service:
        """Make a shipping service of an integration's carrier, without adding it."""
        carrier = CONNECTORS.get(integration.connector_id, _UNKNOWN_CARRIER)
        number = organization.next_service()
        return Service(
            number=number,
            name=f"{carrier.name} {'Thuislevering' if kind is ServiceType.DELIVERY else 'Retour'}",
            carrier_code=carrier.carrier_code,
            enabled=number % 3 != 0,
            type=kind,
            label_types=("pdf", "zpl_200") if kind is ServiceType.DELIVERY else (),
            created=second,
            updated=Track(written(second)),
            born_at=born_at,
        )

    def _kinds(self) -> list[SyncKind]:
        return [kind for kind in SyncKind if kind in self._world.watermarks]


@frozen
class Connector:
    """What an integration connects to."""

    name: str
    category: IntegrationCategory
    carrier_code: str = ""


CONNECTORS: Final[Mapping[str, Connector]] = {
    "shopify": Connector("Shopify", IntegrationCategory.SHOP),
    "woocommerce": Connector("WooCommerce", IntegrationCategory.SHOP),
    "magento": Connector("Magento", IntegrationCategory.SHOP),
    "lightspeed": Connector("Lightspeed", IntegrationCategory.SHOP),
    "shopware": Connector("Shopware", IntegrationCategory.SHOP),
    "postnl": Connector("PostNL", IntegrationCategory.SHIPPING, "postnl"),
    "dhl": Connector("DHL", IntegrationCategory.SHIPPING, "dhl"),
    "dpd": Connector("DPD", IntegrationCategory.SHIPPING, "dpd"),
    "mollie": Connector("Mollie", IntegrationCategory.PAYMENT),
    "adyen": Connector("Adyen", IntegrationCategory.PAYMENT),
}
"""By connector id; an id that is not here is accepted too, as a shop."""

_UNKNOWN_CARRIER = Connector("Carrier", IntegrationCategory.SHIPPING, "carrier")

_CATEGORIES = (
    IntegrationCategory.SHOP,
    IntegrationCategory.SHOP,
    IntegrationCategory.SHIPPING,
    IntegrationCategory.SHOP,
    IntegrationCategory.PAYMENT,
)
_CONNECTORS_OF = {
    category: [key for key, connector in CONNECTORS.items() if connector.category is category]
    for category in IntegrationCategory
}
_SHOPS = (
    "Noordzee Surf",
    "Fietsen van Dijk",
    "De Theekist",
    "Bakkerij Zonneveld",
    "Tuinhuis Oost",
    "Loop & Co",
    "Kaaswinkel Edam",
    "Studio Linnen",
    "Speelgoed Pim",
    "Bergsport Limburg",
)
_DAY = 86_400
_YEAR = 365 * _DAY


def _past(draw: float, is_shop: bool) -> int | None:
    """A quarter of the shops were never synced; the others changed up to 90 days before the epoch."""
    return -1 - int(draw * 120 * _DAY) if is_shop and draw < 0.75 else None
