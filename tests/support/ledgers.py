"""What the tests of ledgers write into them, and a process that writes until it is killed."""

import asyncio
import hashlib
import sys
from contextlib import aclosing
from datetime import UTC, datetime

from packcloud_async import NewJob, OnConflict, PollPolicy, RunRecord, SqliteLedger, SyncKind, TargetRecord
from packcloud_async._sansio.progress import KindState, Phase
from packcloud_async._sansio.token import JobRecord, write_token

STARTED = datetime(2026, 1, 1, 10, tzinfo=UTC)
RUN = RunRecord((SyncKind.ORDERS,), PollPolicy(), OnConflict.WATCH, STARTED)
ORG_1, ORG_2 = TargetRecord("org_1"), TargetRecord("org_2", ("int_1",), (SyncKind.STOCKS,), 2.5)
INT_1, INT_2 = NewJob("int_1", "planned 1"), NewJob("int_2", "planned 2")


def token_of(integration_id, states=None):
    """A token as jobs write them."""
    return write_token(
        JobRecord(
            organization_id="org_1",
            integration_id=integration_id,
            poll=PollPolicy(),
            on_conflict=OnConflict.WATCH,
            started=STARTED,
            watched=None,
            kinds=states or {kind: KindState(phase=Phase.SENT, baseline=None) for kind in SyncKind},
        )
    )


async def make(path, *, targets=1):
    """Make a closed ledger with one job for each target."""
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
        ledger.begin(RUN)
        for number in ledger.add_targets([ORG_1] * targets):
            ledger.add_jobs(number, [INT_1])


def files_in(folder):
    """What is in a folder, to the byte, but for the lock, which may be there or not."""
    return {
        item.name: (item.stat().st_mode, item.stat().st_mtime_ns, hashlib.sha256(item.read_bytes()).hexdigest())
        for item in folder.iterdir()
        if item.suffix != ".lock"
    }


async def write_forever(path, limit):
    """Add jobs and record them; say on stdout what is durable: the last job, and what was last recorded of job 1."""
    ledger = SqliteLedger(path)
    if await ledger.open() is None:
        ledger.begin(RUN)
    for turn in range(limit):
        (target,) = ledger.add_targets([ORG_1])
        *_, last = ledger.add_jobs(target, [INT_1, INT_2])
        ledger.record(last, f"turn {turn}")
        ledger.record(1, f"last {last}")
        await ledger.flush()
        print(last, flush=True)
    await ledger.aclose()


if __name__ == "__main__":
    asyncio.run(write_forever(sys.argv[1], int(sys.argv[2])))
