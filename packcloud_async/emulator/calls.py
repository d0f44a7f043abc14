"""What each call of the API does to the emulated organizations."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar, cast

from attrs import field, frozen

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.emulator.books import Books, Counters, SyncRun
from packcloud_async.emulator.draws import Draws
from packcloud_async.emulator.forms import CREATE, UPDATE, Rule, complaints, read_form
from packcloud_async.emulator.paging import Cursors, Numbered
from packcloud_async.emulator.population import Organizations
from packcloud_async.emulator.routes import Match
from packcloud_async.emulator.shops import Integration, Organization, Service, View, World
from packcloud_async.emulator.sync_runs import PlannedRun, move_tracks
from packcloud_async.models import IntegrationCategory, ServiceType, SyncKind

T = TypeVar("T", bound=Numbered)


@frozen(kw_only=True)
class Call:
    """A request on a known route; ``per_page`` None asks for a whole list at once."""

    match: Match
    path: str
    query: Mapping[str, str]
    body: bytes | None = field(repr=False)
    view: View
    per_page: int | None


@frozen(kw_only=True)
class Paging:
    """The cursors of a page, None at the ends, and the size of a page."""

    next: str | None
    prev: str | None
    per_page: int


@frozen
class Answer:
    """A status and what the body carries, None for no body; ``paging`` is None when it is not a page."""

    status: int
    value: JsonValue | None = field(default=None, repr=False)
    paging: Paging | None = None


class Refusal(Exception):
    """The call is refused; ``errors`` are the complaints by field of a 422, None for none."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, JsonValue] = {"message": message}
        if errors is not None:
            self.body["errors"] = errors


class Calls:
    """The calls, over all organizations."""

    def __init__(self, world: World, *, books: Books, counters: Counters) -> None:
        self.organizations = Organizations(world)
        self._world = world
        self._draws = Draws(world.seed)
        self._books = books
        self._counters = counters
        self._planned: dict[tuple[str, str, SyncKind], deque[PlannedRun]] = {}

    def plan_sync(self, organization_id: str, integration_id: str, kind: SyncKind, planned: PlannedRun) -> None:
        """Fix what the next sync nobody planned yet will do."""
        self._planned.setdefault((organization_id, integration_id, kind), deque()).append(planned)

    @property
    def plans(self) -> Mapping[tuple[str, str, SyncKind], Sequence[PlannedRun]]:
        """The syncs to come that are fixed already."""
        return {key: tuple(planned) for key, planned in self._planned.items() if planned}

    def remove(self, organization_id: str, integration_id: str, *, now: float) -> None:
        """Let an integration and its shipping services be gone; do nothing if it is."""
        organization = self.organizations.find(organization_id)
        if organization is not None and organization.integrations.pop(integration_id, None) is not None:
            self._books.removed[organization_id, integration_id] = now

    def list_integrations(self, call: Call) -> Answer:
        """GET, paged."""
        integrations = list(self._organization(call).integrations.values())
        return self._page(call, integrations, lambda integration: integration.as_json(call.view))

    def create_integration(self, call: Call) -> Answer:
        """POST; the answer has neither the connector nor the settings (4563bfbf8cb5c53f4846256adf82de0d)."""
        organization = self._organization(call)
        form: dict[str, Any] = _valid_form(call, CREATE)
        integration = self.organizations.create(
            organization,
            name=form["name"],
            connector_id=form["connector_id"],
            settings=form.get("settings", {}),
            second=int(call.view.now),
        )
        return Answer(201, integration.as_json(call.view))

    def get_integration(self, call: Call) -> Answer:
        """GET."""
        return Answer(200, self._integration(call).as_json(call.view))

    def update_integration(self, call: Call) -> Answer:
        """PUT; fields that are not sent stay."""
        integration = self._integration(call)
        form = _valid_form(call, UPDATE)
        for name in UPDATE.keys() & form.keys():
            setattr(integration, name, form[name])
        integration.updated = int(call.view.now)
        return Answer(200, integration.as_json(call.view))

    def delete_integration(self, call: Call) -> Answer:
        """DELETE; its shipping services go with it."""
        integration = self._integration(call)
        self.remove(call.match.ids["organizationId"], integration.id, now=call.view.now)
        return Answer(204)

    def list_actions(self, call: Call) -> Answer:
        """GET, not paged."""
        return Answer(200, list(_ACTIONS[self._integration(call).category]))

    def execute_action(self, call: Call) -> Answer:
        """POST; it does nothing but answer."""
        code = call.match.ids["action"]
        if all(action["code"] != code for action in _ACTIONS[self._integration(call).category]):
            raise Refusal(404, "Action not found.")
        _valid_form(call, {})
        return Answer(200, {"code": code})

    def get_settings(self, call: Call) -> Answer:
        """GET, secrets included."""
        integration = self._integration(call)
        return Answer(200, self.organizations.settings(call.match.ids["organizationId"], integration))

    def sync(self, call: Call) -> Answer:
        """POST on one of the four sync routes."""
        organization, integration = self._organization(call), self._integration(call)
        kind = SyncKind(call.match.route.removeprefix("sync_"))
        key = (call.match.ids["organizationId"], integration.id, kind)
        now, earlier = call.view.now, self._books.of(*key)
        if self._world.conflict_while_running and any(run.ends_at > now for run in earlier):
            raise Refusal(409, f"A sync of {kind.value} is already running for this integration.")
        planned = self._next_plan(key, len(earlier))
        if kind is SyncKind.SHIPPING_SERVICES and planned.steps:
            self._find_service(organization, integration, born_at=now + planned.takes, earlier=len(earlier))
        moves = move_tracks(integration.tracks_of(kind), planned, now)
        self._books.enter(SyncRun(*key, now, now + planned.takes, moves, call.view.style))
        self._counters.duplicate_posts += bool(earlier)
        return Answer(202)

    def list_shipping_services(self, call: Call) -> Answer:
        """GET, paged and filtered (1b3ab34db413955c32bbfa109803bd46)."""
        filters = _filters(call.query)
        owned = [
            (service, integration.id)
            for integration in self._organization(call).integrations.values()
            for service in integration.services
            if service.born_at <= call.view.now
            and all(_TRAITS[name](service, integration.id) in wanted for name, wanted in filters.items())
        ]
        owners = {service.number: owner for service, owner in owned}
        services = sorted((service for service, _ in owned), key=lambda service: service.number)
        return self._page(call, services, lambda service: service.as_json(owners[service.number], call.view))

    def _organization(self, call: Call) -> Organization:
        organization = self.organizations.find(call.match.ids["organizationId"])
        if organization is None:
            raise Refusal(404, "Organization not found.")
        return organization

    def _integration(self, call: Call) -> Integration:
        integration = self._organization(call).integrations.get(call.match.ids["integrationId"])
        if integration is None:
            raise Refusal(404, "Integration not found.")
        return integration

    def _page(self, call: Call, items: Sequence[T], written: Callable[[T], JsonValue]) -> Answer:
        if call.per_page is None:
            return Answer(200, [written(item) for item in items])
        cursors = Cursors(self._draws, call.path)
        cut = cursors.cut(items, cursor=call.query.get("cursor"), per_page=call.per_page)
        if cut is None:
            raise Refusal(400, "The cursor is not valid.")
        paging = Paging(next=cut.next, prev=cut.prev, per_page=call.per_page)
        return Answer(200, [written(item) for item in cut.items], paging)

    def _next_plan(self, key: tuple[str, str, SyncKind], earlier: int) -> PlannedRun:
        planned = self._planned.get(key)
        return planned.popleft() if planned else self._world.sync_times.draw(self._draws, *key, earlier)

    def _find_service(
        self, organization: Organization, integration: Integration, *, born_at: float, earlier: int
    ) -> None:
        """Let a carrier offer one more service with its first sync, and with every fourth after that."""
        if integration.category is IntegrationCategory.SHIPPING and earlier % 4 == 0:
            found = self.organizations.service(
                organization, integration, ServiceType.DELIVERY, second=int(born_at), born_at=born_at
            )
            integration.services += (found,)


