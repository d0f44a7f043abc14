"""Worker: runs the engine's worker for a fleet, through absences of its database, until it is told to stop."""

import asyncio
import logging
import math
import signal
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from typing import Final

from attrs import define
from procrastinate import App
from procrastinate.exceptions import ConnectorException, TaskAlreadyRegistered, UniqueViolation
from procrastinate.jobs import DeleteJobCondition
from psycopg_pool import PoolTimeout

from packcloud_async._io.tasks import until_done
from packcloud_async.errors import ConfigurationError, LedgerError
from packcloud_async.fleet.queue import NAME
from packcloud_async.fleet.tasks import WORK, blueprint
from packcloud_async.fleet.work import Work

logger = logging.getLogger("packcloud_async")

LOOKS_EVERY: Final = 0.5
"""Seconds between two looks for jobs whose time has come; the engine is notified of those that are due at once."""

SIGN_OF_LIFE_EVERY: Final = 1.0
"""Seconds: not a part of the worker's own ``silent_for``, because others look at it, each with its own."""

AWAY: Final = (ConnectorException, PoolTimeout, OSError)
PATIENCE: Final = 2.0
"""Seconds before a database that went away is tried again."""


def check_silence(seconds: object) -> None:
    """Refuse what cannot be the seconds after which a worker without a sign of life counts as dead."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 1 <= seconds < math.inf:
        raise ConfigurationError(f"silent_for must be a number of seconds, at least 1, not {seconds!r:.50}")


@define(eq=False)
class Worker:
    """One worker of a fleet, in this process."""

    app: App
    work: Work
    concurrency: int

    async def run(self, stop_on: Collection[signal.Signals]) -> None:
        """Work until it is cancelled or told to stop."""
        with suppress(TaskAlreadyRegistered):
            self.app.add_tasks_from(blueprint(), namespace=NAME)
        reminding = asyncio.get_running_loop().create_task(self._remind(), name="put back what is forgotten")
        try:
            with self._stopped_by(stop_on):
                while not self.work.stopping.is_set():
                    await self._run_until_it_breaks()
        finally:
            reminding.cancel()
            await until_done(reminding)

    async def _run_until_it_breaks(self) -> None:
        try:
            await self._run_once()
        except UniqueViolation:
            # Two workers took two jobs with one lock at the same moment.
            logger.debug("another worker was given a job of the same organization; going on")
            return
        except AWAY as error:
            logger.warning("the database of the fleet is away (%s); trying again", type(error).__name__)
        # A task beside the engine's worker may have ended it, for a reason that lasts.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.work.stopping.wait(), PATIENCE)

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(self.work.silent_for / 3)
            # What is away comes back.
            with suppress(LedgerError):
                await self.work.put_back_forgotten()

    async def _run_once(self) -> None:
        silent_for = self.work.silent_for
        running = asyncio.get_running_loop().create_task(
            self.app.run_worker_async(
                queues=[NAME],
                concurrency=self.concurrency,
                fetch_job_polling_interval=LOOKS_EVERY,
                delete_jobs=DeleteJobCondition.SUCCESSFUL,
                additional_context={WORK: self.work},
                install_signal_handlers=False,
                update_heartbeat_interval=min(SIGN_OF_LIFE_EVERY, silent_for / 3),
                stalled_worker_timeout=silent_for,
            ),
            name="worker of a fleet",
        )
        stopped = asyncio.get_running_loop().create_task(
            self.work.stopping.wait(), name="wait for the end of the worker"
        )
        try:
            await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            # To the engine a cancellation is the wish to end in good order.
            if not running.done():
                self.work.stopping.set()
            stopped.cancel()
            running.cancel()
            await until_done(running, stopped)
        if not running.cancelled():
            running.result()

    @contextmanager
    def _stopped_by(self, signals: Collection[signal.Signals]) -> Generator[None]:
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in signals}
        for number in signals:
            loop.add_signal_handler(number, self.work.stopping.set)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                # The loop puts back Python's own, whatever was there.
                if handler is not None:
                    signal.signal(number, handler)
