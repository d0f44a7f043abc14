"""What a bulk run adds up to."""

from collections import Counter
from collections.abc import Mapping

from attrs import define, field, frozen

from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.outcomes import Outcome, SyncResult
from packcloud_async.models import SyncKind

SLOWEST_KEPT = 10


@frozen(kw_only=True)
class SyncReport:
    """A bulk run in numbers, right at any moment of it.

    ``organizations`` were begun, ``organizations_done`` of them are over. ``in_flight`` counts the integrations that
    were begun and have no result yet. ``outcomes`` counts kinds by outcome. ``not_started`` counts organizations and
    integrations that could not be started. ``requests_sent`` counts every request of the run, retries included.
    ``elapsed`` is seconds. ``slowest`` are the results that took longest, slowest first. ``finished`` says whether
    every target is done. ``budget`` is how the client stands with its request budget, all its requests counted, those
    of other runs too.
    """

    organizations: int
    organizations_done: int = 0
    integrations: int
    in_flight: int = 0
    not_started: int
    outcomes: Mapping[SyncKind, Mapping[Outcome, int]]
    requests_sent: int
    elapsed: float
    slowest: tuple[SyncResult, ...] = field(repr=lambda slowest: f"<{counted(len(slowest), 'result')}>")
    finished: bool
    budget: BudgetState

    @property
    def failed(self) -> int:
        """How many kinds ended in a failure, and targets that could not be started."""
        return self.not_started + sum(
            count for counts in self.outcomes.values() for outcome, count in counts.items() if outcome.is_failure
        )

    def __str__(self) -> str:
        state = "finished" if self.finished else "not finished"
        lines = [
            f"{counted(self.organizations, 'organization')}, {counted(self.integrations, 'integration')}, "
            f"{counted(self.requests_sent, 'request')}, {self.elapsed:.1f} s, {state}"
        ]
        lines += [
            f"{kind.value}: " + ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items())
            for kind, counts in self.outcomes.items()
        ]
        if self.not_started:
            lines.append(f"not started: {self.not_started}")
        if (spent := _in_words(self.budget)) is not None:
            lines.append(spent)
        return "\n".join(lines)


@define
class Tally:
    """The numbers of a run so far; ``jobs`` counts the integrations that have a result or will have one."""

    organizations: int = 0
    organizations_done: int = 0
    integrations: int = 0
    jobs: int = 0
    not_started: int = 0
    outcomes: dict[SyncKind, Counter[Outcome]] = field(factory=dict[SyncKind, Counter[Outcome]])
    slowest: list[SyncResult] = field(factory=list[SyncResult])

    def add(self, result: SyncResult) -> None:
        self.integrations += result.integration_id is not None
        self.not_started += result.error is not None
        for kind, outcome in result.kinds.items():
            if (counts := self.outcomes.get(kind)) is None:
                counts = self.outcomes[kind] = Counter()
            counts[outcome.state] += 1
        if len(self.slowest) < SLOWEST_KEPT or result.elapsed > self.slowest[-1].elapsed:
            self.slowest = sorted([*self.slowest, result], key=_elapsed, reverse=True)[:SLOWEST_KEPT]

    def report(self, *, requests_sent: int, elapsed: float, finished: bool, budget: BudgetState) -> SyncReport:
        """Return the numbers so far."""
        return SyncReport(
            organizations=self.organizations,
            organizations_done=self.organizations_done,
            integrations=self.integrations,
            in_flight=max(0, self.jobs - self.integrations),
            not_started=self.not_started,
            outcomes={kind: dict(counts) for kind, counts in self.outcomes.items()},
            requests_sent=requests_sent,
            elapsed=elapsed,
            slowest=tuple(self.slowest),
            finished=finished,
            budget=budget,
        )


def _in_words(budget: BudgetState) -> str | None:
    told: list[str] = []
    if budget.rate is not None and budget.lowest_rate is not None:
        told.append(f"{budget.rate:.1f} requests per second, {budget.lowest_rate:.1f} at the least")
    if budget.waited >= 1:
        told.append(f"{budget.waited:.0f} s waited for a turn")
    for count, what in (
        (budget.refusals, "refused for now"),
        (budget.retries, "sent again"),
        (budget.retries_withheld, "not sent again, because too many had failed"),
    ):
        if count:
            told.append(f"{count} {what}")
    return f"budget: {', '.join(told)}" if told else None


def _elapsed(result: SyncResult) -> float:
    return result.elapsed
