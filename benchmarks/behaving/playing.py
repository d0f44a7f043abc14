"""Play a scene: an emulator on a loopback port, a caller in a process of its own, killed where the scene says so."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from benchmarks.behaving.judging import Played, Truth
from benchmarks.behaving.lists import Lists, serving_lists
from benchmarks.behaving.loop import Told
from benchmarks.behaving.scenes import POSTS, Killed, Scene
from benchmarks.measuring import cores
from benchmarks.measuring.rounds import Contestant
from benchmarks.results import ROOT
from packcloud_async import SyncKind
from packcloud_async.emulator import Emulator, FaultPlan

ORGANIZATION, INTEGRATION = "org_1", "int_1"
TOKEN = "canary-0123456789abcdef-token"
WRONG = "canary-of-a-token-nobody-issued"
EARLIER, AT = "2026-02-01T10:00:00Z", "2026-03-01T10:00:00Z"
SILENCE = 60.0
"""Seconds a connection stays silent: longer than anybody waits."""


@frozen(kw_only=True)
class Seconds:
    """What everybody is given, and how long a scene may take, starting its processes included."""

    every: float = 0.25
    timeout: float = 2.0
    deadline: float = 5.0
    limit: float = 25.0
    list_limit: float = 10.0


async def played(scene: Scene, caller: Contestant, seconds: Seconds = Seconds()) -> Played:
    """Play one scene with one caller."""
    if scene.lists is not None:
        async with serving_lists(scene.lists, token=TOKEN) as lists:
            return await _listed(scene, caller, lists, seconds)
    emulator = _emulator(scene)
    async with emulator.serve() as served:
        return await _synced(scene, caller, emulator, served.base_url, seconds)


def _emulator(scene: Scene) -> Emulator:
    emulator = Emulator(
        organizations=1,
        integrations=3,
        token=TOKEN,
        faults=[evolve(plan, silence=SILENCE) for plan in scene.faults] or FaultPlan(),
    )
    if scene.changed_before:
        for value in (EARLIER, AT):
            emulator.set_watermark(ORGANIZATION, INTEGRATION, SyncKind.ORDERS, value)
    moves = [] if scene.moves_after is None else [(scene.moves_after, AT)]
    emulator.plan_sync(ORGANIZATION, INTEGRATION, SyncKind.ORDERS, moves=moves)
    for _ in range(8):
        emulator.plan_sync(ORGANIZATION, INTEGRATION, SyncKind.ORDERS, moves=[])
    return emulator


async def _synced(scene: Scene, caller: Contestant, emulator: Emulator, base_url: str, seconds: Seconds) -> Played:
    told, leaks = None, ()
    with tempfile.TemporaryDirectory() as folder, suppress(TimeoutError):
        wanted = _wanted(scene, base_url, seconds, ledger=str(Path(folder) / "run.sqlite"))
        async with asyncio.timeout(seconds.limit):
            if scene.killed is not None:
                await _killed(scene, scene.killed, caller, wanted, emulator)
            told, leaks = await _called(scene, caller, wanted)
    truth = _truth(emulator, scene.id)
    return Played(told=told, truth=truth, seconds=_since(emulator.began_at), leaked=leaks)


def _truth(emulator: Emulator, integration: str) -> Truth:
    """Read the books, of the moment."""
    now = _since(emulator.began_at)
    return Truth(
        posts=sum(emulator.counters.calls["POST", route] for route in POSTS),
        started=len(emulator.books.runs),
        moved=bool(emulator.books.moves(ORGANIZATION, integration, SyncKind.ORDERS, until=now)),
        gone=(ORGANIZATION, integration) in emulator.books.removed,
    )


def _since(began_at: float | None) -> float:
    return 0.0 if began_at is None else asyncio.get_running_loop().time() - began_at


async def _listed(scene: Scene, caller: Contestant, lists: Lists, seconds: Seconds) -> Played:
    told, leaks = None, ()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds.list_limit):
            told, leaks = await _called(scene, caller, _wanted(scene, lists.base_url, seconds))
    truth, took = Truth(count=lists.count), _since(lists.began_at)
    return Played(told=told, truth=truth, seconds=took, leaked=leaks, strays=lists.strays)


def _wanted(scene: Scene, base_url: str, seconds: Seconds, *, ledger: str = "") -> dict[str, Any]:
    return {
        "base_url": base_url,
        "token": WRONG if scene.token_is_wrong else TOKEN,
        "organization": ORGANIZATION,
        "integration": scene.id,
        "every": seconds.every,
        "timeout": seconds.timeout,
        "deadline": seconds.deadline,
        "ledger": ledger,
    }


async def _killed(
    scene: Scene, killed: Killed, caller: Contestant, wanted: Mapping[str, Any], emulator: Emulator
) -> None:
    """Start the caller, kill it so long after its POST arrived, and wait."""
    async with _process(scene, caller, wanted) as process:
        while not emulator.books.runs:
            await asyncio.sleep(0.01)
            if process.returncode is not None:
                raise CallerDied(f"{caller.name}, {scene.name}: it ended before its POST arrived")
        await asyncio.sleep(killed.after)
    await asyncio.sleep(killed.again)


async def _called(scene: Scene, caller: Contestant, wanted: Mapping[str, Any]) -> tuple[Told, tuple[str, ...]]:
    async with _process(scene, caller, wanted) as process:
        output, log = await process.communicate()
    if process.returncode:
        raise CallerDied(f"{caller.name}, {scene.name}: status {process.returncode}\n{log.decode()}")
    return Told(**json.loads(output)), leaked(log.decode(), wanted["token"])


class CallerDied(Exception):
    """The process of a caller ended without an answer."""


def leaked(log: str, token: str) -> tuple[str, ...]:
    """Name the places in a log in which the token stands: what our own lines begin with, else the logging itself."""
    places: list[str] = []
    place = "log"
    for line in log.splitlines():
        if line.startswith("INFO:caller:"):
            place = line.removeprefix("INFO:caller:").partition(":")[0].split()[0]
        elif line.startswith(("DEBUG:", "INFO:", "WARNING:", "ERROR:")):
            place = "log"
        if token in line and place not in places:
            places.append(place)
    return tuple(places)


def _process(
    scene: Scene, caller: Contestant, wanted: Mapping[str, Any]
) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    command = (caller.python, "-m", "benchmarks.behaving.caller", caller.factory, scene.task, json.dumps(wanted))
    return _running(command, {} if caller.folder is None else {"PYTHONPATH": caller.folder})


@asynccontextmanager
async def _running(
    command: tuple[str, ...], environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process for as long as the block; it is killed at its end, whatever it does."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**cores.environment(), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # In a group of its own Ctrl-C does not reach it: it is ended here.
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
