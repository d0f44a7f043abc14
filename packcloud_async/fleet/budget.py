"""The request budget of a fleet: one row in the database that every worker takes its turns from.

1. Turns lie ``per / requests`` seconds apart, by the clock of the database. One is taken when its time has come, and is
   good for the time of ``burst`` turns: what left later would be one too many for the second it leaves in. So all
   workers together begin no more requests than one client with the same :class:`~packcloud_async.RateLimit` would.
2. After a quiet time as many turns are there at once as half the ``burst``; the other half is for the way from a turn
   to its request, on which a token may have to be written.
3. In each worker one request at a time asks for a turn; when it is to wait it asks again, and so learns of a pause. No
   turn is much further away than one step, or the clock was put back.
4. A refusal that one worker meets pauses all of them.
5. No turn waits for a disk, and so none holds up the next one for so long: what a crash of the database forgets is when
   the last turns were, in the moment it takes to come back.
"""

import asyncio
import math
from typing import Final

from attrs import define, field, frozen

from packcloud_async.fleet.database import Pool, statement
from packcloud_async.policies import RateLimit

_NEXT = """
    greatest(
        CASE WHEN next_at > now + (%(step)s + 1) * interval '1 second' THEN now ELSE next_at END,
        paused_until,
        now - %(saved)s * interval '1 second'
    )
"""

_TAKE: Final = f"""
WITH asked AS (
    SELECT clock_timestamp() AS now
), taken AS (
    UPDATE packcloud_budget SET next_at = {_NEXT} + %(step)s * interval '1 second'
    FROM asked WHERE name = %(name)s AND {_NEXT} <= now
    RETURNING next_at - %(step)s * interval '1 second' - now AS ago, set_config('synchronous_commit', 'off', true)
)
SELECT (SELECT extract(epoch FROM ago)::float8 FROM taken), extract(epoch FROM {_NEXT} - now)::float8
FROM packcloud_budget, asked WHERE name = %(name)s
"""  # noqa: S608 - put together from constants
"""Whoever is early reads and writes nothing; of two who come at once the second finds the row as the first left it."""

_PAUSED: Final = """
SELECT extract(epoch FROM paused_until - clock_timestamp())::float8 FROM packcloud_budget
WHERE name = %s AND paused_until > clock_timestamp()
"""


@define(eq=False)
class SharedBudget:
    """Gives turns to the requests of one worker; a ``limit`` without ``requests`` only heeds pauses."""

    pool: Pool
    place: str
    name: str
    limit: RateLimit
    _line: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    # What the way to the database and back takes is the same for all turns, and moves none closer to the next one.
    _fastest: float = field(default=math.inf, init=False)

    async def make(self) -> None:
        """Make the row, if there is none."""
        async with statement(self.pool, self.place) as connection:
            await connection.execute(
                "INSERT INTO packcloud_budget (name) VALUES (%s) ON CONFLICT DO NOTHING", (self.name,)
            )

    async def turn(self) -> float:
        """Wait until one request may leave; return the instant of the loop's clock until which it may."""
        if not self._step:
            await self._until_unpaused()
            return math.inf
        # Those who wait here go in the order they came.
        async with self._line:
            while (asked := await self._ask()).good_until is None:  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(asked.wait)
        return asked.good_until

    async def another(self) -> float:
        """Wait for another turn, before all who wait for their first; return until when it is good.

        Without an end when there is none soon, because all keep quiet: what leaves now meets nobody.
        """
        while (asked := await self._ask()).good_until is None:
            if asked.wait > 2 * self._step:
                return math.inf
            await asyncio.sleep(asked.wait)
        return asked.good_until

    async def _until_unpaused(self) -> None:
        while (seconds := await self.paused_for()) > 0:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(seconds)

    async def pause(self, seconds: float) -> None:
        """Let no worker begin anything for so many seconds; a shorter wish never shortens a longer one."""
        async with statement(self.pool, self.place) as connection:
            await connection.execute(
                "UPDATE packcloud_budget SET paused_until = "
                "greatest(paused_until, clock_timestamp() + %s * interval '1 second') WHERE name = %s",
                (seconds, self.name),
            )

    async def paused_for(self) -> float:
        """For how many seconds nothing will be sent; 0 when nothing is held back."""
        async with statement(self.pool, self.place) as connection:
            row = await (await connection.execute(_PAUSED, (self.name,))).fetchone()
        return 0.0 if row is None else max(0.0, float(row[0]))

    @property
    def _step(self) -> float:
        return 0.0 if self.limit.rate is None else 1 / self.limit.rate

    async def _ask(self) -> "_Asked":
        """Take a turn if there is one."""
        step, burst = self._step, self.limit.burst
        wanted = {"name": self.name, "step": step, "saved": (burst - 1) * step / 2}
        clock = asyncio.get_running_loop().time
        began = clock()
        async with statement(self.pool, self.place) as connection:
            row = await (await connection.execute(_TAKE, wanted)).fetchone()
        assert row is not None, "made when the worker began"
        self._fastest = min(self._fastest, clock() - began)
        since, until_next = row
        if since is None:
            return _Asked(None, max(0.0, until_next))
        return _Asked(began + self._fastest + since + burst * step, 0.0)


@frozen
class _Asked:
    """Until when a turn that was taken is good, None if there was none, and then for how many seconds there is none."""

    good_until: float | None
    wait: float
