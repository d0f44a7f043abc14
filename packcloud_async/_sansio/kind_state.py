"""KindState and KindProgress: what is known of one kind of a job, as a value and as the record a machine keeps of it.

A machine goes through several states for each sync. It changes one record in place: a value for each of them would be
most of what a machine costs. Whoever asks gets a value, which stays as it is.
"""

from enum import StrEnum
from typing import Protocol

from attrs import define, frozen

from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Step
from packcloud_async._sansio.timestamps import direction_of, same_watermark
from packcloud_async.errors import PackCloudError
from packcloud_async.models import UNSET, SyncKind, Unset


class Phase(StrEnum):
    """How far the POST of one kind got."""

    PLANNED = "planned"
    SENT = "sent"
    ACCEPTED = "accepted"
    IN_DOUBT = "in_doubt"


class _Known(Protocol):
    """What both have in common."""

    @property
    def phase(self) -> Phase: ...
    @property
    def baseline(self) -> str | Unset | None: ...
    @property
    def steps(self) -> tuple[Step, ...]: ...
    @property
    def error(self) -> PackCloudError | None: ...
    @property
    def outcome(self) -> KindOutcome | None: ...


def _is_answered(state: _Known) -> bool:
    return state.outcome is not None or state.phase is Phase.ACCEPTED or state.phase is Phase.IN_DOUBT


def _outcome(known: _Known, state: Outcome, error: PackCloudError | None) -> KindOutcome:
    """Give it an outcome; a proven change outlives any later trouble."""
    baseline, steps = known.baseline, known.steps
    before = None if isinstance(baseline, Unset) else baseline
    return KindOutcome(
        state=Outcome.ADVANCED if steps else state,
        before=before,
        after=steps[-1].after if steps else before,
        steps=steps,
        error=known.error if steps or error is None else error,
    )


@frozen(kw_only=True, weakref_slot=False)
class KindState:
    """What is known of one kind: enough to go on in another process.

    ``baseline`` is the value read before the POST, UNSET before that and for a kind whose field was not there.
    ``probed`` when a probe read it, and not the integration. ``error`` belongs to the POST, or says why a probe could
    not be read before it.
    """

    phase: Phase = Phase.PLANNED
    baseline: str | Unset | None = UNSET
    steps: tuple[Step, ...] = ()
    error: PackCloudError | None = None
    outcome: KindOutcome | None = None
    probed: bool = False

    @property
    def watchable(self) -> bool:
        """Whether the baseline showed a watermark."""
        return not isinstance(self.baseline, Unset)

    @property
    def seen(self) -> tuple[str | None, ...]:
        """The values read so far, the baseline first; empty without one."""
        return () if isinstance(self.baseline, Unset) else (self.baseline, *(step.after for step in self.steps))

    @property
    def is_answered(self) -> bool:
        """Whether the POST has come to something: an answer, a doubt, or an outcome."""
        return _is_answered(self)

    def ended(self, state: Outcome, error: PackCloudError | None = None) -> "KindState":
        """Give it an outcome; a proven change outlives any later trouble."""
        return KindState(
            phase=self.phase,
            baseline=self.baseline,
            steps=self.steps,
            error=self.error,
            outcome=_outcome(self, state, error),
            probed=self.probed,
        )


@define(weakref_slot=False)
class KindProgress:
    """What a machine knows of one kind by now; see :class:`KindState`."""

    kind: SyncKind
    phase: Phase
    baseline: str | Unset | None
    steps: tuple[Step, ...]
    error: PackCloudError | None
    outcome: KindOutcome | None
    probed: bool

    @classmethod
    def of(cls, kind: SyncKind, state: KindState) -> "KindProgress":
        """Go on from a state."""
        return cls(kind, state.phase, state.baseline, state.steps, state.error, state.outcome, state.probed)

    @property
    def state(self) -> KindState:
        """The state as it is now."""
        return KindState(
            phase=self.phase,
            baseline=self.baseline,
            steps=self.steps,
            error=self.error,
            outcome=self.outcome,
            probed=self.probed,
        )

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was told of it so far."""
        return self.phase is Phase.PLANNED and self.baseline is UNSET and self.error is None and self.outcome is None

    @property
    def is_answered(self) -> bool:
        """Whether the POST has come to something: an answer, a doubt, or an outcome."""
        return _is_answered(self)

    def is_news(self, value: str | None) -> bool:
        """Whether a value was never seen before."""
        baseline = self.baseline
        if value == baseline or (not isinstance(baseline, Unset) and same_watermark(value, baseline)):
            return False
        return not self.steps or not any(same_watermark(value, step.after) for step in self.steps)

    def step(self, value: str | None, seen_at: float) -> None:
        """Take note of a value that is news."""
        before = self.steps[-1].after if self.steps else self.baseline
        assert not isinstance(before, Unset)
        self.steps = (*self.steps, Step(before, value, seen_at, direction_of(before, value)))

    def end(self, state: Outcome, error: PackCloudError | None = None) -> None:
        """Give it an outcome; a proven change outlives any later trouble."""
        self.outcome = _outcome(self, state, error)

    def end_without_change(self, *, readable: bool, error: PackCloudError | None = None) -> None:
        """End a window in which nothing changed."""
        if self.phase is Phase.IN_DOUBT:
            self.end(Outcome.AMBIGUOUS, self.error)
        else:
            self.end(Outcome.QUIET if readable else Outcome.UNREAD, error)
