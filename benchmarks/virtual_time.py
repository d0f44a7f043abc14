"""Run a benchmark on a loop whose time jumps to the next timer, with seeded draws: the same run every time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tests.support.jumping_loop import JumpingLoop

T = TypeVar("T")


class _Loop(JumpingLoop):
    """Without the checks of the tests' loop, which nobody's own loop makes and which would be measured as well."""

    def set_debug(self, enabled: bool) -> None:
        asyncio.SelectorEventLoop.set_debug(self, enabled)


def run(main: Callable[[], Awaitable[T]], *, seed: int = 1) -> T:
    """Run it to its end and return its value; ``seed`` is for the jitter the client draws."""
    random.seed(seed)
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(_awaited(main))


def now() -> float:
    """Return the virtual second."""
    return asyncio.get_running_loop().time()


async def _awaited(main: Callable[[], Awaitable[T]]) -> T:
    return await main()
