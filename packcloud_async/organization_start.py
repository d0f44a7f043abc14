"""OrganizationStart: the jobs of one organization before anything is sent: listed anew, or taken up from a ledger."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import define, evolve

from packcloud_async._sansio.endpoints import Urgency
from packcloud_async._sansio.ledger_records import NewJob, UnfinishedJob
from packcloud_async._sansio.progress import KindState, SyncProgress
from packcloud_async._sansio.token import read_token
from packcloud_async.calls import Integrations
from packcloud_async.errors import ConfigurationError, LedgerError, PackCloudError, SyncError
from packcloud_async.firing import read_probes
from packcloud_async.models import SyncKind
from packcloud_async.organization_firing import Start
from packcloud_async.policies import path_segment
from packcloud_async.recorder import Recorder
from packcloud_async.run_context import OrganizationClient, RunContext, without_outcome
from packcloud_async.watch import Watch

MADE_AT_ONCE = 100
"""So many jobs are made of a list before the loop may do something else."""


@define(eq=False)
class OrganizationStart:
    """Makes the jobs of one organization; ``number`` is its number in the ledger, 0 for none."""

    run: RunContext
    client: OrganizationClient
    watch: Watch
    recorder: Recorder
    number: int

    async def anew(self) -> list[Start]:
        """Take the baselines that the listing shows; the jobs are recorded, if there is a ledger."""
        watch = self.watch
        kinds = self.client.target.kinds or self.run.kinds
        if kinds is None:
            raise ConfigurationError(f"no kinds for {watch.organization_id!r}: give sync_many or the target kinds=")
        if self.client.target.integration_ids is None:
            starts = await self._listed(kinds)
            self.run.tally.jobs += len(starts)
        else:
            self.run.tally.jobs += len(self.client.target.integration_ids)
            named = self._usable(self.client.target.integration_ids)
            starts = [Start(id_, self._machine(kinds), has_baseline=False) for id_ in named]
        return self._recorded(starts)

    def _usable(self, integration_ids: Iterable[str]) -> Iterator[str]:
        for integration_id in integration_ids:
            try:
                path_segment("integration_id", integration_id)
            except ConfigurationError as error:
                self.run.deliver(without_outcome(self.client.target.organization_id, integration_id, error, 0.0))
            else:
                yield integration_id

    async def _listed(self, kinds: tuple[SyncKind, ...]) -> list[Start]:
        """List the integrations, and take what the list shows, and what probes show beside it, as their baselines."""
        watch, starting = self.watch, evolve(self.client, urgency=Urgency.LISTING)
        pages = made = 0
        starts, partly = dict[str, Start](), dict[str, Mapping[SyncKind, str | None]]()
        # Machines are made page by page: all the models of a list would be most of what a run ever needs at once.
        async for page in Integrations(starting, watch.organization_id).list().pages():
            pages += 1
            for integration in page.items:
                made += 1
                if made % MADE_AT_ONCE == 0:
                    await asyncio.sleep(0)
                machine, shown = self._machine(kinds), integration.watermarks
                machine.expected = watch.expectations_of(integration, kinds)
                # A list that shifts while it is read may show one integration on two pages: the later one counts.
                starts[integration.id] = Start(integration.id, machine, has_baseline=True, page=pages)
                partly.pop(integration.id, None)
                if all(kind in shown for kind in kinds):
                    machine.baseline(shown)
                else:
                    partly[integration.id] = shown
        watch.known.pages = pages
        await self._baselines_beside_probes(kinds, partly, starts)
        return list(starts.values())

    async def _baselines_beside_probes(
        self,
        kinds: tuple[SyncKind, ...],
        partly: Mapping[str, Mapping[SyncKind, str | None]],
        starts: Mapping[str, Start],
    ) -> None:
        """Take the baselines of those that did not show every kind, beside what probes show of the others."""
        organization_id, starting = self.client.target.organization_id, evolve(self.client, urgency=Urgency.LISTING)
        blind = {kind: [id_ for id_, shown in partly.items() if kind not in shown] for kind in kinds}
        probed = await read_probes(starting, organization_id, blind)
        for number, (integration_id, shown) in enumerate(partly.items(), 1):
            if number % MADE_AT_ONCE == 0:
                await asyncio.sleep(0)
            starts[integration_id].progress.baseline(shown, probed=_shown_of(integration_id, probed))

    def _machine(self, kinds: tuple[SyncKind, ...]) -> SyncProgress:
        states = dict.fromkeys(kinds, _FRESH)
        return SyncProgress(policy=self.run.poll, started_at=_now(), kinds=states, spread=_spread(self.run.draw()))

    def _recorded(self, starts: list[Start]) -> list[Start]:
        if self.run.ledger is None or not self.number:
            return starts
        jobs = [
            NewJob(start.integration_id, self.recorder.token(start.integration_id, start.progress)) for start in starts
        ]
        numbers = self.run.ledger.add_jobs(self.number, jobs)
        for start, number in zip(starts, numbers, strict=True):
            start.number = number
        return starts

    def resumed(self, recorded: Sequence[UnfinishedJob]) -> Iterator[Start]:
        """Take up the jobs of a ledger where they stand."""
        self.run.tally.jobs += len(recorded)
        for job in recorded:
            try:
                record = read_token(job.token)
            except SyncError as error:
                # Left as it is: the rest of the ledger can be gone on with, now and later.
                self.run.was_cut_off = True
                damaged = LedgerError(f"job {job.number} of the ledger cannot be gone on with: {error}")
                self.run.deliver(without_outcome(self.client.target.organization_id, job.integration_id, damaged, 0.0))
                continue
            now = _now()
            machine = record.progress(
                record.poll, spread=_spread(self.run.draw()), now=now, wall_clock=self.run.wall_clock_of(now)
            )
            yield Start(job.integration_id, machine, record.has_baseline, recorded=True, number=job.number)


def _shown_of(
    integration_id: str, probed: Mapping[SyncKind, Mapping[str, str | PackCloudError]]
) -> Mapping[SyncKind, str | PackCloudError]:
    """Return what probes showed of one integration."""
    return {kind: shown[integration_id] for kind, shown in probed.items() if integration_id in shown}


def _now() -> float:
    return asyncio.get_running_loop().time()


_FRESH = KindState()

_SPREADS = tuple(step / 256 for step in range(256))
"""The draws of watched jobs, as shared numbers: one of their own each would be a fortieth of their memory."""


def _spread(draw: float) -> float:
    return _SPREADS[int(draw * 256)]
