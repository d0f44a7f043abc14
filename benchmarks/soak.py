"""Wave after wave of jobs against an emulator that misbehaves, and the books compared at the end of each.

    python benchmarks/soak.py --minutes 30 --seed 1 [--json OUT] [--wave N] [--save]

The emulator is a process of its own, served over loopback; all its faults come at random from the seed, another mix in
every wave. The exit code is 1 if any job was lost, any POST repeated, any outcome wrong, or if memory, descriptors,
threads or tasks of this process grew. What is found is told with the seed and the wave: ``--wave N`` plays that one
alone. ``--save`` writes benchmarks/results/soak.json, from which the tables of docs/soak.md are made.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, define, field

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))
from benchmarks.results import FOLDER, Table, save  # noqa: E402 - it is no installed package
from benchmarks.soaking import meter  # noqa: E402
from benchmarks.soaking.jobs import Place, Playing, open_client  # noqa: E402
from benchmarks.soaking.plan import Wave  # noqa: E402
from benchmarks.soaking.server import LINE  # noqa: E402
from benchmarks.soaking.wire import WireLog  # noqa: E402
from packcloud_async import PackCloudClient  # noqa: E402

CONNECTIONS = 40
LONGEST_WAVE = 180.0
"""Seconds after which a wave counts as one that hangs."""


@define
class Soak:
    """What was played and found so far."""

    seed: int
    jobs_in_a_wave: int
    began_at: float = field(factory=lambda: asyncio.get_running_loop().time())
    samples: list[meter.Sample] = field(factory=list)
    waves: list[dict[str, Any]] = field(factory=list)
    totals: Counter[str] = field(factory=Counter)
    outcomes: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    troubles: list[str] = field(factory=list)
    _client: PackCloudClient | None = None
    _place: Place | None = None
    _log: WireLog = field(factory=WireLog)

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return asyncio.get_running_loop().time() - self.began_at

    def trouble(self, number: int, what: str) -> None:
        """Write down, and say at once, what went wrong and how to see it again."""
        told = f"seed {self.seed}, wave {number}: {what}"
        self.troubles.append(told)
        print(told, file=sys.stderr, flush=True)

    async def look_every_second(self) -> None:
        """Sample what the process takes."""
        while True:
            self.samples.append(meter.look(self.age))
            await asyncio.sleep(1.0)

    async def play(self, server: "Server", number: int) -> None:
        """Play one wave, and add up what came of it."""
        began = self.age
        wave = Wave.of(self.seed, number, jobs=self.jobs_in_a_wave)
        opened = await server.ask({"open": number, "seed": self.seed, "jobs": self.jobs_in_a_wave})
        log = WireLog()
        client = await self._large(Place(**opened), wave, log)
        with tempfile.TemporaryDirectory() as folder:
            playing = Playing(wave, Place(**opened), client, log, Path(folder))
            try:
                async with asyncio.timeout(LONGEST_WAVE):
                    await playing.play()
            except TimeoutError:
                self.trouble(number, f"not at its end after {LONGEST_WAVE:.0f} seconds")
            except BaseExceptionGroup as group:
                self.trouble(number, f"a scenario failed: {_innermost(group)!r}")
        found = await server.ask({"judge": playing.jobs, "sent": log.sent, "received": log.received})
        self._add(number, wave, found, requests=log.requests, began=began)

    async def _large(self, place: Place, wave: Wave, log: WireLog) -> PackCloudClient:
        """Return the client that outlives the waves; it is another one only if the server had to move."""
        if self._client is None or place != self._place:
            await self.close()
            self._log, self._place = WireLog(), place
            self._client = open_client(place, wave, self._log, connections=CONNECTIONS, renews=True)
        self._client._pipeline.transport.log = log  # noqa: SLF001 - the tap that was put in there
        return self._client

    async def close(self) -> None:
        """Close the client that outlives the waves."""
        if self._client is not None:
            await self._client.aclose()

    def _add(self, number: int, wave: Wave, found: Mapping[str, Any], *, requests: int, began: float) -> None:
        for trouble in found["troubles"]:
            self.trouble(number, trouble)
        for name in ("jobs", "posts", "accepted", "not_started", "from_replicas"):
            self.totals[name] += found[name]
        self.totals["requests"] += requests
        self.outcomes.update(found["outcomes"])
        self.faults.update(found["faults"])
        sample = meter.look(self.age, quiet=True)
        self.samples.append(sample)
        self.waves.append(
            {
                "wave": number,
                "began": round(began, 2),
                "ended": round(self.age, 2),
                "level": wave.level,
                "jobs": found["jobs"],
                "requests": requests,
                "faults": sum(found["faults"].values()),
                "server memory": found["memory"],
                "troubles": len(found["troubles"]),
            }
        )


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@define
class Server:
    """The other process."""

    _process: asyncio.subprocess.Process

    async def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for one thing, and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the emulator's process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Run the emulator's process while the block runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.soaking.server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        limit=LINE,
    )
    try:
        yield Server(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def soak(
    *, minutes: float, seed: int, wave: int | None = None, waves: int | None = None, jobs: int = 200
) -> Soak:
    """Play waves until the time is up or there were so many, or one wave alone."""
    random.seed(seed)
    found = Soak(seed, jobs)
    looking = asyncio.create_task(found.look_every_second())
    try:
        async with serving() as server:
            number = 0 if wave is None else wave
            while True:
                await found.play(server, number)
                number += 1
                if wave is not None or found.age >= 60 * minutes or len(found.waves) == waves:
                    break
            await found.close()
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    if wave is None:
        found.troubles += [f"seed {seed}: {trouble}" for trouble in meter.troubles(found.samples)]
    return found


def tables(found: Soak) -> list[Table]:
    """Return what is printed and shown in the docs."""
    quiet = [sample for sample in found.samples if sample.quiet]
    grown = meter.growth(found.samples)
    thirds = meter.thirds(found.samples)
    return [
        Table(
            "What was played and found",
            ("what", "number"),
            (
                ("seed", str(found.seed)),
                ("minutes", round(found.age / 60, 1)),
                ("waves", len(found.waves)),
                ("jobs", found.totals["jobs"]),
                ("of them with an error in place of some outcome, nothing sent", found.totals["not_started"]),
                ("outcomes", sum(found.outcomes.values())),
                *((f"of them `{state.upper()}`", count) for state, count in sorted(found.outcomes.items())),
                ("outcomes that a lagging replica made", found.totals["from_replicas"]),
                ("requests", found.totals["requests"]),
                ("faults", sum(found.faults.values())),
                ("sync POSTs that arrived", found.totals["posts"]),
                ("syncs started", found.totals["accepted"]),
                ("jobs lost, POSTs repeated, outcomes wrong, and the like", len(found.troubles)),
            ),
        ),
        Table(
            "Faults",
            ("fault", "number"),
            tuple(sorted(found.faults.items(), key=lambda item: (item[0].isdigit(), item[0]))),
        ),
        Table(
            "What the process took",
            ("third of the time", "memory, MB", "most descriptors", "most threads", "most tasks between waves"),
            tuple(
                (
                    name,
                    round(sum(s.memory for s in part) / len(part) / 1e6, 1),
                    max(s.descriptors for s in part),
                    max(s.threads for s in part),
                    max((s.tasks for s in part if s.quiet), default=None),
                )
                for name, part in zip(("first", "middle", "last"), thirds, strict=True)
                if part
            ),
            ""
            if grown is None
            else f"From the middle third to the last, memory changed by {grown:+.1%}. Between waves "
            f"{min(s.descriptors for s in quiet)} to {max(s.descriptors for s in quiet)} descriptors were open.",
        ),
        _by_minute(found),
    ]


def _by_minute(found: Soak) -> Table:
    rows = []
    for minute in range(int(found.age / 60) + 1):
        samples = [sample for sample in found.samples if int(sample.at / 60) == minute]
        ended = [wave for wave in found.waves if int(wave["ended"] / 60) == minute]
        if samples:
            rows.append(
                (
                    minute + 1,
                    sum(wave["jobs"] for wave in ended),
                    round(sum(s.memory for s in samples) / len(samples) / 1e6, 1),
                    max(s.descriptors for s in samples),
                    min(s.descriptors for s in samples),
                )
            )
    columns = ("minute", "jobs ended", "memory, MB", "most descriptors", "fewest descriptors")
    return Table("By the minute", columns, tuple(rows))


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Soak, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wave", type=int, help="play this wave alone")
    parser.add_argument("--waves", type=int, help="end after so many waves, though there is time left")
    parser.add_argument("--jobs", type=int, default=200, help="about so many in a wave")
    parser.add_argument("--json", type=Path, help="write everything that was noted into this file")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/soak.json")
    options = parser.parse_args(arguments)
    return asyncio.run(_main(options, folder))


async def _main(options: argparse.Namespace, folder: Path) -> int:
    found = await soak(
        minutes=options.minutes, seed=options.seed, wave=options.wave, waves=options.waves, jobs=options.jobs
    )
    written = tables(found)
    if options.save:
        save("soak", written, folder=folder)
    else:
        print("\n\n".join(map(str, written)))
    if options.json:
        noted = {
            "seed": found.seed,
            "totals": found.totals,
            "outcomes": found.outcomes,
            "faults": found.faults,
            "troubles": found.troubles,
            "waves": found.waves,
            "samples": [asdict(sample) for sample in found.samples],
        }
        options.json.write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
    print(f"\n{len(found.troubles)} troubles")
    for trouble in found.troubles[:50]:
        print(f"- {trouble}")
    return 1 if found.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
