"""What a fleet is bound by, worked out from what was measured."""

import json

import pytest

pytest.importorskip("procrastinate", reason="the extra fleet")

from benchmarks import fleet_bounds, readme, results
from benchmarks.results import Table

COLUMNS = (
    "",
    "seconds",
    "requests a job",
    "engine jobs",
    "of them a second",
    "delay, s",
    "95 % of them",
    "bytes a job",
)
RUN = Table(
    "One run of 300 organizations of 4, orders and stocks, undisturbed",
    COLUMNS,
    (
        ("one process, no database", 40.0, 2.0, None, None, 1.0, 2.0, None),
        ("4 workers", 50.0, 3.0, 2400, 100.0, 1.0, 2.0, 1500.0),
    ),
)
TURNS = Table(
    "Turns of the budget", ("workers", "turns a second", "if each waited"), ((1, 900.0, 90.0), (2, 1000.0, 80.0))
)


def found(**tables):
    saved = {name: {"command": "c", "machine": "m", "tables": [results.asdict(one)]} for name, one in tables.items()}
    return json.loads(json.dumps(saved))


def test_each_row_is_worked_out_from_what_was_measured():
    (table,) = fleet_bounds.tables(found(fleet=RUN, fleet_turns=TURNS))
    assert table.columns[1:] == ("10,000", "1,000,000", "100,000,000")
    rows = {row[0].partition(":")[0] + row[0].partition(":")[2][:6]: row[1:] for row in table.rows}
    # A million: three requests, two jobs of the engine and 1,500 bytes each.
    assert [round(cells[1], 3) for cells in rows.values()] == [
        round(3_000_000 / 50 / 3600, 3),
        round(3_000_000 / 86_400, 3),
        round(3_000_000 / 1_000 / 3600, 3),
        round(2_000_000 / 86_400, 3),
        round(2_000_000 / 100 / 3600, 3),
        1.5,
    ]
    assert all(large == pytest.approx(10_000 * small) for small, _, large in rows.values())
    assert "For an integration 3 requests, 2 jobs of the engine and 1,500 bytes, as 4 workers had them" in table.note
    assert "1,000 turns a second" in table.note


@pytest.mark.parametrize("there", [{"fleet": RUN}, {"fleet_turns": TURNS}, {"fleet": RUN, "fleet_turns": TURNS}])
def test_a_page_has_it_when_both_are_measured(there, tmp_path):
    (tmp_path / results.FILE).write_text(json.dumps(found(**there)), encoding="utf-8")
    page = "<!-- fleet_bounds -->\nas it was\n<!-- end -->\n"
    assert ("What bounds a fleet" in readme.filled(page, tmp_path)) is (len(there) == 2)
    assert ("as it was" in readme.filled(page, tmp_path)) is (len(there) == 1)


@pytest.mark.parametrize("title", ["", "One run of many organizations"])
def test_a_table_it_does_not_know_is_refused(title):
    with pytest.raises(AssertionError):
        fleet_bounds.jobs_of(title)
