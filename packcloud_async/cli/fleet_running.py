"""Runs the asynchronous part of a command of ``packcloud fleet``."""

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from packcloud_async.cli.configuration import Configuration
from packcloud_async.cli.failures import Misconfigured
from packcloud_async.cli.running import run
from packcloud_async.client import PackCloudClient

if TYPE_CHECKING:
    from packcloud_async.fleet import Fleet

T = TypeVar("T")


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

    # What the engine and its pool log of a database that is away, the library says in one line.
    for name in ("procrastinate", "psycopg.pool"):
        logging.getLogger(name).addHandler(logging.NullHandler())

    async def main() -> T:
        rate_limit = None if configuration is None else configuration.settings.rate_limit
        async with Fleet(database, client_factory, rate_limit=rate_limit) as opened:
            return await act(opened)

    return run(main(), when_interrupted=when_interrupted)
