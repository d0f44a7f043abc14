"""PostgresLedger: a bulk run of one process, recorded in the tables of a fleet."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from attrs import define, field, frozen

from packcloud_async._io.group_commit import GroupCommit, until_ended
from packcloud_async._sansio.ledger_book import Batch, Book, Opened
from packcloud_async._sansio.ledger_records import RunRecord, UnfinishedTarget
from packcloud_async._sansio.secret import Secret
from packcloud_async.errors import LedgerBusy, LedgerError
from packcloud_async.fleet import tables
from packcloud_async.fleet.database import Connection, Database, check_tables, told_of
from packcloud_async.fleet.run_names import check_run_id
from packcloud_async.held_ledger import HeldLedger

T = TypeVar("T")


@define(eq=False)
class _Store:
    """One run in the database, from its claim to its release.

    After a failed commit every later one raises the same: a gap in what is recorded would look like truth.
    """

    database: Database
    name: str
    _connection: Connection | None = field(default=None, init=False)
    _run: int | None = field(default=None, init=False)
    _one_at_a_time: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _failure: Exception | None = field(default=None, init=False)

    @property
    def connection(self) -> Connection:
        assert self._connection is not None
        return self._connection

    async def open(self) -> Opened:
        """Claim the run, and return what is known of it."""
        self._connection = await self.database.connect()
        await check_tables(self.connection, self.database.place)
        with told_of(self.database.place):
            # It goes with the connection, however that ends.
            if not await tables.claimed(self.connection, self.name, until_disconnected=True):
                raise LedgerBusy(
                    f"run {self.name!r} in database {self.database.place}: held by another process; "
                    "wait for it to end, or choose another run_id"
                )
            found = await tables.run_named(self.connection, self.name)
            if found is None:
                return Opened()
            if found.by_workers:
                raise LedgerError(
                    f"run {self.name!r} in database {self.database.place} is carried out by the workers of a fleet: "
                    "choose another run_id"
                )
            self._run = found.number
            return await tables.opened(self.connection, self._run, found.record)

    async def commit(self, batch: Batch) -> None:
        """Write a batch, durably when this returns."""
        async with self._one_at_a_time:
            # Only now: the one before may have failed meanwhile.
            if self._failure is not None:
                raise self._failure
            await self._write(batch)

    async def _write(self, batch: Batch) -> None:
        try:
            with told_of(self.database.place):
                async with self.connection.transaction():
                    if batch.run is not None:
                        self._run = await tables.begin(self.connection, self.name, batch.run, by_workers=False)
                    assert self._run is not None
                    await tables.write(self.connection, self._run, batch)
        except Exception as error:
            self._failure = error
            raise

    async def unfinished(self, *, after: int, limit: int) -> Sequence[UnfinishedTarget]:
        """Return the next targets that somebody has to go on with, by number."""
        if self._run is None:
            return ()
        with told_of(self.database.place):
            async with self._one_at_a_time:
                return await tables.unfinished(self.connection, self._run, after=after, limit=limit)

    async def close(self, batch: Batch) -> None:
        """Write the last batch and let go of the run, whatever becomes of the batch."""
        try:
            if batch or self._failure is not None:
                await self.commit(batch)
        finally:
            # Behind the commit that is under way.
            async with self._one_at_a_time:
                await self.release()

    async def release(self) -> None:
        """Let go of the run as it is."""
        if self._connection is not None:
            await self._connection.close()


@frozen
class _Held:
    """What there is of it while it is open."""

    store: _Store
    commits: GroupCommit

    async def unfinished(self, *, after: int, limit: int) -> Sequence[UnfinishedTarget]:
        return await self.store.unfinished(after=after, limit=limit)

    async def close(self) -> None:
        await self.commits.end(lambda last: _begun(self.store.close(last)))


class PostgresLedger(HeldLedger[_Held]):
    """A ledger in a PostgreSQL database; it implements :class:`~packcloud_async.Ledger`.

    >>> from contextlib import aclosing
    >>> async def how_much_is_left(dsn: str, run_id: str) -> int:
    ...     async with aclosing(PostgresLedger(dsn, run_id)) as ledger:
    ...         await ledger.open()
    ...         return len(await ledger.unfinished(limit=1_000_000))

    ``dsn`` is a URL or a string of ``name=value`` as libpq takes it, ``run_id`` what the run is called in there. One
    database holds any number of runs; its tables are made by ``packcloud fleet init``, and without them :meth:`open`
    raises :class:`LedgerError`. The claim is a lock of the connection: it goes when the process ends or loses the
    database, and then nothing more is sent.

    For one event loop; any number of its tasks may use it at once.
    """

    def __init__(self, dsn: str, run_id: str) -> None:
        held = Secret(dsn)
        # A traceback of a refusal shows the frame.
        dsn = ""
        self._database = Database(held)
        self._run_id = check_run_id(run_id)
        super().__init__()

    def __repr__(self) -> str:
        if not hasattr(self, "_held"):
            return "<PostgresLedger ?>"
        return f"<PostgresLedger {self._run_id!r} in {self._database.place}{' open' if self._held else ''}>"

    @property
    def run_id(self) -> str:
        """What the run is called in the database."""
        return self._run_id

    @property
    def _called(self) -> str:
        return repr(self)

    async def _claim(self) -> tuple[_Held, RunRecord | None]:
        store = _Store(self._database, self._run_id)
        try:
            opened = await store.open()
        except BaseException:
            await _to_its_end(store.release())
            raise
        commits = GroupCommit(Book.of(opened), lambda batch: _begun(store.commit(batch)), asyncio.get_running_loop())
        return _Held(store, commits), opened.run


def _begun(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    # Owned by the group commit, which waits for its end.
    return asyncio.get_running_loop().create_task(work, name="packcloud ledger")


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    await until_ended(_begun(work))
