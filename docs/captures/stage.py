"""Runs one command of a scene, on the terminal that is its stdin, against the embedded emulator.

What is real: the command line from its entry point, its terminal, its Ctrl-C. What is not, so that a second run writes
the same bytes: the emulator answers in memory and not on a port, time jumps instead of passing, and chance has a seed.
"""

import asyncio
import datetime
import fcntl
import os
import random
import shlex
import signal
import sys
import termios
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, Self

from attrs import define

from docs.captures.moments import Moment, marker
from docs.captures.scenes import SCENES, Act

if TYPE_CHECKING:
    from packcloud_async.emulator import Emulator

WORLD: Final = Path("..", "world.toml")
STATE: Final = Path("..", "state.json")
"""What the emulator knew at the end of the command before, beside the folder that commands are run in."""
ADDRESS: Final = "http://127.0.0.1:8080"
PATIENCE: Final = 30.0
"""Seconds that a key is waited for; a command that it never reaches ends with another exit code."""
DISTANCE: Final = 0.012
"""Seconds that every request takes; the latency of an emulator leaves out those that it does not know."""


@define
class Times:
    """The time of this process: that of the latest event loop, ``began`` seconds after the epoch of the emulator."""

    began: float = 0.0
    loop: asyncio.AbstractEventLoop | None = None

    def now(self) -> float:
        """Return the seconds since the process began."""
        return 0.0 if self.loop is None else self.loop.time()


TIMES: Final = Times()


class StagedDatetime(datetime.datetime):
    """Whose ``now`` is that of the emulator."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Self:
        """Return what the present second of the emulator is called."""
        epoch = cls(2026, 1, 1, tzinfo=datetime.UTC)
        return (epoch + datetime.timedelta(seconds=TIMES.began + TIMES.now())).astimezone(tz)


def run(act: Act) -> int:
    """Run a command and return its exit code."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # What was started in the background ignores it, and so would this process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    random.seed(0)
    # Before anything of the package takes the class by its name.
    vars(datetime)["datetime"] = StagedDatetime
    from packcloud_async.__main__ import main  # noqa: PLC0415 - not before the class is replaced
    from packcloud_async.emulator import Emulator, plans_from  # noqa: PLC0415 - as said above

    acting = [Emulator.from_file(STATE if STATE.exists() else WORLD, faults=plans_from(act.faults))]
    TIMES.began = acting[0].now
    _stage(acting, act.moments)
    try:
        return main(shlex.split(act.command)[1:])
    finally:
        sys.stdout.flush()
        acting[0].save(STATE)


def _stage(acting: "list[Emulator]", moments: Sequence[Moment]) -> None:
    """Put an emulator in place of the network, also the one that a command makes and serves, and let time jump."""
    import rich.console  # noqa: PLC0415 - not before the class is replaced

    import packcloud_async.client  # noqa: PLC0415 - as said above
    from packcloud_async._sansio.wire import Request, Response  # noqa: PLC0415 - as said above
    from packcloud_async.emulator import Emulator, Served  # noqa: PLC0415 - as said above
    from packcloud_async.testing import VirtualTimeLoop  # noqa: PLC0415 - as said above

    class Distant:
        """The transport of the emulator that acts, some way off."""

        def __init__(self, *_: object) -> None:
            self._transport = acting[0].transport()

        async def send(self, request: Request) -> Response:
            await asyncio.sleep(DISTANCE)
            return await self._transport.send(request)

        async def aclose(self) -> None:
            await self._transport.aclose()

    def new_loop() -> asyncio.AbstractEventLoop:
        loop = TIMES.loop = VirtualTimeLoop()
        for moment in moments:
            loop.call_at(moment.at, _mark, moment)
        return loop

    @asynccontextmanager
    async def serve(emulator: Emulator) -> AsyncGenerator[Served]:
        acting[0] = emulator
        yield Served(ADDRESS)

    vars(asyncio)["new_event_loop"] = new_loop
    vars(rich.console)["monotonic"] = TIMES.now
    vars(packcloud_async.client)["AiohttpTransport"] = Distant
    type.__setattr__(Emulator, "serve", serve)


def _mark(moment: Moment) -> None:
    """Tell whoever looks at the terminal that it is time, and wait for the key."""
    came: list[int] = []
    heed = signal.getsignal(signal.SIGINT)

    def heard(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if callable(heed):
            heed(number, frame)

    signal.signal(signal.SIGINT, heard)
    os.write(1, marker(moment))
    if moment.key:
        give_up_at = time.monotonic() + PATIENCE
        while not came and time.monotonic() < give_up_at:
            time.sleep(0.001)
        # The terminal shows the key after it has sent the signal.
        time.sleep(0.05)
    signal.signal(signal.SIGINT, heed)


if __name__ == "__main__":
    sys.exit(run(SCENES[sys.argv[1]].acts[int(sys.argv[2])]))
