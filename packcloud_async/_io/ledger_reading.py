"""Reading a ledger, whoever holds it, without holding it."""

import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from packcloud_async._io.ledger_claim import holder_in, is_claimed
from packcloud_async._io.ledger_errors import told_of
from packcloud_async._io.ledger_file import connected_to_read, is_there, real, run_in
from packcloud_async._sansio.ledger_records import (
    Holder,
    LedgerCounts,
    LedgerJob,
    LedgerTarget,
    RunRecord,
    TargetState,
    read_error,
    read_job,
    read_target,
    read_target_state,
)
from packcloud_async.errors import LedgerError


@define
class LedgerContents:
    """What a ledger held at the moment it was read.

    ``run`` is None when none was begun. ``holder`` is who holds the ledger while ``is_held``, else whoever ended
    without closing it; None when it was closed.
    """

    run: RunRecord | None
    holder: Holder | None
    is_held: bool
    counts: LedgerCounts
    _path: Path = field(repr=False)
    _connection: sqlite3.Connection = field(repr=False)

    def targets(self) -> Iterator[LedgerTarget]:
        """Iterate over every target with all its jobs, by number; one target at a time is in memory."""
        with told_of(self._path):
            rows = self._connection.execute("SELECT number, document, state, error FROM target ORDER BY number")
            for number, document, state, error in rows:
                jobs = tuple(self._jobs_of(number))
                yield LedgerTarget(number, read_target(document), read_target_state(state), read_error(error), jobs)

    def _jobs_of(self, target: int) -> Iterator[LedgerJob]:
        rows = self._connection.execute(
            "SELECT number, integration_id, token, finished, error FROM job WHERE target = ? ORDER BY number", (target,)
        )
        for row in rows:
            yield read_job(*row)


@contextmanager
def read_ledger(path: str | os.PathLike[str]) -> Generator[LedgerContents]:
    """Read a ledger, also while a run holds it: ``with read_ledger("run.sqlite") as contents``.

    What is read is one moment of it. Nothing is claimed or changed; a run that goes on meanwhile is not held up.
    Raises :class:`LedgerError` for a path that holds no ledger. Blocks while it reads: no function for an event loop.
    """
    resolved = real(path)
    if not is_there(resolved):
        raise LedgerError(f"ledger {resolved}: there is none")
    is_held = is_claimed(resolved)
    with connected_to_read(resolved) as connection:
        connection.execute("BEGIN")
        holder = holder_in(connection)
        yield LedgerContents(run_in(connection), holder, is_held, _counts(connection), resolved, connection)


def _counts(connection: sqlite3.Connection) -> LedgerCounts:
    targets = dict(connection.execute("SELECT state, count(*) FROM target GROUP BY state").fetchall())
    jobs = dict(connection.execute("SELECT finished, count(*) FROM job GROUP BY finished").fetchall())
    return LedgerCounts(
        **{state.value: targets.get(state.value, 0) for state in TargetState},
        finished=jobs.get(1, 0),
        unfinished=jobs.get(0, 0),
    )
