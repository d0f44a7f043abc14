"""Commands run in this process, or in one of their own, against an emulator served by a thread."""

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from attrs import frozen

from packcloud_async.__main__ import main
from packcloud_async.emulator import Distribution, Emulator, FaultPlan, SyncTimes

SYNC_TIMES = SyncTimes(median=0.3, spread=0.2, distribution=Distribution.UNIFORM)


@frozen
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@frozen
class World:
    """An emulator, and where it is served."""

    emulator: Emulator
    base_url: str

    @property
    def environment(self):
        return {"PACKCLOUD_BASE_URL": self.base_url, "PACKCLOUD_TOKEN": self.emulator.token}


@contextmanager
def serving(emulator):
    """Serve an emulator by a thread, so that commands of this process can be run against it."""
    loops, stop, ready = [], asyncio.Event(), threading.Event()

    async def serve():
        async with emulator.serve() as served:
            loops.append((asyncio.get_running_loop(), served.base_url))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(10)
    loop, base_url = loops[0]
    try:
        yield World(emulator, base_url)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture(scope="module")
def served():
    """What the tests of one file do to it, those of another do not meet."""
    with serving(Emulator(organizations=2, integrations=3, sync_times=SYNC_TIMES)) as world:
        yield world


@pytest.fixture
def world(served, monkeypatch):
    """The served emulator, without faults, as the environment of commands."""
    for name, value in served.environment.items():
        monkeypatch.setenv(name, value)
    served.emulator.set_faults(FaultPlan())
    return served


@pytest.fixture
def packcloud(capsys, monkeypatch):
    """Run a command in this process."""

    def run(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(arguments)
        return Ended(code, *capsys.readouterr())

    monkeypatch.delenv("PACKCLOUD_ROUTES", raising=False)
    return run


@pytest.fixture
def heeded_interrupts():
    """A test run started in the background ignores SIGINT, and so would its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def start(heeded_interrupts):
    """Start a command in a process of its own; what is left of it at the end is killed."""
    started = []

    def run(*arguments, **options):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-W", "error::ResourceWarning", "-m", "packcloud_async", *arguments]
        process = subprocess.Popen(command, text=True, **{**pipes, **options})
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def ended(process, timeout=20):
    out, err = process.communicate(timeout=timeout)
    return Ended(process.returncode, out, err)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert "PACKCLOUD_TOKEN" not in os.environ
