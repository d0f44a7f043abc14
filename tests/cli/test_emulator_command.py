"""packcloud emulator, used the way it tells."""

import json
import re
import signal
import socket
import stat
import urllib.request

import pytest

from .conftest import Ended, ended

pytestmark = pytest.mark.sockets


def test_it_serves_what_it_prints_until_it_is_interrupted(start, packcloud, monkeypatch):
    process = start("emulator", "--organizations", "2", "--integrations", "1")
    printed = ""
    while "and then" not in printed:
        printed += process.stdout.readline()
    exported = dict(re.findall(r"^ *export (\w+)=(\S+)$", printed, re.MULTILINE))
    assert exported.keys() == {"PACKCLOUD_BASE_URL", "PACKCLOUD_TOKEN"}
    for name, value in exported.items():
        monkeypatch.setenv(name, value)
    assert "int_1" in packcloud("integrations", "list", "org_2").out
    process.send_signal(signal.SIGINT)
    result = ended(process)
    assert (result.code, result.err) == (130, "Stopped.\n")


def test_a_port_that_is_taken_is_exit_code_2_in_one_line(packcloud):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = packcloud("emulator", "--port", str(port))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert f"port {port} cannot be used" in result.err


SHOPS = """
sync_times = {median = 0.0, spread = 0.0}
[[organizations]]
id = "acme"
[[organizations.integrations]]
id = "nl"
name = "Acme \\u001b[2J\\u202e"
settings = {key = "s3cret"}
"""


def told_by(process, last="and then"):
    """What an emulator prints until it is ready, and what it says to export."""
    printed = ""
    while last not in printed:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        printed += line
    return printed, dict(re.findall(r"^ *export (\w+)=(\S+)$", printed, re.MULTILINE))


@pytest.fixture
def emulate(start, packcloud, monkeypatch):
    """Start an emulator, and point the commands of this process at it."""

    def run(*arguments, last="and then"):
        process = start("emulator", *map(str, arguments))
        printed, exported = told_by(process, last)
        for name, value in exported.items():
            monkeypatch.setenv(name, value)
        return process, printed

    return run


def stopped(process, number=signal.SIGINT):
    process.send_signal(number)
    return ended(process)


@pytest.fixture
def shops(tmp_path):
    path = tmp_path / "shops.toml"
    path.write_text(SHOPS, encoding="utf-8")
    return path


def test_it_serves_what_a_file_says(emulate, shops, packcloud):
    process, printed = emulate("--data", shops)
    assert "with acme until Ctrl-C" in printed
    assert "packcloud sync acme --all-kinds" in printed
    assert "Acme" in packcloud("integrations", "list", "acme").out
    assert stopped(process).code == 130


def test_faults_are_as_they_were_said(emulate, packcloud):
    process, _ = emulate("--fault", "GET integration:404:x1", "--fault", "*:latency:0")
    assert packcloud("integrations", "get", "org_1", "int_1").code == 1
    assert packcloud("integrations", "get", "org_1", "int_1").code == 0
    assert stopped(process).code == 130


def test_the_page_is_where_it_says(emulate):
    process, printed = emulate()
    (address,) = re.findall(r"What happens shows at (http://127\.0\.0\.1:\d+/)\n", printed)
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert b"Emulated Pack.cloud" in answer.read()
    assert stopped(process).code == 130


def test_what_was_saved_is_gone_on_with(emulate, shops, packcloud, tmp_path):
    saved = tmp_path / "state.json"
    process, _ = emulate("--data", shops, "--save", saved, last="kill -USR1")
    assert packcloud("sync", "acme", "--kind", "orders", "--deadline", "5").code == 0
    watermark = shown(packcloud)["order_sync_updated_at"]
    assert watermark is not None
    assert stopped(process) == Ended(130, "", "Stopped.\n")
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    process, _ = emulate("--data", saved, "--save", saved, last="kill -USR1")
    assert shown(packcloud)["order_sync_updated_at"] == watermark
    assert packcloud("integrations", "update", "acme", "nl", "--name", "Other").code == 0
    assert stopped(process, signal.SIGTERM) == Ended(0, "", "")
    process, _ = emulate("--data", saved)
    assert shown(packcloud)["name"] == "Other"
    assert stopped(process).code == 130


def shown(packcloud):
    return json.loads(packcloud("integrations", "get", "acme", "nl", "--json").out)


def test_it_is_saved_on_request_and_goes_on(emulate, packcloud, tmp_path):
    saved = tmp_path / "state.json"
    process, _ = emulate("--save", saved, last="kill -USR1")
    assert packcloud("integrations", "update", "org_1", "int_1", "--name", "First").code == 0
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == f"Saved in {saved}.\n"
    assert '"First"' in saved.read_text(encoding="utf-8")
    assert packcloud("integrations", "update", "org_1", "int_1", "--name", "Second").code == 0
    process.kill()
    assert '"First"' in saved.read_text(encoding="utf-8")


