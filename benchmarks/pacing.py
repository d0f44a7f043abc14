"""Requests and delay of the news: a GET for each job and second, this planner, and the floor, on virtual time.

    python -m benchmarks.pacing [--organizations 1000] [--integrations 10]

Everybody starts all jobs at once, on a server that answers each request 50 ms after it acted on it, and nobody waits
for a connection: the best case of whoever sends most. The last table gives everybody a hundred connections instead. The
delay is from the instant the watermark moves to the instant the client has seen that. A result of ``sync_many`` comes
when all kinds of its integration are done, so that its caller may be told later: `whole_run` measures both.

(a)  A job is one integration and one kind: GET the baseline, POST, and GET again a second after each answer.
(a') A job is one integration and both kinds: one baseline, two POSTs, one GET a second until both have moved.
(b)  ``client.sync_many`` with a PollPolicy.
(c)  The same with LearnedPacing that has seen one run before, of other durations from the same distribution.
"""

import argparse
import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import TypeAlias

from attrs import evolve, frozen

from benchmarks import virtual_time
from benchmarks.arguments import counting
from benchmarks.lean_server import Key, LeanServer
from benchmarks.results import FOLDER, Table, save
from packcloud_async import LearnedPacing, PackCloudClient, PollPolicy, Request, Response, SyncKind, SyncResult
from packcloud_async.emulator import SyncTimes
from packcloud_async.emulator.draws import Draws

QUICK = ("--organizations", "1", "--integrations", "2")
KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
LATENCY = 0.05
EVERY = 1.0
PER_PAGE = 25
UNLIMITED = 1_000_000
HEADERS = {"authorization": "Bearer t"}
ROOT = "https://api.pack.cloud/v1/organizations"

TUNED = PollPolicy(first=1.3, growth=1.025)
EVEN = PollPolicy(first=1.25, growth=1.001, ceiling=1.25, jitter=0)
DEFAULT = PollPolicy()


@frozen(kw_only=True)
class Scenario:
    """What is synced. ``slow`` is the share of syncs that take ten times as long; ``deadline`` is everybody's.

    ``bounded`` gives everybody a hundred connections, and the planner its defaults for what is under way at once.
    ``latency`` is what the server takes for an answer, in seconds.
    """

    name: str
    organizations: int
    integrations: int
    times: SyncTimes
    slow: float = 0.0
    deadline: float = 300.0
    bounded: bool = False
    seed: int = 1
    latency: float = LATENCY

    def takes(self, key: Key) -> float | None:
        """Return how many seconds a sync takes, None if it finds nothing; as the emulator of this seed draws it."""
        draws = Draws(self.seed)
        steps = self.times.draw(draws, *key, 0).steps
        if not steps:
            return None
        return steps[-1][0] * (10 if draws.unit("slow", *key) < self.slow else 1)

    @property
    def organization_ids(self) -> Iterable[str]:
        """The organizations, one after the other."""
        return (f"org_{number}" for number in range(1, self.organizations + 1))

    @property
    def integration_ids(self) -> Iterable[str]:
        """The integrations of each organization."""
        return (f"int_{number}" for number in range(1, self.integrations + 1))

    def server(self) -> LeanServer:
        """Return a server on which nothing was synced yet."""
        return LeanServer(
            integrations_of=lambda _: self.integrations, takes=self.takes, per_page=PER_PAGE, latency=self.latency
        )


@frozen
class Sent:
    """How many requests a way of syncing sent, and for each news how many seconds late it was known, sorted.

    ``missed`` counts the news that came later than anybody watched for it; ``lasted`` is seconds.
    """

    reads: int
    posts: int
    delays: Sequence[float]
    missed: int = 0
    lasted: float = 0.0


Way: TypeAlias = Callable[[Scenario, LeanServer], Awaitable[dict[Key, float]]]
"""A way of syncing: it returns the instants at which it knew each news."""


def measure(scenario: Scenario, way: Way) -> Sent:
    """Sync everything in one way."""
    return measure_on(scenario.server(), scenario, way)


