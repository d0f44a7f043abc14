"""The gate every request passes: so many at once, and none while the server asked for quiet."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from attrs import define, field


@define
class Gate:
    """First come, first served; ``slots`` requests at once.

    It stands before the connection pool, so that waiting for a turn is no part of any timeout.
    """

    slots: int
    _free: asyncio.Semaphore = field(init=False)
    _closed_until: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.slots)

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold one slot; entered only while the gate is open."""
        async with self._free:
            await self._until_open()
            yield

    async def _until_open(self) -> None:
        # Again after each wait: meanwhile another answer may have asked for more quiet.
        while (wait := self._closed_until - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(wait)

    def close_for(self, seconds: float) -> None:
        """Let nobody in for so many seconds; a shorter wish never shortens a longer one."""
        self._closed_until = max(self._closed_until, asyncio.get_running_loop().time() + seconds)
