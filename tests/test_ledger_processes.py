"""A SqliteLedger and other processes: who holds it, what a kill and a full disk leave of it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from packcloud_async import LedgerBusy, SqliteLedger, read_ledger

from .support.ledgers import ORG_2, RUN, files_in, make

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, modes and limits of POSIX")


def popen(*arguments):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, *map(str, arguments)], text=True, **pipes)


def run(code, *arguments):
    """Run a program to its end."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


HOLD = """
import asyncio, sys
from tests.support.ledgers import ORG_1, RUN
from packcloud_async import SqliteLedger

async def main():
    ledger = SqliteLedger(sys.argv[1])
    if await ledger.open() is None:
        ledger.begin(RUN)
    ledger.add_targets([ORG_1])
    await ledger.flush()
    print("ready", flush=True)
    sys.stdin.readline()
    await ledger.aclose()

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


@pytest.fixture
def holder(path):
    """A process that holds the ledger until it is told to close it, or killed."""
    process = popen("-c", HOLD, path)
    assert process.stdout.readline() == "ready\n", process.communicate()
    yield process
    process.kill()
    process.communicate()


async def test_a_second_process_is_refused_and_told_who_holds_it(path, holder):
    before = datetime.now(UTC)
    with pytest.raises(LedgerBusy) as caught:
        await SqliteLedger(path).open()
    busy = caught.value
    assert (busy.pid, busy.host) == (holder.pid, os.uname().nodename)
    assert abs((before - busy.since).total_seconds()) < 60
    assert f"held by process {holder.pid} on {busy.host}, since " in str(busy)


async def test_two_ledgers_in_one_process_exclude_each_other_and_a_third_process(path):
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
        for _ in range(2):
            with pytest.raises(LedgerBusy) as caught:
                await SqliteLedger(path).open()
            assert caught.value.pid == os.getpid()
            with read_ledger(path) as contents:
                assert contents.is_held
        refused = run(HOLD, path)
        assert f"LedgerBusy: ledger {path}: held by process {os.getpid()} on" in refused.stderr


PASS_BY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM target").fetchone()[0])
connection.close()
"""


async def test_looking_at_a_ledger_of_the_same_process_drops_no_lock_on_it(path):
    # Of a file that nobody has a lock on, the last SQLite to leave takes the -wal away.
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
        ledger.begin(RUN)
        ledger.add_targets([ORG_2])
        await ledger.flush()
        with pytest.raises(LedgerBusy):
            await SqliteLedger(path).open()
        with read_ledger(path) as contents:
            assert contents.counts.waiting == 1
        assert run(PASS_BY, path).stdout == "1\n"
        assert path.with_name("run.sqlite-wal").exists()


async def test_the_ledger_of_a_killed_process_is_taken_over(path, holder, caplog):
    caplog.set_level("INFO", "packcloud_async")
    holder.send_signal(signal.SIGKILL)
    holder.wait(10)
    assert path.with_name("run.sqlite-wal").stat().st_size > 0
    async with aclosing(SqliteLedger(path)) as ledger:
        assert await ledger.open() == RUN
        assert [target.number for target in await ledger.unfinished()] == [1]
    (told,) = caplog.records
    assert f"is taken over from process {holder.pid} on" in told.getMessage()


async def test_a_ledger_that_was_closed_is_opened_by_the_next_without_a_word(path, holder, caplog):
    caplog.set_level("INFO", "packcloud_async")
    holder.communicate("\n", timeout=10)
    async with aclosing(SqliteLedger(path)) as ledger:
        assert await ledger.open() == RUN
    assert caplog.records == []


KILLS = 10


