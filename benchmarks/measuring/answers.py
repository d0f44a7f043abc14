"""What the server of the benchmarks answers, made beforehand, and where it is asked for.

A shape is what a contestant asks for: ``one`` integration, a page of 25 or 100 (``page_25``, ``page_100``), the read a
watch makes of such a page (``poll_25``, ``poll_100``), the POST of a ``sync``.
"""

import json
from collections.abc import Mapping
from typing import Any

ORGANIZATION = "org_1"
PAGE_SIZES = (25, 100)
PLACE = "/v1/organizations/{organization}/integrations"
INTEGRATION = "0190b5b4-7f4c-7d70-a9a5-000000000001"
TOKEN = "a-token-of-a-usual-length-0123456789abcdef"


def size_of(shape: str) -> int:
    """Return how many integrations the answer has, 0 for that of a sync."""
    return {"one": 1, "sync": 0}.get(shape) or int(shape.partition("_")[2] or 0)


def organization_of(shape: str) -> str:
    """Return the organization whose list has the page, for other shapes any."""
    return f"page_{size_of(shape)}" if "_" in shape else ORGANIZATION


def path(shape: str) -> str:
    """Return what is asked for."""
    place = PLACE.format(organization=organization_of(shape))
    if shape == "one":
        return f"{place}/{INTEGRATION}"
    return f"{place}/{INTEGRATION}/orders/sync" if shape == "sync" else place


def bodies() -> Mapping[str, bytes]:
    """Return the body of the answer to each shape that is read."""
    pages = {f"page_{size}": page(size) for size in PAGE_SIZES}
    return {name: json.dumps(body).encode() for name, body in {"one": {"data": integration(1)}, **pages}.items()}


def integration(number: int) -> dict[str, Any]:
    """Return one integration as the document prints it, half a kilobyte with two fields no model knows."""
    return {
        "id": f"0190b5b4-7f4c-7d70-a9a5-{number:012d}",
        "name": f"Web shop number {number} of a merchant",
        "category": "shop",
        "order_sync_enabled": True,
        "order_sync_updated_at": "2026-03-01T09:30:00.000000Z",
        "product_sync_enabled": True,
        "product_sync_updated_at": "2026-03-01T09:31:00.000000Z",
        "stock_sync_enabled": number % 2 == 0,
        "created_at": "2025-01-01T00:00:00.000000Z",
        "updated_at": "2026-03-01T09:31:00.000000Z",
        "connector": {"id": f"con_{number}", "name": "Shopify"},
        "status": "connected",
    }


def page(size: int) -> dict[str, Any]:
    """Return a page of integrations that is the last one."""
    return {
        "data": [integration(number) for number in range(size)],
        "links": {"prev": None, "next": None},
        "meta": {"per_page": size},
    }
