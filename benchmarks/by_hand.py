"""A client on httpx with pydantic models, as one writes it by hand; a contestant as those in ``clients.py``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
from pydantic import BaseModel, ConfigDict

from benchmarks.measuring.answers import INTEGRATION, TOKEN, organization_of
from benchmarks.measuring.worker import Ask


class Integration(BaseModel):
    """What the document lists; what it does not is kept."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    category: str
    order_sync_enabled: bool
    order_sync_updated_at: datetime | None = None
    product_sync_enabled: bool
    product_sync_updated_at: datetime | None = None
    stock_sync_enabled: bool
    created_at: datetime
    updated_at: datetime


class One(BaseModel):
    """An integration in its wrapper."""

    data: Integration


class Links(BaseModel):
    """Where a list goes on."""

    next: str | None = None
    prev: str | None = None


class Page(BaseModel):
    """A page of integrations."""

    data: list[Integration]
    links: Links


@asynccontextmanager
async def httpx_and_pydantic(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """One client kept open; with many in flight its pool takes longer than the usual five seconds."""
    here = f"/v1/organizations/{organization_of(shape)}/integrations"
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=60) as client:

        async def one() -> Integration:
            answer = (await client.get(f"{here}/{INTEGRATION}")).raise_for_status()
            return One.model_validate_json(answer.content).data

        async def page() -> Page:
            answer = (await client.get(here)).raise_for_status()
            return Page.model_validate_json(answer.content)

        async def sync() -> int:
            return (await client.post(f"{here}/{INTEGRATION}/orders/sync")).raise_for_status().status_code

        yield {"one": one, "page": page, "poll": page, "sync": sync}[shape.partition("_")[0]]
