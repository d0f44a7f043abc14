"""packcloud sync --ledger and packcloud resume, against a served emulator."""

import asyncio
import json
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from packcloud_async import LedgerError, Outcome, SqliteLedger, SyncKind, TargetRecord, read_ledger
from packcloud_async._io.ledger_discarding import discard_finished
from packcloud_async.emulator import Emulator, FaultPlan

from ..support.ledgers import RUN
from .conftest import SYNC_TIMES, ended, serving

pytestmark = pytest.mark.sockets
ORDERS = SyncKind.ORDERS


@pytest.fixture
def served():
    """One for each test: what a run that was killed had begun goes on."""
    with serving(Emulator(organizations=2, integrations=3, sync_times=SYNC_TIMES)) as world:
        yield world


@pytest.fixture
def file(tmp_path):
    return str(tmp_path / "run.sqlite")


def posts(world):
    return sum(count for (method, _), count in world.emulator.counters.calls.items() if method == "POST")


@pytest.fixture
def cut_off(world, start, file):
    """Begin a run of org_1 and end it by a signal, before int_1 has moved; that moves as soon as the run has ended."""

    def run(how=signal.SIGKILL, *, moves=True):
        # Later than any machine is busy.
        world.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(600, None)])
        process = start("sync", "org_1", "--kind", "orders", "--ledger", file, "--json")
        assert process.stdout.readline()
        process.send_signal(how)
        result = ended(process)
        if moves:
            world.emulator.set_watermark("org_1", "int_1", ORDERS, "2031-01-01T00:00:00Z")
        return result

    return run


def unfinished(file):
    with read_ledger(file) as contents:
        (target,) = contents.targets()
        return {job.integration_id for job in target.jobs if not job.finished}


def outcomes(file):
    with read_ledger(file) as contents:
        return {job.kinds[ORDERS].state for target in contents.targets() for job in target.jobs}


def test_a_killed_run_is_resumed_without_a_second_post(world, packcloud, cut_off, file):
    before = posts(world)
    assert cut_off().code == -signal.SIGKILL
    left = unfinished(file)
    assert "int_1" in left
    result = packcloud("resume", file, "--json")
    assert (result.code, result.err) == (0, "")
    results = [json.loads(line) for line in result.out.splitlines()]
    assert {item["integration"]: item["kinds"]["orders"]["state"] for item in results} == dict.fromkeys(
        left, "advanced"
    )
    assert posts(world) == before + 3
    assert outcomes(file) == {Outcome.ADVANCED}


def test_quietly_resumed_it_writes_failures_alone(world, packcloud, cut_off, file):
    cut_off()
    ended = packcloud("resume", file, "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    refused = packcloud("resume", file, "--quiet", "--json")
    assert (refused.code, "give --json or --quiet, not both" in refused.err) == (2, True)


def test_an_interrupted_run_says_how_to_go_on_and_does(world, packcloud, cut_off, file):
    before = posts(world)
    result = cut_off(signal.SIGINT)
    assert result.code == 130
    assert result.err == (
        f"Interrupted. The syncs that were started go on at the server; packcloud resume {file} goes on with the run.\n"
    )
    left = unfinished(file)
    assert "int_1" in left
    result = packcloud("resume", file)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    told = {line.partition("  ")[0].removeprefix("org_1/") for line in lines if line.startswith("org_1/")}
    assert told == left
    assert lines[-1].startswith(f"{len(left)} integration")
    assert posts(world) == before + 3
    assert outcomes(file) == {Outcome.ADVANCED}


def test_a_finished_ledger_is_neither_resumed_nor_used_again(world, packcloud, file):
    arguments = ["sync", "org_1", "--kind", "stocks", "--ledger", file]
    assert packcloud(*arguments).code == 0
    before = posts(world)
    result = packcloud(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"Error: ledger {file}: it holds a finished run already: packcloud ledger show {file} lists it, "
        "and a new run needs a new file, or --force\n"
    )
    result = packcloud("resume", file)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"Error: ledger {file}: there is nothing to resume: "
        f"its run is finished; packcloud ledger show {file} lists it\n"
    )
    assert posts(world) == before


def test_a_finished_ledger_gives_way_to_a_new_run_when_that_is_asked_for(world, packcloud, file):
    assert packcloud("sync", "org_1", "--kind", "stocks", "--ledger", file).code == 0
    assert packcloud("sync", "org_2", "--kind", "stocks", "--ledger", file, "--force").code == 0
    shown = packcloud("ledger", "show", file).out
    assert "org_2" in shown
    assert "org_1" not in shown


@pytest.mark.parametrize("options", [[], ["--integration", "int_1"]], ids=["all", "one"])
def test_force_makes_a_ledger_where_none_is(world, packcloud, file, options):
    assert packcloud("sync", "org_1", *options, "--kind", "stocks", "--ledger", file, "--force").code == 0


def test_force_throws_away_no_unfinished_run(world, packcloud, cut_off, file):
    cut_off()
    before, content = posts(world), Path(file).read_bytes()
    result = packcloud("sync", "org_2", "--kind", "stocks", "--ledger", file, "--force")
    assert (result.code, result.out) == (2, "")
    assert "it holds an unfinished run already" in result.err
    assert (posts(world), Path(file).read_bytes()) == (before, content)


