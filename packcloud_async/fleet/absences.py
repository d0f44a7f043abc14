"""Absences of the database, told by whoever works: a worker waits, and would not be heard of."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

import psycopg

from packcloud_async.fleet.database import Pool

logger = logging.getLogger("packcloud_async")

_EVERY: Final = 1.0
_PATIENCE: Final = 5.0


async def tell_absences(pool: Pool, place: str) -> None:
    """Log when the database goes away, and when it is back, until this is cancelled.

    A pool that may not have one more connection works on with those it has; that is told once.
    """
    is_short_told = False
    while True:
        refused = _refused(pool)
        await asyncio.sleep(_EVERY)
        if _refused(pool) == refused:
            continue
        if await _answers(pool):
            if not is_short_told:
                logger.warning(
                    "database %s refused a connection: a worker takes up to eleven, and does with fewer", place
                )
            is_short_told = True
            continue
        logger.warning(
            "database %s cannot be reached, or has no connection to spare: waiting since %s UTC", place, _now()
        )
        while not await _answers(pool):  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(_EVERY)
        logger.warning("database %s is there again: working on since %s UTC", place, _now())


def _refused(pool: Pool) -> int:
    return pool.get_stats().get("connections_errors", 0)


async def _answers(pool: Pool) -> bool:
    try:
        async with pool.connection(timeout=_PATIENCE) as connection:
            await connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _now() -> str:
    # By this machine's clock, for whoever compares it with other logs of it.
    return f"{datetime.now(UTC):%H:%M:%S}"
