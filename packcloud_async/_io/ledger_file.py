"""The file of a ledger: what it must look like, how it comes to be, and how it is connected to.

1. SQLite may not touch a file before its header was read by hand and is that of a ledger: looking at a foreign
   database is enough for SQLite to put files beside it, or to write into it.
2. The header of a ledger is right from its first moment: a new one is made under another name and then renamed.
3. No file ever comes to be readable by others, or in place of what somebody put there meanwhile: each is made
   exclusively and for its owner only, whatever the umask, before SQLite opens it.
4. A file that this process has open through SQLite is never opened by hand: on POSIX, closing any descriptor of a
   file drops all locks this process has on it (https://www.sqlite.org/howtocorrupt.html, 2.2). Hence ``_guard``.
"""

import logging
import os
import sqlite3
import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from packcloud_async._io.ledger_errors import WAY_OUT, told_of
from packcloud_async._sansio.ledger_records import DamagedRecord, RunRecord, read_run
from packcloud_async._sansio.log import write
from packcloud_async.errors import LedgerError

APPLICATION_ID: Final = 0x70636C67
VERSION: Final = 1
SCHEMA: Final = (
    "CREATE TABLE run (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL, finished TEXT)",
    "CREATE TABLE holder (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL, host TEXT NOT NULL, "
    "since TEXT NOT NULL)",
    "CREATE TABLE target (number INTEGER PRIMARY KEY, state TEXT NOT NULL, error TEXT, document TEXT NOT NULL)",
    "CREATE TABLE job (number INTEGER PRIMARY KEY, target INTEGER NOT NULL REFERENCES target, "
    "integration_id TEXT NOT NULL, token TEXT NOT NULL, finished INTEGER NOT NULL, error TEXT)",
    "CREATE INDEX job_of_target ON job (target, finished)",
)

_HEADER_LENGTH = 100
_MAGIC = b"SQLite format 3\0"
_PATIENCE = 5.0

_guard = threading.Lock()
_open: Counter[tuple[int, int]] = Counter()


def beside(path: Path, suffix: str) -> Path:
    """Return the file that SQLite keeps beside another (``-wal``, ``-shm``), or that we do (``.lock``)."""
    return path.with_name(path.name + suffix)


def real(path: str | os.PathLike[str]) -> Path:
    """Return the one name of a ledger, whatever links lead to it."""
    with told_of(Path(path)):
        return Path(os.path.realpath(path))


def is_there(path: Path) -> bool:
    """Whether the path holds a ledger; False when one can be made there.

    Raises :class:`LedgerError` for anything else, and touches nothing.
    """
    with told_of(path):
        try:
            status = path.stat()
        except FileNotFoundError:
            status = None
        if status is None or (stat.S_ISREG(status.st_mode) and status.st_size == 0):
            _refuse_remains(path)
            return False
        if not stat.S_ISREG(status.st_mode):
            raise LedgerError(f"ledger {path}: not a regular file; choose another path")
        _check_header(path, _header(path, status))
        return True


