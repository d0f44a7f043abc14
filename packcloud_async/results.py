"""ResultQueue: the results of a bulk run on their way to the caller, and how the run ended."""

import asyncio

from attrs import define, field, frozen

from packcloud_async._sansio.outcomes import SyncResult

UNREAD_RESULTS_ALLOWED = 1_000


@frozen
class End:
    """The last thing in the queue: how the run itself ended."""

    error: BaseException | None


@define(eq=False)
class ResultQueue:
    """Results in the order they came. Whoever makes more waits while too many are not taken."""

    _queue: asyncio.Queue[SyncResult | End] = field(factory=asyncio.Queue, init=False)
    _taken: asyncio.Event = field(factory=asyncio.Event, init=False)
    _end: End | None = field(default=None, init=False)

    @property
    def end(self) -> End | None:
        """How the run ended, None until the last reader has seen it."""
        return self._end

    def put(self, item: SyncResult | End) -> None:
        """Add a result, or the end."""
        self._queue.put_nowait(item)

    async def get(self) -> SyncResult | None:
        """Take the next result, None at the end; the error the run ended with is raised once."""
        if self._end is not None:
            return None
        item = await self._queue.get()
        self._taken.set()
        if isinstance(item, SyncResult):
            return item
        self._end = item
        # Whoever else waits for a result is to see the end too.
        self._queue.put_nowait(item)
        if item.error is not None:
            raise item.error
        return None

    @property
    def piles_up(self) -> bool:
        """Whether more results are there than a caller who keeps up would leave."""
        return self._queue.qsize() > UNREAD_RESULTS_ALLOWED

    async def until_taken(self) -> None:
        """Wait while results pile up."""
        while self.piles_up:
            self._taken.clear()
            await self._taken.wait()
