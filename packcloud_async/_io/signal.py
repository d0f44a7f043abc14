"""Signal and Bell: what wakes tasks, at a tenth of the memory of asyncio's event."""

import asyncio

from attrs import define


@define(eq=False)
class Signal:
    """An event for one waiter; there is one for each organization."""

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


@define(eq=False)
class Bell:
    """Wakes all who wait when it rings, and remembers nothing; there is one for each job."""

    _waiting: "tuple[asyncio.Future[None], ...]" = ()

    def ring(self) -> None:
        """Wake whoever waits."""
        waiting, self._waiting = self._waiting, ()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    def next(self) -> "asyncio.Future[None]":
        """Return what is done when it rings next, for one task to await."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Those who were cancelled wait no more.
        self._waiting = (*(waiter for waiter in self._waiting if not waiter.done()), mine)
        return mine
