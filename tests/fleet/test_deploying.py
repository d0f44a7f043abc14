"""The files of examples/fleet: every command in them is one of the command line, every variable one that it reads."""

import re
import shlex
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import click
import pytest

from packcloud_async import Timeouts
from packcloud_async.cli.app import packcloud

yaml = pytest.importorskip("yaml", reason="pyyaml reads compose files")

FOLDER = Path(__file__).parents[2] / "examples" / "fleet"
UNIT = FOLDER / "packcloud-worker@.service"
OF_POSTGRESQL = {"PGPASSWORD", "PGPASSFILE"}
GIVEN = {"PACKCLOUD_DATABASE": "postgresql://packcloud@database/fleet", "PACKCLOUD_RATE": "50/s"}


class Sections(dict):
    """A unit may give a key several times."""

    def __setitem__(self, key, value):
        if key in self and isinstance(value, list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


@pytest.fixture
def compose():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def unit():
    parser = RawConfigParser(strict=False, interpolation=None, dict_type=Sections)
    parser.optionxform = str
    parser.read(UNIT, encoding="utf-8")
    return {section: dict(parser[section]) for section in parser.sections()}


def variables_of(words):
    """Parse a command as the shell would give it, and return the variables that it and its groups read."""
    context = packcloud.make_context("packcloud", list(words), auto_envvar_prefix=None)
    command, known = packcloud, set()
    names = list(words)
    while isinstance(command, click.Group):
        name = names.pop(0)
        command = command.get_command(context, name)
        assert command is not None, name
    command.make_context(" ".join(words), names)
    for parameter in command.params:
        known |= {parameter.envvar} if isinstance(parameter.envvar, str) else set(parameter.envvar or ())
    return known | set(re.findall(r"^ +(PACKCLOUD_\w+)  ", packcloud.help, flags=re.MULTILINE))


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)


def test_the_workers_of_the_compose_file_are_there(compose):
    services = compose["services"]
    assert set(services) == {"database", "init", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 3
    assert services["worker"]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
    assert services["init"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["worker"]["image"] == services["init"]["image"]


@pytest.mark.parametrize("name", ["init", "worker"])
def test_a_service_runs_a_command_that_there_is_with_variables_that_it_reads(compose, name):
    service = compose["services"][name]
    known = variables_of(service["command"]) | OF_POSTGRESQL
    assert set(service["environment"]) - known == set()
    assert {"PACKCLOUD_DATABASE", "PACKCLOUD_TOKEN", "PACKCLOUD_RATE"} <= set(service["environment"])
    assert GIVEN.items() <= service["environment"].items()


def test_no_secret_stands_in_the_compose_file(compose):
    database, worker = compose["services"]["database"]["environment"], compose["services"]["worker"]["environment"]
    assert database["POSTGRES_PASSWORD"] == worker["PGPASSWORD"] == "${DATABASE_PASSWORD:?choose one}"
    assert worker["PACKCLOUD_TOKEN"].startswith("${PACKCLOUD_TOKEN:?")
    user = re.fullmatch(r"postgresql://(\w+)@database/(\w+)", worker["PACKCLOUD_DATABASE"])
    assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == user.groups()


def test_the_image_is_made_of_what_is_there(compose):
    build = compose["services"]["init"]["build"]
    root = (FOLDER / build["context"]).resolve()
    assert (root / "pyproject.toml").is_file()
    extras = re.search(r"'/src\[([\w,-]+)\]'", build["dockerfile_inline"])[1].split(",")
    import tomllib

    known = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(extras) <= set(known)
    assert 'ENTRYPOINT ["packcloud"]' in build["dockerfile_inline"]


def test_the_unit_runs_a_worker_and_lets_it_end_in_good_order(unit):
    service = unit["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert Path(program).name == "packcloud"
    known = variables_of(words)
    assert service["Environment"].partition("=")[0] in known
    assert service["Environment"].endswith("=%d/" + service["LoadCredential"].partition(":")[0])
    assert set(re.findall(r"PACKCLOUD_\w+", UNIT.read_text(encoding="utf-8"))) <= known
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > Timeouts().total
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("on-failure", "2")
    assert unit["Install"] == {"WantedBy": "multi-user.target"}


def test_the_compose_file_waits_as_long(compose, unit):
    worker = compose["services"]["worker"]
    assert worker["stop_signal"] == unit["Service"]["KillSignal"]
    assert worker["stop_grace_period"] == unit["Service"]["TimeoutStopSec"] + "s"


def test_the_unit_may_do_no_more_than_it_needs(unit):
    service = unit["Service"]
    assert service["CapabilityBoundingSet"] == ""
    assert service["ProtectSystem"] == "strict"
    for key in ("DynamicUser", "NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome", "RestrictNamespaces"):
        assert service[key] == "yes", key
    assert {"AF_INET", "AF_INET6", "AF_UNIX"} == set(service["RestrictAddressFamilies"].split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here to ask")
def test_systemd_finds_nothing_wrong_with_it(tmp_path):
    there = UNIT.read_text(encoding="utf-8").replace("/opt/packcloud/bin/packcloud", sys.executable)
    (tmp_path / UNIT.name).write_text(there, encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")
