"""The runs of packcloud sync: one, or one every so often."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from packcloud_async._io.ledger_discarding import discard_finished
from packcloud_async._io.ledger_file import real
from packcloud_async.bulk import SyncRun
from packcloud_async.cli.carrying_out import write_all
from packcloud_async.cli.console import console_for_prose
from packcloud_async.cli.numbers import clock, wait_before_next
from packcloud_async.cli.results import FailuresOnly, HumanLines, JsonLines, ResultWriter
from packcloud_async.client import PackCloudClient
from packcloud_async.ledger import SqliteLedger
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy
from packcloud_async.targets import SyncTarget

if TYPE_CHECKING:
    from packcloud_async.cli.report_pages import Report


@frozen(kw_only=True)
class Order:
    """What a run is asked to do; ``run`` is its number where there are several, None where there is one.

    ``force`` makes room in the ledger for it, where a finished run is kept. ``report`` None means that none is made.
    """

    targets: Sequence[SyncTarget]
    kinds: Sequence[SyncKind]
    ledger: Path | None
    force: bool
    as_json: bool
    quiet: bool
    run: int | None = None
    report: "Report | None" = None

    def writer(self) -> ResultWriter:
        """Return who writes its results."""
        return writer_for(as_json=self.as_json, quiet=self.quiet, planned=len(self.targets), run=self.run)


@frozen
class Repetition:
    """``every`` so many seconds; ``times`` None means until somebody ends it."""

    every: float
    times: int | None = None

    def is_over_after(self, runs: int) -> bool:
        """Whether so many were enough."""
        return self.times is not None and runs >= self.times


def writer_for(*, as_json: bool, quiet: bool, planned: int | None = None, run: int | None = None) -> ResultWriter:
    """Return who writes results in the form that is asked for."""
    if as_json:
        return JsonLines(run=run)
    return FailuresOnly() if quiet else HumanLines(planned)


async def sync_once(client: PackCloudClient, order: Order, poll: PollPolicy) -> bool:
    """Carry out one run, and write its report; return whether nothing failed."""
    if order.force and order.ledger is not None:
        discard_finished(real(order.ledger))
    run = client.sync_many(
        order.targets,
        kinds=order.kinds,
        poll=poll,
        ledger=None if order.ledger is None else SqliteLedger(order.ledger),
    )
    return await write_and_report(run, order.writer(), client, order.report, planned=len(order.targets))


async def write_and_report(
    run: SyncRun, writer: ResultWriter, client: PackCloudClient, report: "Report | None", *, planned: int | None = None
) -> bool:
    """Carry out a run, and write its report however it ends; return whether nothing failed."""
    if report is None:
        return await write_all(run, writer)
    report.follow(client, planned=planned)
    try:
        went_well = await write_all(run, writer)
    finally:
        is_written = report.write()
    return went_well and is_written


async def sync_repeatedly(client: PackCloudClient, order: Order, poll: PollPolicy, repetition: Repetition) -> bool:
    """Carry out one run after the other; return whether nothing failed in any of them.

    A run that takes longer than the time between two is followed at once. The ledger keeps the last run.
    """
    loop, number, went_well = asyncio.get_running_loop(), 0, True
    while True:
        began, number = loop.time(), number + 1
        went_well &= await sync_once(client, evolve(order, run=number, force=order.force or number > 1), poll)
        if repetition.is_over_after(number):
            return went_well
        wait = wait_before_next(began=began, now=loop.time(), every=repetition.every)
        if not (order.as_json or order.quiet):
            console_for_prose().print(f"The next run begins in {clock(wait)}; Ctrl-C ends it.\n")
        await asyncio.sleep(wait)