def create(path: Path) -> None:
    """Make an empty ledger, complete or not at all; only whoever has the claim may."""
    with told_of(path):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        _keep_for_owner(descriptor)
        try:
            _write_empty(name)
            _hold_the_name(path)
            # SQLite gives the mode of the file to -wal and -shm too.
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def make_exclusively(path: Path) -> bool:
    """Make an empty file for its owner only, and follow no link; False when something has the name already."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    _keep_for_owner(descriptor)
    return True


def refuse_foreign_links(path: Path) -> None:
    """Raise :class:`LedgerError` for a link of another user, who would choose where the ledger is made."""
    with told_of(path):
        link = path
        while os.name == "posix" and link.is_symlink():
            if link.lstat().st_uid != os.geteuid():
                raise LedgerError(f"ledger {path}: a link of another user leads to no ledger, and none is made there")
            link = link.parent / link.readlink()


@contextmanager
def connected_to_write(path: Path, *, survives_power_cut: bool) -> Generator[sqlite3.Connection]:
    """Connect to a ledger to write into it; only whoever has the claim may."""
    with told_of(path), _connected(path, "rw") as connection:
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise LedgerError(f"ledger {path}: this file system has no shared memory; use a local disk")
        # Without its fsync at every commit, a power cut could take back that a POST was sent.
        connection.execute(f"PRAGMA synchronous = {'FULL' if survives_power_cut else 'NORMAL'}")
        connection.execute(f"PRAGMA fullfsync = {survives_power_cut:d}")
        connection.execute(f"PRAGMA checkpoint_fullfsync = {survives_power_cut:d}")
        yield connection


@contextmanager
def connected_to_read(path: Path) -> Generator[sqlite3.Connection]:
    """Connect to a ledger to read it, whoever holds it; nothing in the file changes, and no new file stays."""
    with told_of(path), _connected(path, _mode_to_read(path)) as connection:
        connection.execute("PRAGMA query_only = 1")
        yield connection


def check_content(path: Path) -> None:
    """Raise :class:`LedgerError` for a damaged ledger, which stays as it is."""
    with connected_to_read(path) as connection:
        found = {(kind, sql) for kind, sql in connection.execute("SELECT type, sql FROM sqlite_schema")}
        tables_missing = not {sql for _, sql in found} >= set(SCHEMA)
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if tables_missing or verdict != "ok" or any(kind in {"trigger", "view"} for kind, _ in found):
            raise DamagedRecord("the database in it is damaged, or was changed by another program")


def run_in(connection: sqlite3.Connection) -> RunRecord | None:
    """Return the run that a ledger holds, None when none was begun."""
    row = connection.execute("SELECT document, finished FROM run").fetchone()
    return None if row is None else read_run(*row)


def warn_if_exposed(path: Path) -> None:
    """Write a warning to the log when others than its owner may open a ledger, or what belongs to it."""
    for file in (path, beside(path, "-wal"), beside(path, "-shm")):
        mode = _mode_for_others(file)
        if mode is not None:
            write(
                logging.WARNING,
                "the ledger %s is open to other users (mode %04o): chmod 600 it, and what is beside it",
                file,
                mode,
            )
            return


def _mode_for_others(path: Path) -> int | None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    return mode if os.name == "posix" and mode & 0o077 else None


def _keep_for_owner(descriptor: int) -> None:
    try:
        # Beyond what the umask may have taken away, SQLite needs both rights.
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _hold_the_name(path: Path) -> None:
    if make_exclusively(path):
        return
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        raise LedgerError(f"ledger {path}: somebody put another file there meanwhile; {WAY_OUT}")


def _mode_to_read(path: Path) -> str:
    if beside(path, "-wal").exists():
        # A connection that may write would, as the last to leave, move what is in there into the file.
        return "ro"
    # One that may not would leave an empty -wal behind.
    return "rw" if os.access(path.parent, os.W_OK) else "ro&immutable=1"


@contextmanager
def _connected(path: Path, mode: str) -> Generator[sqlite3.Connection]:
    with _guard:
        status = path.stat()
        identity = (status.st_dev, status.st_ino)
        _open[identity] += 1
    try:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=_PATIENCE,
            # A ledger that nobody closed is closed by the collector, in whatever thread it runs.
            check_same_thread=False,
        )
        try:
            connection.execute("PRAGMA trusted_schema = 0")
            yield connection
        finally:
            connection.close()
    finally:
        with _guard:
            _open[identity] -= 1


def _header(path: Path, status: os.stat_result) -> bytes | None:
    with _guard:
        if _open[status.st_dev, status.st_ino]:
            return None
        with path.open("rb") as file:
            return file.read(_HEADER_LENGTH)


def _check_header(path: Path, header: bytes | None) -> None:
    if header is None:
        return
    if len(header) < _HEADER_LENGTH or not header.startswith(_MAGIC):
        raise LedgerError(f"ledger {path}: not a ledger, and not an SQLite database; {WAY_OUT}")
    # https://www.sqlite.org/fileformat.html#the_database_header
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise LedgerError(f"ledger {path}: an SQLite database of another application; {WAY_OUT}")
    version = int.from_bytes(header[60:64], "big")
    if version > VERSION:
        raise LedgerError(
            f"ledger {path}: of format {version}, and this release reads format {VERSION}: "
            "use the release of packcloud_async that wrote it, or a newer one"
        )
    if version < VERSION:
        raise LedgerError(f"ledger {path}: its header is damaged; {WAY_OUT}")


def _refuse_remains(path: Path) -> None:
    # SQLite would take the records of another database for those of the new one.
    for suffix in ("-wal", "-journal"):
        if (remains := beside(path, suffix)).exists():
            raise LedgerError(
                f"ledger {path}: missing or empty, but {remains.name} is there: put the file it belongs to back "
                "beside it, or move it away"
            )


def _write_empty(name: str) -> None:
    connection = sqlite3.connect(name, isolation_level=None)
    try:
        # No journal: until it is renamed nobody misses it.
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    finally:
        connection.close()


def _sync_folder(folder: Path) -> None:
    # Not every system can open a folder; those that cannot have no name that could be lost.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
