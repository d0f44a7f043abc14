"""What a fleet is bound by, worked out from what was measured."""

import json

import pytest

pytest.importorskip("procrastinate", reason="the extra fleet")

from benchmarks import fleet_bounds, readme, results
from benchmarks.results import Table

COSTS = Table(
    "300 organizations of 4, undisturbed",
    ("", "seconds", "requests a job", "engine jobs a job", "delay, s", "95 % of them"),
    (
        ("one process, no database", 40.0, 2.0, None, 1.0, 2.0),
        ("4 workers", 50.0, 3.0, 2.0, 1.0, 2.0),
    ),
)
DATABASE = Table(
    "The database",
    ("for a job", "rows kept", "bytes kept", "commits", "bytes of its log", "a worker's memory, MB"),
    (("2 workers", 1.2, 100.0, 1.0, 1.0, None), ("4 workers", 1.25, 1500.0, 8.0, 4000.0, 80.0)),
)
PACES = Table(
    "500 organizations of 4, watched for 0.2 s",
    ("in a second", "jobs", "requests", "engine jobs"),
    (
        ("one process, no database", 500.0, 900.0, None),
        ("2 workers", 200.0, 500.0, 100.0),
        ("4 workers", 9.0, 9.0, 9.0),
    ),
)
TURNS = Table(
    "Turns of the budget", ("workers", "turns a second", "if each waited"), ((1, 900.0, 90.0), (2, 1000.0, 80.0))
)
FLEET = [COSTS, DATABASE, PACES]


def found(**tables):
    saved = {
        name: {"command": "c", "machine": "m", "tables": [results.asdict(one) for one in some]}
        for name, some in tables.items()
    }
    return json.loads(json.dumps(saved))


def test_each_row_is_worked_out_from_what_was_measured():
    (table,) = fleet_bounds.tables(found(fleet=FLEET, fleet_turns=[TURNS]))
    assert table.columns[1:] == ("10,000", "1,000,000", "100,000,000")
    rows = {row[0]: row[1:] for row in table.rows}
    # A million: three requests, two jobs of the engine, eight commits, 4,000 and 1,500 bytes each.
    assert [round(cells[1], 3) for cells in rows.values()] == [
        round(3_000_000 / 50 / 3600, 3),
        round(3_000_000 / 86_400, 3),
        round(3_000_000 / 1_000 / 3600, 3),
        round(2_000_000 / 86_400, 3),
        round(2_000_000 / 100 / 3600, 3),
        round(8_000_000 / 86_400, 3),
        4.0,
        1.5,
    ]
    assert all(large == pytest.approx(10_000 * small) for small, _, large in rows.values())
    assert "3 requests, 2 jobs of the engine, 8 commits, 4,000 bytes of log and 1,500 bytes that are kept" in table.note
    assert "as 4 workers had them; 100 jobs of the engine and 1,000 turns a second, at most" in table.note


@pytest.mark.parametrize(
    "there", [{"fleet": FLEET}, {"fleet_turns": [TURNS]}, {"fleet": FLEET, "fleet_turns": [TURNS]}]
)
def test_a_page_has_it_when_both_are_measured(there, tmp_path):
    (tmp_path / results.FILE).write_text(json.dumps(found(**there)), encoding="utf-8")
    page = "<!-- fleet_bounds -->\nas it was\n<!-- end -->\n"
    assert ("What bounds a fleet" in readme.filled(page, tmp_path)) is (len(there) == 2)
    assert ("as it was" in readme.filled(page, tmp_path)) is (len(there) == 1)


@pytest.mark.parametrize("missing", [FLEET[:2], [COSTS, DATABASE, DATABASE]])
def test_tables_it_does_not_know_are_refused(missing):
    with pytest.raises(ValueError, match=r"not enough values|not in tuple"):
        fleet_bounds.tables(found(fleet=missing, fleet_turns=[TURNS]))
