"""One outcome of a soak against what both sides noted; nothing of this uses the code that is judged."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from attrs import define, field, frozen

from benchmarks.soaking.told import Job, Key, Sent, Told
from packcloud_async import SyncKind
from packcloud_async.emulator import AnswerLog, Books, Showing

LATE = 0.15
"""Seconds by which the end of a job may be noted late, or an answer counted early."""
UNTIL_RECORDED = 1.5
"""Seconds between the instant at which a POST is recorded as leaving and that at which it leaves."""
IN_DOUBT = 3.0
"""Seconds before a job was cut off in which answers may have gone to a read that then ended unheard."""


@frozen(kw_only=True)
class Evidence:
    """What is known of one wave.

    ``books`` and ``log`` are the server's, ``sent`` the client's POSTs, ``received`` when it asked for and got the
    answers that arrived whole, by number. ``zero`` is the loop's time at the emulator's second 0, ``deadline`` how many
    seconds each sync was watched.
    """

    books: Books
    log: AnswerLog
    sent: Mapping[Key, Sequence[Sent]]
    received: Mapping[int, tuple[float, float]]
    zero: float
    deadline: float


@frozen
class _Shown:
    """A showing that the client got, and when it asked and got it."""

    showing: Showing
    sent_at: float
    done_at: float


@define
class Case:
    """One outcome against the evidence.

    ``others`` are the other jobs of the wave for the same integration. ``from_replica`` is found out: a lagging replica
    made this outcome, and nobody could have told.
    """

    evidence: Evidence
    job: Job
    integration: str
    kind: SyncKind
    told: Told
    others: int
    from_replica: bool = field(default=False, init=False)

    def objections(self) -> list[str]:
        """Say what speaks against it."""
        checks: Mapping[str, Sequence[Callable[[], list[str]]]] = {
            "advanced": [self._advanced],
            "quiet": [self._started, self._saw_the_end, self._no_news],
            "unread": [self._started],
            "ambiguous": [self._doubted],
            "rejected": [self._sent_nothing],
            "unobservable": [self._started, self._unseen],
            "gone": [self._gone],
        }
        return [reason for check in checks[self.told.state] for reason in check()]

    @property
    def _key(self) -> Key:
        return self.job.organization, self.integration, self.kind

    @property
    def _sent(self) -> list[Sent]:
        return [one for one in self.evidence.sent.get(self._key, []) if self.job.began <= one.at <= self.job.ended]

    @property
    def _shown(self) -> list[_Shown]:
        """What this job could have learned from, in the order it was asked."""
        shown = [
            _Shown(showing, *self.evidence.received[showing.number])
            for showing in self.evidence.log.showings.get(self._key, [])
            if showing.number in self.evidence.received
        ]
        return sorted(
            (one for one in shown if self.job.began <= one.sent_at and one.done_at <= self.job.ended),
            key=lambda one: one.sent_at,
        )

    @property
    def _watched_from(self) -> float:
        """When the last POST of the job had its answer."""
        return max((one.done_at for one in self._posts), default=self.job.began)

    @property
    def _posts(self) -> list[Sent]:
        """The POSTs of all kinds of the job."""
        place = (self.job.organization, self.integration)
        sent = [one for kind in self.job.kinds for one in self.evidence.sent.get((*place, kind), [])]
        return [one for one in sent if self.job.began <= one.at <= self.job.ended]

    @property
    def _window_from(self) -> float:
        if self.job.scenario == "pairs":
            # The other job may have had a POST of its own, later.
            return min((one.done_at for one in self._sent), default=self.job.began) - LATE
        if self.job.cuts:
            # Cut off before it was watched, it goes on in a window that began when its last POST was to leave.
            return max((one.at for one in self._posts), default=self.job.began) - UNTIL_RECORDED
        return self._watched_from - LATE

    def _started(self) -> list[str]:
        return [] if any(one.has_started for one in self._sent) else ["no POST started a sync"]

    def _doubted(self) -> list[str]:
        doubtful = any(one.is_doubtful for one in self._sent) or self.job.cuts
        return [] if doubtful else ["every POST had its answer"]

    def _sent_nothing(self) -> list[str]:
        # Where one of two jobs is rejected, the other may start the sync.
        may_have_arrived = sum(not one.is_harmless for one in self._sent)
        return [] if may_have_arrived <= self.others else ["a POST may have arrived"]

    def _unseen(self) -> list[str]:
        probed = self.kind is SyncKind.SHIPPING_SERVICES and self.told.error is not None
        return [] if self.kind is SyncKind.STOCKS or probed else ["its watermark can be read"]

    def _gone(self) -> list[str]:
        place = (self.job.organization, self.integration)
        removed_at = self.evidence.books.removed.get(place)
        if removed_at is not None and removed_at + self.evidence.zero <= self.job.ended:
            return []
        refused = self.evidence.log.refused.get(place, [])
        was_told = any(
            status == 410 and self.job.began <= at + self.evidence.zero <= self.job.ended for at, status in refused
        )
        return [] if was_told else ["it is still there"]

    def _saw_the_end(self) -> list[str]:
        """A good read that was asked at the end of the window, or later, showed the old value."""
        # What a probe shows is spread over several answers.
        seen = self.kind is SyncKind.SHIPPING_SERVICES or self._last_looks()
        return [] if seen else ["no read at the end of the window was answered"]

    def _last_looks(self) -> list[_Shown]:
        end = self._window_from + self.evidence.deadline
        old = _instant(self.told.before)
        return [one for one in self._shown if one.sent_at >= end and _instant(one.showing.value) == old]

    def _no_news(self) -> list[str]:
        news = [one for one in self._news() if not self._went_unheard(one)]
        looks = self._last_looks()
        if self.kind is SyncKind.SHIPPING_SERVICES:
            # News of services is looked at twice, and told with a read of the integration: the last answer decides.
            news = [one for one in news if one in self._shown[-1:]]
        elif looks:
            # The first of them ended the watch of this kind; that of another kind may go on.
            news = [one for one in news if one.done_at < looks[0].sent_at]
            if news and all(look.showing.stale for look in looks):
                # The news went to a read that was asked for before the watch began; every later one lagged behind.
                self.from_replica = True
                return []
        return [f"answer {one.showing.number} showed {one.showing.value} in time" for one in news[:1]]

    def _news(self) -> list[_Shown]:
        watched = [one for one in self._shown if one.sent_at >= self._watched_from]
        if self.kind is SyncKind.SHIPPING_SERVICES:
            old = self._services_before()
            return [one for one in watched if isinstance(one.showing.value, frozenset) and one.showing.value - old]
        before = _instant(self.told.before)
        return [one for one in watched if _instant(one.showing.value) != before]

    def _went_unheard(self, one: _Shown) -> bool:
        if one.done_at > self.job.ended - LATE:
            return True
        return any(begins - IN_DOUBT <= one.done_at and one.sent_at <= ends for begins, ends in self.job.cuts)

    def _services_before(self) -> frozenset[tuple[str, str]]:
        first_sent = min((one.at for one in self._sent), default=self.job.ended)
        shown = [one.showing.value for one in self._shown if one.sent_at <= first_sent]
        return frozenset().union(*(value for value in shown if isinstance(value, frozenset)))

    def _advanced(self) -> list[str]:
        if not self._sent:
            return ["nothing was sent"]
        first_sent, last_sent = min(one.at for one in self._sent), max(one.at for one in self._sent)
        later = [one for one in self._shown if one.sent_at >= first_sent]
        if self.kind is SyncKind.SHIPPING_SERVICES:
            old = self._services_before()
            shown = [one.showing.value for one in later if isinstance(one.showing.value, frozenset)]
            return [] if any(value - old for value in shown) else ["no answer showed another service"]
        before, after = _instant(self.told.before), _instant(self.told.after)
        proofs = [one for one in later if _instant(one.showing.value) == after]
        if before == after:
            return ["it did not move"]
        if not proofs:
            return ["no answer showed that value"]
        return self._moved_since(last_sent, before, after, proofs)

    def _moved_since(self, last_sent: float, before: object, after: object, proofs: Sequence[_Shown]) -> list[str]:
        baselines = [
            one.showing for one in self._shown if one.sent_at <= last_sent and _instant(one.showing.value) == before
        ]
        if not baselines:
            return ["no answer showed that baseline"]
        moves = self.evidence.books.moves(*self._key)
        moved_at = [at for at, value in moves if _instant(value) == after]
        if any(at > min(showing.at for showing in baselines) for at in moved_at):
            return []
        first = min(showing.at for showing in baselines)
        later = [proof.showing for proof in proofs if proof.showing.at >= first]
        if all(showing.stale for showing in baselines) or all(showing.stale for showing in later):
            self.from_replica = True
            return []
        return ["it did not move after the baseline"]


def _instant(value: object) -> object:
    """Return what two spellings of one instant have in common; a text that is none stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return value
    return instant.astimezone(UTC) if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
