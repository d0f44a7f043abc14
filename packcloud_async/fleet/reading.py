"""What a fleet's tables say of a run, for those who submitted it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from attrs import evolve, frozen

from packcloud_async._sansio.ledger_records import DamagedRecord, RunRecord, read_error, read_run
from packcloud_async._sansio.outcomes import KindOutcome, SyncResult
from packcloud_async._sansio.token import RecordedError, read_token
from packcloud_async.errors import ConfigurationError, LedgerError, PackCloudError, SyncError
from packcloud_async.fleet.database import Connection
from packcloud_async.fleet.tables import shown_id, text_of
from packcloud_async.models import SyncKind


@frozen
class Run:
    """A run in the database; ``cancelled`` is when it was, None if it was not.

    ``by_workers`` when a fleet carries it out, and not one process with a :class:`PostgresLedger`.
    """

    number: int
    run_id: str
    record: RunRecord
    cancelled: datetime | None
    by_workers: bool


@frozen
class Place:
    """Where a row stands in the order they are read in: by the transaction that wrote it, and its number."""

    transaction: str = "0"
    number: int = -1


@frozen
class Position:
    """How far somebody has read the results of a run: the last ones of each kind."""

    failed: Place = Place()
    ended: Place = Place()


_LAST = str(2**64 - 1)
"""No transaction comes as far as this."""
_IN_A_RUN = "in the run"


@frozen
class Found:
    """A run that is there, whatever state its record is in."""

    number: int
    is_finished: bool
    by_workers: bool


async def find(connection: Connection, run_id: str) -> Found | None:
    """Return a run by its name, None when there is none; its record need not be readable."""
    rows = await connection.execute(
        "SELECT id, finished IS NOT NULL, by_workers FROM packcloud_run WHERE name = %s", (run_id,)
    )
    return None if (row := await rows.fetchone()) is None else Found(*row)


async def found(connection: Connection, run_id: str) -> Found:
    """Return a run by its name; raises :class:`ConfigurationError` when there is none."""
    if (run := await find(connection, run_id)) is None:
        raise _no_run(run_id)
    return run


async def run_of(connection: Connection, run_id: str) -> Run:
    """Return a run by its name, with its record; raises :class:`ConfigurationError` when there is none."""
    rows = await connection.execute(
        "SELECT id, name, document, finished, cancelled, by_workers FROM packcloud_run WHERE name = %s", (run_id,)
    )
    if (row := await rows.fetchone()) is None:
        raise _no_run(run_id)
    return _run(*row)


def _no_run(run_id: str) -> ConfigurationError:
    return ConfigurationError(f"there is no run {run_id!r} in this database")


async def runs(connection: Connection) -> Sequence[Run]:
    """Return every run, the newest first."""
    rows = await connection.execute(
        "SELECT id, name, document, finished, cancelled, by_workers FROM packcloud_run ORDER BY id DESC"
    )
    return [_run(*row) async for row in rows]


def _run(  # noqa: PLR0917 - a row
    number: int, name: str, document: str, finished: datetime | None, cancelled: datetime | None, by_workers: bool
) -> Run:
    try:
        record = read_run(document, text_of(finished))
    except DamagedRecord as error:
        raise LedgerError(f"run {name!r}: {error}; cancel it, if it is not over, and forget it") from None
    return Run(number, name, record, cancelled, by_workers)


async def results_since(
    connection: Connection, run: int, position: Position, *, at_most: int
) -> tuple[Sequence[SyncResult], Position, bool]:
    """Return results of a run since a position, the position after them, and whether there will be no more.

    There are ``at_most`` so many of targets that could not be started, and as many of jobs. In one transaction of the
    caller's that sees one moment (REPEATABLE READ). Raises
    :class:`ConfigurationError` when the run is gone.
    """
    # What a transaction writes that is still under way is seen the next time: nothing is skipped.
    rows = await connection.execute(
        "SELECT pg_snapshot_xmin(pg_current_snapshot())::text, finished IS NOT NULL FROM packcloud_run WHERE id = %s",
        (run,),
    )
    if (found := await rows.fetchone()) is None:
        raise ConfigurationError("the run was forgotten while its results were read")
    until, is_finished = found
    if is_finished:
        # Whatever is told of it was committed before or with that.
        until = _LAST
    failed = await _failed_since(connection, _Wanted(run, position.failed, until, at_most))
    ended = await _ended_since(connection, _Wanted(run, position.ended, until, at_most))
    after = Position(
        failed[-1][0] if failed else position.failed,
        ended[-1][0] if ended else position.ended,
    )
    is_over = is_finished and max(len(failed), len(ended)) < at_most
    return [result for _, result in (*failed, *ended)], after, is_over


@frozen
class _Wanted:
    """Rows of a run behind a place, written by transactions before ``until``."""

    run: int
    behind: Place
    until: str
    at_most: int

    @property
    def values(self) -> Mapping[str, object]:
        return {
            "run": self.run,
            "transaction": self.behind.transaction,
            "number": self.behind.number,
            "until": self.until,
            "at_most": self.at_most,
        }


Placed = Sequence[tuple[Place, SyncResult]]


async def _failed_since(connection: Connection, wanted: _Wanted) -> Placed:
    rows = await connection.execute(
        "SELECT settled_by::text, number, organization, error FROM packcloud_target "
        "WHERE run = %(run)s AND state = 'failed' AND settled_by < %(until)s::xid8 "
        "AND (settled_by, number) > (%(transaction)s::xid8, %(number)s) "
        "ORDER BY settled_by, number LIMIT %(at_most)s",
        wanted.values,
    )
    return [
        (Place(transaction, number), _without_start(shown_id(organization), error))
        async for transaction, number, organization, error in rows
    ]


async def _ended_since(connection: Connection, wanted: _Wanted) -> Placed:
    rows = await connection.execute(
        "SELECT job.ended_by::text, job.number, "
        "target.organization, job.integration_id, job.token, job.error, job.ended FROM packcloud_job AS job "
        "JOIN packcloud_target AS target ON (target.run, target.number) = (job.run, job.target) "
        "WHERE job.run = %(run)s AND job.finished AND job.ended_by < %(until)s::xid8 "
        "AND (job.ended_by, job.number) > (%(transaction)s::xid8, %(number)s) "
        "ORDER BY job.ended_by, job.number LIMIT %(at_most)s",
        wanted.values,
    )
    return [
        (Place(transaction, number), result_of(shown_id(organization), shown_id(integration), token, error, ended))
        async for transaction, number, organization, integration, token, error, ended in rows
    ]


def result_of(organization_id: str, integration_id: str, token: str, error: str | None, ended: datetime) -> SyncResult:
    """Make the result of a job from what was written of it."""
    failure = _failure_of(error)
    kinds: Mapping[SyncKind, KindOutcome] = {}
    elapsed = 0.0
    try:
        record = read_token(token)
    except SyncError as damaged:
        failure = damaged
    else:
        kinds = {kind: _of_the_run(state.outcome) for kind, state in record.kinds.items() if state.outcome is not None}
        elapsed = max(0.0, (ended.astimezone(UTC) - record.started).total_seconds())
    return SyncResult(
        organization_id=organization_id, integration_id=integration_id, kinds=kinds, elapsed=elapsed, error=failure
    )


def _of_the_run(outcome: KindOutcome) -> KindOutcome:
    if not isinstance(outcome.error, RecordedError):
        return outcome
    return evolve(outcome, error=RecordedError(outcome.error.recorded, _IN_A_RUN))


def _without_start(organization_id: str, error: str | None) -> SyncResult:
    return SyncResult(organization_id=organization_id, integration_id=None, elapsed=0.0, error=_failure_of(error))


def _failure_of(error: str | None) -> PackCloudError | None:
    try:
        told = read_error(error)
    except DamagedRecord as damaged:
        return SyncError(str(damaged))
    return None if told is None else RecordedError(told, _IN_A_RUN)
