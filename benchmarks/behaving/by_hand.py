"""aiohttp and httpx, as one uses them by hand."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import backoff

from benchmarks.behaving.loop import Client, Wanted

T = TypeVar("T", bound=Callable[..., Any])


class OnAiohttp:
    """Requests by a session of aiohttp."""

    def __init__(self, session: aiohttp.ClientSession, wanted: Wanted) -> None:
        self._session = session
        self._list = f"{wanted.base_url}/v1/organizations/{wanted.organization}/integrations"
        self._one = f"{self._list}/{wanted.integration}"

    async def watermark(self) -> object:
        """Read when an order last changed at the shop."""
        return (await self._read(self._one))["data"]["order_sync_updated_at"]

    async def sync(self) -> None:
        """Start a sync of the orders."""
        async with self._session.post(f"{self._one}/orders/sync") as answer:
            answer.raise_for_status()

    async def ids(self) -> AsyncIterator[str]:
        """Follow the links from page to page."""
        url = self._list
        while url:
            page = await self._read(url)
            for one in page["data"]:
                yield one["id"]
            url = page["links"]["next"]

    def shown(self) -> list[object]:
        """Return the session."""
        return [self._session]

    async def _read(self, url: str) -> Any:
        async with self._session.get(url) as answer:
            answer.raise_for_status()
            return await answer.json()


def _is_final(error: Exception) -> bool:
    status = getattr(error, "status", None)
    return status is not None and 400 <= status < 500 and status != 429


def _again(call: T) -> T:
    """Try a request again as the documentation of backoff shows, and not what will not change."""
    retried: T = backoff.on_exception(
        backoff.expo, (aiohttp.ClientError, TimeoutError), max_tries=4, giveup=_is_final, factor=0.5, jitter=None
    )(call)
    return retried


class Retried(OnAiohttp):
    """The same, and every request is tried again."""

    @_again
    async def sync(self) -> None:
        """Start a sync of the orders."""
        await super().sync()

    @_again
    async def _read(self, url: str) -> Any:
        return await super()._read(url)


@asynccontextmanager
async def on_aiohttp(wanted: Wanted, kind: type[OnAiohttp] = OnAiohttp) -> AsyncIterator[Client]:
    """Keep one session open."""
    headers = {"Authorization": f"Bearer {wanted.token}", "Accept": "application/json"}
    timeout = aiohttp.ClientTimeout(total=wanted.timeout)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield kind(session, wanted)


@asynccontextmanager
async def retried(wanted: Wanted) -> AsyncIterator[Client]:
    """Keep one session open, and try again."""
    async with on_aiohttp(wanted, Retried) as client:
        yield client


@asynccontextmanager
async def on_httpx(wanted: Wanted) -> AsyncIterator[Client]:
    """Keep one client open."""
    from benchmarks.behaving.on_httpx import OnHttpx, opened  # noqa: PLC0415 - only where httpx is installed

    async with opened(wanted) as client:
        yield OnHttpx(client, wanted)
