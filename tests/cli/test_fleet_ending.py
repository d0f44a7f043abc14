"""packcloud fleet forget deletes what is over and keeps what is not; a worker outlives a restart of its database."""

import json

import pytest

from .conftest import ended

pytestmark = pytest.mark.sockets

pytest.importorskip("procrastinate", reason="the extra fleet")


@pytest.fixture
def database(fleet_database, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_DATABASE", fleet_database)
    return fleet_database


def test_runs_that_are_over_are_deleted(world, database, packcloud):
    for name in ("a", "b", "c"):
        assert packcloud("fleet", "submit", "org_1", "--kind", "orders", "--run-id", name).code == 0
    for name in ("a", "b"):
        assert packcloud("fleet", "cancel", name).code == 0
    forgotten = packcloud("fleet", "forget", "a", "b")
    assert (forgotten.code, forgotten.err) == (0, "")
    assert forgotten.out == "Run a is forgotten.\nRun b is forgotten.\n"
    left = packcloud("fleet", "status", "--json").out.splitlines()
    assert [json.loads(line)["run"] for line in left] == ["c"]


def test_a_worker_whose_database_restarts_works_on_and_writes_no_traceback(world, database, postgres, packcloud, start):
    process = start("fleet", "worker", "--silent-for", "3")
    assert "Working for <Fleet" in process.stdout.readline()
    postgres.restart()
    told = packcloud("fleet", "submit", "org_1", "--kind", "stocks", "--wait", "--json")
    assert (told.code, told.err) == (0, "")
    process.terminate()
    stopped = ended(process)
    assert stopped.code == 0
    assert "Traceback" not in stopped.err
    assert "Error" not in stopped.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nightly"], "there is no run 'nightly'"),
        (["going"], "run 'going' is not over; cancel it first"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_forgotten_is_told(world, database, packcloud, arguments, told):
    packcloud("fleet", "submit", "org_1", "--kind", "orders", "--run-id", "going")
    done = packcloud("fleet", "forget", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert packcloud("fleet", "status", "going").code == 0
