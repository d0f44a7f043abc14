"""What a report tells of a bulk run: its jobs, their moments, the traffic; values, whatever they come from.

Instants of jobs are seconds since the run began, moments of a job seconds since the job began.
"""

import hashlib
from datetime import datetime
from enum import Enum, StrEnum
from functools import cached_property
from typing import Final

from attrs import frozen

from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.outcomes import Outcome
from packcloud_async._sansio.plain_text import clean
from packcloud_async.models import SyncKind
from packcloud_async.reporting.traffic import TrafficStory

LONGEST_ID: Final = 120
LONGEST_MESSAGE: Final = 300
MOST_MOMENTS: Final = 24


class State(StrEnum):
    """How one kind of a job ended, the gravest first: what is to be looked at comes first everywhere."""

    NO_OUTCOME = "no outcome"
    REJECTED = "rejected"
    GONE = "gone"
    UNREAD = "unread"
    AMBIGUOUS = "ambiguous"
    UNFINISHED = "not finished"
    QUIET = "quiet"
    ADVANCED = "advanced"
    UNOBSERVABLE = "unobservable"

    @cached_property
    def gravity(self) -> int:
        """Its place, 0 for the gravest."""
        return list(State).index(self)

    @cached_property
    def is_failure(self) -> bool:
        """Whether somebody should look; what is not finished, and what was quiet, is no failure."""
        return self is State.NO_OUTCOME or (self is not State.UNFINISHED and Outcome(self.value).is_failure)


IN_READING_ORDER: Final = (State.ADVANCED, State.UNOBSERVABLE, *tuple(State)[State.QUIET.gravity :: -1])
"""What went well first: how counts are read, and bars are stacked."""


class Mark(StrEnum):
    """What a moment of a job is."""

    SENT = "POST sent"
    ACCEPTED = "POST answered"
    REFUSED = "POST failed"
    WATCHED = "watch began"
    READ = "read"
    UNREADABLE = "read failed"
    CHANGED = "change seen"


class Source(Enum):
    """Where a story comes from, and so what it can know."""

    RUN = "run"
    LEDGER = "ledger"


@frozen
class Moment:
    """Something that happened to a job; ``told`` is a word more, such as the kinds it is about."""

    at: float
    mark: Mark
    told: str = ""


@frozen
class KindStory:
    """How one kind of a job ended.

    ``ended`` is when that was known, in seconds since the job began, None if nobody knows. ``delay`` is from the last
    answered POST of the job to the first change seen. ``reason`` is the class of an error with its status, ``message``
    what it said.
    """

    kind: SyncKind
    state: State
    ended: float | None = None
    delay: float | None = None
    reason: str | None = None
    message: str | None = None


@frozen
class JobStory:
    """One integration of a run, or a target that has none; ``ended`` None means that nobody saw its end.

    ``began`` is below 0 for a job that an earlier process began. ``reason`` and ``message`` are why it has no outcome.
    ``left_out`` counts the moments that are not kept.
    """

    organization_id: str
    integration_id: str | None
    began: float
    ended: float | None
    kinds: tuple[KindStory, ...] = ()
    moments: tuple[Moment, ...] = ()
    left_out: int = 0
    reason: str | None = None
    message: str | None = None
    is_finished: bool = True

    @property
    def state(self) -> State:
        """The gravest of its kinds; without any, whether it failed or only was not finished."""
        states = [kind.state for kind in self.kinds]
        if not self.is_finished:
            states.append(State.UNFINISHED)
        elif self.reason is not None or not states:
            states.append(State.NO_OUTCOME)
        return min(states, key=_gravity)

    @property
    def known_until(self) -> float:
        """The last instant something is known of."""
        if self.ended is not None:
            return self.ended
        after = [moment.at for moment in self.moments]
        after += [kind.ended for kind in self.kinds if kind.ended is not None]
        return self.began + max(after, default=0.0)

    @property
    def seconds(self) -> float:
        """How long it took, as far as that is known."""
        return max(0.0, self.known_until - self.began)


@frozen(kw_only=True)
class Story:
    """A run as a report tells it; what is None is not known to its source.

    ``elapsed`` is seconds. ``planned`` is how many organizations it was given, ``begun`` how many of them were begun.
    ``error`` is why it did not come to its end.
    """

    source: Source
    started: datetime
    elapsed: float | None
    finished: bool
    kinds: tuple[SyncKind, ...] | None
    jobs: tuple[JobStory, ...]
    planned: int | None = None
    begun: int | None = None
    resumed: bool = False
    error: str | None = None
    traffic: TrafficStory | None = None
    budget: BudgetState | None = None

    @property
    def span(self) -> float:
        """The seconds that pictures show."""
        if self.elapsed is not None:
            return self.elapsed
        return max((job.known_until for job in self.jobs), default=0.0)


def shown_id(text: str) -> str:
    """Return an id as it is shown: on one line, and cut. One that is not shown whole gets a mark that tells it apart.

    >>> shown_id("org_1"), shown_id("org_1\\u202e")
    ('org_1', 'org_1 #6a36f2')
    """
    shown = cut(clean(text), LONGEST_ID)
    if shown == text:
        return shown
    return f"{shown} #{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:6]}"


def shown_message(text: str) -> str:
    """Return a message as it is shown: on one line, and cut."""
    return cut(clean(text), LONGEST_MESSAGE)


def cut(text: str, most: int) -> str:
    """Return a text, or its beginning.

    >>> cut("integration", 6)
    'integ\\u2026'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _gravity(state: State) -> int:
    return state.gravity
