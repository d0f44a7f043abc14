"""packcloud sync, against a served emulator."""

import json
import os
import re
import signal

import pytest

from packcloud_async import SyncKind
from packcloud_async.emulator import FaultPlan

from .conftest import ended
from .terminal import on_a_terminal, read_until

pytestmark = pytest.mark.sockets


def accepted(world, organization="org_1"):
    return len([run for run in world.emulator.books.runs if run.organization_id == organization])


def test_json_is_one_object_per_integration_and_nothing_else(world, packcloud):
    kinds = ("--kind", "orders", "--kind", "stocks", "--kind", "shipping-services")
    result = packcloud("sync", "org_1", "org_2", *kinds, "--deadline", "1.5", "--json")
    assert (result.code, result.err) == (0, "")
    objects = [json.loads(line) for line in result.out.splitlines()]
    assert sorted((item["organization"], item["integration"]) for item in objects) == [
        (f"org_{organization}", f"int_{integration}") for organization in (1, 2) for integration in (1, 2, 3)
    ]
    for item in objects:
        orders, stocks, services = (item["kinds"][kind] for kind in ("orders", "stocks", "shipping_services"))
        assert orders["state"] == "advanced"
        assert orders["before"] != orders["after"] == orders["steps"][-1]["after"]
        assert 0 < orders["seen_at"] <= item["elapsed"]
        assert services["before"].startswith("services:")
        assert services["state"] == ("quiet" if services["after"] == services["before"] else "advanced")
        assert item["integration"] != "int_3" or services["state"] == "advanced"
        assert stocks == {
            "state": "unobservable", "before": None, "after": None, "seen_at": None, "steps": [], "error": None
        }  # fmt: skip
        assert item["error"] is None


def test_lines_for_a_reader_name_every_kind_and_end_with_a_summary(world, packcloud):
    before = world.emulator.counters.total
    result = packcloud("sync", "org_1", "--integration", "int_3", "--all-kinds", "--deadline", "5")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].startswith("org_1/int_3  ")
    assert [line.split()[:2] for line in lines[1:5]] == [
        ["orders", "advanced"],
        ["products", "advanced"],
        ["stocks", "unobservable"],
        ["shipping_services", "advanced"],
    ]
    assert "1 integration of 1 organization in" in lines[-1]
    assert f"{world.emulator.counters.total - before} requests sent." in lines[-1]


def test_a_sync_that_finds_nothing_is_quiet_and_no_failure(world, packcloud):
    world.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[])
    result = packcloud("sync", "org_1", "--integration", "int_1", "--kind", "orders", "--deadline", "0.5")
    assert result.code == 0
    assert "orders             quiet         no change seen" in result.out


def test_organizations_and_integrations_named_twice_are_synced_once(world, packcloud):
    before = accepted(world)
    repeated = ["--integration", "int_1", "--integration", "int_1", "--kind", "stocks", "--kind", "stocks"]
    assert packcloud("sync", "org_1", "org_1", *repeated).code == 0
    assert accepted(world) == before + 1


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["lines", "json"])
def test_a_refused_kind_is_exit_code_1_with_its_reason_and_the_rest_goes_on(world, packcloud, form):
    world.emulator.set_faults(FaultPlan(routes={"sync_stocks"}, script=[403]))
    result = packcloud("sync", "org_1", "--kind", "stocks", "--kind", "orders", *form)
    assert result.code == 1
    reasons = result.err if form else result.out
    assert reasons.count("403 Forbidden") == 1
    assert result.out.count("advanced" if form else "  advanced ") >= 3
    if form:
        assert result.err.count("\n") == 1
        states = [json.loads(line)["kinds"]["stocks"]["state"] for line in result.out.splitlines()]
        assert sorted(states) == ["rejected", "unobservable", "unobservable"]


def test_a_lost_answer_is_ambiguous_and_not_sent_again(world, packcloud):
    world.emulator.set_faults(FaultPlan(routes={"sync_stocks"}, script=["drop_after"]))
    before = accepted(world)
    result = packcloud("sync", "org_1", "--integration", "int_1", "--kind", "stocks")
    assert result.code == 1
    assert "stocks             ambiguous     POST" in result.out
    assert accepted(world) == before + 1


