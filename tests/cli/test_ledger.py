"""packcloud ledger show, of ledgers that are finished, held, left behind, and none."""

import asyncio
import json
import os
import subprocess
import sys
import tracemalloc
from contextlib import aclosing

import pytest

from packcloud_async import NewJob, Outcome, SqliteLedger, SyncKind, TargetRecord
from packcloud_async._sansio.progress import KindState, Phase
from packcloud_async.errors import Conflict, ServerError

from ..support.ledgers import INT_1, ORG_1, RUN, files_in, make, token_of

BUSY = Conflict(status=409, method="POST", path="/x", excerpt="hush!")
BROKEN = ServerError(status=503, method="GET", path="/x", excerpt="hush!")
WATCHED = KindState(phase=Phase.ACCEPTED, baseline="2026-01-01T10:00:00Z")
HALF = {
    SyncKind.ORDERS: WATCHED,
    SyncKind.PRODUCTS: KindState(phase=Phase.SENT, baseline=None),
    SyncKind.STOCKS: KindState().ended(Outcome.REJECTED, BROKEN),
}
DONE = {SyncKind.ORDERS: WATCHED.ended(Outcome.QUIET)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


async def fill(path, *, leave_open=False):
    ledger = SqliteLedger(path)
    await ledger.open()
    ledger.begin(RUN)
    one, *_, empty, missing, damaged = ledger.add_targets(
        [TargetRecord(f"org_{number}") for number in (1, 2, 3, 4)] + [TargetRecord("org\x1b[31m_5")]
    )
    jobs = ledger.add_jobs(one, [INT_1, NewJob("int_2", token_of("int_2", HALF))])
    ledger.record(jobs[0], token_of("int_1", DONE), finished=True)
    ledger.add_jobs(empty, [])
    ledger.target_failed(missing, "NotFound 404")
    ledger.add_jobs(damaged, [NewJob("int_9", "?")])
    await ledger.flush()
    if not leave_open:
        await ledger.aclose()
    return ledger


@pytest.fixture
def filled(path):
    asyncio.run(fill(path))
    return path


def rows(shown):
    found = [line.split() for line in shown.splitlines() if line.strip().startswith("org")]
    return {tuple(cells[:2]): cells[2:] for cells in found}


def test_every_integration_is_a_row_with_how_far_each_kind_came(packcloud, filled):
    ended = packcloud("ledger", "show", str(filled))
    assert (ended.code, ended.err) == (0, "")
    assert rows(ended.out) == {
        ("org_1", "int_1"): ["quiet", "-", "-", "-", "-"],
        ("org_1", "int_2"): ["accepted", "sent", "rejected", "-", "stocks:", "ServerError", "503"],
        ("org_2", "(waiting)"): ["-", "-", "-", "-", "-"],
        ("org_3", "(listed)"): ["-", "-", "-", "-", "-"],
        ("org_4", "(failed)"): ["-", "-", "-", "-", "NotFound", "404"],
        ("org[31m_5", "int_9"): ["-", "-", "-", "-", "SyncError"],
    }


def test_the_numbers_come_last(packcloud, filled):
    assert packcloud("ledger", "show", str(filled)).out.splitlines()[-3:] == [
        "Run started 2026-01-01 10:00:00 UTC, not finished.",
        "Targets: 1 waiting, 3 listed, 1 failed.",
        "Integrations: 1 finished, 2 unfinished.",
    ]


def test_as_json_it_is_one_object_for_each_row_and_nothing_else(packcloud, filled):
    ended = packcloud("ledger", "show", str(filled), "--json")
    assert (ended.code, ended.err) == (0, "")
    objects = [json.loads(line) for line in ended.out.splitlines()]
    assert len(objects) == 6
    assert objects[1] == {
        "organization": "org_1",
        "integration": "int_2",
        "target": "listed",
        "finished": False,
        "kinds": {
            "orders": {"state": "accepted", "error": None},
            "products": {"state": "sent", "error": None},
            "stocks": {"state": "rejected", "error": "ServerError 503"},
        },
        "error": None,
    }
    assert objects[4] == {
        "organization": "org_4",
        "integration": None,
        "target": "failed",
        "finished": True,
        "kinds": {},
        "error": "NotFound 404",
    }
    assert ended.out.isascii()


def test_nothing_a_server_said_is_in_it(packcloud, filled):
    assert b"hush!" not in filled.read_bytes()


async def test_it_works_while_a_run_holds_the_ledger_and_says_who(packcloud, path):
    ledger = await fill(path, leave_open=True)
    shown = packcloud("ledger", "show", str(path))
    assert shown.code == 0
    assert len(rows(shown.out)) == 6
    assert shown.out.splitlines()[-1].startswith(f"Held by process {os.getpid()} on ")
    # The reader took nothing away from the run.
    ledger.add_targets([ORG_1])
    await ledger.aclose()


DIE_WITH_IT = """
import asyncio, os, signal, sys
from packcloud_async import SqliteLedger

async def main():
    await SqliteLedger(sys.argv[1]).open()
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_whoever_died_with_it_is_named(packcloud, path):
    asyncio.run(make(path))
    child = subprocess.Popen([sys.executable, "-c", DIE_WITH_IT, str(path)])
    assert child.wait(20) == -9
    before = files_in(path.parent)
    shown = packcloud("ledger", "show", str(path))
    assert f"Not held: process {child.pid} on " in shown.out
    assert shown.out.splitlines()[-1].endswith("ended without closing it.")
    assert set(files_in(path.parent)) == set(before)


def test_a_ledger_without_a_run_says_so(packcloud, path):
    async def make_empty():
        async with aclosing(SqliteLedger(path)) as ledger:
            await ledger.open()

    asyncio.run(make_empty())
    assert packcloud("ledger", "show", str(path)).out == "No run was begun in it.\n"
    assert packcloud("ledger", "show", str(path), "--json").out == ""


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("content", [b"", b"no ledger"])
def test_a_file_that_is_no_ledger_is_exit_code_1_and_left_alone(packcloud, path, content, form):
    path.write_bytes(content)
    ended = packcloud("ledger", "show", str(path), *form)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith(f"Error: ledger {path}: ")
    assert path.read_bytes() == content
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("name", ["missing.sqlite", "."])
def test_no_file_is_exit_code_2_and_stays_none(packcloud, tmp_path, name):
    ended = packcloud("ledger", "show", str(tmp_path / name))
    assert (ended.code, ended.out) == (2, "")
    assert os.listdir(tmp_path) == []


def test_a_long_ledger_is_written_as_it_is_read(packcloud, path):
    asyncio.run(make(path, targets=5_000))
    tracemalloc.start()
    try:
        shown = packcloud("ledger", "show", str(path)).out
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shown.count("int_1") == 5_000
    assert shown.count("Organization") == 5
    # What the test itself captures, and the thousand rows of one table.
    assert peak < 40_000_000


def test_on_80_columns_no_title_is_cut(filled, packcloud, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    titles = packcloud("ledger", "show", str(filled)).out.partition("─")[0].split()
    assert sorted(titles) == [
        "Error",
        "Integration",
        "Orders",
        "Organization",
        "Products",
        "Shipping",
        "Stocks",
        "services",
    ]
