"""What is asked again and again stays cheap when there is much of everything."""

import pytest

from packcloud_async import SyncKind
from packcloud_async.fleet.database import Database
from packcloud_async.fleet.holding import ORPHANS
from packcloud_async.fleet.queue import LOOK, TRIGGER

pytestmark = pytest.mark.sockets

MANY = 3_000


async def test_a_search_for_what_nobody_goes_on_with_holds_no_target_against_every_job(make_yard):
    yard = make_yard()
    fleet = await yard.fleet()
    await fleet.submit([f"org_{number}" for number in range(MANY)], kinds={SyncKind.ORDERS})
    await yard.query("ANALYZE packcloud_target, packcloud_job, procrastinate_jobs")
    async with Database(yard.dsn).connected() as connection:
        rows = await connection.execute(f"EXPLAIN {ORPHANS}", {"look": LOOK, "trigger": TRIGGER})
        plan = "\n".join([line async for (line,) in rows])
    # Whatever compares each with each is a filter of a join.
    assert "queueing_lock = " in plan
    assert not [line for line in plan.splitlines() if "Join Filter" in line and "queueing_lock" in line]
