"""The process of one caller: ``python -m benchmarks.behaving.caller MODULE:NAME TASK WANTED``, the last one as JSON.

What the caller was told goes to standard output, a line of JSON; whatever is logged, on every level, to standard error.
Runs on the interpreters of generated clients too.
"""

import asyncio
import importlib
import json
import logging
import sys
from dataclasses import asdict
from inspect import isawaitable
from typing import Any

from benchmarks.behaving.loop import TASKS, Told, Wanted, told_of


async def called(place: str, task: str, wanted: Wanted) -> Told:
    """Do the task by the client that ``place`` names; ``module:tasks`` has tasks of its own."""
    module, _, name = place.partition(":")
    found: Any = importlib.import_module(module)
    try:
        if name == "tasks":
            told: Any = found.TASKS[task](wanted)
            return await told if isawaitable(told) else told  # type: ignore[no-any-return]
        async with getattr(found, name)(wanted) as client:
            return await TASKS[task](client, wanted)
    except Exception as error:  # noqa: BLE001 - whatever is raised is what the caller was told
        return told_of(error)


def main() -> None:
    """Do one task."""
    place, task, wanted = sys.argv[1:]
    logging.basicConfig(level=logging.DEBUG if task == "print" else logging.CRITICAL, stream=sys.stderr)
    print(json.dumps(asdict(asyncio.run(called(place, task, Wanted(**json.loads(wanted)))))), flush=True)


if __name__ == "__main__":
    main()
