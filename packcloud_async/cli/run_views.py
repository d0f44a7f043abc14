"""A run that is under way, for a reader: a table on a terminal, a line elsewhere."""

from collections import Counter
from itertools import islice
from typing import Final

from attrs import frozen
from rich.table import Table
from rich.text import Text

from packcloud_async._sansio.counting import counted, noun_for
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async.cli.console import clean, safe
from packcloud_async.cli.numbers import clock
from packcloud_async.cli.outcome_views import in_words, style_of
from packcloud_async.report import SyncReport

SLOWEST_SHOWN: Final = 3


@frozen
class RunView:
    """A moment of a run; ``planned`` is how many organizations it has, None if nobody knows, ``speed`` per second."""

    report: SyncReport
    planned: int | None
    speed: float

    def table(self) -> Table:
        """Return the lines that a terminal shows."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        table.add_row("Watching", Text(f"{self._progress}, {clock(self.report.elapsed)}"))
        table.add_row("Outcomes", self._outcomes)
        table.add_row("Requests", Text(self._requests))
        if self._slowest.row_count:
            table.add_row("Slowest", self._slowest)
        return table

    def line(self) -> str:
        """Return the one line that a log shows."""
        counts = ", ".join(f"{count} {outcome.value}" for outcome, count in self._counts.items()) or "no outcomes yet"
        return clean(f"{clock(self.report.elapsed)}  {self._progress}; {counts}; {self._requests}")

    @property
    def _progress(self) -> str:
        report = self.report
        of, all_of_them = "", report.organizations_done
        if self.planned is not None:
            of, all_of_them = f" of {self.planned}", self.planned
        done = f"{report.organizations_done}{of} {noun_for(all_of_them, 'organization')} done"
        return f"{done}, {counted(report.in_flight, 'integration')} in flight"

    @property
    def _slowest(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(overflow="fold")
        table.add_column(no_wrap=True, justify="right")
        started = (result for result in self.report.slowest if result.integration_id is not None and result.kinds)
        for result in islice(started, SLOWEST_SHOWN):
            place = safe(f"{result.organization_id}/{result.integration_id}")
            table.add_row(place, f"{result.elapsed:.1f} s", in_words(result.kinds))
        return table

    @property
    def _outcomes(self) -> Text:
        told = Text("  ").join(
            Text(f"{count} {outcome.value}", style=style_of(outcome)) for outcome, count in self._counts.items()
        )
        if self.report.not_started:
            told = told.append(f"{'  ' if told else ''}{self.report.not_started} not started", style="bold red")
        return told or Text("none yet")

    @property
    def _counts(self) -> dict[Outcome, int]:
        total = Counter[Outcome]()
        for counts in self.report.outcomes.values():
            total.update(counts)
        return {outcome: total[outcome] for outcome in Outcome if total[outcome]}

    @property
    def _requests(self) -> str:
        budget = self.report.budget
        of = "" if budget.rate is None else f" of {budget.rate:.4g}"
        paused = f", paused for {budget.paused_for:.0f} s" if budget.paused_for >= 1 else ""
        return f"{self.speed:.1f}{of} per second, {self.report.requests_sent} sent{paused}"
