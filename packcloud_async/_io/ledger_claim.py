"""The claim on a ledger: one process at a time, and it dies with the process.

The claim is the exclusive lock SQLite takes on an empty database beside the ledger, ``<path>.lock``. The system
drops it when the process ends, however it ends. The file stays where it is: whoever removes a lock file takes it
from under somebody who has opened it a moment before. Who holds the claim stands in the ledger itself, where readers
find it.
"""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from platform import node

from packcloud_async._io.ledger_errors import code_of, told_of
from packcloud_async._io.ledger_file import beside, connected_to_read, make_exclusively
from packcloud_async._sansio.ledger_records import Holder, read_holder
from packcloud_async.errors import LedgerBusy, LedgerError

# A reader that asks whether the claim is held keeps it from others for a moment.
_PATIENCE = 0.25


@contextmanager
def claimed(path: Path) -> Generator[None]:
    """Hold the claim; raises :class:`LedgerBusy` when somebody else does, in this process or another."""
    lock_path = beside(path, ".lock")
    with told_of(path):
        if not make_exclusively(lock_path) and lock_path.is_symlink():
            raise LedgerError(f"ledger {path}: {lock_path.name} beside it is a link; move it away")
        lock = sqlite3.connect(
            f"{lock_path.as_uri()}?mode=rw", uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
    try:
        with told_of(path):
            # Nothing is ever written into it, so that a -journal beside it would only puzzle.
            if not (_passes(lock, "PRAGMA journal_mode = OFF") and _passes(lock, "BEGIN EXCLUSIVE")):
                raise _busy(path)
        yield
    finally:
        lock.close()


def is_claimed(path: Path) -> bool:
    """Whether a living process holds the claim."""
    lock_path = beside(path, ".lock")
    if not lock_path.exists():
        return False
    with told_of(path):
        lock = sqlite3.connect(f"{lock_path.as_uri()}?mode=ro", uri=True, timeout=0, isolation_level=None)
        try:
            return not _passes(lock, "SELECT 1 FROM sqlite_schema")
        finally:
            lock.close()


def this_process() -> Holder:
    """Return who would hold a ledger from now on."""
    return Holder(os.getpid(), node(), datetime.now(UTC))


def holder_in(connection: sqlite3.Connection) -> Holder | None:
    """Return who holds the ledger, or held it last without closing it."""
    row = connection.execute("SELECT pid, host, since FROM holder").fetchone()
    return None if row is None else read_holder(*row)


def write_holder(connection: sqlite3.Connection, holder: Holder | None) -> None:
    """Say who holds the ledger; None when it is closed."""
    if holder is None:
        connection.execute("DELETE FROM holder")
    else:
        row = (holder.pid, holder.host, holder.since.isoformat())
        connection.execute("INSERT OR REPLACE INTO holder (id, pid, host, since) VALUES (1, ?, ?, ?)", row)


def _passes(lock: sqlite3.Connection, statement: str) -> bool:
    try:
        lock.execute(statement)
    except sqlite3.OperationalError as error:
        if code_of(error) != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _busy(path: Path) -> LedgerBusy:
    holder = None
    # It may be so new that there is no ledger yet.
    with suppress(LedgerError), connected_to_read(path) as connection:
        holder = holder_in(connection)
    if holder is None:
        return LedgerBusy(f"ledger {path}: held by another process; wait for it to end, or use another ledger")
    return LedgerBusy(
        f"ledger {path}: held by {holder}; wait for it to end, or use another ledger",
        pid=holder.pid,
        host=holder.host,
        since=holder.since,
    )
