"""packcloud sync --report, resume --report and report: pages that are written, and those that are refused."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

import pytest

from packcloud_async.cli.report_pages import Report, prepared
from packcloud_async.cli.running import run
from packcloud_async.cli.sync_runs import Order, Repetition, sync_repeatedly
from packcloud_async.client import PackCloudClient
from packcloud_async.emulator import FaultPlan
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy
from packcloud_async.reporting.page import BEGINNING
from packcloud_async.targets import SyncTarget

from .conftest import ended

pytest.importorskip("plotly", reason="plotly draws the pictures: the extra report")
STOCKS = SyncKind.STOCKS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.html"


def posts(world):
    return sum(count for route, count in world.emulator.counters.by_route.items() if route.startswith("sync_"))


def jobs_in(path):
    """The jobs that the script of a page would find: organization, integration, and the states of its kinds."""
    page = path.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="jobs">(.*?)</script>', page)
    data = json.loads(found)
    return sorted(
        (data["texts"][organization], job[0] or "", [data["states"][kind[1]] for kind in job[5]])
        for first, end, organization in data["bands"]
        for job in data["jobs"][first:end]
    )


def is_marked(path):
    return re.search(r'class="mark \w+">([\w ]+)<', path.read_text(encoding="utf-8"))[1]


@pytest.mark.sockets
class TestSync:
    """A run and its page."""

    def test_a_page_of_the_run_is_written_and_told(self, world, packcloud, path, tmp_path):
        result = packcloud("sync", "org_1", "org_2", "--kind", "stocks", "--report", str(path))
        assert (result.code, result.err) == (0, "")
        assert result.out.splitlines()[-1] == f"The report is in {path}."
        assert jobs_in(path) == [
            (f"org_{organization}", f"int_{number}", ["unobservable"])
            for organization in (1, 2)
            for number in (1, 2, 3)
        ]
        assert is_marked(path) == "finished"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [item.name for item in tmp_path.iterdir()] == ["run.html"]
        assert world.emulator.token not in path.read_text(encoding="utf-8")

    @pytest.mark.parametrize("form", ["--json", "--quiet"])
    def test_other_forms_write_what_they_always_write(self, world, packcloud, path, form):
        with_page = packcloud("sync", "org_1", "--kind", "stocks", form, "--report", str(path))
        without = packcloud("sync", "org_1", "--kind", "stocks", form)
        assert (with_page.code, with_page.err, len(with_page.out.splitlines())) == (
            without.code,
            without.err,
            len(without.out.splitlines()),
        )
        assert len(jobs_in(path)) == 3

    def test_failures_are_on_it_and_the_exit_code_is_that_of_the_run(self, world, packcloud, path):
        world.emulator.set_faults(FaultPlan(routes={"sync_stocks"}, script=[403]))
        result = packcloud("sync", "org_1", "org_99", "--kind", "stocks", "--report", str(path))
        assert result.code == 1
        states = [states for *_, states in jobs_in(path)]
        assert sorted(states) == [[], ["rejected"], ["unobservable"], ["unobservable"]]
        assert "Forbidden 403" in path.read_text(encoding="utf-8")

    def test_an_earlier_report_is_replaced(self, world, packcloud, path):
        path.write_bytes(BEGINNING)
        assert packcloud("sync", "org_1", "--kind", "stocks", "--report", str(path)).code == 0
        assert len(jobs_in(path)) == 3

    def test_one_that_cannot_be_written_at_the_end_is_told(self, world, packcloud, path, monkeypatch):
        def full(made, target):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("packcloud_async.reporting.file.Path.replace", full)
        result = packcloud("sync", "org_1", "--kind", "stocks", "--report", str(path), "--quiet")
        assert (result.code, result.out) == (1, "")
        assert result.err == "Error: the report cannot be written: No space left on device\n"

    @pytest.mark.skipif(os.name != "posix", reason="SIGINT")
    def test_ctrl_c_leaves_one_that_is_marked(self, world, start, path):
        world.emulator.set_faults(FaultPlan(methods={"POST"}, latency=1.0))
        before = posts(world)
        process = start("sync", "org_1", "org_2", "--kind", "stocks", "--json", "--report", str(path))
        while posts(world) == before:
            assert process.poll() is None
            # A count tells nobody.
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 130
        assert is_marked(path) == "not finished"
        states = [state for *_, states in jobs_in(path) for state in states]
        assert "unobservable" in states
        assert set(states) <= {"unobservable", "not finished"}

    def test_each_run_of_a_watch_replaces_it(self, world, path, monkeypatch):
        report = prepared(path, is_told=False, apart_from=None)
        given = {"ledger": None, "force": False, "as_json": True, "quiet": False, "report": report}
        order = Order(targets=[SyncTarget("org_1")], kinds=(STOCKS,), **given)
        pages = []

        def write(self, story, written=Report.write_story):
            pages.append(len(story.jobs))
            return written(self, story)

        async def act():
            hooks = [report.recording]
            async with PackCloudClient(token=world.emulator.token, base_url=world.base_url, hooks=hooks) as client:
                return await sync_repeatedly(client, order, PollPolicy(), Repetition(0.01, 3))

        monkeypatch.setattr(Report, "write_story", write)
        assert run(act())
        assert pages == [3, 3, 3]
        assert len(jobs_in(path)) == 3

    def test_a_run_that_never_began_leaves_what_is_there(self, world, packcloud, path, tmp_path):
        path.write_bytes(BEGINNING + b"an earlier one")
        ledger = tmp_path / "run.sqlite"
        ledger.write_bytes(b"")
        (tmp_path / "run.sqlite-wal").write_bytes(b"remains")
        result = packcloud("sync", "org_1", "--kind", "stocks", "--ledger", str(ledger), "--report", str(path))
        assert result.code == 1
        assert path.read_bytes() == BEGINNING + b"an earlier one"


@pytest.mark.sockets
class TestFromALedger:
    """packcloud report, and resume."""

    def test_a_page_of_the_whole_run_is_made_later(self, world, packcloud, tmp_path):
        ledger = tmp_path / "run.sqlite"
        assert packcloud("sync", "org_1", "org_99", "--kind", "stocks", "--ledger", str(ledger)).code == 1
        before = sum(world.emulator.counters.by_route.values())
        result = packcloud("report", str(ledger))
        page = tmp_path / "run.sqlite.html"
        assert (result.code, result.out, result.err) == (0, f"The report is in {page}.\n", "")
        assert sum(world.emulator.counters.by_route.values()) == before
        assert [states for *_, states in jobs_in(page)] == [["unobservable"]] * 3 + [[]]
        told = page.read_text(encoding="utf-8")
        assert "NotFound 404" in told
        assert "A ledger does not record requests." in told
        assert packcloud("report", str(ledger), "--output", str(tmp_path / "other.html")).code == 0
        assert (tmp_path / "other.html").read_bytes()[:50] == page.read_bytes()[:50]

    @pytest.mark.skipif(os.name != "posix", reason="SIGINT")
    def test_a_resumed_run_has_a_page_of_its_own_part(self, world, start, packcloud, path, tmp_path):
        world.emulator.set_faults(FaultPlan(methods={"POST"}, latency=1.0))
        before, ledger = posts(world), tmp_path / "run.sqlite"
        process = start("sync", "org_1", "--kind", "stocks", "--ledger", str(ledger))
        while posts(world) == before:
            assert process.poll() is None
            # A count tells nobody.
            time.sleep(0.005)
        process.kill()
        process.wait()
        world.emulator.set_faults(FaultPlan())
        assert packcloud("report", str(ledger), "--output", str(tmp_path / "killed.html")).code == 0
        assert is_marked(tmp_path / "killed.html") == "not finished"
        packcloud("resume", str(ledger), "--report", str(path))
        assert is_marked(path) == "finished"
        assert "The run was resumed" in path.read_text(encoding="utf-8")
        assert packcloud("report", str(ledger), "--output", str(tmp_path / "whole.html")).code == 0
        assert is_marked(tmp_path / "whole.html") == "finished"
        assert len(jobs_in(tmp_path / "whole.html")) == 3


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "no" / "run.html", "there is no folder"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: folder / "mine.txt", "is there already and is no report"),
        (lambda folder: folder / "link.html", "is a link, which is not followed"),
    ],
    ids=["no folder", "folder", "another file", "link"],
)
@pytest.mark.parametrize("command", ["sync", "resume", "report"])
def test_a_path_that_cannot_be_written_is_refused_before_anything_is_sent(
    packcloud, tmp_path, monkeypatch, make, told, command, unfinished_ledger
):
    monkeypatch.setenv("PACKCLOUD_TOKEN", "t")
    monkeypatch.setenv("PACKCLOUD_BASE_URL", "http://127.0.0.1:9")
    (tmp_path / "mine.txt").write_bytes(b"mine")
    (tmp_path / "link.html").symlink_to("mine.txt")
    arguments = {
        "sync": ["sync", "org_1", "--kind", "orders", "--report"],
        "resume": ["resume", str(unfinished_ledger), "--report"],
        "report": ["report", str(unfinished_ledger), "--output"],
    }
    result = packcloud(*arguments[command], str(make(tmp_path)))
    assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
    assert told in result.err
    assert (tmp_path / "mine.txt").read_bytes() == b"mine"


@pytest.fixture(scope="module")
def unfinished_ledger(tmp_path_factory):
    path = tmp_path_factory.mktemp("ledger") / "run.sqlite"
    script = "import asyncio, sys; from tests.support.ledgers import make; asyncio.run(make(sys.argv[1]))"
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    subprocess.run([sys.executable, "-c", script, path], check=True, cwd=root)
    return path


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["sync", "org_1", "--all-kinds", "--dry-run", "--report", "x.html"], "give --dry-run or --report, not both"),
        (
            ["sync", "org_1", "--all-kinds", "--ledger", "x", "--report", "./x"],
            "cannot be the report and the ledger: give two names",
        ),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(packcloud, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    result = packcloud(*arguments)
    assert (result.code, result.out) == (2, "")
    assert told in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("beside", ["", "-wal", "-shm", "-journal", ".lock"])
def test_a_ledger_is_never_replaced_by_its_page(packcloud, unfinished_ledger, beside):
    page = unfinished_ledger.with_name(unfinished_ledger.name + beside)
    before = unfinished_ledger.read_bytes(), page.exists()
    result = packcloud("report", str(unfinished_ledger), "--output", str(page))
    assert (result.code, result.out) == (2, "")
    assert "give two names" in result.err
    assert (unfinished_ledger.read_bytes(), page.exists()) == before


@pytest.mark.parametrize(
    ("content", "code", "told"), [(b"mine", 1, "not a ledger"), (None, 2, "does not exist"), (b"", 1, "there is none")]
)
def test_what_is_no_ledger_has_no_report(packcloud, tmp_path, content, code, told):
    path = tmp_path / "run.sqlite"
    if content is not None:
        path.write_bytes(content)
    result = packcloud("report", str(path))
    assert (result.code, result.out) == (code, "")
    assert told in result.err
    assert not (tmp_path / "run.sqlite.html").exists()


def test_without_the_extra_it_says_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['plotly'] = None;from packcloud_async.cli.app import run; sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "sync", "org_1", "--all-kinds", "--report", str(tmp_path / "run.html")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "Error: a report needs the extra report: pip install 'packcloud_async[report]'\n"


def test_without_a_report_nothing_of_it_is_loaded():
    script = (
        "import sys; from packcloud_async.cli import sync, resume;"
        "print([name for name in sys.modules if 'reporting' in name or name.startswith('plotly')])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
