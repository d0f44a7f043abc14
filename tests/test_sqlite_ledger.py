"""What a SqliteLedger does with its file and its thread; what every ledger promises is in test_ledger."""

import asyncio
import os
import re
import sqlite3
import stat
from contextlib import aclosing, closing, suppress

import pytest

from packcloud_async import LedgerBusy, LedgerError, SqliteLedger, SyncKind, TargetRecord, read_ledger

from .support.ledgers import INT_1, ORG_1, ORG_2, RUN, files_in, make, token_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, links and pipes of POSIX")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


async def refusal(path):
    with pytest.raises(LedgerError) as caught:
        await SqliteLedger(path).open()
    assert str(caught.value).startswith(f"ledger {path}: ")
    return str(caught.value)


async def test_every_file_is_for_its_owner_only_and_the_lock_alone_stays_beside_it(path, tmp_path):
    before = os.umask(0)
    try:
        ledger = SqliteLedger(path)
        await ledger.open()
        assert {item.name: stat.S_IMODE(item.stat().st_mode) for item in tmp_path.iterdir()} == {
            f"run.sqlite{suffix}": 0o600 for suffix in ("", "-wal", "-shm", ".lock")
        }
        await ledger.aclose()
    finally:
        os.umask(before)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["run.sqlite", "run.sqlite.lock"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
async def test_a_ledger_that_others_can_open_is_used_with_a_warning(path, caplog, mode):
    await make(path)
    path.chmod(mode)
    async with aclosing(SqliteLedger(path)) as ledger:
        assert await ledger.open() == RUN
    (warning,) = caplog.records
    assert (warning.name, warning.levelname) == ("packcloud_async", "WARNING")
    assert f"{path} is open to other users (mode {mode:04o})" in warning.getMessage()


def patched(path, offset, value):
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(content)


def sql(*statements):
    def spoil(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return spoil


UNSOUND = {
    "newer": (lambda path: patched(path, 60, (2).to_bytes(4, "big")), "of format 2, and this release reads format 1"),
    "of no format": (lambda path: patched(path, 60, bytes(4)), "its header is damaged"),
    "cut short": (lambda path: os.truncate(path, 9000), "malformed"),
    "with a bad page": (lambda path: patched(path, 4096 * 2, b"\x99" * 4096), "damaged|malformed"),
    "with other tables": (sql("ALTER TABLE job RENAME COLUMN token TO toke"), "changed by another program"),
    "with a trigger": (
        sql("CREATE TRIGGER t AFTER INSERT ON job BEGIN DELETE FROM job; END"),
        "changed by another program",
    ),
    "with an unreadable run": (sql("UPDATE run SET document = '{}'"), r"the record of the run is damaged \(KeyError\)"),
}


@pytest.mark.parametrize(("spoil", "why"), UNSOUND.values(), ids=UNSOUND)
async def test_an_unsound_or_newer_ledger_is_refused_and_left_untouched(path, tmp_path, spoil, why):
    await make(path, targets=50)
    spoil(path)
    before = files_in(tmp_path)
    assert re.search(why, await refusal(path))
    assert files_in(tmp_path) == before


@pytest.mark.parametrize("name", ["run", "target", "holder"])
async def test_an_unsound_ledger_is_refused_to_a_reader_too(path, tmp_path, name):
    await make(path)
    sql(
        "INSERT OR REPLACE INTO holder VALUES (1, 7, 'box', 'soon')"
        if name == "holder"
        else f"UPDATE {name} SET document = '[1]'"
    )(path)
    before = files_in(tmp_path)
    with pytest.raises(LedgerError, match=f"the record of (the|a) {name} is damaged"):
        read_all(path)
    assert files_in(tmp_path) == before


def read_all(path):
    with read_ledger(path) as contents:
        return list(contents.targets())


FOREIGN = {
    "a text": (lambda path: path.write_text("hello" * 100), "not an SQLite database"),
    "a short text": (lambda path: path.write_text("SQLite format 3"), "not an SQLite database"),
    "a database": (
        sql("PRAGMA journal_mode = WAL", "CREATE TABLE mine (x)"),
        "an SQLite database of another application",
    ),
}


@pytest.mark.parametrize(("write", "why"), FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_file_is_refused_and_left_alone_in_its_folder(path, tmp_path, write, why):
    write(path)
    before = files_in(tmp_path)
    told = await refusal(path)
    assert why in told
    with pytest.raises(LedgerError) as caught:
        read_all(path)
    assert str(caught.value) == told
    assert files_in(tmp_path) == before
    assert [item.name for item in tmp_path.iterdir()] == ["run.sqlite"]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
@pytest.mark.parametrize("empty", [True, False])
async def test_no_new_ledger_is_made_beside_what_is_left_of_another(path, tmp_path, suffix, empty):
    if empty:
        path.touch()
    (tmp_path / f"run.sqlite{suffix}").write_bytes(b"records")
    before = files_in(tmp_path)
    assert f"run.sqlite{suffix} is there" in await refusal(path)
    assert files_in(tmp_path) == before


async def test_an_empty_file_becomes_a_ledger(path):
    path.touch()
    await make(path)
    with read_ledger(path) as contents:
        assert contents.counts.listed == 1


async def test_a_folder_or_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in await refusal(tmp_path / "pipe")
    assert "not a regular file" in await refusal(tmp_path)
    assert "there is no folder" in await refusal(tmp_path / "no" / "run.sqlite")


async def test_one_ledger_has_one_claim_whatever_links_lead_to_it(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    async with aclosing(SqliteLedger(tmp_path / "link")) as ledger:
        await ledger.open()
        with pytest.raises(LedgerBusy):
            await SqliteLedger(path).open()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["link", "run.sqlite", "run.sqlite.lock"]


@pytest.mark.parametrize(("survives", "level"), [(True, 2), (False, 1)])
async def test_a_power_cut_is_survived_unless_asked_otherwise(path, survives, level):
    ledger = SqliteLedger(path, survives_power_cut=survives)
    await ledger.open()
    connection = ledger._held.store._connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    await ledger.aclose()
    assert SqliteLedger(path)._survives_power_cut is True


@pytest.mark.sockets
async def test_the_loop_goes_on_while_many_share_each_commit(path):
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.begin(RUN)
    turns, over = 0, asyncio.Event()

    async def watch_the_loop():
        nonlocal turns
        while not over.is_set():
            turns += 1
            await asyncio.sleep(0)

    async def work(job):
        for token in ("sent", "accepted", "done"):
            ledger.record(job, token, finished=token == "done")
            await ledger.flush()

    async with asyncio.TaskGroup() as group:
        group.create_task(watch_the_loop())
        numbers = ledger.add_targets([ORG_1])
        jobs = ledger.add_jobs(numbers[0], [INT_1] * 200)
        async with asyncio.TaskGroup() as workers:
            for job in jobs:
                workers.create_task(work(job))
        over.set()
    assert ledger.commits < 30
    assert turns > ledger.commits
    ledger.finish()
    await ledger.aclose()
    with read_ledger(path) as contents:
        assert (contents.counts.finished, contents.counts.unfinished) == (200, 0)


@pytest.mark.sockets
async def test_a_reader_sees_one_moment_while_the_run_goes_on(path):
    await make(path)
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
        with read_ledger(path) as contents:
            ledger.record(1, token_of("int_1"))
            ledger.add_targets([ORG_2])
            await ledger.flush()
            (seen,) = contents.targets()
            assert seen.jobs[0].token == "planned 1"
        with read_ledger(path) as contents:
            first, second = contents.targets()
            assert set(first.jobs[0].kinds) == set(SyncKind)
            assert (second.target, second.jobs) == (ORG_2, ())
            assert (contents.is_held, contents.holder.pid) == (True, os.getpid())


@pytest.mark.sockets
@pytest.mark.parametrize("milliseconds", range(0, 12, 2))
async def test_whoever_is_cancelled_while_it_opens_holds_nothing(path, milliseconds):
    ledger = SqliteLedger(path)
    opening = asyncio.create_task(ledger.open())
    await asyncio.sleep(milliseconds / 1000)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    # It may have been open before.
    await ledger.aclose()
    async with aclosing(SqliteLedger(path)) as another:
        await another.open()


@pytest.mark.sockets
async def test_a_close_that_is_cancelled_writes_and_releases_all_the_same(path):
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.begin(RUN)
    ledger.add_targets([ORG_1] * 1000)
    closing_task = asyncio.create_task(ledger.aclose())
    await asyncio.sleep(0)
    closing_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing_task
    with read_ledger(path) as contents:
        assert (contents.is_held, contents.counts.waiting) == (False, 1000)


@pytest.mark.sockets
async def test_whoever_is_cancelled_in_a_flush_leaves_the_others_waiting(path):
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.begin(RUN)
    flushes = [asyncio.create_task(ledger.flush()) for _ in range(3)]
    await asyncio.sleep(0)
    flushes[1].cancel()
    answers = await asyncio.gather(*flushes, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), asyncio.CancelledError, type(None)]
    await ledger.aclose()


async def test_a_full_disk_is_told_with_the_way_out_and_takes_back_half_a_batch(path):
    await make(path)
    ledger = SqliteLedger(path)
    await ledger.open()
    connection = ledger._held.store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    ledger.record(1, "done", finished=True)
    ledger.add_targets([TargetRecord("x" * 1000)] * 100)
    with pytest.raises(LedgerError, match=f"^ledger {path}: database or disk is full; make room, then resume$"):
        await ledger.flush()
    with pytest.raises(LedgerError, match="full"):
        await ledger.aclose()
    async with aclosing(SqliteLedger(path)) as again:
        await again.open()
        (found,) = await again.unfinished()
    assert found.jobs[0].token == "planned 1"


async def test_a_value_no_database_can_hold_breaks_the_ledger_and_not_the_program(path):
    await make(path)
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.record(1, "\ud800")
    with pytest.raises(LedgerError, match=f"ledger {path}"):
        await ledger.flush()
    with pytest.raises(LedgerError):
        await ledger.aclose()
    with read_ledger(path) as contents:
        assert contents.is_held is False


async def test_a_fault_of_the_program_breaks_the_ledger_for_good(path):
    await make(path)
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.add_targets([TargetRecord(SqliteLedger)])
    with pytest.raises(LedgerError, match="unexpected"):
        await ledger.flush()
    with pytest.raises(LedgerError):
        ledger.record(1, "sent")
    with pytest.raises(LedgerError, match="unexpected"):
        await ledger.aclose()
    with read_ledger(path) as contents:
        assert (contents.is_held, contents.counts.waiting) == (False, 0)


def test_a_ledger_says_where_it_is_and_whether_it_is_open(path):
    ledger = SqliteLedger(path)
    assert (repr(ledger), ledger.path, ledger.commits) == (f"<SqliteLedger {path}>", path, 0)