Handler: TypeAlias = Callable[[Calls, Call], Answer]

HANDLERS: Final[Mapping[str, Mapping[str, Handler]]] = {
    "integrations": {"GET": Calls.list_integrations, "POST": Calls.create_integration},
    "integration": {
        "GET": Calls.get_integration,
        "PUT": Calls.update_integration,
        "DELETE": Calls.delete_integration,
    },
    "actions": {"GET": Calls.list_actions},
    "execute_action": {"POST": Calls.execute_action},
    "settings": {"GET": Calls.get_settings},
    "sync_orders": {"POST": Calls.sync},
    "sync_products": {"POST": Calls.sync},
    "sync_stocks": {"POST": Calls.sync},
    "sync_shipping_services": {"POST": Calls.sync},
    "shipping_services": {"GET": Calls.list_shipping_services},
}
"""Route name -> method -> what it does."""


def _valid_form(call: Call, rules: Mapping[str, Rule]) -> dict[str, JsonValue]:
    form = read_form(call.body)
    errors = complaints(form or {}, rules)
    if errors:
        first, *others = [complaint for listed in errors.values() for complaint in listed]
        more = f" (and {len(others)} more error{'s' if len(others) > 1 else ''})" if others else ""
        raise Refusal(422, first + more, errors=errors)
    if form is None:
        raise Refusal(400, "The body is not a JSON object.")
    return form


_TRAITS: Mapping[str, Callable[[Service, str], str]] = {
    "integration_id": lambda _, owner: owner,
    "enabled": lambda service, _: "1" if service.enabled else "0",
    "type": lambda service, _: service.type.value,
    "carrier_code": lambda service, _: service.carrier_code,
}
_SWITCH = {"true": "1", "false": "0"}


def _filters(query: Mapping[str, str]) -> dict[str, set[str]]:
    """Read ``filter[name]=one,other``; a filter the API does not have is refused."""
    filters: dict[str, set[str]] = {}
    for parameter, text in query.items():
        name = parameter.removeprefix("filter[").removesuffix("]")
        if parameter != f"filter[{name}]":
            continue
        if name not in _TRAITS:
            raise Refusal(400, f"Requested filter(s) `{name}` are not allowed.")
        filters[name] = {_SWITCH.get(value, value) for value in text.split(",")}
    return filters


def _action(code: str, name: str, *fields: JsonValue) -> dict[str, JsonValue]:
    return {"code": code, "name": name, "fields": list(fields)}


_SINCE: JsonValue = {
    "key": "since",
    "title": "Since",
    "data_type": "date",
    "type": "text",
    "default": None,
    "options": cast("list[JsonValue]", []),
}
_ACTIONS: Mapping[IntegrationCategory, Sequence[Mapping[str, JsonValue]]] = {
    IntegrationCategory.SHOP: (
        _action("reimport_orders", "Import orders again", _SINCE),
        _action("test_connection", "Test the connection"),
    ),
    IntegrationCategory.SHIPPING: (_action("test_connection", "Test the connection"),),
    IntegrationCategory.PAYMENT: (_action("test_connection", "Test the connection"),),
}
