"""TargetFiring: the POSTs of one target, from its listing to where its jobs can be watched."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from attrs import define

from packcloud_async._io.tasks import causes_of
from packcloud_async._sansio.ledger_records import TargetState, UnfinishedJob, error_text
from packcloud_async.errors import ClientStateError, LedgerError, SyncError
from packcloud_async.fleet.stopping import unless_stopped
from packcloud_async.fleet.target_work import TargetWork
from packcloud_async.flights import Fired
from packcloud_async.organization_firing import OrganizationFiring, Start
from packcloud_async.organization_start import OrganizationStart
from packcloud_async.recorder import JobLine
from packcloud_async.run_context import cause_of, told
from packcloud_async.watch import Watch

logger = logging.getLogger("packcloud_async")


@define(eq=False)
class TargetFiring(TargetWork):
    """Fires what was not fired so far."""

    async def fire(self, others: Sequence[UnfinishedJob], stopping: asyncio.Event) -> None:
        """Fire it; ``others`` are what other targets have under way in the same organization, which is shared.

        Once ``stopping`` is set nothing more is sent, and the answers of what was sent are waited for.
        """
        watch = self.watch
        held = list(self._held(watch, others))
        try:
            start = OrganizationStart(self.run, self.client, watch, self.recorder, self.taken.target.number)
            if self.taken.target.state is TargetState.WAITING:
                listing = await unless_stopped(start.anew(), stopping)
                if listing is None:
                    self.left_unsent = True
                    return
                starts = listing.result()
            else:
                starts = list(start.resumed(self.readable_jobs()))
        except (LedgerError, ClientStateError):
            raise
        except Exception as error:  # noqa: BLE001 - one bad organization never stops the rest
            assert self.run.ledger is not None
            shown = told(error)
            # Of what is recorded only its class and status are left.
            logger.info("organization %s could not be started: %s", self.taken.target.target.organization_id, shown)
            self.run.ledger.target_failed(self.taken.target.number, error_text(shown))
            return
        await self._fire_until(stopping, self._fire_all(watch, starts))
        held.clear()

    def _held(self, watch: Watch, others: Iterable[UnfinishedJob]) -> Iterable[Fired]:
        """Let what others have fired be shared, as if it were watched here."""
        for other in others:
            try:
                progress = self.machine_of(other)
            except SyncError:
                # Whoever looks at that one tells.
                continue
            yield watch.flights.hold(other.integration_id, progress, keeps=watch)

    async def _fire_until(self, stopping: asyncio.Event, fire_all: Coroutine[Any, Any, None]) -> None:
        firing = await unless_stopped(fire_all, stopping, first=self._send_nothing_more)
        if firing is None:
            return
        try:
            firing.result()
        except ExceptionGroup as group:
            broken = [cause for cause in causes_of(group) if isinstance(cause, LedgerError)]
            cause = broken[0] if broken else cause_of(group)
            # What is behind it tells whether another worker has the target.
            raise cause from cause.__cause__
        self.raise_what_broke()

    async def _send_nothing_more(self) -> None:
        self.left_unsent = True
        self.run.senders.is_closed = True
        await self.run.posts.until_none()

    async def _fire_all(self, watch: Watch, starts: list[Start]) -> None:
        async with self.run.senders:
            await OrganizationFiring(self.run, self.client, watch, self.recorder, self).fire_all(starts)
            self.run.senders.close()

    def telling_of(self, start: Start) -> None:
        """Let nobody tell of the job itself: it begins and ends in different processes."""

    def fired(self, watch: Watch, start: Start, line: JobLine, failure: Exception | None) -> None:
        """Plan the looks at a job that is fired, or end it."""
        progress = start.progress
        try:
            parts = watch.begin(start.integration_id, progress, self, tag=start.number) if failure is None else ()
        except Exception as error:  # noqa: BLE001 - one bad integration never stops the rest
            failure, parts = error, ()
        if failure is not None or progress.is_done:
            self.end(start.integration_id, progress, start.number, failure)
            return
        for watched in parts:
            watched.page, watched.scheduled_at = start.page, asyncio.get_running_loop().time()
        self.parts[start.number] = parts
        line.record()
