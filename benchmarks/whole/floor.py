"""Requests and nothing else, on aiohttp as one writes it: what the requests of a way cost whoever sends them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, groupby, islice
from typing import Any

import aiohttp

from benchmarks.whole.loop import AT_ONCE, FIELDS, TOKEN, Known, Place


async def on_aiohttp(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:
    """Send every POST, and before and after them ``reads`` GETs of pages in all, by default each page twice.

    Nothing is decoded, nobody waits for anything but a connection, and so nothing is known in the end.
    """
    pages = list(_pages(base_url, places, int(numbers["per_page"])))
    syncs = (f"{base_url}/v1/organizations/{one}/integrations/{other}" for one, other in places)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get(url: str) -> None:
            async with session.get(url) as answer:
                answer.raise_for_status()
                await answer.read()

        async def post(url: str) -> None:
            async with session.post(url) as answer:
                answer.raise_for_status()
                await answer.read()

        async def send_all(urls: Iterator[str], send: Any) -> None:
            async def one_after_the_other() -> None:
                for url in urls:
                    await send(url)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(one_after_the_other())

        await send_all(iter(pages), get)
        await send_all((f"{url}/{kind}/sync" for url in syncs for kind in FIELDS), post)
        after = int(numbers.get("reads", 2 * len(pages))) - len(pages)
        await send_all(islice(cycle(pages), after), get)
    return Known()


def _pages(base_url: str, places: Sequence[Place], per_page: int) -> Iterator[str]:
    for organization, some in groupby(places, lambda place: place[0]):
        for first in range(0, len(list(some)), per_page):
            cursor = f"?cursor={first}" if first else ""
            yield f"{base_url}/v1/organizations/{organization}/integrations{cursor}"
