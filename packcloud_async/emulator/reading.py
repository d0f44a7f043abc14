"""What a file of emulator data says, as contents: ``docs/emulator.md`` describes it for a reader."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from attrs import fields

from packcloud_async.emulator.books import SyncRun
from packcloud_async.emulator.contents import Contents, PlanKey
from packcloud_async.emulator.dates import WatermarkFormat
from packcloud_async.emulator.places import Place
from packcloud_async.emulator.routes import RouteTable
from packcloud_async.emulator.shops import DOCUMENTED_WATERMARKS, Integration, Organization, Service, World
from packcloud_async.emulator.sync_runs import PlannedRun, SyncTimes
from packcloud_async.emulator.timelines import instant_of, moves_of, pair_of, text_of, track_of
from packcloud_async.models import IntegrationCategory, ServiceType, SyncKind

T = TypeVar("T")

VERSION: Final = 1
"""Of the format."""

_SYNC_TIMES = [attribute.name for attribute in fields(SyncTimes)]
_SWITCHES = ("order_sync_enabled", "product_sync_enabled", "stock_sync_enabled")
_CONNECTORS = {
    IntegrationCategory.SHOP: "shopify",
    IntegrationCategory.SHIPPING: "postnl",
    IntegrationCategory.PAYMENT: "mollie",
}


def contents_of(document: Place) -> Contents:
    """Understand a document; raise :class:`InvalidData`, which names the place, for what it cannot mean."""
    top = document.fields(
        *("version", "clock", "seed", "per_page", "conflict_while_running", "watermarks"),
        *("generated", "sync_times", "paths", "organizations", "syncs"),
    )
    if "version" in top and top["version"].whole() != VERSION:
        raise top["version"].refusal(f"is {top['version'].value}, and this release reads {VERSION}")
    world = _world(document, top)
    organizations: dict[str, Organization] = {}
    plans: dict[PlanKey, list[PlannedRun]] = {}
    for place in _items(top, "organizations"):
        organization = _organization(place, world)
        organization_id = _new_id(place.entries()["id"], organizations)
        organizations[organization_id] = organization
        plans |= _plans(place, organization_id)
    return Contents(
        world=world,
        clock=_or(top.get("clock"), Place.seconds, 0.0),
        paths=_or(top.get("paths"), _paths, {}),
        organizations=organizations,
        plans=plans,
        runs=[_run(place) for place in _items(top, "syncs")],
    )


def _world(document: Place, top: Mapping[str, Place]) -> World:
    counts = _fields(top.get("generated"), "organizations", "integrations")
    given: dict[str, Any] = {"organizations": 0, "integrations": 4}
    given |= {name: place.whole() for name, place in counts.items()}
    given |= {name: top[name].whole() for name in ("seed", "per_page") if name in top}
    if "sync_times" in top:
        times: dict[str, Any] = {name: place.value for name, place in top["sync_times"].fields(*_SYNC_TIMES).items()}
        given["sync_times"] = top["sync_times"].built(lambda: SyncTimes(**times))
    if "conflict_while_running" in top:
        given["conflict_while_running"] = top["conflict_while_running"].switch()
    kinds = [place.choice(SyncKind) for place in _items(top, "watermarks")]
    given["watermarks"] = frozenset(kinds) if "watermarks" in top else DOCUMENTED_WATERMARKS
    return document.built(lambda: World(**given))


def _paths(place: Place) -> dict[str, str]:
    paths = {name: template.text() for name, template in place.entries().items()}
    place.built(lambda: RouteTable(paths))
    return paths


_ORGANIZATION = ("id", "integrations", "shipping_services", "integrations_ever", "services_ever")
_INTEGRATION = (
    *("id", "name", "category", "connector_id", "settings", "created_at", "updated_at", "moves", "planned"),
    *_SWITCHES,
)
_SERVICE = (
    *("id", "integration_id", "name", "carrier_code", "enabled", "type", "label_types"),
    *("created_at", "updated_at", "moves", "born_at"),
)


def _organization(place: Place, world: World) -> Organization:
    given = place.fields(*_ORGANIZATION, needed=["id"])
    integrations: dict[str, Integration] = {}
    number = 0
    for item in _items(given, "integrations"):
        integration = _integration(item, number, world)
        number = integration.number
        integrations[_new_id(item.entries()["id"], integrations)] = integration
    services: dict[str, Service] = {}
    place_of_service = 0
    for item in _items(given, "shipping_services"):
        service, owner = _service(item, place_of_service), item.entries()["integration_id"]
        place_of_service = service.number
        services[_new_id(item.entries()["id"], services)] = service
        if owner.identifier() not in integrations:
            raise owner.refusal("names no integration of this organization")
        integrations[owner.identifier()].services += (service,)
    return Organization(
        integrations,
        max(number, _or(given.get("integrations_ever"), Place.whole, 0)),
        max(place_of_service, _or(given.get("services_ever"), Place.whole, 0)),
    )


def _names(world: World) -> Sequence[str]:
    return (*_INTEGRATION, *(kind.watermark_field for kind in world.watermarks))


def _new_id(place: Place, others: Mapping[str, object]) -> str:
    found = place.identifier()
    if found in others:
        raise place.refusal(f"is {found!r}, as another one before it is")
    return found


def _number(prefix: str, identifier: str, *, after: int) -> int:
    """Return the place in a list: that in an id such as ``int_7`` if it is after the one before, else the next one.

    Links to pages that a client has from before then lead where they did.
    """
    digits = identifier.removeprefix(prefix)
    is_own = len(digits) <= _LONGEST_NUMBER and digits.isdecimal() and identifier == f"{prefix}{int(digits)}"
    return int(digits) if is_own and int(digits) > after else after + 1


_LONGEST_NUMBER = 9


def _integration(place: Place, before: int, world: World) -> Integration:
    given = place.fields(*_names(world), needed=["id"])
    integration_id = given["id"].identifier()
    number = _number("int_", integration_id, after=before)
    category = _or(given.get("category"), lambda place: place.choice(IntegrationCategory), IntegrationCategory.SHOP)
    moves = _fields(given.get("moves"), *(kind.watermark_field for kind in world.watermarks))
    created = instant_of(given.get("created_at"), 0)
    switches: dict[str, Any] = {name: given[name].switch() for name in _SWITCHES if name in given}
    return Integration(
        number=number,
        given_id=integration_id if integration_id != f"int_{number}" else None,
        category=category,
        name=_or(given.get("name"), Place.text, integration_id),
        connector_id=_or(given.get("connector_id"), Place.text, _CONNECTORS[category]),
        created=created,
        updated=instant_of(given.get("updated_at"), created),
        watermarks={
            kind: track_of(given.get(kind.watermark_field), moves.get(kind.watermark_field))
            for kind in SyncKind
            if kind in world.watermarks
        },
        settings=given["settings"].settings() if "settings" in given else {},
        **switches,
    )


def _service(place: Place, before: int) -> Service:
    given = place.fields(*_SERVICE, needed=["id", "integration_id"])
    service_id = given["id"].identifier()
    number = _number("svc_", service_id, after=before)
    created = instant_of(given.get("created_at"), 0)
    updated = given.get("updated_at")
    moves = _fields(given.get("moves"), "updated_at")
    return Service(
        number=number,
        given_id=service_id if service_id != f"svc_{number}" else None,
        name=_or(given.get("name"), Place.text, service_id),
        carrier_code=_or(given.get("carrier_code"), lambda place: place.text(may_be_empty=True), ""),
        enabled=_or(given.get("enabled"), Place.switch, True),
        type=_or(given.get("type"), lambda place: place.choice(ServiceType), ServiceType.DELIVERY),
        label_types=tuple(item.text() for item in _items(given, "label_types")),
        created=created,
        updated=track_of(updated, moves.get("updated_at"), otherwise=created),
        born_at=_or(given.get("born_at"), Place.seconds, 0.0),
    )


def _plans(place: Place, organization_id: str) -> dict[PlanKey, list[PlannedRun]]:
    plans: dict[PlanKey, list[PlannedRun]] = {}
    for item in _items(place.entries(), "integrations"):
        given = item.entries()
        for planned in _items(given, "planned"):
            fields_given = planned.fields("kind", "moves", "takes", "goes_back", needed=["kind"])
            key = (organization_id, given["id"].identifier(), fields_given["kind"].choice(SyncKind))
            plans.setdefault(key, []).append(_planned(planned, fields_given))
    return plans


def _planned(place: Place, given: Mapping[str, Place]) -> PlannedRun:
    pairs = [pair_of(item) for item in _items(given, "moves")]
    steps = tuple((after, None if value is None else text_of(value)) for after, value in pairs)
    ends = _or(given.get("takes"), Place.seconds, max((after for after, _ in steps), default=0.0))
    goes_back = _or(given.get("goes_back"), Place.switch, False)
    return place.built(lambda: PlannedRun(steps, ends, goes_back))


def _run(place: Place) -> SyncRun:
    needed = ["organization_id", "integration_id", "kind", "accepted_at", "ends_at"]
    given = place.fields(*needed, "moves", needed=needed)
    return SyncRun(
        given["organization_id"].identifier(),
        given["integration_id"].identifier(),
        given["kind"].choice(SyncKind),
        given["accepted_at"].seconds(),
        given["ends_at"].seconds(),
        moves_of(given.get("moves")),
        WatermarkFormat.PLAIN,
    )


def _fields(place: Place | None, *known: str) -> Mapping[str, Place]:
    return {} if place is None else place.fields(*known)


def _or(place: Place | None, read: Callable[[Place], T], otherwise: T) -> T:
    return otherwise if place is None else read(place)


def _items(given: Mapping[str, Place], name: str) -> list[Place]:
    return given[name].items() if name in given else []