def measure_on(server: LeanServer, scenario: Scenario, way: Way) -> Sent:
    """Sync everything in one way, and hold what the client saw against what the server did."""

    async def sync() -> tuple[dict[Key, float], float]:
        return await way(scenario, server), virtual_time.now()

    seen, lasted = virtual_time.run(sync, seed=scenario.seed)
    moved = {key: at for key in seen if (at := server.moved_at(key)) is not None}
    delays = sorted(seen[key] - at for key, at in moved.items())
    assert len(moved) == len(seen)
    assert all(delay > 0 for delay in delays)
    counts = server.counts
    return Sent(counts["lists"] + counts["singles"], counts["posts"], delays, server.moving - len(seen), lasted)


def naive(*, both_kinds: bool) -> Way:
    """Read every job each second, by itself."""

    async def sync(scenario: Scenario, server: LeanServer) -> dict[Key, float]:
        seen: dict[Key, float] = {}
        send = _Connections(server, 100 if scenario.bounded else UNLIMITED).send
        together = [KINDS] if both_kinds else [(kind,) for kind in KINDS]
        async with asyncio.TaskGroup() as jobs:
            for organization_id in scenario.organization_ids:
                for integration_id in scenario.integration_ids:
                    for kinds in together:
                        place = organization_id, integration_id
                        jobs.create_task(_one_job(send, place, kinds, scenario.deadline, seen))
        return seen

    return sync


class _Connections:
    """As many requests at once as there are connections, first come, first served."""

    def __init__(self, server: LeanServer, count: int) -> None:
        self._server = server
        self._free = asyncio.Semaphore(count)

    async def send(self, request: Request) -> Response:
        """Send a request when a connection is free."""
        async with self._free:
            return await self._server.send(request)


async def _one_job(
    send: Callable[[Request], Awaitable[Response]],
    place: tuple[str, str],
    kinds: Iterable[SyncKind],
    deadline: float,
    seen: dict[Key, float],
) -> None:
    url = f"{ROOT}/{place[0]}/integrations/{place[1]}"
    read = Request("GET", url, HEADERS)
    before = json.loads((await send(read)).body)["data"]
    async with asyncio.TaskGroup() as posts:
        for kind in kinds:
            posts.create_task(send(Request("POST", f"{url}/{kind.value}/sync", HEADERS)))
    began_at, missing = virtual_time.now(), list(kinds)
    while missing and virtual_time.now() - began_at < deadline:
        await asyncio.sleep(EVERY)
        found = json.loads((await send(read)).body)["data"]
        for kind in [kind for kind in missing if found[kind.watermark_field] != before[kind.watermark_field]]:
            missing.remove(kind)
            seen[(*place, kind)] = virtual_time.now()


def planner(policy: PollPolicy, pacing: LearnedPacing | None = None) -> Way:
    """Let ``sync_many`` do it."""

    async def sync(scenario: Scenario, server: LeanServer) -> dict[Key, float]:
        seen: dict[Key, float] = {}
        poll = evolve(policy, deadline=scenario.deadline)
        connections = {} if scenario.bounded else {"max_connections": UNLIMITED}
        bounds = {} if scenario.bounded else {"max_organizations": UNLIMITED, "max_in_flight": UNLIMITED}
        client = PackCloudClient(token="t", transport=server, pacing=pacing, **connections)
        async with client, client.sync_many(scenario.organization_ids, kinds=KINDS, poll=poll, **bounds) as run:
            async for result in run:
                note(result, seen)
        return seen

    return sync


def note(result: SyncResult, seen: dict[Key, float]) -> None:
    """Note when the news of a result was known; the result must be taken in the instant it came."""
    started_at = virtual_time.now() - result.elapsed
    for kind, outcome in result.kinds.items():
        if outcome.steps:
            seen[result.organization_id, str(result.integration_id), kind] = started_at + outcome.steps[0].seen_at


def learned(policy: PollPolicy, scenario: Scenario) -> Way:
    """Let ``sync_many`` do it after it has watched another run of the same kind."""
    pacing = LearnedPacing()
    measure(evolve(scenario, seed=scenario.seed + 1000), planner(policy, pacing))
    return planner(policy, pacing)


