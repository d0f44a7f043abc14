"""The whole run over real HTTP: its server answers as the emulator does, its books convict who reports wrongly."""

import asyncio

import pytest

from benchmarks import results, whole_run
from benchmarks.peers.making import NotMade
from benchmarks.whole import floor, loop, ways
from benchmarks.whole.found import COLUMNS, Contestant, Found, Missing
from benchmarks.whole.measure import Cost, Run, Seconds, Told, Way, held_against
from benchmarks.whole.server import Books, Plan, serving
from packcloud_async import Outcome, PackCloudClient, PollPolicy, SyncKind
from packcloud_async.emulator import Emulator, SyncTimes

SMALL = Plan(organizations=2, integrations=3, per_page=2, median=0.05, spread=0.05, finds_nothing=0.3, seed=3)


async def outcomes_on(base_url):
    """What sync_many reports of everything on a server, times left out."""
    async with (
        PackCloudClient(token="t", base_url=base_url) as client,
        client.sync_many(SMALL.organization_ids, kinds=ways.KINDS, poll=PollPolicy(first=0.05, deadline=0.5)) as run,
    ):
        return {
            (result.organization_id, result.integration_id, kind): outcome.state
            async for result in run
            for kind, outcome in result.kinds.items()
        }


@pytest.mark.sockets
async def test_the_server_of_a_whole_run_finds_what_the_emulator_finds():
    emulator = Emulator(
        organizations=SMALL.organizations,
        integrations=SMALL.integrations,
        seed=SMALL.seed,
        per_page=SMALL.per_page,
        sync_times=SyncTimes(median=SMALL.median, spread=SMALL.spread, finds_nothing=SMALL.finds_nothing),
        token="t",
    )
    async with emulator.serve() as there:
        expected = await outcomes_on(there.base_url)
    with serving(SMALL) as here:
        found = await outcomes_on(here.base_url)
        books = await asyncio.to_thread(here.books)
    assert found == expected
    assert set(found.values()) == {Outcome.ADVANCED, Outcome.QUIET}
    assert books.posts == len(found) == 12
    assert books.moves.keys() == {key for key, state in found.items() if state is Outcome.ADVANCED}


PLACE = ("org_1", "int_1")
ONE = Plan(organizations=1, integrations=1)
BOOKS = Books(lists=1, singles=0, posts=2, moves={(*PLACE, SyncKind.ORDERS): 5.0})


@pytest.mark.parametrize(
    ("news", "orders", "products", "wrong"),
    [
        pytest.param({(*PLACE, SyncKind.ORDERS): 6.0}, True, False, 0, id="right"),
        pytest.param({(*PLACE, SyncKind.ORDERS): 4.0}, True, False, 1, id="known before it happened"),
        pytest.param({(*PLACE, SyncKind.PRODUCTS): 6.0}, True, False, 1, id="news of what never happened"),
        pytest.param({}, False, False, 1, id="a change not seen"),
        pytest.param({}, True, True, 1, id="a change that was none"),
        pytest.param({}, True, None, 1, id="nothing said"),
    ],
)
def test_what_a_client_says_is_held_against_the_books(news, orders, products, wrong):
    moved = {(*PLACE, SyncKind.ORDERS): orders, (*PLACE, SyncKind.PRODUCTS): products}
    told = Told(news=news, moved={key: said for key, said in moved.items() if said is not None})
    found = held_against(BOOKS, told, ONE, cost=Cost(cpu=1.0, wall=1.0, peak=1), server_busy=0.1)
    assert found.wrong == wrong
    assert found.delays == [at - 5.0 for (*_, kind), at in news.items() if kind is SyncKind.ORDERS]


def test_who_is_told_later_than_he_saw_has_two_delays():
    key = (*PLACE, SyncKind.ORDERS)
    told = Told(news={key: 6.0}, moved={key: True, (*PLACE, SyncKind.PRODUCTS): False}, told={key: 7.5})
    found = held_against(BOOKS, told, ONE, cost=Cost(cpu=1.0, wall=1.0, peak=1), server_busy=0.1)
    assert (found.delays, found.told, found.wrong) == ([1.0], [2.5], 0)


