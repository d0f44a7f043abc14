"""A FastAPI service that starts syncs in the background and tells how far each of them is.

``uvicorn --app-dir examples fastapi_service:app``; the credential is read from PACKCLOUD_TOKEN. The tokens of the syncs
are kept in the folder named by SYNCS, so that what was under way when the service stopped goes on when it starts again.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Request

from packcloud_async import AsyncSyncJob, ConfigurationError, PackCloudClient, PackCloudError, SyncError, SyncKind

logger = logging.getLogger(__name__)


class Syncs:
    """Every sync of this service: a task of its group, and a file that holds what resumes it."""

    def __init__(self, client: PackCloudClient, tasks: asyncio.TaskGroup, folder: Path) -> None:
        self.client = client
        self.jobs: dict[str, AsyncSyncJob] = {}
        self.failures: dict[str, str] = {}
        self._tasks = tasks
        self._folder = folder
        self._running: set[asyncio.Task[None]] = set()

    def start(self, job: AsyncSyncJob, name: str | None = None) -> str:
        name = name or uuid.uuid4().hex
        self._save(name, job)
        self.jobs[name] = job
        task = self._tasks.create_task(self._run(name, job))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return name

    def resume_all(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("*.json"):
            try:
                self.start(AsyncSyncJob.resume(self.client, path.read_text(encoding="utf-8")), path.stem)
            except (SyncError, UnicodeDecodeError) as error:
                logger.warning("%s is left alone: %s", path, error)

    def stop(self) -> None:
        for task in self._running:
            task.cancel()

    async def _run(self, name: str, job: AsyncSyncJob) -> None:
        try:
            await job.fire()
            self._save(name, job)
            await job.wait()
            self._save(name, job)
        except asyncio.CancelledError:
            self._save(name, job)  # the service stops; a POST under way may have arrived, and the token says so
            raise
        except PackCloudError as error:
            # The integration could not be read, so that nothing was sent and there is nothing to go on with.
            self.failures[name] = str(error)
            self._path(name).unlink()
        except Exception:
            # It would end the group, and with it every other sync.
            logger.exception("sync %s", name)
            self.failures[name] = "unexpected; see the log"

    def _save(self, name: str, job: AsyncSyncJob) -> None:
        unfinished = self._path(name).with_suffix(".new")
        unfinished.write_text(job.token, encoding="utf-8")
        unfinished.replace(self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[dict[str, Any]]:
    folder = Path(os.environ.get("SYNCS", "syncs"))
    async with PackCloudClient.from_env() as client, asyncio.TaskGroup() as tasks:
        syncs = Syncs(client, tasks, folder)
        syncs.resume_all()
        try:
            yield {"syncs": syncs}
        finally:
            syncs.stop()


def syncs_of(request: Request) -> Syncs:
    syncs: Syncs = request.state.syncs
    return syncs


app = FastAPI(title="Syncs", lifespan=lifespan)
Kinds = Annotated[list[SyncKind], Query(alias="kind", min_length=1)]
TheSyncs = Annotated[Syncs, Depends(syncs_of)]


@app.post("/organizations/{organization_id}/integrations/{integration_id}/syncs", status_code=202)
async def start(organization_id: str, integration_id: str, kind: Kinds, syncs: TheSyncs) -> dict[str, str]:
    try:
        job = AsyncSyncJob(syncs.client, organization_id, integration_id, kinds=kind)
    except ConfigurationError as error:
        raise HTTPException(422, str(error)) from None
    return {"status": f"/syncs/{syncs.start(job)}"}


@app.get("/syncs/{name}")
async def status(name: str, syncs: TheSyncs) -> dict[str, Any]:
    job = syncs.jobs.get(name)
    if job is None:
        raise HTTPException(404, "no such sync")
    failure = syncs.failures.get(name)
    return {
        "organization": job.organization_id,
        "integration": job.integration_id,
        "done": job.result is not None or failure is not None,
        "outcomes": {kind: outcome.state for kind, outcome in job.outcomes.items()},
        "error": failure,
    }
