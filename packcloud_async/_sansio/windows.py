"""When a watched job is read next, and when the window of each of its kinds ends.

"At the end" means a read that was *asked* at or after the deadline, for a kind that stepped at or after the end of its
`settle` time: an answer that was merely late does not speak for the whole window.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from attrs import frozen

from packcloud_async._sansio.kind_state import KindProgress, Phase
from packcloud_async._sansio.pacing import Expectation, delay_after
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy


class Wait(NamedTuple):
    """Read again at ``until``, an instant of the caller's clock.

    ``decides`` when that read ends a window: it must not come early, and it is worth repeating if it fails.
    """

    until: float
    decides: bool


@frozen
class Done:
    """Every kind that was asked about has an outcome."""


Decision = Wait | Done

Open = Sequence[KindProgress]
"""Kinds without an outcome, and what is known of them."""


class Job(Protocol):
    """What a machine knows that decides when to look; see :class:`~packcloud_async._sansio.progress.SyncProgress`.

    ``unfound_from`` is when the first of the reads was asked that did not find the integration, None if the last did.
    """

    @property
    def policy(self) -> PollPolicy: ...
    @property
    def started_at(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def watched_from(self) -> float | None: ...
    @property
    def expected(self) -> Mapping[SyncKind, Expectation]: ...
    @property
    def unfound_from(self) -> float | None: ...


def deadline_of(job: Job) -> float:
    """Return when the window ends; infinite when the policy has no deadline or the watch has not begun."""
    since, deadline = job.watched_from, job.policy.deadline
    return math.inf if since is None or deadline is None else since + deadline


def window_of(job: Job, state: KindProgress) -> float:
    """Return when the window of a kind ends without news."""
    since = job.watched_from
    expected = job.expected.get(state.kind) if job.expected else None
    # Whether a POST in doubt arrived is worth the whole deadline.
    if expected is None or since is None or state.phase is not Phase.ACCEPTED:
        return deadline_of(job)
    window = expected.window(job.policy, spread=job.spread)
    return math.inf if window is None else since + window


def end_of(job: Job, state: KindProgress) -> float:
    """Return from when on a read ends the window of a kind."""
    if not state.steps:
        return window_of(job, state)
    # Without a settle time the first step is the end, whenever its read was asked.
    if job.policy.settle == 0:
        return -math.inf
    return min(deadline_of(job), job.started_at + state.steps[-1].seen_at + job.policy.settle)


def next_read(job: Job, still_open: Open, now: float, *, resumed: bool = False) -> Decision:
    """Say when to read next for some kinds. What is ``resumed`` is looked at at once."""
    if not still_open:
        return Done()
    end = soonest = math.inf
    for state in still_open:
        end, soonest = min(end, end_of(job, state)), min(soonest, _delay(job, state, now))
    if resumed:
        # News may have come while nobody watched.
        return Wait(now, now >= end)
    due = now + soonest
    unfound_from = job.unfound_from
    if unfound_from is not None and (grace_ends_at := unfound_from + job.policy.gone_after) > now:
        end = min(end, grace_ends_at)
    end = max(now, end)
    return Wait(due, decides=False) if due < end else Wait(end, decides=True)


def next_read_of_unmoved(job: Job, since: float, asked_at: float, now: float) -> Wait | None:
    """Say the same for kinds of which nothing was seen or is expected; None if a read asked then ends their window."""
    policy = job.policy
    deadline = policy.deadline
    due = now + policy.delay_after(now - since, spread=job.spread)
    if deadline is None:
        return Wait(due, False)
    ends_at = since + deadline
    if due < ends_at:
        return Wait(due, False) if asked_at < ends_at else None
    return Wait(max(now, ends_at), True) if asked_at < ends_at else None


def _delay(job: Job, state: KindProgress, now: float) -> float:
    if state.steps:
        # How long the next step takes is not known: its wait begins anew.
        return job.policy.delay_after(now - (job.started_at + state.steps[-1].seen_at), spread=job.spread)
    expected = job.expected.get(state.kind) if job.expected else None
    return delay_after(job.policy, expected, now - (job.watched_from or 0.0), spread=job.spread)
