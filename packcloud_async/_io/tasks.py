"""Tasks that somebody owns: waiting for their end, and what their errors really are."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def until_done(*tasks: "asyncio.Task[Any]", give_up_at: float | None = None) -> None:
    """Wait until all of these have ended, whatever they ended with.

    Being cancelled meanwhile does not cut the wait short, or the task would outlive its owner: the cancellation is
    raised when they are done. Only for tasks that were told to end. ``give_up_at`` is an instant of the loop's
    clock, None for never; a task that has not ended by then is a TimeoutError.
    """
    cancelled: asyncio.CancelledError | None = None
    now = asyncio.get_running_loop().time
    while not _all_done(tasks) and (give_up_at is None or now() < give_up_at):
        try:
            await asyncio.wait(tasks, timeout=None if give_up_at is None else give_up_at - now())
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    if not _all_done(tasks):
        raise TimeoutError


def _all_done(tasks: "Iterable[asyncio.Task[Any]]") -> bool:
    return all(task.done() for task in tasks)


async def to_its_end(acting: Coroutine[Any, Any, T]) -> T:
    """Carry something out in a task of its own; a cancellation meanwhile is raised when it is done."""
    task = asyncio.get_running_loop().create_task(acting)
    try:
        await until_done(task)
    finally:
        # What it failed with comes first: nobody else would ever tell.
        result = task.result()
    return result


def is_being_cancelled() -> bool:
    """Whether a CancelledError seen now is meant for this task, and not one of something it awaits."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def only_cause(error: BaseException) -> BaseException:
    """Take an error out of the groups that task groups wrap it in, as long as it is alone in them."""
    causes: tuple[BaseException, ...] = (error,)
    while len(causes) == 1:
        error = causes[0]
        causes = getattr(error, "exceptions", ())
    return error


def causes_of(error: BaseException) -> list[BaseException]:
    """Return the errors in the groups that task groups wrap them in; the error itself if it is no group."""
    grouped: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return [cause for one in grouped for cause in causes_of(one)] or [error]


def carry(cancelled: asyncio.CancelledError, seen: object) -> None:
    """Let a cancellation carry what the cancelled one had seen so far."""
    # Not a subclass: asyncio's timeouts of Python 3.11 know cancellations by their very class.
    vars(cancelled)[_SEEN] = seen


def carried_by(error: BaseException | None) -> object:
    """Return what a cancellation carries, None if nothing."""
    return None if error is None else vars(error).get(_SEEN)


_SEEN = "_packcloud_seen"
