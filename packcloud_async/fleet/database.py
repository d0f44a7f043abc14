"""The database of a fleet: how it is connected to, how its tables are made, and what its errors are told as."""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, LiteralString
from weakref import WeakKeyDictionary

import psycopg
from attrs import field, frozen
from procrastinate.exceptions import ConnectorException
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from packcloud_async._io.tasks import to_its_end
from packcloud_async._sansio.ledger_records import DamagedRecord
from packcloud_async._sansio.secret import Secret, secret
from packcloud_async.errors import ConfigurationError, LedgerError
from packcloud_async.fleet.migrations import MIGRATIONS

Connection = psycopg.AsyncConnection[tuple[Any, ...]]
Cursor = psycopg.AsyncCursor[tuple[Any, ...]]
Pool = AsyncConnectionPool[Connection]

# Any number will do that nobody else takes for something of theirs: it is ASCII for "packclou".
_MIGRATING: Final = 0x7061636B636C6F75

_FUNCTION: Final = re.compile(r"^\s*CREATE (?:OR REPLACE )?FUNCTION (procrastinate_\w+)", re.MULTILINE)


# A host that is gone without a word, behind a firewall or after a failover: left to itself Linux waits for a quarter of
# an hour for what was sent, and for two hours where nothing was.
_PATIENCE: Final = {
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,
}

CHECKED_EVERY: Final = 1.0
"""Seconds. A network that goes away without a word in between is an error of whoever uses the connection."""


class Refused(Exception):
    """What was to be written cannot follow what is written; nothing was changed."""


class TakenOver(Refused):
    """Another worker has taken up the target."""


def _held(conninfo: str | Secret[str]) -> Secret[str]:
    return secret(conninfo)


@frozen(repr=False)
class Database:
    """Where the database is: a URL or a string of ``name=value`` as libpq takes it. Its password shows nowhere."""

    _conninfo: Secret[str] = field(converter=_held)

    def __attrs_post_init__(self) -> None:
        self.place  # noqa: B018 - refuses what cannot be read, before anything is opened

    def __repr__(self) -> str:
        # A traceback of a refusal shows what was refused.
        return "<Database ?>" if self._known() is None else f"<Database {self.place}>"

    @property
    def place(self) -> str:
        """Its host, port and name, for sentences."""
        known = self._known()
        if known is None:
            raise ConfigurationError(
                "this is no connection string of PostgreSQL: give postgresql://user@host:5432/name, or name=value pairs"
            )
        host = known.get("host") or known.get("hostaddr") or "localhost"
        return f"{host}:{known.get('port') or 5432}/{known.get('dbname') or known.get('user') or ''}"

    def _known(self) -> Mapping[str, Any] | None:
        try:
            return conninfo_to_dict(self._conninfo.reveal())
        except psycopg.ProgrammingError:
            # What libpq says of it quotes it, and would be the context of whatever is raised here.
            return None

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
                return await psycopg.AsyncConnection.connect(self.conninfo(), autocommit=True)
            except psycopg.Error as error:
                failure = type(error)(*error.args)
            # Another one: the frames of the first hold the password, and so does the connection that it knows.
            raise failure

    def conninfo(self) -> str:
        """Return what libpq is to be given, the password with it; not to be kept where an error could show it."""
        known = self._known() or {}
        patience = {name: value for name, value in _PATIENCE.items() if name not in known}
        return make_conninfo(self._conninfo.reveal(), **patience)


