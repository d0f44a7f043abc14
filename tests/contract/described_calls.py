"""The operations of the description by id, and the call of the client that each one is."""

from packcloud_async._sansio import endpoints
from packcloud_async.models import SyncKind

from ..sansio.payloads import ROUTES
from .description import operations

ORG, INT = "org_1", "int_1"
OPERATIONS = {operation.id: operation for operation in operations()}

CALLS = {
    "listIntegrations": endpoints.list_integrations(ROUTES, ORG),
    "createIntegration": endpoints.create_integration(ROUTES, ORG, name="N", connector_id="c", settings={"a": 1}),
    "getIntegration": endpoints.get_integration(ROUTES, ORG, INT),
    "updateIntegration": endpoints.update_integration(ROUTES, ORG, INT, {"name": "N", "stock_sync_enabled": True}),
    "deleteIntegration": endpoints.delete_integration(ROUTES, ORG, INT),
    "listIntegrationActions": endpoints.list_actions(ROUTES, ORG, INT),
    "executeIntegrationAction": endpoints.execute_action(ROUTES, ORG, INT, "a b/c", {"since": None}),
    "getIntegrationSettings": endpoints.get_settings(ROUTES, ORG, INT),
    "syncOrders": endpoints.sync(ROUTES, ORG, INT, SyncKind.ORDERS),
    "syncProducts": endpoints.sync(ROUTES, ORG, INT, SyncKind.PRODUCTS),
    "syncStocks": endpoints.sync(ROUTES, ORG, INT, SyncKind.STOCKS),
    "syncShippingServices": endpoints.sync(ROUTES, ORG, INT, SyncKind.SHIPPING_SERVICES),
    "listShippingServices": endpoints.list_shipping_services(
        ROUTES, ORG, integration_id=INT, enabled=True, type="delivery", carrier_code="postnl"
    ),
}
