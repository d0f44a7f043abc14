"""httpx, and models of pydantic."""

from collections.abc import AsyncIterator

import httpx

from benchmarks.behaving.loop import Wanted
from benchmarks.by_hand import One, Page


def opened(wanted: Wanted) -> httpx.AsyncClient:
    """Return a client as one makes it; connecting is tried three times, which is what httpx offers."""
    return httpx.AsyncClient(
        base_url=wanted.base_url,
        headers={"Authorization": f"Bearer {wanted.token}", "Accept": "application/json"},
        timeout=wanted.timeout,
        transport=httpx.AsyncHTTPTransport(retries=3),
    )


class OnHttpx:
    """Requests by a client of httpx."""

    def __init__(self, client: httpx.AsyncClient, wanted: Wanted) -> None:
        self._client = client
        self._list = f"/v1/organizations/{wanted.organization}/integrations"
        self._one = f"{self._list}/{wanted.integration}"

    async def watermark(self) -> object:
        """Read when an order last changed at the shop."""
        answer = (await self._client.get(self._one)).raise_for_status()
        return One.model_validate_json(answer.content).data.order_sync_updated_at

    async def sync(self) -> None:
        """Start a sync of the orders."""
        (await self._client.post(f"{self._one}/orders/sync")).raise_for_status()

    async def ids(self) -> AsyncIterator[str]:
        """Follow the links from page to page."""
        url: str | None = self._list
        while url:
            page = Page.model_validate_json((await self._client.get(url)).raise_for_status().content)
            for one in page.data:
                yield one.id
            url = page.links.next

    def shown(self) -> list[object]:
        """Return the client and its headers."""
        return [self._client, self._client.headers]