@pytest.mark.sockets
def test_a_whole_run_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(whole_run, "made", lambda peer: NotMade(peer, "not today"))
    whole_run.main(["--organizations", "2", "--rounds", "1", "--median", "0.1"], folder=tmp_path)
    (table,) = results.tables_of("whole_run", tmp_path)
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert f"{whole_run.GENERATED}: not today" in rows
    ours = [row for name, row in rows.items() if name.startswith("(c)")]
    assert [row["outcomes wrong"] for row in [rows[whole_run.LOOP], *ours]] == [0] * 5
    # The loop has each news in hand when it sees it, whoever takes a result waits for the other kind.
    loop_row = rows[whole_run.LOOP]
    assert loop_row["told: 95 %"] == loop_row["95 %"]
    assert all(float(row["told: median, s"]) >= float(row["delay: median, s"]) for row in ours)
    leanest = rows[whole_run.LEANEST]
    assert (leanest["POSTs"], leanest["outcomes wrong"], leanest["told: 95 %"]) == (40, 0, leanest["95 %"])
    own = rows[whole_run.OWN_FLOOR]
    assert (own["reads"], own["POSTs"], own["outcomes wrong"], own["told: 95 %"]) == (4, 40, None, None)
    figures = {figure["name"]: figure for figure in results.load(tmp_path)["whole_run"]["figures"]}
    for before in ("", f"{whole_run.DEFAULT}: "):
        assert figures[f"{before}CPU against (a)"]["floor"] > 0
        assert figures[f"{before}reads: times fewer than (a)"]["floor"] == pytest.approx(10, rel=0.01)
        assert figures[f"{before}95 % of the delays until told, against (a)"]["goal"] is None
    bare = [rows[whole_run.FLOOR], rows[whole_run.REQUESTS]]
    assert [row["outcomes wrong"] for row in bare] == [None] * 2
    assert [row["POSTs"] for row in [rows[whole_run.LOOP], *ours, *bare]] == [40] * 7
    assert [row["reads"] for row in bare] == [4, rows[whole_run.BEST]["reads"]]
    # A second and the two reads of each: the loop's is its own, and nobody else has one.
    assert rows[whole_run.LOOP]["reads"] == 40
    assert 1 <= rows[whole_run.LOOP]["a second lasts: median, s"] <= rows[whole_run.LOOP]["95 % of the seconds, s"]
    assert {row["a second lasts: median, s"] for row in [*ours, *bare]} == {None}
    least = [row for name, row in rows.items() if name.startswith("least reads")]
    assert [row["reads"] for row in least] == [4, 4]
    assert str(table) in capsys.readouterr().out
    # Beside other tests a second may last longer: then both say so.
    starved = results.load(tmp_path)["whole_run"]["setting"]["starved"]
    assert bool(starved) is ("**Starved**" in table.note or "**The server was" in table.note)
    assert set(starved) <= rows.keys()


def test_what_was_learned_before_is_of_the_same_distribution_and_of_other_draws():
    plan = Plan(organizations=4, seed=5)
    expected = whole_run.learned_before(plan).expect(connector_id=None, category="shop", kind=SyncKind.ORDERS)
    assert 0.5 < expected.low < plan.median < expected.high < 12
    assert whole_run.learned_before(plan).to_json() == whole_run.learned_before(plan).to_json()


@pytest.mark.sockets
def test_requests_alone_are_as_many_as_asked_for_and_of_every_page():
    plan = Plan(organizations=2, integrations=3, per_page=2)
    with serving(plan) as server:
        for numbers, lists in (({}, 8), ({"reads": 11}, 8 + 11)):
            asyncio.run(floor.on_aiohttp(server.base_url, plan.integration_ids, {"per_page": 2, **numbers}))
            assert server.books().lists == lists
        books = server.books()
        asyncio.run(floor.by_own_calls(server.base_url, plan.integration_ids, {}))
        last = server.books()
    assert (last.lists - books.lists, last.singles, last.posts - books.posts) == (8, 0, 12)
    assert (books.singles, books.posts) == (0, 2 * 12)
    assert {key[:2] for key in books.moves} == set(plan.integration_ids)


@pytest.mark.sockets
def test_the_loop_has_so_many_organizations_under_way_and_tells_how_long_its_seconds_were():
    plan = Plan(organizations=3, integrations=1, median=0.1, spread=0.05)
    with serving(plan) as server:
        known = asyncio.run(loop.on_aiohttp(server.base_url, plan.integration_ids, {"organizations": 2}))
        books = server.books()
    assert known.moved == dict.fromkeys(
        ((*place, kind.value) for place in plan.integration_ids for kind in ways.KINDS), True
    )
    assert len(known.seconds) == books.singles - 3
    assert min(known.seconds) >= 1
    # The third one began after the first news.
    assert max(books.moves.values()) - min(books.moves.values()) > 0.9


def run(*, cpu=1.0, reads=100, late=1.0, seconds=None, busy=0.1, wrong=0, wall=2.0):
    """One way, measured, whose news was known after between 0 and ``late`` seconds."""
    books = Books(lists=reads, singles=0, posts=20, moves={})
    delays = [late * number / 100 for number in range(101)] if late else []
    cost = Cost(cpu=cpu, wall=wall, peak=2**20)
    return Run(cost=cost, books=books, delays=delays, wrong=wrong, server_busy=busy, seconds=seconds)


def found(loop_runs, ours, *, missing=()):
    """A comparison of (a) with one that has the goals."""
    everybody = [Contestant("(a)", Way("a")), Contestant("(c)", Way("c")), *missing]
    one = Found(Plan(organizations=1, median=0.1, spread=0.05), everybody, loop="(a)", chosen="(c)")
    for contestant, runs in zip(everybody, (loop_runs, ours), strict=False):
        for each in runs:
            one.note(contestant, each)
    return one


