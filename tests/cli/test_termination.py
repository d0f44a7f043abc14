"""SIGTERM, by which services and containers are stopped: the good order of Ctrl-C, with an exit code of its own."""

import asyncio
import json
import os
import signal
import subprocess
import time

import pytest

from packcloud_async import PackCloudClient, SqliteLedger, SyncKind
from packcloud_async.cli.failures import Interrupted
from packcloud_async.cli.interrupts import handler_kept
from packcloud_async.cli.running import run
from packcloud_async.emulator import FaultPlan

from .conftest import ended

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGTERM")
SLOW = FaultPlan(methods={"POST"}, latency=1.0)
SPREAD = FaultPlan(methods={"POST"}, latency=0.2, latency_spread=1.5)
WAITING = "Interrupted. Waiting for the answers under way; a second signal ends it at once."


def goes_on(file):
    return (
        f"Interrupted. The syncs that were started go on at the server; packcloud resume {file} goes on with the run."
    )


def posts(world):
    return sum(count for route, count in world.emulator.counters.by_route.items() if route.startswith("sync_"))


def states(packcloud, file):
    shown = packcloud("ledger", "show", str(file), "--json").out
    return [json.loads(line)["kinds"]["stocks"]["state"] for line in shown.splitlines()]


@pytest.fixture
def begun(world, start):
    """Start a command that sends POSTs, and wait for one to be under way."""

    def begun(*arguments, faults=SLOW, **options):
        world.emulator.set_faults(faults)
        before = posts(world)
        process = start(*arguments, **options)
        while posts(world) == before:
            assert process.poll() is None
            # A count tells nobody.
            time.sleep(0.005)
        return process

    return begun


@pytest.mark.sockets
class TestOfARun:
    """A sync, one that is repeated, and one that is gone on with."""

    def sync(self, file):
        return "sync", "org_1", "--kind", "stocks", "--ledger", str(file)

    def test_it_waits_for_the_answers_and_writes_what_they_came_to(self, begun, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        process = begun(*self.sync(file), "--json")
        process.terminate()
        result = ended(process)
        assert (result.code, result.err.splitlines()) == (143, [WAITING, goes_on(file)])
        written = [json.loads(line)["kinds"]["stocks"]["state"] for line in result.out.splitlines()]
        assert set(written) == {"unobservable"}
        found = states(packcloud, file)
        assert found.count("unobservable") == len(written) >= 1
        assert set(found) <= {"unobservable", "planned"}

    @pytest.mark.parametrize(
        ("first", "second", "code"),
        [("SIGTERM", "SIGINT", 143), ("SIGINT", "SIGTERM", 130), ("SIGTERM", "SIGTERM", 143)],
    )
    def test_a_second_signal_of_either_kind_ends_it_at_once(self, begun, packcloud, tmp_path, first, second, code):
        file = tmp_path / "run.sqlite"
        process = begun(*self.sync(file))
        process.send_signal(signal.Signals[first])
        assert process.stderr.readline().startswith("Interrupted. Waiting for the answers under way;")
        process.send_signal(signal.Signals[second])
        result = ended(process)
        assert (result.code, result.out, result.err) == (code, "", f"{goes_on(file)}\n")
        assert "sent" in states(packcloud, file)

    async def test_a_run_that_is_gone_on_with_ends_in_good_order_too(self, world, begun, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        async with PackCloudClient(token=world.emulator.token, base_url=world.base_url) as client:
            async with client.sync_many(["org_1"], kinds={SyncKind.STOCKS}, ledger=SqliteLedger(file)):
                pass  # recorded, and nothing sent
        process = begun("resume", str(file), "--json")
        process.terminate()
        result = ended(process)
        assert (result.code, result.err.splitlines()) == (143, [WAITING, goes_on(file)])
        found = await asyncio.to_thread(states, packcloud, file)
        assert found.count("unobservable") == len(result.out.splitlines()) >= 1
        assert set(found) <= {"unobservable", "planned"}

    def test_between_two_runs_nothing_is_waited_for(self, world, start):
        process = start("sync", "org_1", "--kind", "stocks", "--watch", "1h")
        for line in process.stdout:
            if line.startswith("The next run begins in "):
                break
        process.terminate()
        result = ended(process)
        assert (result.code, result.err) == (143, "Interrupted. The syncs that were started go on at the server.\n")


@pytest.mark.sockets
class TestWithAnOutputThatTakesNoMore:
    """The exit code says why it ended, whoever reads what it came to."""

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
    @pytest.mark.parametrize(
        ("number", "form"), [(signal.SIGINT, ["--json"]), (signal.SIGTERM, [])], ids=["json", "lines"]
    )
    def test_a_full_disk(self, begun, tmp_path, number, form):
        file = tmp_path / "run.sqlite"
        with open("/dev/full", "w") as full:
            process = begun("sync", "org_1", "--kind", "stocks", "--ledger", str(file), *form, stdout=full)
            process.send_signal(number)
            result = ended(process)
        assert result.code == 128 + number
        assert result.err.splitlines()[1:] == [
            "Error: the output cannot be written: No space left on device",
            goes_on(file),
        ]

    def test_a_closed_pipe(self, begun, tmp_path):
        file = tmp_path / "run.sqlite"
        process = begun("sync", "org_1", "--kind", "stocks", "--ledger", str(file))
        process.stdout.close()
        process.terminate()
        assert process.wait(20) == 143
        assert process.stderr.read().splitlines()[1:] == [goes_on(file)]

    def test_a_closed_pipe_alone_leaves_no_answer_under_way_either(self, world, begun, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        process = begun("sync", "org_1", "--kind", "stocks", "--ledger", str(file), faults=SPREAD)
        process.stdout.close()
        assert process.wait(20) == 1
        assert "sent" not in states(packcloud, file)

    def test_a_closed_pipe_for_stderr_as_well(self, begun, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        process = begun("sync", "org_1", "--kind", "stocks", "--ledger", str(file), stderr=subprocess.STDOUT)
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert "unobservable" in states(packcloud, file)


@pytest.mark.sockets
def test_an_emulator_that_saves_nothing_is_stopped_by_it(start):
    process = start("emulator")
    for line in process.stdout:
        if line.startswith("and then, for example"):
            break
    process.terminate()
    result = ended(process)
    assert (result.code, result.err) == (143, "Stopped.\n")


class TestWhoseItIs:
    """It is heeded while a command runs, where nobody else has a use for it."""

    @pytest.fixture(autouse=True)
    def unused(self):
        before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
        yield
        signal.signal(signal.SIGTERM, before)

    async def where_it_is_seen(self):
        return signal.getsignal(signal.SIGTERM)

    async def terminated(self):
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(10)

    def test_it_is_handed_back_at_the_end(self):
        assert run(self.where_it_is_seen()) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    def test_it_is_handed_back_when_one_came(self, heeded_interrupts):
        with handler_kept(), pytest.raises(Interrupted, match=r"^Interrupted\.$") as caught:
            run(self.terminated())
        assert caught.value.exit_code == 143
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    @pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "a caller's own"])
    def test_one_that_is_in_use_is_left_alone(self, heeded_interrupts, handler):
        signal.signal(signal.SIGTERM, handler)
        assert run(self.where_it_is_seen()) is handler
        assert signal.getsignal(signal.SIGTERM) is handler
