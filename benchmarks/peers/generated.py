"""The generated clients as contestants. Runs on their own interpreters, which have neither this library nor each other.

Each is used as its own README shows, with one client kept open, and each first answer is held against what was asked
for: a client that returns an error as a value would be fast.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.measuring.answers import INTEGRATION, TOKEN, organization_of, size_of
from benchmarks.measuring.worker import Ask


@asynccontextmanager
async def openapi_generator(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """The client of openapi-generator's ``python``, library ``asyncio``: aiohttp and pydantic."""
    from packcloud_oag import ApiClient, Configuration, IntegrationsApi  # noqa: PLC0415 - only on its interpreter

    async with ApiClient(Configuration(host=base_url, access_token=TOKEN)) as client:
        api, organization = IntegrationsApi(client), organization_of(shape)

        async def one() -> Any:
            return await api.get_integration(organization, INTEGRATION)

        async def page() -> Any:
            return await api.list_integrations(organization)

        async def sync() -> Any:
            # The answer's body has no form, so the status is all there is to read.
            return await api.sync_orders_with_http_info(organization, INTEGRATION)

        yield await _checked(shape, one, page, sync)


@asynccontextmanager
async def openapi_python_client(base_url: str, shape: str) -> AsyncIterator[Ask]:
    """The client of openapi-python-client: httpx and attrs."""
    import httpx  # noqa: PLC0415 - only on its interpreter
    from packcloud_opc import AuthenticatedClient  # noqa: PLC0415
    from packcloud_opc.api.integrations import get_integration, list_integrations, sync_orders  # noqa: PLC0415

    # With many in flight its pool takes more than httpx's five seconds to hand out a connection.
    timeout = httpx.Timeout(60)
    async with AuthenticatedClient(base_url=base_url, token=TOKEN, timeout=timeout) as client:
        organization = organization_of(shape)

        async def one() -> Any:
            return await get_integration.asyncio(organization, INTEGRATION, client=client)

        async def page() -> Any:
            return await list_integrations.asyncio(organization, client=client)

        async def sync() -> Any:
            return await sync_orders.asyncio_detailed(organization, INTEGRATION, client=client)

        yield await _checked(shape, one, page, sync)


async def _checked(
    shape: str,
    one: Callable[[], Awaitable[Any]],
    page: Callable[[], Awaitable[Any]],
    sync: Callable[[], Awaitable[Any]],
) -> Ask:
    """Return what asks for the shape, after it was asked once and its answer was right."""
    match shape.partition("_")[0]:
        case "one":
            found = (await one()).data
            assert (type(found).__name__, found.id) == ("Integration", INTEGRATION), found
            return one
        case "sync":
            assert (await sync()).status_code == 202
            return sync
        case _:
            items = (await page()).data
            assert {type(item).__name__ for item in items} == {"Integration"}, items
            assert len(items) == size_of(shape)
            return page
