"""Requests and nothing else, on aiohttp as one writes it and by this library's calls: what it costs to send them.

This library's own calls send the same requests for less than aiohttp as one writes it, so that the lower of the two is
the nearer floor.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import cycle, groupby, islice
from typing import Any, TypeVar

import aiohttp

from benchmarks.whole.loop import AT_ONCE, FIELDS, TOKEN, Known, Place

T = TypeVar("T")


async def on_aiohttp(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:
    """Send every POST, and before and after them ``reads`` GETs of pages in all, by default each page twice.

    Nothing is decoded, nobody waits for anything but a connection, and so nothing is known in the end.
    """
    pages = list(_pages(base_url, places, int(numbers["per_page"])))
    syncs = (f"{base_url}/v1/organizations/{one}/integrations/{other}" for one, other in places)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    after = int(numbers.get("reads", 2 * len(pages))) - len(pages)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get(url: str) -> None:
            async with session.get(url) as answer:
                answer.raise_for_status()
                await answer.read()

        async def post(url: str) -> None:
            async with session.post(url) as answer:
                answer.raise_for_status()
                await answer.read()

        await _send_all(iter(pages), get)
        await _send_all((f"{url}/{kind}/sync" for url in syncs for kind in FIELDS), post)
        await _send_all(islice(cycle(pages), after), get)
    return Known()


async def by_own_calls(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:  # noqa: ARG001 - a way
    """Send every POST, with a listing of each organization before and after, by this library's typed calls.

    Everything is decoded and checked as always, nobody waits for a news.
    """
    # On the interpreters of generated clients this library need not be there.
    from packcloud_async import PackCloudClient  # noqa: PLC0415

    organizations = list(dict.fromkeys(organization for organization, _ in places))
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:

        async def listing(organization_id: str) -> None:
            async for _ in client.organization(organization_id).integrations.list():
                pass

        async def sync(one: tuple[Place, str]) -> None:
            (organization_id, integration_id), kind = one
            calls = client.organization(organization_id).integrations
            await (calls.sync_orders if kind == "orders" else calls.sync_products)(integration_id)

        await _send_all(iter(organizations), listing)
        await _send_all(((place, kind) for place in places for kind in FIELDS), sync)
        await _send_all(iter(organizations), listing)
    return Known()


async def _send_all(every: Iterator[T], send: Callable[[T], Awaitable[None]]) -> None:
    async def one_after_the_other() -> None:
        for one in every:
            await send(one)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(one_after_the_other())


def _pages(base_url: str, places: Sequence[Place], per_page: int) -> Iterator[str]:
    for organization, some in groupby(places, lambda place: place[0]):
        for first in range(0, len(list(some)), per_page):
            cursor = f"?cursor={first}" if first else ""
            yield f"{base_url}/v1/organizations/{organization}/integrations{cursor}"
