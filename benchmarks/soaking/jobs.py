"""What the client does in a wave: every scenario, and each of its jobs as its caller saw it."""

import asyncio
import contextlib
import random
from collections.abc import Sequence

from benchmarks.soaking.lives import Lives
from benchmarks.soaking.playing import Playing, now
from packcloud_async import AsyncSyncJob, PackCloudClient, PackCloudError


async def play(playing: Playing) -> None:
    """Play all scenarios at once."""
    async with asyncio.TaskGroup() as group:
        for scenario, organizations in playing.wave.shares.items():
            if organizations:
                group.create_task(PLAYS[scenario](playing, organizations, playing.wave.draw(scenario)), name=scenario)


async def _awaited(job: AsyncSyncJob) -> None:
    with contextlib.suppress(PackCloudError):
        await job


async def _take_to_the_end(
    playing: Playing,
    scenario: str,
    job: AsyncSyncJob,
    *,
    began: float,
    cuts: Sequence[tuple[float, float]] = (),
) -> None:
    error: PackCloudError | None = None
    try:
        await job
    except PackCloudError as caught:
        error = caught
    playing.tell(scenario, job.organization_id, job.integration_id, job.outcomes, began=began, error=error, cuts=cuts)


async def _bulk(playing: Playing, organizations: Sequence[str], draw: random.Random) -> None:
    """One bulk run without a ledger, and hints for what it watches."""
    hinting = asyncio.create_task(_hint(playing.large, organizations, playing.integrations, draw))
    began = now()
    try:
        async with playing.large.sync_many(
            organizations, kinds=playing.wave.kinds, poll=playing.wave.poll, max_in_flight=draw.choice([15, 50])
        ) as run:
            async for result in run:
                playing.tell(
                    "bulk",
                    result.organization_id,
                    result.integration_id,
                    result.kinds,
                    began=began,
                    error=result.error,
                )
    finally:
        hinting.cancel()
        await asyncio.wait([hinting])


async def _hint(
    client: PackCloudClient, organizations: Sequence[str], integrations: Sequence[str], draw: random.Random
) -> None:
    while True:
        await asyncio.sleep(draw.uniform(0, 0.2))
        client.organization(draw.choice(organizations)).hint(draw.choice(integrations))


async def _ledgered(playing: Playing, organizations: Sequence[str], draw: random.Random) -> None:
    """Bulk runs with ledgers, ended in the middle and gone on with, some of them several times."""
    parts = [organizations[start : start + 4] for start in range(0, len(organizations), 4)]
    async with asyncio.TaskGroup() as group:
        for number, part in enumerate(parts):
            life = Lives(playing, part, random.Random(draw.random()), playing.folder / f"{number}.sqlite")
            group.create_task(life.to_the_end())


async def _single(playing: Playing, organizations: Sequence[str], _: random.Random) -> None:
    """One job for each integration."""
    async with asyncio.TaskGroup() as group:
        for organization in organizations:
            for integration in playing.integrations:
                job = playing.job(playing.large, organization, integration)
                group.create_task(_take_to_the_end(playing, "single", job, began=now()))


async def _cut_off(playing: Playing, organizations: Sequence[str], draw: random.Random) -> None:
    """Jobs whose callers are cancelled, and that are awaited again, or resumed by another client."""

    async def one(organization: str, integration: str, draw: random.Random) -> None:
        began, cuts = now(), []
        async with contextlib.AsyncExitStack() as stack:
            job = playing.job(playing.large, organization, integration)
            for _ in range(draw.randint(1, 4)):
                await _disturb(job, draw)
                cut_at = now()
                if job.result is None and draw.random() < 0.5:
                    client = await stack.enter_async_context(playing.small(draw))
                    token = job.token
                    await job.detach()
                    job = AsyncSyncJob.resume(client, token)
                await asyncio.sleep(draw.choice([0, 0, draw.random()]))
                cuts.append((cut_at, now()))
            await _take_to_the_end(playing, "cut off", job, began=began, cuts=cuts)

    async with asyncio.TaskGroup() as group:
        for organization in organizations:
            for integration in playing.integrations:
                group.create_task(one(organization, integration, random.Random(draw.random())))


async def _disturb(job: AsyncSyncJob, draw: random.Random) -> None:
    """Await a job, and cancel whoever awaits it at some instant, perhaps twice."""
    waiting = asyncio.create_task(_awaited(job))
    await asyncio.wait([waiting], timeout=draw.choice([0, draw.random() * 0.3, draw.random() * 3]))
    waiting.cancel()
    for _ in range(draw.randint(0, 4)):
        await asyncio.sleep(0)
    if draw.random() < 0.3:
        waiting.cancel()
    await asyncio.wait([waiting])


async def _small_clients(playing: Playing, organizations: Sequence[str], draw: random.Random) -> None:
    """A client for each organization, with few connections, closed when its jobs are done."""

    async def one(organization: str, draw: random.Random) -> None:
        async with playing.small(draw) as client, asyncio.TaskGroup() as group:
            for integration in playing.integrations:
                job = playing.job(client, organization, integration)
                group.create_task(_take_to_the_end(playing, "small clients", job, began=now()))

    async with asyncio.TaskGroup() as group:
        for organization in organizations:
            group.create_task(one(organization, random.Random(draw.random())))


async def _pairs(playing: Playing, organizations: Sequence[str], _: random.Random) -> None:
    """Two jobs for each integration at the same time: one POST is enough for both."""
    async with asyncio.TaskGroup() as group:
        for organization in organizations:
            for integration in playing.integrations * 2:
                job = playing.job(playing.large, organization, integration)
                group.create_task(_take_to_the_end(playing, "pairs", job, began=now()))


async def _again(playing: Playing, organizations: Sequence[str], _: random.Random) -> None:
    """Two jobs for each integration, one after the other."""

    async def one(organization: str, integration: str) -> None:
        for _ in range(2):
            job = playing.job(playing.large, organization, integration)
            await _take_to_the_end(playing, "again", job, began=now())

    async with asyncio.TaskGroup() as group:
        for organization in organizations:
            for integration in playing.integrations:
                group.create_task(one(organization, integration))


PLAYS = {
    "bulk": _bulk,
    "ledger": _ledgered,
    "single": _single,
    "cut off": _cut_off,
    "small clients": _small_clients,
    "pairs": _pairs,
    "again": _again,
}
