"""SyncProgress: what is known of one job, and when to look again.

Each kind of a job goes through these phases; every other move raises :class:`IllegalStep` and changes nothing.

| phase    | told                | next phase, or outcome                                               |
|----------|---------------------|----------------------------------------------------------------------|
| PLANNED  | sending             | SENT                                                                 |
| PLANNED  | refused             | REJECTED                                                             |
| SENT     | not_sent            | PLANNED                                                              |
| SENT     | accepted, joined    | ACCEPTED, or UNOBSERVABLE if the kind has no watermark               |
| SENT     | refused             | REJECTED                                                             |
| SENT     | in_doubt            | IN_DOUBT, or AMBIGUOUS if the kind has no watermark                  |
| watched* | observed, new value | stays, one step more; ADVANCED `settle` seconds after the last step  |
| watched* | observed, at the end| ACCEPTED -> QUIET, IN_DOUBT -> AMBIGUOUS                             |
| watched* | failed, at the end  | ACCEPTED -> UNREAD, IN_DOUBT -> AMBIGUOUS; ADVANCED if it stepped    |
| watched* | refused_access      | the same at once, without waiting for the end                        |
| watched* | unfound             | GONE when unfound twice, `gone_after` seconds apart; else as failed  |
| watched* | removed             | GONE at once                                                         |

*watched: ACCEPTED or IN_DOUBT.

1. A value is new when it is not the same as any value seen before, the baseline included. The direction is
   reported and decides nothing.
2. "At the end" means a read that was *asked* at or after the deadline, for a kind that stepped at or after the
   end of its `settle` time: an answer that was merely late does not speak for the whole window.
3. The baseline is told before anything else; what it showed is not told again.
4. After the last outcome every call raises, but for `watch`, which answers :class:`Done`.
"""

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum

from attrs import define, evolve, field, frozen

from packcloud_async._sansio.outcomes import KindOutcome, Outcome, Step
from packcloud_async._sansio.timestamps import direction_of, same_watermark
from packcloud_async.errors import InvalidResponse, PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy


class IllegalStep(RuntimeError):
    """A fact was told that cannot follow what was told before; nothing was changed."""


class Phase(StrEnum):
    """How far the POST of one kind got."""

    PLANNED = "planned"
    SENT = "sent"
    ACCEPTED = "accepted"
    IN_DOUBT = "in_doubt"


@frozen
class Wait:
    """Read again at ``until``, an instant of the caller's clock.

    ``decides`` when that read ends a window: it must not come early, and it is worth repeating if it fails.
    """

    until: float
    decides: bool


@frozen
class Done:
    """Every kind has an outcome."""


Decision = Wait | Done


@frozen(kw_only=True)
class KindState:
    """What is known of one kind: enough to go on in another process.

    ``seen`` are the values read so far, the baseline first; empty before the baseline was read and for a kind
    whose field the baseline did not show. ``error`` belongs to the POST.
    """

    phase: Phase = Phase.PLANNED
    seen: tuple[str | None, ...] = ()
    steps: tuple[Step, ...] = ()
    error: PackCloudError | None = None
    outcome: KindOutcome | None = None

    @property
    def watchable(self) -> bool:
        """Whether the baseline showed a watermark."""
        return bool(self.seen)

    def ended(self, state: Outcome, error: PackCloudError | None = None) -> "KindState":
        """Give it an outcome; a proven change outlives any later trouble."""
        proven = bool(self.steps)
        outcome = KindOutcome(
            state=Outcome.ADVANCED if proven else state,
            before=self.seen[0] if self.seen else None,
            after=self.steps[-1].after if proven else (self.seen[0] if self.seen else None),
            steps=self.steps,
            error=self.error if proven or error is None else error,
        )
        return evolve(self, outcome=outcome)

    def without_change(self, *, readable: bool, error: PackCloudError | None = None) -> "KindState":
        """End a window in which nothing changed."""
        if self.phase is Phase.IN_DOUBT:
            return self.ended(Outcome.AMBIGUOUS, self.error)
        return self.ended(Outcome.QUIET if readable else Outcome.UNREAD, error)


