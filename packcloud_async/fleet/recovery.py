"""Recovery: what one worker does for all, about what nobody goes on with, and about its own that the engine forgot."""

import asyncio
import logging
import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from attrs import define, field
from procrastinate.jobs import Job

from packcloud_async.errors import LedgerError
from packcloud_async.fleet.database import Pool, told_of, transaction
from packcloud_async.fleet.holding import (
    alone_in_searching,
    coming_looks,
    finish_if_over,
    orphans,
    over_and_not_finished,
)
from packcloud_async.fleet.queue import AHEAD, Queue

logger = logging.getLogger("packcloud_async")

SEARCHED_SELDOM: Final = 20
"""After a search for what nobody goes on with there is none for so many times as long as it took."""
TOGETHER: Final = 1_000
"""So many looks are put into the queue with one statement."""


@define(eq=False)
class Recovery:
    """Looks for what is left behind; after ``silent_for`` seconds without a sign of life a worker counts as dead."""

    pool: Pool
    place: str
    queue: Queue
    silent_for: float
    # Ids of the engine: the jobs at work here, the workers that held them, and since when a job is no more at work.
    _held: set[int] = field(factory=set[int], init=False)
    _workers: set[int] = field(factory=set[int], init=False)
    _forgotten: dict[int, float] = field(factory=dict[int, float], init=False)
    _search_at: float = field(default=-math.inf, init=False)

    @contextmanager
    def holding(self, job: Job) -> Generator[None]:
        """Know a job of the engine to be at work here while the block lasts."""
        assert job.id is not None
        self._held.add(job.id)
        if job.worker_id is not None:
            self._workers.add(job.worker_id)
        try:
            yield
        finally:
            self._held.discard(job.id)

    async def recover(self) -> None:
        """Put back what dead workers held, put near looks into the queue, begin again whatever nobody goes on with."""
        try:
            await self._recover()
        except LedgerError as error:
            # Told here, because the engine would keep a failed job of each: it comes again in five seconds.
            logger.warning("what others left behind could not be gone on with: %s", error)

    async def _recover(self) -> None:
        await self._put_near_looks()
        for job in await self._stalled():
            await self._put_back(job)
        now = asyncio.get_running_loop().time
        if (began := now()) < self._search_at:
            return
        async with transaction(self.pool, self.place) as connection:
            if not await alone_in_searching(connection):
                return
            for run in await over_and_not_finished(connection):
                await finish_if_over(connection, run)
            for orphan in await orphans(connection):
                if orphan.is_to_be_fired:
                    await self.queue.trigger_again(connection, orphan.run, orphan.number, orphan.organization_id)
                else:
                    await self.queue.look(connection, orphan.run, orphan.number, 0.0)
        # It looks at everything that is not done: not more than a small part of the time is spent on that.
        self._search_at = now() + SEARCHED_SELDOM * (now() - began)

    async def _put_near_looks(self) -> None:
        is_full = True
        while is_full:
            async with transaction(self.pool, self.place) as connection:
                looks = await coming_looks(connection, within=AHEAD, at_most=TOGETHER)
                await self.queue.look_at_all(connection, looks)
            is_full = len(looks) == TOGETHER

    async def _stalled(self) -> Sequence[int]:
        with told_of(self.place):
            return await self.queue.stalled(silent_for=self.silent_for)

    async def _put_back(self, job: int) -> None:
        # Each on its own: none waits for what another recovery holds.
        async with transaction(self.pool, self.place) as connection:
            await self.queue.put_back(connection, job)

    async def put_back_forgotten(self) -> None:
        """Put back what the engine holds to be at work here and has been forgotten for ``silent_for`` seconds.

        The engine does not try again to tell its database that a job has ended: a connection that breaks at that
        moment, or another job of the same name that waits already, and it would be at work for ever.
        """
        async with transaction(self.pool, self.place) as connection:
            held = await self.queue.held_by(connection, self._workers)
        now = asyncio.get_running_loop().time()
        self._forgotten = {job: self._forgotten.get(job, now) for job in held if job not in self._held}
        for job, since in list(self._forgotten.items()):
            if now - since >= self.silent_for:
                await self._put_back(job)
