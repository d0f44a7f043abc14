"""The contestants of one request over HTTP: each factory gives ``ask()`` for a server and a shape.

``measuring/answers.py`` says what the shapes are. The clients that generators make are in ``peers/generated.py``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import aiohttp
from yarl import URL

from benchmarks.decoders import glimpses_by_hand, json_by_hand, msgspec_by_hand
from benchmarks.measuring.answers import INTEGRATION, TOKEN, organization_of, path
from benchmarks.measuring.worker import Ask
from packcloud_async import PackCloudClient, RateLimit, RetryDetails
from packcloud_async._sansio import endpoints
from packcloud_async._sansio.paging import DEFAULT_MAX_PAGES
from packcloud_async.calls import Listing

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}


@asynccontextmanager
async def raw(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """Aiohttp as one writes it: a session, a text for the URL, and the bytes of the answer."""
    url = base_url + path(shape)
    async with aiohttp.ClientSession(headers=HEADERS) as session:

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
async def raw_with_json(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """Aiohttp as one writes it, and plain dicts of what was read; the answer to a sync has nothing to read."""
    url = base_url + path(shape)
    async with aiohttp.ClientSession(headers=HEADERS) as session:

        async def ask() -> object:
            async with session.get(url) as answer:
                answer.raise_for_status()
                return await answer.json()

        yield ask


@asynccontextmanager
async def floor(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """The least aiohttp can be made to do: a URL made beforehand, no cookies, no timeout. Bytes, and nothing else."""
    url, method = URL(base_url + path(shape)), "POST" if shape == "sync" else "GET"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
    async with aiohttp.ClientSession(headers=HEADERS, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def ask() -> bytes:
            async with session.request(method, url) as answer:
                answer.raise_for_status()
                return await answer.read()

        yield ask


@asynccontextmanager
async def raw_and_decoded(base_url: str, shape: str, decoder: str) -> AsyncIterator[Ask]:
    """Aiohttp as one writes it, and models filled by hand of what was read: nothing is checked."""
    decode = FLOORS[decoder]()
    async with raw(base_url, shape) as read:

        async def ask() -> object:
            return decode(cast("bytes", await read()))

        yield ask


FLOORS = {"json": json_by_hand, "msgspec": msgspec_by_hand, "glimpses": glimpses_by_hand}


@asynccontextmanager
async def ours(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """This library, with everything it does for a request."""
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:
        yield _asking(client, shape)


@asynccontextmanager
async def ours_item_by_item(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """This library, whose list is walked over with ``async for``."""
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:
        integrations = client.organization(organization_of(shape)).integrations

        async def items() -> object:
            return [item async for item in integrations.list()]

        yield items


@asynccontextmanager
async def ours_with_limit(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """This library with a rate limit it never meets, and somebody who wants to hear of retries."""
    limit, retries = RateLimit(1_000_000, burst=1_000_000), list[RetryDetails]()
    async with PackCloudClient(token=TOKEN, base_url=base_url, rate_limit=limit, on_retry=retries.append) as client:
        yield _asking(client, shape)
    assert not retries


def _asking(client: PackCloudClient, shape: str) -> Ask:
    organization_id = organization_of(shape)
    integrations = client.organization(organization_id).integrations
    glimpses = endpoints.poll_integrations(client.routes, organization_id, with_trade=False)

    async def one() -> object:
        return await integrations.get(INTEGRATION)

    async def page() -> object:
        # The page itself, which is what the others give as well.
        return await anext(integrations.list().pages())

    async def poll() -> object:
        # What a watch does for each page of its walk.
        return await anext(Listing(client, glimpses, DEFAULT_MAX_PAGES).pages(once=False))

    async def sync() -> object:
        return await integrations.sync_orders(INTEGRATION)

    return {"one": one, "page": page, "poll": poll, "sync": sync}[shape.partition("_")[0]]
