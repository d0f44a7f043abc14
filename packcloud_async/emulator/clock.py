"""Emulator seconds from an event loop's time."""

from asyncio import AbstractEventLoop, get_running_loop

from attrs import define, field


@define
class LoopClock:
    """Seconds since the first request, by the running loop; on another loop they go on where they stopped."""

    latest: float = 0.0
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

    def so_far(self) -> float:
        """Ask the running loop if it is the one asked before, else return the latest second anybody was told."""
        try:
            return self.now() if get_running_loop() is self._loop else self.latest
        except RuntimeError:
            return self.latest

    @property
    def began_at(self) -> float | None:
        """The loop's time at second 0, None before anybody asked."""
        return None if self._loop is None else -self._offset
