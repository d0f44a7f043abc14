"""The least that syncs everything and knows when: a task for each organization, one read for all its integrations.

It uses this library's own calls with all they do, which cost less than aiohttp as one writes it, and its reads of ids
and watermarks alone; it reads when the policy says. Nothing else is in it. A call that fails for good ends everything,
and so does an integration that vanishes or a list that shifts; nobody takes turns, an organization of thousands goes
before one of two, nothing is recorded, and what it says of a sync is a time. Whoever does those things as well cannot
cost less, so that this is the floor of what a whole run costs with these calls.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.whole.loop import AT_ONCE, DEADLINE, ORGANIZATIONS, TOKEN, Known, Place
from packcloud_async import PackCloudClient, PollPolicy, SyncKind
from packcloud_async._sansio import endpoints
from packcloud_async._sansio.paging import DEFAULT_MAX_PAGES
from packcloud_async.calls import Listing

KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
SENDERS = 2
"""So many POSTs of an organization are under way at once, as `sync_many` has them while others wait."""


async def sync(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:
    """Sync everything; the numbers are ``first`` and ``growth`` of the policy."""
    policy = PollPolicy(deadline=DEADLINE, jitter=0, **numbers)
    async with PackCloudClient(token=TOKEN, base_url=base_url) as client:
        return await sync_all(client, dict.fromkeys(organization for organization, _ in places), policy)


async def sync_all(client: PackCloudClient, organizations: Mapping[str, Any], policy: PollPolicy) -> Known:
    """Sync every integration of these organizations."""
    known, slots = Known(), asyncio.Semaphore(AT_ONCE)

    async def one_after_the_other(ids: Iterator[str]) -> None:
        for organization_id in ids:
            await _Organization(client, organization_id, known, slots).sync(policy)

    ids = iter(organizations)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(ORGANIZATIONS, len(organizations))):
            tasks.create_task(one_after_the_other(ids))
    return known


class _Organization:
    def __init__(self, client: PackCloudClient, organization_id: str, known: Known, slots: asyncio.Semaphore) -> None:
        self.client, self.organization_id, self.known, self.slots = client, organization_id, known, slots
        self.before: dict[str, Mapping[SyncKind, str | None]] = {}
        self.missing: dict[str, set[SyncKind]] = {}

    async def sync(self, policy: PollPolicy) -> None:
        integrations = self.client.organization(self.organization_id).integrations
        async for page in integrations.list().pages():
            self.before.update({one.id: one.watermarks for one in page.items})
        posts = iter([(integration_id, kind) for integration_id in self.before for kind in KINDS])
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(self._send(posts))
        await self._watch(policy)

    async def _send(self, posts: Iterator[tuple[str, SyncKind]]) -> None:
        for integration_id, kind in posts:
            call = endpoints.sync(self.client.routes, self.organization_id, integration_id, kind)
            async with self.slots:
                await self.client.call(call)

    async def _watch(self, policy: PollPolicy) -> None:
        now = asyncio.get_running_loop().time
        began = now()
        call = endpoints.poll_integrations(self.client.routes, self.organization_id, with_trade=False)
        self.missing = {integration_id: set(KINDS) for integration_id in self.before}
        assert policy.deadline is not None
        while self.missing and (age := now() - began) < policy.deadline:
            await asyncio.sleep(policy.delay_after(age))
            pages = Listing(self.client, call, DEFAULT_MAX_PAGES).pages(once=True)
            while not pages.at_the_end:
                for shown in (await anext(pages)).items:
                    if shown.id in self.missing:
                        self._look(shown.id, shown.watermarks, now())
        for integration_id, kinds in self.missing.items():
            self.known.moved.update({(self.organization_id, integration_id, kind.value): False for kind in kinds})

    def _look(self, integration_id: str, shown: Mapping[SyncKind, str | None], now: float) -> None:
        before, missing = self.before[integration_id], self.missing[integration_id]
        for kind in [kind for kind in missing if shown[kind] != before[kind]]:
            key = (self.organization_id, integration_id, kind.value)
            self.known.news[key] = self.known.told[key] = now
            self.known.moved[key] = True
            missing.discard(kind)
        if not missing:
            del self.missing[integration_id]
