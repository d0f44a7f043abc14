"""The command line with canaries for the token and for settings: neither its output nor a ledger shows them."""

import json
import subprocess
import sys

import pytest

from packcloud_async.__main__ import main

from ..support.misbehaving_server import answer
from . import canaries
from .hostile_shop import HostileShop, served
from .test_terminal import COMMANDS

pytestmark = pytest.mark.sockets

TOKEN = canaries.TOKEN


class Echoing(HostileShop):
    """Answers reads with an ordinary shop, and what is refused with what it received."""

    def _answer(self, asked):
        if not asked.target.partition("?")[0].endswith(self.refuses):
            return super()._answer(asked)
        credential = asked.headers["authorization"]
        told = " ".join(shape(credential) for shape in (str, canaries.echoes()["base64"], canaries.echoes()["percent"]))
        body = asked.body.decode()
        return answer(422, {"message": f"{told} {body}", "errors": {told: [body]}}, x_request_id=credential)


@pytest.fixture(scope="module")
def shop():
    with served(Echoing(text="int_1")) as shop:
        yield shop


@pytest.fixture(autouse=True)
def environment(shop, monkeypatch, tmp_path):
    monkeypatch.delenv("PACKCLOUD_ROUTES", raising=False)
    monkeypatch.setenv("PACKCLOUD_BASE_URL", shop.base_url)
    monkeypatch.setenv("PACKCLOUD_TOKEN", TOKEN)
    shop.refuses = ("nothing",)
    (tmp_path / "settings.json").write_text(json.dumps(canaries.settings()))


def commands(tmp_path):
    settings = ["--settings", str(tmp_path / "settings.json")]
    payload = ["--payload", str(tmp_path / "settings.json")]
    return [
        *COMMANDS.values(),
        [*COMMANDS["create"], *settings],
        [*COMMANDS["update"], *settings],
        [*COMMANDS["run action"], *payload],
    ]


@pytest.mark.parametrize("refuses", ["nothing", "/sync", ""], ids=["goes well", "syncs fail", "all fail"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_no_command_shows_the_token_or_settings(search, shop, capsys, tmp_path, refuses, form):
    shop.refuses = (refuses,)
    for command in commands(tmp_path):
        code = main([*command, *(form if command[1] != "delete" else [])])
        out, err = capsys.readouterr()
        assert (code in {0, 1}, bool(out + err)) == (True, True)
        search.text(f"{command}: out", out)
        search.text(f"{command}: err", err)


@pytest.mark.parametrize("refuses", ["nothing", "/sync", ""], ids=["goes well", "syncs fail", "all fail"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_doctor_shows_neither_and_writes_neither(search, shop, capsys, tmp_path, refuses, form):
    shop.refuses = (refuses,)
    (tmp_path / "settings.json").unlink()
    file = str(tmp_path / "routes.toml")
    assert main(["doctor", "--organization", "org_1", "--write", file, *form]) == 1
    search.text("doctor", "".join(capsys.readouterr()))
    search.files("routes", tmp_path)


def test_no_command_on_a_ledger_shows_them_and_the_ledger_does_not_hold_them(search, shop, capsys, tmp_path):
    shop.refuses = ("/orders/sync",)
    (tmp_path / "settings.json").unlink()
    file = str(tmp_path / "run.sqlite")
    for command in (
        ["sync", "org_1", "--all-kinds", "--deadline", "0", "--ledger", file],
        ["resume", file],
        ["ledger", "show", file],
        ["ledger", "show", file, "--json"],
    ):
        main(command)
        search.text(" ".join(command), "".join(capsys.readouterr()))
    search.files("ledger", tmp_path)


BAD_ENVIRONMENTS = {
    "token that cannot be sent": {"PACKCLOUD_TOKEN": f"{TOKEN}\n"},
    "password in the base URL": {"PACKCLOUD_BASE_URL": f"https://user:{canaries.URL_WORD}@api.pack.cloud"},
    "no base URL": {"PACKCLOUD_BASE_URL": "nowhere"},
    "nobody there": {"PACKCLOUD_BASE_URL": "http://127.0.0.1:9"},
    "no routes": {"PACKCLOUD_ROUTES": "/nowhere"},
}


@pytest.mark.parametrize("environment", BAD_ENVIRONMENTS.values(), ids=BAD_ENVIRONMENTS)
def test_a_bad_environment_is_told_without_them(search, capsys, monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(COMMANDS["list"]) in {1, 2}
    search.text("told", "".join(capsys.readouterr()))


@pytest.mark.parametrize("content", [canaries.SETTING, json.dumps([canaries.SETTING]), '{"a": "' + canaries.SETTING])
def test_a_file_of_settings_that_cannot_be_used_is_not_quoted(search, capsys, tmp_path, content):
    (tmp_path / "settings.json").write_text(content)
    for command in commands(tmp_path)[-3:]:
        assert main(command) == 2
        search.text("told", "".join(capsys.readouterr()))


@pytest.mark.parametrize("options", [[], ["-X", "dev"]], ids=["plain", "development mode"])
def test_a_process_of_its_own_shows_them_no_more(search, shop, tmp_path, options):
    shop.refuses = ("",)
    for command in (commands(tmp_path)[-2], COMMANDS["sync"]):
        process = subprocess.run(
            [sys.executable, *options, "-m", "packcloud_async", *command], capture_output=True, check=False, timeout=60
        )
        assert process.returncode == 1
        search.text("out", process.stdout)
        search.text("err", process.stderr)
        # What others see of a process: the token comes by the environment, settings by a file.
        search.text("arguments", " ".join(command))


def test_values_of_settings_are_shown_only_on_request(search, shop, capsys):
    """The shop's settings are named and filled with its one text."""
    shop.text = "int_1"
    for command, count in ((COMMANDS["settings"], 1), (COMMANDS["settings with values"], 4)):
        main([*command, "--json"])
        out = capsys.readouterr().out
        assert out.count("int_1") == count
        search.text("settings", out)
