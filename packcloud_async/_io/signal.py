"""Signal: wakes the one task that waits for it."""

import asyncio

from attrs import define


@define(eq=False)
class Signal:
    """An event for one waiter: a tenth of the memory of asyncio's, which counts where there is one per organization."""

    _is_set: bool = False
    _waiter: "asyncio.Future[None] | None" = None

    def set(self) -> None:
        """Wake who waits, or whoever waits next."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Forget what was set."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is set, if it is not."""
        while not self._is_set:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
