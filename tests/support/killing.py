"""Kills real processes in real runs at random instants, resumes them, and holds the books against their ledgers."""

import asyncio
import sys
from collections import Counter
from enum import StrEnum
from itertools import count
from pathlib import Path

from attrs import define, field

from packcloud_async import SyncKind, TargetState, read_ledger
from packcloud_async._sansio.progress import Phase
from packcloud_async._sansio.token import read_token
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes

from .killed_run import POLL, run_in
from .run_books import Verdict, hold_against_books

ORGANIZATIONS_OF_A_RUN = 2
INTEGRATIONS = 5
LONGEST_DELAY = 1.0
"""How long a POST may take from its record to the emulator, seconds; so much of a window is not checked."""
CALM = FaultPlan(latency=0.05, latency_spread=0.25)
ROUGH = FaultPlan(
    latency=0.05,
    latency_spread=0.25,
    drop_before=0.03,
    drop_after=0.03,
    server_error=0.03,
    rate_limited=0.01,
    retry_after=0,
)
# None takes as long as what is checked of a window.
SYNC_TIMES = SyncTimes(median=1.0, spread=0.9, distribution=Distribution.UNIFORM, finds_nothing=0.15)
REPOSITORY = Path(__file__).parents[2]


class Found(StrEnum):
    """What a kill found some job or target of the run at."""

    NOT_BEGUN = "the run is not recorded yet"
    LISTING = "a target is being listed"
    PLANNED = "a POST is planned"
    SENT = "a POST is sent, and no answer recorded"
    WATCHED = "a job is watched"
    DONE = "everything is done but the end of the run"


@define
class Tally:
    """What a number of runs came to.

    ``found`` counts the kills that found each of these. ``failed`` is what processes said that ended by themselves, and
    not well. ``posts`` arrived at the emulator, which ``accepted`` some.
    """

    runs: int = 0
    kills: int = 0
    found: Counter = field(factory=Counter)
    verdict: Verdict = field(factory=Verdict)
    failed: list[str] = field(factory=list)
    posts: int = 0
    accepted: int = 0

    def add(self, verdict):
        self.runs += 1
        self.verdict.jobs += verdict.jobs
        self.verdict.kinds += verdict.kinds
        self.verdict.ambiguous += verdict.ambiguous
        self.verdict.lost += verdict.lost
        self.verdict.repeated += verdict.repeated
        self.verdict.wrong += verdict.wrong


async def kill_runs(folder, draw, *, kills, at_once, rough=False):
    """Begin runs in the folder, ``at_once`` side by side, and kill their processes until there were so many kills.

    Then let all of them end. ``draw`` is a :class:`random.Random`.
    """
    emulator = Emulator(
        organizations=2 * kills * ORGANIZATIONS_OF_A_RUN,
        integrations=INTEGRATIONS,
        seed=draw.randrange(1_000),
        faults=ROUGH if rough else CALM,
        sync_times=SYNC_TIMES,
    )
    tally, numbers = Tally(), count()
    async with emulator.serve() as served, asyncio.TaskGroup() as group:

        async def work():
            while tally.kills < kills:
                number = next(numbers)
                first = number * ORGANIZATIONS_OF_A_RUN
                organizations = emulator.organization_ids[first : first + ORGANIZATIONS_OF_A_RUN]
                run = _Run(folder / f"{number}.sqlite", organizations, emulator, served.base_url, draw, tally, kills)
                await run.to_its_end()
                tally.add(run.judged(rough=rough))

        for _ in range(at_once):
            group.create_task(work())
    calls = emulator.counters.calls
    tally.posts = sum(calls[call] for call in calls if call[0] == "POST")
    tally.accepted = len(emulator.books.runs)
    return tally


@define
class _Run:
    """One run, and the processes it takes."""

    path: Path
    organizations: list[str]
    emulator: Emulator
    base_url: str
    draw: object
    tally: Tally
    kills: int
    cut_off: set = field(factory=set)

    async def to_its_end(self):
        for lives_left in range(self.draw.randint(1, 9), -1, -1):
            process = await self.start()
            # The last one may live.
            if lives_left and self.tally.kills < self.kills:
                await self.kill_some_time(process)
            _, told = await process.communicate()
            if process.returncode not in {0, -9}:
                self.tally.failed.append(told.decode())
            if (run := run_in(self.path)) is not None and run.finished is not None:
                return

    async def start(self):
        command = "begin" if run_in(self.path) is None else "resume"
        arguments = [command, self.base_url, self.emulator.token, str(self.path), *self.organizations]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.killed_run", *arguments, stdout=pipe, stderr=pipe, cwd=REPOSITORY
        )
        await process.stdout.readline()
        return process

    async def kill_some_time(self, process):
        # The beginning is short, and much happens in it.
        latest = self.draw.choice([0.03, 0.15, 0.4, 0.7, 1.0, 2.5])
        try:
            async with asyncio.timeout(self.draw.uniform(0, latest)):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            self.tally.kills += 1
            self.look()

    def look(self):
        """Note what the kill found."""
        if run_in(self.path) is None:
            self.tally.found[Found.NOT_BEGUN] += 1
            return
        with read_ledger(self.path) as contents:
            targets = list(contents.targets())
        left = {
            (target.target.organization_id, job.integration_id): read_token(job.token).kinds
            for target in targets
            for job in target.jobs
            if not job.finished
        }
        found = {_found(kinds) for kinds in left.values()}
        found |= {Found.LISTING for target in targets if target.state is TargetState.WAITING}
        self.tally.found.update(found or {Found.DONE})
        self.cut_off |= {
            (*place, kind) for place, kinds in left.items() for kind in kinds if kinds[kind].phase is Phase.SENT
        }

    def judged(self, *, rough):
        return hold_against_books(
            self.path,
            self.emulator,
            self.organizations,
            kinds=tuple(SyncKind),
            window=POLL.deadline - LONGEST_DELAY,
            may_fail=rough,
            in_doubt=None if rough else self.cut_off,
        )


def _found(kinds):
    phases = {state.phase for state in kinds.values() if state.outcome is None}
    if Phase.SENT in phases:
        return Found.SENT
    return Found.PLANNED if Phase.PLANNED in phases else Found.WATCHED