def floor(scenario: Scenario) -> Sent:
    """Return the fewest requests there can be: the POSTs, and each page once before and once after."""
    integrations = scenario.organizations * scenario.integrations
    pages = scenario.organizations * math.ceil(scenario.integrations / PER_PAGE)
    return Sent(2 * pages, integrations * len(KINDS), [])


def ways(scenario: Scenario) -> Iterable[tuple[str, Sent]]:
    """Sync the same in every way; the first is what the others are compared with."""
    yield "(a) a GET for each job and second", measure(scenario, naive(both_kinds=False))
    yield "(a') a GET for each integration and second", measure(scenario, naive(both_kinds=True))
    yield f"(b) `{written(TUNED)}`", measure(scenario, planner(TUNED))
    yield f"(b) `{written(EVEN)}`", measure(scenario, planner(EVEN))
    yield "(b) the default `PollPolicy()`", measure(scenario, planner(DEFAULT))
    yield f"(c) `{written(TUNED)}`, learned", measure(scenario, learned(TUNED, scenario))
    yield "(c) the default, learned", measure(scenario, learned(DEFAULT, scenario))
    yield "the floor", floor(scenario)


def written(policy: PollPolicy) -> str:
    """Write a policy as it is built, without what is the default and what the scenario sets."""
    names = ("first", "growth", "ceiling", "jitter")
    given = [f"{name}={getattr(policy, name):g}" for name in names if getattr(policy, name) != getattr(DEFAULT, name)]
    return f"PollPolicy({', '.join(given)})"


COLUMNS = (
    "way",
    "reads",
    "requests",
    "reads per integration",
    "times fewer reads than (a)",
    "delay: median, s",
    "95 %",
    "99 %",
    "95 % against (a)",
    "news not seen",
    "all done after, s",
)


def table(scenario: Scenario) -> Table:
    """Measure a scenario."""
    rows, first = [], None
    for name, found in ways(scenario):
        first = first or found
        rows.append((name, *_row(found, first, scenario.organizations * scenario.integrations)))
        print(rows[-1], flush=True)
    return Table(scenario.name, COLUMNS, tuple(rows))


def _row(found: Sent, first: Sent, integrations: int) -> Sequence[float | int | None]:
    counted = found.reads, found.reads + found.posts, found.reads / integrations, first.reads / found.reads
    if not found.delays:
        return *counted, None, None, None, None, None, None
    cuts, first_cuts = quantiles(found.delays, n=100), quantiles(first.delays, n=100)
    return *counted, cuts[49], cuts[94], cuts[98], cuts[94] / first_cuts[94], found.missed, found.lasted


def scenarios(organizations: int, integrations: int) -> Sequence[Scenario]:
    """What is measured."""
    usual = Scenario(
        name="Every sync finds something: log-normal durations, median 30 s, one in six above 50 s",
        organizations=organizations,
        integrations=integrations,
        times=SyncTimes(median=30, spread=20),
    )
    return (
        usual,
        evolve(
            usual,
            name="One sync in five finds nothing and is watched for 300 s",
            times=SyncTimes(median=30, spread=20, finds_nothing=0.2),
        ),
        evolve(usual, name="One sync in fifty takes ten times as long; watched for 900 s", slow=0.02, deadline=900),
        evolve(usual, name="As the first, with a hundred connections for everybody", bounded=True),
    )


def check_determinism() -> None:
    """Raise unless two runs are the same."""
    small = scenarios(3, 4)[1]
    for way in (naive(both_kinds=False), planner(TUNED)):
        assert measure(small, way) == measure(small, way)


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure every scenario in every way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=1000)
    parser.add_argument("--integrations", type=counting, default=10)
    options = parser.parse_args(arguments)
    check_determinism()
    tables = [table(scenario) for scenario in scenarios(options.organizations, options.integrations)]
    save("pacing", tables, folder=folder)


if __name__ == "__main__":
    main()
