"""Whose Ctrl-C it is, and what the second one ends, whatever runs at that moment."""

import asyncio
import os
import pty
import signal
import subprocess
import sys

import pytest

from packcloud_async.cli.app import run as command_line
from packcloud_async.cli.failures import Interrupted
from packcloud_async.cli.interrupts import handler_kept
from packcloud_async.cli.running import run

from .terminal import read_until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGINT")
TWICE = """
async def main():
    signal.raise_signal(signal.SIGINT)
    try:
        await asyncio.sleep(10)
    finally:
        signal.raise_signal(signal.SIGINT)
"""
WHILE_THE_LOOP_IS_CLOSED = """
async def left_behind():
    try:
        await asyncio.sleep(10)
    finally:
        signal.raise_signal(signal.SIGINT)
async def main():
    global task
    task = asyncio.create_task(left_behind())
    await asyncio.sleep(0)
"""
WHILE_IT_IS_TOLD = """
async def main():
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(10)
def run(main, when_interrupted, run=run):
    try:
        run(main, when_interrupted=when_interrupted)
    finally:
        signal.raise_signal(signal.SIGINT)
"""


async def where_it_is_seen():
    return signal.getsignal(signal.SIGINT)


async def interrupted():
    signal.raise_signal(signal.SIGINT)
    await asyncio.sleep(10)


def test_it_is_handed_back_at_the_end(heeded_interrupts):
    assert run(where_it_is_seen()) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_is_handed_back_by_the_command_line_when_one_came(heeded_interrupts):
    with handler_kept(), pytest.raises(Interrupted, match=r"^Interrupted\.$"):
        run(interrupted())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert command_line(["--version"]) == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "a caller's own"])
def test_one_that_is_in_use_is_left_alone(heeded_interrupts, handler):
    signal.signal(signal.SIGINT, handler)
    assert run(where_it_is_seen()) is handler
    assert signal.getsignal(signal.SIGINT) is handler


def test_one_that_came_before_the_first_step_is_heeded(heeded_interrupts, monkeypatch):
    def new_event_loop(made=asyncio.new_event_loop):
        signal.raise_signal(signal.SIGINT)
        return made()

    monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
    with handler_kept(), pytest.raises(Interrupted):
        run(asyncio.sleep(10))


@pytest.mark.parametrize(
    "main", [TWICE, WHILE_THE_LOOP_IS_CLOSED, WHILE_IT_IS_TOLD], ids=["twice", "loop closed", "told"]
)
def test_the_process_ends_at_once_in_one_line(heeded_interrupts, main):
    code = f"import asyncio, signal\nfrom packcloud_async.cli.running import run\n{main}\n"
    code += "run(main(), when_interrupted='Interrupted. K\\u00e4se\\x1b[31m goes on.')\nprint('not reached')"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=20)
    assert (process.returncode, process.stdout) == (130, b"")
    assert process.stderr.decode() == "Interrupted. Käse[31m goes on.\n"


def test_on_a_terminal_the_cursor_is_shown_again():
    ours, theirs = pty.openpty()
    code = "from packcloud_async.cli.interrupts import Interrupts\n"
    code += "late = Interrupts(lambda: 'Interrupted.')\nlate.over()\nlate.heed(2, None)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    shown = read_until(ours, None)
    os.close(ours)
    assert process.wait(20) == 130
    assert shown == "\x1b[?25h\r\nInterrupted.\r\n"
