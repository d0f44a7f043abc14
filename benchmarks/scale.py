"""A hundred thousand organizations in one process, on virtual time: seconds, peak memory, requests.

    python -m benchmarks.scale [--organizations 100000] [--max-organizations 200 2000]

Each organization has one or two integrations, whose orders and products are synced by the default PollPolicy;
durations are log-normal, median 5 s. Targets come from a generator, and results are dropped as they come. Each row is a
process of its own. Seconds and memory are those of the whole process: client, emulated server and event loop.
"""

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from attrs import asdict, frozen

from benchmarks import virtual_time
from benchmarks.arguments import counting
from benchmarks.lean_server import Key, LeanServer
from benchmarks.measuring.resident import resident
from benchmarks.results import FOLDER, ROOT, Table, save
from packcloud_async import PackCloudClient, SyncKind, SyncResult
from packcloud_async.emulator import SyncTimes
from packcloud_async.emulator.draws import Draws

ONLY_BY_NAME = "a hundred thousand organizations take a quarter of an hour"
QUICK = ("--organizations", "5", "--max-organizations", "2")
KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
TIMES = SyncTimes(median=5, spread=2, finds_nothing=0.02)
DRAWS = Draws(1)


@frozen(kw_only=True)
class Figures:
    """One run; ``base`` and ``peak`` are bytes of the process before the first request and at most."""

    organizations: int
    max_organizations: int
    integrations: int
    requests: int
    seconds: float
    virtual_seconds: float
    base: int
    peak: int
    digest: str


def takes(key: Key) -> float | None:
    """Return how many seconds a sync takes, None if it finds nothing."""
    steps = TIMES.draw(DRAWS, *key, 0).steps
    return steps[-1][0] if steps else None


def integrations_of(organization_id: str) -> int:
    """Return 1 or 2."""
    return 1 + int(organization_id.removeprefix("org_")) % 2


def targets(organizations: int) -> Iterator[str]:
    """Yield organizations, one after the other."""
    return (f"org_{number}" for number in range(1, organizations + 1))


async def sync(organizations: int, max_organizations: int) -> Figures:
    """Sync all of them; take every result as it comes and keep nothing of it but its digest."""
    server = LeanServer(integrations_of=integrations_of, takes=takes)
    digest, integrations = hashlib.sha256(), 0
    base, began_at = resident(), time.perf_counter()
    async with (
        PackCloudClient(token="t", transport=server) as client,
        client.sync_many(targets(organizations), kinds=KINDS, max_organizations=max_organizations) as run,
    ):
        async for result in run:
            digest.update(told(result).encode())
            integrations += 1
            server.forget(result.organization_id, str(result.integration_id))
    assert run.report.failed == 0
    assert server.moving == 0
    return Figures(
        organizations=organizations,
        max_organizations=max_organizations,
        integrations=integrations,
        requests=run.report.requests_sent,
        seconds=time.perf_counter() - began_at,
        virtual_seconds=virtual_time.now(),
        base=base,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        digest=digest.hexdigest(),
    )


def told(result: SyncResult) -> str:
    """Write everything a result says."""
    kinds = [(kind.value, outcome) for kind, outcome in result.kinds.items()]
    return f"{result.organization_id} {result.integration_id} {result.elapsed!r} {kinds}\n"


def in_own_process(organizations: int, max_organizations: int, *, hash_seed: int = 0) -> Figures:
    """Sync in a fresh process; ``hash_seed`` changes the order of whatever has none."""
    command = [sys.executable, "-m", "benchmarks.scale", "--one", str(organizations), str(max_organizations)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    return Figures(**json.loads(done.stdout))


def check_determinism(organizations: int) -> None:
    """Raise unless two runs give the same outcomes at the same instants in the same order."""
    one, other = (in_own_process(organizations, 100, hash_seed=seed) for seed in (1, 2))
    assert (one.digest, one.requests) == (other.digest, other.requests)


def row(found: Figures) -> tuple[int | float, ...]:
    """Write one run as a row."""
    return (
        found.organizations,
        found.max_organizations,
        found.integrations,
        found.requests,
        found.requests / found.integrations,
        round(found.seconds),
        round(1e6 * found.seconds / found.requests),
        round(found.virtual_seconds),
        round(found.peak / 2**20),
        round((found.peak - found.base) / 2**20),
    )


COLUMNS = (
    "organizations",
    "max_organizations",
    "integrations",
    "requests",
    "requests per integration",
    "seconds",
    "microseconds a request",
    "virtual seconds",
    "peak, MiB",
    "of it the run, MiB",
)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Check that runs repeat, then measure one for each bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=100_000)
    parser.add_argument("--max-organizations", type=counting, nargs="+", default=[200, 2_000, 20_000])
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(asdict(virtual_time.run(lambda: sync(*options.one)))))
        return
    check_determinism(min(options.organizations, 1_000))
    rows = [row(in_own_process(options.organizations, bound)) for bound in options.max_organizations]
    note = "Two runs of 1,000 organizations, with different hash seeds, gave the same outcomes at the same instants."
    save("scale", [Table("One process", COLUMNS, tuple(rows), note)], folder=folder)


if __name__ == "__main__":
    main()
