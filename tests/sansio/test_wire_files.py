"""The client's side of the golden files in ``tests/wire``: each call sends that request and reads that answer."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import attrs
import pytest

from packcloud_async._sansio import endpoints
from packcloud_async._sansio.codec import encode
from packcloud_async._sansio.wire import Response
from packcloud_async.errors import (
    ApiError,
    BadRequest,
    Conflict,
    NotFound,
    RateLimited,
    ServerError,
    Unauthorized,
    ValidationFailed,
)
from packcloud_async.models import (
    UNSET,
    Integration,
    IntegrationAction,
    IntegrationSettings,
    Page,
    ServiceType,
    ShippingService,
    SyncAccepted,
    SyncKind,
)
from packcloud_async.policies import Routes

from .payloads import CREDENTIAL, ROUTES, read

BASE_URL = "https://api.pack.cloud"
WIRE = Path(__file__).parents[1] / "wire"
FILES = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(WIRE.glob("*.json"))}
ORG, INT = "org_1", "int_1"

LIST = endpoints.list_integrations(ROUTES, ORG)
GET = endpoints.get_integration(ROUTES, ORG, INT)
SYNC_ORDERS = endpoints.sync(ROUTES, ORG, INT, SyncKind.ORDERS)
NO_FILTERS = {"integration_id": None, "enabled": None, "type": None, "carrier_code": None}
SHOPIFY = {"name": "My Online Store Shopify", "connector_id": "shopify", "settings": {"url": "https://example.com"}}
FILTERS = NO_FILTERS | {"integration_id": "int_3", "enabled": True, "type": ServiceType.DELIVERY}

ANSWERED = {
    "integrations-list": LIST,
    "integrations-list-bare": LIST,
    "integrations-list-first-page": LIST,
    "integrations-list-relative-next": LIST,
    "integrations-list-root-paging": LIST,
    "integration-create": endpoints.create_integration(ROUTES, ORG, **SHOPIFY),
    "integration-get": GET,
    "integration-get-bare": GET,
    "integration-update": endpoints.update_integration(ROUTES, ORG, INT, {"name": "Renamed Shopify"}),
    "integration-delete": endpoints.delete_integration(ROUTES, ORG, INT),
    "integration-actions": endpoints.list_actions(ROUTES, ORG, INT),
    "integration-execute-action": endpoints.execute_action(ROUTES, ORG, INT, "test_connection", {}),
    "integration-settings": endpoints.get_settings(ROUTES, ORG, INT),
    "sync-orders": SYNC_ORDERS,
    "sync-products": endpoints.sync(ROUTES, ORG, INT, SyncKind.PRODUCTS),
    "sync-stocks": endpoints.sync(ROUTES, ORG, INT, SyncKind.STOCKS),
    "sync-shipping-services": endpoints.sync(ROUTES, ORG, INT, SyncKind.SHIPPING_SERVICES),
    "shipping-services-list": endpoints.list_shipping_services(ROUTES, ORG, **NO_FILTERS),
    "shipping-services-list-filtered": endpoints.list_shipping_services(ROUTES, ORG, **FILTERS),
}
REFUSED = {
    "error-400-body": (endpoints.any_request("PUT", GET.target, None, ["not an object"]), BadRequest),
    "error-401": (LIST, Unauthorized),
    "error-404-integration": (endpoints.get_integration(ROUTES, ORG, "int_999"), NotFound),
    "error-404-route": (
        endpoints.any_request("GET", "/v1/organizations/org_1/integrations/int_1/nothing-here", None, UNSET),
        NotFound,
    ),
    "error-405": (endpoints.any_request("GET", SYNC_ORDERS.target, None, UNSET), ApiError),
    "error-409": (SYNC_ORDERS, Conflict),
    "error-422-create": (
        endpoints.create_integration(ROUTES, ORG, name=UNSET, connector_id=UNSET, settings={}),
        ValidationFailed,
    ),
    "error-422-update": (
        endpoints.update_integration(ROUTES, ORG, INT, {"order_sync_enabled": "yes"}),
        ValidationFailed,
    ),
    "error-429": (LIST, RateLimited),
    "error-503": (LIST, ServerError),
}
CALL_OF = ANSWERED | {name: call for name, (call, _) in REFUSED.items()}


def golden(name):
    response = FILES[name]["response"]
    body = b"" if response["body"] is None else json.dumps(response["body"]).encode()
    return Response(response["status"], response["headers"], body)


def carried(name):
    body = FILES[name]["response"]["body"]
    return body["data"] if isinstance(body, dict) and "data" in body else body


def test_every_file_has_its_call():
    assert set(FILES) == set(CALL_OF)


def test_every_call_of_the_document_has_a_file():
    routes = {call.route for call in ANSWERED.values()}
    assert routes == {route.name for route in attrs.fields(Routes)}


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_call_sends_the_request_of_the_file(name):
    wanted = FILES[name]["request"]
    sent = endpoints.build_request(CALL_OF[name], BASE_URL, CREDENTIAL, "test")
    url = urlsplit(sent.url)
    assert f"{url.scheme}://{url.netloc}" == BASE_URL
    assert (sent.method, url.path) == (wanted["method"], wanted["path"])
    assert parse_qsl(url.query, keep_blank_values=True) == list(wanted["query"].items())
    assert (None if sent.body is None else json.loads(sent.body)) == wanted["body"]
    assert ("Content-Type" in sent.headers) is (wanted["body"] is not None)


@pytest.mark.parametrize("name", sorted(name for name in ANSWERED if name.startswith("integrations-list")))
def test_a_list_of_integrations_is_read(decoder, name):
    page = read(CALL_OF[name], golden(name))
    assert type(page) is Page
    assert [encode(item) for item in page.items] == carried(name)
    assert all(type(item) is Integration and not item.extra and not item.absent for item in page.items)


@pytest.mark.parametrize(
    ("name", "next_link", "per_page"),
    [
        ("integrations-list", None, 25),
        ("integrations-list-bare", None, None),
        (
            "integrations-list-first-page",
            "https://api.pack.cloud/v1/organizations/org_1/integrations?cursor=YWZ0ZXI6Mjo3ZDE5",
            2,
        ),
        ("integrations-list-relative-next", "/v1/organizations/org_1/integrations?cursor=YWZ0ZXI6Mjo3ZDE5", 2),
        (
            "integrations-list-root-paging",
            "https://api.pack.cloud/v1/organizations/org_1/integrations?cursor=YWZ0ZXI6Mjo3ZDE5",
            2,
        ),
        ("shipping-services-list", None, 25),
    ],
)
def test_the_paging_of_a_list_is_read(name, next_link, per_page):
    page = read(CALL_OF[name], golden(name))
    assert (page.next, page.prev, page.per_page) == (next_link, None, per_page)


@pytest.mark.parametrize(
    "name", ["integration-create", "integration-get", "integration-get-bare", "integration-update"]
)
def test_an_integration_is_read(decoder, name):
    shop = read(CALL_OF[name], golden(name))
    assert type(shop) is Integration
    assert (encode(shop), shop.extra, shop.absent) == (carried(name), {}, frozenset())


@pytest.mark.parametrize("name", ["shipping-services-list", "shipping-services-list-filtered"])
def test_shipping_services_are_read(decoder, name):
    page = read(CALL_OF[name], golden(name))
    assert [encode(item) for item in page.items] == carried(name)
    assert all(type(item) is ShippingService and not item.extra and not item.absent for item in page.items)
    assert all(type(item.type) is ServiceType for item in page.items)


def test_actions_are_read(decoder):
    actions = read(CALL_OF["integration-actions"], golden("integration-actions"))
    assert [encode(item) for item in actions] == carried("integration-actions")
    assert all(type(item) is IntegrationAction and not item.extra for item in actions)
    assert [item.key for item in actions] == ["reimport_orders", "test_connection"]


def test_settings_are_read(decoder):
    settings = read(CALL_OF["integration-settings"], golden("integration-settings"))
    assert type(settings) is IntegrationSettings
    assert dict(settings) == carried("integration-settings")


def test_an_executed_action_is_read():
    assert read(CALL_OF["integration-execute-action"], golden("integration-execute-action")) == {
        "code": "test_connection"
    }


def test_a_delete_is_read():
    assert read(CALL_OF["integration-delete"], golden("integration-delete")) is None


@pytest.mark.parametrize("kind", SyncKind)
def test_an_accepted_sync_is_read(kind):
    name = f"sync-{kind.value.replace('_', '-')}"
    assert read(CALL_OF[name], golden(name)) == SyncAccepted(kind, 202)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refusal_is_raised(decoder, name):
    call, kind = REFUSED[name]
    request, response = FILES[name]["request"], FILES[name]["response"]
    with pytest.raises(ApiError) as caught:
        read(call, golden(name))
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.method, error.path) == (response["status"], request["method"], request["path"])
    assert error.excerpt.startswith(response["body"]["message"])
    assert error.request_id is None


@pytest.mark.parametrize("name", sorted(name for name in REFUSED if "422" in name))
def test_refused_values_are_named(decoder, name):
    with pytest.raises(ValidationFailed) as caught:
        read(CALL_OF[name], golden(name))
    told = FILES[name]["response"]["body"]["errors"]
    assert caught.value.field_errors == {field: tuple(complaints) for field, complaints in told.items()}


def test_a_limited_rate_says_when_to_come_back():
    with pytest.raises(RateLimited) as caught:
        read(CALL_OF["error-429"], golden("error-429"))
    assert caught.value.retry_after == 1.0
