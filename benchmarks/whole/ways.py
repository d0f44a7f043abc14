"""The ways of syncing everything: each is called with base URL and plan, and returns when it knew each news.

Instants are of ``time.monotonic()``, which all processes of a machine share. All have a hundred connections.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import aiohttp
from attrs import evolve, frozen

from benchmarks.lean_server import Key
from benchmarks.whole.server import Plan
from packcloud_async import Outcome, PackCloudClient, PollPolicy, RateLimit, SyncKind

KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
EVERY = 1.0
AT_ONCE = 100
DEADLINE = 60.0
TOKEN = "a-token-of-a-usual-length-0123456789abcdef"


@frozen
class Known:
    """What a client knew in the end: the instant at which it knew each news, and the outcome it reports."""

    news: Mapping[Key, float]
    outcomes: Mapping[Key, bool]


Way: TypeAlias = Callable[[str, Plan, Mapping[str, float]], Awaitable[Known]]
"""A way of syncing; the numbers are those of a PollPolicy, for who has one."""


async def loop_on_aiohttp(base_url: str, plan: Plan, _: Mapping[str, float]) -> Known:
    """Do what everyone writes: a task for each integration, a GET each second, a semaphore over all."""
    known = Known({}, {})
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
    limit = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(headers=headers) as session:

        async def get(url: str) -> Mapping[str, object]:
            async with limit, session.get(url) as answer:
                answer.raise_for_status()
                found = await answer.json()
                return found["data"]

        async def post(url: str) -> None:
            async with limit, session.post(url) as answer:
                answer.raise_for_status()
                await answer.read()

        async def sync(organization_id: str, integration_id: str) -> None:
            url = f"{base_url}/v1/organizations/{organization_id}/integrations/{integration_id}"
            before = await get(url)
            for kind in KINDS:
                await post(f"{url}/{kind.value}/sync")
            await _until_all_moved(lambda: get(url), before, (organization_id, integration_id), known)

        async with asyncio.TaskGroup() as tasks:
            for place in plan.integration_ids:
                tasks.create_task(sync(*place))
    return known


async def _until_all_moved(
    get: Callable[[], Awaitable[Mapping[str, object]]],
    before: Mapping[str, object],
    place: tuple[str, str],
    known: Known,
) -> None:
    until, missing = time.monotonic() + DEADLINE, {kind: kind.watermark_field for kind in KINDS}
    while missing and time.monotonic() < until:
        await asyncio.sleep(EVERY)
        found = await get()
        for kind, field in list(missing.items()):
            if found[field] != before[field]:
                del missing[kind]
                known.news[*place, kind] = time.monotonic()
    known.outcomes.update({(*place, kind): kind not in missing for kind in KINDS})


async def sync_many(base_url: str, plan: Plan, numbers: Mapping[str, float]) -> Known:
    """Let this library do it: ``poll_first`` and so on are its PollPolicy's, ``organizations`` how many at once."""
    known = Known({}, {})
    policy = {name.removeprefix("poll_"): value for name, value in numbers.items() if name.startswith("poll_")}
    poll = evolve(PollPolicy(deadline=DEADLINE), **policy)
    limit = RateLimit(numbers["rate"]) if "rate" in numbers else None
    at_once = int(numbers.get("organizations", 200))
    async with (
        PackCloudClient(token=TOKEN, base_url=base_url, rate_limit=limit) as client,
        client.sync_many(plan.organization_ids, kinds=KINDS, poll=poll, max_organizations=at_once) as run,
    ):
        async for result in run:
            # When it is taken, so that the time it lay ready counts as delay.
            started_at = time.monotonic() - result.elapsed
            for kind, outcome in result.kinds.items():
                key = (result.organization_id, str(result.integration_id), kind)
                known.outcomes[key] = outcome.state is Outcome.ADVANCED
                if outcome.seen_at is not None:
                    known.news[key] = started_at + outcome.seen_at
    return known


WAYS: Mapping[str, Way] = {"loop_on_aiohttp": loop_on_aiohttp, "sync_many": sync_many}
