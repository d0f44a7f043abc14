"""The troubles that everybody is given alike: what a word is worth, what is counted, and that the page says so."""

import json
import signal
from types import SimpleNamespace

import aiohttp
import pytest
from attrs import evolve

from benchmarks import behaviour, costs, readme, results
from benchmarks.behaving import loop, ours, playing, scenes, showing
from benchmarks.behaving.judging import Played, Truth, Verdict, verdict
from benchmarks.behaving.lists import serving_lists
from benchmarks.behaving.loop import Told, Wanted, told_of
from benchmarks.behaving.playing import Seconds, leaked, played
from benchmarks.behaving.scenes import Scene
from benchmarks.measuring.contestants import Missing
from benchmarks.measuring.rounds import Contestant
from benchmarks.peers.making import NotMade
from packcloud_async import Direction, Outcome, PackCloudClient, PollPolicy, SyncKind
from packcloud_async.emulator import Emulator, Fault

STARTED = Truth(posts=1, started=1)
MOVED = Truth(posts=1, started=1, moved=True)
GONE = Truth(posts=1, started=1, gone=True)
NOTHING = Truth(posts=1)


@pytest.mark.parametrize(
    ("says", "truth", "expected"),
    [
        ("moved", MOVED, Verdict.TRUE),
        ("moved", STARTED, Verdict.UNTRUE),
        ("not moved", STARTED, Verdict.TRUE),
        ("not moved", MOVED, Verdict.UNTRUE),
        ("not moved", NOTHING, Verdict.UNTRUE),
        ("refused", NOTHING, Verdict.TRUE),
        ("refused", STARTED, Verdict.UNTRUE),
        ("in doubt", STARTED, Verdict.TRUE),
        ("in doubt", NOTHING, Verdict.TRUE),
        ("in doubt", MOVED, Verdict.UNTRUE),
        ("gone", GONE, Verdict.TRUE),
        ("gone", STARTED, Verdict.UNTRUE),
        ("started, not readable", STARTED, Verdict.TRUE),
        ("started, not readable", NOTHING, Verdict.UNTRUE),
        ("error", NOTHING, Verdict.OPEN),
        ("error", STARTED, Verdict.OPEN),
        ("status 503", NOTHING, Verdict.TRUE),
        ("status 503", STARTED, Verdict.OPEN),
        ("status 404", GONE, Verdict.TRUE),
        ("status 404", STARTED, Verdict.OPEN),
        ("status 429", GONE, Verdict.OPEN),
    ],
)
def test_a_word_is_held_against_the_books(says, truth, expected):
    assert verdict(Told(says), truth) is expected


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (Told("listed", count=60), Verdict.TRUE),
        (Told("listed", count=59), Verdict.UNTRUE),
        (Told("error", "InvalidResponse"), Verdict.TRUE),
        (Told("status 429", "ApiException"), Verdict.TRUE),
    ],
)
def test_a_list_is_whole_or_an_error(told, expected):
    assert verdict(told, Truth(count=60)) is expected


def test_every_outcome_of_this_library_can_be_judged():
    # Orders have a watermark.
    assert set(ours.SAYS) == set(Outcome) - {Outcome.UNOBSERVABLE}
    for says in ours.SAYS.values():
        assert verdict(Told(says), STARTED) in {Verdict.TRUE, Verdict.UNTRUE}


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"status": 503}, "status 503"),
        ({"status_code": 404}, "status 404"),
        ({"response": SimpleNamespace(status_code=502)}, "status 502"),
        ({"status": None}, "error"),
        ({"status": "503"}, "error"),
        ({}, "error"),
    ],
)
def test_a_status_is_found_wherever_a_client_keeps_it(attributes, says):
    error = ValueError("x")
    vars(error).update(attributes)
    assert told_of(error) == Told(says, "ValueError")


@pytest.mark.parametrize(
    ("log", "places"),
    [
        ("INFO:caller:text: 401", ()),
        ("INFO:caller:client 0: Client(token='canary')", ("client",)),
        (
            "INFO:caller:traceback: Traceback\n  x = 'canary'\nINFO:caller:repr: canary\nrepr again canary",
            ("traceback", "repr"),
        ),
        ("INFO:caller:text: 401\nDEBUG:httpcore:headers canary", ("log",)),
        ("INFO:caller:repr: fine\nDEBUG:asyncio:loop", ()),
    ],
)
def test_where_a_token_stands_is_named_once(log, places):
    assert leaked(log, "canary") == places


