"""What one test leaves to the next is seen, and what it puts back is not."""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .left_behind import changes, state

ROOT = Path(__file__).parents[2]
LOGGER = logging.getLogger("packcloud_async")


def leave_a_level():
    LOGGER.setLevel(logging.DEBUG if LOGGER.level != logging.DEBUG else logging.INFO)


def leave_a_handler():
    LOGGER.addHandler(logging.StreamHandler())


def leave_it_disabled():
    LOGGER.disabled = True


def leave_a_variable():
    os.environ["LEFT"] = "behind"


def leave_a_folder():
    os.chdir("/")


def leave_a_handler_of_a_signal():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def leave_the_collector_off():
    gc.disable()


def leave_a_timeout():
    socket.setdefaulttimeout(5)


LEAVING = {
    leave_a_level: "the logger packcloud_async",
    leave_a_handler: "the logger packcloud_async",
    leave_it_disabled: "the logger packcloud_async",
    leave_a_variable: "the environment was {}, and is {'LEFT': 'behind'}",
    leave_a_folder: "the working directory",
    leave_a_handler_of_a_signal: "the handler of SIGTERM",
    leave_the_collector_off: "the collector",
    leave_a_timeout: "the timeout of sockets",
}


@pytest.fixture
def put_back(monkeypatch):
    level, handlers, disabled = LOGGER.level, list(LOGGER.handlers), LOGGER.disabled
    of_signal, timeout = signal.getsignal(signal.SIGTERM), socket.getdefaulttimeout()
    monkeypatch.chdir(".")
    monkeypatch.setenv("LEFT", "")
    monkeypatch.delenv("LEFT")
    yield
    LOGGER.setLevel(level)
    LOGGER.handlers, LOGGER.disabled = handlers, disabled
    signal.signal(signal.SIGTERM, of_signal)
    socket.setdefaulttimeout(timeout)
    gc.enable()


@pytest.mark.parametrize("leave", LEAVING, ids=lambda leave: leave.__name__)
def test_what_is_left_is_told(put_back, leave):
    before = state()
    leave()
    (told,) = changes(before, state())
    assert told.startswith(LEAVING[leave])


def test_nothing_is_told_of_what_is_put_back():
    before = state()
    os.environ["LEFT"] = "behind"
    del os.environ["LEFT"]
    logging.getLogger("a logger that was not there").setLevel(logging.DEBUG)
    assert changes(before, state()) == []


def test_a_test_that_leaves_something_fails(tmp_path):
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_it.py").write_text(
        "import logging\ndef test_first(): logging.getLogger('packcloud_async').setLevel(7)\ndef test_second(): pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed, 1 error" in done.stdout, done.stdout + done.stderr
    assert "ERROR" in done.stdout
    assert "the logger packcloud_async was (0," in done.stdout
