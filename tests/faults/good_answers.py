"""What the server says where nothing is wrong, and what a value says of it."""

from collections.abc import Mapping
from typing import Any

import attrs

STRAY = "stray"
"""What an answer holds that nobody asked for."""
BEFORE, AFTER = "2026-01-01T10:00:00Z", "2026-01-02T10:00:00Z"


def integration(name: str = "Shop", *, mark: str = BEFORE) -> dict[str, Any]:
    return {
        "id": "int_1",
        "name": name,
        "category": "shop",
        "order_sync_enabled": True,
        "order_sync_updated_at": mark,
        "product_sync_enabled": True,
        "product_sync_updated_at": None,
        "stock_sync_enabled": False,
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": "2025-01-01T00:00:00Z",
    }


def service(name: str = "Parcel", *, mark: str = BEFORE) -> dict[str, Any]:
    return {
        "id": "srv_1",
        "integration_id": "int_1",
        "name": name,
        "default_label_type": None,
        "enabled": True,
        "type": "delivery",
        "created_at": "2025-01-01T00:00:00Z",
        "updated_at": mark,
    }


def good_answer(method: str, target: str, *, synced: bool, list_goes_on: bool) -> tuple[int, dict[str, Any] | None]:
    """Return status and document of a good answer; after a sync everything that moves has moved."""
    path, _, query = target.partition("?")
    mark = AFTER if synced else BEFORE
    if path.endswith("/sync"):
        return 202, {"data": {"message": "Started."}}
    if method == "DELETE":
        return 204, None
    if path.endswith("/shipping-services"):
        return 200, {"data": [service(mark=mark)]}
    if path.endswith("/integrations") and method == "GET":
        more = {"links": {"next": f"{path}?page=2"}} if list_goes_on and not query else {}
        return 200, {"data": [integration("Depot" if query else "Shop", mark=mark)], **more}
    return (201 if method == "POST" else 200), {"data": integration(mark=mark)}


def told(model: Any) -> dict[str, Any]:
    """Return all a model says, field by field, as the document it was read from has them."""
    known = {one.name for one in attrs.fields(type(model))} - {"extra", "absent"}
    return {name: getattr(model, name) for name in known} | dict(model.extra)


def document(extra: Mapping[str, Any], name: str = "Shop") -> dict[str, Any]:
    """Return what must be told of the integration, with what a fault planted there."""
    return integration(name) | extra
