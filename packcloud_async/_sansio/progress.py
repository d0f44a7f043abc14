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
| PLANNED  | shares_doubt        | IN_DOUBT, or AMBIGUOUS if the kind has no watermark                  |
| PLANNED  | shares              | whatever the POST of another job came to                             |
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
5. A read speaks for some of the kinds: those whose watermark the integration carries, or one that a probe reads.
   What it tells changes those alone, and the decision is about their next read.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType

from attrs import define, evolve, frozen

from packcloud_async._sansio.outcomes import KindOutcome, KindOutcomes, Outcome, Step
from packcloud_async._sansio.pacing import Expectation, delay_after
from packcloud_async._sansio.timestamps import direction_of, same_watermark
from packcloud_async.errors import InvalidResponse, PackCloudError
from packcloud_async.models import UNSET, SyncKind, Unset
from packcloud_async.policies import PollPolicy


class IllegalStep(RuntimeError):
    """A fact was told that cannot follow what was told before; nothing was changed."""


class Phase(StrEnum):
    """How far the POST of one kind got."""

    PLANNED = "planned"
    SENT = "sent"
    ACCEPTED = "accepted"
    IN_DOUBT = "in_doubt"


@frozen(weakref_slot=False)
class Wait:
    """Read again at ``until``, an instant of the caller's clock.

    ``decides`` when that read ends a window: it must not come early, and it is worth repeating if it fails.
    """

    until: float
    decides: bool


@frozen
class Done:
    """Every kind that was asked about has an outcome."""


Decision = Wait | Done


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
        return self.outcome is not None or self.phase in (Phase.ACCEPTED, Phase.IN_DOUBT)

    def ended(self, state: Outcome, error: PackCloudError | None = None) -> "KindState":
        """Give it an outcome; a proven change outlives any later trouble."""
        proven = bool(self.steps)
        outcome = KindOutcome(
            state=Outcome.ADVANCED if proven else state,
            before=self.seen[0] if self.seen else None,
            after=self.seen[-1] if self.seen else None,
            steps=self.steps,
            error=self.error if proven or error is None else error,
        )
        return KindState(
            phase=self.phase,
            baseline=self.baseline,
            steps=self.steps,
            error=self.error,
            outcome=outcome,
            probed=self.probed,
        )

    def at(self, phase: Phase, error: PackCloudError | None) -> "KindState":
        """Come to another phase, without an outcome."""
        # Several times for each sync, where evolve() would take three times as long.
        return KindState(phase=phase, baseline=self.baseline, steps=self.steps, error=error, probed=self.probed)

    def is_news(self, value: str | None) -> bool:
        """Whether a value was never seen before."""
        if value == self.baseline:
            return False
        return not any(same_watermark(value, old) for old in self.seen)

    def stepped(self, value: str | None, seen_at: float) -> "KindState":
        """Take note of a value that is news."""
        before = self.seen[-1]
        return KindState(
            phase=self.phase,
            baseline=self.baseline,
            steps=(*self.steps, Step(before, value, seen_at, direction_of(before, value))),
            error=self.error,
            probed=self.probed,
        )

    def without_change(self, *, readable: bool, error: PackCloudError | None = None) -> "KindState":
        """End a window in which nothing changed."""
        if self.phase is Phase.IN_DOUBT:
            return self.ended(Outcome.AMBIGUOUS, self.error)
        return self.ended(Outcome.QUIET if readable else Outcome.UNREAD, error)


_NOTHING: Mapping[SyncKind, Expectation] = {}


_KINDS: dict[tuple[SyncKind, ...], tuple[SyncKind, ...]] = {}
"""One tuple for each combination of kinds, shared by all jobs."""


