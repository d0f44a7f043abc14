"""TargetLook: one look at the jobs of one target that are watched."""

import asyncio
from collections.abc import Sequence

from attrs import define

from packcloud_async._sansio.ledger_records import UnfinishedJob
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async.fleet.schedule import Plan
from packcloud_async.fleet.stopping import unless_stopped
from packcloud_async.fleet.target_work import TargetWork, now, reads_of
from packcloud_async.watch import Watch
from packcloud_async.watched import Watched, parts_of


@define(eq=False)
class TargetLook(TargetWork):
    """Reads what is due, in as few requests as the watch of one process would."""

    async def look(self, stopping: asyncio.Event) -> None:
        """Read what is due now, and whatever becomes due meanwhile; what is read when ``stopping`` is set stays due."""
        watch, schedule = self.watch, self.taken.schedule
        if watch.is_idle:
            watch.known.pages, watch.known.singles_mislead = schedule.pages, schedule.singles_mislead
        for job in self.readable_jobs():
            progress = self.machine_of(job)
            if not _is_watched(progress):
                # Whoever fires the target goes on with it.
                self.left_unsent = True
                continue
            self._join(watch, job, progress, schedule.plans.get(job.number))
        try:
            reading = await unless_stopped(watch.until_read(), stopping)
        finally:
            await watch.leave([watched for parts in list(self.parts.values()) for watched in parts])
        if reading is not None:
            reading.result()
        self.raise_what_broke()

    def _join(self, watch: Watch, job: UnfinishedJob, progress: SyncProgress, plan: Plan | None) -> None:
        if plan is not None and plan.unfound_from is not None:
            progress.unfound_from = self.instant(plan.unfound_from)
        self.parts[job.number] = parts = self._parts_of(job, progress, plan)
        scheduled = [watched.scheduled_at for watched in parts]
        watch.join(parts)
        for watched, scheduled_at in zip(parts, scheduled, strict=True):
            # How early it may come to travel with others is counted from then.
            watched.scheduled_at = scheduled_at

    def _parts_of(self, job: UnfinishedJob, progress: SyncProgress, plan: Plan | None) -> Sequence[Watched]:
        planned, parts = reads_of(plan), list[Watched]()
        for probe, kinds in parts_of(progress):
            read = planned.get(probe)
            due_at = now() if read is None else self.instant(read.due_at)
            watched = Watched(
                job.integration_id,
                progress,
                self,
                kinds,
                probe,
                job.number,
                due_at,
                decides=read is not None and read.decides,
                scheduled_at=due_at if read is None else self.instant(read.scheduled_at),
                page=0 if plan is None else plan.page,
            )
            parts.append(watched)
        return parts


def _is_watched(progress: SyncProgress) -> bool:
    """Whether every POST of a job is known to have come to something, and its window is open."""
    return progress.watched_from is not None and all(progress.is_answered(kind) for kind in progress.open_kinds)
