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
2. What "at the end" means is said in :mod:`packcloud_async._sansio.windows`, which decides when to read next.
3. The baseline is told before anything else; what it showed is not told again.
4. After the last outcome every call raises, but for `watch`, which answers :class:`Done`.
5. A read speaks for some of the kinds: those whose watermark the integration carries, or one that a probe reads.
   What it tells changes those alone, and the decision is about their next read.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from attrs import define, evolve

from packcloud_async._sansio.kind_state import KindProgress, KindState, Phase
from packcloud_async._sansio.outcomes import KindOutcome, KindOutcomes, Outcome
from packcloud_async._sansio.pacing import Expectation
from packcloud_async._sansio.windows import (
    Decision,
    Done,
    Open,
    Wait,
    deadline_of,
    end_of,
    next_read,
    next_read_of_unmoved,
    window_of,
)
from packcloud_async.errors import InvalidResponse, PackCloudError
from packcloud_async.models import UNSET, SyncKind
from packcloud_async.policies import PollPolicy

__all__ = ["Decision", "Done", "IllegalStep", "KindState", "Phase", "SyncProgress", "Wait"]


class IllegalStep(RuntimeError):
    """A fact was told that cannot follow what was told before; nothing was changed."""


_NOTHING: Mapping[SyncKind, Expectation] = {}
_FRESH: Final = KindState()
# One tuple for all results of the same kinds.
_KINDS: dict[tuple[SyncKind, ...], tuple[SyncKind, ...]] = {}


