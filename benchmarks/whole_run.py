"""A whole run over real HTTP: the loop everyone writes against this library, requests, cost, memory and news.

    python -m benchmarks.whole_run [--organizations 1000] [--rounds 3]

Orders and products of ten integrations in each organization are synced, with 200 organizations under way at once;
durations are log-normal, median 2 s, one in six above 3.3 s, drawn by seed and so the same for everybody. The server
(`whole/server.py`) has a process and a core of its own and is a new one for each run, the client as well, which syncs
one integration elsewhere before it is measured. What a client says is held against the server's books, and the delay of
a news is from the instant the watermark moved, by the server, to the instant the client saw that, on one clock. "Told"
is to the instant at which the code that asked has it in hand: for (a) and (b) the same, which count each kind when
their code has it, and for (c) later, as a result comes when all kinds of its integration are done. The goals are of the
delay until it was seen.

(a) A task for each integration and an ``asyncio.Semaphore``: GET the baseline, two POSTs, then a GET each second until
    both kinds have moved; on aiohttp as one writes it, with at most 200 organizations under way. With more of them at
    once it would be more GETs a second than a core can send, and its seconds would be longer ones: the table says how
    long they were.
(b) The same loop on the client that openapi-generator makes of the API's description, where it can be made.
(c) ``client.sync_many``: as it comes, as `tuning` found it best for other draws of these durations, and with pacing
    learned before.

(d) The leanest loop there can be (`whole/leanest.py`): a task for each organization, its reads shared and made when the
    policy of (c) says, by this library's calls. Nothing in it is for the day on which something goes wrong, so that it
    is the floor of (c)'s CPU.

Beside them: the requests of the floor, sent by aiohttp as one writes it and by this library's own calls, neither of
which does anything else, and those of (c) by aiohttp; and the fewest reads with which news can be in time at all
(`whole/least.py`).

Rounds are interleaved, in an order drawn anew; a figure is the median of the rounds with their quartiles, and what is
compared with (a) is the median of the ratios within each round. Some rows are measured in the first round only, and say
so. With its defaults it takes about 13 minutes: four for each round, and two for what is measured once.
"""

import argparse
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve

from benchmarks import virtual_time
from benchmarks.arguments import counting, positive
from benchmarks.measuring.cores import allocator, layout
from benchmarks.measuring.rounds import Contestant as Measured
from benchmarks.measuring.rounds import versions
from benchmarks.pacing import written
from benchmarks.peers.making import OPENAPI_GENERATOR, NotMade, made
from benchmarks.results import FOLDER, save
from benchmarks.whole.found import Contestant, Found, Missing
from benchmarks.whole.loop import DEADLINE, ORGANIZATIONS
from benchmarks.whole.measure import Way, measured
from benchmarks.whole.server import Plan
from benchmarks.whole.server import name as server_name
from benchmarks.whole.ways import KINDS, TOLERATED, TUNED
from packcloud_async import LearnedPacing, PackCloudClient, PollPolicy

QUICK = ("--organizations", "5", "--rounds", "1", "--median", "0.2")
LEARNED_FROM = 200
"""So many organizations were synced in the run before."""

ONCE = " (one round)"
LOOP = (
    f"(a) a task for each integration, a GET each second, on aiohttp; at most {ORGANIZATIONS} organizations under way"
)
GENERATED = f"(b) the same loop on the client of openapi-generator{ONCE}"
DEFAULT = "(c) `sync_many`, as it comes: `PollPolicy()`"
BEST = f"(c) `{written(TUNED)}`, the best that keeps (a)'s delay x {TOLERATED:g}"
LEANEST = "(d) the leanest loop with (c)'s policy: a task for each organization, shared reads, nothing else"
FLOOR = "the floor's requests (POSTs, one listing before and one after), sent by raw aiohttp that does nothing else"
OWN_FLOOR = "the floor's requests, sent by this library's own calls that do nothing else"
REQUESTS = "the requests of (c) that keeps the delay; raw aiohttp that does nothing else"
FEW_READS = PollPolicy(first=1.8, growth=1.6, jitter=0)
_SYNC_MANY = "benchmarks.whole.ways:sync_many"
_BARE = "benchmarks.whole.floor:on_aiohttp"
_OWN_CALLS = "benchmarks.whole.floor:by_own_calls"


