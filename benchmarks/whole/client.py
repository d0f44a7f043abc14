"""The process in which one way is measured: ``python -m benchmarks.whole.client MODULE:WAY BASE_URL NUMBERS WARM_UP``.

What is to be synced comes as JSON on standard input, what came of it goes to standard output. ``WARM_UP`` is the base
URL of another server with organization ``org_1`` and integration ``int_1``, which are synced in the same way before
anything is measured: what is imported or compiled at first use counts for nobody. Runs on the interpreters of generated
clients too, and so imports nothing of this library.
"""

import asyncio
import gc
import importlib
import json
import sys
import time
from array import array
from pathlib import Path
from typing import Any

from benchmarks.measuring.cores import CLIENT_CORE, pin


async def run(way: Any, base_url: str, places: list[tuple[str, str]], numbers: dict[str, Any]) -> dict[str, Any]:
    """Run one way in this process; ``cpu`` (user and system) and ``wall`` are seconds, ``peak`` bytes."""
    gc.collect()
    cpu, wall = time.process_time(), time.monotonic()
    known = await way(base_url, places, numbers)
    cost = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall, "peak": peak()}
    said = {name: list(getattr(known, name).items()) for name in ("news", "told", "moved")}
    return {"cost": cost, **said, "seconds": of_seconds(known.seconds)}


async def warmed_up(
    way: Any, base_url: str, places: list[tuple[str, str]], numbers: dict[str, Any], warm_up: str
) -> dict[str, Any]:
    """Do it once on the other server, and then as it is measured."""
    # As many requests as somebody else sent are no warm-up.
    await way(warm_up, [("org_1", "int_1")], {name: value for name, value in numbers.items() if name != "reads"})
    return await run(way, base_url, places, numbers)


def of_seconds(seconds: "array[float]") -> dict[str, float] | None:
    """Return the one in the middle and the one that nineteen in twenty do not exceed, None if there is none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return {"median": ordered[len(ordered) // 2], "most": ordered[len(ordered) * 19 // 20]}


def peak() -> int:
    """Return the most bytes of memory this process held at once."""
    # Not ru_maxrss, which a child inherits from whoever started it.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024


def main() -> None:
    """Run on the client's core."""
    pin(CLIENT_CORE)
    place, base_url, numbers, warm_up = sys.argv[1:]
    module, _, name = place.partition(":")
    way = getattr(importlib.import_module(module), name)
    places = [(organization, integration) for organization, integration in json.load(sys.stdin)]
    print(json.dumps(asyncio.run(warmed_up(way, base_url, places, json.loads(numbers), warm_up))))


if __name__ == "__main__":
    main()
