"""The ledger's database as the one thread sees that writes it. Nothing here knows of the event loop."""

import logging
import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path

from attrs import define, field

from packcloud_async._io.ledger_claim import claimed, holder_in, this_process, write_holder
from packcloud_async._io.ledger_errors import told_of
from packcloud_async._io.ledger_file import (
    check_content,
    connected_to_write,
    create,
    is_there,
    real,
    refuse_foreign_links,
    run_in,
    warn_if_exposed,
)
from packcloud_async._sansio.ledger_book import Batch, Opened
from packcloud_async._sansio.ledger_records import (
    TargetState,
    UnfinishedJob,
    UnfinishedTarget,
    read_target,
    read_target_state,
    read_unfinished_job,
    write_run,
    write_target,
)
from packcloud_async._sansio.log import write


@define(eq=False)
class LedgerStore:
    """One ledger, from its claim to its release; all calls come from one thread.

    After a failed commit every later one raises the same: a gap in what is recorded would look like truth.
    """

    path: Path
    survives_power_cut: bool
    _connection: sqlite3.Connection | None = field(default=None, init=False)
    _held: ExitStack = field(factory=ExitStack, init=False)
    _failure: Exception | None = field(default=None, init=False)

    def open(self) -> Opened:
        """Claim the ledger, make it if there is none, and return what it holds."""
        given, self.path = self.path, real(self.path)
        # Before the claim, which would leave a lock beside a file that is none of ours.
        if not is_there(self.path):
            refuse_foreign_links(given)
        with ExitStack() as held:
            held.enter_context(claimed(self.path))
            if is_there(self.path):
                self._check()
            else:
                create(self.path)
            connection = held.enter_context(connected_to_write(self.path, survives_power_cut=self.survives_power_cut))
            with told_of(self.path):
                opened = self._take_over(connection)
            self._connection, self._held = connection, held.pop_all()
        return opened

    def commit(self, batch: Batch) -> None:
        """Write a batch, durably when this returns."""
        if self._failure is not None:
            raise self._failure
        assert self._connection is not None
        try:
            with told_of(self.path):
                _commit(self._connection, batch)
        except Exception as error:
            self._failure = error
            raise

    def unfinished(self, *, after: int, limit: int) -> tuple[UnfinishedTarget, ...]:
        """Return the next targets that somebody has to go on with, by number."""
        assert self._connection is not None
        with told_of(self.path):
            return _unfinished(self._connection, after, limit)

    def close(self, batch: Batch) -> None:
        """Write the last batch and release the claim, whatever becomes of the batch."""
        assert self._connection is not None
        try:
            if batch or self._failure is not None:
                self.commit(batch)
            with told_of(self.path):
                write_holder(self._connection, None)
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the ledger as it is."""
        self._connection = None
        self._held.close()

    def _check(self) -> None:
        check_content(self.path)
        warn_if_exposed(self.path)

    def _take_over(self, connection: sqlite3.Connection) -> Opened:
        opened = _opened(connection)
        before = holder_in(connection)
        if before is not None:
            write(logging.INFO, "the ledger %s is taken over from %s, which never closed it", self.path, before)
        write_holder(connection, this_process())
        return opened


def _opened(connection: sqlite3.Connection) -> Opened:
    run = run_in(connection)
    (last_target,) = connection.execute("SELECT coalesce(max(number), 0) FROM target").fetchone()
    (last_job,) = connection.execute("SELECT coalesce(max(number), 0) FROM job").fetchone()
    return Opened(run, last_target, last_job)


def _commit(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        _write(connection, batch)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has ended the transaction already.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _write(connection: sqlite3.Connection, batch: Batch) -> None:
    if batch.run is not None:
        connection.execute("INSERT INTO run (id, document) VALUES (1, ?)", (write_run(batch.run),))
    connection.executemany(
        "INSERT INTO target (number, state, document) VALUES (?, ?, ?)",
        ((number, TargetState.WAITING.value, write_target(target)) for number, target in batch.targets.items()),
    )
    settled = connection.executemany(
        "UPDATE target SET state = ?, error = ? WHERE number = ? AND state = ?",
        ((_settled(error).value, error, number, TargetState.WAITING.value) for number, error in batch.settled.items()),
    )
    _require(settled, len(batch.settled), "a target was settled that is not waiting")
    connection.executemany(
        "INSERT INTO job (number, target, integration_id, token, finished, error) VALUES (?, ?, ?, ?, ?, ?)",
        (
            (number, job.target, job.integration_id, job.recorded.token, job.recorded.finished, job.recorded.error)
            for number, job in batch.jobs.items()
        ),
    )
    updated = connection.executemany(
        "UPDATE job SET token = ?, finished = ?, error = ? WHERE number = ?",
        ((job.token, job.finished, job.error, number) for number, job in batch.records.items()),
    )
    _require(updated, len(batch.records), "a job was recorded that is missing")
    if batch.finished is not None:
        _require_all_done(connection)
        connection.execute("UPDATE run SET finished = ?", (batch.finished.isoformat(),))


def _settled(error: str | None) -> TargetState:
    return TargetState.LISTED if error is None else TargetState.FAILED


def _require(done: sqlite3.Cursor, wanted: int, otherwise: str) -> None:
    if wanted and done.rowcount != wanted:
        raise sqlite3.IntegrityError(otherwise)


def _require_all_done(connection: sqlite3.Connection) -> None:
    if _unfinished(connection, after=0, limit=1):
        raise sqlite3.IntegrityError("the run was told to be finished, and it is not")


def _unfinished(connection: sqlite3.Connection, after: int, limit: int) -> tuple[UnfinishedTarget, ...]:
    rows = connection.execute(
        "SELECT number, state, document FROM target WHERE number > ? AND (state = ? OR EXISTS "
        "(SELECT 1 FROM job WHERE job.target = target.number AND job.finished = 0)) ORDER BY number LIMIT ?",
        (after, TargetState.WAITING.value, limit),
    ).fetchall()
    return tuple(
        UnfinishedTarget(number, read_target(document), read_target_state(state), _unfinished_jobs(connection, number))
        for number, state, document in rows
    )


def _unfinished_jobs(connection: sqlite3.Connection, target: int) -> tuple[UnfinishedJob, ...]:
    rows = connection.execute(
        "SELECT number, integration_id, token FROM job WHERE target = ? AND finished = 0 ORDER BY number", (target,)
    )
    return tuple(read_unfinished_job(*row) for row in rows)
