"""The emulator's server, tried by schemathesis with requests it makes up from docs/openapi.yaml."""

import asyncio
import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from packcloud_async.emulator import Emulator, FaultPlan
from packcloud_async.emulator.calls import HANDLERS

from .description import FILE, operations

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is in the extra contract"),
]

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


async def try_out(base_url, folder, *options):
    """Run schemathesis in a folder of its own; return what it prints and its report."""
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run", str(FILE)]
    command += ["--url", base_url, "--no-color", *options]
    command += ["--report", "json", "--report-json-path", str(folder / "report.json")]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert (folder / "report.json").exists(), printed.decode()
    return printed.decode(), json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("envelope", "options"),
    [("wrapped", []), ("root_paging", ["--max-examples=5"]), ("bare", ["--max-examples=5"])],
    ids=["wrapped", "root_paging", "bare"],
)
async def test_the_emulator_answers_whatever_is_asked_as_described(envelope, options, tmp_path):
    emulator = Emulator(
        organizations=3,
        integrations=40,
        per_page=7,
        conflict_while_running=True,
        faults=FaultPlan(envelope=envelope),
    )
    async with emulator.serve() as served:
        printed, report = await try_out(served.base_url, tmp_path, *options)

    assert (report["exit_code"], report["complete"]) == (0, True), printed
    assert report["test_cases"]["with_failures"] == 0
    assert {name: phase["status"] for name, phase in report["phases"].items()} == dict.fromkeys(
        ("examples", "coverage", "fuzzing", "stateful"), "success"
    )
    accepted = {
        name: sum(rate["accepted"] for rate in by_phase.values()) for name, by_phase in report["valid_rates"].items()
    }
    assert accepted.keys() == {f"{operation.method.upper()} {operation.path}" for operation in operations()}
    assert min(accepted.values()) > 0
    assert emulator.counters.calls.keys() >= {
        (method, route) for route, methods in HANDLERS.items() for method in methods
    }