class Scripted:
    """A client that reads what it is told to, and whose POST may fail."""

    def __init__(self, *reads, post=None):
        self.reads, self.post, self.posts = iter(reads), post, 0

    async def watermark(self):
        return next(self.reads)

    async def sync(self):
        self.posts += 1
        if self.post is not None:
            raise self.post

    async def ids(self):
        for one in self.reads:
            yield one

    def shown(self):
        return ["the client"]


def wanted(**fields):
    numbers = {"every": 1.0, "timeout": 1.0, "deadline": 3.0} | fields
    return Wanted(base_url="http://127.0.0.1", token="t", organization="org_1", integration="int_1", **numbers)


class TestTheLoopAroundEveryClient:
    async def test_it_says_that_something_moved(self):
        client = Scripted("a", "a", "b")
        assert await loop.synced(client, wanted(every=0.0)) == Told("moved")
        assert client.posts == 1

    async def test_it_says_that_nothing_moved_when_the_window_is_over(self):
        assert await loop.synced(Scripted(*"aaaaaa"), wanted(every=0.01, deadline=0.0)) == Told("not moved")

    async def test_it_counts_a_list(self):
        assert await loop.listed(Scripted("a", "b", "c"), wanted()) == Told("listed", count=3)

    async def test_what_went_wrong_is_written_down_and_raised(self, caplog):
        caplog.set_level("INFO", logger="caller")
        with pytest.raises(OSError, match="no"):
            await loop.printed(Scripted("a", post=OSError("no")), wanted())
        written = [record.getMessage().partition(":")[0] for record in caplog.records]
        assert written == ["client 0", "text", "repr", "traceback"]


def play(word, *, posts=1, started=1, moved=True, seconds=1.04, **more):
    told = None if word is None else Told(word, more.pop("what", ""), more.pop("count", None))
    return Played(
        told=told,
        truth=Truth(posts=posts, started=started, moved=moved, count=more.pop("of", None)),
        seconds=seconds,
        **more,
    )


class TestWhatIsShown:
    FINE, LOST = scenes.SYNCS[0], scenes.SYNCS[2]
    LIST = scenes.LISTS[2]
    SHOWN = showing.Shown(
        "ours",
        {
            FINE: {"ours": play("moved"), "theirs": play("moved")},
            LOST: {"ours": play("in doubt", moved=False), "theirs": play("moved", posts=2, started=2, moved=False)},
        },
        {
            LIST: {
                "ours": play("error", what="InvalidResponse", of=60, started=0),
                "theirs": play("listed", count=60, of=60, started=0, strays=2),
            }
        },
        {"ours": play("status 401", started=0), "theirs": play("status 401", started=0, leaked=("repr", "log"))},
        ["somebody, not installed"],
    )

    def test_the_sums_are_those_of_all_scenes(self):
        table = self.SHOWN.tables()[0]
        assert [dict(zip(table.columns, row, strict=True)) for row in table.rows] == [
            {
                "caller": "ours",
                "true": 3,
                "open": 0,
                "untrue": 0,
                "no end": 0,
                showing.KNOWN: 1,
                showing.TWICE: 0,
                showing.LEAKED: 0,
            },
            {
                "caller": "theirs",
                "true": 2,
                "open": 0,
                "untrue": 1,
                "no end": 0,
                showing.KNOWN: 2,
                showing.TWICE: 1,
                showing.LEAKED: 3,
            },
        ]
        assert "Left out: somebody, not installed." in table.note

    def test_what_must_never_happen_is_a_goal_of_ours_alone(self):
        goals = {figure.name: figure.reached for figure in self.SHOWN.figures() if figure.goal is not None}
        assert goals == {f"ours: {what}": True for what in (Verdict.NOTHING, showing.TWICE, showing.LEAKED)}

    def test_every_caller_has_a_cell_in_every_table(self):
        for table in self.SHOWN.tables():
            assert {len(row) for row in table.rows} == {len(table.columns)}
            assert set(table.columns[1:]) == {"ours", "theirs"} or table.columns[0] == "caller"

    @pytest.mark.parametrize(
        ("cell", "one", "written"),
        [
            (showing.word_of, play("moved"), "moved: true"),
            (showing.word_of, play("moved", moved=False), "moved: **untrue**"),
            (showing.word_of, play("error", what="TimeoutError"), "`TimeoutError`: open"),
            (showing.word_of, play("status 503", what="ApiException", started=0), "503 `ApiException`: true"),
            (showing.word_of, play(None), "**no end**"),
            (showing.posts_of, play("moved", posts=2), "2 / 1"),
            (showing.posts_of, play("moved", posts=3, started=2), "3 / **2**"),
            (showing.seconds_of, play("moved"), "1.0"),
        ],
    )
    def test_a_cell_says_it_in_a_few_words(self, cell, one, written):
        assert cell(one) == written

    def test_a_token_that_went_elsewhere_is_said_beside_the_word(self):
        lists = self.SHOWN.tables()[4]
        assert lists.rows[0][1:] == (
            "`InvalidResponse`: true",
            "60 listed: true; **token sent elsewhere, 2 times**",
        )


