"""The whole run over real HTTP: its server answers as the emulator does, its books convict who reports wrongly."""

import asyncio

import pytest

from benchmarks import results, whole_run
from benchmarks.peers.making import NotMade
from benchmarks.whole import ways
from benchmarks.whole.measure import Cost, Told, held_against
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


@pytest.mark.sockets
def test_a_whole_run_is_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(whole_run, "made", lambda peer: NotMade(peer, "not today"))
    whole_run.main(["--organizations", "2", "--rounds", "1", "--median", "0.1"], folder=tmp_path)
    (table,) = results.tables_of("whole_run", tmp_path)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    measured = [row for row in rows[:-1] if "not today" not in row["way"]]
    assert [row["outcomes wrong"] for row in measured] == [0] * 5
    assert [row["POSTs"] for row in [*measured, rows[-1]]] == [40] * 6
    assert rows[1]["way"].endswith(": not today")
    assert rows[-1]["reads"] == 4
    assert str(table) in capsys.readouterr().out
