"""A large organization beside a small one: when is the small one done, against alone; and what weights change.

    python -m benchmarks.fairness [--large 5000] [--small 2]

On virtual time, with answers after 50 ms and syncs that take 5 s. "Together" is one ``sync_many`` over both; "later"
gives the small one to a run that has worked on the large one for 12 s. For comparison, both as tasks that each await an
AsyncSyncJob: first come, first served.
"""

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from attrs import frozen

from benchmarks import virtual_time
from benchmarks.arguments import counting
from benchmarks.lean_server import LeanServer
from benchmarks.results import FOLDER, Table, save
from packcloud_async import PackCloudClient, PollPolicy, RateLimit, Request, Response, SyncKind, SyncTarget

QUICK = ("--large", "30")
KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
TAKES = 5.0
LATER = 12.0
POLL = PollPolicy(growth=1.1)
LIMIT = RateLimit(50)


@frozen
class Start:
    """An organization that is synced: with so many integrations, from a second on, with a weight."""

    organization_id: str
    integrations: int
    at: float = 0.0
    weight: float = 1.0


@frozen
class Log:
    """The instants at which requests arrived, with their organization and method."""

    server: LeanServer
    arrivals: list[tuple[float, str, str]]

    async def send(self, request: Request) -> Response:
        """Note a request and pass it on."""
        self.arrivals.append((virtual_time.now(), request.url.split("/")[5], request.method))
        return await self.server.send(request)

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""


@frozen
class Found:
    """What came of it, by organization: seconds from its start to its last POST and to its last result."""

    fired: Mapping[str, float]
    done: Mapping[str, float]
    arrivals: Sequence[tuple[float, str, str]]


def _found(starts: Sequence[Start], log: Log, ended: Mapping[str, float]) -> Found:
    posted = {id_: at for at, id_, method in log.arrivals if method == "POST"}
    return Found(
        {start.organization_id: posted[start.organization_id] - start.at for start in starts},
        {start.organization_id: ended[start.organization_id] - start.at for start in starts},
        log.arrivals,
    )


async def together(starts: Sequence[Start], limit: RateLimit | None) -> Found:
    """Sync them by one run."""
    log = _log(starts)
    ended: dict[str, float] = {}
    async with (
        PackCloudClient(token="t", transport=log, rate_limit=limit) as client,
        client.sync_many(_targets(starts), kinds=KINDS, poll=POLL) as run,
    ):
        async for result in run:
            assert not result.failed
            ended[result.organization_id] = virtual_time.now()
    return _found(starts, log, ended)


async def first_come(starts: Sequence[Start], limit: RateLimit | None) -> Found:
    """Sync them by a task for each integration."""
    log = _log(starts)
    ended: dict[str, float] = {}
    async with PackCloudClient(token="t", transport=log, rate_limit=limit) as client, asyncio.TaskGroup() as tasks:
        for start in starts:
            for number in range(1, start.integrations + 1):
                tasks.create_task(_one_job(client, start, f"int_{number}", ended))
    return _found(starts, log, ended)


async def _one_job(client: PackCloudClient, start: Start, integration_id: str, ended: dict[str, float]) -> None:
    await asyncio.sleep(start.at)
    result = await client.organization(start.organization_id).sync(integration_id, *KINDS, poll=POLL)
    assert not result.failed
    ended[start.organization_id] = virtual_time.now()


async def _targets(starts: Sequence[Start]) -> AsyncIterator[SyncTarget]:
    for start in starts:
        await asyncio.sleep(start.at - virtual_time.now())
        yield SyncTarget(start.organization_id, weight=start.weight)


def _log(starts: Sequence[Start]) -> Log:
    sizes = {start.organization_id: start.integrations for start in starts}
    return Log(LeanServer(integrations_of=sizes.__getitem__, takes=lambda _: TAKES), [])


def beside(large: int, small: int) -> Table:
    """Measure a small organization beside a large one."""
    rows: list[tuple[str | float | None, ...]] = []
    for limit in (None, LIMIT):
        named = "no rate limit" if limit is None else "50 a second"
        alone = virtual_time.run(partial(together, (Start("small", small),), limit))
        rows.append(
            (
                f"{named}: the small one alone",
                alone.fired["small"],
                alone.done["small"],
                None,
                None,
                len(alone.arrivals),
            )
        )
        for name, sync, at, weight in WAYS:
            starts = Start("large", large), Start("small", small, at, weight)
            found = virtual_time.run(partial(sync, starts, limit))
            figures = (found.fired[id_] for id_ in ("small", "large"))
            done = (found.done[id_] for id_ in ("small", "large"))
            rows.append(
                (f"{named}: {name}", *chain.from_iterable(zip(figures, done, strict=True)), len(found.arrivals))
            )
    columns = ("way", "small: fired after, s", "done after, s", "large: fired after, s", "done after, s", "requests")
    return Table(f"An organization of {large:,} integrations and one of {small}", columns, tuple(rows))


WAYS = (
    ("together", together, 0.0, 1.0),
    ("later", together, LATER, 1.0),
    ("later, the small one of weight 10", together, LATER, 10.0),
    ("later, a task for each", first_come, LATER, 1.0),
)


def weighted(integrations: int) -> Table:
    """Measure three alike organizations of different weights."""
    weights = {"org_1": 1.0, "org_2": 2.0, "org_3": 4.0}
    starts = [Start(id_, integrations, weight=weight) for id_, weight in weights.items()]
    found = virtual_time.run(partial(together, starts, LIMIT))
    first = min(found.fired.values())
    posts = Counter(id_ for at, id_, method in found.arrivals if method == "POST" and at <= first)
    rows = tuple(
        (
            f"weight {weight:g}",
            posts[id_] / posts.total(),
            weight / sum(weights.values()),
            found.fired[id_],
            found.done[id_],
        )
        for id_, weight in weights.items()
    )
    columns = (
        "organization",
        "share of the POSTs until the first had sent its last",
        "share of the weights",
        "fired after, s",
        "done after, s",
    )
    return Table(f"Three organizations of {integrations} integrations, 50 requests a second", columns, rows)


def check_determinism() -> None:
    """Raise unless two runs are the same."""
    starts = Start("large", 60), Start("small", 2, 1.0)
    one, other = (virtual_time.run(partial(together, starts, LIMIT)) for _ in range(2))
    assert one == other


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=counting, default=5_000)
    parser.add_argument("--small", type=counting, default=2)
    options = parser.parse_args(arguments)
    check_determinism()
    save("fairness", [beside(options.large, options.small), weighted(max(3, options.large // 10))], folder=folder)


if __name__ == "__main__":
    main()