@define(init=False, weakref_slot=False)
class SyncProgress:
    """The machine of one job. Instants are of one clock, given by the caller; nothing here asks for the time.

    ``spread`` in [0, 1) is the job's own draw for the policy's jitter. ``started_at`` is the zero of every
    duration in its results. ``expected`` is how long the syncs of a kind usually take; what is not in it is unknown.
    ``is_measured`` while it was watched by itself from its own POST on, so that it tells how long a sync takes.
    """

    policy: PollPolicy
    started_at: float
    spread: float
    watched_from: float | None
    expected: Mapping[SyncKind, Expectation]
    is_measured: bool
    _kinds: tuple[SyncKind, ...]
    _states: tuple[KindState, ...]
    _unfound_from: float | None

    def __init__(  # noqa: PLR0917 - the last two are for those who resume
        self,
        policy: PollPolicy,
        started_at: float,
        kinds: Mapping[SyncKind, KindState],
        spread: float = 0.5,
        watched_from: float | None = None,
        expected: Mapping[SyncKind, Expectation] = _NOTHING,
    ) -> None:
        self.policy = policy
        self.started_at = started_at
        self.spread = spread
        self.watched_from = watched_from
        self.expected = expected
        self.is_measured = True
        self._kinds = _KINDS.setdefault(tuple(kinds), tuple(kinds))
        self._states = tuple(kinds.values())
        self._unfound_from = None

    @property
    def kinds(self) -> Mapping[SyncKind, KindState]:
        """The state of every kind, as it is now."""
        # Not kept as a dict, which would be a quarter of what a watched job takes.
        return dict(zip(self._kinds, self._states, strict=True))

    def state_of(self, kind: SyncKind) -> KindState:
        """Return the state of one kind; raise KeyError when the job does not have it."""
        # Not with index(), which asks for equality: kinds are texts too, and this is looked up all the time.
        for known, state in zip(self._kinds, self._states, strict=True):
            if known is kind:
                return state
        raise KeyError(kind)

    def _put(self, kind: SyncKind, state: KindState) -> None:
        at = self._kinds.index(kind)
        self._states = (*self._states[:at], state, *self._states[at + 1 :])

    @property
    def deadline_at(self) -> float:
        """When the window ends; infinite when the policy has no deadline or the watch has not begun."""
        if self.watched_from is None or self.policy.deadline is None:
            return math.inf
        return self.watched_from + self.policy.deadline

    @property
    def is_done(self) -> bool:
        """Whether every kind has an outcome."""
        for state in self._states:  # noqa: SIM110 - asked for all the time, and a generator would take twice as long
            if state.outcome is None:
                return False
        return True

    @property
    def open_kinds(self) -> tuple[SyncKind, ...]:
        """The kinds without an outcome."""
        return tuple([kind for kind, state in zip(self._kinds, self._states, strict=True) if state.outcome is None])

    @property
    def outcomes(self) -> Mapping[SyncKind, KindOutcome]:
        """The outcomes so far."""
        known = zip(self._kinds, self._states, strict=True)
        ended = [(kind, state.outcome) for kind, state in known if state.outcome is not None]
        kinds = tuple([kind for kind, _ in ended])
        return KindOutcomes(_KINDS.setdefault(kinds, kinds), tuple([outcome for _, outcome in ended]))

    @property
    def unsent(self) -> tuple[SyncKind, ...]:
        """The kinds whose POST may still be sent."""
        return tuple(
            k
            for k, state in zip(self._kinds, self._states, strict=True)
            if state.phase is Phase.PLANNED and state.outcome is None
        )

    def baseline(
        self,
        watermarks: Mapping[SyncKind, str | None],
        *,
        probed: Mapping[SyncKind, str | PackCloudError] = MappingProxyType({}),
    ) -> None:
        """Tell what the integration showed before any POST, and what probes of other kinds showed, or why not."""
        self._require(all(state == KindState() for state in self._states), "baseline")
        for kind in self._kinds:
            shown = probed.get(kind)
            if kind in watermarks:
                self._put(kind, KindState(baseline=watermarks[kind]))
            elif isinstance(shown, PackCloudError):
                self._put(kind, KindState(error=shown))
            elif shown is not None:
                self._put(kind, KindState(baseline=shown, probed=True))

    @property
    def unmoved_kinds(self) -> tuple[SyncKind, ...]:
        """The open kinds of which no news was seen yet."""
        return tuple(kind for kind in self.open_kinds if not self.state_of(kind).steps)

    def would_be_news(self, kind: SyncKind, value: str | None) -> bool:
        """Whether a value was never seen before."""
        return self.state_of(kind).is_news(value)

    def can_be_shared(self, kind: SyncKind, now: float) -> bool:
        """Whether another job may take part in the sync of this kind: its POST is answered, its window still open.

        A kind that nothing shows ended with its POST; it is as open as the job is.
        """
        if kind not in self._kinds or self.is_done:
            return False
        state = self.state_of(kind)
        if state.outcome is None:
            return state.is_answered and now < self._window_ends_at(kind)
        was_refused = state.outcome.state is Outcome.REJECTED
        return not state.watchable and not was_refused and now < self._window_ends_at(kind)

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
        self._put(kind, evolve(state, error=error).ended(Outcome.REJECTED, error))

    def shares(self, kind: SyncKind, other: "SyncProgress") -> None:
        """Tell that another job has sent the POST of this kind: what came of it is true here too."""
        state, shared = self._open(kind, "shares"), other.state_of(kind)
        self._require(state.phase is Phase.PLANNED and shared.is_answered, "shares")
        self.is_measured = False
        later = other.started_at - self.started_at
        steps = tuple(evolve(step, seen_at=max(0.0, step.seen_at + later)) for step in shared.steps)
        outcome = None if shared.outcome is None else evolve(shared.outcome, steps=steps)
        self._put(kind, evolve(shared, steps=steps, outcome=outcome))

    def shares_doubt(self, kind: SyncKind, other: "SyncProgress", error: PackCloudError) -> None:
        """Tell that another job was cut off while it sent the POST of this kind: it may have arrived."""
        state, shared = self._open(kind, "shares_doubt"), other.state_of(kind)
        self._require(state.phase is Phase.PLANNED and shared.phase is Phase.SENT, "shares_doubt")
        self.is_measured = False
        doubtful = evolve(shared, phase=Phase.IN_DOUBT, error=error)
        self._put(kind, doubtful if doubtful.watchable else doubtful.ended(Outcome.AMBIGUOUS, error))

    def watch(self, now: float) -> Decision:
        """Tell that every POST is answered; a machine that was watched before goes on in its old window."""
        self._require(not self.unsent and Phase.SENT not in {state.phase for state in self._watched()}, "watch")
        resumed = self.watched_from is not None
        if self.is_done:
            return Done()
        if self.watched_from is None:
            self.watched_from = now
        else:
            self.is_measured = False
        return self.next_read(now, resumed=resumed)

    def next_read(self, now: float, *, kinds: Collection[SyncKind] | None = None, resumed: bool = False) -> Decision:
        """Say when to read next for some of the kinds; None means all. What is ``resumed`` is looked at at once."""
        if not (still_open := self._still_open(kinds)):
            return Done()
        if resumed:
            # News may have come while nobody watched.
            return Wait(now, decides=now >= self._next_end(still_open))
        return self._wait(now, still_open)

    def observed(
        self,
        watermarks: Mapping[SyncKind, str | None],
        *,
        asked_at: float,
        now: float,
        kinds: Collection[SyncKind] | None = None,
        found: bool = True,
    ) -> Decision:
        """Tell what a read showed that spoke for these kinds; None means all.

        ``found`` False when the integration itself was not read, as by a probe: it may be gone all the same.
        """
        self._require_watching("observed")
        if found:
            self._unfound_from = None
        # One number for all that moved in it, which results keep.
        seen_at = now - self.started_at
        for kind in self._still_open(kinds):
            if kind in watermarks:
                self._look(kind, watermarks[kind], asked_at, seen_at)
            else:
                missing = InvalidResponse("a watermark the baseline showed is not sent any more", path=_field(kind))
                self._end_unread([kind], missing, asked_at)
        return self.next_read(now, kinds=kinds)

    def unmoved(
        self, watermarks: Mapping[SyncKind, str | None], *, asked_at: float, now: float, kinds: Collection[SyncKind]
    ) -> Wait | None:
        """Tell what a read showed, if that is what nearly every read shows; None, and nothing is changed, if it is not.

        It is when every open kind has its baseline still, none of them ends, and nothing is expected or was missed
        before. What is answered is what ``observed`` would answer.
        """
        since = self.watched_from
        if since is None or self.expected or self._unfound_from is not None:
            return None
        is_open = False
        for kind, state in zip(self._kinds, self._states, strict=True):
            if state.outcome is None and kind in kinds:
                if state.steps or watermarks.get(kind, UNSET) != state.baseline:
                    return None
                is_open = True
        deadline = self.policy.deadline
        ends_at = math.inf if deadline is None else since + deadline
        if not is_open or asked_at >= ends_at:
            return None
        due = now + self.policy.delay_after(now - since, spread=self.spread)
        return Wait(due, decides=False) if due < ends_at else Wait(max(now, ends_at), decides=True)

    def failed(
        self, error: PackCloudError, *, asked_at: float, now: float, kinds: Collection[SyncKind] | None = None
    ) -> Decision:
        """Tell that a read failed in a way that may pass."""
        self._require_watching("failed")
        self._end_unread(self._still_open(kinds), error, asked_at)
        return self.next_read(now, kinds=kinds)

    def refused_access(
        self, error: PackCloudError, *, now: float, kinds: Collection[SyncKind] | None = None
    ) -> Decision:
        """Tell that the credential is not accepted any more: no later read can succeed."""
        self._require_watching("refused_access")
        self._end_unread(self._still_open(kinds), error, math.inf)
        return self.next_read(now, kinds=kinds)

    def unfound(
        self, error: PackCloudError, *, asked_at: float, now: float, kinds: Collection[SyncKind] | None = None
    ) -> Decision:
        """Tell that a read of the integration alone answered "not found"; gone is gone for every kind."""
        self._require_watching("unfound")
        if self.ends_if_unfound(asked_at):
            self._end_gone(error)
        else:
            self._unfound_from = asked_at if self._unfound_from is None else self._unfound_from
            self._end_unread(self._still_open(kinds), error, asked_at)
        return self.next_read(now, kinds=kinds)

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
        return self.next_read(now)

    def _look(self, kind: SyncKind, value: str | None, asked_at: float, seen_at: float) -> None:
        state = self.state_of(kind)
        if state.is_news(value):
            state = state.stepped(value, seen_at)
            self._put(kind, state)
        if asked_at >= self._ends_at(kind, state):
            self._put(kind, state.without_change(readable=True))

    def _ends_at(self, kind: SyncKind, state: KindState) -> float:
        if not state.steps:
            return self._window_ends_at(kind)
        # Without a settle time the first step is the end, whenever its read was asked.
        if self.policy.settle == 0:
            return -math.inf
        return min(self.deadline_at, self.started_at + state.steps[-1].seen_at + self.policy.settle)

    def _window_ends_at(self, kind: SyncKind) -> float:
        expected = self.expected.get(kind)
        # Whether a POST in doubt arrived is worth the whole deadline.
        if expected is None or self.watched_from is None or self.state_of(kind).phase is not Phase.ACCEPTED:
            return self.deadline_at
        window = expected.window(self.policy, spread=self.spread)
        return math.inf if window is None else self.watched_from + window

    def _wait(self, now: float, kinds: Collection[SyncKind]) -> Wait:
        delay = end = math.inf
        for kind in kinds:
            state = self.state_of(kind)
            delay = min(delay, self._delay(kind, state, now))
            end = min(end, self._ends_at(kind, state))
        due = now + delay
        if self._unfound_from is not None and (grace_ends_at := self._unfound_from + self.policy.gone_after) > now:
            end = min(end, grace_ends_at)
        end = max(now, end)
        return Wait(min(due, end), decides=due >= end)

    def _delay(self, kind: SyncKind, state: KindState, now: float) -> float:
        steps, since = state.steps, self.watched_from or 0.0
        if steps:
            # How long the next step takes is not known: its wait begins anew.
            return self.policy.delay_after(now - (self.started_at + steps[-1].seen_at), spread=self.spread)
        return delay_after(self.policy, self.expected.get(kind), now - since, spread=self.spread)

    def _next_end(self, kinds: Iterable[SyncKind]) -> float:
        return min(self._ends_at(kind, self.state_of(kind)) for kind in kinds)

    def _end_unread(self, kinds: Iterable[SyncKind], error: PackCloudError, asked_at: float) -> None:
        for kind in kinds:
            state = self.state_of(kind)
            if asked_at >= self._ends_at(kind, state):
                self._put(kind, state.without_change(readable=False, error=error))

    def _end_gone(self, error: PackCloudError) -> None:
        for kind in self.open_kinds:
            self._put(kind, self.state_of(kind).ended(Outcome.GONE, error))

    def _answered(
        self, told: str, kind: SyncKind, phase: Phase, unwatchable: Outcome, error: PackCloudError | None
    ) -> None:
        state = self._open(kind, told)
        self._require(state.phase is Phase.SENT, told)
        answered = state.at(phase, error or state.error)
        self._put(kind, answered if answered.watchable else answered.ended(unwatchable, error))

    def _move(self, told: str, kind: SyncKind, before: Phase, after: Phase) -> None:
        state = self._open(kind, told)
        self._require(state.phase is before, told)
        self._put(kind, state.at(after, state.error))

    def _open(self, kind: SyncKind, told: str) -> KindState:
        state = self.state_of(kind) if kind in self._kinds else None
        if state is None or state.outcome is not None:
            raise self._illegal(told)
        return state

    def _still_open(self, kinds: Collection[SyncKind] | None) -> Collection[SyncKind]:
        if kinds is None:
            return self.open_kinds
        known = zip(self._kinds, self._states, strict=True)
        return [kind for kind, state in known if state.outcome is None and kind in kinds]

    def _watched(self) -> Iterable[KindState]:
        return [state for state in self._states if state.outcome is None]

    def _require_watching(self, told: str) -> None:
        self._require(self.watched_from is not None and not self.is_done, told)

    def _require(self, legal: bool, told: str) -> None:
        if not legal:
            raise self._illegal(told)

    def _illegal(self, told: str) -> IllegalStep:
        phases = ", ".join(
            f"{kind.value} {_phase(state)}" for kind, state in zip(self._kinds, self._states, strict=True)
        )
        return IllegalStep(f"cannot be told {told!r} now ({phases})")


def _phase(state: KindState) -> str:
    return state.phase.value if state.outcome is None else state.outcome.state.value


def _field(kind: SyncKind) -> str:
    return f"$.{kind.watermark_field}"
