"""What a worker does not finish once it is told to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from packcloud_async._io.tasks import until_done

T = TypeVar("T")


async def nothing() -> None:
    """Do nothing before something is cut off."""


async def unless_stopped(
    doing: Coroutine[Any, Any, T], stopping: asyncio.Event, *, first: Callable[[], Awaitable[None]] = nothing
) -> "asyncio.Task[T] | None":
    """Carry something out; return it with its result, or None when it was cut off because ``stopping`` was set.

    ``first`` is awaited before it is cut off.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(doing, name="until the worker stops")
    stopped = loop.create_task(stopping.wait(), name="wait for the end of the worker")
    is_over = False
    try:
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        is_over = task.done()
        if not is_over:
            await first()
    finally:
        stopped.cancel()
        task.cancel()
        await until_done(task, stopped)
        if not is_over and not task.cancelled():
            # Whoever goes on with it meets the same again.
            task.exception()
    return task if is_over else None
