"""What the API sends, as plain JSON, and answers that carry it."""

import json
from datetime import UTC, datetime

from hypothesis import strategies as st

from packcloud_async._sansio import answers, endpoints
from packcloud_async._sansio.wire import Response
from packcloud_async.models import SyncKind
from packcloud_async.policies import Routes

ROUTES = Routes()
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CREDENTIAL = {"Authorization": "Bearer t0ken-of-a-shop"}


def integration(**changes):
    return {
        "id": "int_1",
        "category": "shop",
        "name": "My Online Store Shopify",
        "order_sync_enabled": True,
        "order_sync_updated_at": "2026-01-01T10:00:00Z",
        "product_sync_enabled": True,
        "product_sync_updated_at": None,
        "stock_sync_enabled": False,
        "created_at": "2025-03-01T09:00:00Z",
        "updated_at": "2025-12-24T16:30:00Z",
    } | changes


def shipping_service(**changes):
    return {
        "id": "svc_1",
        "integration_id": "int_3",
        "name": "PostNL Thuislevering",
        "default_label_type": "pdf",
        "enabled": True,
        "label_types": ["pdf", "zpl_200"],
        "type": "delivery",
        "created_at": "2025-03-01T09:05:00Z",
        "updated_at": "2025-12-30T08:00:00Z",
    } | changes


def action(**changes):
    return {"code": "test_connection", "name": "Test the connection", "fields": [{"key": "since"}]} | changes


def without(payload, *names):
    return {name: value for name, value in payload.items() if name not in names}


def answer(body, status=200, **headers):
    return Response(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


def read(call, response, credential=CREDENTIAL):
    return answers.read_answer(call, response, now=NOW, credential=credential)


CALLS = {
    "list": endpoints.list_integrations(ROUTES, "org_1"),
    "create": endpoints.create_integration(ROUTES, "org_1", name="Shop", connector_id="shopify", settings={"a": "b"}),
    "get": endpoints.get_integration(ROUTES, "org_1", "int_1"),
    "update": endpoints.update_integration(ROUTES, "org_1", "int_1", {"name": "Shop"}),
    "delete": endpoints.delete_integration(ROUTES, "org_1", "int_1"),
    "actions": endpoints.list_actions(ROUTES, "org_1", "int_1"),
    "execute_action": endpoints.execute_action(ROUTES, "org_1", "int_1", "test_connection", {}),
    "settings": endpoints.get_settings(ROUTES, "org_1", "int_1"),
    **{f"sync_{kind.value}": endpoints.sync(ROUTES, "org_1", "int_1", kind) for kind in SyncKind},
    "shipping_services": endpoints.list_shipping_services(
        ROUTES, "org_1", integration_id=None, enabled=None, type=None, carrier_code=None
    ),
    "any_request": endpoints.any_request("POST", "/v1/else", None, {"a": "b"}),
}

# No surrogates: they are no JSON text.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=12
)