def test_who_cannot_be_run_is_left_out_with_the_reason(monkeypatch):
    monkeypatch.setattr("benchmarks.measuring.contestants._is_installed", lambda package: package != "httpx")
    found = behaviour.callers(behaviour.NAMES, make=lambda peer: NotMade(peer, "no network"))
    assert [one.name for one in found if isinstance(one, Contestant)] == [
        behaviour.OURS,
        behaviour.LOOP,
        behaviour.RETRIED,
        behaviour.CRON,
    ]
    assert {one.name: one.reason for one in found if isinstance(one, Missing)} == {
        behaviour.HTTPX: "httpx not installed (extra `bench`)",
        behaviour.GENERATOR: "no network",
        behaviour.PYTHON_CLIENT: "no network",
    }


def test_names_of_scenes_and_callers_are_all_different():
    every = [scene.name for scene in (*scenes.SYNCS, *scenes.LISTS, scenes.PRINTED)]
    assert len(set(every)) == len(every)
    assert len(set(behaviour.NAMES)) == len(behaviour.NAMES) == 7


LOST = next(scene for scene in scenes.SYNCS if any(Fault.DROP_AFTER in plan.script for plan in scene.faults))
LOOP = next(one for one in behaviour.BY_HAND if one.name == behaviour.LOOP)
RETRIED = next(one for one in behaviour.BY_HAND if one.name == behaviour.RETRIED)
OURS = next(one for one in behaviour.BY_HAND if one.name == behaviour.OURS)
CRON = next(one for one in behaviour.BY_HAND if one.name == behaviour.CRON)
PATIENT = Seconds(every=0.05, timeout=60, deadline=60, limit=120)
"""No machine is so slow that a request would not be answered in that time, and nothing here waits for its end."""


@pytest.mark.sockets
class TestPlayed:
    """Few, as each is a process: the rest is what the benchmark itself plays."""

    @pytest.mark.parametrize(
        ("caller", "says", "posts"),
        [(OURS, "moved", 1), (LOOP, "error", 1), (RETRIED, "moved", 2)],
        ids=["ours", "loop", "retried"],
    )
    async def test_an_answer_that_is_lost(self, caller, says, posts):
        found = await played(LOST, caller, PATIENT)
        assert (found.told.says, found.truth.posts, found.truth.started) == (says, posts, posts)
        assert found.verdict is (Verdict.OPEN if says == "error" else Verdict.TRUE)

    async def test_a_program_of_cron_finds_in_its_next_run_what_came_of_a_lost_answer(self):
        pytest.importorskip("requests", reason="of the extra bench")
        found = await played(LOST, CRON, evolve(PATIENT, deadline=LOST.moves_after + 0.1))
        assert (found.told.says, found.truth.posts, found.verdict) == ("moved", 1, Verdict.TRUE)

    async def test_a_killed_process_leaves_nothing_behind_and_its_ledger_is_gone_on_with(self, monkeypatch):
        ended = []
        running = playing._running

        class Noted:
            def __init__(self, *arguments):
                self._manager = running(*arguments)

            async def __aenter__(self):
                ended.append(await self._manager.__aenter__())
                return ended[-1]

            async def __aexit__(self, *told):
                return await self._manager.__aexit__(*told)

        monkeypatch.setattr(playing, "_running", Noted)
        killed = Scene(name="s", task="sync again", moves_after=0.0, killed=scenes.Killed(after=0.0, again=0.0))
        found = await played(killed, OURS, PATIENT)
        assert (found.told.says, found.truth.posts, found.verdict) == ("moved", 1, Verdict.TRUE)
        assert [process.returncode for process in ended] == [-signal.SIGKILL, 0]

    async def test_what_does_not_end_is_ended(self):
        never = Scene(name="s", lists="back", task="list")
        found = await played(never, LOOP, Seconds(list_limit=2.0))
        assert (found.told, found.verdict) == (None, Verdict.NOTHING)

    async def test_a_caller_that_dies_is_no_word_of_anybody(self):
        with pytest.raises(playing.CallerDied, match=r"nobody, nothing goes wrong: status 1"):
            await played(scenes.FINE, Contestant("nobody", "no.such:module"))

    async def test_the_other_host_counts_the_token(self):
        async with serving_lists("elsewhere", token="canary") as lists, aiohttp.ClientSession() as session:
            for headers in ({}, {"authorization": "Bearer canary"}):
                async with session.get(f"{lists.elsewhere}/list", headers=headers) as answer:
                    assert len((await answer.json())["data"]) == 20
            assert lists.strays == 1


