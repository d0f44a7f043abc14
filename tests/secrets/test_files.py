"""Files are for their owner only from their first moment, and nothing that the user named is ever overwritten."""

import ast
import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import click
import pytest

import packcloud_async
from packcloud_async import LedgerError, SqliteLedger, read_ledger
from packcloud_async.__main__ import main
from packcloud_async._io import ledger_claim, ledger_file
from packcloud_async.cli.app import packcloud

from ..support.ledgers import RUN, files_in, make

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


@pytest.fixture(params=[0, 0o022, 0o077, 0o277, 0o777], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder):
    return {item.name: stat.S_IMODE(item.lstat().st_mode) for item in folder.iterdir()}


async def test_the_files_of_a_ledger_are_for_their_owner_whatever_the_umask(umask, path, tmp_path):
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.begin(RUN)
    await ledger.flush()
    assert modes(tmp_path) == {f"run.sqlite{suffix}": 0o600 for suffix in ("", "-wal", "-shm", ".lock")}
    await ledger.aclose()
    assert modes(tmp_path) == {"run.sqlite": 0o600, "run.sqlite.lock": 0o600}


async def test_there_is_no_moment_in_which_they_are_open_to_others(umask, path, monkeypatch):
    """SQLite makes no file whose mode would come from the umask: each is there, for its owner, before it is opened."""
    seen = []
    connect = sqlite3.connect

    def watched(name, **options):
        file = Path(str(name).removeprefix("file://").partition("?")[0])
        seen.append((file.name, stat.S_IMODE(file.lstat().st_mode)))
        return connect(name, **options)

    for module in (ledger_file, ledger_claim):
        monkeypatch.setattr(module.sqlite3, "connect", watched)
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
    assert len(seen) >= 3
    assert {mode for _, mode in seen} == {0o600}


async def test_a_new_file_is_exclusive_and_for_its_owner_when_it_is_made(umask, path, monkeypatch):
    made = []
    opened = os.open

    def watched(name, flags, mode=0o777, **options):
        if flags & os.O_CREAT:
            made.append((flags & (os.O_EXCL | os.O_NOFOLLOW), mode))
        return opened(name, flags, mode, **options)

    monkeypatch.setattr(os, "open", watched)
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
    assert made == [(os.O_EXCL | os.O_NOFOLLOW, 0o600)] * 3


async def refused(path):
    with pytest.raises(LedgerError) as caught:
        await SqliteLedger(path).open()
    return str(caught.value)


FOREIGN = {
    "text": b"mine\n",
    "one byte": b"x",
    "another database": None,
    "a damaged ledger": b"SQLite format 3\0" + bytes(84),
    "a link to text": "link",
    "a script": b"#!/bin/sh\n",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("command", ["library", "sync", "resume", "show"])
def test_a_file_that_is_no_ledger_is_left_as_it_is(path, tmp_path, monkeypatch, capsys, content, command):
    if content is None:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE mine (x)")
        connection.close()
    elif content == "link":
        (tmp_path / "mine.txt").write_bytes(b"mine")
        path.symlink_to("mine.txt")
    else:
        path.write_bytes(content)
    before = files_in(tmp_path)
    if command == "library":
        assert str(path.resolve()) in asyncio.run(refused(path))
    else:
        monkeypatch.setenv("PACKCLOUD_TOKEN", "t")
        monkeypatch.setenv("PACKCLOUD_BASE_URL", "http://127.0.0.1:9")
        arguments = {
            "sync": ["sync", "org_1", "--kind", "orders", "--ledger", str(path)],
            "resume": ["resume", str(path)],
            "show": ["ledger", "show", str(path)],
        }
        assert main(arguments[command]) != 0
        assert str(path.resolve()) in capsys.readouterr().err
    assert files_in(tmp_path) == before


async def test_what_somebody_puts_there_meanwhile_stays(path, monkeypatch):
    """The name is free when it is looked at, and taken when the new ledger is moved there."""
    write_empty = ledger_file._write_empty

    def interfere(name):
        write_empty(name)
        path.write_bytes(b"mine")

    monkeypatch.setattr(ledger_file, "_write_empty", interfere)
    assert "somebody put another file there meanwhile" in await refused(path)
    assert path.read_bytes() == b"mine"
    assert sorted(item.name for item in path.parent.iterdir()) == ["run.sqlite", "run.sqlite.lock"]


async def test_a_link_put_there_meanwhile_stays_and_is_not_followed(path, tmp_path, monkeypatch):
    write_empty = ledger_file._write_empty

    def interfere(name):
        write_empty(name)
        path.symlink_to(tmp_path / "elsewhere")

    monkeypatch.setattr(ledger_file, "_write_empty", interfere)
    assert "somebody put another file there meanwhile" in await refused(path)
    assert path.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


async def test_an_empty_file_becomes_a_ledger_for_its_owner_only(path, tmp_path):
    path.touch(mode=0o666)
    path.chmod(0o666)
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
        assert modes(tmp_path)["run.sqlite"] == 0o600


async def test_a_lock_that_is_a_link_is_refused(path, tmp_path):
    victim = tmp_path / "victim"
    for exists in (False, True):
        if exists:
            victim.write_bytes(b"")
            victim.chmod(0o644)
        (tmp_path / "run.sqlite.lock").unlink(missing_ok=True)
        (tmp_path / "run.sqlite.lock").symlink_to(victim)
        assert "run.sqlite.lock beside it is a link" in await refused(path)
        assert victim.exists() == exists
        assert not path.exists()
    assert stat.S_IMODE(victim.stat().st_mode) == 0o644


@pytest.mark.parametrize("others", [1, 2], ids=["the link", "what it leads to"])
async def test_a_link_of_another_user_is_not_followed_to_make_a_ledger(path, tmp_path, monkeypatch, others):
    first, second = tmp_path / "first", tmp_path / "second"
    first.symlink_to("second")
    second.symlink_to(path)
    lstat = Path.lstat

    def owned_by_another(item):
        status = list(lstat(item))
        if item.name == {1: "first", 2: "second"}[others]:
            status[4] += 1
        return os.stat_result(status)

    monkeypatch.setattr(Path, "lstat", owned_by_another)
    assert "a link of another user" in await refused(first)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["first", "second"]
    monkeypatch.undo()
    # One's own may lead wherever one likes, and whoever's may lead to a ledger that is there.
    await make(first)
    monkeypatch.setattr(Path, "lstat", owned_by_another)
    async with aclosing(SqliteLedger(first)) as ledger:
        assert await ledger.open() == RUN


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
async def test_a_ledger_open_to_others_warns(path, tmp_path, caplog, suffix, mode):
    keeper = SqliteLedger(path)
    await keeper.open()
    keeper.begin(RUN)
    await keeper.flush()
    for name in ("run.sqlite", "run.sqlite-wal", "run.sqlite-shm"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
        (tmp_path / f"copy-{name}").chmod(0o600)
    await keeper.aclose()
    copy = tmp_path / "copy-run.sqlite"
    (tmp_path / f"copy-run.sqlite{suffix}").chmod(mode)
    async with aclosing(SqliteLedger(copy)) as ledger:
        await ledger.open()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert f"{copy}{suffix} is open to other users (mode {mode:04o}): chmod 600" in warnings[0]


async def test_a_ledger_for_its_owner_does_not_warn(path, caplog):
    await make(path)
    async with aclosing(SqliteLedger(path)) as ledger:
        await ledger.open()
    assert caplog.records == []


@pytest.fixture
def open_ledger(path):
    command = "import asyncio, sys; from tests.support.ledgers import make; asyncio.run(make(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", command, path], check=True, cwd=Path(__file__).parent.parent.parent)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("command", [["ledger", "show"], ["resume"]], ids=" ".join)
