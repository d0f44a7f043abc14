"""The process of one contestant: ``python -m benchmarks.measuring.worker MODULE:FACTORY ARGUMENT...``.

The factory is called with the arguments, all texts, and returns an async context manager that gives ``ask()``: one
operation, awaited. Each line on standard input is a :class:`Task` as JSON, and each is answered by one :class:`Sample`.
Garbage is collected before a task and as usual within it.
"""

import asyncio
import gc
import importlib
import json
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from attrs import asdict

from benchmarks.measuring import cores
from benchmarks.measuring.samples import Sample, Task

Ask: TypeAlias = Callable[[], Awaitable[object]]
Factory: TypeAlias = Callable[..., AbstractAsyncContextManager[Ask]]


async def serve(factory: Factory, arguments: list[str]) -> None:
    """Do every task that is asked for, with one contestant."""
    async with factory(*arguments) as ask:
        for line in sys.stdin:
            print(json.dumps(asdict(await measured(ask, Task(**json.loads(line))))), flush=True)


async def measured(ask: Ask, task: Task) -> Sample:
    """Ask over and over, so many at a time, for so many seconds."""
    gc.collect()
    counts = [0] * task.in_flight
    wall, cpu = time.perf_counter(), time.process_time()
    until = wall + task.seconds

    async def over_and_over(number: int) -> None:
        # Once at least, however late the machine lets it begin.
        while True:
            await ask()
            counts[number] += 1
            if time.perf_counter() >= until:
                break

    async with asyncio.TaskGroup() as group:
        for number in range(task.in_flight):
            group.create_task(over_and_over(number))
    return Sample(operations=sum(counts), cpu=time.process_time() - cpu, wall=time.perf_counter() - wall)


def found(place: str) -> Factory:
    """Return the factory that ``module:name`` names."""
    module, _, name = place.partition(":")
    factory: Factory = getattr(importlib.import_module(module), name)
    return factory


def main() -> None:
    """Run on the client's core, on asyncio's own loop unless there is ``--uvloop``, ``--without=`` some modules."""
    # Ctrl-C reaches every process; whoever started this one ends it by closing its input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores.pin(cores.CLIENT_CORE)
    arguments = sys.argv[1:]
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    while arguments[0].startswith("--"):
        option = arguments.pop(0)
        if option == "--uvloop":
            import uvloop  # noqa: PLC0415 - only then

            loop_factory = uvloop.new_event_loop
        else:
            # An entry of None makes the import fail as if the module were not installed.
            sys.modules[option.removeprefix("--without=")] = None  # type: ignore[assignment]
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(serve(found(arguments[0]), arguments[1:]))


if __name__ == "__main__":
    main()
