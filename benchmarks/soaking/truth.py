"""Holds what the client reported of a wave against what its server knows.

1. Every job has exactly one outcome for each kind, or one error and no POST that may have arrived.
2. No POST is repeated, by the client's own count and by the server's, and the server never got more than were sent.
3. An outcome agrees with what happened. ``ADVANCED``: an answer showed the value, and it moved after the baseline.
   ``QUIET``: a good read at the end showed the old value, and no answer that arrived while the job watched showed
   another. ``REJECTED``: no POST may have arrived. ``AMBIGUOUS``: some POST has no answer. ``GONE``: it is gone.

What the client got is known from the number in ``x-request-id``, so that an answer it hung up on proves nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import define, field

from benchmarks.soaking.cases import Case, Evidence
from benchmarks.soaking.told import Job, starts_nothing
from benchmarks.soaking.wire import UNSENT
from packcloud_async import SyncKind
from packcloud_async.emulator import PostSeen


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
    """Judges one wave; ``integrations`` are those that every organization had at its beginning."""

    evidence: Evidence
    integrations: Collection[str]
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
                if not found and (organization, integration) not in self.evidence.books.removed:
                    self._wrong(f"{scenario}: {organization}/{integration}: lost, it has no result")

    def _count_posts(self) -> None:
        self.verdict.accepted = len(self.evidence.books.runs)
        for key in self.evidence.sent.keys() | self.evidence.log.posts.keys():
            arrived, sent = self.evidence.log.posts.get(key, []), self.evidence.sent.get(key, [])
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
            case = Case(
                self.evidence, job, job.integration, kind, told, self._others(job.organization, job.integration)
            )
            for reason in case.objections():
                self._wrong(f"{job.place} {kind.value}: {told.state}, but {reason} ({told})")
            self.verdict.from_replicas += case.from_replica

    def _nothing_sent(self, job: Job, integration: str, kinds: Iterable[SyncKind]) -> None:
        for kind in kinds:
            sent = self.evidence.sent.get((job.organization, integration, kind), [])
            # Where one of two jobs cannot be started, the other may be.
            others = self._others(job.organization, integration) if job.integration is not None else 0
            if sum(not one.is_harmless and job.began <= one.at <= job.ended for one in sent) > others:
                self._wrong(f"{job.place} {kind.value}: ended with {job.error} after a POST that may have arrived")

    def _others(self, organization: str, integration: str) -> int:
        return self.jobs_at[organization, integration] - 1


def _is_harmless(post: PostSeen) -> bool:
    return not post.accepted and post.status is not None and starts_nothing(post.status, post.comes_back)
