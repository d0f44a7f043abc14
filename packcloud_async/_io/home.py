"""Home: the process and the event loop that something belongs to, from its first use on."""

import asyncio
import os

from attrs import define, field


@define(eq=False, repr=False)
class Home:
    """Where something lives; ``name`` is what it is called in sentences."""

    name: str
    _process: int | None = field(default=None, init=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop it lives on, None before its first use."""
        return self._loop

    @property
    def is_elsewhere(self) -> bool:
        """Whether this process is a fork of the one it lives in, and what it holds open is the other's."""
        return self._process is not None and self._process != os.getpid()

    def objection(self, loop: asyncio.AbstractEventLoop | None = None) -> str | None:
        """Say why it cannot be used on the running loop, None if it can; who knows that loop gives it."""
        loop = loop or asyncio.get_running_loop()
        if loop is self._loop and self._process == os.getpid():
            return None
        if self.is_elsewhere:
            return (
                f"the {self.name} belongs to process {self._process}, of which this one is a fork; "
                f"make one {self.name} for each process"
            )
        if self._loop is None:
            self._process, self._loop = os.getpid(), loop
        return None if loop is self._loop else self._told_of_another_loop

    def objection_to_closing(self) -> str | None:
        """Say why it cannot be closed here, None if it can: its own loop may be gone, but not go on elsewhere."""
        loop = asyncio.get_running_loop()
        at_home = self._loop is None or self.is_elsewhere or loop is self._loop or self._loop.is_closed()
        return None if at_home else self._told_of_another_loop

    @property
    def _told_of_another_loop(self) -> str:
        return f"the {self.name} belongs to the event loop it was first used on; make one {self.name} for each loop"