def test_a_wrong_token_is_exit_code_1_in_one_line(world, packcloud, monkeypatch):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "wrong-token")
    result = packcloud("sync", "org_1", "--all-kinds", "--json")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "org_1: GET" in result.err
    assert "401 Unauthorized" in result.err
    assert "[check PACKCLOUD_TOKEN]" in result.err
    assert "wrong-token" not in result.err + result.out
    assert json.loads(result.out)["error"]["status"] == 401


def test_an_unknown_organization_is_exit_code_1_and_the_others_are_synced(world, packcloud):
    result = packcloud("sync", "org_1", "org_99", "--kind", "stocks")
    assert result.code == 1
    assert result.err.startswith("Error: org_99: GET /v1/organizations/org_99/integrations: 404 Not Found")
    assert result.err.count("\n") == 1
    assert result.out.count("unobservable") >= 3


def test_an_unknown_integration_is_exit_code_1_in_one_line(world, packcloud):
    result = packcloud("sync", "org_1", "--integration", "int_99", "--kind", "stocks")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith("Error: org_1/int_99: ")


def test_no_network_is_exit_code_1_in_one_line(packcloud, monkeypatch, unused_tcp_port):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "x")
    monkeypatch.setenv("PACKCLOUD_BASE_URL", f"http://127.0.0.1:{unused_tcp_port}")
    result = packcloud("sync", "org_1", "--all-kinds")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "no answer" in result.err


def test_a_watermark_cannot_write_on_the_terminal(world, packcloud):
    evil = "\x1b[2J\x1b]0;owned\x07[bold red]x[/]"
    for _ in range(2):
        world.emulator.plan_sync("org_2", "int_1", SyncKind.ORDERS, moves=[(0.1, f"{evil}{_}")])
    for form in ([], ["--json"]):
        result = packcloud("sync", "org_2", "--integration", "int_1", "--kind", "orders", *form)
        assert result.code == 0
        assert "\x1b" not in result.out
        assert "\x07" not in result.out
        assert "[bold red]x[/]" in result.out


def test_an_interrupt_is_exit_code_130_in_one_line(world, start):
    world.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[])
    process = start("sync", "org_1", "--kind", "orders", "--json")
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    result = ended(process)
    assert result.code == 130
    assert result.err == "Interrupted. The syncs that were started go on at the server.\n"


def test_on_a_terminal_results_and_failures_stand_on_lines_of_their_own(world, monkeypatch, heeded_interrupts):
    monkeypatch.setenv("TERM", "xterm-256color")
    process, terminal = on_a_terminal("sync", "org_99", "org_1", "--kind", "orders")
    shown = read_until(terminal, None)
    os.close(terminal)
    assert process.wait(10) == 1
    assert "Watching" in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    for beginning in ("Error: org_99", "org_1/int_1  "):
        before = {re.split(r"\n|\x1b\[2K", place)[-1] for place in plain.split(beginning)[:-1]}
        assert "" in before
        # A slow one may be in the view of what is under way before its own lines are written.
        assert {place.strip() for place in before} <= {"", "Slowest"}


def test_a_reader_that_leaves_early_causes_no_traceback(world, start):
    for form in (["--json"], []):
        # One result comes long after the reader left.
        world.emulator.plan_sync("org_2", "int_1", SyncKind.ORDERS, moves=[(2.0, None)])
        process = start("sync", "org_1", "org_2", "--kind", "orders", *form)
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 1
        assert process.stderr.read() == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_an_output_that_takes_no_more_is_exit_code_1_in_one_line(world, start):
    for form in (["--json"], []):
        with open("/dev/full", "w") as full:
            result = ended(start("sync", "org_1", "--kind", "stocks", *form, stdout=full))
        assert (result.code, result.err) == (1, "Error: the output cannot be written: No space left on device\n")


def test_an_output_of_another_encoding_is_written_all_the_same(world, start, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    world.emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[(0.1, "caf\u00e9")])
    result = ended(start("sync", "org_1", "--integration", "int_1", "--kind", "orders"))
    assert (result.code, result.err) == (0, "")
    assert "now caf\\xe9" in result.out
