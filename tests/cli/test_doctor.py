"""packcloud doctor, against a served emulator whose paths are elsewhere."""

import asyncio
import json
import os
import signal
import socket
import ssl
import stat
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from packcloud_async import Routes
from packcloud_async.cli import doctor as command
from packcloud_async.emulator import PATHS, Emulator, FaultPlan

from .conftest import ended, serving
from .terminal import on_a_terminal, read_until
from .test_examining import MOVED

pytestmark = pytest.mark.sockets

DOCTOR = ("doctor", "--organization", "org_1")


@pytest.fixture(scope="module")
def moved():
    with serving(Emulator(organizations=1, integrations=30, paths=MOVED)) as world:
        yield world


@pytest.fixture
def elsewhere(moved, monkeypatch):
    """An emulator with other paths, as the environment of commands."""
    for name, value in moved.environment.items():
        monkeypatch.setenv(name, value)
    moved.emulator.set_faults(FaultPlan())
    return moved


def test_where_all_is_well_the_exit_code_is_0(world, packcloud):
    result = packcloud(*DOCTOR)
    assert (result.code, result.err) == (0, "")
    assert "route.sync_orders             ok" in result.out
    assert result.out.splitlines()[-1] == "19 ok, 2 note, 0 wrong, 0 unknown."


def test_what_is_elsewhere_is_found_written_and_from_then_on_used(packcloud, monkeypatch, tmp_path):
    file = tmp_path / "routes.toml"
    with serving(Emulator(paths=MOVED)) as elsewhere:
        for name, value in elsewhere.environment.items():
            monkeypatch.setenv(name, value)
        found = packcloud(*DOCTOR, "--write", str(file))
        assert (found.code, found.err) == (1, "")
        assert ".../orders/sync answered 404, but .../sync-orders answered 405 (Allow: POST)" in found.out
        assert f"Wrote 10 paths to {file}; use them with: export PACKCLOUD_ROUTES={file}" in found.out
        assert Routes.from_toml(file.read_text()) == Routes(**{**PATHS, **MOVED})

        monkeypatch.setenv("PACKCLOUD_ROUTES", str(file))
        assert packcloud(*DOCTOR).code == 0
        assert {method for method, _ in elsewhere.emulator.counters.calls} == {"GET"}
        assert packcloud("sync", "org_1", "--integration", "int_1", "--kind", "stocks").code == 0
        assert elsewhere.emulator.counters.calls["POST", "sync_stocks"] == 1


