"""What SQLite and the system say of a ledger, as errors that name its file and the way out."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from packcloud_async._sansio.ledger_records import DamagedRecord
from packcloud_async.errors import LedgerError

WAY_OUT: Final = "move it away, or choose another path"


@contextmanager
def told_of(path: Path) -> Generator[None]:
    """Raise what SQLite and the system say as a :class:`LedgerError` that names the ledger."""
    try:
        yield
    # The module raises the last two for a value that no database can hold.
    except (sqlite3.Error, OSError, ValueError, OverflowError) as error:
        raise LedgerError(f"ledger {path}: {_reason(path, error)}") from error


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, 0 for an error of the module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror or error}{_about_folder(path)}"
    if isinstance(error, DamagedRecord):
        return f"{error}; nothing was changed in it: restore a copy, or {WAY_OUT}"
    match code_of(error) if isinstance(error, sqlite3.Error) else 0:
        case sqlite3.SQLITE_FULL:
            return f"{error}; make room, then resume"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return f"{error}; restore a copy, or {WAY_OUT}"
        case sqlite3.SQLITE_BUSY:
            return f"{error} by another program"
        case _:
            return f"{error}{_about_folder(path)}"


def _about_folder(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (there is no folder {path.parent})"
    return "" if os.access(path.parent, os.W_OK | os.X_OK) else f" (the folder {path.parent} cannot be written)"
