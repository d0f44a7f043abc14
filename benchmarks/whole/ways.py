"""This library's way of syncing everything, called as the loops of ``loop.py`` are."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from benchmarks.whole.loop import DEADLINE, ORGANIZATIONS, TOKEN, Known, Place
from packcloud_async import LearnedPacing, Outcome, PackCloudClient, PollPolicy, RateLimit, SyncKind

KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
TOLERATED = 1.25
"""How many times as late as the loop's the news may be."""
TUNED = PollPolicy(first=1.2, growth=1.375, jitter=0)
"""The best for syncs as those of `whole_run`, found by `tuning` on other draws of the same durations."""


async def sync_many(base_url: str, places: Sequence[Place], numbers: Mapping[str, Any]) -> Known:
    """Let ``sync_many`` do it.

    Of the numbers, ``poll_first`` and so on are its PollPolicy's, ``organizations`` is how many at once, ``rate``
    how many requests a second, and ``learned`` the text of a LearnedPacing.
    """
    known = Known()
    policy = {name.removeprefix("poll_"): value for name, value in numbers.items() if name.startswith("poll_")}
    poll = evolve(PollPolicy(deadline=DEADLINE), **policy)
    pacing = LearnedPacing.from_json(numbers["learned"]) if "learned" in numbers else None
    limit = RateLimit(numbers["rate"]) if "rate" in numbers else None
    at_once = int(numbers.get("organizations", ORGANIZATIONS))
    organizations = dict.fromkeys(organization for organization, _ in places)
    async with (
        PackCloudClient(token=TOKEN, base_url=base_url, rate_limit=limit, pacing=pacing) as client,
        client.sync_many(organizations, kinds=KINDS, poll=poll, max_organizations=at_once) as run,
    ):
        async for result in run:
            # A result comes when every kind of its integration is done: then its caller is told of all of them.
            taken_at = time.monotonic()
            # From when it is taken, so that the time it lay ready counts as delay.
            started_at = taken_at - result.elapsed
            for kind, outcome in result.kinds.items():
                key = (result.organization_id, str(result.integration_id), kind.value)
                known.moved[key] = outcome.state is Outcome.ADVANCED
                if outcome.seen_at is not None:
                    known.news[key] = started_at + outcome.seen_at
                    known.told[key] = taken_at
    return known
