"""What a run may cost, counted on virtual time: a change after which it needs more fails here, on any machine.

Each number is what was counted when the line was written, with a little room: not every release of Python counts alike.
"""

import asyncio
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
from attrs import frozen

import packcloud_async
from benchmarks import operations
from benchmarks.lean_server import LeanServer
from packcloud_async import PackCloudClient, PollPolicy, SyncKind
from packcloud_async._io.signal import Signal
from packcloud_async._sansio.progress import SyncProgress
from packcloud_async.emulator import Emulator, FaultPlan, SyncTimes
from packcloud_async.reads import Reads

from .support.counting import Counting
from .support.jumping_loop import JumpingLoop

PACKAGE = str(Path(packcloud_async.__file__).parent)
KINDS = (SyncKind.ORDERS, SyncKind.PRODUCTS)
ORGANIZATIONS, INTEGRATIONS = 40, 10
JOBS = ORGANIZATIONS * INTEGRATIONS


class CountingLoop(Counting, JumpingLoop):
    """Counts what it is asked for; what a transport in memory needs of it is counted as well."""


@frozen
class Counted:
    """How often something was needed in a run."""

    counts: Counter

    def each(self, what, per):
        """For each of so many."""
        return self.counts[what] / per


def counted(*, organizations=ORGANIZATIONS, integrations=INTEGRATIONS, per_page=25, finds_nothing=0.0, poll=None):
    """Run everything once and count."""
    emulator = Emulator(
        organizations=organizations,
        integrations=integrations,
        per_page=per_page,
        seed=1,
        sync_times=SyncTimes(median=2, spread=1.3, finds_nothing=finds_nothing),
        faults=FaultPlan(latency=0.05),
        token="t",
    )
    counts = Counter()

    async def main():
        ids = [f"org_{number}" for number in range(1, organizations + 1)]
        async with (
            PackCloudClient(token="t", transport=emulator.transport()) as client,
            client.sync_many(ids, kinds=KINDS, poll=poll or PollPolicy()) as run,
        ):
            results = [result async for result in run]
        assert len(results) == organizations * integrations
        assert not any(result.failed for result in results)

    random.seed(1)
    with pytest.MonkeyPatch.context() as patch:
        count_calls(patch, counts)
        with asyncio.Runner(loop_factory=CountingLoop) as runner:
            runner.run(main())
            counts += runner.get_loop().counts
    counts["lists"] = emulator.counters.by_route["integrations"]
    counts["singles"] = emulator.counters.by_route["integration"]
    counts["requests"] = emulator.counters.by_route.total()
    return Counted(counts)


def entered(organizations):
    """Count the functions of the package that a run on a server in memory enters, coroutines each time they go on."""
    entered_so_far = 0

    def profile(frame, event, _):
        nonlocal entered_so_far
        entered_so_far += event == "call" and frame.f_code.co_filename.startswith((PACKAGE, "<attrs generated"))

    async def main():
        server = LeanServer(integrations_of=lambda _: INTEGRATIONS, takes=lambda key: 1.0 + sum(map(ord, key[1])) % 5)
        ids = [f"org_{number}" for number in range(organizations)]
        async with (
            PackCloudClient(token="t", transport=server) as client,
            client.sync_many(ids, kinds=KINDS) as run,
        ):
            return [result async for result in run]

    random.seed(1)
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        sys.setprofile(profile)
        try:
            results = runner.run(main())
        finally:
            sys.setprofile(None)
    assert len(results) == organizations * INTEGRATIONS
    return entered_so_far


def test_a_job_of_a_run_enters_no_more_functions():
    entered(1)
    more, few = entered(30), entered(10)
    assert 100 < (more - few) / (20 * INTEGRATIONS) <= 600


def count_calls(patch, counts):
    """Count the walks and reads of watches, and what machines are told, short way and long way."""
    for owner, name, what in (
        (Reads, "read", "reads"),
        (SyncProgress, "observed", "told"),
        (SyncProgress, "unmoved", "asked the short way"),
        (Signal, "wait", "wakes"),
    ):
        patch.setattr(owner, name, counting(getattr(owner, name), counts, what))


