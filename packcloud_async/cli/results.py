"""Writes the results of a run as they come: JSON lines for a program, or lines for a reader."""

from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol, Self

from attrs import define, field
from rich.text import Text

from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.outcomes import KindOutcome, Step, SyncResult
from packcloud_async.cli.console import clean, console_for_prose, is_terminal, write_json
from packcloud_async.cli.failures import complain, reason_of
from packcloud_async.cli.live import LiveTable
from packcloud_async.cli.numbers import Speed
from packcloud_async.cli.outcome_views import kind_line, kind_row, tally
from packcloud_async.cli.run_views import RunView
from packcloud_async.errors import ApiError, PackCloudError
from packcloud_async.report import SyncReport

TABLE_EVERY: Final = 0.25
"""Seconds between two drawings of the table on a terminal."""
LINE_EVERY: Final = 30.0
"""Seconds between two lines of a log that say how far a run is."""


class ResultWriter(Protocol):
    """Takes results one by one, then the numbers.

    ``progress_every`` is how many seconds apart it wants to be told how far the run is, None for never.
    """

    @property
    def progress_every(self) -> float | None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, result: SyncResult) -> None:
        """Write one result."""
        ...

    def progress(self, report: SyncReport) -> None:
        """Show how far the run is."""
        ...

    def close(self, report: SyncReport) -> None:
        """Write what is to be said at the end."""
        ...


@define
class FailuresOnly:
    """One line per failure on stderr, and nothing else."""

    progress_every: float | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def write(self, result: SyncResult) -> None:
        """Write the failures in it."""
        for failure in _failures(result):
            complain(failure)

    def progress(self, report: SyncReport) -> None:
        """Write nothing."""

    def close(self, report: SyncReport) -> None:
        """Write nothing."""


@define
class JsonLines(FailuresOnly):
    """One JSON object per result on stdout, and one line per failure on stderr; ``run`` numbers what is repeated."""

    run: int | None = None

    def write(self, result: SyncResult) -> None:
        """Write one object, and the failures in it."""
        numbered: dict[str, JsonValue] = {} if self.run is None else {"run": self.run}
        write_json(numbered | as_json(result))
        FailuresOnly.write(self, result)


class HumanLines:
    """A paragraph per integration and a table at the end; on a terminal a moving table while it waits.

    ``planned`` is how many organizations there are, None if nobody knows.
    """

    def __init__(self, planned: int | None = None) -> None:
        self._console = console_for_prose()
        self._planned = planned
        self._table = LiveTable(self._console)
        self._speed = Speed(window=5.0 if self._table.can_move else LINE_EVERY)
        self.progress_every: float | None = TABLE_EVERY if self._table.can_move else LINE_EVERY

    def __enter__(self) -> Self:
        self._table.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._table.stop()

    def write(self, result: SyncResult) -> None:
        """Write one integration, and on stderr why it could not be started."""
        if result.kinds:
            self._console.print(Text(f"{_place(result)}  {result.elapsed:.1f} s", style="bold"), soft_wrap=True)
        for kind, outcome in result.kinds.items():
            if is_terminal(self._console):
                self._console.print(kind_row(kind, outcome))
            else:
                self._console.print(kind_line(kind, outcome), soft_wrap=True)
        if result.error is not None:
            complain(f"{_place(result)}: {reason_of(result.error)}")

    def progress(self, report: SyncReport) -> None:
        """Draw the table anew, or write a line."""
        view = RunView(report, self._planned, self._speed.after(report.elapsed, report.requests_sent))
        if self._table.can_move:
            self._table.show(view.table())
        else:
            self._console.print(view.line(), soft_wrap=True)

    def close(self, report: SyncReport) -> None:
        """Write the table and the totals."""
        self._table.stop()
        if report.outcomes:
            self._console.print(tally(report.outcomes))
        self._console.print(in_numbers(report))


def in_numbers(report: SyncReport) -> str:
    """Say in one sentence how much was done."""
    failed = f", {report.failed} failed" if report.failed else ""
    return (
        f"{counted(report.integrations, 'integration')} of {counted(report.organizations, 'organization')} "
        f"in {report.elapsed:.1f} s, {counted(report.requests_sent, 'request')} sent{failed}."
    )


def as_json(result: SyncResult) -> dict[str, JsonValue]:
    """Return the object a program reads; seconds are rounded to milliseconds."""
    return {
        "organization": result.organization_id,
        "integration": result.integration_id,
        "kinds": {kind.value: _kind(outcome) for kind, outcome in result.kinds.items()},
        "elapsed": round(result.elapsed, 3),
        "error": error_as_json(result.error),
    }


def _kind(outcome: KindOutcome) -> JsonValue:
    return {
        "state": outcome.state.value,
        "before": outcome.before,
        "after": outcome.after,
        "seen_at": None if outcome.seen_at is None else round(outcome.seen_at, 3),
        "steps": [_step(step) for step in outcome.steps],
        "error": error_as_json(outcome.error),
    }


def _step(step: Step) -> JsonValue:
    return {
        "before": step.before,
        "after": step.after,
        "seen_at": round(step.seen_at, 3),
        "direction": step.direction.value,
    }


def error_as_json(error: PackCloudError | None) -> JsonValue:
    """Return what a program reads of an error, None for none."""
    if error is None:
        return None
    status = error.status if isinstance(error, ApiError) else None
    return {"type": type(error).__name__, "status": status, "message": str(error)}


def _failures(result: SyncResult) -> Iterator[str]:
    if result.error is not None:
        yield f"{_place(result)}: {reason_of(result.error)}"
    for kind, outcome in result.kinds.items():
        if outcome.state.is_failure:
            why = f": {reason_of(outcome.error)}" if outcome.error is not None else ""
            yield f"{_place(result)}: {kind.value} {outcome.state.value}{why}"


def _place(result: SyncResult) -> str:
    ids = (result.organization_id, result.integration_id)
    return clean("/".join(id_ for id_ in ids if id_ is not None))
