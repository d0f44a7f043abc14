"""What a job is expected to do, told a second time and simply: lists of what was seen, and rules read off the end.

A mark is a watermark of a test: a key that says which instant it is, and one of the texts that name this instant.
"""

from hypothesis import strategies as st

from packcloud_async._sansio.outcomes import Outcome
from packcloud_async._sansio.token import RecordedError
from packcloud_async.errors import ApiError
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy

INFINITE = float("inf")


def _spellings(second):
    return [
        f"2026-01-01T10:00:{second:02d}Z",
        f"2026-01-01T10:00:{second:02d}.000+00:00",
        f"2026-01-01 10:00:{second:02d}",
        f"2026-01-01T11:30:{second:02d}+01:30",
    ]


MARKS = [
    (None, None),
    ("unreadable", "never"),
    ("other", "n/a"),
    *((n, text) for n in range(4) for text in _spellings(n)),
]
marks = st.sampled_from(MARKS)
kinds_drawn = st.sets(st.sampled_from(SyncKind), min_size=1).map(sorted)
# Fractions of two, so that sums of them are exact.
seconds = st.sampled_from([0.0, 0.125, 0.5, 1.0, 2.5, 7.0, 20.0])
spreads = st.sampled_from([0.0, 0.25, 0.5, 0.75])


def policies(deadlines=(0.0, 0.5, 6.0, 40.0, None)):
    return st.builds(
        PollPolicy,
        first=st.sampled_from([0.25, 1.0, 3.0]),
        growth=st.sampled_from([1.25, 1.5, 2.0]),
        ceiling=st.sampled_from([0.5, 4.0, 60.0]),
        deadline=st.sampled_from(deadlines),
        settle=st.sampled_from([0.0, 0.5, 5.0, 20.0]),
        jitter=st.sampled_from([0.0, 0.25]),
        gone_after=st.sampled_from([0.0, 2.0, 10.0]),
    )


def described(error):
    """Name an error the way a token does, which is all that is left of it after a restart."""
    if error is None or isinstance(error, str):
        return error
    if isinstance(error, RecordedError):
        return error.recorded
    return f"{type(error).__name__} {error.status}" if isinstance(error, ApiError) else type(error).__name__


