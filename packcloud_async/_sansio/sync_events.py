"""What hooks are told of jobs and bulk runs, beside their beginning; see ``request_events.py``."""

from collections.abc import Mapping
from typing import TypeAlias

from attrs import frozen

from packcloud_async._sansio.outcomes import Sighting, SyncResult
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async._sansio.request_events import (
    JobBegun,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
    SharedRead,
)
from packcloud_async._sansio.values import shown
from packcloud_async.errors import PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.report import SyncReport


@frozen(kw_only=True, eq=False)
class JobFired:
    """The POST of one kind is answered or given up, ``at`` seconds after the job started.

    ``error`` is None when it was accepted. ``shared`` when another job of the same client sent it.
    """

    job: JobBegun
    at: float
    kind: SyncKind
    error: PackCloudError | None
    shared: bool

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class JobRead:
    """A read told a job something, or failed; ``sighting`` says which.

    ``read`` is the shared read it came with, the ``purpose`` of its requests; None for a read of this job alone. A job
    of a bulk run is only told what is new, what failed, and what was seen at the end.
    """

    job: JobBegun
    sighting: Sighting
    read: SharedRead | None

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class JobEnded:
    """A job has its result; or nobody waits for it any more, and ``result`` is None.

    ``error`` is why there is no result, or why it has no outcome; None for a job that was watched to its end.
    ``news_delay`` is the seconds from the last answered POST of the job to the first change seen, by kind; a kind
    that showed none is not in it. ``job`` was not told of before if the job could not be started.
    """

    job: JobBegun
    result: SyncResult | None
    error: BaseException | None = None
    news_delay: Mapping[SyncKind, float]

    __repr__ = shown


@frozen(kw_only=True, eq=False)
class RunEnded:
    """A bulk run is over; ``error`` is why it did not come to its end, None if it did."""

    run: RunBegun
    report: SyncReport
    error: BaseException | None

    __repr__ = shown


HookEvent: TypeAlias = (
    RequestBegun
    | RequestEnded
    | RequestRetried
    | RequestWithheld
    | JobBegun
    | JobFired
    | JobRead
    | JobEnded
    | RunBegun
    | RunEnded
)
"""Everything a hook is told."""


def news_delay(progress: SyncProgress) -> Mapping[SyncKind, float]:
    """Return how long after the last answered POST the first change of each kind was seen, in seconds."""
    if progress.watched_from is None:
        return {}
    watched = progress.watched_from - progress.started_at
    return {kind: max(0.0, state.steps[0].seen_at - watched) for kind, state in progress.kinds.items() if state.steps}
