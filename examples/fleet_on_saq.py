"""The same jobs on another engine: SAQ, with PostgreSQL as its queue. docs/howto-other-engine.md says why it is so.

pip install 'packcloud_async' 'saq[postgres]' 'psycopg[binary]'
export PACKCLOUD_TOKEN=... DATABASE_URL=postgresql://...
python examples/fleet_on_saq.py work                              # any number of them, on any machines
python examples/fleet_on_saq.py sync org_1 int_1 orders,stocks    # writes what came of it
"""

import asyncio
import os
import sys
import time
import uuid

import psycopg
from saq import Worker
from saq.queue.postgres import PostgresQueue

from packcloud_async import ApiError, AsyncSyncJob, Finished, PackCloudClient, ReadMade

PAUSE = 5.0
"""Seconds between two looks at one sync."""
TIMEOUT = 120
"""Seconds a job of SAQ may take; when it has taken longer its worker counts as dead, and another one goes on."""
TABLE = "CREATE TABLE IF NOT EXISTS sync (name text PRIMARY KEY, token text NOT NULL, told text)"
SAVE = (
    "INSERT INTO sync VALUES (%s, %s, %s) ON CONFLICT (name) DO UPDATE SET token = EXCLUDED.token, told = EXCLUDED.told"
)


async def sync(context, *, name: str, organization_id: str, integration_id: str, kinds: list[str]) -> None:
    """Fire a sync, or take one look at it; one that is not over is put back, so that no worker waits for it."""
    client, queue = context["client"], context["worker"].queue
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        # It goes with the connection. Without it nothing can be saved, and so nothing is sent, either.
        locking = await connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,))
        if await locking.fetchone() != (True,):
            await put(queue, after=PAUSE, **context["job"].kwargs)
            return

        async def save(token: str, told: str | None = None) -> None:
            await connection.execute(SAVE, (name, token, told))

        saved = await (await connection.execute("SELECT token FROM sync WHERE name = %s", (name,))).fetchone()
        if saved is None:
            job = AsyncSyncJob(client, organization_id, integration_id, kinds=kinds, save=save)
        else:
            job = AsyncSyncJob.resume(client, saved[0], save=save)
        try:
            await job.fire()
        except ApiError as error:
            await save(job.token, f"not started: {error}")
            return
        if saved is not None:
            async for event in job.events():
                if isinstance(event, ReadMade | Finished):
                    break
        if job.result is None:
            await put(queue, after=PAUSE, **context["job"].kwargs)
            await save(job.token)
        else:
            await save(job.token, ", ".join(f"{kind}: {outcome.state}" for kind, outcome in job.result.kinds.items()))


async def put(queue, *, after: float = 0.0, **order) -> None:
    await queue.enqueue("sync", scheduled=int(time.time() + after), timeout=TIMEOUT, retries=10, **order)


async def work() -> None:
    """Work until SIGTERM or Ctrl-C; what is under way is cut off then, and gone on with like that of a dead worker."""
    queue = PostgresQueue(url=os.environ["DATABASE_URL"], name="packcloud")
    await queue.connect()
    async with PackCloudClient.from_env() as client:
        worker = Worker(queue, functions=[sync], concurrency=50, timers={"sweep": 5})
        worker.context["client"] = client
        await worker.start()
    await queue.disconnect()


async def submit(organization_id: str, integration_id: str, kinds: list[str]) -> str:
    """Have one sync made by whoever works, and return what came of it."""
    name = f"{organization_id}/{integration_id} {uuid.uuid4()}"
    order = {"name": name, "organization_id": organization_id, "integration_id": integration_id, "kinds": kinds}
    queue = PostgresQueue(url=os.environ["DATABASE_URL"], name="packcloud")
    await queue.connect()
    async with await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        await connection.execute(TABLE)
        await put(queue, **order)
        await queue.disconnect()
        while True:
            rows = await connection.execute("SELECT told FROM sync WHERE name = %s AND told IS NOT NULL", (name,))
            if (row := await rows.fetchone()) is not None:
                return row[0]
            await asyncio.sleep(0.5)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        asyncio.run(work())
    else:
        print(asyncio.run(submit(sys.argv[2], sys.argv[3], sys.argv[4].split(","))))
