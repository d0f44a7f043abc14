"""What a ledger adds to a whole bulk run, on real time.

    python -m benchmarks.ledger_in_a_run [--organizations 300] [--folder .]

Ten integrations in each organization, two kinds each. The emulator answers in this process after 20 ms, and every sync
is done at once, so that nothing but requests and records takes time. The two ways take turns, and the median of five
counts. The ledger's file goes to --folder, which should be on a disk, and is removed.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.arguments import counting
from benchmarks.measuring.rounds import noise, spread
from benchmarks.results import FOLDER, Table, save
from packcloud_async import PackCloudClient, PollPolicy, SqliteLedger, SyncKind
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes

QUICK = ("--organizations", "5")
INTEGRATIONS = 10
KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
POLL = PollPolicy(first=0.05, deadline=60)
ROUNDS = 5
WITHOUT, WITH = "without a ledger", "with a ledger"
COLUMNS = ("way", "s, median", "least", "most", "ms a job")


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=300)
    parser.add_argument("--folder", type=Path, default=Path())
    options = parser.parse_args(arguments)
    jobs = options.organizations * INTEGRATIONS
    seconds: dict[str, list[float]] = {WITHOUT: [], WITH: []}
    for _ in range(ROUNDS):
        for name, taken in seconds.items():
            with tempfile.TemporaryDirectory(dir=options.folder) as place:
                path = Path(place) / "run.sqlite" if name == WITH else None
                taken.append(asyncio.run(_seconds_of_a_run(options.organizations, path)))
    rows = tuple((name, *_told(taken), 1_000 * statistics.median(taken) / jobs) for name, taken in seconds.items())
    title = f"{jobs:,} jobs with {jobs * len(KINDS):,} POSTs"
    save(
        "ledger_in_a_run",
        [Table(title, COLUMNS, rows, noise(spread(seconds[WITHOUT]), WITHOUT) or "")],
        folder=folder,
        rounds=ROUNDS,
    )


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


def _told(taken: list[float]) -> tuple[float, float, float]:
    return statistics.median(taken), min(taken), max(taken)


if __name__ == "__main__":
    main()
