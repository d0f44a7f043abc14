"""packcloud sync in real operations: lists of organizations, dry runs, repeated runs, quiet ones, tables that move."""

import asyncio
import io
import json
import os
import re
import signal
import time

import pytest
from rich.console import Console

from packcloud_async import (
    BudgetState,
    ClientStateError,
    Direction,
    KindOutcome,
    Outcome,
    SqliteLedger,
    Step,
    SyncKind,
    SyncReport,
    SyncResult,
    read_ledger,
)
from packcloud_async.cli import carrying_out
from packcloud_async.cli.carrying_out import write_all
from packcloud_async.cli.console import console_for_prose
from packcloud_async.cli.numbers import Speed
from packcloud_async.cli.organization_lists import LARGEST_LIST, read_organizations
from packcloud_async.cli.results import FailuresOnly, HumanLines
from packcloud_async.cli.run_views import RunView
from packcloud_async.cli.running import run
from packcloud_async.cli.sync_runs import Order, Repetition, sync_repeatedly
from packcloud_async.client import PackCloudClient
from packcloud_async.emulator import FaultPlan
from packcloud_async.errors import ConfigurationError
from packcloud_async.policies import PollPolicy
from packcloud_async.targets import SyncTarget

from ..support.shop import STEADY, open_shop
from .conftest import ended
from .terminal import on_a_terminal, read_until

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind


def accepted(world):
    return len(world.emulator.books.runs)


def posts(world):
    return sum(count for route, count in world.emulator.counters.by_route.items() if route.startswith("sync_"))


class TestLists:
    """Organizations from a file or standard input."""

    @pytest.mark.parametrize(
        ("content", "ids"),
        [
            (b"", ()),
            (b"# nothing\n\n  \n", ()),
            (b"org_1\norg_2\n", ("org_1", "org_2")),
            (b"\xef\xbb\xbforg_1\r\n org_2  # the second\r\norg_1", ("org_1", "org_2")),
            ("b\u00fcro\n".encode(), ("b\u00fcro",)),
            (b"\t# x\norg#1\norg#2\t#x # y", ("org#1", "org#2")),
        ],
    )
    def test_one_on_each_line_comments_and_repetitions_aside(self, content, ids):
        assert read_organizations(content, "shops.txt") == ids

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"a\nb c\n", "shops.txt, line 2: one organization on each line, not 'b c'"),
            (b"a\x0cb", "shops.txt, line 1: one organization on each line, not 'a\\x0cb'"),
            (b"..", "shops.txt, line 1: the organization must be a non-empty text that is not '.' or '..', not '..'"),
            (b"\xff", "shops.txt: it is not UTF-8"),
            (b"x" * (LARGEST_LIST + 1), f"shops.txt: it is larger than {LARGEST_LIST} bytes"),
        ],
    )
    def test_what_is_none_is_told_by_its_line(self, content, told):
        with pytest.raises(ConfigurationError) as caught:
            read_organizations(content, "shops.txt")
        assert str(caught.value) == told

    @pytest.mark.sockets
    @pytest.mark.parametrize("where", ["file", "stdin"])
    def test_they_are_synced_beside_those_that_are_named(self, world, packcloud, tmp_path, where):
        content = b"# mine\norg_2\norg_1\n"
        (tmp_path / "shops.txt").write_bytes(content)
        name = "-" if where == "stdin" else str(tmp_path / "shops.txt")
        result = packcloud("sync", "org_1", "--organizations-from", name, "--kind", "stocks", "--json", stdin=content)
        assert (result.code, result.err) == (0, "")
        found = [json.loads(line)["organization"] for line in result.out.splitlines()]
        assert sorted(found) == ["org_1"] * 3 + ["org_2"] * 3

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "--organizations-from: there is no organization in it"),
            ("a b", "line 1: one organization on each line, not 'a b'"),
            ("\x1b[2J x", "line 1: one organization on each line"),
        ],
    )
    def test_a_list_that_cannot_be_used_is_a_usage_error(self, packcloud, tmp_path, content, told):
        (tmp_path / "shops.txt").write_text(content)
        result = packcloud("sync", "--organizations-from", str(tmp_path / "shops.txt"), "--all-kinds")
        assert (result.code, result.out) == (2, "")
        assert told in result.err
        assert "\x1b" not in result.err


