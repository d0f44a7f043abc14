"""Which PollPolicy has the fewest reads with news at most 1.25 times as late as a loop's, for syncs as in `whole_run`.

    python -m benchmarks.tuning [--organizations 200]

On virtual time, on a server that answers after 5 ms, with all organizations at once: the loop of `whole_run`, then
`sync_many` with every policy of a grid without jitter, and some with pacing learned in a run before, whose durations
were others. All durations are drawn by another seed than the one that `whole_run` measures, so that its policy is not
fitted to the very draws it is measured on. ``first`` is at once how long a watch waits before it looks and the least
time between two looks; from an age of ``first / (growth - 1)`` on the looks are further apart. The best is what
`whole_run` uses. Beside it stands the least that anybody could have (``whole/least.py``).
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import quantiles

from attrs import evolve, frozen

from benchmarks.arguments import counting, positive
from benchmarks.pacing import DEFAULT, Scenario, Sent, measure, naive, planner, written
from benchmarks.results import FOLDER, Cell, Table, save
from benchmarks.whole.bounds import for_whom_knows_the_distribution, for_whom_knows_the_draws
from benchmarks.whole.loop import DEADLINE
from benchmarks.whole.server import Plan
from benchmarks.whole.ways import TOLERATED, TUNED
from packcloud_async import LearnedPacing, PollPolicy
from packcloud_async.emulator import SyncTimes

QUICK = ("--organizations", "2", "--firsts", "1.2", "--growths", "1.3", "--median", "0.5")
LATENCY = 0.005
OTHER_DRAWS = 1_000
"""So far from the seed of `whole_run` is the one of the durations here."""
SHOWN = 4
"""So many policies of either side of the goal are shown."""

FIRSTS = (1.1, 1.125, 1.15, 1.175, 1.2, 1.225, 1.25, 1.3)
GROWTHS = (1.01, 1.2, 1.3, 1.325, 1.35, 1.375, 1.4, 1.5)


@frozen
class Tried:
    """A policy, and what it sent."""

    policy: PollPolicy
    sent: Sent

    def lateness(self, loop: Sent) -> float:
        """Return the 95th percentile of its delays as multiples of the loop's."""
        return late(self.sent) / late(loop)


def late(sent: Sent) -> float:
    """Return the delay in seconds that 95 in a hundred do not exceed."""
    return quantiles(sent.delays, n=100, method="inclusive")[94]


def scenario(plan: Plan) -> Scenario:
    """Return what `whole_run` syncs, on virtual time."""
    return Scenario(
        name="",
        organizations=plan.organizations,
        integrations=plan.integrations,
        times=SyncTimes(median=plan.median, spread=plan.spread),
        deadline=DEADLINE,
        seed=plan.seed,
        latency=LATENCY,
    )


def tried(where: Scenario, firsts: Sequence[float], growths: Sequence[float]) -> Iterator[Tried]:
    """Try every pair."""
    for first, growth in product(firsts, growths):
        policy = PollPolicy(first=first, growth=growth, jitter=0)
        yield Tried(policy, measure(where, planner(policy)))


def best(found: Sequence[Tried], loop: Sent) -> Tried | None:
    """Return the one with the fewest reads among those that are in time; None if none is."""
    in_time = [one for one in found if one.lateness(loop) <= TOLERATED]
    return min(in_time, key=lambda one: one.sent.reads, default=None)


def shown(found: Sequence[Tried], loop: Sent) -> Sequence[Tried]:
    """Return the best on either side of the goal, the fewest reads first: of those that are late, the least late."""
    in_time = [one for one in found if one.lateness(loop) <= TOLERATED]
    too_late = [one for one in found if one not in in_time]
    fewest = sorted(in_time, key=lambda one: one.sent.reads)[:SHOWN]
    return sorted(
        [*fewest, *sorted(too_late, key=lambda one: one.lateness(loop))[:SHOWN]], key=lambda one: one.sent.reads
    )


def with_others(where: Scenario) -> Iterator[tuple[str, Sent]]:
    """Yield what the defaults send, and what is sent with pacing that saw a run before: its end, and all of it."""
    yield "`PollPolicy()`, as it comes", measure(where, planner(DEFAULT))
    before = evolve(where, seed=where.seed + 1_000)
    for policy, samples in product((DEFAULT, TUNED), (64, where.organizations * where.integrations)):
        pacing = LearnedPacing(samples=max(samples, 64))
        measure(before, planner(policy, pacing))
        yield f"`{written(policy)}`, learned, `samples={samples:,}`", measure(where, planner(policy, pacing))


COLUMNS = ("way", "reads of an organization", "times fewer than the loop", "95 % of the delays, s", "against the loop")


def table(plan: Plan, loop: Sent, found: Sequence[Tried], others: Iterable[tuple[str, Sent]]) -> Table:
    """Write the best policies and others between the loop and the least there can be."""
    chosen = best(found, loop)
    rows = [_row("the loop of `whole_run`", plan, loop.reads, late(loop), loop)]
    for one in shown(found, loop):
        mark = " (the best in time)" if one is chosen else ""
        rows.append(_row(f"`{written(one.policy)}`{mark}", plan, one.sent.reads, late(one.sent), loop))
    rows += [_row(name, plan, sent.reads, late(sent), loop) for name, sent in others]
    tolerated = TOLERATED * late(loop)
    least = for_whom_knows_the_distribution(plan, tolerated=tolerated)
    rows.append(_row("enough, knowing the distribution", plan, least.enough, tolerated, loop))
    rows.append(_row("the least, knowing the distribution", plan, least.bound, tolerated, loop))
    least_of_all = for_whom_knows_the_draws(plan, tolerated=tolerated)
    rows.append(_row("the least, knowing every draw", plan, least_of_all, tolerated, loop))
    note = (
        f"{len(found)} policies tried, on {plan.organizations} organizations of {plan.integrations}; listings counted. "
        f"The draws are those of seed {plan.seed}."
    )
    return Table("Fewest reads for a delay", COLUMNS, tuple(rows), note)


def _row(name: str, plan: Plan, reads: float, delay: float, loop: Sent) -> tuple[Cell, ...]:
    return (name, reads / plan.organizations, loop.reads / reads, delay, delay / late(loop))


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Try every policy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=200)
    parser.add_argument("--firsts", type=positive, nargs="+", default=list(FIRSTS))
    parser.add_argument("--growths", type=positive, nargs="+", default=list(GROWTHS))
    parser.add_argument("--median", type=positive, default=2.0, help="seconds that half of the syncs take longer than")
    options = parser.parse_args(arguments)
    measured = Plan(organizations=options.organizations, median=options.median, spread=options.median * 2 / 3)
    plan = evolve(measured, seed=measured.seed + OTHER_DRAWS)
    where = scenario(plan)
    loop = measure(where, naive(both_kinds=True))
    found = list(tried(where, options.firsts, options.growths))
    save("tuning", [table(plan, loop, found, with_others(where))], folder=folder, seed=plan.seed)
    chosen = best(found, loop)
    print(f"\n`whole_run` uses {written(TUNED)}; the best here: {written(chosen.policy) if chosen else 'none'}")


if __name__ == "__main__":
    main()