def test_a_command_warns_of_it_on_one_line(open_ledger, monkeypatch, capsys, command):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "t")
    monkeypatch.setenv("PACKCLOUD_BASE_URL", "http://127.0.0.1:9")
    main([*command, str(open_ledger)])
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Warning: ")]
    assert warnings == [
        f"Warning: the ledger {open_ledger} is open to other users (mode 0644): chmod 600 it, and what is beside it"
    ]


def commands(group, names=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))
        else:
            yield (*names, name), command


ONLY_READ = {"config", "routes"}
"""Of every command that talks to a server."""


def test_no_other_option_of_a_command_names_a_file_to_write():
    """One that did would need ``--force`` to overwrite what is there."""
    found = {
        (" ".join(names), parameter.name, getattr(parameter.type, "mode", None))
        for names, command in commands(packcloud)
        for parameter in command.params
        if isinstance(parameter.type, click.Path | click.File) and parameter.name not in ONLY_READ
    }
    assert found == {
        ("sync", "ledger", None),
        ("sync", "listed", "rb"),
        ("fleet submit", "listed", "rb"),
        ("resume", "file", None),
        # What is there must be an earlier report: tests/cli/test_report.py.
        ("sync", "report_path", None),
        ("resume", "report_path", None),
        ("report", "output", None),
        ("report", "file", None),
        ("ledger show", "file", None),
        ("integrations create", "settings", "rb"),
        ("integrations update", "settings", "rb"),
        ("integrations run-action", "payload", "rb"),
        ("doctor", "routes_path", None),
        ("emulator", "data", None),
        # It has --force: tests/cli/test_emulator_command.py.
        ("emulator", "save", None),
    }


WRITING = {"write_text", "write_bytes", "touch", "mkdir", "replace", "rename", "symlink_to", "hardlink_to", "mkstemp"}


def test_nothing_else_in_the_package_writes_a_file():
    """Found by the source: what makes or overwrites files is where ledgers, routes, emulators and reports are."""
    found = set()
    package = Path(packcloud_async.__file__).parent
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            is_of_a_file = name in WRITING - {"replace"} or (name == "replace" and len(node.args) == 1)
            modes = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            is_open = name == "open" and any(set(mode) & set("wax+") and len(mode) <= 3 for mode in modes)
            if is_of_a_file or is_open or (name == "open" and "O_CREAT" in ast.unparse(node)):
                found.add((file.relative_to(package).as_posix(), name))
    # The emulator and the messages of outcomes replace in texts with two arguments; /dev/null is the last one.
    assert found == {
        ("_io/ledger_file.py", "mkstemp"),
        ("_io/ledger_file.py", "replace"),
        # Of a report, which is in the place of nothing else, and of an emulator's data.
        ("_io/whole_file.py", "mkstemp"),
        ("_io/whole_file.py", "replace"),
        ("cli/app.py", "open"),
        # The paths that answered, where --write says; what is there already only with --force.
        ("cli/doctor.py", "open"),
        ("cli/doctor.py", "replace"),
    }


def test_a_ledger_is_read_without_being_written(open_ledger, tmp_path):
    before = files_in(tmp_path)
    with read_ledger(open_ledger) as contents:
        assert contents.run == RUN
    assert files_in(tmp_path) == before
