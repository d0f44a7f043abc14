"""Holds what the client reported of a wave against what its server knows.

1. Every job has exactly one outcome for each kind, or one error and no POST that may have arrived.
2. No POST is repeated, by the client's own count and by the server's, and the server never got more than were sent.
3. An outcome agrees with what happened. ``ADVANCED``: an answer showed the value, and it moved after the baseline.
   ``QUIET``: a good read at the end showed the old value, and no answer that arrived while the job watched showed
   another. ``REJECTED``: no POST may have arrived. ``AMBIGUOUS``: some POST has no answer. ``GONE``: it is gone.

What the client got is known from the number in ``x-request-id``, so that an answer it hung up on proves nothing.
Nothing of this uses the code that is judged.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import unquote

from attrs import define, field, frozen

from benchmarks.soaking.wire import CUT, LOST, UNSENT
from packcloud_async import SyncKind
from packcloud_async.emulator import AnswerLog, Books, PostSeen, Showing

Key = tuple[str, str, SyncKind]
LATE = 0.15
"""Seconds by which the end of a job may be noted late, or an answer counted early."""
UNTIL_RECORDED = 0.5
"""Seconds between the instant at which a POST is recorded as leaving and that at which it leaves."""
IN_DOUBT = 3.0
"""Seconds before a job was cut off in which answers may have gone to a read that then ended unheard."""


@frozen(kw_only=True)
class Told:
    """What the client said of one kind; ``error`` is the class of its error."""

    state: str
    before: str | None = None
    after: str | None = None
    error: str | None = None


@frozen(kw_only=True)
class Job:
    """One job as its caller saw it, instants of the loop's clock.

    ``integration`` None when a whole organization could not be started. ``cuts`` are the (from, until) in which nobody
    drove it. ``error`` is the class of what it ended with, None if it ended with outcomes alone.
    """

    scenario: str
    organization: str
    integration: str | None
    kinds: tuple[SyncKind, ...]
    began: float
    ended: float
    outcomes: Mapping[SyncKind, Told] = field(factory=dict)
    error: str | None = None
    cuts: tuple[tuple[float, float], ...] = ()

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Read what a client wrote as JSON."""
        given = dict(found)
        given["kinds"] = tuple(map(SyncKind, found["kinds"]))
        given["outcomes"] = {SyncKind(kind): Told(**told) for kind, told in found["outcomes"].items()}
        given["cuts"] = tuple((begins, ends) for begins, ends in found["cuts"])
        return cls(**given)

    @property
    def place(self) -> str:
        """Where it was, in words."""
        return f"{self.scenario}: {self.organization}/{self.integration}"


@frozen
class Sent:
    """One sync POST as the client sent it; ``became`` is its status, or UNSENT, LOST or CUT."""

    at: float
    done_at: float
    became: int | str
    comes_back: bool

    @property
    def is_harmless(self) -> bool:
        """Whether it certainly started nothing."""
        return self.became == UNSENT or (isinstance(self.became, int) and _starts_nothing(self.became, self.comes_back))

    @property
    def is_doubtful(self) -> bool:
        """Whether nobody can say what it did."""
        return self.became in {LOST, CUT} or (not self.is_harmless and int(self.became) >= 300)

    @property
    def has_started(self) -> bool:
        """Whether a sync runs, ours or another's."""
        return isinstance(self.became, int) and (self.became < 300 or self.became == 409)


def _starts_nothing(status: int, comes_back: bool) -> bool:
    return (400 <= status < 500 and status != 408) or status == 501 or (status == 503 and comes_back)


@define
class Verdict:
    """What was found: ``troubles`` say what is not as it should be."""

    jobs: int = 0
    outcomes: Counter[str] = field(factory=Counter)
    not_started: int = 0
    posts: int = 0
    accepted: int = 0
    from_replicas: int = 0
    troubles: list[str] = field(factory=list)


