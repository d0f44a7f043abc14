"""Engine: the app of procrastinate that a fleet works on, while it is open, and the connections that both share."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import cast

from procrastinate import App, PsycopgConnector

from packcloud_async.errors import ClientStateError
from packcloud_async.fleet.database import (
    Connection,
    Database,
    Pool,
    committing_each,
    pool_with_few_checks,
    told_of,
    transaction,
)


class Engine:
    """On a database, with an app of its own, or on an app of the user's, which is open and stays so."""

    def __init__(self, given: Database | App, *, connect_within: float) -> None:
        self._given = given
        self._connect_within = connect_within
        self._app: App | None = None
        self._opened = AsyncExitStack()

    @property
    def place(self) -> str:
        """Where it is, for sentences."""
        return "of the app" if isinstance(self._given, App) else self._given.place

    @property
    def app(self) -> App:
        """The app; raises :class:`ClientStateError` while it is not open."""
        if self._app is None:
            raise ClientStateError("the fleet is not open: async with Fleet(...) as fleet")
        return self._app

    @property
    def pool(self) -> Pool:
        """The connections of the app, as long as it is open."""
        return cast("PsycopgConnector", self.app.connector).pool

    async def open(self) -> None:
        """Connect; raises :class:`LedgerError` when that cannot be."""
        if isinstance(self._given, App):
            self._app = self._given
            return
        # First on its own: a pool keeps to itself why it cannot connect, and tries again and again.
        async with self._given.connected():
            pass
        app = _app_on(self._given, connect_within=self._connect_within)
        with told_of(self.place):
            await self._opened.enter_async_context(app.open_async())
        self._app = app

    async def aclose(self) -> None:
        """Close what was opened."""
        self._app = None
        await self._opened.aclose()

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """Begin a transaction; raises what PostgreSQL says as :class:`LedgerError`."""
        return transaction(self.pool, self.place)

    @asynccontextmanager
    async def one_moment(self) -> AsyncGenerator[Connection]:
        """Begin a transaction that sees the database as it is at one moment, and changes nothing."""
        async with self.transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    async def now(self) -> datetime:
        """Return the time by the clock that everything in the database goes by."""
        async with self.transaction() as connection:
            row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None
        return cast("datetime", row[0]).astimezone(UTC)


def _app_on(database: Database, *, connect_within: float) -> App:
    # In no variable: frames are shown where they are gone through.
    return App(
        connector=PsycopgConnector(
            conninfo=database.conninfo(),
            min_size=1,
            max_size=10,
            timeout=connect_within,
            configure=committing_each,
            pool_factory=pool_with_few_checks,
        )
    )