@define
class SyncProgress:
    """The machine of one job. Instants are of one clock, given by the caller; nothing here asks for the time.

    ``spread`` in [0, 1) is the job's own draw for the policy's jitter. ``started_at`` is the zero of every
    duration in its results.
    """

    policy: PollPolicy
    started_at: float
    kinds: dict[SyncKind, KindState]
    spread: float = 0.5
    watched_from: float | None = None
    _paced_from: float = field(default=0.0, init=False)
    _unfound_from: float | None = field(default=None, init=False)

    @property
    def deadline_at(self) -> float:
        """When the window ends; infinite when the policy has no deadline or the watch has not begun."""
        if self.watched_from is None or self.policy.deadline is None:
            return math.inf
        return self.watched_from + self.policy.deadline

    @property
    def is_done(self) -> bool:
        """Whether every kind has an outcome."""
        return all(kind.outcome is not None for kind in self.kinds.values())

    @property
    def outcomes(self) -> Mapping[SyncKind, KindOutcome]:
        """The outcomes so far."""
        return {kind: state.outcome for kind, state in self.kinds.items() if state.outcome is not None}

    @property
    def unsent(self) -> tuple[SyncKind, ...]:
        """The kinds whose POST may still be sent."""
        return tuple(k for k, state in self.kinds.items() if state.phase is Phase.PLANNED and state.outcome is None)

    def baseline(self, watermarks: Mapping[SyncKind, str | None]) -> None:
        """Tell what the integration showed before any POST."""
        self._require(all(state == KindState() for state in self.kinds.values()), "baseline")
        for kind in self.kinds:
            if kind in watermarks:
                self.kinds[kind] = KindState(seen=(watermarks[kind],))

    def sending(self, kind: SyncKind) -> None:
        """Tell that the POST is about to leave."""
        self._move("sending", kind, Phase.PLANNED, Phase.SENT)

    def not_sent(self, kind: SyncKind) -> None:
        """Tell that the POST certainly started nothing and may be sent again."""
        self._move("not_sent", kind, Phase.SENT, Phase.PLANNED)

    def accepted(self, kind: SyncKind) -> None:
        """Tell that the server accepted the POST."""
        self._answered("accepted", kind, Phase.ACCEPTED, Outcome.UNOBSERVABLE, None)

    def joined(self, kind: SyncKind, error: PackCloudError) -> None:
        """Tell that a sync was already running, which is watched in place of ours."""
        self._answered("joined", kind, Phase.ACCEPTED, Outcome.UNOBSERVABLE, error)

    def in_doubt(self, kind: SyncKind, error: PackCloudError) -> None:
        """Tell that the POST may have arrived."""
        self._answered("in_doubt", kind, Phase.IN_DOUBT, Outcome.AMBIGUOUS, error)

    def refused(self, kind: SyncKind, error: PackCloudError) -> None:
        """Tell that the POST started nothing and will not be sent again."""
        state = self._open(kind, "refused")
        self._require(state.phase in (Phase.PLANNED, Phase.SENT), "refused")
        self.kinds[kind] = evolve(state, error=error).ended(Outcome.REJECTED, error)

    def watch(self, now: float) -> Decision:
        """Tell that every POST is answered; a machine that was watched before goes on in its old window."""
        self._require(not self.unsent and Phase.SENT not in {state.phase for state in self._watched()}, "watch")
        if self.is_done:
            return Done()
        resumed = self.watched_from is not None
        if self.watched_from is None:
            self.watched_from = now
        self._paced_from = self.watched_from
        # News may have come while nobody watched: look at once.
        return Wait(now, decides=now >= self._next_end()) if resumed else self._wait(now)

    def observed(self, watermarks: Mapping[SyncKind, str | None], *, asked_at: float, now: float) -> Decision:
        """Tell what a read showed."""
        self._require_watching("observed")
        self._unfound_from = None
        for kind in self._open_kinds():
            if kind in watermarks:
                self._look(kind, watermarks[kind], asked_at, now)
            else:
                missing = InvalidResponse("a watermark the baseline showed is not sent any more", path=_field(kind))
                self._end_unread([kind], missing, asked_at)
        return self._wait(now)

    def failed(self, error: PackCloudError, *, asked_at: float, now: float) -> Decision:
        """Tell that a read failed in a way that may pass."""
        self._require_watching("failed")
        self._end_unread(self._open_kinds(), error, asked_at)
        return self._wait(now)

    def refused_access(self, error: PackCloudError, *, now: float) -> Decision:
        """Tell that the credential is not accepted any more: no later read can succeed."""
        self._require_watching("refused_access")
        self._end_unread(self._open_kinds(), error, math.inf)
        return self._wait(now)

    def unfound(self, error: PackCloudError, *, asked_at: float, now: float) -> Decision:
        """Tell that a read of the integration alone answered "not found"."""
        self._require_watching("unfound")
        if self.ends_if_unfound(asked_at):
            self._end_gone(error)
        else:
            self._unfound_from = asked_at if self._unfound_from is None else self._unfound_from
            self._end_unread(self._open_kinds(), error, asked_at)
        return self._wait(now)

    def ends_if_unfound(self, asked_at: float) -> bool:
        """Whether another read asked now that does not find the integration would make it gone."""
        return self._unfound_from is not None and asked_at - self._unfound_from >= self.policy.gone_after

    def is_watched_at(self, instant: float) -> bool:
        """Whether the watch had begun; an earlier answer may be older than the baseline."""
        return self.watched_from is not None and instant >= self.watched_from

    def removed(self, error: PackCloudError, *, now: float) -> Decision:
        """Tell that the server says the integration was removed for good."""
        self._require_watching("removed")
        self._end_gone(error)
        return self._wait(now)

    def _look(self, kind: SyncKind, value: str | None, asked_at: float, now: float) -> None:
        state = self.kinds[kind]
        if not any(same_watermark(value, old) for old in state.seen):
            before = state.seen[-1]
            step = Step(before, value, now - self.started_at, direction_of(before, value))
            state = evolve(state, seen=(*state.seen, value), steps=(*state.steps, step))
            self._paced_from = now
        self.kinds[kind] = state
        if asked_at >= self._ends_at(state):
            self.kinds[kind] = state.without_change(readable=True)

    def _ends_at(self, state: KindState) -> float:
        if not state.steps:
            return self.deadline_at
        # Without a settle time the first step is the end, whenever its read was asked.
        if self.policy.settle == 0:
            return -math.inf
        return min(self.deadline_at, self.started_at + state.steps[-1].seen_at + self.policy.settle)

    def _wait(self, now: float) -> Decision:
        if self.is_done:
            return Done()
        due = now + self.policy.delay_after(now - self._paced_from, spread=self.spread)
        end = self._next_end()
        if self._unfound_from is not None and (grace_ends_at := self._unfound_from + self.policy.gone_after) > now:
            end = min(end, grace_ends_at)
        end = max(now, end)
        return Wait(min(due, end), decides=due >= end)

    def _next_end(self) -> float:
        return min(self._ends_at(state) for state in self._watched())

    def _end_unread(self, kinds: Iterable[SyncKind], error: PackCloudError, asked_at: float) -> None:
        for kind in kinds:
            if asked_at >= self._ends_at(self.kinds[kind]):
                self.kinds[kind] = self.kinds[kind].without_change(readable=False, error=error)

    def _end_gone(self, error: PackCloudError) -> None:
        for kind in self._open_kinds():
            self.kinds[kind] = self.kinds[kind].ended(Outcome.GONE, error)

    def _answered(
        self, told: str, kind: SyncKind, phase: Phase, unwatchable: Outcome, error: PackCloudError | None
    ) -> None:
        state = self._open(kind, told)
        self._require(state.phase is Phase.SENT, told)
        answered = evolve(state, phase=phase, error=error)
        self.kinds[kind] = answered if answered.watchable else answered.ended(unwatchable, error)

    def _move(self, told: str, kind: SyncKind, before: Phase, after: Phase) -> None:
        state = self._open(kind, told)
        self._require(state.phase is before, told)
        self.kinds[kind] = evolve(state, phase=after)

    def _open(self, kind: SyncKind, told: str) -> KindState:
        self._require(kind in self.kinds and self.kinds[kind].outcome is None, told)
        return self.kinds[kind]

    def _open_kinds(self) -> Iterable[SyncKind]:
        return [kind for kind, state in self.kinds.items() if state.outcome is None]

    def _watched(self) -> Iterable[KindState]:
        return [state for state in self.kinds.values() if state.outcome is None]

    def _require_watching(self, told: str) -> None:
        self._require(self.watched_from is not None and not self.is_done, told)

    def _require(self, legal: bool, told: str) -> None:
        if not legal:
            phases = ", ".join(f"{kind.value} {_phase(state)}" for kind, state in self.kinds.items())
            raise IllegalStep(f"cannot be told {told!r} now ({phases})")


def _phase(state: KindState) -> str:
    return state.phase.value if state.outcome is None else state.outcome.state.value


def _field(kind: SyncKind) -> str:
    return f"$.{kind.watermark_field}"