async def test_the_books_are_of_the_integration_that_was_asked_for():
    emulator = Emulator(organizations=1)
    async with PackCloudClient(token=emulator.token, transport=emulator.transport()) as client:
        emulator.plan_sync("org_1", "int_1", SyncKind.ORDERS, moves=[(1.0, None)])
        await client.organization("org_1").sync("int_1", SyncKind.ORDERS, poll=PollPolicy(deadline=5))
    assert playing._truth(emulator, "int_1") == Truth(posts=1, started=1, moved=True)
    assert playing._truth(emulator, "int_2/../int_1") == Truth(posts=1, started=1)
    emulator.delete("org_1", "int_1")
    assert playing._truth(emulator, "int_1").gone


@pytest.mark.parametrize(
    ("name", "direction"), [("before the first", Direction.BACKWARD), ("first read shows", Direction.FORWARD)]
)
async def test_an_older_value_is_news_to_this_library_and_said_to_go_backward_where_it_comes_second(name, direction):
    (scene,) = [scene for scene in scenes.SYNCS if "lags" in scene.name and name in scene.name]
    emulator = playing._emulator(scene)
    async with PackCloudClient(token=emulator.token, transport=emulator.transport()) as client:
        result = await client.organization("org_1").sync("int_1", SyncKind.ORDERS)
    assert [step.direction for step in result[SyncKind.ORDERS].steps] == [direction]
    assert not playing._truth(emulator, "int_1").moved


