"""Bulk runs with ledgers that end in the middle, and are gone on with."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field

from benchmarks.soaking.playing import Playing, now
from packcloud_async import PackCloudClient, SqliteLedger, SyncRun, TargetState, read_ledger
from packcloud_async._sansio.token import read_token

MOST_LIVES = 12
"""A run that is not at its end after so many lives never comes there."""


@define
class Lives:
    """One bulk run and the lives it takes."""

    playing: Playing
    organizations: Sequence[str]
    draw: random.Random
    path: Path
    ended: dict[tuple[str, str | None], float] = field(factory=dict)
    cuts: list[list[float]] = field(factory=list)

    async def to_the_end(self) -> None:
        """Take the run to its end, and write down what its ledger says."""
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
