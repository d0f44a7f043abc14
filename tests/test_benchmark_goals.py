"""What the measured benchmarks hold their figures against: goals, floors, and whether the machine was quiet."""

import gc
import re
from pathlib import Path

import pytest
from attrs import evolve

from benchmarks import growth, memory, models, polled, starting, under_budget
from benchmarks.measuring.fresh import Took
from benchmarks.measuring.keeping import RESULTS, SYNC_MANY, VALUES, Kept
from benchmarks.measuring.rounds import Spread, noise
from benchmarks.polled import Pairs, Polled
from benchmarks.whole.growing import Found, How, _Meter, http_run, least_requests, virtual_run
from benchmarks.whole.sizes import COLUMNS, LEFT, Measured, Series, measured


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
        figure = self.pairs(1, 1, 1).figure()
        assert (figure.value, figure.goal, figure.better) == (2550 / 0.4, polled.GOAL, "higher")
        assert (figure.floor, figure.quiet) == (25 * 100 / 0.1, True)

    @pytest.mark.parametrize(("read", "is_noisy"), [((1, 1.02, 1.04), False), ((1, 1.2, 1.4), True)])
    def test_noise_is_told_in_the_table_and_by_the_figure(self, read, is_noisy):
        found = self.pairs(*read)
        assert ("too noisy" in polled.table([found], 1.0, 2_000).note) is is_noisy
        assert found.figure().quiet is not is_noisy

    def test_both_stand_in_every_round_in_an_order_drawn_anew(self):
        asked = []

        def measure(way, plan, seconds):
            asked.append(way)
            return Polled(100 if way == "reading" else 50, 0, 1, 1)

        found = polled.measured_pairs(25, 8, 1.0, 100, measure=measure)
        assert [(first.pages, second.pages) for first, second in found.rounds] == [(100, 50)] * 8
        rounds = {tuple(asked[at : at + 2]) for at in range(0, len(asked), 2)}
        assert rounds == {("reading", "watching"), ("watching", "reading")}

    def test_the_server_is_named_under_the_table(self):
        assert f"Server: {polled.SERVER}" in polled.table([self.pairs(1)], 1.0, 2_000).note

    def test_the_goal_stands_beside_ours(self):
        table = polled.table([self.pairs(1)], 1.0, 2_000)
        goals = {row[0]: row[table.columns.index("goal")] for row in table.rows}
        assert goals == {
            "page of 25: aiohttp, bytes": None,
            "page of 25: watched by this library": f">= {polled.GOAL:,}",
        }


class TestStarting:
    def found(self, *walls, floor=(0.1, 0.1, 0.1)):
        rows = (starting.Row(starting.FLOOR, ()), starting.Row("`packcloud --help`", (), starting.GOAL))
        took = {row.name: [Took(0.05, wall) for wall in some] for row, some in zip(rows, (floor, walls), strict=True)}
        return starting.Found(rows, took)

    def test_the_goal_is_of_the_clock_on_the_wall_and_the_floor_is_what_both_libraries_take(self):
        (figure,) = self.found(0.3, 0.39, 0.5).figures()
        assert (figure.value, figure.goal, figure.floor, figure.reached) == (0.39, 0.4, pytest.approx(0.1), True)
        (figure,) = self.found(0.3, 0.41, 0.5).figures()
        assert figure.reached is False

    def test_the_floor_has_no_goal_and_ours_is_told_with_how_many_times_it_takes(self):
        floor, ours = self.found(0.41, 0.41, 0.41).table().rows
        assert floor[3:] == (None, None, None)
        assert ours[3:] == ("4.10 (4.10 to 4.10)", "≤ 400 ms", "**no**")

    @pytest.mark.parametrize(("floor", "is_noisy"), [((0.1, 0.102, 0.104), False), ((0.1, 0.13, 0.16), True)])
    def test_noise_is_told_in_the_table_and_by_the_figure(self, floor, is_noisy):
        found = self.found(0.3, 0.3, 0.3, floor=floor)
        assert ("too noisy" in found.table().note) is is_noisy
        assert [figure.quiet for figure in found.figures()] == [not is_noisy]

    def test_what_is_run_is_the_program_of_the_installation(self):
        rows = starting.rows(Path("scripts/packcloud"))
        asked = {row.name: row.arguments for row in rows if row.goal}
        assert asked["`packcloud --help`"] == ("scripts/packcloud", "--help")
        assert asked["`packcloud sync --help`"] == ("scripts/packcloud", "sync", "--help")
        assert all(row.goal == 0.4 for row in rows if row.name in asked)


