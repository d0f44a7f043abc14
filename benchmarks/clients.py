"""The contestants of one request over HTTP: each factory gives ``ask()`` for a server and a shape.

Shapes: ``one`` integration, a page of 25 or 100 (``page_25``, ``page_100``), the read a watch makes of such a page
(``poll_25``, ``poll_100``), the POST of a ``sync``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.measuring.nginx import ORGANIZATION, PLACE
from benchmarks.measuring.worker import Ask
from packcloud_async import PackCloudClient

INTEGRATION = "0190b5b4-7f4c-7d70-a9a5-000000000001"
TOKEN = "a-token-of-a-usual-length-0123456789abcdef"


def path(shape: str) -> str:
    """Return what is asked for."""
    here = PLACE.format(organization=ORGANIZATION)
    match shape.split("_"):
        case ["one"]:
            return f"{here}/{INTEGRATION}"
        case ["sync"]:
            return f"{here}/{INTEGRATION}/orders/sync"
        case [_, size]:
            return PLACE.format(organization=f"page_{size}")
    raise ValueError(shape)


@asynccontextmanager
async def raw(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """Aiohttp as one writes it: a session, a text for the URL, and the bytes of the answer."""
    url = base_url + path(shape)
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get() -> bytes:
            async with session.get(url) as answer:
                answer.raise_for_status()
                return await answer.read()

        async def post() -> bytes:
            async with session.post(url) as answer:
                answer.raise_for_status()
                return await answer.read()

        yield post if shape == "sync" else get


@asynccontextmanager
async def ours(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """This library, with everything it does for a request."""
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:
        shop = client.organization(ORGANIZATION if "_" not in shape else f"page_{shape.partition('_')[2]}")

        async def one() -> object:
            return await shop.integrations.get(INTEGRATION)

        async def page() -> object:
            return [item async for item in shop.integrations.list()]

        async def sync() -> object:
            return await shop.integrations.sync_orders(INTEGRATION)

        yield {"one": one, "page": page, "sync": sync}[shape.partition("_")[0]]