def test_force_throws_away_no_file_that_is_no_ledger(world, packcloud, file):
    Path(file).write_text("the only copy of something")
    before = posts(world)
    result = packcloud("sync", "org_1", "--kind", "stocks", "--ledger", file, "--force")
    assert (result.code, result.out) == (1, "")
    assert "not a ledger" in result.err
    assert posts(world) == before
    assert Path(file).read_text() == "the only copy of something"


def test_a_finished_ledger_that_was_discarded_halfway_is_no_unfinished_one(file, monkeypatch):
    path = Path(file)

    async def finish():
        ledger = SqliteLedger(path)
        await ledger.open()
        ledger.begin(RUN)
        (target,) = ledger.add_targets([TargetRecord("org_1")])
        ledger.target_failed(target, "NotFound 404")
        ledger.finish()
        await ledger.flush()
        # What SQLite has not moved into the file yet, as after a kill.
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{path}{suffix}", f"{path}{suffix}.kept")
        await ledger.aclose()

    asyncio.run(finish())
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}.kept").rename(f"{path}{suffix}")
    unlink, removed = Path.unlink, []

    def break_off(self, missing_ok=False):
        if removed:
            raise KeyboardInterrupt
        removed.append(self)
        unlink(self, missing_ok=missing_ok)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", break_off)
        with pytest.raises(KeyboardInterrupt):
            discard_finished(path)
    with pytest.raises(LedgerError, match="missing or empty, but run.sqlite-wal is there"), read_ledger(path):
        pass


def test_force_is_about_a_ledger(world, packcloud):
    result = packcloud("sync", "org_1", "--kind", "stocks", "--force")
    assert result.code == 2
    assert "--force is about --ledger FILE" in result.err


def test_an_unfinished_ledger_is_not_used_for_another_run(world, packcloud, cut_off, file):
    cut_off()
    before = posts(world)
    result = packcloud("sync", "org_2", "--kind", "stocks", "--ledger", file)
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"Error: ledger {file}: it holds an unfinished run already: packcloud resume {file} goes on with it, "
        "and a new run needs a new file\n"
    )
    assert posts(world) == before


def test_a_ledger_that_another_process_holds_is_refused_with_its_name(world, packcloud, start, file):
    world.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[])
    process = start("sync", "org_1", "--kind", "orders", "--ledger", file, "--json")
    assert process.stdout.readline()
    before = posts(world)
    for arguments in (["resume", file], ["sync", "org_2", "--kind", "stocks", "--ledger", file]):
        result = packcloud(*arguments)
        assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
        assert result.err.startswith(f"Error: ledger {file}: held by process {process.pid} on ")
    assert posts(world) == before
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130


def test_a_failed_kind_of_a_resumed_run_is_exit_code_1(world, packcloud, cut_off, file):
    cut_off(moves=False)
    world.emulator.set_faults(FaultPlan(routes={"integration", "integrations"}, methods={"GET"}, script=[401] * 50))
    result = packcloud("resume", file, "--json")
    assert (result.code, result.err.count("\n")) == (1, len(result.out.splitlines()))
    assert "org_1/int_1: orders unread: " in result.err
    assert "[check PACKCLOUD_TOKEN]" in result.err


def foreign(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (id)")


def damaged(path):
    asyncio.run(made(path))
    with open(path, "r+b") as ledger:
        ledger.seek(4096)
        ledger.write(b"\xff" * 4096)


def without_a_run(path):
    asyncio.run(made(path))


async def made(path):
    ledger = SqliteLedger(path)
    await ledger.open()
    await ledger.aclose()


def empty(path):
    with open(path, "x"):
        pass


def text(path):
    with open(path, "x") as file:
        file.write("orders, products\n" * 100)


@pytest.mark.parametrize(
    ("make", "code", "told"),
    [
        (None, 2, "does not exist"),
        (empty, 2, "there is nothing to resume: the file is empty"),
        (without_a_run, 2, "there is nothing to resume: no run was begun in it"),
        (text, 1, "not a ledger, and not an SQLite database; move it away, or choose another path"),
        (foreign, 1, "an SQLite database of another application"),
        (damaged, 1, "database disk image is malformed; restore a copy, or move it away"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_cannot_be_resumed_is_told_and_left_as_it_is(world, packcloud, file, make, code, told):
    if make is not None:
        make(file)
    before = posts(world)
    held = read(file)
    result = packcloud("resume", file)
    assert (result.code, result.out) == (code, "")
    assert told in result.err
    assert file in result.err
    assert read(file) == held
    if code == 1:
        result = packcloud("sync", "org_1", "--kind", "stocks", "--ledger", file)
        assert (result.code, result.out) == (1, "")
        assert told in result.err
        assert read(file) == held
    assert posts(world) == before


def read(file):
    try:
        with open(file, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def test_a_ledger_that_cannot_be_made_ends_the_command_before_anything_is_sent(world, packcloud, tmp_path):
    before = world.emulator.counters.total
    result = packcloud("sync", "org_1", "--kind", "stocks", "--ledger", str(tmp_path / "nowhere" / "run.sqlite"))
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert f"there is no folder {tmp_path / 'nowhere'}" in result.err
    assert world.emulator.counters.total == before


def test_an_unusable_id_leaves_no_ledger(world, packcloud, tmp_path, file):
    assert packcloud("sync", "..", "--kind", "stocks", "--ledger", file).code == 2
    assert list(tmp_path.iterdir()) == []