def counting(call, counts, what):
    def counted_call(*given, **options):
        counts[what] += 1
        return call(*given, **options)

    return counted_call


@pytest.fixture(scope="module")
def usual():
    return counted()


@pytest.mark.parametrize(
    ("what", "most"),
    [
        # Two POSTs, and a fifth of a page read three times.
        pytest.param("requests", 2.6, id="requests"),
        pytest.param("singles", 0.07, id="integrations read alone"),
        # None for itself or its POSTs: what reads share, and the senders of the run.
        pytest.param("tasks", 1.0, id="tasks"),
        pytest.param("callbacks", 6.2, id="callbacks"),
        pytest.param("timers", 4.2, id="timers"),
        pytest.param("wakes", 0.4, id="wakes of a watch or a run"),
        # Once for each news; what shows nothing new goes the short way.
        pytest.param("told", 1.75, id="what is told the long way"),
    ],
)
def test_a_job_of_a_run_needs_no_more(usual, what, most):
    assert 0 < usual.each(what, JOBS) <= most


def test_a_run_of_the_same_seed_needs_the_same(usual):
    assert counted().counts == usual.counts


@pytest.mark.parametrize("what", ["requests", "tasks", "callbacks", "timers", "wakes", "told"])
def test_what_a_job_needs_does_not_grow_with_the_run(usual, four_times, what):
    assert four_times.each(what, 4 * JOBS) <= 1.2 * usual.each(what, JOBS)


@pytest.fixture(scope="module")
def four_times():
    return counted(organizations=4 * ORGANIZATIONS)


@pytest.fixture(scope="module")
def patient():
    """Pages of a hundred, watched for a while in which next to nothing is found."""
    poll = PollPolicy(first=2, growth=1.01, ceiling=2, deadline=100)
    return counted(organizations=4, integrations=100, per_page=100, finds_nothing=0.999, poll=poll)


def test_a_page_is_asked_for_once_in_a_read_and_tells_everybody_in_one_step(patient):
    assert patient.counts["lists"] > 150
    assert patient.counts["asked the short way"] == pytest.approx(100 * patient.counts["lists"], rel=0.05)
    # Only the last look at each, and news.
    assert patient.counts["told"] < 1.1 * 400


def test_a_page_of_a_hundred_costs_the_loop_what_a_page_of_one_does(patient):
    assert patient.counts["callbacks"] < 40 * patient.counts["lists"]
    assert patient.counts["timers"] < 20 * patient.counts["lists"]


@pytest.mark.own_interpreter
@pytest.mark.skipif(sys.version_info[:2] == (3, 12), reason="Python 3.12 does not tell a tracer of every operation")
def test_a_run_takes_few_times_the_operations_of_the_leanest_loop_there_can_be():
    ours = operations.of_an_integration(operations.by_sync_many, 2, 6)
    least = operations.of_an_integration(operations.by_the_leanest_loop, 2, 6)
    assert sum(ours.values()) < 2.8 * sum(least.values())
    # What both of them need is the same code.
    assert ours[operations.ANSWERS] < 1.3 * least[operations.ANSWERS]


def test_every_module_of_the_package_has_its_part_in_what_a_run_costs():
    modules = {path.stem for path in Path(PACKAGE).rglob("*.py") if not {"emulator", "cli"} & set(path.parts)}
    assert operations.PARTS.keys() <= modules
    assert operations.part_of(f"{PACKAGE}/_sansio/progress.py") == operations.MACHINES
    assert operations.part_of(f"{PACKAGE}/_io/pipeline.py") == operations.CALLS
    assert operations.part_of("<attrs generated methods packcloud_async._io.turns.Turn>") == operations.FIRING
    assert operations.part_of("<builder of Integration>") == operations.ANSWERS
    assert operations.part_of(asyncio.tasks.__file__) == operations.LOOP
    assert operations.part_of(f"{PACKAGE}/emulator/state.py") is None
