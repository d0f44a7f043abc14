"""What callers are told when something goes wrong, and what reached the server: the same troubles for everybody.

    python -m benchmarks.behaviour [--at-once 2] [--only NAME...] [--scenes 5]

Each scene is a fresh emulator on a loopback port and a caller in a process of its own. The callers have the same loop
around their client, `behaving/loop.py`: read, POST, read until it differs or the window ends. Each client is used as
its documentation shows, with the timeout and the retries it offers; one is aiohttp with every request tried again, as
one writes it with backoff. Two have no such loop: this library, and a program of cron that compares with what it read
the run before. All have the same seconds: 0.25 from read to read, 2 for a request, 5 for the window and from run to
run. What is true is read from the emulator's books. Two scenes kill the process; its program is started again. Scenes
are data, `behaving/scenes.py`, and so is what makes a word true, `behaving/judging.py`. Nothing is a matter of speed:
seconds are shown rounded, and nothing is compared by them.
"""

import argparse
import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import asdict

from benchmarks.arguments import counting
from benchmarks.behaving.judging import Played
from benchmarks.behaving.playing import Seconds, played
from benchmarks.behaving.scenes import LISTS, PRINTED, SYNCS, Scene
from benchmarks.behaving.showing import Row, Shown
from benchmarks.measuring.contestants import AIOHTTP, CORE, Missing, installed, of_peer
from benchmarks.measuring.rounds import Contestant, versions
from benchmarks.peers.making import OPENAPI_GENERATOR, OPENAPI_PYTHON_CLIENT, Made, NotMade, Peer, made
from benchmarks.results import FOLDER, save

QUICK = ("--scenes", "1")

OURS = "this library"
LOOP = "aiohttp by hand"
RETRIED = "aiohttp, every request retried"
HTTPX = "httpx + pydantic by hand"
CRON = "requests, by cron"
GENERATOR = "openapi-generator (aiohttp)"
PYTHON_CLIENT = "openapi-python-client (httpx)"
BY_HAND = (
    Contestant(OURS, "benchmarks.behaving.ours:tasks", packages=CORE),
    Contestant(LOOP, "benchmarks.behaving.by_hand:on_aiohttp", packages=AIOHTTP),
    Contestant(RETRIED, "benchmarks.behaving.by_hand:retried", packages=(*AIOHTTP, "backoff")),
    Contestant(HTTPX, "benchmarks.behaving.by_hand:on_httpx", packages=("httpx", "pydantic")),
    Contestant(CRON, "benchmarks.behaving.by_cron:tasks", packages=("requests", "urllib3")),
)
GENERATED = (
    (GENERATOR, "benchmarks.behaving.generated:openapi_generator", OPENAPI_GENERATOR),
    (PYTHON_CLIENT, "benchmarks.behaving.generated:openapi_python_client", OPENAPI_PYTHON_CLIENT),
)
NAMES = (*(one.name for one in BY_HAND), *(name for name, _, _ in GENERATED))


def callers(names: Sequence[str], make: Callable[[Peer], Made | NotMade] = made) -> list[Contestant | Missing]:
    """Return who calls, or why somebody cannot."""
    return [
        *(installed(one) for one in BY_HAND if one.name in names),
        *(of_peer(name, factory, (), make(peer)) for name, factory, peer in GENERATED if name in names),
    ]


async def played_by_all(
    scenes: Sequence[Scene], everybody: Sequence[Contestant], seconds: Seconds, *, at_once: int
) -> Mapping[Scene, Row]:
    """Play every scene with everybody, so many at a time."""
    limit = asyncio.Semaphore(at_once)

    async def one(scene: Scene, caller: Contestant) -> None:
        async with limit:
            found[scene][caller.name] = await played(scene, caller, seconds)
            print(f"{scene.name}: {caller.name}", flush=True)

    found: dict[Scene, dict[str, Played]] = {scene: {} for scene in scenes}
    async with asyncio.TaskGroup() as group:
        for scene in scenes:
            for caller in everybody:
                group.create_task(one(scene, caller))
    return {scene: {caller.name: row[caller.name] for caller in everybody} for scene, row in found.items()}


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> None:
    """Play everything, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", type=counting, default=2, help="callers that run side by side")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, metavar="NAME", help="some of the callers")
    parser.add_argument("--scenes", type=counting, help="the first so many of the scenes with syncs, and of the lists")
    options = parser.parse_args(arguments)
    everybody = callers(options.only)
    there = [one for one in everybody if isinstance(one, Contestant)]
    missing = [f"{one.name}, {one.reason}" for one in everybody if isinstance(one, Missing)]
    if not there:
        parser.error(f"none of them can be run here: {'; '.join(missing)}")
    seconds, syncs, lists = Seconds(), SYNCS[: options.scenes], LISTS[: options.scenes]
    found = asyncio.run(played_by_all((*syncs, *lists, PRINTED), there, seconds, at_once=options.at_once))
    shown = Shown(
        OURS,
        {scene: found[scene] for scene in syncs},
        {scene: found[scene] for scene in lists},
        found[PRINTED],
        missing,
    )
    save(
        "behaviour",
        shown.tables(),
        figures=list(shown.figures()),
        folder=folder,
        seconds=asdict(seconds),
        at_once=options.at_once,
        versions={one.name: versions(one) for one in there},
    )


if __name__ == "__main__":
    main()
