"""The loop everyone writes: a task for each integration, a GET each second, a semaphore over all.

As many organizations are under way at once as this library has: all at once would be more GETs a second than a core
can send, and then nobody's second would be one. Runs on the interpreters of generated clients too, and so imports
nothing of this library. Instants are of ``time.monotonic()``, which all processes of a machine share.
"""

import asyncio
import time
from array import array
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

import aiohttp

EVERY = 1.0
AT_ONCE = 100
ORGANIZATIONS = 200
DEADLINE = 60.0
TOKEN = "a-token-of-a-usual-length-0123456789abcdef"
FIELDS: Mapping[str, str] = {"orders": "order_sync_updated_at", "products": "product_sync_updated_at"}
"""The watermark of each kind."""

Place: TypeAlias = tuple[str, str]
"""Organization and integration."""
Key: TypeAlias = tuple[str, str, str]
"""Organization, integration and kind."""


class Known:
    """What a client knew in the end: the instant at which it knew each news, and whether it says that a kind moved.

    ``told`` is the instant at which a news was in the hands of the code that asked for it: here the same one.
    ``seconds`` is how long each second was that it meant to wait before a GET, and in fact waited.
    """

    def __init__(self) -> None:
        self.news: dict[Key, float] = {}
        self.told: dict[Key, float] = {}
        self.moved: dict[Key, bool] = {}
        self.seconds = array("f")


async def on_aiohttp(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:
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

        return await _all(places, read, sync, numbers)


async def on_generated_client(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:
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

        return await _all(places, read, sync, numbers)


def _url(base_url: str, place: Place) -> str:
    return f"{base_url}/v1/organizations/{place[0]}/integrations/{place[1]}"


async def _all(
    places: Sequence[Place],
    read: Callable[[Place], Awaitable[Sequence[Any]]],
    sync: Callable[[Place, str], Awaitable[None]],
    numbers: Mapping[str, Any],
) -> Known:
    known, limit = Known(), asyncio.Semaphore(AT_ONCE)

    async def one(place: Place) -> None:
        async with limit:
            before = await read(place)
        for kind in FIELDS:
            async with limit:
                await sync(place, kind)
        until, missing = time.monotonic() + DEADLINE, list(FIELDS)
        while missing and (answered := time.monotonic()) < until:
            await asyncio.sleep(EVERY)
            async with limit:
                known.seconds.append(time.monotonic() - answered)
                found = await read(place)
            for kind, was, shown in zip(FIELDS, before, found, strict=True):
                if kind in missing and shown != was:
                    missing.remove(kind)
                    known.news[*place, kind] = known.told[*place, kind] = time.monotonic()
        known.moved.update({(*place, kind): kind not in missing for kind in FIELDS})

    async def one_after_the_other(organizations: Iterator[Sequence[Place]]) -> None:
        for organization in organizations:
            async with asyncio.TaskGroup() as tasks:
                for place in organization:
                    tasks.create_task(one(place))

    organizations = iter([list(some) for _, some in groupby(places, lambda place: place[0])])
    async with asyncio.TaskGroup() as tasks:
        for _ in range(int(numbers.get("organizations", ORGANIZATIONS))):
            tasks.create_task(one_after_the_other(organizations))
    return known
