"""BookedLedger: what every ledger of this package does with what it is told, wherever it keeps it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from packcloud_async._io.group_commit import GroupCommit
from packcloud_async._sansio.ledger_book import Book, Recorded
from packcloud_async._sansio.ledger_records import NewJob, RunRecord, TargetRecord

T = TypeVar("T")


class BookedLedger(ABC):
    """Collects what it is told in a book, which group commits write; see :class:`~packcloud_async.Ledger`."""

    @property
    @abstractmethod
    def _open_commits(self) -> GroupCommit:
        """The commits of the open ledger; raises :class:`LedgerError` when it is not open, or not here."""

    @property
    @abstractmethod
    def commits(self) -> int:
        """How many commits were made since it was opened; 0 when it is closed."""

    def begin(self, run: RunRecord) -> None:
        """See :meth:`Ledger.begin`."""
        self._tell(lambda book: book.begin(run))

    def add_targets(self, targets: Sequence[TargetRecord]) -> Sequence[int]:
        """See :meth:`Ledger.add_targets`."""
        return self._tell(lambda book: book.add_targets(targets))

    def add_jobs(self, target: int, jobs: Sequence[NewJob]) -> Sequence[int]:
        """See :meth:`Ledger.add_jobs`."""
        return self._tell(lambda book: book.add_jobs(target, jobs))

    def target_failed(self, target: int, error: str) -> None:
        """See :meth:`Ledger.target_failed`."""
        self._tell(lambda book: book.target_failed(target, error))

    def record(self, job: int, token: str, *, finished: bool = False, error: str | None = None) -> None:
        """See :meth:`Ledger.record`; ``error`` None means that there is none."""
        self._tell(lambda book: book.record(job, Recorded(token, finished, error)))

    def finish(self) -> None:
        """See :meth:`Ledger.finish`."""
        self._tell(lambda book: book.finish(datetime.now(UTC)))

    async def flush(self) -> None:
        """See :meth:`Ledger.flush`."""
        await self._open_commits.flush()

    def _tell(self, tell: Callable[[Book], T]) -> T:
        commits = self._open_commits
        told = tell(commits.book)
        commits.told()
        return told