@define
class Truth:
    """The two sides of one wave; ``zero`` is the loop's time at the emulator's second 0."""

    books: Books
    log: AnswerLog
    sent: Mapping[Key, Sequence[Sent]]
    received: Mapping[int, tuple[float, float]]
    zero: float
    integrations: Collection[str]
    deadline: float
    verdict: Verdict = field(factory=Verdict, init=False)
    jobs_at: Counter[tuple[str, str | None]] = field(factory=Counter, init=False)

    def judge(self, jobs: Iterable[Job]) -> Verdict:
        """Judge all jobs of the wave."""
        jobs = list(jobs)
        by_place: dict[tuple[str, str, str | None], list[Job]] = {}
        for job in jobs:
            by_place.setdefault((job.scenario, job.organization, job.integration), []).append(job)
        self.jobs_at = Counter((job.organization, job.integration) for job in jobs)
        self._count_jobs(by_place)
        self._count_posts()
        for job in jobs:
            self._judge(job)
        return self.verdict

    def _wrong(self, what: str) -> None:
        self.verdict.troubles.append(what)

    def _count_jobs(self, by_place: Mapping[tuple[str, str, str | None], Sequence[Job]]) -> None:
        for (scenario, organization, integration), jobs in by_place.items():
            wanted = {"pairs": 2, "again": 2}.get(scenario, 1)
            if len(jobs) != wanted:
                self._wrong(f"{scenario}: {organization}/{integration}: {len(jobs)} results in place of {wanted}")
        for scenario, organization in {(scenario, organization) for scenario, organization, _ in by_place}:
            if (scenario, organization, None) in by_place:
                continue
            for integration in self.integrations:
                found = (scenario, organization, integration) in by_place
                if not found and (organization, integration) not in self.books.removed:
                    self._wrong(f"{scenario}: {organization}/{integration}: lost, it has no result")

    def _count_posts(self) -> None:
        self.verdict.accepted = len(self.books.runs)
        for key in self.sent.keys() | self.log.posts.keys():
            arrived, sent = self.log.posts.get(key, []), self.sent.get(key, [])
            self.verdict.posts += len(arrived)
            most, name = self.jobs_at[key[0], key[1]], "/".join(key)
            if len(arrived) > sum(one.became != UNSENT for one in sent):
                self._wrong(f"{name}: {len(arrived)} POSTs arrived, {len(sent)} were sent")
            if (count := sum(not one.is_harmless for one in sent)) > most:
                self._wrong(f"{name}: repeated, {count} POSTs that may have arrived were sent for {most} jobs")
            if (count := sum(not _is_harmless(one) for one in arrived)) > most:
                told = f"repeated, {count} POSTs that may have acted arrived for {most} jobs"
                self._wrong(f"{name}: {told}; {arrived}; {sent}")

    def _judge(self, job: Job) -> None:
        self.verdict.jobs += 1
        if job.integration is None:
            self.verdict.not_started += 1
            if not job.error:
                self._wrong(f"{job.place}: neither a result nor an error")
            for integration in self.integrations:
                self._nothing_sent(job, integration, job.kinds)
            return
        missing = [kind for kind in job.kinds if kind not in job.outcomes]
        if missing:
            self.verdict.not_started += 1
            if not job.error:
                self._wrong(f"{job.place}: no outcome of {', '.join(missing)}")
            self._nothing_sent(job, job.integration, missing)
        for kind, told in job.outcomes.items():
            self.verdict.outcomes[told.state] += 1
            for reason in _Case(self, job, job.integration, kind, told).objections():
                self._wrong(f"{job.place} {kind.value}: {told.state}, but {reason} ({told})")

    def _nothing_sent(self, job: Job, integration: str, kinds: Iterable[SyncKind]) -> None:
        for kind in kinds:
            sent = self.sent.get((job.organization, integration, kind), [])
            # Where one of two jobs cannot be started, the other may be.
            others = self.jobs_at[job.organization, integration] - 1 if job.integration is not None else 0
            if sum(not one.is_harmless and job.began <= one.at <= job.ended for one in sent) > others:
                self._wrong(f"{job.place} {kind.value}: ended with {job.error} after a POST that may have arrived")


def _is_harmless(post: PostSeen) -> bool:
    return not post.accepted and post.status is not None and _starts_nothing(post.status, post.comes_back)


@frozen
class _Shown:
    """A showing that the client got, and when it asked and got it."""

    showing: Showing
    sent_at: float
    done_at: float


@define
class _Case:
    """One outcome against the truth."""

    truth: Truth
    job: Job
    integration: str
    kind: SyncKind
    told: Told

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
        return [one for one in self.truth.sent.get(self._key, []) if self.job.began <= one.at <= self.job.ended]

    @property
    def _shown(self) -> list[_Shown]:
        """What this job could have learned from, in the order it was asked."""
        shown = [
            _Shown(showing, *self.truth.received[showing.number])
            for showing in self.truth.log.showings.get(self._key, [])
            if showing.number in self.truth.received
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
        sent = [one for kind in self.job.kinds for one in self.truth.sent.get((*place, kind), [])]
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
        others = self.truth.jobs_at[self.job.organization, self.integration] - 1
        may_have_arrived = sum(not one.is_harmless for one in self._sent)
        return [] if may_have_arrived <= others else ["a POST may have arrived"]

    def _unseen(self) -> list[str]:
        probed = self.kind is SyncKind.SHIPPING_SERVICES and self.told.error is not None
        return [] if self.kind is SyncKind.STOCKS or probed else ["its watermark can be read"]

    def _gone(self) -> list[str]:
        place = (self.job.organization, self.integration)
        removed_at = self.truth.books.removed.get(place)
        if removed_at is not None and removed_at + self.truth.zero <= self.job.ended:
            return []
        refused = self.truth.log.refused.get(place, [])
        was_told = any(
            status == 410 and self.job.began <= at + self.truth.zero <= self.job.ended for at, status in refused
        )
        return [] if was_told else ["it is still there"]

    def _saw_the_end(self) -> list[str]:
        """A good read that was asked at the end of the window, or later, showed the old value."""
        # What a probe shows is spread over several answers.
        seen = self.kind is SyncKind.SHIPPING_SERVICES or self._last_looks()
        return [] if seen else ["no read at the end of the window was answered"]

    def _last_looks(self) -> list[_Shown]:
        end = self._window_from + self.truth.deadline
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
                self.truth.verdict.from_replicas += 1
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
        moves = self.truth.books.moves(*self._key)
        moved_at = [at for at, value in moves if _instant(value) == after]
        if any(at > min(showing.at for showing in baselines) for at in moved_at):
            return []
        first = min(showing.at for showing in baselines)
        later = [proof.showing for proof in proofs if proof.showing.at >= first]
        if all(showing.stale for showing in baselines) or all(showing.stale for showing in later):
            self.truth.verdict.from_replicas += 1
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


_ROUTES = {
    ("orders", "sync"): SyncKind.ORDERS,
    ("products", "sync"): SyncKind.PRODUCTS,
    ("stocks", "sync"): SyncKind.STOCKS,
    ("shipping-services", "sync"): SyncKind.SHIPPING_SERVICES,
}


def by_key(sent: Iterable[Sequence[Any]]) -> dict[Key, list[Sent]]:
    """Order what a wire noted by organization, integration and kind."""
    found: dict[Key, list[Sent]] = {}
    for path, *rest in sent:
        _, _, _, organization, _, integration, *tail = map(unquote, path.split("/"))
        found.setdefault((organization, integration, _ROUTES[tuple(tail)]), []).append(Sent(*rest))
    return found
