"""Sync shops every night with APScheduler, one run at a time, and go on with a run that was broken off.

``python examples/scheduled.py FOLDER ORG...``; the credential is read from PACKCLOUD_TOKEN. FOLDER gets a
ledger for each run.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from packcloud_async import (
    LedgerError,
    PackCloudClient,
    PackCloudError,
    PollPolicy,
    SqliteLedger,
    SyncKind,
    SyncRun,
    read_ledger,
)

KINDS = {SyncKind.ORDERS, SyncKind.STOCKS}
POLL = PollPolicy(first=2, deadline=600)
NIGHTLY = CronTrigger(hour=3, timezone=UTC)


async def main(folder: Path, organization_ids: Sequence[str], trigger: BaseTrigger = NIGHTLY) -> None:
    due = asyncio.Event()

    # A coroutine, because APScheduler calls a plain function in a thread, where the event must not be touched.
    async def ring() -> None:
        due.set()

    scheduler = AsyncIOScheduler(timezone=UTC)
    scheduler.add_job(ring, trigger, misfire_grace_time=None, coalesce=True)
    async with PackCloudClient.from_env() as client:
        for path in await asyncio.to_thread(broken_off, folder):
            await carry_out(client.resume_many(SqliteLedger(path)))
        scheduler.start()
        try:
            while True:
                await due.wait()
                due.clear()
                ledger = SqliteLedger(folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}.sqlite")
                await carry_out(client.sync_many(organization_ids, kinds=KINDS, poll=POLL, ledger=ledger))
        finally:
            scheduler.shutdown(wait=False)


def broken_off(folder: Path) -> list[Path]:
    """Return the ledgers whose run is not finished, oldest first."""
    folder.mkdir(parents=True, exist_ok=True)
    return [path for path in sorted(folder.glob("*.sqlite")) if is_broken_off(path)]


def is_broken_off(path: Path) -> bool:
    try:
        with read_ledger(path) as contents:
            return contents.run is not None and contents.run.finished is None
    except LedgerError as error:
        print(error)
        return False


async def carry_out(run: SyncRun) -> None:
    """Do not let one night that fails be the last one."""
    try:
        async with run:
            async for result in run:
                if result.failed:
                    print(f"{result.organization_id}/{result.integration_id}: {result.error or dict(result.kinds)}")
    except PackCloudError as error:
        print(f"the run was given up: {error}")
    print(run.report, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