async def migrate(connection: Connection, place: str, *, engine: LiteralString) -> int:
    """Make the tables, or bring them up to date, in a transaction of the caller's; return how many steps were taken.

    ``engine`` makes those of the engine, if there are none. Any number of processes may do it at once, and doing it
    again does nothing. Raises :class:`LedgerError` for tables that a newer release made.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
    rows = await connection.execute("SELECT to_regclass('procrastinate_jobs') IS NULL")
    if await rows.fetchone() == (True,):
        await connection.execute(engine)
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS packcloud_migration "
        "(number int PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())"
    )
    done = await _migrations_in(connection)
    _refuse_newer(done, place)
    for number, step in enumerate(MIGRATIONS[done:], done + 1):
        await connection.execute(step)
        await connection.execute("INSERT INTO packcloud_migration (number) VALUES (%s)", (number,))
    return len(MIGRATIONS) - done


async def check_tables(connection: Connection, place: str) -> None:
    """Raise :class:`LedgerError` when the tables are not those of this release."""
    with told_of(place):
        done = await _migrations_in(connection)
        _refuse_newer(done, place)
        if done < len(MIGRATIONS):
            raise LedgerError(f"database {place}: its tables are of an older release; {_INIT}")


async def check_engine(connection: Connection, place: str, schema: str) -> None:
    """Raise :class:`LedgerError` when the tables of the engine are older than its ``schema`` as it makes them now.

    It keeps no number of its tables. What it is changed in, it calls by another name.
    """
    rows = await connection.execute(
        "SELECT FROM unnest(%s::text[]) AS wanted WHERE NOT EXISTS "
        "(SELECT FROM pg_proc WHERE proname = wanted AND pg_function_is_visible(oid))",
        (_FUNCTION.findall(schema),),
    )
    if await rows.fetchone() is not None:
        raise LedgerError(
            f"database {place}: its tables of procrastinate are those of an older release than the one installed; "
            "apply its migrations since then (procrastinate schema --migrations-path shows where they are)"
        )


def _refuse_newer(done: int, place: str) -> None:
    if done > len(MIGRATIONS):
        raise LedgerError(
            f"database {place}: its tables are of step {done}, this release of packcloud_async knows "
            f"{len(MIGRATIONS)}: use the release that made them, or a newer one"
        )


@contextmanager
def told_of(place: str) -> Generator[None]:
    """Raise what PostgreSQL says as a :class:`LedgerError` that names the database and the way out."""
    try:
        yield
    except (psycopg.Error, ConnectorException, DamagedRecord, Refused) as error:
        raise LedgerError(f"database {place}: {_reason(error)}") from error


async def committing_each(connection: Connection) -> None:
    """Let each statement commit by itself where no transaction was begun: it goes there and back once."""
    await connection.set_autocommit(True)


def pool_with_few_checks(*, check: object, **options: Any) -> Pool:  # noqa: ARG001 - the engine asks before each use
    """Make a pool that asks whether a connection still works once in :data:`CHECKED_EVERY`, and else only listens."""
    checked = WeakKeyDictionary[Connection, float]()

    async def check_now_and_then(connection: Connection) -> None:
        # What the server said when it ended a connection is there without asking: its reason, and that it is over.
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
        now = asyncio.get_running_loop().time()
        if now - checked.get(connection, -math.inf) >= CHECKED_EVERY:
            await AsyncConnectionPool.check_connection(connection)
            checked[connection] = now

    return AsyncConnectionPool(**options, check=check_now_and_then)


@asynccontextmanager
async def taken_from(pool: Pool) -> AsyncGenerator[Connection]:
    """Take a connection of the pool, and give it back, whatever is cancelled meanwhile.

    The pool passes on what is given back while it is given: cut off in the middle, it loses the connection, and forgets
    who was next in its line, who then waits until it takes the database for away.
    """
    connection = await pool.getconn()
    try:
        async with connection:
            yield connection
    finally:
        await to_its_end(pool.putconn(connection))


@asynccontextmanager
async def statement(pool: Pool, place: str) -> AsyncGenerator[Connection]:
    """Take a connection of the pool for one statement; raises what PostgreSQL says as :func:`told_of` does."""
    with told_of(place):
        async with taken_from(pool) as connection:
            yield connection


@asynccontextmanager
async def transaction(pool: Pool, place: str) -> AsyncGenerator[Connection]:
    """Begin a transaction on a connection of the pool; raises what PostgreSQL says as :func:`told_of` does."""
    with told_of(place):
        async with taken_from(pool) as connection, connection.transaction():
            yield connection


_INIT = "run packcloud fleet init, or await fleet.init()"


_TOLD: Final[Mapping[type[Exception], str]] = {
    psycopg.errors.UndefinedTable: f"it holds no tables of packcloud_async; {_INIT}",
    psycopg.errors.UndefinedColumn: f"it holds other tables of packcloud_async than these; {_INIT}",
    psycopg.errors.UndefinedFunction: f"it holds no tables of procrastinate; {_INIT}",
    psycopg.errors.InsufficientPrivilege: "this user may not do that there; ask for the rights to make and use tables",
    psycopg.errors.DiskFull: "it has no room left; make some, then go on",
    PoolTimeout: "it cannot be reached, or has no connection to spare",
}


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectorException) and error.__cause__ is not None:
        error = error.__cause__
    for kind, told in _TOLD.items():
        if isinstance(error, kind):
            return told
    if isinstance(error, psycopg.OperationalError):
        # The first line names host, port and user; what follows repeats it for each address.
        return next(iter(str(error).strip().splitlines()), "it cannot be reached")
    if isinstance(error, psycopg.Error):
        # What was to be written stands in the text of some.
        return f"it refused a statement ({type(error).__name__}{_state_of(error)})"
    return str(error)


def _state_of(error: psycopg.Error) -> str:
    return "" if error.sqlstate is None else f", SQLSTATE {error.sqlstate}"


async def _migrations_in(connection: Connection) -> int:
    row = await (await connection.execute("SELECT coalesce(max(number), 0) FROM packcloud_migration")).fetchone()
    assert row is not None
    return int(row[0])
