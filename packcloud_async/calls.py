"""The calls of the API: one short method each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from attrs import define, field, frozen

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._sansio import endpoints
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.paging import DEFAULT_MAX_PAGES, PageTrail
from packcloud_async._sansio.secret import Secret
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async.models import (
    UNSET,
    Integration,
    IntegrationAction,
    IntegrationSettings,
    Page,
    ShippingService,
    SyncAccepted,
    SyncKind,
    Unset,
)
from packcloud_async.policies import Routes

T = TypeVar("T")


class Caller(Protocol):
    """What the calls need of a client."""

    @property
    def routes(self) -> Routes:
        """The path of every call."""
        ...

    @property
    def base_url(self) -> str:
        """Scheme, host and path prefix, without a slash at the end."""
        ...

    def call(
        self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False
    ) -> Coroutine[Any, Any, T]:
        """Send a call and return its value, to be awaited; ``once`` never retries."""
        ...


@frozen
class Listing(Generic[T]):
    """A list that follows ``next`` as it is iterated: ``async for item in listing``.

    Each iteration starts anew. Raises :class:`~packcloud_async.InvalidResponse` for a next link that leads to
    another host or in a circle, and after ``max_pages`` pages.
    """

    _caller: Caller
    _first: Call[Page[T]]
    _max_pages: int

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def __aiter__(self) -> AsyncIterator[T]:
        return _Items(self.pages())

    def pages(self, *, once: bool = False, observer: CallObserver | None = None) -> Pages[T]:
        """Iterate over whole pages; ``once`` never retries a request.

        ``observer`` is told of each request, None tells nobody.
        """
        return Pages(self._caller, self._first, PageTrail(self._caller.base_url, self._max_pages), once, observer)


@define(eq=False, repr=False)
class Pages(AsyncIterator[Page[T]]):
    """A walk over the pages of a list. Not a generator, so that breaking off leaves nothing to clean up."""

    _caller: Caller
    _call: Call[Page[T]]
    _trail: PageTrail
    _once: bool
    _observer: CallObserver | None = None
    _latest: Page[T] | None = field(default=None, init=False)

    async def __anext__(self) -> Page[T]:
        if self._latest is not None:
            following = self._trail.after(self._call, self._latest)
            if following is None:
                raise StopAsyncIteration
            self._call = following
        self._latest = await self._caller.call(self._call, observer=self._observer, once=self._once)
        return self._latest

    @property
    def at_the_end(self) -> bool:
        """Whether the latest page is the last one."""
        return self._latest is not None and self._latest.next is None


@define(eq=False, repr=False)
class _Items(AsyncIterator[T]):
    """The items of all pages, one after the other."""

    _pages: Pages[T]
    _page: Iterator[T] = field(factory=lambda: iter(()), init=False)

    async def __anext__(self) -> T:
        while True:
            for item in self._page:
                return item
            self._page = iter((await anext(self._pages)).items)


@frozen
class Integrations:
    """The twelve calls on the integrations of one organization.

    Every method raises an :class:`~packcloud_async.ApiError` for an answer that is not 2xx, a
    :class:`~packcloud_async.TransportError` when there was none, and
    :class:`~packcloud_async.InvalidResponse` for one that is not what the API promises.
    """

    _caller: Caller
    organization_id: str

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def list(self, *, max_pages: int = DEFAULT_MAX_PAGES) -> Listing[Integration]:
        """Iterate over all integrations; pages are followed."""
        call = endpoints.list_integrations(self._caller.routes, self.organization_id)
        return Listing(self._caller, call, max_pages)

    async def get(self, integration_id: str) -> Integration:
        """Read one integration."""
        return await self._caller.call(
            endpoints.get_integration(self._caller.routes, self.organization_id, integration_id)
        )

    async def create(
        self, *, name: str, connector_id: str, settings: Mapping[str, JsonValue] | Unset = UNSET
    ) -> Integration:
        """Create an integration (4563bfbf8cb5c53f4846256adf82de0d); the keys of ``settings`` are undocumented."""
        # This frame lives as long as the call, and a traceback may show its locals.
        held, settings = Secret(settings), UNSET
        return await self._caller.call(
            endpoints.create_integration(
                self._caller.routes, self.organization_id, name=name, connector_id=connector_id, settings=held
            )
        )

    async def update(
        self,
        integration_id: str,
        *,
        name: str | Unset = UNSET,
        connector_id: str | Unset = UNSET,
        settings: Mapping[str, JsonValue] | Unset | None = UNSET,
        order_sync_enabled: bool | Unset = UNSET,
        product_sync_enabled: bool | Unset = UNSET,
        stock_sync_enabled: bool | Unset = UNSET,
        other: Mapping[str, JsonValue] | None = None,
    ) -> Integration:
        """Change an integration: only what is given is sent; None is sent as null.

        Which fields the server accepts is not documented; ``other`` sends any further ones.
        """
        changes = Secret[Mapping[str, JsonValue]](
            endpoints.given_only(
                name=name,
                connector_id=connector_id,
                settings=settings,
                order_sync_enabled=order_sync_enabled,
                product_sync_enabled=product_sync_enabled,
                stock_sync_enabled=stock_sync_enabled,
            )
            | dict(other or {})
        )
        settings, other = UNSET, None
        return await self._caller.call(
            endpoints.update_integration(self._caller.routes, self.organization_id, integration_id, changes)
        )

    async def delete(self, integration_id: str) -> None:
        """Delete an integration; a 404 after an attempt that may have arrived counts as done."""
        await self._caller.call(endpoints.delete_integration(self._caller.routes, self.organization_id, integration_id))

    async def actions(self, integration_id: str) -> tuple[IntegrationAction, ...]:
        """Read what the integration can be told to do (unconfirmed path and shape)."""
        return await self._caller.call(
            endpoints.list_actions(self._caller.routes, self.organization_id, integration_id)
        )

    async def execute_action(
        self, integration_id: str, action: str, payload: Mapping[str, JsonValue] | None = None
    ) -> JsonValue:
        """Tell the integration to do something; return the answer's JSON, None when it has no body.

        ``action`` goes into the path and ``payload`` is the body, both unconfirmed.
        """
        held, payload = Secret(payload), None
        return await self._caller.call(
            endpoints.execute_action(self._caller.routes, self.organization_id, integration_id, action, held)
        )

    async def settings(self, integration_id: str) -> IntegrationSettings:
        """Read the settings: opaque, and possibly secret (unconfirmed path)."""
        return await self._caller.call(
            endpoints.get_settings(self._caller.routes, self.organization_id, integration_id)
        )

    async def sync_orders(self, integration_id: str) -> SyncAccepted:
        """Start a sync of orders; returns on acceptance (unconfirmed path)."""
        return await self._sync(integration_id, SyncKind.ORDERS)

    async def sync_products(self, integration_id: str) -> SyncAccepted:
        """Start a sync of products; returns on acceptance (unconfirmed path)."""
        return await self._sync(integration_id, SyncKind.PRODUCTS)

    async def sync_stocks(self, integration_id: str) -> SyncAccepted:
        """Start a sync of stocks; returns on acceptance (unconfirmed path)."""
        return await self._sync(integration_id, SyncKind.STOCKS)

    async def sync_shipping_services(self, integration_id: str) -> SyncAccepted:
        """Start a sync of shipping services; returns on acceptance (unconfirmed path)."""
        return await self._sync(integration_id, SyncKind.SHIPPING_SERVICES)

    async def _sync(self, integration_id: str, kind: SyncKind) -> SyncAccepted:
        return await self._caller.call(endpoints.sync(self._caller.routes, self.organization_id, integration_id, kind))


@frozen
class ShippingServices:
    """The shipping services of one organization."""

    _caller: Caller
    organization_id: str

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def list(
        self,
        *,
        integration_id: str | None = None,
        enabled: bool | None = None,
        type: str | None = None,  # noqa: A002 - the API's word
        carrier_code: str | None = None,
        max_pages: int = DEFAULT_MAX_PAGES,
    ) -> Listing[ShippingService]:
        """Iterate over shipping services; None leaves a filter out (1b3ab34db413955c32bbfa109803bd46)."""
        call = endpoints.list_shipping_services(
            self._caller.routes,
            self.organization_id,
            integration_id=integration_id,
            enabled=enabled,
            type=type,
            carrier_code=carrier_code,
        )
        return Listing(self._caller, call, max_pages)
