"""Ctrl-C at random instants, from the import to the interpreter's end: a quiet end, and a ledger to go on with."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from itertools import count

import pytest
from attrs import define, field

from packcloud_async import SyncKind, read_ledger
from packcloud_async.__main__ import main
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes

from ..support.killed_run import run_in
from ..support.run_books import hold_against_books

pytestmark = [pytest.mark.sockets, pytest.mark.skipif(os.name != "posix", reason="SIGINT")]
COMMAND = [sys.executable, "-m", "_packcloud"]
DEADLINE = 2.0
LONGEST_DELAY = 1.0
AT_ONCE = 4
RESULTS = 4
"""Of one organization, one line for each integration."""
CROWD = 300
CALM_WINDOW = DEADLINE - LONGEST_DELAY
LATENCY = FaultPlan(latency=0.01, latency_spread=0.02)


@define
class Interrupts:
    """What so many processes came to."""

    emulator: Emulator
    environment: dict
    folder: object
    deadline: float = DEADLINE
    window: float = CALM_WINDOW
    """Seconds from a POST in which a move was certainly watched."""
    ends: Counter = field(factory=Counter)
    _numbers: object = field(factory=lambda: count(1))

    async def all_of(self, orders):
        """Interrupt so many processes, several side by side."""
        rest = iter(orders)

        async def work():
            for order in rest:
                await self.interrupt(**order)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())

    async def interrupt(self, *, after=0.0, lines=0, requests=0, again=None):
        """Start a sync, interrupt it so many seconds after its first lines, perhaps twice, and look at how it ends.

        ``requests`` are those that have arrived when it is interrupted, where no other process sends any.
        """
        enough = self.emulator.counters.total + requests
        organization = f"org_{next(self._numbers)}"
        file = self.folder / f"{organization}.sqlite"
        pipe = asyncio.subprocess.PIPE
        arguments = [*self._sync(organization, file), "--json"]
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=self.environment
        )
        heard = [await process.stdout.readline() for _ in range(lines)]
        while requests and self.emulator.counters.total < enough:  # noqa: ASYNC110 - a count tells nobody
            await asyncio.sleep(0.001)
        # Random instants are what is tested: nothing is waited for.
        for delay in (after, again):
            if delay is not None:
                await asyncio.sleep(delay)
                if process.returncode is None:
                    # Not send_signal(), which would look for the end of the process and keep it from the loop.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGINT)
        rest, told = await process.communicate()
        self._check_end(process.returncode, told.decode(), has_begun=requests or b"".join(heard) + rest)
        await self._go_on(organization, file)

    def _sync(self, organization, file):
        return ["sync", organization, "--all-kinds", "--deadline", f"{self.deadline}", "--ledger", str(file)]

    def _check_end(self, code, told, *, has_begun):
        if "Traceback" in told:
            # The interpreter was still starting: there was nothing yet that could have heeded it.
            assert not has_begun, told
            assert "packcloud_async" not in told
            self.ends["starting"] += 1
            return
        # Before the first and after the last moment of Python the signal itself ends a process: 130 to a shell.
        assert code in {0, 130, -signal.SIGINT}, told
        if code == 130:
            assert told.strip().startswith("Interrupted."), told
            assert len(told.strip().splitlines()) <= 2, told
        self.ends[code] += 1

    async def _go_on(self, organization, file):
        """Whatever there is of a ledger, the run comes to its end, and nothing was sent twice."""
        run, code = run_in(file), 0
        if run is None:
            code = await asyncio.to_thread(main, self._sync(organization, file))
        elif run.finished is None:
            with read_ledger(file) as contents:
                assert not contents.is_held
            code = await asyncio.to_thread(main, ["resume", str(file)])
        verdict = hold_against_books(file, self.emulator, [organization], window=self.window)
        assert verdict.is_clean, verdict
        assert verdict.kinds == self.emulator.world.integrations * len(SyncKind)
        # A POST whose answer was awaited when it was interrupted may have arrived: the ledger says so.
        assert code == bool(verdict.ambiguous)


@contextlib.asynccontextmanager
async def served(emulator, monkeypatch):
    async with emulator.serve() as served:
        monkeypatch.setenv("PACKCLOUD_BASE_URL", served.base_url)
        monkeypatch.setenv("PACKCLOUD_TOKEN", emulator.token)
        yield
    assert emulator.counters.duplicate_posts == 0


@pytest.fixture
async def interrupts(monkeypatch, heeded_interrupts, tmp_path):
    times = SyncTimes(median=0.3, spread=0.2, distribution=Distribution.UNIFORM)
    emulator = Emulator(organizations=40, integrations=RESULTS, sync_times=times, faults=LATENCY)
    async with served(emulator, monkeypatch):
        yield Interrupts(emulator, dict(os.environ), tmp_path)


@pytest.fixture
async def crowded(monkeypatch, heeded_interrupts, tmp_path):
    """Many syncs are under way, whose end takes a while; when each is seen depends on the machine."""
    times = SyncTimes(median=0.1, spread=0.1, distribution=Distribution.UNIFORM, finds_nothing=0)
    emulator = Emulator(organizations=20, integrations=CROWD, sync_times=times)
    async with served(emulator, monkeypatch):
        yield Interrupts(emulator, dict(os.environ), tmp_path, deadline=1, window=0)


async def test_at_any_instant_of_the_start_and_of_the_run(interrupts, capsys):
    draw = random.Random(1)
    await interrupts.all_of([{"after": draw.uniform(0, 1.2)} for _ in range(10)])
    assert interrupts.ends[130] >= 3, interrupts.ends


async def test_while_results_come_and_as_it_ends(interrupts, capsys):
    draw = random.Random(2)
    moments = [(1, 0.3)] * 3 + [(RESULTS, 0.02)] * 3 + [(RESULTS, 0.1)] * 3
    await interrupts.all_of([{"after": draw.uniform(0, latest), "lines": lines} for lines, latest in moments])
    assert interrupts.ends[130] >= 2, interrupts.ends


async def test_twice(interrupts, capsys):
    draw = random.Random(3)
    await interrupts.all_of(
        [
            {"after": draw.uniform(0.1, 0.9 - 0.6 * lines), "lines": lines, "again": draw.uniform(0, 0.03)}
            for lines in (0, 0, 0, 1, 1, 1)
        ]
    )
    assert interrupts.ends[130] >= 2, interrupts.ends


async def test_twice_while_hundreds_are_under_way(crowded, capsys):
    draw = random.Random(4)
    for requests, gap in [(100, 0.02), (1200, 0.08)]:
        await crowded.interrupt(requests=draw.randint(5, requests), again=draw.uniform(0, gap))
    await crowded.interrupt(lines=draw.randint(1, 60), again=draw.uniform(0, 0.02))
    # Ended by the signal itself when it was all but gone: 130 to a shell as well.
    assert crowded.ends[130] + crowded.ends[-signal.SIGINT] == 3
    assert crowded.ends[130] >= 1, crowded.ends


async def test_while_it_is_imported_it_ends_at_once(interrupts):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import sys, _packcloud, signal\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'packcloud_async':\n"
        "            print('importing', flush=True)\n"
        "            signal.pause()\n"
        "sys.meta_path.insert(0, Slow())\n"
        "sys.exit(_packcloud.main())",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert await process.stdout.readline() == b"importing\n"
    process.send_signal(signal.SIGINT)
    _, told = await process.communicate()
    assert (process.returncode, told) == (130, b"Interrupted.\n")


async def test_who_ignores_it_is_not_interrupted(interrupts):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import signal, sys, _packcloud\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "sys.argv[1:] = ['--version']\n"
        "code = _packcloud.main()\n"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
        "sys.exit(code)",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, told = await process.communicate()
    assert (process.returncode, told) == (0, b"")
    assert out.startswith(b"packcloud ")
