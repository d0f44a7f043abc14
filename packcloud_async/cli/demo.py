"""packcloud demo: the whole package at work, against the emulator."""

from itertools import islice
from math import ceil
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from packcloud_async._sansio.counting import counted, noun_for
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async.cli.books_check import BooksCheck
from packcloud_async.cli.console import console_for_prose, safe
from packcloud_async.cli.failures import complain, reason_of
from packcloud_async.cli.live import LiveLine
from packcloud_async.cli.outcome_views import in_words, legend, tally
from packcloud_async.cli.results import in_numbers
from packcloud_async.cli.running import run
from packcloud_async.client import PackCloudClient
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy
from packcloud_async.report import SyncReport

WINDOW = 5.0
POLL = PollPolicy(first=0.3, growth=1.3, ceiling=1.0, deadline=WINDOW)
SYNC_TIMES = SyncTimes(median=1.8, spread=1.4, distribution=Distribution.UNIFORM, finds_nothing=0.15)
CALM = FaultPlan(latency=0.02, latency_spread=0.06)
ROUGH = FaultPlan(
    latency=0.02,
    latency_spread=0.06,
    drop_before=0.02,
    drop_after=0.02,
    server_error=0.02,
    rate_limited=0.003,
)
SLOWEST_SHOWN = 3
LINES_WHEN_PIPED = 6


@click.command(short_help="Sync emulated organizations, and check the outcomes.")
@click.option("--organizations", type=click.IntRange(1), metavar="N", default=12, show_default=True, help="How many.")
@click.option(
    "--integrations", type=click.IntRange(1), metavar="N", default=4, show_default=True, help="How many in each."
)
@click.option(
    "--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True, help="Another seed, other outcomes."
)
@click.option("--faults", is_flag=True, help="Let connections break and requests fail on purpose.")
@click.pass_context
def demo(context: click.Context, *, organizations: int, integrations: int, seed: int, faults: bool) -> None:
    """Sync many organizations of an emulated Pack.cloud, and compare with what really happened.

    It needs no account and no network, and takes some seconds. The exit code is 0 when every outcome agrees
    with the emulator's own books, else 1.

    \b
    Examples:
      packcloud demo
      packcloud demo --organizations 100 --faults
    """
    emulator = Emulator(
        organizations=organizations,
        integrations=integrations,
        seed=seed,
        faults=ROUGH if faults else CALM,
        sync_times=SYNC_TIMES,
    )
    if not run(_demo(emulator, console_for_prose())):
        context.exit(1)


async def _demo(emulator: Emulator, console: Console) -> bool:
    async with emulator.serve() as served:
        _introduce(console, emulator, served.base_url)
        check = BooksCheck(emulator, expected=_syncs_of(emulator), window=WINDOW)
        async with PackCloudClient(token=emulator.token, base_url=served.base_url) as client:
            report = await _sync_all(client, emulator, console, check)
    _summarize(console, report, check)
    return check.agrees


async def _sync_all(client: PackCloudClient, emulator: Emulator, console: Console, check: BooksCheck) -> SyncReport:
    total = emulator.world.organizations * emulator.world.integrations
    async with client.sync_many(emulator.organization_ids, kinds=SyncKind, poll=POLL) as sync_run:
        with _Bar(console, total) as bar:
            async for result in sync_run:
                check.add(result)
                bar.advance(sync_run.report)
                if result.error is not None:
                    complain(f"{result.organization_id}: {reason_of(result.error)}")
    return sync_run.report


class _Bar:
    """A progress bar on a terminal, and a plain line now and then elsewhere."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._total = total
        self._done = 0
        self._line = LiveLine(
            console,
            TextColumn("Watching"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn(f"{noun_for(total, 'integration')}{{task.description}}"),
            TimeElapsedColumn(),
            total=total,
            vanishes=False,
        )

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.stop()

    def advance(self, report: SyncReport) -> None:
        """Count one integration more."""
        self._done += 1
        moved = sum(counts.get(Outcome.ADVANCED, 0) for counts in report.outcomes.values())
        self._line.step(f", {moved} moved")
        is_due = self._done % ceil(self._total / LINES_WHEN_PIPED) == 0 or self._done == self._total
        if is_due and not self._line.is_shown:
            done = f"{self._done:{len(str(self._total))}} of {self._total}"
            integrations, changes = noun_for(self._total, "integration"), counted(moved, "change")
            self._console.print(f"{report.elapsed:4.1f} s: {done} {integrations} done, {changes} seen")


def _syncs_of(emulator: Emulator) -> int:
    return emulator.world.organizations * emulator.world.integrations * len(SyncKind)


def _introduce(console: Console, emulator: Emulator, base_url: str) -> None:
    world = emulator.world
    console.print(
        f"An emulated Pack.cloud now runs in this process, on {base_url}: "
        f"{counted(world.organizations, 'organization')} with {counted(world.integrations, 'integration')} each. A "
        f"client that knows nothing of it but that address and a token starts all {_syncs_of(emulator)} syncs (orders, "
        f"products, stocks and shipping services of each integration), and watches for {WINDOW:g} seconds what they "
        f"do.\n"
    )


def _summarize(console: Console, report: SyncReport, check: BooksCheck) -> None:
    console.print(tally(report.outcomes))
    console.print(in_numbers(report))
    console.print("\nThe slowest (quiet ones are watched to the end):")
    console.print(_slowest(report))
    console.print(
        Text("\nThe emulator's books: ").append(str(check), style="bold green" if check.agrees else "bold red")
    )
    for wrong in check.wrong:
        complain(f"the books disagree: {wrong}")
    console.print("\nWhat the words mean:")
    console.print(legend())


def _slowest(report: SyncReport) -> Table:
    table = Table.grid(padding=(0, 2))
    started = (result for result in report.slowest if result.integration_id is not None)
    for result in islice(started, SLOWEST_SHOWN):
        place = f"{result.organization_id}/{result.integration_id}"
        table.add_row("", safe(place), f"{result.elapsed:.1f} s", in_words(result.kinds))
    return table
