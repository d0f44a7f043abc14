"""The request budget of a fleet: one row in the database that every worker takes its turns from.

1. A turn is taken when it is there, by the clock of the database: ``per / requests`` seconds after the one before, and
   as much earlier as ``burst`` allows. So all workers together begin no more requests than one client with the same
   :class:`~packcloud_async.RateLimit` would. No turn is further away than that, or the clock was put back.
2. In each worker one request at a time asks for a turn; when it is to wait it asks again, and so learns of a pause.
3. A refusal that one worker meets pauses all of them.
4. No turn waits for a disk, and so none holds up the next one for so long: what a crash of the database forgets is when
   the last turns were, in the moment it takes to come back.
"""

import asyncio
from typing import Final

from attrs import define, field

from packcloud_async.fleet.database import Pool, transaction
from packcloud_async.policies import RateLimit

_TAKE: Final = """
WITH asked AS (
    SELECT clock_timestamp() AS now
), first AS (
    SELECT now, greatest(
        least(next_at, now + %(step)s * interval '1 second'), paused_until, now - %(burst)s * interval '1 second'
    ) AS at
    FROM packcloud_budget, asked WHERE name = %(name)s FOR UPDATE
)
UPDATE packcloud_budget AS budget
SET next_at = CASE WHEN at <= now THEN at + %(step)s * interval '1 second'
    ELSE least(next_at, clock_timestamp() + %(step)s * interval '1 second') END
FROM first WHERE budget.name = %(name)s
RETURNING extract(epoch FROM at - now)::float8, set_config('synchronous_commit', 'off', true)
"""


@define(eq=False)
class SharedBudget:
    """Gives turns to the requests of one worker; a ``limit`` without ``requests`` only heeds pauses."""

    pool: Pool
    place: str
    name: str
    limit: RateLimit
    _line: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def make(self) -> None:
        """Make the row, if there is none."""
        async with transaction(self.pool, self.place) as connection:
            await connection.execute(
                "INSERT INTO packcloud_budget (name) VALUES (%s) ON CONFLICT DO NOTHING", (self.name,)
            )

    async def turn(self) -> None:
        """Wait until one request may leave."""
        # Those who wait here go in the order they came.
        async with self._line:
            while (wait := await self._take()) > 0:  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(wait)

    async def pause(self, seconds: float) -> None:
        """Let no worker begin anything for so many seconds; a shorter wish never shortens a longer one."""
        async with transaction(self.pool, self.place) as connection:
            await connection.execute(
                "UPDATE packcloud_budget SET paused_until = "
                "greatest(paused_until, clock_timestamp() + %s * interval '1 second') WHERE name = %s",
                (seconds, self.name),
            )

    async def paused_for(self) -> float:
        """For how many seconds nothing will be sent; 0 when nothing is held back."""
        async with transaction(self.pool, self.place) as connection:
            rows = await connection.execute(
                "SELECT extract(epoch FROM paused_until - clock_timestamp())::float8 FROM packcloud_budget "
                "WHERE name = %s AND paused_until > clock_timestamp()",
                (self.name,),
            )
            row = await rows.fetchone()
        return 0.0 if row is None else max(0.0, float(row[0]))

    async def _take(self) -> float:
        """Take a turn if there is one; return how many seconds there will be none, 0 or less if it is taken."""
        rate = self.limit.rate
        step = 0.0 if rate is None else 1 / rate
        wanted = {"name": self.name, "step": step, "burst": (self.limit.burst - 1) * step}
        async with transaction(self.pool, self.place) as connection:
            row = await (await connection.execute(_TAKE, wanted)).fetchone()
        assert row is not None, "made when the worker began"
        return float(row[0])
