"""What a ledger adds to a whole bulk run, on real time.

    python benchmarks/ledger_in_a_run.py [--organizations 500] [--folder .]

Ten integrations in each organization, two kinds each. The emulator answers in this process after 20 ms, and every sync
is done at once, so that nothing but requests and records takes time. The two ways take turns, and the median of five
counts. The ledger's file goes to --folder, which should be on a disk, and is removed.
"""

import argparse
import asyncio
import platform
import statistics
import tempfile
import time
from pathlib import Path

from packcloud_async import PackCloudClient, PollPolicy, SqliteLedger, SyncKind
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes

QUICK = ("--organizations", "5")
INTEGRATIONS = 10
KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
POLL = PollPolicy(first=0.05, deadline=60)
ROUNDS = 5


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args()
    jobs = options.organizations * INTEGRATIONS
    print(f"Python {platform.python_version()}, {jobs:,} jobs, {jobs * len(KINDS):,} POSTs\n")
    seconds: dict[str, list[float]] = {"without a ledger": [], "with a ledger": []}
    for _ in range(ROUNDS):
        for name, taken in seconds.items():
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                path = Path(folder) / "run.sqlite" if name == "with a ledger" else None
                taken.append(asyncio.run(_seconds_of_a_run(options.organizations, path)))
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:16}  {median:6.2f} s  {1_000 * median / jobs:5.2f} ms a job  (of {ROUNDS}: {_range(taken)})")


async def _seconds_of_a_run(organizations: int, path: Path | None) -> float:
    emulator = Emulator(
        organizations=organizations,
        integrations=INTEGRATIONS,
        faults=FaultPlan(latency=0.02),
        sync_times=SyncTimes(median=0, spread=0),
    )
    async with PackCloudClient(token=emulator.token, transport=emulator.transport(), probes={}) as client:
        began = time.perf_counter()
        ledger = None if path is None else SqliteLedger(path)
        async with client.sync_many(emulator.organization_ids, kinds=KINDS, poll=POLL, ledger=ledger) as run:
            async for result in run:
                assert not result.failed, result
        return time.perf_counter() - began


def _range(taken: list[float]) -> str:
    return f"{min(taken):.2f} to {max(taken):.2f} s"


if __name__ == "__main__":
    main()
