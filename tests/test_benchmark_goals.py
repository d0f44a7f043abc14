"""What the measured benchmarks hold their figures against: goals, floors, and whether the machine was quiet."""

import pytest

from benchmarks import memory, models, polled, under_budget
from benchmarks.measuring.keeping import RESULTS, SYNC_MANY, VALUES, Kept
from benchmarks.measuring.rounds import Spread, noise
from benchmarks.polled import Pairs, Polled


def by_name(figures):
    return {figure.name: figure for figure in figures}


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        pytest.param(Spread(100, 95.1, 105), None, id="quiet"),
        pytest.param(
            Spread(100, 94, 106),
            "**This run was too noisy**: the quartiles of somebody are 12 % apart, more than 10 %.",
            id="noisy",
        ),
    ],
)
def test_noise_is_how_far_the_quartiles_of_the_reference_are_apart(reference, told):
    assert noise(reference, "somebody") == told


class TestPolled:
    def pairs(self, *read):
        """Rounds in which aiohttp needed so many milliseconds for each of a hundred pages, and we four times that."""
        return Pairs(25, [(Polled(100, 0, ms / 10, 1), Polled(100, 50, 4 * ms / 10, 1)) for ms in read])

    def test_the_floor_is_what_reads_the_same_bytes(self):
        figure = self.pairs(1, 1).figure()
        assert (figure.value, figure.goal, figure.better) == (2550 / 0.4, polled.GOAL, "higher")
        assert (figure.floor, figure.quiet) == (25 * 100 / 0.1, True)

    @pytest.mark.parametrize(("read", "is_noisy"), [((1, 1.02, 1.04), False), ((1, 1.2, 1.4), True)])
    def test_noise_is_told_in_the_table_and_by_the_figure(self, read, is_noisy):
        found = self.pairs(*read)
        assert ("too noisy" in polled.table([found], 1.0, 2_000).note) is is_noisy
        assert found.figure().quiet is not is_noisy

    def test_the_goal_stands_beside_ours(self):
        table = polled.table([self.pairs(1)], 1.0, 2_000)
        goals = {row[0]: row[table.columns.index("goal")] for row in table.rows}
        assert goals == {
            "page of 25: aiohttp, bytes": None,
            "page of 25: watched by this library": f">= {polled.GOAL:,}",
        }


class TestMemory:
    def rows(self, organizations=1_000):
        found = {SYNC_MANY: 1_000.0, RESULTS: 1_100.0, VALUES: 700.0}
        rows = [
            memory.Row(way, organizations, 100, Kept(watched=size, in_all=120.0), kept=size - 100)
            for way, size in found.items()
        ]
        return [memory.Row(SYNC_MANY, 10_000, 10, Kept(watched=9.0), kept=9.0), *rows]

    def test_goals_are_for_organizations_of_a_hundred(self):
        found = by_name(memory.figures(self.rows()))
        told = {name: (figure.value, figure.goal, figure.floor, figure.reached) for name, figure in found.items()}
        assert told == {
            "a watched job: bytes in use": (900.0, 1_024, None, True),
            "a watched job: bytes of the process": (1_000.0, 1_024, None, True),
            "100,000 watched at once: MiB of the whole process": (120.0, 250, None, True),
            "a result: bytes in use": (1_000.0, 1_024, 600.0, True),
            "a result: bytes of the process": (1_100.0, 1_024, 700.0, False),
        }

    def test_a_smaller_run_says_nothing_of_a_hundred_thousand(self):
        assert not [name for name in by_name(memory.figures(self.rows(999))) if "whole process" in name]

    def test_the_floor_of_a_model_is_the_same_class_filled_by_msgspec(self):
        found = {"ours": (650.0, 1.0), models.FLOOR: (640.0, 2.0), "pydantic v2": (1_600.0, 3.0)}
        (figure,) = models.figures(found)
        assert (figure.value, figure.goal, figure.floor, figure.reached) == (650.0, models.GOAL, 640.0, True)
        assert [row[-1] for row in models.table(found).rows] == [f"<= {models.GOAL}", None, None]
        (alone,) = models.figures({"ours": (667.0, 1.0)})
        assert (alone.floor, alone.reached) == (None, False)


def test_under_a_budget_every_figure_has_a_floor_that_it_does_not_beat():
    table, figures = under_budget.makespan(5)
    assert [figure.name.partition(":")[0] for figure in figures] == [way for way in under_budget.OURS for _ in range(2)]
    for figure in figures:
        assert figure.floor <= figure.value
        assert figure.floor < figure.goal
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    requests = by_name(figures)[f"{under_budget.AS_IT_COMES}: requests"]
    assert requests.value == rows[under_budget.AS_IT_COMES]["requests"]
    # 100 POSTs, and the page of each of the five before and after.
    assert requests.floor == rows["the floor"]["requests"] == 110


def test_a_small_organization_is_held_against_itself_alone():
    table, figure = under_budget.beside(30, 2)
    done = [row[table.columns.index("done after, s")] for row in table.rows]
    assert (figure.floor, figure.value) == (done[0], max(done[1:]))
    assert figure.goal == pytest.approx(1.1 * figure.floor)
