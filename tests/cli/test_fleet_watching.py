"""What packcloud fleet tells whoever watches over it: its runs, whether anybody works, and a database that is away."""

import json
import logging
import os
import re
import signal
import tempfile
import time
from pathlib import Path

import pytest

from packcloud_async.cli import fleet_check
from packcloud_async.cli.failures import warnings_on_stderr
from packcloud_async.cli.fleet_running import run_with_fleet
from packcloud_async.emulator import FaultPlan
from packcloud_async.errors import LedgerError

from .conftest import Ended, ended
from .terminal import on_a_terminal, read_until

pytestmark = pytest.mark.sockets

ConnectorException = pytest.importorskip("procrastinate", reason="the extra fleet").exceptions.ConnectorException
LOUD = ("procrastinate.worker", "procrastinate.worker.worker", "procrastinate.utils", "asyncio")

NAME = "nightly-of-all-the-shops-2026-11-26"


@pytest.fixture
def database(fleet_database, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_DATABASE", fleet_database)
    return fleet_database


def read_up_to(process, line):
    """Read what a process tells up to a line that it must tell."""
    told = []
    while not told or not re.fullmatch(line, told[-1]):
        told.append(process.stderr.readline())
        assert told[-1], told
    return told


def test_a_narrow_terminal_cuts_no_name_of_a_run(world, database, packcloud):
    made_up = packcloud("fleet", "submit", "org_1", "--kinds", "orders,stocks,shipping_services").out.strip()
    packcloud("fleet", "submit", "org_1", "--all-kinds", "--run-id", NAME)
    packcloud("fleet", "cancel", NAME)
    process, terminal = on_a_terminal("fleet", "status")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", read_until(terminal, None))
    process.wait()
    os.close(terminal)
    lines = shown.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in shown
    assert any(re.search(rf"^ {made_up} .* under way", line) for line in lines)
    assert any(re.search(rf"^ {NAME[:26]} .*all .*cancelled", line) for line in lines)
    # Elsewhere a line is a line.
    assert f" {NAME} " in packcloud("fleet", "status").out


def test_an_error_of_a_run_is_told_as_what_it_is(world, database, packcloud, start):
    world.emulator.set_faults(FaultPlan(routes={"sync_stocks"}, script=[422]))
    start("fleet", "worker", "--silent-for", "3")
    told = packcloud("fleet", "submit", "org_1", "--integration", "int_1", "--kind", "stocks", "--wait")
    assert told.code == 1
    assert "recorded in the run: ValidationFailed 422" in told.out
    told = packcloud("fleet", "submit", "org_77", "--kind", "stocks", "--wait")
    assert told.err == "Error: org_77: recorded in the run: NotFound 404\n"


def test_whether_anybody_works_is_told_to_a_monitor(world, database, packcloud, start):
    packcloud("fleet", "submit", "org_1", "org_2", "--kind", "orders")
    nobody = packcloud("fleet", "check")
    assert nobody.code == 1
    assert " ".join(nobody.out.split()) == (
        "0 workers at work, 1 run under way: 2 organizations not begun, 0 integrations in flight."
    )
    assert "no worker gave a sign of life in the last 30 seconds; packcloud fleet worker starts one" in nobody.err
    process = start("fleet", "worker", "--silent-for", "3")
    while json.loads((told := packcloud("fleet", "check", "--json", "--silent-for", "3")).out)["workers"] == 0:
        pass
    assert (told.code, told.err) == (0, "")
    assert set(json.loads(told.out)) == {
        "workers",
        "runs",
        "organizations_waiting",
        "integrations_in_flight",
        "paused_for",
    }
    process.terminate()
    assert ended(process).code == 0
    gone = packcloud("fleet", "check", "--json")
    assert (gone.code, json.loads(gone.out)["workers"]) == (1, 0)


def test_who_waits_where_nobody_works_is_told_so(world, database, packcloud, start, monkeypatch):
    monkeypatch.setattr(fleet_check, "HINT_AFTER", 0.0)
    process = start("fleet", "submit", "org_1", "--kind", "stocks", "--wait", "--run-id", "nightly")
    assert process.stderr.readline() == (
        "Warning: nobody is at work on this database: packcloud fleet worker starts one\n"
    )
    start("fleet", "worker", "--silent-for", "3")
    told = ended(process)
    assert (told.code, told.err) == (0, "")


def test_a_worker_tells_of_an_absence_of_its_database_once(world, database, postgres, start):
    process = start("fleet", "worker", "--silent-for", "3")
    assert "Working for <Fleet" in process.stdout.readline()
    with postgres.away():
        away = r"Warning: database \S+ cannot be reached, or has no connection to spare: waiting since [\d:]{8} UTC\n"
        told = read_up_to(process, away)
    told += read_up_to(process, r"Warning: database \S+ is there again: working on since [\d:]{8} UTC\n")
    process.terminate()
    stopped = ended(process)
    assert stopped.code == 0
    # The worker has a word of its own for an engine that broke.
    told += stopped.err.splitlines(keepends=True)
    assert all(line.startswith("Warning: ") for line in told)
    assert len(told) == len(set(told)) <= 4


@pytest.mark.parametrize("command", [["worker"], ["check"]], ids=" ".join)
def test_a_worker_that_cannot_work_does_not_say_that_it_does(world, postgres, packcloud, command):
    told = packcloud("fleet", *command, "--database", postgres.database())
    assert (told.code, told.out) == (1, "")
    assert "packcloud fleet init" in told.err


@pytest.mark.parametrize("silence", ["2.9", "nan", "inf", "-5", "soon"])
@pytest.mark.parametrize("command", ["worker", "check"])
def test_a_silence_that_is_none_is_refused_by_its_name(world, database, packcloud, command, silence):
    told = packcloud("fleet", command, "--silent-for", silence)
    assert (told.code, told.out) == (2, "")
    assert "Invalid value for '--silent-for'" in told.err


@pytest.mark.parametrize("command", ["submit", "status", "results", "cancel", "forget", "check"])
def test_what_sends_nothing_takes_no_address(packcloud, command):
    shown = packcloud("fleet", command, "--help").out
    assert "--base-url" not in shown
    assert "--routes" not in shown
    assert "--verbose" in shown


@pytest.mark.parametrize("error", [LedgerError("database x: this user may not do that there"), ConnectorException()])
def test_what_the_engine_writes_of_a_database_that_is_away_has_no_traceback(database, capsys, caplog, error):
    async def act(_):
        for name in LOUD:
            try:
                raise error
            except type(error):
                logging.getLogger(name).exception("Job ended with status: Error")

    with warnings_on_stderr():
        run_with_fleet(database, act)
    told = {LedgerError: f"Warning: {error}\n", ConnectorException: ""}[type(error)]
    assert capsys.readouterr().err == told
    assert {record.name for record in caplog.records} <= {"packcloud_async"}


def test_a_fault_of_the_program_is_shown_whole(database, caplog):
    async def act(_):
        for name in LOUD:
            logging.getLogger(name).error("Job ended with status: Error", exc_info=ZeroDivisionError())

    run_with_fleet(database, act)
    assert len(caplog.records) == len(LOUD)


@pytest.mark.parametrize("is_over", [False, True])
def test_the_demonstration_takes_no_database_that_others_use(world, database, packcloud, is_over):
    packcloud("fleet", "submit", "org_1", "--kind", "orders", "--run-id", "theirs")
    if is_over:
        packcloud("fleet", "cancel", "theirs")
    told = packcloud("fleet", "demo", "--database", database)
    assert (told.code, told.out) == (1, "")
    assert told.err == "Error: the demonstration needs a database without runs and workers\n"
    assert [json.loads(line)["run"] for line in packcloud("fleet", "status", "--json").out.splitlines()] == ["theirs"]


def test_the_demonstration_leaves_a_database_as_it_found_it(database, packcloud):
    told = packcloud("fleet", "demo", "--organizations", "3", "--integrations", "1", "--database", database)
    assert told.code == 0, told
    assert packcloud("fleet", "status", "--json") == Ended(0, "", "")


@pytest.fixture
def short_folder():
    with tempfile.TemporaryDirectory(prefix="packcloud-test-", dir="/tmp") as name:
        folder = Path(name)
        # Its server may run as another user, who has to come through.
        folder.chmod(0o711)
        yield folder


def test_a_long_name_of_the_folder_for_temporary_files_is_in_no_way(start, tmp_path, monkeypatch):
    long = tmp_path / ("long" * 20)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    told = ended(start("fleet", "demo", "--organizations", "3", "--integrations", "1"), timeout=60)
    assert told.code == 0, told.err
    assert list(long.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "killed_by"),
    [
        ("The emulator's books", 0),
        ("Starting a PostgreSQL", signal.SIGTERM),
        ("Starting a PostgreSQL", signal.SIGKILL),
        ("Run ", signal.SIGHUP),
    ],
)
def test_a_demonstration_leaves_nothing_behind_however_it_ends(start, short_folder, monkeypatch, line, killed_by):
    monkeypatch.setenv("TMPDIR", str(short_folder))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    few = ("--organizations", "3", "--integrations", "1")
    process = start("fleet", "demo", *few, start_new_session=True)
    while not process.stdout.readline().startswith(line):
        assert process.poll() is None
    while line.startswith("Starting") and not list(short_folder.glob("packcloud-*/data")):
        time.sleep(0.01)
    os.killpg(process.pid, killed_by)
    assert ended(process).code == -killed_by
    deadline = time.monotonic() + 15
    while (left := list(short_folder.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
