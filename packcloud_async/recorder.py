"""Recorder: writes down what happens to the jobs of one organization, if the run has a ledger."""

import asyncio
from collections.abc import Callable

from attrs import define, field

from packcloud_async._sansio.ledger_records import error_text
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async._sansio.token import JobRecord, write_token
from packcloud_async.errors import ClientStateError, LedgerError, PackCloudError
from packcloud_async.job_telling import JobTelling
from packcloud_async.models import Integration, SyncKind
from packcloud_async.run_context import RunContext


@define(eq=False)
class Recorder:
    """Knows a job by its number in the ledger, 0 for one that is not in it.

    ``broken`` is why the ledger cannot be written any more, None while it can; ``when_broken`` is called then.
    """

    run: RunContext
    organization_id: str
    when_broken: Callable[[], None]
    broken: LedgerError | None = field(default=None, init=False)

    def record(
        self,
        integration_id: str,
        progress: SyncProgress,
        number: int,
        *,
        sent_at: float | None = None,
        finished: bool = False,
        error: PackCloudError | None = None,
    ) -> None:
        """Write down how far a job has come; ``sent_at`` is when its last POST was to leave."""
        ledger = self.run.ledger
        if ledger is None or not number:
            return
        text = None if error is None else error_text(error)
        token = self.token(integration_id, progress, sent_at)
        try:
            ledger.record(number, token, finished=finished, error=text)
        except LedgerError as broken:
            self.broken = broken
            self.when_broken()

    def token(self, integration_id: str, progress: SyncProgress, sent_at: float | None = None) -> str:
        """Return what resumes a job as it stands."""
        # Until the job is watched, its window begins with its last POST, for whoever has to go on with it.
        watched = None if sent_at is None or progress.unsent else self.run.wall_clock_of(sent_at)
        return write_token(
            JobRecord(
                organization_id=self.organization_id,
                integration_id=integration_id,
                poll=progress.policy,
                on_conflict=self.run.on_conflict,
                started=self.run.wall_clock_of(progress.started_at),
                watched=watched,
                kinds=progress.kinds,
            ).at(progress)
        )


@define(eq=False)
class JobLine:
    """Writes down what happens to one job before it is watched; ``telling`` None means that there are no hooks."""

    recorder: Recorder
    integration_id: str
    progress: SyncProgress
    number: int
    telling: JobTelling | None = None
    sent_at: float | None = None

    def baseline_read(self, integration: Integration, *, shared: bool) -> None:  # noqa: ARG002 - the machine has it
        self.record()

    async def sending(self, kind: SyncKind) -> None:
        run = self.recorder.run
        run.posts.add((self, kind))
        if run.senders.is_closed:
            raise ClientStateError("the bulk run was stopped before this was sent")
        ledger = run.ledger
        if ledger is not None and self.number:
            self.sent_at = asyncio.get_running_loop().time()
            self.record()
            await ledger.flush()

    def unsent(self, kind: SyncKind) -> None:
        self.record()
        self.recorder.run.posts.discard((self, kind))

    def fired(self, kind: SyncKind, error: PackCloudError | None, *, shared: bool) -> None:
        self.record()
        if self.telling is not None:
            self.telling.fired(kind, error, shared=shared)
        self.recorder.run.posts.discard((self, kind))

    def retrying(self, kind: SyncKind | None, details: RetryDetails) -> None:
        pass

    def record(self) -> None:
        """Write down how far it has come."""
        if self.number:
            self.recorder.record(self.integration_id, self.progress, self.number, sent_at=self.sent_at)
