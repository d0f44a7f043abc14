"""packcloud fleet, on a real PostgreSQL: what is submitted is carried out by workers in processes of their own."""

import json
import shutil
import signal
import sys
import time

import pytest

from packcloud_async.emulator import Emulator, FaultPlan

from .conftest import SYNC_TIMES, Ended, ended, serving

pytestmark = pytest.mark.sockets

pytest.importorskip("procrastinate", reason="the extra fleet")


@pytest.fixture
def database(fleet_database, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_DATABASE", fleet_database)
    return fleet_database


@pytest.fixture
def worker(start):
    """Start a worker, and wait until it works."""

    def run(*options):
        process = start("fleet", "worker", "--silent-for", "3", *options)
        assert "Working for <Fleet" in process.stdout.readline()
        return process

    return run


def test_what_is_submitted_is_carried_out_by_a_worker(world, database, packcloud, worker):
    process = worker()
    told = packcloud(
        "fleet",
        "submit",
        "org_1",
        "org_2",
        "--kinds",
        "orders,stocks",
        "--run-id",
        "nightly",
        "--wait",
        "--json",
        "--deadline",
        "2",
    )
    assert (told.code, told.err) == (0, "")
    results = [json.loads(line) for line in told.out.splitlines()]
    assert {(one["organization"], one["integration"]) for one in results} == {
        (f"org_{organization}", f"int_{integration}") for organization in (1, 2) for integration in (1, 2, 3)
    }
    assert all(set(one["kinds"]) == {"orders", "stocks"} for one in results)
    # The same again, for a reader.
    again = packcloud("fleet", "results", "nightly")
    assert (again.code, again.err) == (0, "")
    assert "org_1/int_1" in again.out
    assert "6 integrations of 2 organizations" in again.out
    status = json.loads(packcloud("fleet", "status", "nightly", "--json").out)
    assert (status["finished"], status["integrations"], status["failed"]) == (True, 6, 0)
    assert status["outcomes"]["stocks"] == {"unobservable": 6}
    assert "6 integrations of 2 organizations" in packcloud("fleet", "status", "nightly").out
    process.terminate()
    stopped = ended(process)
    assert (stopped.code, stopped.err) == (0, "")


def test_runs_are_listed_and_ended(world, database, packcloud):
    assert packcloud("fleet", "status").out == "There is no run in this database.\n"
    assert packcloud("fleet", "status", "--json").out == ""
    first = packcloud("fleet", "submit", "org_1", "--all-kinds").out.strip()
    second = json.loads(packcloud("fleet", "submit", "org_1", "--kind", "orders", "--json").out)["run"]
    assert first != second
    listed = packcloud("fleet", "status").out
    assert listed.index(second) < listed.index(first)
    assert listed.count("under way") == 2
    assert "0 of 1 organization done" in packcloud("fleet", "status", first).out
    assert f"Run {first} is over." in packcloud("fleet", "cancel", first).out
    told = packcloud("fleet", "results", first, "--quiet")
    assert (told.code, told.out) == (1, "")
    assert "org_1: " in told.err
    assert "RunCancelled" in told.err
    objects = [json.loads(line) for line in packcloud("fleet", "status", "--json").out.splitlines()]
    assert [(one["run"], one["cancelled"] is not None) for one in objects] == [(second, False), (first, True)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["results", "nightly"], "there is no run 'nightly'"),
        (["cancel", "nightly"], "there is no run 'nightly'"),
        (["status", "nightly"], "there is no run 'nightly'"),
        (["submit", "--all-kinds"], "name organizations"),
        (["submit", "org_1"], "say what to sync"),
        (["submit", "org_1", "--all-kinds", "--run-id", "a b"], "run_id must be"),
        (["results", "nightly", "--json", "--quiet"], "not both"),
        (["submit", "..", "--all-kinds"], "organization_id must be"),
    ],
)
def test_a_command_that_is_wrong_says_so(world, database, packcloud, arguments, told):
    done = packcloud("fleet", *arguments)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_a_database_must_be_named_and_have_its_tables(world, postgres, packcloud, monkeypatch):
    monkeypatch.delenv("PACKCLOUD_DATABASE", raising=False)
    missing = packcloud("fleet", "status")
    assert missing.code == 2
    assert "PACKCLOUD_DATABASE" in missing.err
    url = postgres.database()
    empty = packcloud("fleet", "status", "--database", url)
    assert empty.code == 1
    assert "packcloud fleet init" in empty.err
    assert empty.err.count("\n") == 1
    for _ in range(2):
        assert packcloud("fleet", "init", "--database", url) == Ended(0, "The tables of the fleet are there.\n", "")
    assert packcloud("fleet", "status", "--database", url).code == 0


@pytest.mark.parametrize("url", ["postgresql://me:hush-hush@127.0.0.1:1/x", "postgresql://me:hush-hush@[/"])
def test_the_password_of_a_database_is_not_shown(world, packcloud, url):
    told = packcloud("fleet", "status", "--database", url)
    assert told.code in {1, 2}
    assert told.err.count("\n") == 1
    assert "hush" not in told.err + told.out


def test_without_the_extra_it_says_what_to_install(world, packcloud, monkeypatch):
    monkeypatch.setitem(sys.modules, "packcloud_async.fleet", None)
    told = packcloud("fleet", "status", "--database", "postgresql://localhost/x")
    assert (told.code, told.out) == (2, "")
    assert "pip install 'packcloud_async[cli,fleet]'" in told.err
    # Its help needs none of it.
    assert packcloud("fleet", "worker", "--help").code == 0


def test_a_worker_with_a_wrong_token_ends_nothing_but_its_jobs(world, database, packcloud, worker, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setenv("PACKCLOUD_TOKEN", "wrong")
        worker()
        told = packcloud("fleet", "submit", "org_1", "--kind", "orders", "--wait", "--json")
    assert told.code == 1
    assert "Unauthorized 401" in told.err
    assert "wrong" not in told.err


def test_ctrl_c_stops_a_worker_in_good_order(database, packcloud, worker, monkeypatch):
    slow = Emulator(organizations=1, integrations=8, sync_times=SYNC_TIMES, faults=FaultPlan(latency=0.2))
    with serving(slow) as world:
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        process = worker()
        packcloud("fleet", "submit", "org_1", "--kind", "stocks", "--deadline", "2")
        while not slow.books.runs:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stopped = ended(process)
        assert stopped.code == 130
        assert "left to the others" in stopped.err
        assert "Traceback" not in stopped.err
        worker()
        assert packcloud("fleet", "results", packcloud("fleet", "status", "--json").out.split('"')[3]).code == 0
    assert slow.counters.duplicate_posts == 0
    assert len(slow.books.runs) == 8


def test_the_demonstration_kills_a_worker_and_loses_nothing(packcloud):
    told = packcloud("fleet", "demo", "--organizations", "3", "--integrations", "2")
    assert told.code == 0, told
    assert "one worker is killed" in told.out
    assert "all 24 outcomes are true; syncs started twice: none." in told.out


def test_a_demonstration_whose_workers_end_says_so(packcloud, fleet_database, monkeypatch):
    from packcloud_async.cli import fleet_demo

    class NoPython:
        executable = shutil.which("false")

    monkeypatch.setattr(fleet_demo, "sys", NoPython)
    told = packcloud("fleet", "demo", "--organizations", "3", "--integrations", "1", "--database", fleet_database)
    assert told.code == 1
    assert "the workers ended before they began" in told.err
    assert "Traceback" not in told.err
