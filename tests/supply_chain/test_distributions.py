"""What wheel and sdist hold, built from a copy of the tree with all the litter a working copy gathers."""

import base64
import configparser
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import BytesParser
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is in the extra test")

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
STEM = f"{PROJECT['name']}-{PROJECT['version']}"
DIST_INFO = f"{STEM}.dist-info"
AT_THE_TOP = {".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "pyproject.toml"}
INSTALLED_BESIDE = {
    "_packcloud.py": "packcloud_async/_packcloud.py",
    "_packcloud_pytest.py": "packcloud_async/_packcloud_pytest.py",
}
FOLDERS = ("packcloud_async", "tests", "docs", "examples", "benchmarks", ".ci")
GENERATED = {"__pycache__", "_build", ".hypothesis", ".schemathesis", ".DS_Store"}
LEFT_BEHIND = ("~", ".bak", ".orig", ".pyc", ".rej", ".swo", ".swp")

LITTER = [
    ".coverage",
    ".env",
    ".hypothesis/examples/1",
    ".venv/bin/python",
    "build/lib/packcloud_async/client.py",
    "dist/old.whl",
    "notes.py",
    "packcloud_async/.client.py.swp",
    "packcloud_async/__pycache__/client.cpython-311.pyc",
    "packcloud_async/client.py.orig",
    "packcloud_async/client.py~",
    "packcloud_async/notes.txt",
    "packcloud_async.egg-info/PKG-INFO",
    "tests/.DS_Store",
    "tests/__pycache__/conftest.cpython-311.pyc",
    "tests/conftest.py~",
    "docs/_build/index.html",
    "docs/.index.md.swp",
]


@pytest.mark.parametrize("name", INSTALLED_BESIDE)
def test_what_is_tested_is_what_is_in_the_tree(name):
    installed = find_spec(name.removesuffix(".py"))
    assert installed is not None
    assert installed.origin is not None
    # An editable install copies these two.
    assert Path(installed.origin).read_bytes() == (ROOT / INSTALLED_BESIDE[name]).read_bytes(), (
        "install it again: pip install --no-deps --no-build-isolation --editable ."
    )


def own_files():
    """Every file of the tree that is somebody's work, as paths from the root."""
    folders = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    top = [ROOT / name for name in AT_THE_TOP if (ROOT / name).exists()]
    files = [path.relative_to(ROOT) for path in (*folders, *top) if path.is_file()]
    return {str(path) for path in files if not GENERATED & set(path.parts) and not path.name.endswith(LEFT_BEHIND)}


FILES = own_files()


def copy_of_the_tree(folder, *, age):
    """Copy the tree with its litter; ``age`` is how many seconds ago everything was changed."""
    for name in sorted(FILES | set(LITTER), reverse=bool(age)):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in FILES:
            shutil.copyfile(ROOT / name, target)
        else:
            target.write_text("litter", encoding="utf-8")
        target.chmod(0o600 if age else 0o664)
        os.utime(target, (1_700_000_000 - age, 1_700_000_000 - age))
    return folder


def build(tree, into):
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(into)]
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)
    return into


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    base = tmp_path_factory.mktemp("distributions")
    return build(copy_of_the_tree(base / "tree", age=0), base / "dist")


@pytest.fixture
def wheel(built):
    with zipfile.ZipFile(built / f"{STEM}-py3-none-any.whl") as archive:
        yield archive


@pytest.fixture
def sdist(built):
    with tarfile.open(built / f"{STEM}.tar.gz") as archive:
        yield archive


def test_a_build_makes_one_wheel_and_one_sdist(built):
    assert {path.name for path in built.iterdir()} == {f"{STEM}-py3-none-any.whl", f"{STEM}.tar.gz"}