class TestWhatIsFound:
    def test_what_is_compared_is_the_median_of_the_ratios_within_each_round(self):
        loops = [run(cpu=1, reads=100), run(cpu=2, reads=100), run(cpu=4, reads=100)]
        ours = [run(cpu=0.2, reads=10), run(cpu=0.8, reads=20), run(cpu=1.2, reads=25, late=2)]
        figures = {figure.name: figure for figure in found(loops, ours).figures()}
        cpu, fewer = figures["CPU against (a)"], figures["reads: times fewer than (a)"]
        assert (cpu.value, cpu.low, cpu.high) == pytest.approx((0.3, 0.25, 0.35))
        assert (fewer.value, fewer.low, fewer.high) == pytest.approx((5, 4.5, 7.5))
        assert figures["95 % of the delays against (a)"].value == pytest.approx(1)
        assert {name: figure.goal for name, figure in figures.items() if figure.goal is not None} == {
            "reads: times fewer than (a)": 10,
            "CPU against (a)": 0.25,
            "95 % of the delays against (a)": 1.25,
        }
        assert [figure.reached for figure in (cpu, fewer)] == [False, False]
        assert figures["(c): wall, s"].better == "lower"
        assert figures["(a): wall, s"].better is None

    def test_who_is_measured_once_is_compared_with_the_first_round(self):
        row = found([run(cpu=1), run(cpu=2), run(cpu=4)], [run(cpu=0.5)]).table().rows[1]
        assert row[COLUMNS.index("CPU against (a)")] == "0.5"

    def test_the_goals_stand_beside_others_as_well_and_the_lower_floor_beside_them(self):
        everybody = [Contestant(name, Way(name)) for name in ("(a)", "(c)", "default", "raw", "own")]
        one = Found(everybody=everybody, plan=ONE, loop="(a)", chosen="(c)", also=["default"], floors=["raw", "own"])
        for contestant, cpu in zip(everybody, (4, 2, 3, 1, 0.8), strict=True):
            one.note(contestant, run(cpu=cpu, late=1 if cpu > 1 else 0))
        figures = {figure.name: figure for figure in one.figures()}
        ours, default = figures["CPU against (a)"], figures["default: CPU against (a)"]
        assert (ours.value, default.value) == (0.5, 0.75)
        assert ours.goal == default.goal == 0.25
        assert ours.floor == default.floor == pytest.approx(0.2)

    def test_the_least_is_for_the_delay_of_the_loop_and_a_quarter(self):
        one = found([run(late=1), run(late=2), run(late=4)], [run()] * 3)
        rows = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in one.table().rows}
        assert one.tolerated == pytest.approx(1.25 * 0.95 * 2)
        assert rows["least reads for (a)'s delay x 1.25 (knows the distribution)"]["95 %"] == one.tolerated
        assert rows["least reads for (a)'s delay x 1.25 (knows every draw)"]["times fewer reads than (a)"] == 50

    @pytest.mark.parametrize(
        ("loops", "told", "quiet"),
        [
            pytest.param([run(seconds=Seconds(median=1.01, most=1.1))] * 3, None, True, id="as it should be"),
            pytest.param(
                [run(seconds=Seconds(median=1.06, most=1.1))] * 3,
                "**Starved**: the seconds of (a) lasted 1.06 s, one in twenty 1.10 s",
                False,
                id="long seconds",
            ),
            pytest.param(
                [run(seconds=Seconds(median=1.01, most=1.3))] * 3, "**Starved**", False, id="some long seconds"
            ),
            pytest.param([run(busy=0.9)] * 3, "**The server was 90% busy** with (a)", False, id="a busy server"),
            pytest.param([run(busy=0.9, wall=0.01)] * 3, None, True, id="a run shorter than the ticks of its server"),
            pytest.param(
                [run(cpu=cpu) for cpu in (0.8, 1.0, 1.2)], "**This run was too noisy**", False, id="a noisy machine"
            ),
        ],
    )
    def test_what_cannot_be_trusted_is_told(self, loops, told, quiet):
        one = found(loops, [run()] * 3)
        warnings = [
            line for line in one.table().note.split("**") if "busy" in line or "noisy" in line or "Star" in line
        ]
        assert len(warnings) == (0 if told is None else 1)
        assert told is None or told in one.table().note
        assert {figure.quiet for figure in one.figures()} == {quiet}

    def test_one_round_has_no_quartiles_and_more_have(self):
        column = COLUMNS.index("client: CPU, s")
        assert found([run(cpu=1.5)], [run()]).table().rows[0][column] == "1.5"
        three = [run(cpu=cpu) for cpu in (1.5, 1.6, 1.7)]
        assert found(three, [run()] * 3).table().rows[0][column] == "1.6 (1.55 to 1.65)"

    def test_wrong_outcomes_of_all_rounds_are_counted(self):
        row = found([run()] * 2, [run(wrong=1), run(wrong=2)]).table().rows[1]
        assert row[COLUMNS.index("outcomes wrong")] == 3

    def test_whoever_could_not_be_measured_has_a_row_that_says_why(self):
        rows = found([run()], [run()], missing=[Missing("(b)", "no Java")]).table().rows
        assert rows[2] == ("(b): no Java", *[None] * (len(COLUMNS) - 1))
