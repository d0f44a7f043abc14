"""What the pictures and tables of a report show, worked out of its story: orders, counts, shares; pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from packcloud_async.models import SyncKind
from packcloud_async.reporting.story import IN_READING_ORDER, JobStory, State, Story

SLOWEST_SHOWN: Final = 20
FAILED_SHOWN: Final = 200
GROUPS_SHOWN: Final = 100
TIMELINES_SHOWN: Final = 20
MOST_BINS: Final = 30


@frozen
class Band:
    """The jobs of one organization, which stand together: from number ``first`` to before ``end``."""

    organization_id: str
    first: int
    end: int


@frozen
class Group:
    """Failures that are alike: of one kind, or of none where the whole job failed."""

    kind: SyncKind | None
    state: State
    reason: str
    count: int
    example: str


@frozen
class Delays:
    """The distribution of the news delay: how many of each kind lie in each bin of ``width`` seconds, from 0."""

    width: float
    counts: Mapping[SyncKind, Sequence[int]]
    sorted: Mapping[SyncKind, Sequence[float]]


@frozen
class Digest:
    """A story in the order in which it is shown.

    ``jobs`` stand by organization, the organizations with the gravest failures first, and of equally grave ones those
    that took longest. ``failed`` are in the same order. ``slowest`` begins with the slowest.
    """

    story: Story
    jobs: Sequence[JobStory]
    bands: Sequence[Band]
    outcomes: Mapping[SyncKind, Mapping[State, int]]
    without_kinds: Mapping[State, int]
    groups: Sequence[Group]
    failed: Sequence[JobStory]
    slowest: Sequence[JobStory]
    delays: Delays

    @property
    def states(self) -> Sequence[State]:
        """The states that occur, as they are read."""
        found = {state for counts in self.outcomes.values() for state in counts} | set(self.without_kinds)
        return [state for state in IN_READING_ORDER if state in found]


def digest(story: Story) -> Digest:
    """Work out what is to be shown of a story."""
    jobs, bands = _in_order(story.jobs)
    failed = [job for job in jobs if has_failed(job)]
    return Digest(
        story=story,
        jobs=jobs,
        bands=bands,
        outcomes=_outcomes(jobs),
        without_kinds=Counter(job.state for job in jobs if not job.kinds),
        groups=_groups(failed),
        failed=failed,
        slowest=_slowest(jobs),
        delays=_delays(jobs),
    )


def has_failed(job: JobStory) -> bool:
    """Whether somebody should look at a job: any of its kinds failed, or it has no outcome."""
    return job.state.is_failure


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of sorted values does not pass, one of them.

    >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5), quantile([1.0, 2.0, 3.0, 4.0], 0.95)
    (2.0, 4.0)
    """
    return values[max(0, math.ceil(share * len(values)) - 1)]


def _in_order(jobs: Iterable[JobStory]) -> tuple[Sequence[JobStory], Sequence[Band]]:
    by_organization: dict[str, list[JobStory]] = {}
    for job in jobs:
        by_organization.setdefault(job.organization_id, []).append(job)
    ordered, bands = list[JobStory](), list[Band]()
    for organization_id, own in sorted(by_organization.items(), key=_place_of_organization):
        first = len(ordered)
        ordered += sorted(own, key=_place_of_job)
        bands.append(Band(organization_id, first, len(ordered)))
    return ordered, bands


def _place_of_organization(item: tuple[str, Sequence[JobStory]]) -> tuple[int, float, str]:
    organization_id, jobs = item
    gravity = min(_gravity(job) for job in jobs)
    return gravity, -max(job.seconds for job in jobs), organization_id


def _place_of_job(job: JobStory) -> tuple[int, float, str]:
    return _gravity(job), -job.seconds, job.integration_id or ""


def _gravity(job: JobStory) -> int:
    # What needs nobody's eye is one: the longest of them come first, whatever they came to.
    state = job.state
    return state.gravity if state.is_failure or state is State.UNFINISHED else State.QUIET.gravity


def _outcomes(jobs: Iterable[JobStory]) -> Mapping[SyncKind, Mapping[State, int]]:
    found: dict[SyncKind, Counter[State]] = {}
    for job in jobs:
        for kind in job.kinds:
            found.setdefault(kind.kind, Counter())[kind.state] += 1
    return {kind: found[kind] for kind in SyncKind if kind in found}


def _groups(failed: Iterable[JobStory]) -> Sequence[Group]:
    counts, examples = Counter[tuple[SyncKind | None, State, str]](), dict[tuple[SyncKind | None, State, str], str]()
    for job in failed:
        for key, message in _failures(job):
            counts[key] += 1
            examples.setdefault(key, message)
    return [Group(*key, count, examples[key]) for key, count in counts.most_common()]


def _failures(job: JobStory) -> Iterable[tuple[tuple[SyncKind | None, State, str], str]]:
    kinds = [kind for kind in job.kinds if kind.state.is_failure]
    for kind in kinds:
        yield (kind.kind, kind.state, kind.reason or ""), kind.message or ""
    if not kinds:
        yield (None, State.NO_OUTCOME, job.reason or ""), job.message or ""


def _slowest(jobs: Iterable[JobStory]) -> Sequence[JobStory]:
    measured = [job for job in jobs if job.integration_id is not None and job.seconds > 0]
    return sorted(measured, key=_seconds, reverse=True)[:SLOWEST_SHOWN]


def _seconds(job: JobStory) -> float:
    return job.seconds


def _delays(jobs: Iterable[JobStory]) -> Delays:
    found: dict[SyncKind, list[float]] = {}
    for job in jobs:
        for kind in job.kinds:
            if kind.delay is not None:
                found.setdefault(kind.kind, []).append(kind.delay)
    ordered = {kind: sorted(found[kind]) for kind in SyncKind if kind in found}
    width = nice_width(max((values[-1] for values in ordered.values()), default=0.0))
    return Delays(width, {kind: _binned(values, width) for kind, values in ordered.items()}, ordered)


def _binned(values: Iterable[float], width: float) -> Sequence[int]:
    counts = [0] * (MOST_BINS + 1)
    for value in values:
        counts[min(int(value / width), MOST_BINS)] += 1
    while counts and not counts[-1]:
        counts.pop()
    return counts


def nice_width(longest: float) -> float:
    """Return a round width of which no more than 30 reach so far.

    >>> nice_width(28.0), nice_width(31.0), nice_width(0.0)
    (1.0, 2.0, 0.001)
    """
    wanted = longest / MOST_BINS
    if wanted <= 0.001:
        return 0.001
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(width for factor in (1, 2, 5, 10) if (width := factor * power) >= wanted * (1 - 1e-9))
