"""TargetLedger: what one worker writes of one target, while no other has taken it up."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from attrs import define, field

from packcloud_async._io.group_commit import GroupCommit
from packcloud_async._sansio.ledger_book import Batch, Book, Opened
from packcloud_async._sansio.ledger_records import RunRecord, UnfinishedTarget
from packcloud_async.booked_ledger import BookedLedger
from packcloud_async.errors import LedgerError
from packcloud_async.fleet import tables
from packcloud_async.fleet.database import Connection, Pool, transaction
from packcloud_async.fleet.holding import TakenUp, check_held

JOBS_OF_A_TARGET = 1 << 24
"""So many numbers are kept for the jobs of each target: they are given out without asking the database."""

Then = Callable[[Connection], Awaitable[None]]
"""What is written in the transaction of the last batch."""


@define(eq=False)
class TargetLedger(BookedLedger):
    """The ledger of one target; it is written with the pool of the worker, and closed with :meth:`close`.

    ``epoch`` is the number of this take-up of the target: once there is a later one, everything is refused.
    """

    pool: Pool
    place: str
    run: int
    target: int
    epoch: int
    _commits: GroupCommit = field(init=False)
    _one_at_a_time: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _failure: Exception | None = field(default=None, init=False)

    @classmethod
    def of(cls, pool: Pool, place: str, taken: TakenUp) -> "TargetLedger":
        """Make that of a target that was just taken up."""
        ledger = cls(pool, place, taken.run, taken.target.number, taken.epoch)
        first = taken.target.number * JOBS_OF_A_TARGET
        book = Book.of(Opened(taken.record, taken.target.number, max(taken.last_job, first)))
        loop = asyncio.get_running_loop()
        ledger._commits = GroupCommit(book, lambda batch: loop.create_task(ledger._commit(batch)), loop)
        return ledger

    @property
    def _open_commits(self) -> GroupCommit:
        return self._commits

    @property
    def commits(self) -> int:
        return self._commits.commits

    async def open(self) -> RunRecord | None:
        """Not needed: it is open from the first."""
        raise NotImplementedError

    async def unfinished(self, *, after: int = 0, limit: int = 100) -> Sequence[UnfinishedTarget]:
        """Return the target, if somebody has to go on with it."""
        await self._commits.flush()
        async with transaction(self.pool, self.place) as connection:
            found = await tables.unfinished(connection, self.run, after=max(after, self.target - 1), limit=1)
        return [target for target in found if target.number == self.target][:limit]

    async def aclose(self) -> None:
        """Write what was told."""
        await self.close(_nothing_more)

    async def close(self, then: Then) -> None:
        """Write what was told and was not written, and ``then`` something more, all of it or nothing."""
        loop = asyncio.get_running_loop()
        await self._commits.end(lambda last: loop.create_task(self._commit(last, then)))

    async def _commit(self, batch: Batch, then: Then | None = None) -> None:
        async with self._one_at_a_time:
            # Only now: the one before may have failed meanwhile, and a gap in what is recorded would look like truth.
            if self._failure is not None:
                raise self._failure
            try:
                async with transaction(self.pool, self.place) as connection:
                    await check_held(connection, self.run, self.target, self.epoch)
                    await tables.write(connection, self.run, batch)
                    if then is not None:
                        await then(connection)
            except BaseException as error:
                # Whether it was committed is not known either when it was cut off.
                self._failure = error if isinstance(error, Exception) else LedgerError("its writing was cut off")
                raise


async def _nothing_more(_: Connection) -> None:
    pass
