"""The sentences of a report: what each picture shows, in words; pure. None of them is markup."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from packcloud_async.reporting.digest import FAILED_SHOWN, TIMELINES_SHOWN, Digest, quantile
from packcloud_async.reporting.story import IN_READING_ORDER, JobStory, Source, State, Story
from packcloud_async.reporting.traffic import Sort, TrafficStory

MEANINGS: Final[Mapping[State, str]] = {
    State.ADVANCED: "started, and a change was seen: the only proof there is",
    State.UNOBSERVABLE: "started; nothing can be read that this kind would change",
    State.QUIET: "started and watched to the end, no change seen: no failure, and no proof either",
    State.UNFINISHED: "the run ended before its outcome was known; what was started goes on at the server",
    State.AMBIGUOUS: "maybe started: its answer was lost, and no change was seen",
    State.UNREAD: "started, but the last look failed, so nothing is known",
    State.GONE: "the integration disappeared while it was watched",
    State.REJECTED: "not started: the server refused it, or it never left",
    State.NO_OUTCOME: "could not be started, or not be watched to an end",
}


def headline(digest: Digest) -> str:
    """Say in one sentence what the run came to."""
    story, jobs = digest.story, digest.jobs
    integrations = sum(job.integration_id is not None for job in jobs)
    failed = len(digest.failed)
    left = sum(not job.is_finished for job in jobs)
    parts = [
        f"{_counted(integrations, 'integration')} of {_counted(len(digest.bands), 'organization')}",
        "none failed" if not failed else f"{failed:,} failed, whole or in part",
    ]
    if left:
        parts.append(f"{left:,} not finished")
    if story.planned is not None and (absent := _absent(digest, story.planned)):
        is_whole = story.finished and story.begun is not None and story.begun >= story.planned
        told = "had nothing to sync" if is_whole else "not begun"
        parts.append(f"{absent:,} of {_counted(story.planned, 'organization')} {told}")
    if story.elapsed is not None:
        parts.append(f"{span(story.elapsed)}")
    return ", ".join(parts) + "."


def moment(time: datetime) -> str:
    """Write an instant in UTC.

    >>> moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02 03:04:05 UTC'
    """
    try:
        return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"
    except OverflowError:
        # The calendar's first or last hours, which UTC may not have.
        return time.isoformat()


def of_outcomes(digest: Digest) -> str:
    """Say how many of each kind ended how."""
    told = [f"{kind.value.replace('_', ' ')}: {_counts(counts)}" for kind, counts in digest.outcomes.items() if counts]
    if digest.without_kinds:
        total = sum(digest.without_kinds.values())
        told.append(f"{_counted(total, 'target')} of which no kind was begun: {_counts(digest.without_kinds)}")
    return "; ".join(told) + "." if told else "No sync was begun."


def of_timeline(digest: Digest, *, by_kind: bool) -> str:
    """Say what the timeline shows, and in which order."""
    if not digest.jobs:
        return "There was nothing to sync." if digest.story.finished else "No sync was begun."
    ends = "the end of it" if digest.story.source is Source.RUN else "the last thing its ledger knows of it"
    bar = "the sync of one kind" if by_kind else "an integration, coloured by the gravest of its kinds,"
    longest = max(digest.jobs, key=_seconds)
    return (
        f"Each bar is {bar} from its begin to {ends}. Organizations stand together: those with failures come first, "
        f"then those that took longest. The longest, {span(longest.seconds)}, was {place(longest)}."
    )


def of_traffic(story: Story) -> str:
    """Say how many requests there were, and what became of them."""
    traffic = story.traffic
    if traffic is None:
        return "A ledger does not record requests. packcloud sync --report shows them."
    posts, reads, again = (traffic.total(sort) for sort in (Sort.POST, Sort.READ, Sort.AGAIN))
    told = [
        f"{_counted(reads + posts + again, 'request')}: {_counted(posts, 'POST')} of syncs, "
        f"{_counted(reads, 'read')}, {again:,} sent again",
        f"{traffic.total(Sort.REFUSED):,} were refused for now, {traffic.total(Sort.FAILED):,} failed",
    ]
    if traffic.total(Sort.WITHHELD):
        told.append(f"{traffic.total(Sort.WITHHELD):,} were not tried again, because too many were")
    told += _of_budget(story, traffic)
    return ". ".join(told) + "."


def of_delays(digest: Digest) -> str:
    """Say how long news took."""
    if not digest.delays.sorted:
        return "No change was seen, so there is no delay to show."
    told = [
        f"{kind.value.replace('_', ' ')}: {_counted(len(values), 'change')}, half of them within "
        f"{span(quantile(values, 0.5))}, 95 of 100 within {span(quantile(values, 0.95))}, all within "
        f"{span(values[-1])}"
        for kind, values in digest.delays.sorted.items()
    ]
    return (
        "From the last answered POST of a job to the first change that was seen. When a change is seen depends on when "
        f"the integration was read. {'; '.join(told)}."
    )


def of_slowest(digest: Digest) -> str:
    """Say which were slowest."""
    if not digest.slowest:
        return "No job took any time that is known."
    total = sum(job.integration_id is not None for job in digest.jobs)
    ledger = " A ledger keeps no ends: time is counted to the last thing it knows." if _is_poor(digest.story) else ""
    return (
        f"The {len(digest.slowest)} slowest of {_counted(total, 'job')}, the slowest first. A job that is quiet takes "
        f"as long as it is watched, so it is often among them.{ledger}"
    )


def of_failed(digest: Digest) -> str:
    """Say how many failed, and how many of them are shown."""
    total = len(digest.failed)
    if not total:
        return "None failed."
    shown = min(total, FAILED_SHOWN)
    if shown == total:
        return f"All {_counted(total, 'job')} that failed." if total > 1 else "The one job that failed."
    return (
        f"The first {shown} of {total:,} jobs that failed. All of them are counted by reason above, and found by the "
        "filter below."
    )


def of_timelines(total: int) -> str:
    """Say of how many jobs there are timelines, and what is in them."""
    few = f"The first {TIMELINES_SHOWN} of {total:,}" if total > TIMELINES_SHOWN else "Each of them"
    return f"{few}, from the begin of its own job. The same in words stands in the table."


def cannot_tell(story: Story) -> Iterator[str]:
    """Say what this page cannot know."""
    yield (
        "Quiet is no failure and no proof: a sync that finds nothing new changes nothing that can be read. A change is "
        "what was seen since the POST; nobody can say that this sync caused it."
    )
    if story.source is Source.LEDGER:
        yield (
            "This page was made from a ledger. It records when a job began, when its watch began, changes and "
            "outcomes. It records no reads, no requests, no answers, no messages of errors and no end of a job: bars "
            "end at the last thing that is known, requests over time are missing, and the slowest are those of which "
            "something was known longest."
        )
    else:
        yield (
            "Reads are shared by all jobs of an organization. Of a job only those are shown that told it something "
            "new, that failed, or that were its last."
        )
        if story.resumed:
            yield (
                "The run was resumed: what an earlier process had finished is not on this page, and what it had begun "
                "begins before the left edge. packcloud report makes a page of the whole run from its ledger."
            )
    if not story.finished:
        counted = "" if story.planned is None else " Organizations that were not begun are counted at its top."
        yield (f"The run did not come to its end. Integrations that were not begun may not be on this page.{counted}")


def place(job: JobStory) -> str:
    """Return the ids of a job."""
    return job.organization_id if job.integration_id is None else f"{job.organization_id}/{job.integration_id}"


def span(seconds: float) -> str:
    """Write a span of time for a reader.

    >>> span(0.0421), span(4.2), span(75), span(4000)
    ('0.042 s', '4.2 s', '1 min 15 s', '1 h 6 min')
    """
    if seconds >= 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    if seconds >= 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.3f} s"


def _absent(digest: Digest, planned: int) -> int:
    """Count the organizations of which no sync was begun, and none failed; one that is being listed is one of them."""
    shown = {job.organization_id for job in digest.jobs if job.integration_id is not None or job.is_finished}
    return max(0, planned - len(shown))


def _of_budget(story: Story, traffic: TrafficStory) -> Iterator[str]:
    if story.budget is None or story.budget.rate is None:
        yield "The client had no limit of its own"
        return
    known = [rate for rate in traffic.budget if rate is not None]
    first = known[0] if known else story.budget.rate
    least = story.budget.lowest_rate
    lowest = f", {least:.4g} at the least" if least is not None and least < first else ""
    yield f"The budget was {first:.4g} requests a second{lowest}; a burst may pass it for a moment"
    yield f"Requests waited {span(story.budget.waited)} for their turn, added up"


def _is_poor(story: Story) -> bool:
    return story.source is Source.LEDGER


def _counts(counts: Mapping[State, int]) -> str:
    ordered = Counter(counts)
    return ", ".join(f"{ordered[state]:,} {state.value}" for state in IN_READING_ORDER if ordered[state])


def _seconds(job: JobStory) -> float:
    return job.seconds


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"
