"""The report of a command: asks whether it can be written, records, and writes."""

import os
from pathlib import Path
from typing import Final

import click
from attrs import define, field

from packcloud_async._io.ledger_file import beside
from packcloud_async.cli.console import console_for_prose, safe
from packcloud_async.cli.failures import Misconfigured, complain
from packcloud_async.client import PackCloudClient
from packcloud_async.reporting.file import objection, write
from packcloud_async.reporting.page import Drawing, page_of
from packcloud_async.reporting.recording import Recording
from packcloud_async.reporting.story import Story

NEEDED: Final = "a report needs the extra report: pip install 'packcloud_async[report]'"


@define
class Report:
    """The report of the runs of one command; ``is_told`` says on stdout where it is."""

    path: Path
    is_told: bool
    _drawing: Drawing
    recording: Recording = field(factory=Recording)

    def follow(self, client: PackCloudClient, *, planned: int | None = None) -> None:
        """Let the recording ask the client for its budget; ``planned`` is how many organizations a run is given."""
        self.recording.budget = lambda: client.budget
        self.recording.planned = planned

    def write(self) -> bool:
        """Write the latest run, as far as it has come; return False, and say why, if that cannot be."""
        story = self.recording.story()
        return story is None or self.write_story(story)

    def write_story(self, story: Story) -> bool:
        """Write a run; return False, and say why, if that cannot be."""
        try:
            write(self.path, page_of(story, self._drawing))
        except OSError as error:
            complain(f"the report cannot be written: {error.strerror or error}")
            return False
        if self.is_told:
            console_for_prose().print(safe(f"The report is in {self.path}."), soft_wrap=True)
        return True


def prepared(path: Path, *, is_told: bool, apart_from: Path | None) -> Report:
    """Return a report that can be written there; refuse any other."""
    if apart_from is not None and os.path.realpath(path) in _files_of(Path(os.path.realpath(apart_from))):
        raise click.UsageError(f"{path} cannot be the report and the ledger: give two names")
    if (told := objection(path)) is not None:
        raise Misconfigured(told)
    return Report(path, is_told, _drawing())


def _files_of(ledger: Path) -> set[str]:
    # Empty ones look harmless, and are what keeps a ledger whole, and to one process.
    return {str(ledger), *(str(beside(ledger, suffix)) for suffix in ("-wal", "-shm", "-journal", ".lock"))}


def _drawing() -> Drawing:
    try:
        from packcloud_async.reporting import charts  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "plotly":
            raise
        raise Misconfigured(NEEDED) from error
    return Drawing(charts.program(), charts.checked)
