"""The ledger: the write-ahead record of a bulk run, which outlives the process.

What a run is about to do is told to it first, ``flush`` waits until that is durable, and only then it is done. What
was told is read back by whoever opens the ledger next.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from attrs import frozen

from packcloud_async._io.group_commit import GroupCommit, until_ended
from packcloud_async._io.ledger_store import LedgerStore
from packcloud_async._sansio.ledger_book import Book
from packcloud_async._sansio.ledger_records import NewJob, RunRecord, TargetRecord, UnfinishedTarget
from packcloud_async.held_ledger import HeldLedger


class Ledger(Protocol):
    """The write-ahead record of one bulk run. One process at a time holds it, and in that one event loop.

    Between ``open`` and ``aclose`` the methods that are not ``async`` only take note, in memory and at once; what
    they were told is written soon, in the order it was told, and :meth:`flush` waits for that. What cannot follow
    what was told before raises :class:`RuntimeError` and changes nothing.

    Once something could not be written the ledger is broken: every later call raises the :class:`LedgerError` that
    says why, but for ``aclose``, which lets go of it all the same.
    """

    async def open(self) -> RunRecord | None:
        """Claim the ledger and return the run it holds, None when it is new.

        A run whose ``finished`` is set is over, and the ledger takes no other. Raises :class:`LedgerBusy` when
        somebody else holds it, :class:`LedgerError` when it cannot be used.
        """
        ...

    def begin(self, run: RunRecord) -> None:
        """Tell what the run is asked to do; only when the ledger holds none."""
        ...

    def add_targets(self, targets: Sequence[TargetRecord]) -> Sequence[int]:
        """Tell targets whose jobs are not known yet, ``WAITING``; return their numbers, which begin at 1."""
        ...

    def add_jobs(self, target: int, jobs: Sequence[NewJob]) -> Sequence[int]:
        """Tell all the jobs of a waiting target, which becomes ``LISTED`` with them or not at all.

        Returns the numbers of the jobs.
        """
        ...

    def target_failed(self, target: int, error: str) -> None:
        """Tell that a waiting target could not be started, and why: ``error`` is as in :meth:`record`."""
        ...

    def record(self, job: int, token: str, *, finished: bool = False, error: str | None = None) -> None:
        """Tell how a job stands; it replaces what was told of this job before.

        ``error`` is what kept the job from being done: the class of the error and, if a server gave one, its status
        (``"ServerError 503"``), and nothing else; None if it was done, or is not finished. Outcomes are in the token.
        """
        ...

    def finish(self) -> None:
        """Tell that every target is done; the ledger checks it."""
        ...

    async def flush(self) -> None:
        """Return when everything told so far is durable; raise :class:`LedgerError` when it cannot be."""
        ...

    async def unfinished(self, *, after: int = 0, limit: int = 100) -> Sequence[UnfinishedTarget]:
        """Return the first targets with a number above ``after`` that somebody has to go on with.

        They are those still ``WAITING`` and those ``LISTED`` with unfinished jobs, each with these jobs; at most
        ``limit`` of them, by number. What was told before is seen.
        """
        ...

    async def aclose(self) -> None:
        """Write what was told and release the claim, which happens even if that fails. Idempotent."""
        ...


@frozen
class _Held:
    """What there is of it while it is open."""

    executor: ThreadPoolExecutor
    store: LedgerStore
    commits: GroupCommit

    async def unfinished(self, *, after: int, limit: int) -> Sequence[UnfinishedTarget]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, lambda: self.store.unfinished(after=after, limit=limit))

    async def close(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self.commits.end(lambda last: loop.run_in_executor(self.executor, self.store.close, last))
        finally:
            self.executor.shutdown(wait=False)


class SqliteLedger(HeldLedger[_Held]):
    """A ledger in one SQLite file on a local disk; it implements :class:`Ledger`.

    >>> from contextlib import aclosing
    >>> async def how_much_is_left(path: str) -> int:
    ...     async with aclosing(SqliteLedger(path)) as ledger:
    ...         await ledger.open()
    ...         return len(await ledger.unfinished(limit=1_000_000))

    The file is made when there is none, readable by its owner only; so are ``-wal`` and ``-shm`` beside it, which
    belong to it while it is open or was not closed, and the empty ``.lock``, which stays. One that is there is checked
    for damage whole when it is opened; if it is foreign, newer or damaged it is left as it is, with a
    :class:`LedgerError`. ``survives_power_cut`` False makes a commit cheaper: a killed process still loses nothing, but
    a machine that loses its power may lose the last seconds, and a POST of them would be sent again.

    All of SQLite happens in one thread. For one event loop; any number of its tasks may use it at once.
    """

    def __init__(self, path: str | os.PathLike[str], *, survives_power_cut: bool = True) -> None:
        self._path = Path(path)
        self._survives_power_cut = survives_power_cut
        super().__init__()

    def __repr__(self) -> str:
        return f"<SqliteLedger {self._path}{' open' if self._held else ''}>"

    @property
    def path(self) -> Path:
        """Where it is, as it was given."""
        return self._path

    @property
    def _called(self) -> str:
        return f"ledger {self._path}"

    async def _claim(self) -> tuple[_Held, RunRecord | None]:
        loop = asyncio.get_running_loop()
        executor = ThreadPoolExecutor(1, thread_name_prefix="packcloud-ledger")
        store = LedgerStore(self._path, survives_power_cut=self._survives_power_cut)
        opening = loop.run_in_executor(executor, store.open)
        try:
            await until_ended(opening)
            opened = opening.result()
        except BaseException:
            await until_ended(loop.run_in_executor(executor, store.release))
            executor.shutdown(wait=False)
            raise
        commits = GroupCommit(Book.of(opened), lambda batch: loop.run_in_executor(executor, store.commit, batch), loop)
        return _Held(executor, store, commits), opened.run
