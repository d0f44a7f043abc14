""".ci/requirements.txt: everything pinned, hashed, and wide enough for what pyproject.toml asks."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from attrs import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCK = ROOT / ".ci" / "requirements.txt"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN_NAME = canonicalize_name(PROJECT["name"])
RENEW = "renew it: .ci/lock"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
SYSTEMS = {"linux": ("posix", "Linux"), "darwin": ("posix", "Darwin"), "win32": ("nt", "Windows")}


@frozen
class Pin:
    """One package of the lock, with the environments it is for."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def name(self):
        return canonicalize_name(self.requirement.name)

    @property
    def version(self):
        (only,) = self.requirement.specifier
        return only.version


def read(text):
    """Read a lock: one entry a logical line, a comment on lines of its own."""
    whole = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        Pin(Requirement(entry.partition(" --")[0]), tuple(re.findall(r"--hash=(\S+)", entry)))
        for entry in whole.splitlines()
    ]


PINS = read(LOCK.read_text(encoding="utf-8"))


def asked_for(extra):
    """The requirements of the project with an extra, the project's own extras followed."""
    pending = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    while pending:
        requirement = Requirement(pending.pop())
        if canonicalize_name(requirement.name) == OWN_NAME:
            pending += [text for name in requirement.extras for text in PROJECT["optional-dependencies"][name]]
        else:
            yield requirement


def applies(requirement, environment):
    return requirement.marker is None or requirement.marker.evaluate(environment)


def environments():
    for python in PYTHONS:
        for system, (os_name, platform) in SYSTEMS.items():
            yield {
                "python_version": python,
                "python_full_version": f"{python}.7",
                "sys_platform": system,
                "os_name": os_name,
                "platform_system": platform,
                "platform_machine": "x86_64",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
                "extra": "",
            }


def loose(pins):
    """Names of the pins that leave a choice: no single version, or no SHA-256 of what may be installed."""
    return [pin.name for pin in pins if not (is_one_version(pin.requirement) and has_hashes(pin))]


def is_one_version(requirement):
    operators = [(each.operator, "*" in each.version) for each in requirement.specifier]
    return operators == [("==", False)] and requirement.url is None


def has_hashes(pin):
    return bool(pin.hashes) and all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in pin.hashes)


def test_every_package_is_pinned_to_one_version_with_hashes():
    assert len(PINS) > 80
    assert loose(PINS) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a==1 --hash=sha256:" + "0" * 64, []),
        ("a==1 ; python_version < '3.13' --hash=sha256:" + "0" * 64, []),
        ("a>=1 --hash=sha256:" + "0" * 64, ["a"]),
        ("a==1.* --hash=sha256:" + "0" * 64, ["a"]),
        ("a @ https://example.com/a.whl --hash=sha256:" + "0" * 64, ["a"]),
        ("a==1", ["a"]),
        ("a==1 --hash=md5:" + "0" * 32, ["a"]),
    ],
)
def test_a_loose_pin_would_be_found(text, found):
    assert loose(read(text)) == found


def test_it_names_no_place_to_fetch_from():
    text = LOCK.read_text(encoding="utf-8")
    assert re.findall(r"\w+://|^-.*|--(?!hash=)\S+| @ ", text, flags=re.MULTILINE) == []
    assert OWN_NAME not in {pin.name for pin in PINS}


@pytest.mark.parametrize(
    "environment", list(environments()), ids=lambda env: f"{env['sys_platform']}-{env['python_version']}"
)
def test_what_the_project_asks_for_is_pinned_once_and_fits(environment):
    pinned = {}
    for pin in PINS:
        if applies(pin.requirement, environment):
            assert pin.name not in pinned, f"{pin.name} twice"
            pinned[pin.name] = pin.version
    for requirement in asked_for("ci"):
        if applies(requirement, environment):
            name = canonicalize_name(requirement.name)
            assert name in pinned, f"{name} is missing; {RENEW}"
            assert requirement.specifier.contains(pinned[name], prereleases=True), f"{name}; {RENEW}"


def test_the_extra_ci_holds_the_others_that_a_check_needs():
    names = {canonicalize_name(requirement.name) for requirement in asked_for("ci")}
    for extra in ("cli", "contract", "docs", "lint", "speed", "test"):
        assert {canonicalize_name(requirement.name) for requirement in asked_for(extra)} <= names
    for requirement in PROJECT["dependencies"]:
        assert canonicalize_name(Requirement(requirement).name) in names


def test_the_command_that_renews_it_is_there_and_named():
    assert LOCK.read_text(encoding="utf-8").splitlines()[1] == "#    .ci/lock"
    subprocess.run(["bash", "-n", str(LOCK.with_name("lock"))], check=True)
