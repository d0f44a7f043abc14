"""The emulator's process of a soak, as the client's process sees it."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from attrs import define

from benchmarks.results import ROOT
from benchmarks.soaking.server import LINE


@define
class Server:
    """The other process."""

    _process: asyncio.subprocess.Process

    async def ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for one thing, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """Wait for the next line it writes."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the emulator's process has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    """Run the emulator's process while the block runs, which begins when it stands."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.soaking.server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        limit=LINE,
    )
    server = Server(process)
    try:
        await server.answer()
        yield server
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
