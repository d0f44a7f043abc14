"""The loop everyone writes: a task for each integration, a GET each second, a semaphore over all.

Runs on the interpreters of generated clients too, and so imports nothing of this library. Instants are of
``time.monotonic()``, which all processes of a machine share.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import aiohttp

EVERY = 1.0
AT_ONCE = 100
DEADLINE = 60.0
TOKEN = "a-token-of-a-usual-length-0123456789abcdef"
FIELDS: Mapping[str, str] = {"orders": "order_sync_updated_at", "products": "product_sync_updated_at"}
"""The watermark of each kind."""

Place: TypeAlias = tuple[str, str]
"""Organization and integration."""
Key: TypeAlias = tuple[str, str, str]
"""Organization, integration and kind."""


class Known:
    """What a client knew in the end: the instant at which it knew each news, and whether it says that a kind moved."""

    def __init__(self) -> None:
        self.news: dict[Key, float] = {}
        self.moved: dict[Key, bool] = {}


async def on_aiohttp(base_url: str, places: Sequence[Place], _: Mapping[str, float]) -> Known:
    """Use aiohttp as one writes it."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def read(place: Place) -> Sequence[Any]:
            async with session.get(_url(base_url, place)) as answer:
                answer.raise_for_status()
                found = (await answer.json())["data"]
                return [found[field] for field in FIELDS.values()]

        async def sync(place: Place, kind: str) -> None:
            async with session.post(f"{_url(base_url, place)}/{kind}/sync") as answer:
                answer.raise_for_status()
                await answer.read()

        return await _all(places, read, sync)


async def on_generated_client(base_url: str, places: Sequence[Place], _: Mapping[str, float]) -> Known:
    """Use the client of openapi-generator, as its README shows."""
    from packcloud_oag import ApiClient, Configuration, IntegrationsApi  # noqa: PLC0415 - only on its interpreter

    async with ApiClient(Configuration(host=base_url, access_token=TOKEN)) as client:
        api = IntegrationsApi(client)
        syncs = {"orders": api.sync_orders_with_http_info, "products": api.sync_products_with_http_info}

        async def read(place: Place) -> Sequence[Any]:
            found = (await api.get_integration(*place)).data
            return [getattr(found, field) for field in FIELDS.values()]

        async def sync(place: Place, kind: str) -> None:
            answer = await syncs[kind](*place)
            assert answer.status_code == 202

        return await _all(places, read, sync)


def _url(base_url: str, place: Place) -> str:
    return f"{base_url}/v1/organizations/{place[0]}/integrations/{place[1]}"


async def _all(
    places: Sequence[Place],
    read: Callable[[Place], Awaitable[Sequence[Any]]],
    sync: Callable[[Place, str], Awaitable[None]],
) -> Known:
    known, limit = Known(), asyncio.Semaphore(AT_ONCE)

    async def one(place: Place) -> None:
        async with limit:
            before = await read(place)
        for kind in FIELDS:
            async with limit:
                await sync(place, kind)
        until, missing = time.monotonic() + DEADLINE, list(FIELDS)
        while missing and time.monotonic() < until:
            await asyncio.sleep(EVERY)
            async with limit:
                found = await read(place)
            for kind, was, shown in zip(FIELDS, before, found, strict=True):
                if kind in missing and shown != was:
                    missing.remove(kind)
                    known.news[*place, kind] = time.monotonic()
        known.moved.update({(*place, kind): kind not in missing for kind in FIELDS})

    async with asyncio.TaskGroup() as tasks:
        for place in places:
            tasks.create_task(one(place))
    return known