class TestWheel:
    def test_it_holds_the_package_and_nothing_else(self, wheel):
        own = {name for name in FILES if name.startswith("packcloud_async/")}
        assert {Path(name).suffix for name in own} == {".py", ".typed"}
        described = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
        own = own - set(INSTALLED_BESIDE.values()) | INSTALLED_BESIDE.keys()
        assert sorted(wheel.namelist()) == sorted(own | {f"{DIST_INFO}/{name}" for name in described})

    def test_every_file_is_the_one_of_the_tree(self, wheel):
        for name in wheel.namelist():
            if not name.startswith(DIST_INFO):
                source = INSTALLED_BESIDE.get(name, name)
                assert wheel.read(name) == (ROOT / source).read_bytes(), name
        assert wheel.read(f"{DIST_INFO}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()

    def test_the_record_lists_every_file_with_its_hash(self, wheel):
        lines = wheel.read(f"{DIST_INFO}/RECORD").decode().splitlines()
        recorded = {name: (digest, size) for name, digest, size in (line.rsplit(",", 2) for line in lines)}
        assert recorded.keys() == set(wheel.namelist())
        assert recorded.pop(f"{DIST_INFO}/RECORD") == ("", "")
        for name, (digest, size) in recorded.items():
            content = wheel.read(name)
            wanted = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={wanted}", str(len(content))), name

    def test_the_metadata_is_that_of_the_project(self, wheel):
        metadata = BytesParser().parsebytes(wheel.read(f"{DIST_INFO}/METADATA"))
        assert (metadata["Name"], metadata["Version"]) == (PROJECT["name"], PROJECT["version"])
        assert metadata["Requires-Python"] == PROJECT["requires-python"]
        assert (metadata["License-Expression"], metadata.get_all("License-File")) == ("MIT", ["LICENSE"])
        assert set(metadata.get_all("Provides-Extra")) == PROJECT["optional-dependencies"].keys()
        required = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
        plain = {str(requirement) for requirement in required if requirement.marker is None}
        assert plain == {str(Requirement(text)) for text in PROJECT["dependencies"]}

    def test_its_one_command_and_its_plugin_of_pytest_are_the_package_s(self, wheel):
        points = configparser.ConfigParser()
        points.read_string(wheel.read(f"{DIST_INFO}/entry_points.txt").decode())
        assert {section: dict(points[section]) for section in points.sections()} == {
            "console_scripts": PROJECT["scripts"],
            "pytest11": {"packcloud": "_packcloud_pytest"},
        }

    def test_what_its_entry_points_name_is_in_it(self, wheel):
        points = configparser.ConfigParser()
        points.read_string(wheel.read(f"{DIST_INFO}/entry_points.txt").decode())
        modules = {value.partition(":")[0] for section in points.sections() for value in points[section].values()}
        assert {f"{module}.py" for module in modules} == INSTALLED_BESIDE.keys() & set(wheel.namelist())

    def test_it_is_for_any_python_3_and_any_machine(self, wheel):
        told = BytesParser().parsebytes(wheel.read(f"{DIST_INFO}/WHEEL"))
        assert (told["Tag"], told["Root-Is-Purelib"]) == ("py3-none-any", "true")

    def test_no_file_can_be_run_or_is_a_link(self, wheel):
        modes = [info.external_attr >> 16 for info in wheel.infolist()]
        assert {stat.S_IMODE(mode) for mode in modes} == {0o644}
        assert not any(stat.S_ISLNK(mode) for mode in modes)


class TestSdist:
    def test_it_holds_what_is_needed_to_build_test_and_check_and_nothing_else(self, sdist):
        names = {member.name for member in sdist.getmembers() if not member.isdir()}
        assert sorted(names) == sorted(f"{STEM}/{name}" for name in FILES | {"PKG-INFO"})

    def test_it_holds_plain_files_below_its_own_folder(self, sdist):
        for member in sdist.getmembers():
            assert member.isfile() or member.isdir(), member.name
            assert member.name.startswith(f"{STEM}/")
            assert ".." not in member.name.split("/")
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")

    def test_its_tests_can_be_collected(self, sdist, tmp_path):
        sdist.extractall(tmp_path, filter="data") if hasattr(tarfile, "data_filter") else sdist.extractall(tmp_path)
        # Whole, but without the rewriting of every assert, which takes as long again.
        command = [sys.executable, "-m", "pytest", "--collect-only", "--assert=plain", "-q", "-p", "no:cacheprovider"]
        done = subprocess.run(
            command,
            cwd=tmp_path / STEM,
            env={**os.environ, "PYTHONPATH": str(tmp_path / STEM), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:]


def test_the_same_tree_builds_the_same_bytes(built, tmp_path):
    again = build(copy_of_the_tree(tmp_path / "elsewhere", age=86_400), tmp_path / "dist")
    for path in built.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_wheel_from_the_sdist_is_the_same(built, sdist, tmp_path):
    sdist.extractall(tmp_path, filter="data") if hasattr(tarfile, "data_filter") else sdist.extractall(tmp_path)
    again = build(tmp_path / STEM, tmp_path / "dist")
    wheel = f"{STEM}-py3-none-any.whl"
    assert (again / wheel).read_bytes() == (built / wheel).read_bytes()
