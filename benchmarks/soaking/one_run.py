"""One bulk run against an emulator, judged as the waves of a soak are."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field

from benchmarks.soaking.cases import Evidence
from benchmarks.soaking.playing import outcome_told
from benchmarks.soaking.told import Job, Told, by_key
from benchmarks.soaking.truth import Truth, Verdict
from benchmarks.soaking.wire import LOST, Tap, WireLog
from packcloud_async import PackCloudClient, PollPolicy, SyncKind, SyncResult, Transport
from packcloud_async.emulator import Emulator

KINDS: Final = (SyncKind.ORDERS, SyncKind.PRODUCTS)


@define
class Run:
    """One bulk run against an emulator, and what is to be said of it."""

    emulator: Emulator
    poll: PollPolicy
    organizations: Sequence[str]
    log: WireLog = field(factory=WireLog)
    jobs: list[Job] = field(factory=list)
    elapsed: list[float] = field(factory=list)
    withheld: int = 0

    async def play(self, transport: Transport, *, base_url: str | None = None, **options: Any) -> Verdict:
        """Sync everything at once, and judge it."""
        began = asyncio.get_running_loop().time()
        given = {} if base_url is None else {"base_url": base_url}
        most: int = options.setdefault("max_connections", 100)
        client = PackCloudClient(token=self.emulator.token, transport=Tap(transport, self.log), **given, **options)
        async with (
            client,
            client.sync_many(
                self.organizations,
                kinds=KINDS,
                poll=self.poll,
                max_organizations=len(self.organizations),
                max_in_flight=most,
            ) as run,
        ):
            async for result in run:
                self._note(result, began)
        self.withheld = client.budget.retries_withheld
        return self._judged()

    def _note(self, result: SyncResult, began: float) -> None:
        self.elapsed.append(result.elapsed)
        outcomes = {kind: Told(**outcome_told(told)) for kind, told in result.kinds.items()}
        self.jobs.append(
            Job(
                scenario="bulk",
                organization=result.organization_id,
                integration=result.integration_id,
                kinds=KINDS,
                began=began,
                ended=asyncio.get_running_loop().time(),
                outcomes=outcomes,
                error=None if result.error is None else type(result.error).__name__,
            )
        )

    def _judged(self) -> Verdict:
        world = self.emulator.world
        evidence = Evidence(
            books=self.emulator.books,
            log=self.emulator.log,
            sent=by_key(self.log.sent),
            received={number: (sent_at, done_at) for number, (sent_at, done_at) in self.log.received.items()},
            zero=self.emulator.began_at or 0.0,
            deadline=self.poll.deadline or 0.0,
        )
        truth = Truth(evidence, [f"int_{number}" for number in range(1, world.integrations + 1)])
        return truth.judge(self.jobs)

    @property
    def lost_posts(self) -> int:
        """How many sync POSTs had no answer."""
        return sum(became == LOST for _, _, _, became, _ in self.log.sent)