def test_what_cannot_be_saved_is_told_in_one_line(emulate, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    process, _ = emulate("--save", folder / "state.json", last="kill -USR1")
    folder.rmdir()
    process.send_signal(signal.SIGUSR1)
    told = f"the state cannot be saved in {folder / 'state.json'}: No such file or directory\n"
    assert process.stderr.readline() == f"Error: {told}"
    assert stopped(process) == Ended(1, "", f"Error: {told}")


def test_a_file_that_somebody_put_there_meanwhile_is_left_alone(emulate, tmp_path):
    saved = tmp_path / "state.json"
    process, _ = emulate("--save", saved, last="kill -USR1")
    saved.write_text("theirs", encoding="utf-8")
    assert stopped(process).err.endswith("state.json: somebody else has put another file there\n")
    assert process.returncode == 1
    assert [(file.name, file.read_text(encoding="utf-8")) for file in tmp_path.iterdir()] == [("state.json", "theirs")]


def test_a_link_is_saved_through_and_one_put_there_meanwhile_is_not(emulate, tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("{}", encoding="utf-8")
    link.symlink_to(real)
    process, _ = emulate("--data", link, "--save", link, last="kill -USR1")
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == f"Saved in {link}.\n"
    assert json.loads(real.read_text(encoding="utf-8"))["version"] == 1
    link.unlink()
    link.symlink_to(tmp_path / "another.json")
    assert stopped(process).err.endswith("link.json: somebody else has put another file there\n")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.json", "real.json"]


def test_nothing_is_saved_when_nothing_was_served(packcloud, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = packcloud("emulator", "--port", str(taken.getsockname()[1]), "--save", str(tmp_path / "state.json"))
    assert result.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "shops.toml", "--seed", "0"], "--seed is said by the file of --data"),
        (["--data", "shops.toml", "--organizations", "3"], "--organizations is said by the file of --data"),
        (["--organizations", "1000000000000"], "1000000000000 is not in the range 1<=x<=1000000"),
        (
            ["--data", "many.json"],
            "many.json: $ cannot be used: World.organizations must be a whole number from 0 to 1000",
        ),
        (["--data", "nowhere.toml"], "nowhere.toml cannot be read: No such file or directory"),
        (["--data", "."], ". cannot be read: Is a directory"),
        (["--data", "wrong.json"], "wrong.json: $.organizations[0] needs id"),
        (["--fault", "sync_orders:teapot"], "fault 'sync_orders:teapot': 'teapot' is no fault"),
        (["--fault", "x\x1b[2J:503"], "is no route"),
        (["--save", "state.toml"], "give it a name that ends with .json"),
        (["--save", "nowhere/state.json"], "there is no folder nowhere"),
        (["--save", "wrong.json"], "wrong.json is there already; give --force to replace it"),
        (["--save", "dangling.json"], "dangling.json is there already"),
        (["--save", "wrong.json", "--data", "shops.toml"], "wrong.json is there already"),
        (["--save", "folder.json", "--force"], "folder.json is a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_exit_code_2_before_anything_is_served(
    packcloud, shops, monkeypatch, tmp_path, arguments, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.json").write_text('{"organizations": [{}]}', encoding="utf-8")
    (tmp_path / "many.json").write_text('{"generated": {"organizations": 1000000000}}', encoding="utf-8")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "dangling.json").symlink_to("nothing.json")
    result = packcloud("emulator", *arguments)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert "\x1b" not in result.err
    assert (tmp_path / "wrong.json").read_text(encoding="utf-8") == '{"organizations": [{}]}'


def test_another_file_is_replaced_by_force(emulate, tmp_path):
    saved = tmp_path / "state.json"
    saved.write_text("before", encoding="utf-8")
    process, _ = emulate("--save", saved, "--force", last="kill -USR1")
    assert stopped(process).code == 130
    assert json.loads(saved.read_text(encoding="utf-8"))["version"] == 1


@pytest.mark.parametrize("content", ["", '[[organizations]]\nid = "a b; rm"'], ids=["none", "an odd id"])
def test_what_it_says_to_paste_is_safe(emulate, tmp_path, content):
    path = tmp_path / "shops.toml"
    path.write_text(content, encoding="utf-8")
    process, printed = emulate("--data", path, last="and then" if content else "TOKEN")
    assert ("with no organizations until" in printed) == (not content)
    assert ("packcloud sync 'a b; rm' --all-kinds" in printed) is bool(content)
    assert stopped(process).code == 130
