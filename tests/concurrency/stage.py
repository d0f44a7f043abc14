"""Where a scenario is played: an emulator, a client on it in memory or over sockets, and what must hold afterwards."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from packcloud_async import (
    AsyncSyncJob,
    Outcome,
    PackCloudClient,
    PollPolicy,
    RetryPolicy,
    SqliteLedger,
    SyncKind,
    SyncResult,
    SyncRun,
)
from packcloud_async.cli.books_check import BooksCheck
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes

from ..support.cancelling import Canceller
from ..support.leftovers import left_of_client, left_of_run, let_go_of_the_ended, tasks_left

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
PATIENCE = 10.0
"""Real seconds for what another process or the system has to do; nothing is slowed down by them."""


@frozen
class Pace:
    """How long things take, seconds: short ones over sockets, where time is real."""

    poll: PollPolicy
    latency: float
    sync_times: SyncTimes
    retry: RetryPolicy
    longest_move: float


VIRTUAL = Pace(
    poll=PollPolicy(first=1, growth=1.5, ceiling=5, deadline=20, jitter=0, gone_after=5),
    latency=0.05,
    sync_times=SyncTimes(median=3, spread=2, finds_nothing=0.3),
    retry=RetryPolicy(attempts=4, first=0.5, growth=1.5),
    longest_move=19,
)
REAL = Pace(
    poll=PollPolicy(first=0.01, growth=1.5, ceiling=0.02, deadline=0.06, jitter=0, gone_after=0.02),
    latency=0.001,
    sync_times=SyncTimes(median=0.01, spread=0.005, distribution="uniform"),
    retry=RetryPolicy(attempts=4, first=0.005, growth=1.5),
    longest_move=0.04,
)


@define(eq=False)
class Stage:
    """One play of one scenario.

    ``turn`` counts the plays, for what alternates between them; ``jobs`` is how many want the same sync. Two of them
    share one POST while they are under way; one that goes on after the other has ended sends its own.
    """

    emulator: Emulator
    client: PackCloudClient
    connect: Callable[..., PackCloudClient]
    pace: Pace
    path: Path
    turn: int
    over_sockets: bool
    jobs: int = 1
    job: AsyncSyncJob | None = None
    run: SyncRun | None = None
    others: list["asyncio.Task[Any]"] = field(factory=list)

    @property
    def org(self):
        return self.client.organization("org_1")

    def ledger(self) -> SqliteLedger:
        # Nobody cuts the power here.
        return SqliteLedger(self.path, survives_power_cut=False)

    def beside(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Let something else run beside the scenario; it has to end well."""
        self.others.append(asyncio.get_running_loop().create_task(coroutine))

    def judge(self, result: SyncResult) -> None:
        """Hold a result against the books: one POST for each kind and job that may not share, and a true outcome."""
        assert result.error is None
        check = BooksCheck(self.emulator, expected=0, window=self.pace.longest_move)
        check.add(result)
        assert check.wrong == []
        for kind, outcome in result.kinds.items():
            accepted = len(self.emulator.books.of(result.organization_id, result.integration_id, kind))
            if not accepted and outcome.state is Outcome.AMBIGUOUS:
                # Cut off before it was written to a socket, or before it was told that it is refused.
                assert self.over_sockets or self.emulator.counters.faults
            else:
                assert 1 <= accepted <= self.jobs, (kind, outcome.state, accepted)

    async def nothing_is_left(self) -> None:
        """Raise for whatever the scenario holds when it has ended; the client must be of use all the same."""
        if self.others:
            await asyncio.gather(*self.others)
        await let_go_of_the_ended()
        assert [task for task in tasks_left() if "RequestHandler" not in task] == []
        if self.run is not None:
            assert left_of_run(self.run) == []
        assert left_of_client(self.client) == []
        if self.over_sockets:
            await self._connections_agree()
        if not self.client._closed:
            assert (await self.org.integrations.get("int_1")).id == "int_1"
            assert left_of_client(self.client) == []

    async def _connections_agree(self) -> None:
        """Wait until the server has no connection that is not idle in the client's pool."""
        async with asyncio.timeout(PATIENCE):
            while (seen := self.emulator.counters.open_connections) > (pooled := _pooled(self.client)):  # noqa: ASYNC110 - the end of a connection has no event here
                await asyncio.sleep(0)
        assert seen <= pooled <= self.client._pipeline.gate.slots


def _pooled(client: PackCloudClient) -> int:
    session = client._pipeline.transport._own
    return 0 if session is None else sum(len(idle) for idle in session.connector._conns.values())


Act = Callable[[Stage], Awaitable[Any]]


def _nothing() -> dict[str, Any]:
    return {}


@frozen
class Scenario:
    """Something a user awaits.

    ``prepare`` comes before it and is never cancelled, ``settle`` is what must hold after it, wherever it was cut
    off. ``client`` and ``emulator`` make options of theirs. Of many moments, of which most happen for each
    organization and integration anew, only ``every`` so many-th is tried.
    """

    name: str
    act: Act
    prepare: Act | None = None
    settle: Act | None = None
    client: Callable[[], dict[str, Any]] = _nothing
    emulator: Callable[[], dict[str, Any]] = _nothing
    in_memory: bool = True
    over_sockets: bool = True
    every: int = 1


Opening = Callable[[Scenario, int, Path], AbstractAsyncContextManager[Stage]]
_TURNS = count()


async def play(scenario: Scenario, canceller: Canceller, opening: Opening, folder: Path) -> None:
    """Play a scenario once, and hold it to what must be true afterwards."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    turn = next(_TURNS)
    async with opening(scenario, turn, folder / f"{turn}.sqlite") as stage:
        if scenario.prepare is not None:
            await scenario.prepare(stage)
        await canceller.carry_out(scenario.act(stage))
        await stage.nothing_is_left()
        if scenario.settle is not None:
            await scenario.settle(stage)
            await stage.nothing_is_left()
    await let_go_of_the_ended()
    assert tasks_left() == []
    assert complaints == [], complaints


@asynccontextmanager
async def in_memory(scenario: Scenario, turn: int, path: Path) -> AsyncIterator[Stage]:
    """Open a stage for a loop whose time jumps."""
    emulator = _emulator(scenario, VIRTUAL)
    reach = lambda: {"transport": emulator.transport()}  # noqa: E731
    async with _with_client(scenario, emulator, reach, VIRTUAL, turn, path, over_sockets=False) as stage:
        yield stage


@asynccontextmanager
async def over_sockets(scenario: Scenario, turn: int, path: Path) -> AsyncIterator[Stage]:
    """Open a stage on a loopback port."""
    emulator = _emulator(scenario, REAL)
    async with emulator.serve() as served:
        reach = lambda: {"base_url": served.base_url}  # noqa: E731
        async with _with_client(scenario, emulator, reach, REAL, turn, path, over_sockets=True) as stage:
            yield stage


def _emulator(scenario: Scenario, pace: Pace) -> Emulator:
    options = {"faults": FaultPlan(latency=pace.latency), "sync_times": pace.sync_times, **scenario.emulator()}
    return Emulator(**{"organizations": 2, "integrations": 3, "seed": 7, **options})


@asynccontextmanager
async def _with_client(scenario, emulator, reach, pace, turn, path, *, over_sockets):
    def connect(**options: Any) -> PackCloudClient:
        credential = {} if "auth" in options else {"token": emulator.token}
        return PackCloudClient(**{"retry": pace.retry, "probes": {}, **credential, **reach(), **options})

    async with connect(**scenario.client()) as client:
        yield Stage(emulator, client, connect, pace, path, turn, over_sockets)
