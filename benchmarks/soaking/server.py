"""The emulator of a soak in a process of its own: one line of JSON in, one out.

``{"open": number, "seed": ..., "jobs": ...}`` serves the emulator of that wave and answers with its address, the same
port for every wave as long as nobody else takes it. ``{"judge": [...], ...}`` ends the wave, holds what the client
reported against the books, and answers with the verdict. A first line out, ``{}``, says that orders are read now. The
end of the input ends the process.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from attrs import asdict, define, field

from benchmarks.soaking.cases import Evidence
from benchmarks.soaking.meter import memory_of
from benchmarks.soaking.plan import Wave
from benchmarks.soaking.told import Job, by_key
from benchmarks.soaking.truth import Truth
from packcloud_async.emulator import Emulator, Served

LINE = 256 * 1024 * 1024


@define
class Judge:
    """Serves one wave at a time."""

    _port: int = 0
    _wave: Wave | None = None
    _emulator: Emulator | None = None
    _serving: AsyncExitStack = field(factory=AsyncExitStack)

    async def open(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Begin a wave."""
        self._wave = Wave.of(order["seed"], order["open"], jobs=order["jobs"])
        self._emulator = self._wave.emulator()
        served = await self._serve(self._emulator)
        self._port = int(served.base_url.rpartition(":")[2])
        return {"base_url": served.base_url, "token": self._emulator.token}

    async def _serve(self, emulator: Emulator) -> Served:
        try:
            return await self._serving.enter_async_context(emulator.serve(port=self._port))
        except OSError:
            return await self._serving.enter_async_context(emulator.serve())

    async def judge(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        """End the wave."""
        await self._serving.aclose()
        wave, emulator = self._wave, self._emulator
        assert wave is not None
        assert emulator is not None
        evidence = Evidence(
            books=emulator.books,
            log=emulator.log,
            sent=by_key(found["sent"]),
            received={int(number): tuple(times) for number, times in found["received"].items()},
            zero=emulator.began_at or 0.0,
            deadline=wave.poll.deadline or 0.0,
        )
        truth = Truth(evidence, [f"int_{number}" for number in range(1, wave.integrations + 1)])
        verdict = truth.judge(map(Job.from_json, found["judge"]))
        counters = emulator.counters
        told = {"requests": counters.total, "faults": dict(counters.faults), "memory": memory_of(os.getpid())}
        self._emulator = None
        return {**asdict(verdict), **told, "connections": counters.peak_connections}


async def main() -> None:
    """Answer until the input ends."""
    judge, lines = Judge(), asyncio.StreamReader(limit=LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("{}", flush=True)
    while line := await lines.readline():
        order = json.loads(line)
        answer = await (judge.open(order) if "open" in order else judge.judge(order))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
