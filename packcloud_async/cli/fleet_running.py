"""Runs the asynchronous part of a command of ``packcloud fleet``."""

import logging
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from packcloud_async.cli.configuration import Configuration
from packcloud_async.cli.failures import Misconfigured
from packcloud_async.cli.flags import flags_in_force
from packcloud_async.cli.running import run
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import LedgerError

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet

T = TypeVar("T")

_logger = logging.getLogger("packcloud_async")

ENGINE: Final = (
    "procrastinate.worker",
    "procrastinate.worker.worker",
    "procrastinate.utils",
    "psycopg.pool",
    "asyncio",
)
"""Loggers that write of every connection that breaks, most of them with a traceback; a worker goes on all the same.

That of asyncio tells what a task of the engine ended with, of which nobody asked.
"""


def run_with_fleet(
    database: str,
    act: "Callable[[Fleet], Awaitable[T]]",
    configuration: Configuration | None = None,
    client_factory: Callable[[], PackCloudClient] | None = None,
    *,
    when_interrupted: str = "Interrupted.",
) -> T:
    """Run something with the fleet of a database."""
    try:
        from packcloud_async.fleet import Fleet  # noqa: PLC0415 - a large extra, which the help does not need
    except ImportError as missing:
        raise Misconfigured(
            f"packcloud fleet needs more ({missing.name}): pip install 'packcloud_async[cli,fleet]'"
        ) from None

    async def main() -> T:
        rate_limit = None if configuration is None else configuration.settings.rate_limit
        async with Fleet(database, client_factory, rate_limit=rate_limit) as opened:
            return await act(opened)

    with _quiet(*(() if flags_in_force().verbose else ENGINE)):
        return run(main(), when_interrupted=when_interrupted)


@contextmanager
def _quiet(*names: str) -> Generator[None]:
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(_is_worth_telling)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_is_worth_telling)


def _is_worth_telling(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, LedgerError):
        # A job that is given up; the next recovery begins it again, so that once is enough.
        _logger.warning("%s", error)
        return False
    return record.name != "psycopg.pool" and type(error).__name__ != "ConnectorException"