@pytest.mark.sockets
class TestDryRuns:
    """What would be started; nothing is."""

    def test_no_post_leaves_and_every_sync_is_named(self, world, packcloud):
        before = posts(world), accepted(world)
        result = packcloud("sync", "org_1", "org_2", "--all-kinds", "--dry-run")
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines() == [
            *(
                f"org_{organization}/int_{integration}  orders, products, stocks, shipping_services"
                for organization in (1, 2)
                for integration in (1, 2, 3)
            ),
            "Would start 24 syncs of 6 integrations of 2 organizations. Nothing was started.",
        ]
        assert (posts(world), accepted(world)) == before

    def test_one_integration_is_looked_for(self, world, packcloud):
        before = posts(world)
        result = packcloud("sync", "org_1", "--integration", "int_2", "--kind", "orders", "--dry-run")
        told = "org_1/int_2  orders\nWould start 1 sync of 1 integration of 1 organization. Nothing was started.\n"
        assert (result.code, result.out) == (0, told)
        result = packcloud("sync", "org_1", "--integration", "int_99", "--kind", "orders", "--dry-run")
        assert (result.code, result.err.count("\n")) == (1, 1)
        assert result.err.startswith("Error: org_1/int_99: ")
        assert posts(world) == before

    def test_json_is_one_object_per_integration_and_one_for_what_cannot_be_read(self, world, packcloud):
        before = posts(world)
        result = packcloud("sync", "org_1", "org_99", "--kind", "orders", "--dry-run", "--json")
        assert result.code == 1
        objects = [json.loads(line) for line in result.out.splitlines()]
        assert objects[:3] == [
            {"organization": "org_1", "integration": f"int_{number}", "kinds": ["orders"], "error": None}
            for number in (1, 2, 3)
        ]
        assert (objects[3]["integration"], objects[3]["kinds"]) == (None, [])
        assert (objects[3]["error"]["type"], objects[3]["error"]["status"]) == ("NotFound", 404)
        assert posts(world) == before

    def test_a_ledger_is_not_made(self, world, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        assert packcloud("sync", "org_1", "--all-kinds", "--dry-run", "--ledger", str(file)).code == 0
        assert not file.exists()

    def test_whatever_fails_no_post_leaves(self, world, packcloud):
        before = posts(world)
        for fault in ("bad_json", "truncate", 401, 404, "empty"):
            world.emulator.set_faults(FaultPlan(script=[fault]))
            assert packcloud("sync", "org_1", "--all-kinds", "--dry-run").code in {0, 1}
        assert posts(world) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--dry-run", "--watch", "5m"], "give --dry-run or --watch, not both"),
        (["--dry-run", "--quiet"], "give --dry-run or --quiet, not both"),
        (["--json", "--quiet"], "give --json or --quiet, not both"),
        (["--watch", "0"], "must be longer than nothing"),
        (["--watch", "often"], "must be a time such as 90s, 5m or 1h, not 'often'"),
        (["--kinds", "orders,invoices"], "'invoices' is not one of"),
        (["--organizations-from", "/no/such"], "No such file"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(packcloud, arguments, told):
    kinds = [] if "--kinds" in arguments else ["--all-kinds"]
    result = packcloud("sync", "org_1", *kinds, *arguments)
    assert (result.code, result.out) == (2, "")
    assert told in result.err


@pytest.mark.sockets
def test_kinds_may_be_given_with_commas(world, packcloud):
    result = packcloud("sync", "org_1", "--kinds", "orders,shipping-services", "--kind", "orders", "--dry-run")
    assert result.out.startswith("org_1/int_1  orders, shipping_services\n")


@pytest.mark.sockets
def test_quiet_writes_failures_alone(world, packcloud):
    assert packcloud("sync", "org_1", "--kind", "stocks", "-q") == type(packcloud("--version"))(0, "", "")
    result = packcloud("sync", "org_1", "org_99", "--kind", "stocks", "--quiet")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith("Error: org_99: ")


@pytest.mark.sockets
class TestRepeatedRuns:
    """One run after the other."""

    def order(self, world, times, **options):
        given = {"ledger": None, "force": False, "as_json": True, "quiet": False, **options}
        order = Order(targets=[SyncTarget("org_1")], kinds=(STOCKS,), **given)

        async def act():
            async with PackCloudClient(token=world.emulator.token, base_url=world.base_url) as client:
                return await sync_repeatedly(client, order, PollPolicy(), Repetition(0.05, times))

        return run(act())

    def test_results_are_numbered_and_a_failure_of_any_is_told(self, world, capsys):
        before = accepted(world)
        assert self.order(world, 2)
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [item["run"] for item in found] == [1, 1, 1, 2, 2, 2]
        assert accepted(world) == before + 6
        world.emulator.set_faults(FaultPlan(routes={"sync_stocks"}, script=[403]))
        assert not self.order(world, 2)

    def test_the_ledger_keeps_the_last_run(self, world, capsys, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        assert self.order(world, 3, ledger=file)
        capsys.readouterr()
        shown = packcloud("ledger", "show", str(file), "--json")
        assert (shown.code, len(shown.out.splitlines())) == (0, 3)

    def test_a_reader_is_told_when_the_next_one_begins(self, world, start):
        process = start("sync", "org_1", "--kind", "stocks", "--watch", "1h")
        told = ""
        while "The next run begins in" not in told:
            told += process.stdout.readline()
        assert "The next run begins in 0:59:5" in told
        process.send_signal(signal.SIGINT)
        result = ended(process)
        assert (result.code, result.err) == (
            130,
            "Interrupted. The syncs that were started go on at the server.\n",
        )


@pytest.mark.sockets
class TestCtrlC:
    """The first one waits for the answers under way, the second one for nothing."""

    SLOW = FaultPlan(methods={"POST"}, latency=1.5)

    def begun(self, world, start, file, *options):
        world.emulator.set_faults(self.SLOW)
        before = posts(world)
        process = start("sync", "org_1", "--kind", "stocks", "--ledger", str(file), *options)
        while posts(world) == before:
            assert process.poll() is None
            # A count tells nobody.
            time.sleep(0.005)
        return process

    def states(self, packcloud, file):
        shown = packcloud("ledger", "show", str(file), "--json").out
        return [json.loads(line)["kinds"]["stocks"]["state"] for line in shown.splitlines()]

    def test_once_waits_for_the_answers_and_writes_what_they_came_to(self, world, start, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        process = self.begun(world, start, file, "--json")
        process.send_signal(signal.SIGINT)
        result = ended(process)
        assert result.code == 130
        assert result.err.splitlines() == [
            "Interrupted. Waiting for the answers under way; Ctrl-C again ends it at once.",
            "Interrupted. The syncs that were started go on at the server; "
            f"packcloud resume {file} goes on with the run.",
        ]
        written = [json.loads(line)["kinds"]["stocks"]["state"] for line in result.out.splitlines()]
        assert set(written) == {"unobservable"}
        states = self.states(packcloud, file)
        assert states.count("unobservable") == len(written) >= 1
        assert set(states) <= {"unobservable", "planned"}

    def test_twice_ends_it_at_once_and_the_ledger_goes_on(self, world, start, packcloud, tmp_path):
        file = tmp_path / "run.sqlite"
        process = self.begun(world, start, file)
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith("Interrupted. Waiting for the answers under way;")
        process.send_signal(signal.SIGINT)
        result = ended(process)
        assert (result.code, result.err.startswith("Interrupted. The syncs that were started go on")) == (130, True)
        states, before = self.states(packcloud, file), posts(world)
        assert "sent" in states
        world.emulator.set_faults(FaultPlan())
        assert packcloud("resume", str(file)).code == 1
        assert posts(world) == before + states.count("planned")
        assert self.states(packcloud, file).count("ambiguous") == states.count("sent")


BUDGET = BudgetState(rate=50.0, lowest_rate=50.0, paused_for=0.0, waited=0.0, refusals=0, retries=0, retries_withheld=0)
STEP = Step(before=None, after="x", seen_at=3.25, direction=Direction.FORWARD)
MOVED = KindOutcome(state=Outcome.ADVANCED, after="x", steps=(STEP,))


def report(**changes):
    given = {
        "organizations": 12,
        "organizations_done": 10,
        "integrations": 30,
        "in_flight": 7,
        "not_started": 1,
        "outcomes": {
            ORDERS: {Outcome.ADVANCED: 20, Outcome.REJECTED: 1},
            STOCKS: {Outcome.UNOBSERVABLE: 21, Outcome.ADVANCED: 1},
        },
        "requests_sent": 321,
        "elapsed": 65.0,
        "slowest": (
            SyncResult(organization_id="org_1\x1b[2J", integration_id="int_1", kinds={ORDERS: MOVED}, elapsed=4.0),
            SyncResult(
                organization_id="org_2", integration_id=None, kinds={}, elapsed=3.0, error=ClientStateError("x")
            ),
        ),
        "finished": False,
        "budget": BUDGET,
    }
    return SyncReport(**{**given, **changes})


def drawn(table):
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


class TestViews:
    """A run that is under way."""

    def test_a_table_tells_how_far_it_is(self):
        shown = [line.rstrip() for line in drawn(RunView(report(), 40, 48.25).table()).splitlines()]
        assert shown == [
            "Watching  10 of 40 organizations done, 7 integrations in flight, 0:01:05",
            "Outcomes  21 advanced  21 unobservable  1 rejected  1 not started",
            "Requests  48.2 of 50 per second, 321 sent",
            "Slowest   org_1[2J/int_1  4.0 s  orders advanced at 3.2 s",
        ]

    def test_a_table_of_a_run_that_has_just_begun(self):
        budget = BudgetState(
            rate=None, lowest_rate=None, paused_for=12.0, waited=0.0, refusals=1, retries=0, retries_withheld=0
        )
        view = RunView(report(outcomes={}, slowest=(), not_started=0, budget=budget), None, 0.0)
        assert "Outcomes  none yet" in drawn(view.table())
        assert view.line() == (
            "0:01:05  10 organizations done, 7 integrations in flight; no outcomes yet; "
            "0.0 per second, 321 sent, paused for 12 s"
        )

    @pytest.mark.parametrize(
        ("done", "planned", "in_flight", "told"),
        [
            (1, None, 1, "1 organization done, 1 integration in flight"),
            (0, 1, 0, "0 of 1 organization done, 0 integrations in flight"),
            (1, 2, 1, "1 of 2 organizations done, 1 integration in flight"),
        ],
    )
    def test_numbers_agree_with_their_nouns(self, done, planned, in_flight, told):
        view = RunView(report(organizations_done=done, in_flight=in_flight), planned, 0.0)
        assert view.line().partition("  ")[2].partition(";")[0] == told

    def test_a_log_gets_a_line_without_a_table(self, capsys):
        writer = HumanLines(40)
        assert writer.progress_every == 30
        with writer:
            writer.progress(report())
        assert capsys.readouterr().out == (
            "0:01:05  10 of 40 organizations done, 7 integrations in flight; "
            "21 advanced, 21 unobservable, 1 rejected; 0.0 of 50 per second, 321 sent\n"
        )
        writer.progress(report(requests_sent=921, elapsed=95.0))
        assert " 20.0 of 50 per second, 921 sent" in capsys.readouterr().out

    def test_speed_is_that_of_the_last_seconds(self):
        speed = Speed(window=5)
        assert [speed.after(at, count) for at, count in [(0, 0), (1, 10), (5, 50), (10, 50), (15, 50)]] == [
            0, 10, 10, 0, 0
        ]  # fmt: skip


@pytest.mark.sockets
class TestTerminals:
    """What moves."""

    def shown(self, world, monkeypatch, *arguments):
        monkeypatch.setenv("TERM", "xterm-256color")
        process, terminal = on_a_terminal(*arguments)
        shown = read_until(terminal, None)
        os.close(terminal)
        return process.wait(10), shown

    def test_a_table_moves_below_the_results_and_is_gone_at_the_end(self, world, monkeypatch):
        code, shown = self.shown(world, monkeypatch, "sync", "org_1", "--kind", "orders")
        assert code == 0
        plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
        assert "of 1 organization done, 3 integrations in flight, 0:00:0" in plain
        assert "per second, " in plain
        assert plain.rindex("\x1b[2K") < plain.rindex("1 organization in")
        assert plain.rindex("\x1b[?25h") > plain.rindex("\x1b[?25l")

    def test_no_color_takes_the_colours_away(self, world, monkeypatch):
        coloured = re.compile(r"\x1b\[[\d;]*3[0-7][\d;]*m")
        assert coloured.search(self.shown(world, monkeypatch, "sync", "org_1", "--kind", "stocks")[1])
        monkeypatch.setenv("NO_COLOR", "1")
        assert not coloured.search(self.shown(world, monkeypatch, "sync", "org_1", "--kind", "stocks")[1])

    def test_quiet_and_json_move_nothing(self, world, monkeypatch):
        for form in ("--quiet", "--json"):
            assert "\x1b" not in self.shown(world, monkeypatch, "sync", "org_1", "--kind", "orders", form)[1]


class Full(HumanLines):
    """An output that takes no more."""

    def __init__(self):
        super().__init__()
        self.progress_every = 0.1

    def progress(self, report):
        raise OSError(28, "No space left on device")


async def test_an_output_that_takes_no_more_progress_is_told_at_the_end(capsys):
    async with open_shop(organizations=1) as shop:
        with pytest.raises(OSError, match="No space left"):
            await write_all(shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY), Full())
    assert capsys.readouterr().out.count("advanced") == 4


def closed(*_, **__):
    raise BrokenPipeError(32, "Broken pipe")


class Closed(FailuresOnly):
    """A pipe whose other end is closed."""

    def write(self, result):
        closed()


@pytest.mark.parametrize("after", [None, 0.5], ids=["by itself", "interrupted"])
async def test_when_an_output_takes_no_more_no_answer_under_way_is_lost(tmp_path, monkeypatch, after):
    path = tmp_path / "run.sqlite"
    monkeypatch.setattr(carrying_out, "complain", closed)
    async with open_shop(organizations=1) as shop:
        shop.emulator.set_faults(FaultPlan(methods={"POST"}, latency=1.0, latency_spread=5.0))
        run = shop.client.sync_many(["org_1"], kinds={STOCKS}, ledger=SqliteLedger(path))
        task = asyncio.create_task(write_all(run, Closed()))
        if after is not None:
            await asyncio.sleep(after)
            assert run.posts_under_way
            task.cancel()
        with pytest.raises(BrokenPipeError):
            await task
        assert len(shop.emulator.books.runs) == 4
    with read_ledger(path) as contents:
        (target,) = contents.targets()
        assert {job.kinds[STOCKS].state for job in target.jobs} == {Outcome.UNOBSERVABLE}


async def test_a_log_is_told_every_thirty_seconds_how_far_a_run_is(capsys):
    async with open_shop(organizations=1) as shop:
        for number in range(1, 5):
            shop.emulator.plan_sync("org_1", f"int_{number}", ORDERS, moves=[])
        assert await write_all(shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY), HumanLines(1))
    lines = [line for line in capsys.readouterr().out.splitlines() if "in flight" in line]
    assert [line.split("  ")[0] for line in lines] == ["0:00:30", "0:01:00"]
    assert "0 of 1 organization done, 4 integrations in flight; no outcomes yet; " in lines[0]


def test_a_console_for_prose_moves_nothing_in_a_pipe(capsys):
    assert not console_for_prose().is_terminal