class TestMemory:
    def rows(self, organizations=1_000):
        found = {SYNC_MANY: 1_000.0, RESULTS: 1_100.0, VALUES: 700.0}
        rows = [
            memory.Row(way, organizations, 100, Kept(watched=size, in_all=120.0), kept=size - 100)
            for way, size in found.items()
        ]
        small = [
            memory.Row(
                SYNC_MANY, organizations * 100 // each, each, Kept(watched=size, in_all=size / 10), kept=size - 300
            )
            for each, size in ((500, 9.0), (10, 1_700.0), (2, 3_000.0))
        ]
        return [*small, *rows]

    def test_goals_are_for_organizations_of_a_hundred_of_ten_and_of_two(self):
        found = by_name(memory.figures(self.rows()))
        told = {name: (figure.value, figure.goal, figure.floor, figure.reached) for name, figure in found.items()}
        assert told == {
            "a watched job in organizations of 100: bytes in use": (900.0, 1_024, None, True),
            "a watched job in organizations of 100: bytes of the process": (1_000.0, 1_024, None, True),
            "100,000 watched at once in organizations of 100: MiB of the whole process": (120.0, 250, None, True),
            "a watched job in organizations of 10: bytes in use": (1_400.0, 1_024, None, False),
            "a watched job in organizations of 10: bytes of the process": (1_700.0, 1_024, None, False),
            "100,000 watched at once in organizations of 10: MiB of the whole process": (170.0, 250, None, True),
            "a watched job in organizations of 2: bytes in use": (2_700.0, 1_024, None, False),
            "a watched job in organizations of 2: bytes of the process": (3_000.0, 1_024, None, False),
            "100,000 watched at once in organizations of 2: MiB of the whole process": (300.0, 250, None, False),
            "a result: bytes in use": (1_000.0, 1_024, 600.0, True),
            "a result: bytes of the process": (1_100.0, 1_024, 700.0, False),
        }

    def test_a_smaller_run_says_nothing_of_a_hundred_thousand(self):
        assert not [name for name in by_name(memory.figures(self.rows(999))) if "whole process" in name]

    def test_the_floor_of_a_model_is_the_same_class_filled_by_msgspec(self):
        found = {"ours": (650.0, 1.0), models.FLOOR: (640.0, 2.0), "pydantic v2": (1_600.0, 3.0)}
        figure, whole = models.figures(found)
        assert (figure.value, figure.goal, figure.floor, figure.reached) == (650.0, models.GOAL, 640.0, True)
        assert [row[-1] for row in models.table(found).rows] == [f"<= {models.GOAL}", None, None]
        assert (whole.value, whole.goal, whole.floor, whole.reached) == (1.0, models.GOAL, None, True)
        alone, whole = models.figures({"ours": (667.0, 1_000.0)})
        assert (alone.floor, alone.reached) == (None, False)
        assert (whole.value, whole.reached) == (1_000.0, False)


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


def took(*, cpu, grown=2**20, calls=0, jobs=100):
    """A run whose jobs took so many microseconds each, and so many bytes in all."""
    return Found(jobs, 3 * jobs, cpu * jobs / 1e6, cpu * jobs / 4e6, grown, calls * jobs)


