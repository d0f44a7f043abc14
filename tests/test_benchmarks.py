"""The scripts under benchmarks/ run, tiny; their server is held against the emulator; their page is up to date."""

import sys

import pytest
from attrs import evolve

from benchmarks import (
    decoding,
    fairness,
    growth,
    importing,
    memory,
    operations,
    pacing,
    polled,
    readme,
    results,
    scale,
    sharing,
    starting,
    tuning,
    under_budget,
)
from benchmarks.pacing import KINDS, LATENCY, PER_PAGE
from benchmarks.whole import ways
from packcloud_async.emulator import Emulator, FaultPlan

SMALL = pacing.scenarios(3, 30)[1]


@pytest.fixture(autouse=True)
def put_back(monkeypatch, tmp_path):
    """A benchmark finds this repository by itself, and draws with what keeps its settings in a folder."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))


class ServedByEmulator:
    """The emulator with the face of the lean server."""

    def __init__(self, scenario):
        self._emulator = Emulator(
            organizations=scenario.organizations,
            integrations=scenario.integrations,
            seed=scenario.seed,
            per_page=PER_PAGE,
            sync_times=scenario.times,
            faults=FaultPlan(latency=LATENCY),
            token="t",
        )
        self.send = self._emulator.transport().send

    async def aclose(self):
        """Stay open: several clients use it."""

    @property
    def counts(self):
        counters = self._emulator.counters
        posts = sum(counters.by_route[f"sync_{kind.value}"] for kind in KINDS)
        return {"lists": counters.by_route["integrations"], "singles": counters.by_route["integration"], "posts": posts}

    @property
    def moving(self):
        return sum(bool(run.moves) for run in self._emulator.books.runs)

    def moved_at(self, key):
        moves = self._emulator.books.moves(*key)
        return moves[0][0] if moves else None


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(pacing.naive(both_kinds=False), id="a GET for each job and second"),
        pytest.param(pacing.naive(both_kinds=True), id="a GET for each integration and second"),
        pytest.param(pacing.planner(pacing.DEFAULT), id="the planner"),
        pytest.param(sharing.alone(30), id="each job alone"),
    ],
)
def test_the_lean_server_gives_the_figures_of_the_emulator(way):
    expected = pacing.measure_on(ServedByEmulator(SMALL), SMALL, way)
    found = pacing.measure(SMALL, way)
    assert evolve(found, delays=[], lasted=0.0) == evolve(expected, delays=[], lasted=0.0)
    assert found.delays == pytest.approx(expected.delays)
    assert len(found.delays) > 100


@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        (pacing, ["--organizations", "1", "--integrations", "2"]),
        (sharing, ["--organizations", "1", "--largest", "3"]),
        (fairness, ["--large", "30"]),
        (scale, ["--organizations", "5", "--max-organizations", "2"]),
        (memory, ["--integrations", "4"]),
        (tuning, ["--organizations", "1", "--firsts", "1.2", "--growths", "1.3", "--median", "0.5"]),
        (under_budget, ["--organizations", "5", "--large", "30"]),
        (operations, ["--few", "1", "--many", "2"]),
        pytest.param(growth, ["--http", "2", "--virtual", "2", "--rounds", "1"], marks=pytest.mark.sockets),
        pytest.param(polled, ["--rounds", "1", "--seconds", "0.1", "--watched", "100"], marks=pytest.mark.sockets),
        (importing, ["--rounds", "1"]),
        (starting, ["--rounds", "1"]),
        (decoding, ["--rounds", "1", "--seconds", "0.001", "--sizes", "25"]),
    ],
    ids=lambda value: value.__name__.rpartition(".")[2] if hasattr(value, "__name__") else "",
)
def test_a_script_runs(script, arguments, tmp_path, capsys):
    script.main(arguments, folder=tmp_path)
    (name,) = results.load(tmp_path)
    tables = results.tables_of(name, tmp_path)
    assert all(len(row) == len(table.columns) for table in tables for row in table.rows)
    assert str(tables[0]) in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sharing", "fairness", "budget", "ledger"])
def test_a_picture_is_drawn(name, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra bench")
    from benchmarks import plots

    plots.main([name], folder=tmp_path)
    assert (tmp_path / f"{name}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.stem)
def test_a_page_shows_the_results_as_they_were_written(page):
    text = page.read_text(encoding="utf-8")
    assert "<!-- end -->" in text
    assert readme.filled(text) == text


def test_the_goal_of_the_planner_is_reached():
    """As measured: ten times fewer reads than one a second for each job, news at most a quarter later."""
    table = results.tables_of("pacing")[0]
    planned = dict(zip(table.columns, table.rows[2], strict=True))
    assert planned["way"] == f"(b) `{pacing.written(pacing.TUNED)}`"
    assert planned["times fewer reads than (a)"] >= 10
    assert planned["95 % against (a)"] <= 1.25


def test_the_policy_of_the_whole_run_is_the_best_that_was_found():
    table = results.tables_of("tuning")[0]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    (best,) = [row for name, row in rows.items() if name.endswith("(the best in time)")]
    assert best["way"] == f"`{pacing.written(ways.TUNED)}` (the best in time)"
    assert best["against the loop"] <= ways.TOLERATED
    in_time = [row for row in rows.values() if row["way"].startswith("`") and row["against the loop"] <= ways.TOLERATED]
    assert best["reads of an organization"] == min(row["reads of an organization"] for row in in_time)
