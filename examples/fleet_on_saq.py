"""The same jobs on another engine: SAQ, with PostgreSQL as its queue. One sync of one integration is one job of SAQ.

    pip install 'packcloud_async[fleet]' 'saq[postgres]'
    PACKCLOUD_TOKEN=... DATABASE_URL=postgresql://... python examples/fleet_on_saq.py org_1 int_1 orders,stocks

A job of SAQ takes one look at its sync: a few seconds. What is not over by then is put back with its token, and no
worker waits for it. Because the token is written before each POST leaves, a worker may die at any moment.
"""

import asyncio
import os
import sys
import time

import psycopg
from saq import Worker
from saq.queue.postgres import PostgresQueue

from packcloud_async import AsyncSyncJob, PackCloudClient, SyncResult

LOOK, PAUSE = 5.0, 5.0
TABLE = "CREATE TABLE IF NOT EXISTS sync_token (name text PRIMARY KEY, token text NOT NULL, outcomes text)"


async def sync(context, *, organization_id: str, integration_id: str, kinds: list[str]) -> None:
    """Begin one sync, or go on with it, and leave it to the next job if it is not over after a moment."""
    name = f"{organization_id}/{integration_id}"
    async with await psycopg.AsyncConnection.connect(context["database"], autocommit=True) as connection:

        async def save(token: str, outcomes: str | None = None) -> None:
            await connection.execute(
                "INSERT INTO sync_token VALUES (%(name)s, %(token)s, %(outcomes)s) "
                "ON CONFLICT (name) DO UPDATE SET token = %(token)s, outcomes = %(outcomes)s",
                {"name": name, "token": token, "outcomes": outcomes},
            )

        row = await (await connection.execute("SELECT token FROM sync_token WHERE name = %s", (name,))).fetchone()
        client = context["client"]
        if row is None:
            job = AsyncSyncJob(client, organization_id, integration_id, kinds=kinds, save=save)
        else:
            job = AsyncSyncJob.resume(client, row[0], save=save)
        try:
            async with asyncio.timeout(LOOK):
                result = await job
        except TimeoutError:
            await save(job.token)
            await enqueue(context["queue"], organization_id, integration_id, kinds, after=PAUSE)
        else:
            await save(job.token, told(result))


def told(result: SyncResult) -> str:
    return ", ".join(f"{kind} {outcome.state}" for kind, outcome in result.kinds.items())


async def enqueue(queue, organization_id: str, integration_id: str, kinds: list[str], *, after: float = 0.0) -> None:
    arguments = {"organization_id": organization_id, "integration_id": integration_id, "kinds": kinds}
    # Twice the look: a worker that died is noticed when the job took too long, and the job is run again.
    await queue.enqueue("sync", scheduled=int(time.time() + after), timeout=int(2 * LOOK), retries=10, **arguments)


async def main(database: str, organization_id: str, integration_id: str, kinds: list[str]) -> None:
    async with PackCloudClient.from_env() as client, await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute(TABLE)
        await connection.commit()
        queue = PostgresQueue(url=database, name="packcloud")
        await queue.connect()
        worker = Worker(queue, functions=[sync])
        worker.context.update(client=client, database=database, queue=queue)
        await enqueue(queue, organization_id, integration_id, kinds)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(worker.start())
            while (outcomes := await outcomes_of(connection)) is None:  # noqa: ASYNC110 - a table tells nobody
                await asyncio.sleep(0.2)
            print(outcomes)
            await worker.stop()
            working.cancel()


async def outcomes_of(connection) -> str | None:
    row = await (await connection.execute("SELECT outcomes FROM sync_token")).fetchone()
    await connection.commit()
    return None if row is None else row[0]


if __name__ == "__main__":
    asyncio.run(main(os.environ["DATABASE_URL"], sys.argv[1], sys.argv[2], sys.argv[3].split(",")))