class TestGrowth:
    SERIES = Series(name="on virtual time", run=virtual_run, sizes=(), integrations=2)

    def found(self, runs, counted=()):
        return Measured(self.SERIES, runs, dict(counted))

    def values(self, found):
        return {self.of(figure): figure.value for figure in found.figures()}

    def of(self, figure):
        return next(what for what in ("CPU", "memory", "Python calls") if figure.name.startswith(what))

    def test_what_is_larger_than_the_reference_is_held_against_it(self):
        runs = {1_000: [took(cpu=100)], 10_000: [took(cpu=150, grown=10 * 2**20, jobs=1_000)]}
        found = self.found(runs, {1_000: took(cpu=0, calls=2_000), 10_000: took(cpu=0, calls=2_100)})
        assert self.values(found) == pytest.approx({"CPU": 1.5, "memory": 2**20 / 100, "Python calls": 1.05})
        assert [figure.reached for figure in found.figures()] == [False, False, True]
        assert all(re.search("10,000 organizations (against|beyond) 1,000", figure.name) for figure in found.figures())

    def test_processor_time_of_what_is_smaller_is_held_against_it_as_well(self):
        runs = {10: [took(cpu=130, jobs=10)], 100: [took(cpu=110, jobs=50)], 1_000: [took(cpu=100)]}
        found = self.found(runs, {10: took(cpu=0, calls=3_000), 1_000: took(cpu=0, calls=2_000)})
        told = [(figure.name.partition(" a job")[0], figure.value, figure.reached) for figure in found.figures()]
        assert told == [
            ("CPU", pytest.approx(1.3), False),
            ("Python calls", 1.5, False),
            ("CPU", pytest.approx(1.1), True),
        ]

    @pytest.mark.parametrize(
        ("at_once", "grown", "goal", "reached"),
        [
            pytest.param(200, 2**20 + 900 * 100, LEFT, True, id="as many at once, little left"),
            pytest.param(200, 2**20 + 900 * 101, LEFT, False, id="as many at once, something is kept of each"),
            pytest.param(None, 11 * 2**20, 1.2 * 2**20 / 100, True, id="all at once"),
            pytest.param(None, 12 * 2**20, 1.2 * 2**20 / 100, False, id="all at once, each takes more"),
        ],
    )
    def test_memory_is_that_of_the_jobs_beyond_the_reference(self, at_once, grown, goal, reached):
        runs = {1_000: [took(cpu=100)], 10_000: [took(cpu=100, grown=grown, jobs=1_000)]}
        _, memory = Measured(evolve(self.SERIES, at_once=at_once), runs, {}).figures()
        assert memory.value == pytest.approx((grown - 2**20) / 900)
        assert (memory.goal, memory.reached) == (pytest.approx(goal), reached)

    def test_what_explains_another_has_no_goals(self):
        runs = {1_000: [took(cpu=100)], 10_000: [took(cpu=150, jobs=1_000)]}
        found = Measured(evolve(self.SERIES, has_goals=False), runs, {})
        assert list(found.figures()) == []
        assert "no goals" in found.table().note

    @pytest.mark.parametrize(("busy", "is_told"), [(0.79, False), (0.81, True)])
    def test_a_server_that_may_be_the_limit_is_told(self, busy, is_told):
        note = self.found({1_000: [took(cpu=100), evolve(took(cpu=100), server_busy=busy)]}).table().note
        assert f"busy for {busy:.0%} of a run at most" in note
        assert ("may be what was measured" in note) is is_told

    def test_server_allocator_and_seed_are_named(self):
        note = self.found({1_000: [took(cpu=100)]}).table().note
        assert all(what in note for what in ("`lean_server.py`", "MALLOC_TRIM_THRESHOLD_", "Seed"))

    @pytest.mark.parametrize("sizes", [(1_000,), (10, 100, 10_000)], ids=["nothing else", "no reference"])
    def test_nothing_is_held_against_itself(self, sizes):
        found = self.found({size: [took(cpu=100)] for size in sizes})
        assert list(found.figures()) == []
        assert found.table().rows[-1][7] == (1.0 if 1_000 in sizes else None)

    def test_a_ratio_is_that_of_one_round(self):
        # The machine was slower by half in the second round.
        runs = {1_000: [took(cpu=100), took(cpu=150)], 2_000: [took(cpu=110), took(cpu=165)]}
        assert self.values(self.found(runs))["CPU"] == pytest.approx(1.1)

    def test_what_was_run_once_is_held_against_the_usual(self):
        runs = {1_000: [took(cpu=100), took(cpu=104), took(cpu=300)], 10_000: [took(cpu=130)]}
        assert self.values(self.found(runs))["CPU"] == pytest.approx(130 / 104)

    def test_memory_of_no_further_jobs_is_compared_with_nothing(self):
        runs = {1_000: [took(cpu=100, grown=0)], 10_000: [took(cpu=100)]}
        assert list(self.values(self.found(runs))) == ["CPU"]

    @pytest.mark.parametrize(("cpu", "is_noisy"), [((100, 102, 104), False), ((100, 130, 160), True)])
    def test_noise_is_told_in_the_table_and_by_the_figure(self, cpu, is_noisy):
        found = self.found({1_000: [took(cpu=each) for each in cpu], 10_000: [took(cpu=100, jobs=1_000)]})
        assert ("too noisy" in found.table().note) is is_noisy
        quiet = {self.of(figure): figure.quiet for figure in found.figures()}
        # Memory does not hang on what else the machine does.
        assert quiet == {"CPU": not is_noisy, "memory": True}

    def test_the_floor_stands_beside_the_requests(self):
        row = dict(zip(COLUMNS, self.found({10: [took(cpu=100)]}).table().rows[0], strict=True))
        assert (row["requests a job"], row["the floor of it"]) == (3.0, 3.0)
        # Two POSTs, and a tenth of one listing before and one after; two pages have twice as many.
        assert (least_requests(10), least_requests(50)) == (2.2, 2.08)

    def test_large_runs_are_made_once_in_the_middle_and_counts_stop_where_they_would_take_long(self):
        made = []

        def run(size, at_once, how):
            made.append((size, at_once, how))
            return took(cpu=100)

        series = Series(
            name="s", run=run, sizes=(10, 10_000, 20_000), integrations=2, at_once=None, how=How.TIMED, is_counted=True
        )
        found = measured(series, rounds=3)
        assert {size: len(runs) for size, runs in found.runs.items()} == {10: 3, 10_000: 1, 20_000: 1}
        assert [size for size, _, how in made if how is How.COUNTED] == list(found.counted) == [10, 10_000]
        timed = [size for size, _, how in made if how is How.TIMED]
        assert (timed[0], sorted(timed[1:4]), timed[4]) == (10, [10, 10_000, 20_000], 10)
        assert all(size == at_once for size, at_once, _ in made)

    def test_everything_that_is_asked_for_is_run(self):
        series = list(growth.all_series([10, 10_000], [10, 1_000, 10_000, 100_000]))
        assert [one.sizes for one in series] == [
            [10, 10_000],
            [10, 1_000, 10_000, 100_000],
            [10, 1_000, 10_000],
            [1_000, 10_000],
        ]
        assert [one.has_goals for one in series] == [True, True, True, False]
        assert [one.at_once for one in growth.all_series([10], [10], at_once=50)] == [50, 200, None, None]
        assert [one.how for one in series] == [How.TIMED, How.TIMED, How.TIMED, How.UNCOLLECTED]
        assert [one.run for one in series] == [http_run, virtual_run, virtual_run, virtual_run]


class TestTheMeterOfARun:
    def test_garbage_collection_is_off_when_it_is_to_be(self):
        for how, enabled in ((How.TIMED, True), (How.UNCOLLECTED, False), (How.COUNTED, True)):
            with _Meter().running(how):
                assert gc.isenabled() is enabled
            assert gc.isenabled()

    def test_collections_are_added_up_and_not_those_after_the_block(self):
        meters, others = {how: _Meter() for how in (How.TIMED, How.UNCOLLECTED)}, [*gc.callbacks]
        for how, meter in meters.items():
            with meter.running(how):
                kept = [[] for _ in range(100_000)]
            del kept
            assert gc.callbacks == others
        assert meters[How.TIMED].collecting > 0
        assert meters[How.UNCOLLECTED].collecting == 0

    def test_calls_are_those_of_python_functions(self):
        def called():
            return len("")

        counts = []
        for times in (1_000, 3_000):
            meter = _Meter()
            with meter.running(How.COUNTED):
                for _ in range(times):
                    called()
            counts.append(meter.calls)
        assert counts[1] - counts[0] == 2_000