async def test_what_was_flushed_survives_a_kill_and_the_numbers_go_on(path):
    """Each child adds two jobs a turn and says so when it is durable; it is killed at another instant each time."""
    durable = 0
    for kill in range(KILLS):
        process = popen("-m", "tests.support.ledgers", path, 1_000_000)
        said = [process.stdout.readline() for _ in range(1 + 7 * kill)]
        process.send_signal(signal.SIGKILL)
        # Not communicate(), which passes over what readline() has read ahead.
        said += process.stdout
        process.communicate()
        told = [int(line) for line in said if line.endswith("\n")]
        # Two jobs a turn, and the numbers of a child begin no earlier than after what was durable before it.
        assert told == list(range(told[0], told[0] + 2 * len(told), 2))
        assert told[0] > durable
        durable = told[-1]
        with read_ledger(path) as contents:
            jobs = [job for target in contents.targets() for job in target.jobs]
            assert not contents.is_held
            assert contents.holder.pid == process.pid
        assert [job.number for job in jobs] == list(range(1, len(jobs) + 1))
        assert len(jobs) >= durable
        assert int(jobs[0].token.removeprefix("last ")) == len(jobs)
        assert all(job.token.startswith("turn ") for job in jobs[1::2])
    ledger = SqliteLedger(path)
    assert await ledger.open() == RUN
    assert list(ledger.add_targets([ORG_2])) == [len(jobs) // 2 + 1]
    await ledger.aclose()


FULL = """
import asyncio, resource, sys
from tests.support.ledgers import write_forever
from packcloud_async import LedgerError
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    asyncio.run(write_forever(sys.argv[1], 1_000_000))
except LedgerError as error:
    sys.exit(f"LedgerError: {error}")
"""


async def test_a_disk_that_fills_up_ends_the_run_and_keeps_what_was_flushed(path):
    ended = run(FULL, path, 300_000)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"LedgerError: ledger {path}: ")
    assert "disk" in ended.stderr
    durable = int(ended.stdout.splitlines()[-1])
    assert durable > 10
    async with aclosing(SqliteLedger(path)) as ledger:
        assert await ledger.open() == RUN
        jobs = [job for target in await ledger.unfinished(limit=100_000) for job in target.jobs]
    assert len(jobs) >= durable


@pytest.mark.parametrize("exists", [True, False])
async def test_a_disk_that_is_full_is_told_when_the_ledger_is_opened(path, tmp_path, exists):
    if exists:
        await make(path)
    before = files_in(tmp_path)
    ended = run(FULL, path, 1000)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"LedgerError: ledger {path}: ")
    assert files_in(tmp_path).get("run.sqlite") == before.get("run.sqlite")


READ_ONLY = """
import asyncio, os, sys
from packcloud_async import LedgerError, SqliteLedger, read_ledger
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)
try:
    with read_ledger(sys.argv[1]) as contents:
        print(contents.counts.listed)
except LedgerError as error:
    print(error)
try:
    asyncio.run(SqliteLedger(sys.argv[1]).open())
except LedgerError as error:
    sys.exit(f"LedgerError: {error}")
"""


@pytest.fixture
def open_folder():
    """A folder that other users can enter, as they cannot enter those of pytest."""
    folder = Path(tempfile.mkdtemp()).resolve()
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("exists", [True, False])
async def test_a_folder_that_cannot_be_written_is_told_when_the_ledger_is_opened(open_folder, exists):
    path = open_folder / "run.sqlite"
    if exists:
        await make(path)
        path.chmod(0o644)
        (open_folder / "run.sqlite.lock").unlink()
    open_folder.chmod(0o555)
    before = files_in(open_folder)
    ended = run(READ_ONLY, path)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"LedgerError: ledger {path}: ")
    assert f"(the folder {open_folder} cannot be written)" in ended.stderr
    # It can be read all the same.
    assert ended.stdout == ("1\n" if exists else f"ledger {path}: there is none\n")
    assert files_in(open_folder) == before


async def test_reading_changes_nothing_and_leaves_no_file(path, tmp_path, holder):
    for end in (lambda: None, holder.kill):
        end()
        before = files_in(tmp_path)
        with read_ledger(path) as contents:
            assert contents.run == RUN
        after = files_in(tmp_path)
        # The index of -wal is locked by readers in the file itself.
        assert {**after, "run.sqlite-shm": None} == {**before, "run.sqlite-shm": None}
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
    before = files_in(tmp_path)
    with read_ledger(path) as contents:
        assert (contents.is_held, contents.holder) == (False, None)
    assert files_in(tmp_path) == before
