"""Queue: the jobs of a fleet as its engine has them.

1. At most one trigger of an organization runs at a time, of whatever run: so one integration is never fired twice at
   once, and what one has fired the next one shares. That is the engine's ``lock``. A look has none: one that waits for
   its time would hold it.
2. At most one look of a target waits: the engine's ``queueing_lock``.
3. The priority of a trigger is its place in the line of all runs. A run that comes later begins where the others are,
   so that a large run does not keep a small one waiting, nor the other way round. Looks come before triggers: what was
   begun is finished first.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from attrs import define
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, UniqueViolation
from procrastinate.jobs import Job, Status

from packcloud_async._sansio.ledger_records import TargetRecord
from packcloud_async.fleet.database import Connection

NAME: Final = "packcloud"
TRIGGER: Final = "packcloud:trigger"
LOOK: Final = "packcloud:look"
RECOVER: Final = "packcloud:recover"
FIRST: Final = 1_000_000_000
"""The priority of looks; the engine takes a number of 32 bits."""
STEPS_OF_A_PLACE: Final = 100
"""An organization of weight 2 gets two places where others get one; the priority is a whole number."""


@define
class Queue:
    """Puts jobs into the engine, in transactions of the caller's."""

    app: App
    name: str = NAME

    async def begin_all(
        self, connection: Connection, run: int, targets: Sequence[tuple[int, TargetRecord]], *, after: int
    ) -> int:
        """Put a trigger for each target of a new run, by its number, into the line; return the last one's place."""
        jobs: list[Job] = []
        for number, target in targets:
            after += max(1, round(STEPS_OF_A_PLACE / target.weight))
            jobs.append(self._trigger(run, number, target.organization_id, priority=max(-FIRST, -after)))
        if jobs:
            await self.app.job_manager.batch_defer_jobs_async(jobs, connection=connection)
        return after

    async def trigger_again(self, connection: Connection, run: int, number: int, organization_id: str) -> None:
        """Put a trigger for what is left of a target before all others; nothing is done when one waits already."""
        await self._put(connection, self._trigger(run, number, organization_id, priority=0))

    async def look(self, connection: Connection, run: int, number: int, at: float) -> None:
        """Put a look at a target into the queue, for a wall-clock time; nothing is done when one waits already."""
        job = Job(
            queue=self.name,
            lock=None,
            queueing_lock=f"{LOOK} {run} {number}",
            task_name=LOOK,
            task_kwargs={"run": run, "target": number},
            scheduled_at=datetime.fromtimestamp(at, UTC),
            priority=FIRST,
        )
        await self._put(connection, job)

    async def _put(self, connection: Connection, job: Job) -> None:
        # A savepoint: what is refused would end the caller's transaction.
        with suppress(AlreadyEnqueued):
            async with connection.transaction():
                await self.app.job_manager.batch_defer_jobs_async([job], connection=connection)

    async def give_back(self, *, silent_for: float) -> int:
        """Put what workers hold that have been silent for so many seconds back into the queue; return how many."""
        manager = self.app.job_manager
        stalled = list(await manager.get_stalled_jobs(queue=self.name, seconds_since_heartbeat=silent_for))
        for job in stalled:
            try:
                await manager.retry_job(job)
            except UniqueViolation:
                # There is one that goes on already.
                await manager.finish_job(job, status=Status.FAILED, delete_job=True)
        return len(stalled)

    def _trigger(self, run: int, number: int, organization_id: str, *, priority: int) -> Job:
        return Job(
            queue=self.name,
            lock=f"{NAME} {json.dumps(organization_id)}",
            queueing_lock=f"{TRIGGER} {run} {number}",
            task_name=TRIGGER,
            task_kwargs={"run": run, "target": number},
            priority=priority,
        )

    async def place_of_the_others(self, connection: Connection) -> int:
        """Return the place of the trigger that is next in line, 0 if there is none."""
        rows = await connection.execute(
            "SELECT coalesce(-max(priority), 0) FROM procrastinate_jobs "
            "WHERE status = 'todo' AND queue_name = %s AND task_name = %s",
            (self.name, TRIGGER),
        )
        row = await rows.fetchone()
        assert row is not None
        return max(0, int(row[0]))
