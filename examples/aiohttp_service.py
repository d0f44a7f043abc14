"""An aiohttp.web service that is told by webhooks which shop has new orders, and has Pack.cloud fetch them.

``python examples/aiohttp_service.py FILE``; the credential is read from PACKCLOUD_TOKEN, and FILE keeps the tokens of
the syncs under way. A real service checks the signature of a webhook, and knows the shops it may come from.
"""

import asyncio
import logging
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from typing import NamedTuple

from aiohttp import web

from packcloud_async import (
    AsyncSyncJob,
    ConfigurationError,
    PackCloudClient,
    PackCloudError,
    RateLimit,
    SyncError,
    SyncKind,
)

logger = logging.getLogger(__name__)


class Shop(NamedTuple):
    organization_id: str
    integration_id: str


class Tokens:
    """What resumes the syncs under way, one for each shop."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._change(
            "CREATE TABLE IF NOT EXISTS syncs (organization, integration, token, UNIQUE (organization, integration))"
        )

    def all(self) -> list[str]:
        return [token for (token,) in self._database.execute("SELECT token FROM syncs")]

    def keep(self, job: AsyncSyncJob) -> None:
        self._change(
            "INSERT OR REPLACE INTO syncs VALUES (?, ?, ?)", job.organization_id, job.integration_id, job.token
        )

    def drop(self, job: AsyncSyncJob) -> None:
        self._change(
            "DELETE FROM syncs WHERE organization = ? AND integration = ?", job.organization_id, job.integration_id
        )

    def _change(self, statement: str, *values: str) -> None:
        with self._database:
            self._database.execute(statement, values)


class Fetching:
    """Fetches the orders of shops: one sync at a time for each, and one more if it changed meanwhile."""

    def __init__(self, client: PackCloudClient, tasks: asyncio.TaskGroup, tokens: Tokens) -> None:
        self.told: dict[Shop, str] = {}
        self._client = client
        self._tasks = tasks
        self._tokens = tokens
        self._running: dict[Shop, asyncio.Task[None]] = {}
        self._changed: set[Shop] = set()

    def has_changed(self, shop: Shop) -> None:
        if shop in self._running:
            self._changed.add(shop)
        else:
            self._begin(shop, self._new_job(shop))

    def resume_all(self) -> None:
        for token in self._tokens.all():
            try:
                job = AsyncSyncJob.resume(self._client, token)
            except SyncError as error:
                logger.warning("a token is left alone: %s", error)
                continue
            shop = Shop(job.organization_id, job.integration_id)
            self._begin(shop, job)
            self._changed.add(shop)  # what changed while nobody was here to be told

    def stop(self) -> None:
        for task in self._running.values():
            task.cancel()

    def _new_job(self, shop: Shop) -> AsyncSyncJob:
        return AsyncSyncJob(self._client, *shop, kinds={SyncKind.ORDERS})

    def _begin(self, shop: Shop, job: AsyncSyncJob) -> None:
        self._running[shop] = self._tasks.create_task(self._keep_fetching(shop, job))

    async def _keep_fetching(self, shop: Shop, job: AsyncSyncJob) -> None:
        await self._fetch(shop, job)
        while shop in self._changed:
            self._changed.remove(shop)
            await self._fetch(shop, self._new_job(shop))
        del self._running[shop]

    async def _fetch(self, shop: Shop, job: AsyncSyncJob) -> None:
        self.told[shop] = "under way"
        self._tokens.keep(job)
        try:
            await job.fire()
            self._tokens.keep(job)
            self.told[shop] = (await job.wait())[SyncKind.ORDERS].state
        except PackCloudError as error:
            self.told[shop] = str(error)
        except asyncio.CancelledError:
            self._tokens.keep(job)
            raise
        self._tokens.drop(job)


FETCHING = web.AppKey("FETCHING", Fetching)


def make_app(path: str) -> web.Application:
    """Return the service; everything it opens is opened and closed by its one cleanup context."""

    @asynccontextmanager
    async def fetching(app: web.Application) -> AsyncGenerator[None]:
        with closing(sqlite3.connect(path)) as database:
            async with PackCloudClient.from_env(rate_limit=RateLimit(20)) as client, asyncio.TaskGroup() as tasks:
                app[FETCHING] = Fetching(client, tasks, Tokens(database))
                app[FETCHING].resume_all()
                try:
                    yield
                finally:
                    app[FETCHING].stop()

    app = web.Application()
    app.cleanup_ctx.append(fetching)
    app.add_routes([web.post("/changed/{organization}/{integration}", changed), web.get("/shops", shops)])
    return app


async def changed(request: web.Request) -> web.Response:
    """Answer at once: who sends webhooks does not wait."""
    try:
        request.app[FETCHING].has_changed(Shop(request.match_info["organization"], request.match_info["integration"]))
    except ConfigurationError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None
    return web.Response(status=202)


async def shops(request: web.Request) -> web.Response:
    return web.json_response({"/".join(shop): told for shop, told in request.app[FETCHING].told.items()})


if __name__ == "__main__":
    web.run_app(make_app(sys.argv[1]), host="127.0.0.1", port=8080)
