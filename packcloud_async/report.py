"""What a bulk run adds up to."""

from collections import Counter
from collections.abc import Mapping

from attrs import define, field, frozen

from packcloud_async._sansio.outcomes import Outcome, SyncResult
from packcloud_async.models import SyncKind

SLOWEST_KEPT = 10


@frozen(kw_only=True)
class SyncReport:
    """A bulk run in numbers, right at any moment of it.

    ``outcomes`` counts kinds by outcome. ``not_started`` counts organizations and integrations that could not
    be started. ``requests_sent`` counts every request of the run, retries included. ``elapsed`` is seconds.
    ``slowest`` are the results that took longest, slowest first. ``finished`` says whether every target is done.
    """

    organizations: int
    integrations: int
    not_started: int
    outcomes: Mapping[SyncKind, Mapping[Outcome, int]]
    requests_sent: int
    elapsed: float
    slowest: tuple[SyncResult, ...] = field(repr=lambda slowest: f"<{len(slowest)} results>")
    finished: bool

    @property
    def failed(self) -> int:
        """How many kinds ended in a failure, and targets that could not be started."""
        return self.not_started + sum(
            count for counts in self.outcomes.values() for outcome, count in counts.items() if outcome.is_failure
        )

    def __str__(self) -> str:
        state = "finished" if self.finished else "under way"
        lines = [
            f"{self.organizations} organizations, {self.integrations} integrations, {self.requests_sent} requests, "
            f"{self.elapsed:.1f} s, {state}"
        ]
        lines += [
            f"{kind.value}: " + ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items())
            for kind, counts in self.outcomes.items()
        ]
        if self.not_started:
            lines.append(f"not started: {self.not_started}")
        return "\n".join(lines)


@define
class Tally:
    """The numbers of a run so far."""

    organizations: int = 0
    integrations: int = 0
    not_started: int = 0
    outcomes: dict[SyncKind, Counter[Outcome]] = field(factory=dict[SyncKind, Counter[Outcome]])
    slowest: list[SyncResult] = field(factory=list[SyncResult])

    def add(self, result: SyncResult) -> None:
        self.integrations += result.integration_id is not None
        self.not_started += result.error is not None
        for kind, outcome in result.kinds.items():
            self.outcomes.setdefault(kind, Counter())[outcome.state] += 1
        self.slowest = sorted([*self.slowest, result], key=_elapsed, reverse=True)[:SLOWEST_KEPT]

    def report(self, *, requests_sent: int, elapsed: float, finished: bool) -> SyncReport:
        """Return the numbers so far."""
        return SyncReport(
            organizations=self.organizations,
            integrations=self.integrations,
            not_started=self.not_started,
            outcomes={kind: dict(counts) for kind, counts in self.outcomes.items()},
            requests_sent=requests_sent,
            elapsed=elapsed,
            slowest=tuple(self.slowest),
            finished=finished,
        )


def _elapsed(result: SyncResult) -> float:
    return result.elapsed
