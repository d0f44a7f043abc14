"""The benchmarks over HTTP, how they measure, what runs them and what compares them."""

import importlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from benchmarks import __main__ as suite
from benchmarks import compare, one_get, pages, poll_reads, results, sync_post
from benchmarks.measuring import nginx
from benchmarks.measuring.answers import bodies, path, size_of
from benchmarks.measuring.contestants import (
    FLOOR,
    GENERATOR,
    HTTPX,
    JSON,
    LIMITED,
    OURS,
    PLAIN,
    PYTHON_CLIENT,
    RAW,
    Missing,
    contestants,
)
from benchmarks.measuring.found import POLLED, TO_OURS, TO_RAW, Found, Goal, Shape
from benchmarks.measuring.rounds import (
    Contestant,
    ContestantDied,
    Rounds,
    Spread,
    measure,
    processor_seconds,
    spread,
    versions,
    workers,
)
from benchmarks.measuring.samples import Sample, Task
from benchmarks.measuring.server import SERVERS, serving
from benchmarks.peers import making
from benchmarks.peers.document import described, for_generators
from benchmarks.peers.making import PEERS, Made, NotMade, made
from benchmarks.results import Figure, Table
from tests.contract.description import faults_of, operation_at

SHAPES = ("one", "page_25", "page_100", "sync")


