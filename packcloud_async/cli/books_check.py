"""Holds what the client reports against the emulator's books, which know the truth."""

from collections.abc import Sequence

from attrs import define, field

from packcloud_async._sansio.outcomes import KindOutcome, Outcome, SyncResult
from packcloud_async.emulator import Emulator, SyncRun
from packcloud_async.models import SyncKind

PROBED = frozenset({SyncKind.SHIPPING_SERVICES})
"""The kinds that the client confirms by a probe of its own."""


@define
class BooksCheck:
    """Counts the outcomes that are true, of ``expected``; ``window`` is the seconds each sync is watched."""

    _emulator: Emulator
    expected: int
    window: float
    checked: int = field(default=0, init=False)
    wrong: list[str] = field(factory=list[str], init=False)

    def add(self, result: SyncResult) -> None:
        """Check every kind of one result."""
        for kind, outcome in result.kinds.items():
            self.checked += 1
            runs = self._emulator.books.of(result.organization_id, result.integration_id or "", kind)
            if not self._is_true(kind, outcome, runs):
                place = f"{result.organization_id}/{result.integration_id}"
                self.wrong.append(f"{place} {kind.value}: {outcome.state.value}")

    @property
    def agrees(self) -> bool:
        """Whether every sync has an outcome that is true, and nothing was started twice."""
        return self._true == self.expected and self._emulator.counters.duplicate_posts == 0

    def __str__(self) -> str:
        agree = f"all {self.expected}" if self._true == self.expected else f"only {self._true} of {self.expected}"
        are = "outcome is" if self.expected == 1 else "outcomes are"
        twice = self._emulator.counters.duplicate_posts or "none"
        return f"{agree} {are} true; syncs started twice: {twice}."

    @property
    def _true(self) -> int:
        return self.checked - len(self.wrong)

    def _is_true(self, kind: SyncKind, outcome: KindOutcome, runs: Sequence[SyncRun]) -> bool:
        is_seen = kind in self._emulator.world.watermarks or kind in PROBED
        match outcome.state:
            case Outcome.ADVANCED:
                # What a probe shows is no value of the books, so that any move must do.
                return any(kind in PROBED or value == outcome.after for run in runs for _, value in run.moves)
            case Outcome.QUIET:
                return bool(runs) and not self._moved(runs)
            case Outcome.UNOBSERVABLE:
                return bool(runs) and not is_seen
            case Outcome.REJECTED:
                return not runs
            case Outcome.AMBIGUOUS:
                return not is_seen or not self._moved(runs)
            case Outcome.UNREAD | Outcome.GONE:
                # Nobody deletes anything in a demonstration.
                return outcome.state is Outcome.UNREAD and bool(runs)

    def _moved(self, runs: Sequence[SyncRun]) -> bool:
        """Whether a watermark moved while it was certainly watched."""
        return any(at <= run.accepted_at + self.window for run in runs for at, _ in run.moves)
