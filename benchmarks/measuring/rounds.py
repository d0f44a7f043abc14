"""Interleaved rounds: every contestant once a round, in a new order; what is compared stood in the same round.

A ratio is that of one round, against the reference's sample of that round; the table shows the median of the rounds
and their quartiles. So a machine that slows down for a while slows all alike.
"""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from attrs import define, evolve, field, frozen

from benchmarks.measuring.cores import environment
from benchmarks.measuring.samples import Sample, Task
from benchmarks.results import ROOT

NOISY = 0.10
"""Quartiles of the reference further apart than this share of its median: the machine did something else as well."""
OWN_NOISY = 0.20
"""The same for a figure of ours itself: it differs more than one that is only measured by."""
ENOUGH = 3
"""Rounds that have quartiles; fewer are never called quiet."""


@frozen
class Contestant:
    """Who is measured: ``factory`` is ``module:name``, ``arguments`` what it is called with.

    ``python`` is the interpreter, ours by default, and ``folder`` one more to import from. ``packages`` are the
    distributions it stands for, whose versions are noted; those ``without`` cannot be imported.
    """

    name: str
    factory: str
    arguments: tuple[str, ...] = ()
    uvloop: bool = False
    python: str = sys.executable
    folder: str | None = None
    packages: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


@frozen
class Spread:
    """A median with the quartiles around it.

    Fewer than three values have no quartiles; ``apart`` is how far they are from each other.
    """

    median: float
    low: float | None
    high: float | None
    apart: float = field(default=0.0, eq=False)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.median:.2f}"
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"

    @property
    def has_quartiles(self) -> bool:
        """Whether there were values enough."""
        return self.low is not None

    @property
    def width(self) -> float:
        """The distance of the quartiles, or of the two values there are, as a share of the median."""
        apart = self.apart if self.low is None or self.high is None else self.high - self.low
        return apart / self.median if apart else 0.0

    def is_quiet(self, noisy: float = NOISY) -> bool:
        """Whether there are quartiles, and no further apart than this share of the median."""
        return self.has_quartiles and self.width <= noisy


def spread(values: Iterable[float]) -> Spread:
    """Return median and quartiles, which fewer than three values do not have."""
    found = list(values)
    if len(found) < ENOUGH:
        return Spread(statistics.median(found), None, None, apart=max(found) - min(found))
    low, _, high = statistics.quantiles(found, n=4, method="inclusive")
    return Spread(statistics.median(found), low, high)


def noise(reference: Spread, who: str) -> str | None:
    """Say why a run cannot be called quiet, None when it can: by what everybody was measured by."""
    if reference.is_quiet():
        return None
    if reference.width <= NOISY:
        return f"Fewer than {ENOUGH} rounds have no quartiles, and nobody can tell whether the machine was quiet."
    what = "quartiles" if reference.has_quartiles else "two rounds"
    apart = f"the {what} of {who} are {100 * reference.width:.0f} % apart, more than {100 * NOISY:.0f} %"
    return f"**This run was too noisy**: {apart}."


class ContestantDied(Exception):
    """The process of a contestant ended before it was told to."""


@define
class Worker:
    """The process of one contestant."""

    name: str
    process: subprocess.Popen[str]

    def sample(self, task: Task, busy: Callable[[], float] | None = None) -> Sample:
        """Let it do one task; ``busy`` gives the seconds of processor time the server has had so far."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        before = None if busy is None else busy()
        # Without a reader there is no answer either.
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"seconds": task.seconds, "in_flight": task.in_flight}) + "\n")
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise ContestantDied(f"{self.name} ended with status {self.process.wait()}; its traceback is above")
        sample = Sample(**json.loads(line))
        if busy is None or before is None:
            return sample
        return evolve(sample, server_busy=(busy() - before) / sample.wall)


@contextmanager
def workers(contestants: Iterable[Contestant]) -> Iterator[Mapping[str, Worker]]:
    """Start a process for each contestant, and end them all."""
    with ExitStack() as stack:
        yield {one.name: stack.enter_context(_worker(one)) for one in contestants}


@contextmanager
def _worker(one: Contestant) -> Iterator[Worker]:
    hidden = [f"--without={name}" for name in one.without]
    command = [one.python, "-m", "benchmarks.measuring.worker", *(["--uvloop"] if one.uvloop else []), *hidden]
    process = subprocess.Popen(
        [*command, one.factory, *one.arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**environment(), **({} if one.folder is None else {"PYTHONPATH": one.folder})},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Worker(one.name, process)
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def versions(one: Contestant) -> dict[str, str | None]:
    """Return the versions of Python and of its packages on its interpreter, None for one that is kept from it."""
    asked = [name for name in one.packages if name not in one.without]
    code = (
        "import importlib.metadata as m, json, sys\n"
        "found = {'python': sys.version.split()[0]}\n"
        "for name in sys.argv[1:]:\n"
        "    try: found[name] = m.version(name)\n"
        "    except m.PackageNotFoundError: found[name] = None\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([one.python, "-c", code, *asked], check=True, capture_output=True, text=True)
    found: dict[str, str | None] = json.loads(done.stdout)
    return {name: found.get(name) for name in ("python", *one.packages)}


@frozen
class Rounds:
    """The samples of every contestant, one a round, after one that does not count."""

    samples: Mapping[str, Sequence[Sample]]
    reference: str

    def ratio(self, name: str) -> Spread:
        """Processor time of one operation as multiples of the reference's in the same round."""
        pairs = zip(self.samples[name], self.samples[self.reference], strict=True)
        return spread(mine.cpu_each / other.cpu_each for mine, other in pairs)

    def between(self, name: str, other: str) -> Spread:
        """Processor time of one operation as multiples of another contestant's in the same round."""
        pairs = zip(self.samples[name], self.samples[other], strict=True)
        return spread(mine.cpu_each / theirs.cpu_each for mine, theirs in pairs)

    def cpu(self, name: str) -> Spread:
        """Microseconds of processor time for one operation."""
        return spread(1e6 * sample.cpu_each for sample in self.samples[name])

    def per_second(self, name: str) -> Spread:
        """Operations a second."""
        return spread(sample.per_second for sample in self.samples[name])

    def server_busy(self, name: str) -> float | None:
        """The median share of the time the server was at work."""
        found = [sample.server_busy for sample in self.samples[name] if sample.server_busy is not None]
        return statistics.median(found) if found else None

    @property
    def is_noisy(self) -> bool:
        """Whether the reference itself differed too much from round to round, or had too few of them to tell."""
        return noise(self.cpu(self.reference), self.reference) is not None


def measure(
    running: Mapping[str, Worker],
    task: Task,
    *,
    reference: str,
    rounds: int,
    seed: int,
    busy: Callable[[], float] | None = None,
) -> Rounds:
    """Let every worker do the task once a round, in an order drawn anew; the first round only warms up."""
    draws = random.Random(seed)
    samples: dict[str, list[Sample]] = {name: [] for name in running}
    for number in range(rounds + 1):
        for name in draws.sample(list(running), len(running)):
            found = running[name].sample(task, busy)
            if number:
                samples[name].append(found)
    return Rounds(samples, reference)


def processor_seconds(processes: Iterable[int]) -> float:
    """Return the user and system time these processes have had so far."""
    ticks = 0
    for process in processes:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