@define(init=False, weakref_slot=False)
class SyncProgress:
    """The machine of one job. Instants are of one clock, given by the caller; nothing here asks for the time.

    ``spread`` in [0, 1) is the job's own draw for the policy's jitter. ``started_at`` is the zero of every
    duration in its results. ``expected`` is how long the syncs of a kind usually take; what is not in it is unknown.
    ``is_measured`` while it was watched by itself from its own POST on, so that it tells how long a sync takes.
    ``unfound_from`` is when the first of the reads was asked that did not find the integration, None if the last did.
    """

    policy: PollPolicy
    started_at: float
    spread: float
    watched_from: float | None
    expected: Mapping[SyncKind, Expectation]
    is_measured: bool
    unfound_from: float | None
    _states: tuple[KindProgress, ...]

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
        self.unfound_from = None
        self._states = tuple([KindProgress.of(kind, state) for kind, state in kinds.items()])

    @property
    def kinds(self) -> Mapping[SyncKind, KindState]:
        """The state of every kind, as it is now."""
        return {state.kind: state.state for state in self._states}

    def state_of(self, kind: SyncKind) -> KindState:
        """Return the state of one kind as it is now; raise KeyError when the job does not have it."""
        return self._of(kind).state

    def _of(self, kind: SyncKind) -> KindProgress:
        for state in self._states:
            if state.kind is kind:
                return state
        raise KeyError(kind)

    @property
    def deadline_at(self) -> float:
        """When the window ends; infinite when the policy has no deadline or the watch has not begun."""
        return deadline_of(self)

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
        return tuple([state.kind for state in self._states if state.outcome is None])

    @property
    def probed_kinds(self) -> tuple[SyncKind, ...]:
        """The kinds without an outcome that a probe reads."""
        return tuple([state.kind for state in self._states if state.outcome is None and state.probed])

    @property
    def outcomes(self) -> Mapping[SyncKind, KindOutcome]:
        """The outcomes so far."""
        ended = [(state.kind, state.outcome) for state in self._states if state.outcome is not None]
        kinds = tuple([kind for kind, _ in ended])
        return KindOutcomes(_KINDS.setdefault(kinds, kinds), tuple([outcome for _, outcome in ended]))

    @property
    def unsent(self) -> tuple[SyncKind, ...]:
        """The kinds whose POST may still be sent."""
        return tuple([state.kind for state in self._states if state.phase is Phase.PLANNED and state.outcome is None])

    def phase_of(self, kind: SyncKind) -> Phase:
        """Return how far the POST of one kind got."""
        return self._of(kind).phase

    def is_answered(self, kind: SyncKind) -> bool:
        """Whether the POST of one kind has come to something: an answer, a doubt, or an outcome."""
        return self._of(kind).is_answered

    def baseline(
        self,
        watermarks: Mapping[SyncKind, str | None],
        *,
        probed: Mapping[SyncKind, str | PackCloudError] = MappingProxyType({}),
    ) -> None:
        """Tell what the integration showed before any POST, and what probes of other kinds showed, or why not."""
        self._require(all(state.is_fresh for state in self._states), "baseline")
        for state in self._states:
            kind = state.kind
            if kind in watermarks:
                state.baseline = watermarks[kind]
            elif isinstance(shown := probed.get(kind), PackCloudError):
                state.error = shown
            elif shown is not None:
                state.baseline, state.probed = shown, True

    @property
    def unmoved_kinds(self) -> tuple[SyncKind, ...]:
        """The open kinds of which no news was seen yet."""
        return tuple([state.kind for state in self._states if state.outcome is None and not state.steps])

    def would_be_news(self, kind: SyncKind, value: str | None) -> bool:
        """Whether a value was never seen before."""
        return self._of(kind).is_news(value)

    def can_be_shared(self, kind: SyncKind, now: float) -> bool:
        """Whether another job may take part in the sync of this kind: its POST is answered, its window still open.

        A kind that nothing shows ended with its POST; it is as open as the job is.
        """
        state = next((state for state in self._states if state.kind is kind), None)
        if state is None or self.is_done:
            return False
        if state.outcome is None:
            return state.is_answered and now < window_of(self, state)
        was_refused = state.outcome.state is Outcome.REJECTED
        return state.baseline is UNSET and not was_refused and now < window_of(self, state)

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
        state.error = error
        state.end(Outcome.REJECTED, error)

    def shares(self, kind: SyncKind, other: "SyncProgress") -> None:
        """Tell that another job has sent the POST of this kind: what came of it is true here too."""
        state, shared = self._open(kind, "shares"), other.state_of(kind)
        self._require(state.phase is Phase.PLANNED and shared.is_answered, "shares")
        self.is_measured = False
        later = other.started_at - self.started_at
        steps = tuple(evolve(step, seen_at=max(0.0, step.seen_at + later)) for step in shared.steps)
        outcome = None if shared.outcome is None else evolve(shared.outcome, steps=steps)
        self._replace(state, evolve(shared, steps=steps, outcome=outcome))

    def shares_doubt(self, kind: SyncKind, other: "SyncProgress", error: PackCloudError) -> None:
        """Tell that another job was cut off while it sent the POST of this kind: it may have arrived."""
        state, shared = self._open(kind, "shares_doubt"), other.state_of(kind)
        self._require(state.phase is Phase.PLANNED and shared.phase is Phase.SENT, "shares_doubt")
        self.is_measured = False
        doubtful = evolve(shared, phase=Phase.IN_DOUBT, error=error)
        self._replace(state, doubtful if doubtful.watchable else doubtful.ended(Outcome.AMBIGUOUS, error))

    def _replace(self, state: KindProgress, by: KindState) -> None:
        self._states = tuple([KindProgress.of(state.kind, by) if one is state else one for one in self._states])

    def watch(self, now: float) -> Decision:
        """Tell that every POST is answered; a machine that was watched before goes on in its old window."""
        self._require(all(state.is_answered for state in self._states), "watch")
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
        return next_read(self, self._still_open(kinds), now, resumed=resumed)

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
            self.unfound_from = None
        # One number for all that moved in it, which results keep.
        seen_at = now - self.started_at
        is_open = False
        for state in self._states:
            kind = state.kind
            if state.outcome is not None or not (kinds is None or kind in kinds):
                continue
            if kind in watermarks:
                self._look(state, watermarks[kind], asked_at, seen_at)
            else:
                path = f"$.{kind.watermark_field}"
                missing = InvalidResponse("a watermark the baseline showed is not sent any more", path=path)
                self._end_unread([state], missing, asked_at)
            is_open = is_open or state.outcome is None
        return self.next_read(now, kinds=kinds) if is_open else Done()

    def unmoved(
        self, watermarks: Mapping[SyncKind, str | None], *, asked_at: float, now: float, kinds: Collection[SyncKind]
    ) -> Wait | None:
        """Tell what a read showed, if that is what nearly every read shows; None, and nothing is changed, if it is not.

        It is when every open kind has its baseline still, none of them ends, nothing is expected or was missed before,
        and the read was asked while it was watched. What is answered is what ``observed`` would answer.
        """
        since = self.watched_from
        if since is None or asked_at < since or self.expected or self.unfound_from is not None:
            return None
        is_open, speaks_for_all = False, len(kinds) == len(self._states)
        for state in self._states:
            kind = state.kind
            if state.outcome is None and (speaks_for_all or kind in kinds):
                if state.steps or watermarks.get(kind, UNSET) != state.baseline:
                    return None
                is_open = True
        return next_read_of_unmoved(self, since, asked_at, now) if is_open else None

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
        for state in self._still_open(kinds):
            state.end_without_change(readable=False, error=error)
        return self.next_read(now, kinds=kinds)

    def unfound(
        self, error: PackCloudError, *, asked_at: float, now: float, kinds: Collection[SyncKind] | None = None
    ) -> Decision:
        """Tell that a read of the integration alone answered "not found"; gone is gone for every kind."""
        self._require_watching("unfound")
        if self.ends_if_unfound(asked_at):
            self._end_gone(error)
        else:
            self.unfound_from = asked_at if self.unfound_from is None else self.unfound_from
            self._end_unread(self._still_open(kinds), error, asked_at)
        return self.next_read(now, kinds=kinds)

    def ends_if_unfound(self, asked_at: float) -> bool:
        """Whether another read asked now that does not find the integration would make it gone."""
        return self.unfound_from is not None and asked_at - self.unfound_from >= self.policy.gone_after

    def is_watched_at(self, instant: float) -> bool:
        """Whether the watch had begun; an earlier answer may be older than the baseline."""
        return self.watched_from is not None and instant >= self.watched_from

    def removed(self, error: PackCloudError, *, now: float) -> Decision:
        """Tell that the server says the integration was removed for good."""
        self._require_watching("removed")
        self._end_gone(error)
        return self.next_read(now)

    def _look(self, state: KindProgress, value: str | None, asked_at: float, seen_at: float) -> None:
        if state.is_news(value):
            state.step(value, seen_at)
        if asked_at >= end_of(self, state):
            state.end_without_change(readable=True)

    def _end_unread(self, some: Open, error: PackCloudError, asked_at: float) -> None:
        for state in some:
            if asked_at >= end_of(self, state):
                state.end_without_change(readable=False, error=error)

    def _end_gone(self, error: PackCloudError) -> None:
        for state in self._still_open(None):
            state.end(Outcome.GONE, error)

    def _answered(
        self, told: str, kind: SyncKind, phase: Phase, unwatchable: Outcome, error: PackCloudError | None
    ) -> None:
        state = self._move(told, kind, Phase.SENT, phase)
        state.error = error or state.error
        if state.baseline is UNSET:
            state.end(unwatchable, error)

    def _move(self, told: str, kind: SyncKind, before: Phase, after: Phase) -> KindProgress:
        for state in self._states:
            if state.kind is kind and state.phase is before and state.outcome is None:
                state.phase = after
                return state
        raise self._illegal(told)

    def _open(self, kind: SyncKind, told: str) -> KindProgress:
        for state in self._states:
            if state.kind is kind and state.outcome is None:
                return state
        raise self._illegal(told)

    def _still_open(self, kinds: Collection[SyncKind] | None) -> Open:
        if kinds is None:
            return [state for state in self._states if state.outcome is None]
        return [state for state in self._states if state.outcome is None and state.kind in kinds]

    def _require_watching(self, told: str) -> None:
        if self.watched_from is None or self.is_done:
            raise self._illegal(told)

    def _require(self, legal: bool, told: str) -> None:
        if not legal:
            raise self._illegal(told)

    def _illegal(self, told: str) -> IllegalStep:
        phases = ", ".join(f"{state.kind.value} {_phase(state)}" for state in self._states)
        return IllegalStep(f"cannot be told {told!r} now ({phases})")


def _phase(state: KindProgress) -> str:
    return state.phase.value if state.outcome is None else state.outcome.state.value
