"""Whether time jumps where a test asked for that: on a loop of real time it would wait for hours."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from packcloud_async.testing.virtual_time import VirtualTimeLoop

P = ParamSpec("P")
T = TypeVar("T")


class NotHeeded(Exception):
    """The test runs on a loop that waits."""

    def __init__(self, loop: str) -> None:
        super().__init__(
            f"virtual_time=True is not heeded: this test runs on {loop}, which waits. The marker must "
            "stand on the test, its class or its module, not on one of its parameters; pytest-asyncio or anyio's "
            "plugin must run it, not unittest; and it must share no async fixture of a wider scope with tests of real "
            "time. virtual_time=False takes a test out."
        )


def on_virtual_time(test: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return the test, to be refused with :class:`NotHeeded` on any other loop than :class:`VirtualTimeLoop`."""

    @functools.wraps(test)
    async def checked(*arguments: P.args, **named: P.kwargs) -> T:
        if not isinstance(loop := asyncio.get_running_loop(), VirtualTimeLoop):
            raise NotHeeded(type(loop).__name__)
        return await test(*arguments, **named)

    return checked
