"""Queue: the jobs of a fleet as its engine has them.

1. At most one trigger of an organization runs at a time, of whatever run: so one integration is never fired twice at
   once, and what one has fired the next one shares. That is the engine's ``lock``. A look has none: one that waits for
   its time would hold it.
2. At most one look of a target waits: the engine's ``queueing_lock``. One that is not due for long is not in the queue
   yet: whoever asks the engine for a job goes past all that wait for their time.
3. The priority of a trigger is its place in the line of all runs. A run that comes later begins where the others are,
   so that a large run does not keep a small one waiting, nor the other way round. Looks come before triggers: what was
   begun is finished first.
"""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from attrs import define
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import Job

from packcloud_async._sansio.ledger_records import TargetRecord
from packcloud_async.fleet.database import Connection

NAME: Final = "packcloud"
TRIGGER: Final = "packcloud:trigger"
LOOK: Final = "packcloud:look"
RECOVER: Final = "packcloud:recover"
FIRST: Final = 1_000_000_000
"""The priority of looks; the engine takes a number of 32 bits."""
AGAIN: Final = 0
"""The priority of what is begun again: it had its place in the line already."""
BEHIND_ALL: Final = -FIRST - 1
"""The priority of what belongs to another server: whatever is higher need not wait for it, whatever lock they share."""
AHEAD: Final = 20.0
"""Seconds before its time that a look is put into the queue: four times as long as from one recovery to the next."""
STEPS_OF_A_PLACE: Final = 100
"""An organization of weight 2 gets two places where others get one; the priority is a whole number."""


def place_behind(place: int, weight: float) -> int:
    """Return the place in the line of a target that comes behind another one."""
    return min(FIRST, place + max(1, round(min(FIRST, STEPS_OF_A_PLACE / weight))))


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
            after = place_behind(after, target.weight)
            jobs.append(self._trigger(run, number, target.organization_id, priority=-after))
        if jobs:
            await self.app.job_manager.batch_defer_jobs_async(jobs, connection=connection)
        return after

    async def trigger_again(self, connection: Connection, run: int, number: int, organization_id: str) -> None:
        """Put a trigger for what is left of a target before all others; nothing is done when one waits already."""
        await self._put(connection, self._trigger(run, number, organization_id, priority=AGAIN))

    async def trigger_behind_all(
        self, connection: Connection, run: int, number: int, organization_id: str, at: float
    ) -> None:
        """Put a trigger behind all others, for a wall-clock time; nothing is done when one waits already."""
        job = self._trigger(run, number, organization_id, priority=BEHIND_ALL)
        await self._put(connection, job.evolve(scheduled_at=datetime.fromtimestamp(at, UTC)))

    async def look(self, connection: Connection, run: int, number: int, at: float) -> None:
        """Put a look at a target into the queue, for a wall-clock time; nothing is done when one waits already."""
        await self._put(connection, self._look(run, number, at))

    async def look_at_all(self, connection: Connection, looks: Sequence[tuple[int, int, float]]) -> None:
        """Put looks into the queue, each by its run, target and wall-clock time, but for those that wait already."""
        if not looks:
            return
        jobs = [self._look(run, number, at) for run, number, at in looks]
        try:
            async with connection.transaction():
                await self.app.job_manager.batch_defer_jobs_async(jobs, connection=connection)
        except AlreadyEnqueued:
            for job in jobs:
                await self._put(connection, job)

    def _look(self, run: int, number: int, at: float) -> Job:
        return Job(
            queue=self.name,
            lock=None,
            queueing_lock=f"{LOOK} {run} {number}",
            task_name=LOOK,
            task_kwargs={"run": run, "target": number},
            scheduled_at=datetime.fromtimestamp(at, UTC),
            priority=FIRST,
        )

    async def _put(self, connection: Connection, job: Job) -> None:
        # A savepoint: what is refused would end the caller's transaction.
        with suppress(AlreadyEnqueued):
            async with connection.transaction():
                await self.app.job_manager.batch_defer_jobs_async([job], connection=connection)

    async def stalled(self, *, silent_for: float) -> Sequence[int]:
        """Return the ids of the jobs that workers hold which have been silent for so many seconds."""
        manager = self.app.job_manager
        stalled = await manager.get_stalled_jobs(queue=self.name, seconds_since_heartbeat=silent_for)
        return sorted(job.id for job in stalled if job.id is not None)

    async def held_by(self, connection: Connection, workers: Collection[int]) -> Sequence[int]:
        """Return the ids of the jobs that some of the engine's workers hold."""
        rows = await connection.execute(
            "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = %s AND worker_id = ANY(%s) "
            "ORDER BY id",
            (self.name, list(workers)),
        )
        return [job async for (job,) in rows]

    async def put_back(self, connection: Connection, job: int) -> None:
        """Have a job that is held begun again, before all others; nothing is done when it is over by now.

        It becomes another job: whoever holds it may be alive, and the engine would let him end what others hold then.
        """
        rows = await connection.execute(
            "DELETE FROM procrastinate_jobs WHERE id = %s AND status = 'doing' "
            "RETURNING task_name, args, lock, queueing_lock",
            (job,),
        )
        row = await rows.fetchone()
        # A recovery comes again anyway.
        if row is None or row[0] not in {TRIGGER, LOOK}:
            return
        name, arguments, lock, queueing_lock = row
        again = Job(
            queue=self.name,
            lock=lock,
            queueing_lock=queueing_lock,
            task_name=name,
            task_kwargs=arguments,
            priority=FIRST if name == LOOK else AGAIN,
        )
        await self._put(connection, again)

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
        # One that is begun again, or waits for another one of its organization, stayed behind while the line moved on.
        rows = await connection.execute(
            "SELECT -priority FROM procrastinate_jobs AS job "
            "WHERE status = 'todo' AND queue_name = %s AND task_name = %s AND priority > %s AND priority < %s "
            "AND attempts = 0 "
            "AND NOT EXISTS (SELECT FROM procrastinate_jobs AS other WHERE other.status = 'doing' "
            "AND other.lock = job.lock) ORDER BY priority DESC LIMIT 1",
            (self.name, TRIGGER, BEHIND_ALL, AGAIN),
        )
        row = await rows.fetchone()
        return 0 if row is None else int(row[0])

    async def forget(self, connection: Connection, run: int) -> None:
        """Take whatever waits for a run out of the queue."""
        await connection.execute(
            "DELETE FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = %s AND task_name = ANY(%s) "
            "AND (args ->> 'run')::bigint = %s",
            (self.name, [TRIGGER, LOOK], run),
        )