def test_what_to_copy_stands_on_a_line_of_its_own_where_it_would_be_wrapped(
    elsewhere, packcloud, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert packcloud(*DOCTOR, "--write", "routes.toml").out.splitlines()[-2:] == [
        "Wrote 10 paths to routes.toml; use them with:",
        "export PACKCLOUD_ROUTES=routes.toml",
    ]


def test_json_is_one_object_and_nothing_else(elsewhere, packcloud, tmp_path):
    result = packcloud(*DOCTOR, "--json", "--write", str(tmp_path / "routes.toml"))
    assert (result.code, result.err, result.out.count("\n")) == (1, "", 1)
    found = json.loads(result.out)
    assert (found["ok"], found["organization"], found["integration"]) == (False, "org_1", "int_1")
    assert found["routes"] == {**PATHS, **MOVED}
    assert {check["mark"] for check in found["checks"]} == {"ok", "note", "wrong"}
    (look,) = [look for look in found["looks"] if look["template"] == MOVED["sync_orders"]]
    assert (look["route"], look["status"], look["allow"], look["standing"]) == ("sync_orders", 405, ["POST"], "there")


def test_what_is_written_counts_more_than_a_wrong_path_in_the_configuration(world, packcloud, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("packcloud.toml").write_text(f'[routes]\nsync_orders = "{MOVED["sync_orders"]}"')
    assert packcloud(*DOCTOR, "--write", "routes.toml").code == 1
    monkeypatch.setenv("PACKCLOUD_ROUTES", "routes.toml")
    assert packcloud(*DOCTOR).code == 0


def test_a_file_that_exists_is_refused_before_anything_is_sent(elsewhere, packcloud, tmp_path):
    file = tmp_path / "routes.toml"
    file.write_text("mine")
    before = elsewhere.emulator.counters.total
    result = packcloud(*DOCTOR, "--write", str(file))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert "give --force to write it anew" in result.err
    assert (file.read_text(), elsewhere.emulator.counters.total) == ("mine", before)


def test_a_file_that_exists_is_written_anew_with_force(elsewhere, packcloud, tmp_path):
    file = tmp_path / "routes.toml"
    file.write_text("mine")
    assert packcloud(*DOCTOR, "--write", str(file), "--force").code == 1
    assert Routes.from_toml(file.read_text()).settings == MOVED["settings"]
    assert os.listdir(tmp_path) == ["routes.toml"]
    assert stat.S_IMODE(file.stat().st_mode) & 0o400


def test_a_file_that_comes_up_meanwhile_is_not_overwritten(elsewhere, packcloud, tmp_path, monkeypatch):
    file = tmp_path / "routes.toml"
    monkeypatch.setattr(command, "_check_writable", lambda path, *, force: path.write_text("theirs"))
    result = packcloud(*DOCTOR, "--write", str(file))
    assert (result.code, file.read_text()) == (1, "theirs")
    assert "cannot be written: File exists" in result.err


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(elsewhere, packcloud, tmp_path, monkeypatch):
    file = tmp_path / "routes.toml"
    file.write_text("mine")

    def full(path, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    result = packcloud(*DOCTOR, "--write", str(file), "--force")
    assert (result.code, file.read_text(), os.listdir(tmp_path)) == (1, "mine", ["routes.toml"])
    assert "No space left on device" in result.err


@pytest.mark.parametrize("options", [[], ["--force"]], ids=["new", "anew"])
def test_a_full_disk_leaves_nothing_half_written(elsewhere, packcloud, tmp_path, options):
    resource = pytest.importorskip("resource", reason="a disk is made full by a limit on files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        result = packcloud(*DOCTOR, "--write", str(tmp_path / "routes.toml"), *options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (result.code, os.listdir(tmp_path)) == (1, [])
    assert "routes.toml cannot be written: File too large" in result.err


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
def test_what_is_no_file_is_not_replaced(elsewhere, packcloud, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.symlink("elsewhere", tmp_path / "link")
    before = elsewhere.emulator.counters.total
    for name in ("pipe", "link"):
        result = packcloud(*DOCTOR, "--write", str(tmp_path / name), "--force")
        told = f"Error: {tmp_path / name} is no file that can be written anew: give another name\n"
        assert (result.code, result.out, result.err) == (2, "", told)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]
    assert elsewhere.emulator.counters.total == before


def test_a_folder_without_the_right_to_write_is_told_before_anything_is_sent(
    elsewhere, packcloud, tmp_path, monkeypatch
):
    # Asked by name, for whoever runs the tests may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    before = elsewhere.emulator.counters.total
    result = packcloud(*DOCTOR, "--write", str(tmp_path / "routes.toml"))
    assert (result.code, f"you may make no file in {tmp_path}" in result.err) == (2, True)
    assert elsewhere.emulator.counters.total == before


def test_the_line_to_paste_is_one_word_for_a_shell(elsewhere, packcloud, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "export PACKCLOUD_ROUTES='a b;c.toml'" in packcloud(*DOCTOR, "--write", "a b;c.toml").out


def test_the_deadline_that_is_given_is_kept(elsewhere, packcloud):
    elsewhere.emulator.set_faults(FaultPlan(latency=30.0))
    result = packcloud(*DOCTOR, "--deadline", "0.3", "--json")
    first, *_ = json.loads(result.out)["checks"]
    assert (result.code, first["mark"]) == (1, "wrong")
    assert first["sentence"].endswith(" gave no answer (the time was up).")


def test_without_any_path_that_answered_nothing_is_written(elsewhere, packcloud, tmp_path):
    file = tmp_path / "routes.toml"
    result = packcloud("doctor", "--organization", "org_99", "--write", str(file))
    assert (result.code, file.exists()) == (1, False)
    assert "was not written: no path answered as it should" in result.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["doctor"], "Missing option '--organization'"),
        ([*DOCTOR, "--force"], "--force goes with --write"),
        ([*DOCTOR, "--write", "/nowhere/routes.toml"], "there is no directory /nowhere"),
        ([*DOCTOR, "--write", "/"], "is a directory"),
        ([*DOCTOR, "--deadline", "0"], "--deadline"),
        ([*DOCTOR, "--deadline", "nan"], "not a number of seconds"),
        (["doctor", "--organization", ""], "organization_id must be a non-empty text"),
        (["doctor", "--organization", ".."], "organization_id must be"),
        ([*DOCTOR, "--integration", ""], "integration_id must be"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_used_wrong_is_exit_code_2_and_sends_nothing(elsewhere, packcloud, arguments, told):
    before = elsewhere.emulator.counters.total
    result = packcloud(*arguments)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert elsewhere.emulator.counters.total == before


def test_a_wrong_token_is_told_and_shown_nowhere(elsewhere, packcloud, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "s3cret-token")
    for form in ([], ["--json"]):
        result = packcloud(*DOCTOR, *form)
        assert result.code == 1
        assert "check PACKCLOUD_TOKEN" in result.out
        assert "s3cret" not in result.out + result.err


def test_a_port_that_nobody_listens_on_is_told(packcloud, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PACKCLOUD_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("PACKCLOUD_TOKEN", "t0ken")
        result = packcloud(*DOCTOR, "--deadline", "2", "--json")
    assert (result.code, result.err) == (1, "")
    marks = {check["name"]: check["mark"] for check in json.loads(result.out)["checks"]}
    assert (marks["base_url"], marks["credential"]) == ("wrong", "unknown")


EVIL = "\x1b[31m\x07\u202e[bold]x"


@contextmanager
def raw(answer, *, ssl=None):
    """Serve by a thread with a few lines that write what they like; gives the port."""
    loops, stop, ready = [], asyncio.Event(), threading.Event()

    async def serve():
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=ssl) as server:
            loops.append((asyncio.get_running_loop(), server.sockets[0].getsockname()[1]))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(10)
    loop, port = loops[0]
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.fixture
def hostile(monkeypatch):
    """A server that answers everything with hostile headers and an echo of the credential; gives the methods it saw."""
    methods = []

    async def answer(reader, writer):
        while line := await reader.readline():
            methods.append(line.split()[0])
            token = ""
            while (header := await reader.readline()).strip():
                token = header.decode().strip() if header.lower().startswith(b"authorization") else token
            body = json.dumps({"data": [{"id": EVIL, "name": token}], "links": {"next": token}}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                + f"Allow: {token}\r\nSunset: {token}\r\nDeprecation: {token}\r\nRateLimit: {token}\r\n".encode()
                + f"Date: {token}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            await writer.drain()
        writer.close()

    with raw(answer) as port:
        monkeypatch.setenv("PACKCLOUD_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("PACKCLOUD_TOKEN", "s3cret-token")
        yield methods


def test_a_certificate_of_nobody_known_is_told(packcloud, monkeypatch):
    async def never(reader, writer):
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with raw(never, ssl=context) as port:
        monkeypatch.setenv("PACKCLOUD_BASE_URL", f"https://localhost:{port}")
        monkeypatch.setenv("PACKCLOUD_TOKEN", "t0ken")
        result = packcloud(*DOCTOR, "--json")
    marks = {check["name"]: check["mark"] for check in json.loads(result.out)["checks"]}
    assert (result.code, marks["tls"], marks["base_url"]) == (1, "wrong", "wrong")


def test_a_hostile_server_writes_nothing_on_the_terminal_and_echoes_nothing(hostile, packcloud):
    for arguments in ([], ["--integration", EVIL], ["--integration", EVIL, "--json"]):
        result = packcloud(*DOCTOR, *arguments)
        assert result.code == 1
        for output in (result.out, result.err):
            assert not set(output) & {"\x1b", "\x07", "\u202e"}
            assert "s3cret" not in output
    assert set(hostile) == {b"GET"}


def test_it_moves_a_line_on_a_terminal_and_takes_it_away(elsewhere, monkeypatch, heeded_interrupts):
    monkeypatch.setenv("TERM", "xterm-256color")
    process, terminal = on_a_terminal(*DOCTOR)
    shown = read_until(terminal, None)
    os.close(terminal)
    assert process.wait(10) == 1
    assert "answers)" in shown
    assert "answers)" not in shown.rpartition("\x1b[2K")[2]
    assert "route.sync_orders" in shown.rpartition("\x1b[2K")[2]


def test_an_interrupt_ends_it_in_one_line(elsewhere, start):
    elsewhere.emulator.set_faults(FaultPlan(latency=30.0))
    asked = elsewhere.emulator.counters.total
    process = start(*DOCTOR)
    while elsewhere.emulator.counters.total == asked:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    result = ended(process)
    assert (result.code, result.out, result.err) == (130, "", "Interrupted.\n")
