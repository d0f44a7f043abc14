"""A turn of the budget does not wait for a disk, and nothing else of the same connection goes without."""

import psycopg
import pytest

from packcloud_async import RateLimit
from packcloud_async.fleet import budget

pytestmark = pytest.mark.sockets

WANTED = {"name": "packcloud", "step": 0.0, "burst": 0.0}


async def test_a_turn_is_not_recorded_as_durably_as_a_token(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await budget.SharedBudget(fleet._pool, "of the test", "packcloud", RateLimit()).make()

    async def setting(connection):
        return (await (await connection.execute("SHOW synchronous_commit")).fetchone())[0]

    async with await psycopg.AsyncConnection.connect(yard.dsn, autocommit=True) as connection:
        await connection.execute("SET synchronous_commit = on")
        async with connection.transaction():
            assert await setting(connection) == "on"
            wait, *_ = await (await connection.execute(budget._TAKE, WANTED)).fetchone()
            assert await setting(connection) == "off"
        assert await setting(connection) == "on"
    assert wait <= 0
