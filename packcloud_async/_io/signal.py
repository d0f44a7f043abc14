"""Signal: wakes the one task that waits for it."""

import asyncio

from attrs import define


@define(eq=False)
class Signal:
    """An event for one waiter: a tenth of the memory of asyncio's, which counts where there is one per organization."""

    _is_set: bool = False
    _waiter: "asyncio.Future[None] | None" = None
    _alarm: asyncio.TimerHandle | None = None
    _rings_at: float = 0.0

    def set(self) -> None:
        """Wake who waits, or whoever waits next."""
        self._is_set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def set_at(self, instant: float) -> None:
        """Set it at this instant of the loop's clock, or sooner if that was asked for before."""
        if self._alarm is not None:
            if self._rings_at <= instant:
                return
            self._alarm.cancel()
        # Not asked of the handle: for an instant that is past, uvloop's has none.
        self._rings_at = instant
        self._alarm = asyncio.get_running_loop().call_at(instant, self._ring)

    def set_unless_by(self, instant: float) -> None:
        """Set it now, unless it is to be set by then anyway."""
        if self._alarm is None or self._rings_at > instant:
            self.set()

    def silence(self) -> None:
        """Forget at which instant it was to be set."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        self._alarm = None
        self.set()

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
