"""The tasks of a fleet, as its engine knows them."""

import asyncio
import logging
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final, cast

from procrastinate import Blueprint, JobContext, RetryStrategy

from packcloud_async.errors import ClientStateError, LedgerError
from packcloud_async.fleet.database import TakenOver
from packcloud_async.fleet.queue import FIRST, LOOK, NAME, RECOVER, TRIGGER
from packcloud_async.fleet.work import Work

logger = logging.getLogger("packcloud_async")

WORK: Final = "packcloud_work"
"""Where a worker finds what it works with, in the additional context the engine passes on."""

GIVEN_UP_AFTER: Final = 4
"""So many times what ended in an error of the program is tried again, half a minute in all."""

# A database that is away for a while: what is given up in the end is begun again by the next recovery. A trigger keeps
# its lock while it waits, so that no wait is a long one.
_RETRY: Final = RetryStrategy(max_attempts=8, wait=2, linear_wait=3)


def blueprint() -> Blueprint:
    """Return the tasks, to be added to an app."""
    tasks = Blueprint()

    @tasks.task(name=_own(TRIGGER), queue=NAME, retry=_RETRY, pass_context=True)
    async def trigger(context: JobContext, *, run: int, target: int) -> None:
        """List one target and fire it."""
        work = _work_of(context)
        with _at_work(context, work), _unless_taken_over():
            await _or_give_up(work.trigger(run, target), context, run, target)

    @tasks.task(name=_own(LOOK), queue=NAME, retry=_RETRY, pass_context=True)
    async def look(context: JobContext, *, run: int, target: int) -> None:
        """Read what is due in one target."""
        work = _work_of(context)
        with _at_work(context, work), _unless_taken_over():
            await _or_give_up(work.look(run, target), context, run, target)

    @tasks.periodic(cron="* * * * * */5", queueing_lock=RECOVER)
    @tasks.task(name=_own(RECOVER), queue=NAME, pass_context=True, priority=FIRST + 1)
    async def recover(context: JobContext, timestamp: int) -> None:  # noqa: ARG001 - the engine gives it
        """Begin again what dead workers left behind."""
        work = _work_of(context)
        with _at_work(context, work):
            await work.recover()

    return tasks


def _own(name: str) -> str:
    # The engine puts the name of the fleet before it.
    return name.removeprefix(f"{NAME}:")


def _work_of(context: JobContext) -> Work:
    return cast("Work", context.additional_context[WORK])


@contextmanager
def _at_work(context: JobContext, work: Work) -> Generator[None]:
    """Know a job to be at work here while the block lasts."""
    job = asyncio.current_task()
    assert job is not None
    job.add_done_callback(_look_at_its_end)
    with work.holding(context.job):
        yield


def _look_at_its_end(job: "asyncio.Task[Any]") -> None:
    # The engine never looks whether it could write that a job has ended, and a task nobody looks at is a traceback
    # on stderr. Nothing is lost: Work puts back what the engine takes to be at work.
    if not job.cancelled() and (error := job.exception()) is not None:
        logger.debug("the end of a job of the engine could not be written: %s", type(error).__name__)


async def _or_give_up(work: Coroutine[Any, Any, None], context: JobContext, run: int, target: int) -> None:
    """Do it; an error of the program that comes again and again ends the target, or its run would never be finished."""
    try:
        await work
    except (LedgerError, ClientStateError):
        raise
    except Exception as error:
        if context.job.attempts < GIVEN_UP_AFTER:
            raise
        await _work_of(context).give_up(run, target, error)


@contextmanager
def _unless_taken_over() -> Generator[None]:
    """Let a job end quietly whose target another worker has: a retry would take it away again."""
    try:
        yield
    except LedgerError as error:
        if not isinstance(error.__cause__, TakenOver):
            raise
