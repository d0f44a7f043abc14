"""Making room for a new run where a finished one is kept."""

from pathlib import Path

from packcloud_async._io.ledger_claim import claimed
from packcloud_async._io.ledger_errors import told_of
from packcloud_async._io.ledger_file import beside, connected_to_read, is_there, run_in
from packcloud_async.errors import LedgerError


def discard_finished(path: Path) -> None:
    """Remove a ledger whose run is over, or that holds none; raise :class:`LedgerError` for any other file.

    An unfinished run is never removed: what it has sent would be forgotten, and sent again.
    """
    with told_of(path):
        if not is_there(path):
            return
        with claimed(path):
            with connected_to_read(path) as connection:
                run = run_in(connection)
            if run is not None and run.finished is None:
                raise LedgerError(
                    f"ledger {path}: it holds an unfinished run, which is not thrown away; resume it first"
                )
            # The file goes first: without what is beside it, it could be a ledger that knows nothing of the end of its
            # run, and would be gone on with. What is beside it is refused without the file.
            path.unlink()
            for suffix in ("-wal", "-shm"):
                beside(path, suffix).unlink(missing_ok=True)
