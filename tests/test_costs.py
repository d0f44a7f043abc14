"""What the package costs, by counting: modules loaded, bytes and objects kept. No clock is asked."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import packcloud_async
from packcloud_async import bulk_runs, syncs
from packcloud_async.version import VERSION

ROOT = Path(__file__).parent.parent
ONLY_WHEN_NEEDED = {
    "sqlite3": "a ledger",
    "tomllib": "a file of routes",
    "html.entities": "the text of an error",
    "importlib.metadata": "nothing: the version is written down",
    "click": "the command line",
    "rich": "the command line",
    "concurrent.futures.thread": "a ledger",
    "packcloud_async.bulk": "a bulk run",
    "packcloud_async.ledger": "a ledger",
    "packcloud_async.sync_job": "a sync",
    "packcloud_async.watch": "a sync",
    "packcloud_async._sansio.progress": "a sync",
    "packcloud_async.emulator": "tests",
    "packcloud_async.cli": "the command line",
}


def loaded_by(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded after running this."""
    told = f"import sys; before = set(sys.modules); {code}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True, cwd=ROOT)
    return set(done.stdout.split())


def test_an_import_loads_what_a_request_needs_and_no_more():
    loaded = loaded_by("import packcloud_async")
    assert {"packcloud_async.client", "packcloud_async._io.transport"} <= loaded
    assert not loaded & set(ONLY_WHEN_NEEDED)


def test_an_import_loads_few_modules_beside_those_of_its_dependencies():
    of_dependencies = loaded_by("import aiohttp, attrs, cattrs, backoff")
    foreign = loaded_by("import sys; sys.modules['msgspec'] = None; import packcloud_async") - of_dependencies
    own = {name for name in foreign if name.partition(".")[0] == "packcloud_async"}
    assert len(own) <= 50
    assert foreign - own <= {"msgspec"}


def test_what_is_loaded_later_is_what_type_checkers_see():
    tree = ast.parse(Path(packcloud_async.__file__).read_text(encoding="utf-8"))
    (later,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {found.module: [one.name for one in found.names] for found in later.body}
    assert seen == {module.__name__: module.__all__ for module in (bulk_runs, syncs)}
    assert {name for names in seen.values() for name in names} <= set(packcloud_async.__all__)


def test_every_public_name_is_there_and_listed():
    for name in packcloud_async.__all__:
        found = getattr(packcloud_async, name)
        assert getattr(packcloud_async, name) is found
    assert set(packcloud_async.__all__) <= set(dir(packcloud_async))


def test_dir_tells_of_names_that_are_not_loaded_yet():
    code = "import packcloud_async; assert 'SyncRun' in dir(packcloud_async) and 'SyncRun' not in vars(packcloud_async)"
    assert "packcloud_async.bulk" not in loaded_by(code)


def test_a_sync_needs_no_ledger():
    loaded = loaded_by("from packcloud_async import AsyncSyncJob, SyncResult")
    assert "packcloud_async.sync_job" in loaded
    assert not loaded & {"sqlite3", "packcloud_async.ledger", "packcloud_async.bulk"}


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'packcloud_async' has no attribute 'SyncRnu'"):
        packcloud_async.SyncRnu  # noqa: B018 - looked up for its error


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION
