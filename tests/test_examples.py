"""The programs in examples/ do what they say, against a served emulator."""

import runpy
from pathlib import Path

import pytest

from packcloud_async.emulator import Emulator, SyncTimes

pytestmark = pytest.mark.sockets
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
async def served(monkeypatch):
    emulator = Emulator(sync_times=SyncTimes(median=0.2, spread=0.1))
    async with emulator.serve() as served:
        monkeypatch.setenv("PACKCLOUD_TOKEN", emulator.token)
        monkeypatch.setenv("PACKCLOUD_BASE_URL", served.base_url)
        yield emulator


def program(name):
    return runpy.run_path(str(EXAMPLES / name))["main"]


async def test_sync_one_shows_the_change(served, capsys):
    await program("sync_one.py")("org_1", "int_2")
    told = capsys.readouterr().out
    assert "orders: advanced" in told
    assert "products: advanced" in told
    assert " -> 2026-01-01T" in told


async def test_every_night_reports_and_says_whether_somebody_has_to_look(served, capsys):
    assert await program("every_night.py")(["org_1", "org_2"]) is True
    assert "orders: 8 advanced" in capsys.readouterr().out
    assert await program("every_night.py")(["org_1", "org_99"]) is False
    assert "org_99/None: GET /v1/organizations/org_99/integrations: 404" in capsys.readouterr().out


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"sync_one.py", "every_night.py"}
