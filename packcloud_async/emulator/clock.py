"""Emulator seconds from an event loop's time."""

from asyncio import AbstractEventLoop, get_running_loop

from attrs import define, field


@define
class LoopClock:
    """Seconds since the first request, by the running loop; on another loop they go on where they stopped."""

    latest: float = field(default=0.0, init=False)
    """The latest second anybody was told."""
    _loop: AbstractEventLoop | None = field(default=None, init=False)
    _offset: float = field(default=0.0, init=False)

    def now(self) -> float:
        """Ask the running loop."""
        loop = get_running_loop()
        if loop is not self._loop:
            self._loop, self._offset = loop, self.latest - loop.time()
        self.latest = loop.time() + self._offset
        return self.latest

    @property
    def began_at(self) -> float | None:
        """The loop's time at second 0, None before anybody asked."""
        return None if self._loop is None else -self._offset
