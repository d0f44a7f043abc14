"""The built-in probe: what shows whether the shipping services of an integration changed.

1. One filtered list per integration is read, or the whole list of the organization, whichever is fewer requests. The
   whole list cannot be left early: the services of an integration may be on any page.
2. While a list of several pages is read, a service may move to a page that was already read, and is missed. A
   filtered list moves only when the integration itself changes, so that a difference is true all the same. The
   whole list moves when anybody's services change. Therefore what it shows is believed only if it has one page, or
   shows what was believed before, or shows the same in a second walk; the rest is read by filter.
3. How long the whole list is, is known when it was read. A walk that turns out as long as the filtered lists would
   have been is given up, and not begun again before more is asked for than then. Whatever changes meanwhile, a read
   costs less than three times the filtered lists; with right knowledge and nothing changed, it costs no more than
   they would.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping

from attrs import define, field, frozen

from packcloud_async._sansio.fingerprints import fingerprints_by_integration
from packcloud_async._sansio.planning import shared_list_pays
from packcloud_async.calls import Caller, ShippingServices
from packcloud_async.models import ShippingService
from packcloud_async.policies import check_whole


@define(eq=False, repr=False)
class _Shelf:
    """What was learned about one organization: how many pages its whole list has at least, None if unknown, what
    is believed of each integration, and how many pages the filtered lists had.
    """

    pages: int | None = None
    believed: dict[str, str] = field(factory=dict[str, str])
    lengths: dict[str, int] = field(factory=dict[str, int])

    def requests_for(self, integration_ids: Collection[str]) -> int:
        """Count the requests for one filtered list of each of these."""
        return sum(self.lengths.get(integration_id, 1) for integration_id in integration_ids)


@frozen(eq=False, repr=False)
class _Listed:
    """A list that was read to its end."""

    services: tuple[ShippingService, ...]
    pages: int


@define(eq=False)
class ShippingServicesProbe:
    """Tells a change of an integration's shipping services by their ids and ``updated_at``.

    An integration without services has a fingerprint too. ``organizations`` is how many of them it remembers, the
    latest ones: how long their lists are and what they showed. What it forgets costs requests and nothing else.
    """

    organizations: int = 1000
    _shelves: OrderedDict[tuple[str, str], _Shelf] = field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        check_whole("ShippingServicesProbe.organizations", self.organizations, 1)

    async def read(self, caller: Caller, organization_id: str, integration_ids: Collection[str]) -> Mapping[str, str]:
        """Return the fingerprint of the services of each integration."""
        wanted = tuple(dict.fromkeys(integration_ids))
        shelf = self._shelf(caller, organization_id)
        lists = ShippingServices(caller, organization_id)
        fingerprints = await _read_whole(lists, wanted, shelf)
        alone = [integration_id for integration_id in wanted if integration_id not in fingerprints]
        fingerprints |= await _read_filtered(lists, alone, shelf)
        shelf.believed |= fingerprints
        return fingerprints

    def _shelf(self, caller: Caller, organization_id: str) -> _Shelf:
        key = (caller.base_url, organization_id)
        shelf = self._shelves.setdefault(key, _Shelf())
        self._shelves.move_to_end(key)
        while len(self._shelves) > self.organizations:
            self._shelves.popitem(last=False)
        return shelf


async def _read_whole(lists: ShippingServices, wanted: Collection[str], shelf: _Shelf) -> dict[str, str]:
    """Return what the whole list shows and what may be believed of it; nothing if it does not pay to read it."""
    singles = shelf.requests_for(wanted)
    unconfirmed = shelf.requests_for(set(wanted) - shelf.believed.keys())
    if not shared_list_pays(singles=singles, unconfirmed=unconfirmed, pages=shelf.pages):
        return {}
    first = await _walk(lists, shelf, at_most=singles - 1)
    if first is None:
        return {}
    shown = fingerprints_by_integration(first.services, wanted)
    doubtful = [one for one in wanted if first.pages > 1 and shown[one] != shelf.believed.get(one)]
    again = await _look_again(lists, doubtful, shelf)
    return {one: text for one, text in shown.items() if one not in doubtful or again.get(one) == text}


async def _look_again(lists: ShippingServices, doubtful: Collection[str], shelf: _Shelf) -> Mapping[str, str]:
    """Return what a second walk shows, nothing if filtered lists are no more requests."""
    singles = shelf.requests_for(doubtful)
    if shelf.pages is None or shelf.pages >= singles:
        return {}
    second = await _walk(lists, shelf, at_most=singles - 1)
    return fingerprints_by_integration(second.services, doubtful) if second is not None else {}


async def _walk(lists: ShippingServices, shelf: _Shelf, *, at_most: int) -> _Listed | None:
    """Read the whole list; None if it has more pages than this, so that it does not pay to go on."""
    pages = lists.list().pages()
    services: list[ShippingService] = []
    for count in range(1, at_most + 1):
        services += (await anext(pages)).items
        if pages.at_the_end:
            shelf.pages = count
            return _Listed(tuple(services), count)
    shelf.pages = at_most + 1
    return None


async def _read_filtered(lists: ShippingServices, integration_ids: Collection[str], shelf: _Shelf) -> dict[str, str]:
    """Read one filtered list for each integration, side by side."""
    fingerprints: dict[str, str] = {}

    async def read_one(integration_id: str) -> None:
        pages = [page async for page in lists.list(integration_id=integration_id).pages()]
        shelf.lengths[integration_id] = len(pages)
        services = (service for page in pages for service in page.items)
        fingerprints.update(fingerprints_by_integration(services, [integration_id]))

    try:
        async with asyncio.TaskGroup() as reads:
            for integration_id in integration_ids:
                reads.create_task(read_one(integration_id))
    except BaseExceptionGroup as failures:
        error = failures.exceptions[0]
    else:
        return fingerprints
    # Outside the except block, so that the group does not become its context.
    raise error
