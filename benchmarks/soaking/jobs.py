"""What the client does in a wave: every scenario, and each of its jobs as its caller saw it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from benchmarks.soaking.plan import TIMEOUTS, Wave
from benchmarks.soaking.wire import Tap, WireLog
from packcloud_async import (
    AsyncSyncJob,
    KindOutcome,
    PackCloudClient,
    PackCloudError,
    SqliteLedger,
    SyncKind,
    SyncRun,
    TargetState,
    read_ledger,
)
from packcloud_async._io.transport import AiohttpTransport
from packcloud_async._sansio.token import read_token
from packcloud_async.client import DEFAULT_BODY_LIMIT

MOST_LIVES = 12
"""A run that is not at its end after so many lives never comes there."""


@frozen(repr=False)
class RenewedToken:
    """A token that the server takes again when it is renewed."""

    _token: str

    async def headers(self, *, refused: bool) -> Mapping[str, str]:
        """Return the header, a little different after a refusal."""
        renewed = {"X-Renewed": "yes"} if refused else {}
        return {"Authorization": f"Bearer {self._token}", **renewed}


@frozen
class Place:
    """Where the server of a wave is, and how it is entered."""

    base_url: str
    token: str


def open_client(place: Place, wave: Wave, log: WireLog, *, connections: int, renews: bool) -> PackCloudClient:
    """Open a client whose requests are noted."""
    tap = Tap(AiohttpTransport(TIMEOUTS, connections, DEFAULT_BODY_LIMIT), log)
    return PackCloudClient(
        auth=RenewedToken(place.token) if renews else None,
        token=None if renews else place.token,
        base_url=place.base_url,
        timeouts=TIMEOUTS,
        retry=wave.retry,
        max_connections=connections,
        transport=tap,
    )


def outcome_told(outcome: KindOutcome) -> dict[str, Any]:
    """Write an outcome as the judge reads it."""
    return {
        "state": outcome.state.value,
        "before": outcome.before,
        "after": outcome.after,
        "error": None if outcome.error is None else type(outcome.error).__name__,
    }


@define
class Playing:
    """One wave as it is played; ``large`` is a client that outlives the wave."""

    wave: Wave
    place: Place
    large: PackCloudClient
    log: WireLog
    folder: Path
    jobs: list[dict[str, Any]] = field(factory=list)

    def tell(
        self,
        scenario: str,
        organization: str,
        integration: str | None,
        outcomes: Mapping[SyncKind, KindOutcome],
        *,
        began: float,
        error: BaseException | str | None = None,
        ended: float | None = None,
        cuts: Sequence[tuple[float, float]] = (),
    ) -> None:
        """Write down what became of a job."""
        self.jobs.append(
            {
                "scenario": scenario,
                "organization": organization,
                "integration": integration,
                "kinds": self.wave.kinds,
                "began": began,
                "ended": now() if ended is None else ended,
                "outcomes": {kind.value: outcome_told(outcome) for kind, outcome in outcomes.items()},
                "error": error if isinstance(error, str | None) else type(error).__name__,
                "cuts": list(cuts),
            }
        )

    def job(self, client: PackCloudClient, organization: str, integration: str) -> AsyncSyncJob:
        """Make a job of this wave."""
        return AsyncSyncJob(client, organization, integration, kinds=self.wave.kinds, poll=self.wave.poll)

    @property
    def integrations(self) -> list[str]:
        """The ids of the integrations of every organization."""
        return [f"int_{number}" for number in range(1, self.wave.integrations + 1)]

    @asynccontextmanager
    async def small(self, draw: random.Random) -> AsyncIterator[PackCloudClient]:
        """Open a client for a few jobs."""
        client = open_client(
            self.place, self.wave, self.log, connections=draw.choice([1, 2, 5]), renews=draw.random() < 0.5
        )
        async with client:
            yield client

    async def play(self) -> None:
        """Play all scenarios at once."""
        async with asyncio.TaskGroup() as group:
            for scenario, organizations in self.wave.shares.items():
                if organizations:
                    group.create_task(PLAYS[scenario](self, organizations, self.wave.draw(scenario)), name=scenario)


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
            life = _Lives(playing, part, random.Random(draw.random()), playing.folder / f"{number}.sqlite")
            group.create_task(life.to_the_end())


@define
class _Lives:
    """One bulk run and the lives it takes."""

    playing: Playing
    organizations: Sequence[str]
    draw: random.Random
    path: Path
    ended: dict[tuple[str, str | None], float] = field(factory=dict)
    cuts: list[list[float]] = field(factory=list)

    async def to_the_end(self) -> None:
        began = now()
        lives = self.draw.randint(0, 4)
        for life in range(MOST_LIVES):
            if self.cuts:
                self.cuts[-1][1] = now()
            whole = life >= lives
            await self._live(None if whole else self.draw.uniform(0.02, 3.0))
            if self._recorded is not None and self._recorded.finished is not None:
                break
        self._tell(began)

    @property
    def _recorded(self) -> Any:
        if not self.path.exists():
            return None
        with read_ledger(self.path) as contents:
            return contents.run

    async def _live(self, seconds: float | None) -> None:
        async with contextlib.AsyncExitStack() as stack:
            client = self.playing.large
            if self.draw.random() < 0.5:
                client = await stack.enter_async_context(self.playing.small(self.draw))
            # A client that is closed ends its runs in another way than one who leaves their block.
            end = client.aclose if client is not self.playing.large and self.draw.random() < 0.5 else None
            await self._run_for(self._begin(client), seconds, end)

    def _begin(self, client: PackCloudClient) -> SyncRun:
        ledger = SqliteLedger(self.path)
        if self._recorded is not None:
            return client.resume_many(ledger)
        wave = self.playing.wave
        return client.sync_many(
            self.organizations, kinds=wave.kinds, poll=wave.poll, max_in_flight=self.draw.choice([4, 20]), ledger=ledger
        )

    async def _run_for(self, run: SyncRun, seconds: float | None, end: Callable[[], Any] | None) -> None:
        ending: asyncio.Task[None] | None = None
        if end is not None and seconds is not None:
            ending = asyncio.create_task(_after(seconds, end))
            seconds = None
        try:
            async with asyncio.timeout(seconds), run:
                async for result in run:
                    if result.error is None:
                        self.ended[result.organization_id, result.integration_id] = now()
        except TimeoutError:
            pass
        finally:
            if ending is not None:
                ending.cancel()
                await asyncio.wait([ending])
        self.cuts.append([now(), now()])

    def _tell(self, began: float) -> None:
        with read_ledger(self.path) as contents:
            targets = list(contents.targets())
        last, cuts = now(), [(begins, ends) for begins, ends in self.cuts]
        for target in targets:
            organization = target.target.organization_id
            if target.state is TargetState.FAILED:
                self.playing.tell("ledger", organization, None, {}, began=began, error=target.error or "unknown")
            for job in target.jobs:
                states = read_token(job.token).kinds
                outcomes = {kind: state.outcome for kind, state in states.items() if state.outcome is not None}
                self.playing.tell(
                    "ledger",
                    organization,
                    job.integration_id,
                    outcomes,
                    began=began,
                    ended=self.ended.get((organization, job.integration_id), last),
                    error=job.error if job.finished else None,
                    cuts=cuts,
                )


async def _after(seconds: float, end: Callable[[], Any]) -> None:
    await asyncio.sleep(seconds)
    await end()


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


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()
