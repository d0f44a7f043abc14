"""Writes the results of a run as they come: JSON lines for a program, or lines for a reader."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.outcomes import KindOutcome, Step, SyncResult
from packcloud_async.bulk import SyncRun
from packcloud_async.cli.console import clean, console_for_prose, write_json
from packcloud_async.cli.failures import complain, reason_of
from packcloud_async.cli.live import LiveLine
from packcloud_async.cli.outcome_views import kind_line, tally
from packcloud_async.errors import ApiError, PackCloudError
from packcloud_async.report import SyncReport


class ResultWriter(Protocol):
    """Takes results one by one, then the numbers."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, result: SyncResult) -> None:
        """Write one result."""
        ...

    def close(self, report: SyncReport) -> None:
        """Write what is to be said at the end."""
        ...


class JsonLines:
    """One JSON object per result on stdout, and one line per failure on stderr."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def write(self, result: SyncResult) -> None:
        """Write one object, and the failures in it."""
        write_json(as_json(result))
        for failure in _failures(result):
            complain(failure)

    def close(self, report: SyncReport) -> None:
        """Write nothing: stdout holds results only."""


class HumanLines:
    """A paragraph per integration and a table at the end; on a terminal, a moving line while it waits."""

    def __init__(self) -> None:
        self._console = console_for_prose()
        self._done = 0
        self._line = LiveLine(
            self._console,
            SpinnerColumn("line"),
            TextColumn("Watching{task.description}"),
            TimeElapsedColumn(),
            total=None,
            vanishes=True,
        )

    def __enter__(self) -> Self:
        self._line.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._line.stop()

    def write(self, result: SyncResult) -> None:
        """Write one integration, and on stderr why it could not be started."""
        if result.kinds:
            self._console.print(Text(f"{_place(result)}  {result.elapsed:.1f} s", style="bold"), soft_wrap=True)
        for kind, outcome in result.kinds.items():
            self._console.print(kind_line(kind, outcome), soft_wrap=True)
        if result.error is not None:
            complain(f"{_place(result)}: {reason_of(result.error)}")
        self._done += 1
        self._line.step(f", {self._done} done")

    def close(self, report: SyncReport) -> None:
        """Write the table and the totals."""
        self._line.stop()
        if report.outcomes:
            self._console.print(tally(report.outcomes))
        self._console.print(in_numbers(report))


async def write_all(run: SyncRun, writer: ResultWriter) -> bool:
    """Carry out a run and write its results as they come; return whether nothing failed."""
    with writer:
        async with run:
            async for result in run:
                writer.write(result)
        writer.close(run.report)
    return run.report.failed == 0


def in_numbers(report: SyncReport) -> str:
    """Say in one sentence how much was done."""
    failed = f", {report.failed} failed" if report.failed else ""
    return (
        f"{_counted(report.integrations, 'integration')} of {_counted(report.organizations, 'organization')} "
        f"in {report.elapsed:.1f} s, {_counted(report.requests_sent, 'request')} sent{failed}."
    )


def as_json(result: SyncResult) -> JsonValue:
    """Return the object a program reads; seconds are rounded to milliseconds."""
    return {
        "organization": result.organization_id,
        "integration": result.integration_id,
        "kinds": {kind.value: _kind(outcome) for kind, outcome in result.kinds.items()},
        "elapsed": round(result.elapsed, 3),
        "error": _error(result.error),
    }


def _kind(outcome: KindOutcome) -> JsonValue:
    return {
        "state": outcome.state.value,
        "before": outcome.before,
        "after": outcome.after,
        "seen_at": None if outcome.seen_at is None else round(outcome.seen_at, 3),
        "steps": [_step(step) for step in outcome.steps],
        "error": _error(outcome.error),
    }


def _step(step: Step) -> JsonValue:
    return {
        "before": step.before,
        "after": step.after,
        "seen_at": round(step.seen_at, 3),
        "direction": step.direction.value,
    }


def _error(error: PackCloudError | None) -> JsonValue:
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


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
