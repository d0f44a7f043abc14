"""Folds what a hook is told into the story of a run; pure: instants are those of one clock, given by the caller.

What is kept of a job is bounded, and what is told of a request is only counted.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from attrs import define, field

from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.ledger_records import error_text
from packcloud_async._sansio.outcomes import KindOutcome, Outcome, SyncResult
from packcloud_async._sansio.request_events import (
    JobBegun,
    RequestBegun,
    RequestEnded,
    RequestRetried,
    RequestWithheld,
    RunBegun,
)
from packcloud_async._sansio.sync_events import HookEvent, JobEnded, JobFired, JobRead, RunEnded
from packcloud_async.errors import ApiError, ClientStateError, PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.reporting.story import (
    MOST_MOMENTS,
    JobStory,
    KindStory,
    Mark,
    Moment,
    Source,
    State,
    Story,
    shown_id,
    shown_message,
)
from packcloud_async.reporting.traffic import Sort, Traffic

_KNOWN_AT_THE_POST: Final = frozenset({Outcome.REJECTED, Outcome.UNOBSERVABLE})
"""What is known of a kind as soon as its POST has come to something."""


@define(eq=False)
class Folding:
    """One run as far as it has come; ``planned`` is how many organizations it is given, None if nobody knows."""

    started: datetime
    began: float
    kinds: tuple[SyncKind, ...] | None
    resumed: bool
    planned: int | None = None
    _jobs: list[JobStory] = field(factory=list[JobStory], init=False)
    _under_way: dict[JobBegun, "_Notes"] = field(factory=dict[JobBegun, "_Notes"], init=False)
    _traffic: Traffic = field(factory=Traffic, init=False)
    _end: RunEnded | None = field(default=None, init=False)
    _interned: dict[str, str] = field(factory=dict[str, str], init=False)

    def add(self, event: HookEvent, now: float, budget: Callable[[], BudgetState] | None = None) -> None:
        """Take note of an event; ``budget`` is asked when a new stretch of time begins."""
        match event:
            case RequestBegun():
                self._request(event, now, budget)
            case RequestEnded():
                self._answer(event, now)
            case RequestWithheld():
                self._traffic.count(Sort.WITHHELD, now - self.began)
            case JobBegun():
                self._under_way[event] = _Notes(now - self.began)
            case JobFired():
                self._of(event.job).fired(event)
            case JobRead():
                self._of(event.job).read(event)
            case JobEnded():
                self._ended(event, now)
            case RunEnded():
                self._end = event
            case RunBegun() | RequestRetried():
                # A retry shows when it leaves.
                pass

    def story(self, now: float) -> Story:
        """Tell the run; jobs that are under way are told as they stand."""
        end = self._end
        elapsed = now - self.began if end is None else end.report.elapsed
        under_way = [self._left(job, notes, elapsed) for job, notes in self._under_way.items()]
        error = None if end is None or end.error is None else _words(end.error)
        return Story(
            source=Source.RUN,
            started=self.started,
            elapsed=elapsed,
            finished=end is not None and end.report.finished,
            kinds=self.kinds,
            jobs=(*self._jobs, *under_way),
            planned=self.planned,
            begun=None if end is None else end.report.organizations,
            resumed=self.resumed,
            error=error,
            traffic=self._traffic.story(),
            budget=None if end is None else end.report.budget,
        )

    def _request(self, event: RequestBegun, now: float, budget: Callable[[], BudgetState] | None) -> None:
        at = now - self.began
        sort = Sort.AGAIN if event.resends else Sort.READ if event.kind is None else Sort.POST
        is_first = self._traffic.count(sort, at)
        if is_first and budget is not None:
            self._traffic.allowed(budget().rate, at)
        job = event.purpose
        if event.kind is not None and isinstance(job, JobBegun) and (notes := self._under_way.get(job)) is not None:
            notes.add(Moment(at - notes.began, Mark.SENT, event.kind.value))

    def _answer(self, event: RequestEnded, now: float) -> None:
        # Whoever was cancelled, by a Ctrl-C for instance, did not fail.
        if isinstance(event.error, Exception):
            self._traffic.count(Sort.REFUSED if is_refusal(event.error) else Sort.FAILED, now - self.began)

    def _of(self, job: JobBegun) -> "_Notes":
        return self._under_way.get(job) or _Notes(0.0)

    def _ended(self, event: JobEnded, now: float) -> None:
        notes = self._under_way.pop(event.job, None)
        at = now - self.began
        if event.result is None or isinstance(event.result.error, ClientStateError):
            began = at if notes is None else notes.began
            self._jobs.append(self._left(event.job, notes or _Notes(began), at, event.result))
            return
        self._jobs.append(self._with_result(event, event.result, notes, at))

    def _with_result(self, event: JobEnded, result: SyncResult, notes: "_Notes | None", at: float) -> JobStory:
        began = at - result.elapsed
        notes = notes or _Notes(began)
        kinds = [
            self._kind(kind, outcome, notes, event.news_delay.get(kind), result.elapsed)
            for kind, outcome in result.kinds.items()
        ]
        if result.error is not None and result.integration_id is not None:
            # What has no outcome is a kind all the same.
            kinds += [
                KindStory(kind, State.NO_OUTCOME, result.elapsed, None, *self._why(result.error))
                for kind in event.job.kinds
                if kind not in result.kinds
            ]
        reason, message = self._why(result.error)
        return JobStory(
            self._id(result.organization_id),
            None if result.integration_id is None else shown_id(result.integration_id),
            began,
            at,
            tuple(kinds),
            notes.moments(began, result.kinds),
            notes.left_out,
            reason,
            message,
        )

    def _left(self, job: JobBegun, notes: "_Notes", at: float, result: SyncResult | None = None) -> JobStory:
        """Tell a job that nobody waited for: what has an outcome has it, and the rest is not finished."""
        known: Mapping[SyncKind, KindOutcome] = {} if result is None else result.kinds
        elapsed = at - notes.began
        kinds = [
            self._kind(kind, outcome, notes, None, elapsed)
            if (outcome := known.get(kind)) is not None
            else KindStory(kind, State.UNFINISHED, elapsed)
            for kind in job.kinds or tuple(known)
        ]
        return JobStory(
            self._id(job.organization_id),
            None if job.integration_id is None else shown_id(job.integration_id),
            notes.began,
            at,
            tuple(kinds),
            notes.moments(notes.began, known),
            notes.left_out,
            is_finished=False,
        )

    def _kind(
        self, kind: SyncKind, outcome: KindOutcome, notes: "_Notes", delay: float | None, elapsed: float
    ) -> KindStory:
        ended = notes.answered.get(kind, elapsed) if outcome.state in _KNOWN_AT_THE_POST else elapsed
        if outcome.seen_at is not None:
            ended = outcome.seen_at
        return KindStory(kind, State(outcome.state.value), ended, delay, *self._why(outcome.error))

    def _why(self, error: BaseException | None) -> tuple[str | None, str | None]:
        if error is None:
            return None, None
        # Thousands of jobs may fail alike.
        return self._one(error_text(error)), self._one(_words(error))

    def _id(self, text: str) -> str:
        return self._one(shown_id(text))

    def _one(self, text: str) -> str:
        return self._interned.setdefault(text, text)


@define(eq=False)
class _Notes:
    """What was told of a job that is under way: no more than so many moments, of those the first and the latest."""

    began: float
    answered: dict[SyncKind, float] = field(factory=dict[SyncKind, float], init=False)
    left_out: int = field(default=0, init=False)
    _moments: list[Moment] = field(factory=list[Moment], init=False)

    def add(self, moment: Moment) -> None:
        if len(self._moments) >= MOST_MOMENTS:
            del self._moments[MOST_MOMENTS // 2]
            self.left_out += 1
        self._moments.append(moment)

    def fired(self, event: JobFired) -> None:
        self.answered[event.kind] = event.at
        told = f"{event.kind.value}, by another job" if event.shared else event.kind.value
        if event.error is None:
            self.add(Moment(event.at, Mark.ACCEPTED, told))
        else:
            self.add(Moment(event.at, Mark.REFUSED, f"{told}: {error_text(event.error)}"))

    def read(self, event: JobRead) -> None:
        error = event.sighting.error
        mark = Mark.READ if error is None else Mark.UNREADABLE
        self.add(Moment(event.sighting.at, mark, "" if error is None else error_text(error)))

    def moments(self, began: float, kinds: Mapping[SyncKind, KindOutcome]) -> tuple[Moment, ...]:
        """Return them with the changes that were seen, in their order."""
        shift = self.began - began
        steps = [
            Moment(step.seen_at, Mark.CHANGED, kind.value) for kind, outcome in kinds.items() for step in outcome.steps
        ]
        # POSTs are noted when they leave, by when the job was told of; everything else by when it began.
        told = [Moment(m.at + shift, m.mark, m.told) if m.mark is Mark.SENT else m for m in self._moments]
        return tuple(sorted([*told, *steps[:MOST_MOMENTS]], key=_at))


def is_refusal(error: BaseException | None) -> bool:
    """Whether the server refused for now: 429, or 503 with a wish to be left alone for a while."""
    return isinstance(error, ApiError) and (
        error.status == 429 or (error.status == 503 and error.retry_after is not None)
    )


def _words(error: BaseException) -> str:
    return shown_message(str(error) if isinstance(error, PackCloudError) else type(error).__name__)


def _at(moment: Moment) -> float:
    return moment.at
