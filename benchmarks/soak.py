"""Wave after wave of jobs against an emulator that misbehaves, and the books compared at the end of each.

    python benchmarks/soak.py --minutes 30 --seed 1 [--json OUT] [--wave N] [--save]

The emulator is a process of its own, served over loopback; all its faults come at random from the seed, another mix in
every wave. The exit code is 1 if any job was lost, any POST repeated, any outcome wrong, or if memory, descriptors,
threads or tasks of this process grew. What is found is told with the seed and the wave: ``--wave N`` plays that one
alone. ``--save`` writes to benchmarks/results.json, from which the tables of docs/soak.md are made.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, define, field

ONLY_BY_NAME = "it soaks as long as it is told to"
QUICK = ("--waves", "1", "--jobs", "20")
REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))
from benchmarks.arguments import counting, positive  # noqa: E402 - it is no installed package
from benchmarks.results import FOLDER, save  # noqa: E402
from benchmarks.soaking import meter  # noqa: E402
from benchmarks.soaking.jobs import play  # noqa: E402
from benchmarks.soaking.other_process import Server, serving  # noqa: E402
from benchmarks.soaking.plan import Wave  # noqa: E402
from benchmarks.soaking.playing import Place, Playing, open_client  # noqa: E402
from benchmarks.soaking.summary import Found, tables  # noqa: E402
from benchmarks.soaking.wire import WireLog  # noqa: E402
from packcloud_async import PackCloudClient  # noqa: E402

CONNECTIONS = 40
LONGEST_WAVE = 180.0
"""Seconds after which a wave counts as one that hangs."""


@define
class Soak:
    """Plays waves, and adds up what comes of them."""

    seed: int
    jobs_in_a_wave: int
    found: Found = field(init=False)
    _began_at: float = field(factory=lambda: asyncio.get_running_loop().time(), init=False)
    _client: PackCloudClient | None = field(default=None, init=False)
    _place: Place | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.found = Found(self.seed)

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return asyncio.get_running_loop().time() - self._began_at

    def trouble(self, number: int, what: str) -> None:
        """Write down, and say at once, what went wrong and how to see it again."""
        told = f"seed {self.seed}, wave {number}: {what}"
        self.found.troubles.append(told)
        print(told, file=sys.stderr, flush=True)

    async def look_every_second(self) -> None:
        """Sample what the process takes."""
        while True:
            self.found.samples.append(meter.look(self.age))
            await asyncio.sleep(1.0)

    async def play(self, server: Server, number: int) -> None:
        """Play one wave, and add up what came of it."""
        began = self.age
        wave = Wave.of(self.seed, number, jobs=self.jobs_in_a_wave)
        opened = await server.ask({"open": number, "seed": self.seed, "jobs": self.jobs_in_a_wave})
        log = WireLog()
        client = await self._large(Place(**opened), log)
        with tempfile.TemporaryDirectory() as folder:
            playing = Playing(wave, Place(**opened), client, log, Path(folder))
            try:
                async with asyncio.timeout(LONGEST_WAVE):
                    await play(playing)
            except TimeoutError:
                self.trouble(number, f"not at its end after {LONGEST_WAVE:.0f} seconds")
            except BaseExceptionGroup as group:
                self.trouble(number, f"a scenario failed: {_innermost(group)!r}")
        found = await server.ask({"judge": playing.jobs, "sent": log.sent, "received": log.received})
        self._add(number, wave, found, requests=log.requests, began=began)

    async def _large(self, place: Place, log: WireLog) -> PackCloudClient:
        """Return the client that outlives the waves; it is another one only if the server had to move."""
        if self._client is None or place != self._place:
            await self.close()
            self._place = place
            # Its policies are those of the first wave, also where a later one is played alone.
            first = Wave.of(self.seed, 0, jobs=self.jobs_in_a_wave)
            self._client = open_client(place, first, log, connections=CONNECTIONS, renews=True)
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
            self.found.totals[name] += found[name]
        self.found.totals["requests"] += requests
        self.found.outcomes.update(found["outcomes"])
        self.found.faults.update(found["faults"])
        sample = meter.look(self.age, quiet=True)
        self.found.samples.append(sample)
        self.found.waves.append(
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


async def soak(
    *, minutes: float, seed: int, wave: int | None = None, waves: int | None = None, jobs: int = 200
) -> Found:
    """Play waves until the time is up or there were so many, or one wave alone."""
    random.seed(seed)
    async with serving() as server:
        # How long the other process takes to start says nothing of this one: time and samples begin here.
        soaking = Soak(seed, jobs)
        found = soaking.found
        looking = asyncio.create_task(soaking.look_every_second())
        try:
            number = 0 if wave is None else wave
            while True:
                await soaking.play(server, number)
                number += 1
                if wave is not None or soaking.age >= 60 * minutes or len(found.waves) == waves:
                    break
            await soaking.close()
        finally:
            looking.cancel()
            await asyncio.wait([looking])
    found.age = soaking.age
    if wave is None:
        found.troubles += [f"seed {seed}: {trouble}" for trouble in meter.troubles(found.samples)]
    return found


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Soak, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=positive, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wave", type=int, help="play this wave alone")
    parser.add_argument("--waves", type=counting, help="end after so many waves, though there is time left")
    parser.add_argument("--jobs", type=counting, default=200, help="about so many in a wave")
    parser.add_argument("--json", type=Path, help="write everything that was noted into this file")
    parser.add_argument("--save", action="store_true", help="write to benchmarks/results.json")
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