@pytest.fixture(autouse=True)
def put_back(monkeypatch, tmp_path):
    """A benchmark finds this repository by itself, and draws with what keeps its settings in a folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))


def rounds(**microseconds):
    """Rounds in which every contestant needed so much for each operation, and the server was half busy."""
    samples = {
        name: [Sample(operations=1_000, cpu=each / 1_000, wall=0.5, server_busy=0.5) for each in found]
        for name, found in microseconds.items()
    }
    return Rounds(samples, "raw")


class TestWhatSamplesTell:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            pytest.param([3.0], Spread(3, None, None), id="one, which has no quartiles"),
            pytest.param([4.0, 1.0, 3.0, 2.0, 5.0], Spread(3, 2, 4), id="odd"),
            pytest.param([1.0, 2.0], Spread(1.5, None, None), id="two, which have none either"),
            pytest.param([1.0, 2.0, 4.0], Spread(2, 1.5, 3), id="three"),
        ],
    )
    def test_a_spread_is_the_median_and_the_quartiles(self, values, expected):
        assert spread(values) == expected

    def test_a_ratio_is_taken_within_each_round(self):
        # The machine was four times slower in the second round, and nobody's ratio tells.
        found = rounds(raw=[50, 200, 50], ours=[100, 400, 100])
        assert found.ratio("ours") == Spread(2, 2, 2)
        assert found.between("raw", "ours") == Spread(0.5, 0.5, 0.5)

    def test_processor_time_and_operations_are_those_of_one_operation_and_one_second(self):
        found = rounds(raw=[50, 50])
        assert found.cpu("raw").median == pytest.approx(50)
        assert found.per_second("raw").median == 2_000
        assert found.server_busy("raw") == 0.5

    @pytest.mark.parametrize(
        ("reference", "is_noisy"),
        [
            pytest.param([95, 100, 104.9], False, id="quartiles 5 % apart"),
            pytest.param([85, 100, 110], True, id="quartiles 12.5 % apart"),
            pytest.param([100], True, id="one round tells nothing"),
            pytest.param([100, 100], True, id="nor do two"),
        ],
    )
    def test_a_run_is_noisy_when_the_quartiles_of_its_reference_are_far_apart(self, reference, is_noisy):
        assert rounds(raw=reference).is_noisy is is_noisy


@pytest.mark.sockets
class TestWorkers:
    def test_each_does_the_task_once_a_round_and_the_first_round_does_not_count(self):
        everybody = [
            Contestant(name, "tests.support.contestants:sleeping", (seconds,))
            for name, seconds in (("fast", "0.001"), ("slow", "0.004"))
        ]
        with workers(everybody) as running:
            found = measure(running, Task(0.05, 3), reference="fast", rounds=2, seed=1)
        assert {name: len(samples) for name, samples in found.samples.items()} == {"fast": 2, "slow": 2}
        assert all(sample.operations >= 3 for sample in found.samples["fast"])
        assert found.server_busy("fast") is None

    @pytest.mark.parametrize(
        ("factory", "arguments"),
        [
            pytest.param("tests.support.contestants:dying", ("5",), id="in the middle"),
            pytest.param("tests.support.contestants:refusing", ("json",), id="before it begins"),
            pytest.param("tests.support.contestants:nobody", (), id="not there at all"),
        ],
    )
    def test_one_that_dies_is_told_by_its_name(self, factory, arguments):
        with (
            workers([Contestant("the poor one", factory, arguments)]) as running,
            pytest.raises(ContestantDied, match="^the poor one ended with status 1; its traceback is above$"),
        ):
            measure(running, Task(0.05, 1), reference="the poor one", rounds=1, seed=1)

    def test_modules_can_be_kept_from_one(self):
        one = Contestant(
            "without",
            "tests.support.contestants:refusing",
            ("sqlite3",),
            packages=("attrs", "x"),
            without=("sqlite3", "x"),
        )
        with workers([one]) as running:
            found = measure(running, Task(0.02, 1), reference="without", rounds=1, seed=1)
        assert found.samples["without"][0].operations > 0
        assert versions(one)["attrs"] is not None
        assert versions(one)["x"] is None


@pytest.fixture(scope="module", params=SERVERS)
def server(request):
    if request.param == "nginx" and nginx.found() is None:
        pytest.skip("nginx is not installed")
    with serving(request.param) as server:
        yield server


class TestTheServer:
    @pytest.mark.sockets
    @pytest.mark.parametrize("shape", SHAPES)
    def test_its_answers_are_those_that_are_described(self, server, shape):
        method = "POST" if shape == "sync" else "GET"
        request = urllib.request.Request(server.base_url + path(shape), method=method)
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
            headers = {name.lower(): value for name, value in answer.headers.items()}
            status = answer.status
        operation = operation_at(method, path(shape))
        assert operation.faults_of_answer(status, headers, json.loads(body) if body else None) == []
        assert body == bodies().get(shape, b"")

    def test_how_busy_it_was_is_the_processor_time_of_its_processes(self):
        spent = os.times()
        assert processor_seconds([os.getpid()]) == pytest.approx(spent.user + spent.system, abs=0.1)

    @pytest.mark.parametrize(("shape", "size"), [("one", 1), ("page_25", 25), ("poll_100", 100), ("sync", 0)])
    def test_a_shape_says_how_many_integrations_it_has(self, shape, size):
        assert size_of(shape) == size


@pytest.mark.sockets
class TestAQuestion:
    @pytest.mark.parametrize("module", [one_get, pages, poll_reads, sync_post], ids=lambda module: module.QUESTION.name)
    def test_it_is_measured_and_written_down(self, module, tmp_path, capsys):
        options = ["--quick", "--only", RAW, PLAIN, "--server", "precomputed", "--in-flight", "2"]
        module.main(options, folder=tmp_path)
        name = module.QUESTION.name
        printed = capsys.readouterr().out
        entry = results.load(tmp_path)[name]
        tables = results.tables_of(name, tmp_path)
        assert [table.title for table in tables] == [f"{shape.title}, 2 in flight" for shape in module.QUESTION.shapes]
        for table in tables:
            assert [row[0] for row in table.rows] == [RAW, PLAIN]
            cells = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
            assert cells[0][TO_RAW] == 1
            assert cells[1][TO_RAW] > 0.1
            assert all(cell["CPU, µs"] > 1 and cell["requests a second"] > 0 for cell in cells)
            assert str(table) in printed
        assert entry["quick"] is True
        assert entry["setting"]["seed"] == 1
        assert entry["setting"]["rounds"] == 2
        assert entry["setting"]["server"].startswith("precomputed answers on ")
        assert entry["setting"]["versions"][PLAIN]["msgspec"] is None
        assert entry["setting"]["versions"][RAW]["aiohttp"]
        assert entry["hardware"]["cores"] >= 1

    def test_it_needs_its_reference(self, capsys):
        with pytest.raises(SystemExit):
            one_get.main(["--only", PLAIN])
        assert f"'{RAW}' must be among them" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (["--only", RAW, "nobody"], "there is no 'nobody' here; there are: 'raw aiohttp', "),
            (["--in-flight", "0"], "at least 1"),
            (["--in-flight", "8", "-1"], "at least 1"),
            (["--rounds", "0"], "--rounds is at least 1"),
            (["--seconds", "0"], "--seconds more than 0"),
        ],
    )
    def test_what_it_cannot_do_is_refused(self, options, told, capsys):
        with pytest.raises(SystemExit) as ended:
            one_get.main(options)
        assert ended.value.code == 2
        assert told in capsys.readouterr().err


class TestATable:
    SHAPE = Shape(
        "one", "One typed GET", (Goal(OURS, TO_RAW, 1.0, in_flight=(8,)), Goal(GENERATOR, TO_OURS, 2.5, "higher", (8,)))
    )

    def found(self, *, in_flight=8, missing=(), busy=0.5, **microseconds):
        names = {"raw": RAW, "ours": OURS, "generated": GENERATOR}
        samples = {
            names[name]: [Sample(1_000, each / 1_000, 0.5, busy) for each in found]
            for name, found in microseconds.items()
        }
        return Found(self.SHAPE, in_flight, Rounds(samples, RAW), tuple(missing), "nginx/1")

    def goals(self, found):
        table = found.table()
        return {row[0]: row[table.columns.index("goal") :] for row in table.rows}

    def test_the_goal_stands_beside_the_figure(self):
        found = self.found(raw=[50, 50], ours=[45, 45], generated=[90, 90])
        assert self.goals(found) == {
            RAW: (None, None),
            OURS: ("≤ 1 x raw aiohttp", "yes"),
            GENERATOR: ("≥ 2.5 x this library", "**no**"),
        }

    def test_a_goal_is_for_some_numbers_in_flight(self):
        assert set(self.goals(self.found(in_flight=1, raw=[50], ours=[60])).values()) == {(None, None)}

    def test_who_could_not_be_measured_has_a_row_that_says_why(self):
        found = self.found(raw=[50], missing=[Missing(GENERATOR, "no Java")])
        row = found.table().rows[-1]
        assert (row[0], row[-1]) == (GENERATOR, "not measured: no Java")
        assert set(row[1:-1]) == {None}

    @pytest.mark.parametrize(("busy", "told"), [(0.75, False), (0.85, True)])
    def test_a_server_that_may_be_the_limit_is_told(self, busy, told):
        assert ("% busy" in self.found(busy=busy, raw=[50]).note()) is told

    def test_a_noisy_run_is_told_and_its_figures_are_marked(self):
        quiet, noisy = self.found(raw=[50] * 3, ours=[50] * 3), self.found(raw=[40, 60, 80], ours=[50] * 3)
        assert "too noisy" not in quiet.note()
        assert "too noisy" in noisy.note()
        assert all(figure.quiet for figure in quiet.figures())
        assert not any(figure.quiet for figure in noisy.figures())

    @pytest.mark.parametrize(("raw", "told"), [([50, 51], "Fewer than 3 rounds"), ([40, 60], "the two rounds of")])
    def test_two_rounds_have_no_quartiles_and_are_never_called_quiet(self, raw, told):
        found = self.found(raw=raw, ours=[50, 50])
        assert told in found.note()
        assert {(figure.low, figure.high, figure.quiet) for figure in found.figures()} == {(None, None, False)}

    def test_a_figure_of_ours_that_differs_by_itself_is_noisy_too(self):
        found = self.found(raw=[50] * 3, ours=[40, 55, 70], generated=[90, 200, 300])
        assert f"**Noisy too**: the quartiles of {OURS} are 27 % apart." in found.note()
        quiet = {figure.name.split(": ")[1]: figure.quiet for figure in found.figures() if TO_RAW in figure.name}
        assert quiet == {OURS: False, GENERATOR: True}

    def test_the_figures_hold_spread_side_and_goal(self):
        found = {figure.name: figure for figure in self.found(raw=[64] * 3, ours=[48, 64, 80]).figures()}
        one = found[f"One typed GET, 8 in flight: {OURS}: {TO_RAW}"]
        assert (one.value, one.low, one.high) == pytest.approx((1.0, 0.875, 1.125))
        assert (one.better, one.goal) == ("lower", 1.0)
        assert found[f"One typed GET, 8 in flight: {RAW}: CPU, µs"].better is None


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("a", "a"),
        (1234567, "1,234,567"),
        (0.98765, "0.988"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1234.5, "1,234"),
    ],
)
def test_a_number_has_as_many_digits_as_it_means(cell, text):
    assert results.written(cell) == text


class TestContestants:
    def test_everybody_is_there_or_says_why_not(self):
        found = contestants("http://127.0.0.1:1", "one", make=lambda peer: NotMade(peer, "no network"))
        assert {RAW, FLOOR, OURS, PLAIN, HTTPX, GENERATOR, PYTHON_CLIENT} <= {one.name for one in found}
        assert {one.reason for one in found if one.name in {GENERATOR, PYTHON_CLIENT}} == {"no network"}

    def test_one_whose_packages_are_not_installed_says_which(self, monkeypatch):
        monkeypatch.setattr("benchmarks.measuring.contestants.AIOHTTP", ("no-such-package",))
        monkeypatch.setattr(
            "benchmarks.measuring.contestants._is_installed", lambda package: package not in {"httpx", "pydantic"}
        )
        found = {one.name: one for one in contestants("", "one", only=[HTTPX])}
        assert found == {HTTPX: Missing(HTTPX, "httpx and pydantic not installed (extra `bench`)")}

    def test_one_that_was_made_runs_on_its_own_interpreter(self, tmp_path):
        (one,) = contestants(
            "http://x", "one", only=[GENERATOR], make=lambda peer: Made(peer, tmp_path / "python", tmp_path / "client")
        )
        assert (one.python, one.folder) == (str(tmp_path / "python"), str(tmp_path / "client"))
        assert "pydantic" in one.packages

    @pytest.mark.sockets
    @pytest.mark.parametrize("shape", ["one", "page_25", "poll_100", "sync"])
    @pytest.mark.parametrize("name", [GENERATOR, PYTHON_CLIENT, HTTPX, LIMITED, FLOOR, JSON])
    def test_a_peer_reads_what_the_server_answers(self, name, shape):
        """They check their first answer themselves, and end if it is not the one they asked for.

        Making them takes a network and half a minute, so that is left to ``python -m benchmarks peers``.
        """
        if name == HTTPX:
            pytest.importorskip("pydantic", reason="needs the extra bench")
            pytest.importorskip("httpx", reason="needs the extra bench")
        with serving("precomputed") as server:
            one = next(iter(contestants(server.base_url, shape, only=[name], make=making.kept)), None)
            if one is None:
                pytest.skip("the answer to a sync has nothing to read")
            if isinstance(one, Missing):
                pytest.skip(one.reason)
            with workers([one]) as running:
                found = measure(running, Task(0.02, 2), reference=name, rounds=1, seed=1)
        assert found.samples[name][0].operations >= 2


class TestMaking:
    def test_the_document_has_one_form_for_everything(self):
        nodes = list(every_object(for_generators(described())))
        assert len(nodes) > 300
        assert not any(key in node for node in nodes for key in ("anyOf", "allOf", "oneOf"))
        assert not any(node.get("schema") is True for node in nodes)
        assert all("items" in node for node in nodes if node.get("type") == "array")

    @pytest.mark.parametrize(("shape", "name"), [("one", "OneIntegration"), ("page_25", "IntegrationList")])
    def test_what_the_server_answers_fits_both_documents(self, shape, name):
        document = for_generators(described())
        body = json.loads(bodies()[shape])
        schema = document["components"]["schemas"][name]
        assert faults_of({"$ref": f"#/components/schemas/{name}"}, body) == []
        assert schema["required"] == ["data"]
        assert faults_of({**schema, "components": document["components"]}, body) == []

    @pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
    def test_a_step_that_fails_is_the_reason(self, peer, tmp_path, capsys):
        steps = []

        def run(command, *, env):
            steps.append(command)
            return 1 if "pip" in command else 0

        assert made(peer, folder=tmp_path, run=run) == NotMade(peer, "its packages could not be installed")
        assert len(steps) == 2
        assert capsys.readouterr().err == f"{peer.name}: its packages could not be installed (1)\n"

    def test_what_was_made_is_kept_until_something_changes(self, tmp_path, monkeypatch):
        steps = []

        def run(command, *, env):
            steps.append(command)
            return 0

        peer = PEERS[0]
        first = made(peer, folder=tmp_path, run=run)
        assert isinstance(first, Made)
        assert len(steps) == 4
        assert made(peer, folder=tmp_path, run=run) == first
        assert len(steps) == 4
        monkeypatch.setattr(making, "SHARED", ("attrs",))
        made(peer, folder=tmp_path, run=run)
        assert len(steps) == 8

    def test_a_command_that_is_not_there_is_a_failure(self, tmp_path):
        assert making._run([str(tmp_path / "nothing")], env={}) == "FileNotFoundError"


def every_object(node):
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from every_object(inner)


def entry(*figures, **others):
    return {
        "command": "c",
        "machine": "m",
        "hardware": {},
        "tables": [],
        "figures": list(map(as_json, figures)),
        **others,
    }


def as_json(figure):
    return json.loads(json.dumps(results.asdict(figure)))


def figure(value, *, low=None, high=None, better="lower", **others):
    return Figure(name="f", value=value, low=low, high=high, better=better, **others)


class TestCompare:
    @pytest.mark.parametrize(
        ("old", "new", "judgement"),
        [
            pytest.param(
                figure(1.0, low=0.9, high=1.1), figure(1.15, low=1.05, high=1.2), None, id="quartiles overlap"
            ),
            pytest.param(figure(1.0, low=0.9, high=1.1), figure(1.3, low=1.2, high=1.4), "worse", id="above"),
            pytest.param(figure(1.3, low=1.2, high=1.4), figure(1.0, low=0.9, high=1.1), "better", id="below"),
            pytest.param(
                figure(5.0, low=4.9, high=5.1, better="higher"),
                figure(4.0, low=3.9, high=4.1, better="higher"),
                "worse",
                id="below, where higher is better",
            ),
            pytest.param(figure(1.0), figure(1.04), None, id="no quartiles, little"),
            pytest.param(figure(1.0), figure(1.06), "worse", id="no quartiles, more"),
            pytest.param(figure(1.0, better=None), figure(2.0, better=None), "other", id="no side is better"),
            pytest.param(figure(1.0), figure(2.0, quiet=False), "too noisy to judge", id="a noisy run"),
            pytest.param(figure(0.0), figure(2.0), "worse", id="from nothing"),
        ],
    )
    def test_what_moved_is_judged(self, old, new, judgement):
        found = compare.compare({"b": entry(old)}, {"b": entry(new)}).moves
        assert [move.judgement for move in found] == ([] if judgement is None else [judgement])

    @pytest.mark.parametrize(
        ("value", "options", "code"),
        [
            pytest.param(1.09, [], 0, id="within the threshold"),
            pytest.param(1.2, [], 1, id="beyond it"),
            pytest.param(1.2, ["--threshold", "0.3"], 0, id="another threshold"),
            pytest.param(0.5, [], 0, id="better"),
        ],
    )
    def test_the_exit_code_says_whether_something_got_worse(self, value, options, code, tmp_path, capsys):
        old, new = tmp_path / "old.json", tmp_path / "new.json"
        old.write_text(json.dumps({"b": entry(figure(1.0, goal=1.1))}), encoding="utf-8")
        new.write_text(json.dumps({"b": entry(figure(value, goal=1.1))}), encoding="utf-8")
        assert suite.main(["compare", str(old), str(new), *options]) == code
        told = capsys.readouterr().out
        assert f"b: f: 1 -> {value:.3g}, x {value:.3g}" in told
        assert ("misses its goal of 1.1 now" in told) is (value > 1.1)

    def test_what_is_in_one_file_alone_and_what_else_differs_is_told(self):
        old = {"gone": entry(), "b": entry(figure(1.0))}
        new = {"b": entry(Figure(name="g", value=1.0), machine="n", quick=True), "fresh": entry()}
        assert compare.compare(old, new).remarks == (
            "gone: only in the old file",
            "fresh: only in the new file",
            "b: machine: m -> n",
            "b: the new one was a smoke run, too short to mean anything",
            "b: f: only in the old file",
            "b: g: only in the new file",
        )

    def test_a_smoke_run_is_not_judged(self):
        found = compare.compare({"b": entry(figure(1.0))}, {"b": entry(figure(9.0), quick=True)})
        assert [(move.judgement, move.is_worse_by(0.1)) for move in found.moves] == [("a smoke run, not judged", False)]

    def test_two_rounds_move_nothing_by_quartiles(self):
        few = [entry(figure(value, low=value, high=value), setting={"rounds": 2}) for value in (1.0, 1.04, 1.3)]
        assert compare.compare({"b": few[0]}, {"b": few[1]}).moves == ()
        assert [move.judgement for move in compare.compare({"b": few[0]}, {"b": few[2]}).moves] == [
            "too noisy to judge"
        ]

    def test_how_many_figures_one_side_lacks_is_told(self, tmp_path, capsys):
        old, new = tmp_path / "old.json", tmp_path / "new.json"
        old.write_text(json.dumps({"a": entry(figure(1.0)), "b": entry(figure(1.0))}), encoding="utf-8")
        new.write_text(json.dumps({"b": entry(Figure(name="g", value=1.0))}), encoding="utf-8")
        assert compare.main([str(old), str(new)]) == 0
        assert "3 figures were not compared: only one of the files has them\n" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            pytest.param(None, "cannot be read", id="no file"),
            pytest.param("{", "is no JSON", id="no JSON"),
            pytest.param("[]", "holds no results", id="a list"),
            pytest.param("{}", "holds no results", id="nothing in it"),
            pytest.param('{"b": 1}', "the entry 'b' is broken", id="an entry that is a number"),
            pytest.param('{"b": {}}', "the entry 'b' is broken", id="an entry without tables"),
            pytest.param('{"b": {"figures": [{"name": "f"}]}}', "the entry 'b' is broken", id="no value"),
            pytest.param('{"b": {"figures": [{"name": "f", "value": "x"}]}}', "'x' for a number", id="a text"),
            pytest.param('{"b": {"setting": {"rounds": "x"}, "figures": []}}', "the entry 'b' is broken", id="rounds"),
        ],
    )
    @pytest.mark.parametrize("bad", ["old", "new"])
    def test_a_file_that_holds_no_results_is_told(self, text, told, bad, tmp_path, capsys):
        files = {where: tmp_path / f"{where}.json" for where in ("old", "new")}
        files["new" if bad == "old" else "old"].write_text(json.dumps({"b": entry(figure(1.0))}), encoding="utf-8")
        if text is not None:
            files[bad].write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as ended:
            suite.main(["compare", str(files["old"]), str(files["new"])])
        assert ended.value.code == 2
        assert told in capsys.readouterr().err

    def test_without_figures_the_numbers_of_the_tables_are_compared(self):
        table = Table("T", ("way", "reads", "note", "s", "s"), (("a", 1, "x", 2.0, 3.0), ("a", 4, None, 5.0, 6.0)))
        found = compare.figures({"tables": [json.loads(json.dumps(results.asdict(table)))]})
        assert {name: one.value for name, one in found.items()} == {
            "T: a: reads": 1,
            "T: a: s": 2.0,
            "T: a: s (2)": 3.0,
            "T: a (2): reads": 4,
            "T: a (2): s": 5.0,
            "T: a (2): s (2)": 6.0,
        }

    def test_the_results_of_the_repository_are_the_same_as_themselves(self, capsys):
        file = str(results.FOLDER / results.FILE)
        assert compare.main([file, file]) == 0
        assert capsys.readouterr().out == "0 figures moved, 0 got worse by more than 10 %\n"


class TestTheSuite:
    def test_no_module_that_can_be_run_is_forgotten(self, capsys):
        folder = Path(suite.__file__).parent
        can_run = {
            path.stem
            for path in folder.glob("*.py")
            if "\ndef main(" in path.read_text(encoding="utf-8") and path.stem != "__main__"
        }
        assert {"one_get", "pages", "pacing", "soak", "kill", "limiter"} <= can_run
        found = suite.benchmarks()
        assert can_run <= set(found)
        assert suite.main(["list"]) == 0
        lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
        assert set(lines) == set(found)
        assert all(len(one.describes) > 20 for one in found.values())

    def test_every_one_has_a_short_form_or_runs_only_by_name(self):
        assert [one.name for one in suite.benchmarks().values() if one.quick is None and not one.only_by_name] == []

    def test_what_is_long_or_kills_runs_only_by_name(self):
        found = suite.benchmarks()
        assert all(
            found[name].only_by_name for name in ("soak", "kill", "scale", "limits", "readme", "compare", "peers")
        )
        assert not any(found[name].only_by_name for name in ("one_get", "pages", "poll_reads", "sync_post", "pacing"))

    def test_a_smoke_run_is_marked_and_leaves_the_pages_alone(self, tmp_path, monkeypatch):
        monkeypatch.setattr(suite, "SMOKE", tmp_path)
        monkeypatch.setattr(suite.readme, "main", lambda: pytest.fail("the pages were written"))
        assert suite.main(["--quick", "fairness"]) == 0
        assert results.load(tmp_path)["fairness"]["quick"] is True

    @pytest.mark.parametrize(
        ("started_by", "told"),
        [({}, ["", "stopped; nothing was written of what was under way"]), ({"BENCHMARKS_STARTED_BY": "1"}, [])],
        ids=["by hand", "by another"],
    )
    def test_ctrl_c_is_told_in_a_line_by_the_process_that_was_started_by_hand(self, started_by, told):
        usual = {name: value for name, value in os.environ.items() if name != "BENCHMARKS_STARTED_BY"}
        code = "import benchmarks, signal; signal.raise_signal(signal.SIGINT)"
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            capture_output=True,
            text=True,
            env=usual | started_by,
            cwd=results.ROOT,
        )
        # What a shell tells as 130.
        assert done.returncode == -signal.SIGINT
        assert done.stderr.splitlines() == told

    def test_a_smoke_run_of_one_module_leaves_what_was_measured(self, tmp_path, monkeypatch):
        monkeypatch.setattr(results, "ROOT", tmp_path)
        monkeypatch.setattr(results, "SMOKE", tmp_path / "build" / "benchmarks")
        results.save("name", [], quick=True, folder=tmp_path / "benchmarks")
        assert results.load(tmp_path / "build" / "benchmarks")["name"]["quick"] is True
        assert not (tmp_path / "benchmarks").exists()

    @pytest.mark.parametrize("saved", [None, {"name": {"command": "c", "machine": "m", "tables": []}}])
    def test_a_table_whose_benchmark_is_not_among_the_results_is_left_as_it_is(self, saved, tmp_path):
        if saved is not None:
            (tmp_path / results.FILE).write_text(json.dumps(saved), encoding="utf-8")
        page = "<!-- other -->\nold\n<!-- end -->\n<!-- goals -->\nold goals\n<!-- end -->\n"
        assert suite.readme.filled(page, tmp_path) == page
        assert ("`c` · m" in suite.readme.filled("<!-- name -->\n<!-- end -->", tmp_path)) is (saved is not None)

    def test_one_that_fails_does_not_keep_the_others_from_running(self, tmp_path, monkeypatch, capfd):
        monkeypatch.setattr(suite, "SMOKE", tmp_path)
        failing = suite.Benchmark("compare", "two files that are not there", ("nothing", "nothing"), None)
        passing = suite.Benchmark("adapting", "passes", (), None)
        without = suite.Benchmark("readme", "has no short form", None, None)
        assert suite.run([failing, without, passing], quick=True) == ["compare"]
        assert "== adapting: passes" in capfd.readouterr().out

    def test_a_name_that_is_not_there_is_told(self, capsys):
        with pytest.raises(SystemExit):
            suite.main(["nonsense"])
        assert "there is no nonsense; see: python -m benchmarks list" in capsys.readouterr().err

    def test_a_smoke_run_says_so_on_a_page(self, tmp_path):
        saved = {"name": {**entry(quick=True)}}
        (tmp_path / results.FILE).write_text(json.dumps(saved), encoding="utf-8")
        assert "a smoke run" in suite.readme.filled("<!-- name -->\n<!-- end -->", tmp_path)


class TestTheGoals:
    def test_every_figure_with_a_goal_is_in_one_table(self, tmp_path):
        saved = {
            "a": entry(figure(1.0, low=0.9, high=1.1, goal=1.2), Figure(name="without", value=3.0)),
            "b": entry(figure(4.0, better="higher", goal=5.0, floor=9.0), figure(2.0, goal=1.0, quiet=False)),
            "c": {"command": "c", "machine": "m", "tables": []},
        }
        (tmp_path / results.FILE).write_text(json.dumps(saved), encoding="utf-8")
        assert suite.readme.goals(tmp_path).rows == (
            ("a", "f", "≤ 1.2", None, 1.0, 0.9, 1.1, "yes"),
            ("b", "f", "≥ 5", 9.0, 4.0, None, None, "**no**"),
            ("b", "f", "≤ 1", None, 2.0, None, None, "**no** (too noisy)"),
        )

    def test_what_was_measured_over_http_is_among_them(self):
        told = {(row[0], row[1]) for row in suite.readme.goals().rows}
        assert ("one_get", f"One typed GET, 8 in flight: {OURS}: {TO_RAW}") in told
        assert ("pages", f"A typed page of 100, 64 in flight: {PLAIN}: {TO_RAW}") in told
        assert ("poll_reads", f"A poll read of 25, 64 in flight: {OURS}: {POLLED}") in told
        assert ("sync_post", f"The POST of a sync, 64 in flight: {OURS}: {TO_RAW}") in told


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("operations", ["--few", "3", "--many", "1"], "--few must be less than --many"),
        ("operations", ["--few", "0"], "argument --few: at least 1, not 0"),
        ("whole_run", ["--organizations", "0"], "argument --organizations: at least 1, not 0"),
        ("whole_run", ["--median", "0"], "argument --median: more than 0, not 0"),
        ("importing", ["--rounds", "0"], "argument --rounds: at least 1, not 0"),
        ("starting", ["--rounds", "0"], "argument --rounds: at least 1, not 0"),
        ("behaviour", ["--at-once", "0"], "argument --at-once: at least 1, not 0"),
        ("growth", ["--rounds", "-1"], "argument --rounds: at least 1, not -1"),
        ("polled", ["--seconds", "inf"], "argument --seconds: more than 0, not inf"),
        ("soak", ["--minutes", "-1"], "argument --minutes: more than 0, not -1"),
        ("compare", ["old", "new", "--threshold", "nan"], "argument --threshold: at least 0, not nan"),
        ("tuning", ["--organizations", "x"], "argument --organizations: invalid counting value: 'x'"),
    ],
)
def test_a_number_that_is_none_is_refused_before_anything_is_measured(name, arguments, told, capsys):
    module = importlib.import_module(f"benchmarks.{name}")
    with pytest.raises(SystemExit) as ended:
        module.main(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