def contestants(plan: Plan) -> Sequence[Contestant | Missing]:
    """Return who is measured, (a) first."""
    learned = {"learned": learned_before(plan).to_json()}
    return (
        Contestant(LOOP, Way("benchmarks.whole.loop:on_aiohttp")),
        _generated(),
        Contestant(DEFAULT, Way(_SYNC_MANY)),
        Contestant(BEST, Way(_SYNC_MANY, _numbers(TUNED))),
        Contestant(f"(c) `{written(FEW_READS)}`, for the reads{ONCE}", Way(_SYNC_MANY, _numbers(FEW_READS)), once=True),
        Contestant(f"(c) as it comes, with pacing learned in a run before{ONCE}", Way(_SYNC_MANY, learned), once=True),
        Contestant(LEANEST, Way("benchmarks.whole.leanest:sync", {"first": TUNED.first, "growth": TUNED.growth})),
        Contestant(FLOOR, Way(_BARE, {"per_page": plan.per_page}, watches=False)),
        Contestant(OWN_FLOOR, Way(_OWN_CALLS, watches=False)),
        Contestant(REQUESTS, Way(_BARE, {"per_page": plan.per_page}, watches=False)),
    )


def _generated() -> Contestant | Missing:
    found = made(OPENAPI_GENERATOR)
    if isinstance(found, NotMade):
        return Missing(GENERATED, found.reason)
    way = Way("benchmarks.whole.loop:on_generated_client", {}, str(found.python), str(found.folder))
    return Contestant(GENERATED, way, once=True)


def _versions() -> Mapping[str, Mapping[str, str | None]]:
    found = made(OPENAPI_GENERATOR)
    if isinstance(found, NotMade):
        return {}
    packages = found.peer.distributions
    return {GENERATED: versions(Measured(GENERATED, "", python=str(found.python), packages=packages))}


def _numbers(policy: PollPolicy) -> dict[str, float]:
    return {f"poll_{name}": getattr(policy, name) for name in ("first", "growth", "jitter")}


def learned_before(plan: Plan) -> LearnedPacing:
    """Return what a run learned whose syncs had other durations of the same distribution, on virtual time."""
    before = evolve(plan, organizations=min(plan.organizations, LEARNED_FROM), seed=plan.seed + 1_000)
    pacing = LearnedPacing()

    async def sync() -> None:
        poll = PollPolicy(deadline=DEADLINE)
        async with (
            PackCloudClient(token="t", transport=before.state(), pacing=pacing) as client,
            client.sync_many(before.organization_ids, kinds=KINDS, poll=poll, max_organizations=ORGANIZATIONS) as run,
        ):
            async for _ in run:
                pass

    virtual_time.run(sync, seed=before.seed)
    return pacing


def measure(plan: Plan, everybody: Sequence[Contestant | Missing], *, rounds: int) -> Found:
    """Measure everybody once a round."""
    found = Found(plan, everybody, loop=LOOP, chosen=BEST, also=[DEFAULT], floors=[LEANEST])
    draws = random.Random(plan.seed)
    present = [one for one in everybody if isinstance(one, Contestant)]
    for number in range(1, rounds + 1):
        there = [one for one in present if number == 1 or not one.once]
        order = draws.sample(there, len(there))
        # It sends what another one has sent in this round.
        for one in sorted(order, key=lambda one: one.name == REQUESTS):
            way = one.way
            if one.name == REQUESTS:
                way = evolve(way, numbers={**way.numbers, "reads": found.runs[BEST][-1].books.reads})
            run = measured(way, plan)
            found.note(one, run)
            print(f"round {number}: {one.name}: {run.books.reads:,} reads, {run.cost.cpu:.2f} s", flush=True)
    return found


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Measure everybody."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--organizations", type=counting, default=1000)
    parser.add_argument("--rounds", type=counting, default=3)
    parser.add_argument("--median", type=positive, default=2.0, help="seconds that half of the syncs take longer than")
    options = parser.parse_args(arguments)
    plan = Plan(organizations=options.organizations, median=options.median, spread=options.median * 2 / 3)
    found = measure(plan, contestants(plan), rounds=options.rounds)
    save(
        "whole_run",
        [found.table()],
        figures=list(found.figures()),
        folder=folder,
        seed=plan.seed,
        rounds=options.rounds,
        cores=layout(),
        too_noisy=found.is_noisy,
        starved=list(found.starved),
        server=server_name(),
        allocator=allocator(),
        versions=_versions(),
    )


if __name__ == "__main__":
    main()
