"""A client on a misbehaving server, and answers it understands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from packcloud_async import Integrations, PackCloudClient, RetryPolicy

from ..support.misbehaving_server import MisbehavingServer, Play, misbehaving

TOKEN = "s3cret-t0ken"
ONCE = RetryPolicy(attempts=1)
AT_ONCE = RetryPolicy(attempts=3, first=0)
"""Tries again without waiting: what a socket test waits for costs real time."""

INTEGRATION = {
    "id": "int_1",
    "name": "Shop",
    "category": "shop",
    "order_sync_enabled": True,
    "order_sync_updated_at": "2026-01-01T10:00:00Z",
    "product_sync_enabled": True,
    "product_sync_updated_at": None,
    "stock_sync_enabled": False,
    "created_at": "2025-01-01T00:00:00Z",
    "updated_at": "2025-01-01T00:00:00Z",
}


def connect(server: MisbehavingServer, **options: Any) -> PackCloudClient:
    """A client that tries once unless told otherwise."""
    return PackCloudClient(**{"token": TOKEN, "base_url": server.base_url, "retry": ONCE, **options})


@asynccontextmanager
async def talking(*plays: Play, **options: Any) -> AsyncIterator[tuple[MisbehavingServer, PackCloudClient]]:
    """A server with these plays and a client on it."""
    async with misbehaving(*plays) as server, connect(server, **options) as client:
        yield server, client


def integrations(client: PackCloudClient) -> Integrations:
    return client.organization("org_1").integrations
