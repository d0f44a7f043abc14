"""Clients that generators made, used as their own READMEs show. Runs on their interpreters.

Their calls take the cursor of a page and no link: it is cut out of the link.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.behaving.loop import Client, Wanted


def _cursor(link: str | None) -> str | None:
    return parse_qs(urlsplit(link).query).get("cursor", [None])[0] if link else None


class OfOpenapiGenerator:
    """The client of openapi-generator's ``python``, library ``asyncio``."""

    def __init__(self, client: Any, api: Any, wanted: Wanted) -> None:
        self._client, self._api, self._wanted = client, api, wanted
        self._place = (wanted.organization, wanted.integration)

    async def watermark(self) -> object:
        """Read when an order last changed at the shop."""
        found = await self._api.get_integration(*self._place, _request_timeout=self._wanted.timeout)
        return found.data.order_sync_updated_at

    async def sync(self) -> None:
        """Start a sync of the orders."""
        await self._api.sync_orders(*self._place, _request_timeout=self._wanted.timeout)

    async def ids(self) -> AsyncIterator[str]:
        """Ask for page after page."""
        cursor: str | None = None
        while True:
            page = await self._api.list_integrations(
                self._wanted.organization, cursor=cursor, _request_timeout=self._wanted.timeout
            )
            for one in page.data:
                yield one.id
            cursor = _cursor(page.links.next)
            if cursor is None:
                return

    def shown(self) -> list[object]:
        """Return the client and its configuration."""
        return [self._client, self._client.configuration]


@asynccontextmanager
async def openapi_generator(wanted: Wanted) -> AsyncIterator[Client]:
    """Keep one client open, with the retries that its configuration offers."""
    from packcloud_oag import ApiClient, Configuration, IntegrationsApi  # noqa: PLC0415 - only on its interpreter

    configuration = Configuration(host=wanted.base_url, access_token=wanted.token, retries=3)
    async with ApiClient(configuration) as client:
        yield OfOpenapiGenerator(client, IntegrationsApi(client), wanted)


class Refused(Exception):
    """What the server answered in place of what was asked for: this client returns it, and one has to look."""

    def __init__(self, status: int, answer: object) -> None:
        super().__init__(status, answer)
        self.status = status


class OfOpenapiPythonClient:
    """The client of openapi-python-client."""

    def __init__(self, client: Any, wanted: Wanted) -> None:
        from packcloud_opc.api.integrations import (  # noqa: PLC0415 - only on its interpreter
            get_integration,
            list_integrations,
            sync_orders,
        )

        self._client, self._organization = client, wanted.organization
        self._place = (wanted.organization, wanted.integration)
        self._get, self._list, self._sync = get_integration, list_integrations, sync_orders

    async def watermark(self) -> object:
        """Read when an order last changed at the shop."""
        return (await self._called(self._get.asyncio_detailed, *self._place)).data.order_sync_updated_at

    async def sync(self) -> None:
        """Start a sync of the orders."""
        await self._called(self._sync.asyncio_detailed, *self._place)

    async def ids(self) -> AsyncIterator[str]:
        """Ask for page after page."""
        arguments: dict[str, str] = {}
        while True:
            page = await self._called(self._list.asyncio_detailed, self._organization, **arguments)
            for one in page.data:
                yield one.id
            cursor = _cursor(page.links.next_)
            if cursor is None:
                return
            arguments = {"cursor": cursor}

    def shown(self) -> list[object]:
        """Return the client."""
        return [self._client]

    async def _called(self, call: Callable[..., Any], *place: str, **arguments: str) -> Any:
        answer = await call(*place, client=self._client, **arguments)
        if answer.status_code >= 300:
            raise Refused(int(answer.status_code), answer.parsed)
        return answer.parsed


@asynccontextmanager
async def openapi_python_client(wanted: Wanted) -> AsyncIterator[Client]:
    """Keep one client open, which raises what its document does not name."""
    import httpx  # noqa: PLC0415 - only on its interpreter
    from packcloud_opc import AuthenticatedClient  # noqa: PLC0415

    async with AuthenticatedClient(
        base_url=wanted.base_url,
        token=wanted.token,
        timeout=httpx.Timeout(wanted.timeout),
        raise_on_unexpected_status=True,
    ) as client:
        yield OfOpenapiPythonClient(client, wanted)
