"""Runs any part of the tests with canaries for tokens, and searches what they show.

    pytest -p tests.secrets.canary_plugin

The token of the emulator, and of every test module that has one, is a canary. Every log record at DEBUG, every
warning, everything that a test reads back of stdout and stderr, of itself or of a process it started, and every error
of a call or a ``pytest.raises`` is searched, with the locals of all frames that are not of the tests. What is found
fails the run. Not for the tests beside this file, which show canaries on purpose.
"""

import logging
import subprocess
import traceback
from collections import Counter

import pytest
from _pytest.capture import CaptureFixture
from _pytest.logging import LogCaptureHandler
from _pytest.raises import RaisesExc

import packcloud_async
from packcloud_async._io.pipeline import Pipeline
from packcloud_async.emulator import Emulator

from ..io import connecting
from . import canaries, showing

TOKEN = f"canary.{canaries.TOKEN_WORD}"
OURS = (packcloud_async.PackCloudError, packcloud_async.ForeignError)

OFTEN_ENOUGH = 5

searched: Counter[str] = Counter()
seen_at: Counter[object] = Counter()
leaked: list[str] = []


def search(what, seen):
    searched[what] += 1
    leaked.extend(canaries.leaks(seen))


def search_error(where, error):
    if error is None:
        return
    # A stress test fails thousands of times at the same place: the first few are looked at.
    place = (type(error), *(frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)))
    seen_at[place] += 1
    if seen_at[place] > OFTEN_ENOUGH:
        return
    # What a test raises by itself is its own, as what a caller's auth object raises is the caller's.
    own = [link for link in showing.chain_of(error) if not isinstance(link, OURS) and _is_of_the_tests(link)]
    search("errors", showing.errors(where, error, but=own))


def _is_of_the_tests(error):
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or trace.tb_frame.f_code.co_filename.startswith(showing.TESTS)


class Searching(logging.Handler):
    def emit(self, record):
        search("log records", showing.records(f"log record of {record.name}", [record]))


def search_output(name, *texts):
    for text in texts:
        # The emulator's command prints the token that opens it, and nothing but it.
        if text and "export PACKCLOUD_TOKEN=" not in (text if isinstance(text, str) else text.decode("latin-1")):
            search("outputs", [canaries.Seen(name, text)])


def pytest_configure(config):
    connecting.TOKEN = TOKEN
    Emulator.__init__.__kwdefaults__["token"] = TOKEN
    handler, root = Searching(logging.DEBUG), logging.getLogger()
    root.addHandler(handler)
    logging.getLogger("packcloud_async").setLevel(logging.DEBUG)
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    call, leave, emit = Pipeline.call, RaisesExc.__exit__, LogCaptureHandler.emit
    read, communicate = CaptureFixture.readouterr, subprocess.Popen.communicate

    def captured(self, record):
        # What only this plugin lets through is not for the tests, which count records.
        return emit(self, record) if record.levelno >= (self.level or root.level) else None

    async def searched_call(self, *arguments, **options):
        try:
            return await call(self, *arguments, **options)
        except BaseException as error:
            search_error("call", error)
            raise

    def searched_leave(self, kind, error, trace):
        if isinstance(error, OURS):
            search_error("raised", error)
        return leave(self, kind, error, trace)

    def searched_read(self):
        result = read(self)
        search_output("output", *result)
        return result

    def searched_communicate(self, *arguments, **options):
        result = communicate(self, *arguments, **options)
        search_output("output of a process", *result)
        return result

    patch.setattr(LogCaptureHandler, "emit", captured)
    patch.setattr(Pipeline, "call", searched_call)
    patch.setattr(RaisesExc, "__exit__", searched_leave)
    patch.setattr(CaptureFixture, "readouterr", searched_read)
    patch.setattr(subprocess.Popen, "communicate", searched_communicate)


def pytest_collection_modifyitems(items):
    for item in items:
        if isinstance(getattr(item.module, "TOKEN", None), str):
            item.module.TOKEN = TOKEN


def pytest_warning_recorded(warning_message):
    search("warnings", [canaries.Seen("warning", str(warning_message.message))])


def pytest_runtest_logreport(report):
    if report.passed:
        search_output(report.nodeid, report.capstdout, report.capstderr)


def pytest_sessionfinish(session, exitstatus):
    if leaked and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    terminalreporter.section("canaries")
    told = ", ".join(f"{count} {what}" for what, count in sorted(searched.items()))
    terminalreporter.line(f"searched: {told or 'nothing'}; found: {len(leaked)}")
    for leak in dict.fromkeys(leaked):
        terminalreporter.line(leak)
