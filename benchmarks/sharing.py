"""What reading an organization's jobs together saves: the same jobs, shared and each for itself, on virtual time.

    python -m benchmarks.sharing [--organizations 20] [--largest 500]

Both follow the default PollPolicy and begin with all jobs at once; a job is one integration with its orders and
products. Shared, ``sync_many`` syncs the organizations; alone, every job has a client of its own. Durations are
log-normal, median 30 s; a page of the list has 25 integrations.
"""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import quantiles

from benchmarks.arguments import counting
from benchmarks.lean_server import Key, LeanServer
from benchmarks.pacing import DEFAULT, KINDS, UNLIMITED, Scenario, Sent, Way, measure, note, planner
from benchmarks.results import FOLDER, Table, save
from packcloud_async import PackCloudClient, SyncTarget
from packcloud_async.emulator import SyncTimes

QUICK = ("--organizations", "1", "--largest", "3")
SHAPES = ((1, 1), (2, 2), (5, 5), (10, 10), (25, 25), (100, 100), (500, 500), (500, 100), (500, 5))
"""How many integrations an organization has, and how many of them are synced."""


def some(watched: int) -> Way:
    """Sync the first so many integrations of each organization, named one by one."""

    async def sync(scenario: Scenario, server: LeanServer) -> dict[Key, float]:
        ids = list(scenario.integration_ids)[:watched]
        seen: dict[Key, float] = {}
        targets = [SyncTarget(organization_id, ids) for organization_id in scenario.organization_ids]
        async with PackCloudClient(token="t", transport=server, max_connections=UNLIMITED) as client:
            run = client.sync_many(targets, kinds=KINDS, poll=DEFAULT, max_in_flight=UNLIMITED)
            async with run:
                async for result in run:
                    note(result, seen)
        return seen

    return sync


def alone(watched: int) -> Way:
    """Sync them too, each by a client of its own, which shares nothing."""

    async def sync(scenario: Scenario, server: LeanServer) -> dict[Key, float]:
        seen: dict[Key, float] = {}
        async with asyncio.TaskGroup() as jobs:
            for organization_id in scenario.organization_ids:
                for integration_id in list(scenario.integration_ids)[:watched]:
                    jobs.create_task(_one_job(server, organization_id, integration_id, seen))
        return seen

    return sync


async def _one_job(server: LeanServer, organization_id: str, integration_id: str, seen: dict[Key, float]) -> None:
    async with PackCloudClient(token="t", transport=server) as client:
        note(await client.organization(organization_id).sync(integration_id, *KINDS, poll=DEFAULT), seen)


def row(organizations: int, integrations: int, watched: int) -> tuple[str | int | float, ...]:
    """Measure one shape both ways."""
    scenario = Scenario(
        name="",
        organizations=organizations,
        integrations=integrations,
        times=SyncTimes(median=30, spread=20),
    )
    together = measure(scenario, planner(DEFAULT) if watched == integrations else some(watched))
    apart = measure(scenario, alone(watched))
    jobs = organizations * watched
    return (
        f"{watched} of {integrations}",
        together.reads / jobs,
        apart.reads / jobs,
        apart.reads / together.reads,
        _late(together),
        _late(apart),
    )


def _late(found: Sent) -> float:
    return quantiles(found.delays, n=100)[94]


def check_determinism() -> None:
    """Raise unless two runs are the same."""
    assert row(2, 5, 5) == row(2, 5, 5)


COLUMNS = (
    "integrations synced",
    "reads per integration, shared",
    "alone",
    "times fewer",
    "95 % of the delays, shared, s",
    "alone, s",
)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=20)
    parser.add_argument("--largest", type=counting, default=500)
    options = parser.parse_args(arguments)
    check_determinism()
    shapes = [shape for shape in SHAPES if shape[0] <= options.largest]
    rows = tuple(row(options.organizations, *shape) for shape in shapes)
    told = (
        "Reads are all GETs, baselines and the listing included. Integrations of a part are named one by one, so that "
        "their list is never read."
    )
    save("sharing", [Table("Shared reads against reads of each job alone", COLUMNS, rows, told)], folder=folder)


if __name__ == "__main__":
    main()