class Reference:
    def __init__(self, policy, started_at, kinds, spread=0.5, expected=None):
        self.policy = policy
        self.started_at = started_at
        self.spread = spread
        self.expected = expected or {}
        self.probed = set()
        self.is_measured = True
        self.watched_from = None
        self.phase = dict.fromkeys(kinds, "planned")
        self.seen = {kind: [] for kind in kinds}
        self.changes = {kind: [] for kind in kinds}
        self.post_error = dict.fromkeys(kinds)
        self.ends = {}
        self.unfound_at = []

    # What may be told

    def may_tell_baseline(self):
        return not self.ends and all(
            self.phase[kind] == "planned" and not self.seen[kind] and not self.post_error[kind] for kind in self.phase
        )

    def may_tell(self, kind, *phases):
        return kind in self.phase and kind not in self.ends and self.phase[kind] in phases

    def may_watch(self):
        return all(kind in self.ends or self.phase[kind] in {"accepted", "in_doubt"} for kind in self.phase)

    def may_read(self):
        return self.watched_from is not None and not self.is_done

    def may_be_shared(self, kind, now):
        return (
            kind in self.phase
            and not self.is_done
            # One that nothing shows ended with its POST, and is as open as the job.
            and (kind not in self.ends or not self.seen[kind])
            and self.phase[kind] in {"accepted", "in_doubt"}
            and now < self.window_end_of(kind)
        )

    @property
    def is_done(self):
        return len(self.ends) == len(self.phase)

    @property
    def open(self):
        return [kind for kind in self.phase if kind not in self.ends]

    def open_of(self, kinds):
        return [kind for kind in self.open if kinds is None or kind in kinds]

    @property
    def unmoved(self):
        return [kind for kind in self.open if not self.changes[kind]]

    def would_be_news(self, kind, mark):
        return mark[0] not in [key for key, _ in self.seen[kind]]

    # What follows

    def baseline(self, shown, probed):
        for kind in self.phase:
            if kind in shown:
                self.seen[kind] = [shown[kind]]
            elif kind in probed and isinstance(probed[kind], Exception):
                self.post_error[kind] = described(probed[kind])
            elif kind in probed:
                self.seen[kind] = [probed[kind]]
                self.probed.add(kind)

    def post(self, fact, kind, error=None):
        if fact == "refused":
            self.end(kind, Outcome.REJECTED, error)
            return
        self.phase[kind] = {"sending": "sent", "not_sent": "planned", "in_doubt": "in_doubt"}.get(fact, "accepted")
        self.post_error[kind] = described(error) or self.post_error[kind]
        if self.phase[kind] in {"accepted", "in_doubt"} and not self.seen[kind]:
            self.end(kind, Outcome.AMBIGUOUS if fact == "in_doubt" else Outcome.UNOBSERVABLE, error)

    def shares(self, kind, other):
        self.is_measured = False
        self.phase[kind] = other.phase[kind]
        self.seen[kind] = list(other.seen[kind])
        self.post_error[kind] = other.post_error[kind]
        self.changes[kind] = [max(0.0, other.started_at + at - self.started_at) for at in other.changes[kind]]
        self.probed = (self.probed - {kind}) | other.probed
        if kind in other.ends:
            self.ends[kind] = other.ends[kind]

    def end(self, kind, state, error):
        if self.changes[kind]:
            state, error = Outcome.ADVANCED, None
        self.ends[kind] = (state, described(error) or self.post_error[kind])

    def end_unread(self, kind, error):
        if self.phase[kind] == "in_doubt":
            self.end(kind, Outcome.AMBIGUOUS, None)
        else:
            self.end(kind, Outcome.UNREAD, error)

    def deadline_at(self):
        if self.watched_from is None or self.policy.deadline is None:
            return INFINITE
        return self.watched_from + self.policy.deadline

    def window_end_of(self, kind):
        """One that was accepted is watched twice as long as the longest known, between a share of the deadline and
        all of it; but for one job in sixteen, which keeps the deadline.
        """
        expected, deadline = self.expected.get(kind), self.policy.deadline
        on_patrol = self.spread < 0.0625
        if None in {expected, deadline, self.watched_from} or on_patrol or self.phase[kind] != "accepted":
            return self.deadline_at()
        return self.watched_from + sorted([deadline / expected.worst, 2 * expected.tail, deadline])[1]

    def end_of(self, kind):
        if not self.changes[kind]:
            return self.window_end_of(kind)
        if self.policy.settle == 0:
            return -INFINITE
        return min(self.deadline_at(), self.started_at + self.changes[kind][-1] + self.policy.settle)

    def next_end(self, kinds=None):
        return min(self.end_of(kind) for kind in self.open_of(kinds))

    def observed(self, shown, asked_at, now, kinds=None, found=True):
        if found:
            self.unfound_at = []
        for kind in self.open_of(kinds):
            if kind in shown and self.would_be_news(kind, shown[kind]):
                self.seen[kind].append(shown[kind])
                self.changes[kind].append(now - self.started_at)
            if asked_at >= self.end_of(kind) and kind in shown:
                self.end(kind, Outcome.AMBIGUOUS if self.phase[kind] == "in_doubt" else Outcome.QUIET, None)
            elif asked_at >= self.end_of(kind):
                self.end_unread(kind, "InvalidResponse")

    def failed(self, error, asked_at, kinds=None):
        for kind in self.open_of(kinds):
            if asked_at >= self.end_of(kind):
                self.end_unread(kind, error)

    def refused_access(self, error, kinds=None):
        for kind in self.open_of(kinds):
            self.end_unread(kind, error)

    def unfound(self, error, asked_at, kinds=None):
        self.unfound_at.append(asked_at)
        if len(self.unfound_at) > 1 and asked_at - self.unfound_at[0] >= self.policy.gone_after:
            self.removed(error)
        else:
            self.failed(error, asked_at, kinds)

    def ends_if_unfound(self, asked_at):
        return bool(self.unfound_at) and asked_at - self.unfound_at[0] >= self.policy.gone_after

    def removed(self, error):
        for kind in self.open:
            self.end(kind, Outcome.GONE, error)

    def outcomes(self):
        """Every outcome as (state, before, after, steps, error)."""
        told = {}
        for kind, (state, error) in self.ends.items():
            texts = [text for _, text in self.seen[kind]]
            steps = list(zip(texts, texts[1:], self.changes[kind], strict=False))
            told[kind] = (state, texts[0] if texts else None, texts[-1] if texts else None, steps, error)
        return told


def outcomes_of(progress):
    """The same of a machine."""
    return {
        kind: (
            outcome.state,
            outcome.before,
            outcome.after,
            [(step.before, step.after, step.seen_at) for step in outcome.steps],
            described(outcome.error),
        )
        for kind, outcome in progress.outcomes.items()
    }
