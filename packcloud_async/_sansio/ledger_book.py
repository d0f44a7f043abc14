"""What a ledger was told and has not written yet, collected into batches.

1. Numbers are given out here, one process at a time, so nobody waits for the disk to learn them.
2. What one batch says twice of one job is written once, as it was said last.
3. What cannot follow what was told before raises :class:`IllegalStep` and changes nothing. Whether a target is still
   waiting is known to the file alone, which refuses the batch.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum, auto

from attrs import define, evolve, field, frozen

from packcloud_async._sansio.ledger_records import NewJob, RunRecord, TargetRecord, check_error_text
from packcloud_async._sansio.progress import IllegalStep


@frozen
class Recorded:
    """What was last said of a job."""

    token: str
    finished: bool = False
    error: str | None = None


@frozen
class FoundJob:
    """A job that the file does not have yet."""

    target: int
    integration_id: str
    recorded: Recorded


@define
class Batch:
    """What is written together, or not at all.

    ``settled`` are the targets that are waiting no more: None means that they were listed, a text why they failed.
    """

    run: RunRecord | None = None
    targets: dict[int, TargetRecord] = field(factory=dict[int, TargetRecord])
    settled: dict[int, str | None] = field(factory=dict[int, str | None])
    jobs: dict[int, FoundJob] = field(factory=dict[int, FoundJob])
    records: dict[int, Recorded] = field(factory=dict[int, Recorded])
    finished: datetime | None = None

    def __bool__(self) -> bool:
        return any((self.run, self.targets, self.settled, self.jobs, self.records, self.finished))


@frozen
class Opened:
    """What a ledger held when it was opened; the numbers are the last ones given out, 0 for none."""

    run: RunRecord | None = None
    last_target: int = 0
    last_job: int = 0


class _Stage(Enum):
    NEW = auto()
    BEGUN = auto()
    FINISHED = auto()


@define
class Book:
    """Takes what is told, gives out numbers, and hands over what is to be written."""

    _stage: _Stage
    _last_target: int
    _last_job: int
    _batch: Batch = field(factory=Batch)

    @classmethod
    def of(cls, opened: Opened) -> "Book":
        """Go on from what a ledger holds."""
        return cls(_stage_of(opened.run), opened.last_target, opened.last_job)

    def __bool__(self) -> bool:
        return bool(self._batch)

    def take(self) -> Batch:
        """Hand over what was told since the last time."""
        batch, self._batch = self._batch, Batch()
        return batch

    def begin(self, run: RunRecord) -> None:
        """Tell what the run is asked to do."""
        self._require(self._stage is _Stage.NEW, "a ledger holds one run, and this one holds one already")
        self._batch.run = run
        self._stage = _Stage.BEGUN

    def add_targets(self, targets: Sequence[TargetRecord]) -> range:
        """Tell targets whose jobs are not known yet; return their numbers."""
        self._require_begun()
        numbers = range(self._last_target + 1, self._last_target + 1 + len(targets))
        self._batch.targets.update(zip(numbers, targets, strict=True))
        self._last_target += len(targets)
        return numbers

    def add_jobs(self, target: int, jobs: Sequence[NewJob]) -> range:
        """Tell all the jobs of a target; return their numbers."""
        numbers = range(self._last_job + 1, self._last_job + 1 + len(jobs))
        self._settle(target, None)
        for number, job in zip(numbers, jobs, strict=True):
            self._batch.jobs[number] = FoundJob(target, job.integration_id, Recorded(job.token))
        self._last_job += len(jobs)
        return numbers

    def target_failed(self, target: int, error: str) -> None:
        """Tell that a target could not be started."""
        self._settle(target, check_error_text(error))

    def record(self, job: int, recorded: Recorded) -> None:
        """Tell how a job stands; it replaces what was told of it before."""
        self._require_begun()
        self._require(1 <= job <= self._last_job, f"there is no job {job!r} in this ledger")
        check_error_text(recorded.error)
        if job in self._batch.jobs:
            self._batch.jobs[job] = evolve(self._batch.jobs[job], recorded=recorded)
        else:
            self._batch.records[job] = recorded

    def finish(self, at: datetime) -> None:
        """Tell that every target is done."""
        self._require_begun()
        self._batch.finished = at
        self._stage = _Stage.FINISHED

    def _settle(self, target: int, error: str | None) -> None:
        self._require_begun()
        self._require(1 <= target <= self._last_target, f"there is no target {target!r} in this ledger")
        self._require(target not in self._batch.settled, f"target {target!r} is not waiting any more")
        self._batch.settled[target] = error

    def _require_begun(self) -> None:
        self._require(self._stage is not _Stage.NEW, "the ledger holds no run yet: begin one first")
        self._require(self._stage is not _Stage.FINISHED, "the run in this ledger is finished")

    @staticmethod
    def _require(legal: bool, otherwise: str) -> None:
        if not legal:
            raise IllegalStep(otherwise)


def _stage_of(run: RunRecord | None) -> _Stage:
    if run is None:
        return _Stage.NEW
    return _Stage.BEGUN if run.finished is None else _Stage.FINISHED
