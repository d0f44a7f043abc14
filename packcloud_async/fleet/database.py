"""The database of a fleet: how it is connected to, how its tables are made, and what its errors are told as."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import psycopg
from attrs import field, frozen
from psycopg.conninfo import conninfo_to_dict

from packcloud_async._sansio.ledger_records import DamagedRecord
from packcloud_async._sansio.secret import Secret, secret, without_frames
from packcloud_async.errors import ConfigurationError, LedgerError
from packcloud_async.fleet.migrations import MIGRATIONS

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# Any number will do that nobody else takes for something of theirs: it is ASCII for "packclou".
_MIGRATING: Final = 0x7061636B636C6F75


class Refused(Exception):
    """What was to be written cannot follow what is written; nothing was changed."""


def _held(conninfo: str | Secret[str]) -> Secret[str]:
    return secret(conninfo)


@frozen(repr=False)
class Database:
    """Where the database is: a URL or a string of ``name=value`` as libpq takes it. Its password shows nowhere."""

    _conninfo: Secret[str] = field(converter=_held)

    def __attrs_post_init__(self) -> None:
        self.place  # noqa: B018 - refuses what cannot be read, before anything is opened

    def __repr__(self) -> str:
        return f"<Database {self.place}>"

    @property
    def place(self) -> str:
        """Its host, port and name, for sentences."""
        try:
            known = conninfo_to_dict(self._conninfo.reveal())
        except psycopg.ProgrammingError:
            # What libpq says of it quotes it.
            raise ConfigurationError(
                "this is no connection string of PostgreSQL: give postgresql://user@host:5432/name, or name=value pairs"
            ) from None
        host = known.get("host") or known.get("hostaddr") or "localhost"
        return f"{host}:{known.get('port') or 5432}/{known.get('dbname') or known.get('user') or ''}"

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[Connection]:
        """Connect, every statement a transaction of its own unless it is in one; closed with the block."""
        connection = await self.connect()
        try:
            yield connection
        finally:
            await connection.close()

    async def connect(self) -> Connection:
        """Connect; whoever asks closes it. Raises :class:`LedgerError` when that cannot be."""
        with told_of(self.place):
            try:
                return await psycopg.AsyncConnection.connect(self._conninfo.reveal(), autocommit=True)
            except psycopg.Error as error:
                # Its frames hold the password.
                raise without_frames(error) from None

    async def migrate(self) -> int:
        """Make the tables, or bring them up to date; return how many steps were taken.

        Any number of processes may do it at once, and doing it again does nothing. Raises :class:`LedgerError` for
        tables that a newer release made.
        """
        async with self.connected() as connection:
            with told_of(self.place):
                async with connection.transaction():
                    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
                    await connection.execute(
                        "CREATE TABLE IF NOT EXISTS packcloud_migration "
                        "(number int PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"
                    )
                    done = await _migrations_in(connection)
                    self._refuse_newer(done)
                    for number, step in enumerate(MIGRATIONS[done:], done + 1):
                        await connection.execute(step)
                        await connection.execute("INSERT INTO packcloud_migration (number) VALUES (%s)", (number,))
                    return len(MIGRATIONS) - done

    async def check(self, connection: Connection) -> None:
        """Raise :class:`LedgerError` when the tables are not those of this release."""
        with told_of(self.place):
            done = await _migrations_in(connection)
            self._refuse_newer(done)
            if done < len(MIGRATIONS):
                raise LedgerError(f"database {self.place}: its tables are of an older release; {_INIT}")

    def _refuse_newer(self, done: int) -> None:
        if done > len(MIGRATIONS):
            raise LedgerError(
                f"database {self.place}: its tables are of step {done}, this release of packcloud_async knows "
                f"{len(MIGRATIONS)}: use the release that made them, or a newer one"
            )


@contextmanager
def told_of(place: str) -> Generator[None]:
    """Raise what PostgreSQL says as a :class:`LedgerError` that names the database and the way out."""
    try:
        yield
    except (psycopg.Error, DamagedRecord, Refused) as error:
        raise LedgerError(f"database {place}: {_reason(error)}") from error


_INIT = "run packcloud fleet init, or await migrate()"


def _reason(error: Exception) -> str:
    match error:
        case psycopg.errors.UndefinedTable() | psycopg.errors.UndefinedColumn():
            return f"it holds no tables of packcloud_async; {_INIT}"
        case psycopg.errors.InsufficientPrivilege():
            return "this user may not do that there; ask for the rights to create and to use tables"
        case psycopg.errors.DiskFull():
            return "it has no room left; make some, then go on"
        case psycopg.OperationalError():
            # The first line names host, port and user; what follows repeats it for each address.
            return str(error).strip().splitlines()[0] if str(error).strip() else "it cannot be reached"
        case psycopg.Error():
            # What was to be written stands in the text of some.
            return f"it refused a statement ({type(error).__name__}{_state_of(error)})"
        case _:
            return str(error)


def _state_of(error: psycopg.Error) -> str:
    return "" if error.sqlstate is None else f", SQLSTATE {error.sqlstate}"


async def _migrations_in(connection: Connection) -> int:
    row = await (await connection.execute("SELECT coalesce(max(number), 0) FROM packcloud_migration")).fetchone()
    assert row is not None
    return int(row[0])