class TestThePage:
    """What docs/comparison.md says in words, held against the tables that stand below the words."""

    @pytest.fixture
    def tables(self):
        return {table.title: table for table in results.tables_of("behaviour")}

    @pytest.fixture
    def sums(self, tables):
        return self.rows(tables["In sum"])

    @pytest.fixture
    def words(self, tables):
        return self.rows(tables["What the caller is told, and whether it is so"])

    @pytest.fixture
    def lists(self, tables):
        return self.rows(tables["A list of sixty, in three pages"])

    def rows(self, table):
        return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}

    def test_everybody_was_there_in_every_scene(self, words, lists):
        assert list(words) == [scene.name for scene in scenes.SYNCS]
        assert list(lists) == [scene.name for scene in scenes.LISTS]
        assert all(tuple(row)[1:] == behaviour.NAMES for row in (*words.values(), *lists.values()))

    def test_this_library_starts_nothing_twice_and_always_ends_and_who_retries_everything_does_not(self, sums):
        ours, retried = sums[behaviour.OURS], sums[behaviour.RETRIED]
        assert (ours[showing.TWICE], ours["no end"], ours[showing.LEAKED], ours["open"]) == (0, 0, 0, 0)
        assert retried[showing.TWICE] > sums[behaviour.LOOP][showing.TWICE]
        assert retried[showing.KNOWN] > 2 * sums[behaviour.LOOP][showing.KNOWN]

    def test_cron_starts_nothing_twice_and_is_told_untrue_things_no_more_than_the_loops(self, sums, words):
        cron, loop = sums[behaviour.CRON], sums[behaviour.LOOP]
        assert (cron[showing.TWICE], cron[Verdict.UNTRUE] <= loop[Verdict.UNTRUE]) == (0, True)
        loops = sums.keys() - {behaviour.OURS, behaviour.CRON}
        assert cron[Verdict.TRUE] > max(sums[name][Verdict.TRUE] for name in loops)
        assert "503" in words["the POST is answered 503 with Retry-After"][behaviour.CRON]

    def test_a_replica_that_lags_fools_everybody(self, words, sums):
        untrue = {name: row for name, row in words.items() if "lags" in name}
        assert len(untrue) == 2
        for row in untrue.values():
            assert {row[caller] for caller in behaviour.NAMES} == {"moved: **untrue**"}
        assert sums[behaviour.OURS]["untrue"] == 2

    def test_a_lost_post_is_sent_again_by_who_retries_and_left_in_doubt_by_this_library(self, words):
        row = words["the POST is lost; nothing runs"]
        assert (row[behaviour.OURS], row[behaviour.RETRIED]) == ("in doubt: true", "moved: true")

    def test_generated_clients_write_ids_safely_and_follow_no_link(self, words, lists):
        id_row = words["the id is `int_2/../int_1`"]
        link_row = lists["the link to the next page leads to another host"]
        for caller in (behaviour.GENERATOR, behaviour.PYTHON_CLIENT):
            assert "404" in id_row[caller]
            assert link_row[caller] == "60 listed: true"
        assert all("sent elsewhere" in link_row[caller] for caller in (behaviour.LOOP, behaviour.HTTPX, behaviour.CRON))

    def test_one_of_them_tries_a_read_again_but_no_post_and_no_429(self, words):
        assert words["a read of the watch is answered 502"][behaviour.GENERATOR] == "moved: true"
        assert "429" in words["two reads of the watch are answered 429"][behaviour.GENERATOR]
        assert "503" in words["the POST is answered 503 with Retry-After"][behaviour.GENERATOR]

    def test_where_a_token_is_printed(self, tables):
        places = self.rows(tables["Whether the token stands in"])
        error, client = places[showing.PLACES["repr"]], places[showing.PLACES["client"]]
        assert {caller for caller in behaviour.NAMES if error[caller] != "no"} == {behaviour.LOOP, behaviour.RETRIED}
        assert {caller for caller in behaviour.NAMES if client[caller] != "no"} == {behaviour.PYTHON_CLIENT}

    def test_a_request_costs_about_what_aiohttp_by_hand_costs(self):
        requests, _ = costs.tables(results.load())
        rows = self.rows(requests)
        for name in ("one typed GET", "the POST of a sync"):
            assert all(rows[ours][f"{name}: {costs.TO_RAW}"] < 1.2 for ours in (costs.OURS, costs.PLAIN))
            assert all(rows[other][f"{name}: {costs.TO_RAW}"] > 3 for other in costs.CLIENTS[4:])

    def test_costs_are_the_cells_of_the_other_tables(self):
        requests, ways = costs.tables(results.load())
        (raw, *_), one_get = requests.rows, results.tables_of("one_get")
        (found,) = [table for table in one_get if table.title == "One typed GET, 64 in flight"]
        assert raw[:3] == ("raw aiohttp", found.rows[0][found.columns.index("CPU, µs")], 1.0)
        assert [row[0] for row in requests.rows] == list(costs.CLIENTS)
        assert {row[0][:3] for row in ways.rows} == set(costs.WAYS)
        assert len({len(row) for row in ways.rows} | {len(ways.columns)}) == 1

    def test_a_client_without_a_figure_has_empty_cells(self):
        requests, _ = costs.tables(results.load())
        (json_row,) = [row for row in requests.rows if row[0] == "aiohttp + json"]
        # The answer to a sync has nothing to read.
        assert json_row[-2:] == (None, None)
        assert None not in json_row[:-2]

    @pytest.mark.parametrize("missing", sorted(costs.NEEDED))
    def test_costs_are_left_as_they_are_while_a_benchmark_is_missing(self, missing, tmp_path):
        page = "<!-- costs -->\nold\n<!-- end -->\n"
        found = dict(results.load())
        (tmp_path / results.FILE).write_text(json.dumps(found), encoding="utf-8")
        assert "Processor time of the client" in readme.filled(page, tmp_path)
        del found[missing]
        (tmp_path / results.FILE).write_text(json.dumps(found), encoding="utf-8")
        assert readme.filled(page, tmp_path) == page
