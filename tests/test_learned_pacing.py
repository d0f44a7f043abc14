"""Learned pacing as clients use it: what they learn, from what, and what they then send less."""

import asyncio
import json
from pathlib import Path

import attrs
import pytest

from packcloud_async import (
    AsyncSyncJob,
    ConfigurationError,
    LearnedPacing,
    Outcome,
    PackCloudClient,
    PollPolicy,
    ReadMade,
    SyncKind,
    SyncTarget,
)
from packcloud_async.emulator import FaultPlan

from .support.shop import open_shop

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
# Reads at 1, 2, 3, 4.5, 6.8, 10.1, 15.2, 22.8, 34.2, 51.3, ...
POLL = PollPolicy(first=1, growth=1.5, ceiling=60, deadline=300, jitter=0)


@pytest.fixture(autouse=True)
def draws(monkeypatch):
    """The draw of the next job, if there is one, and 0.5 for all others: no patrol, which one job in sixteen is on."""
    coming = []
    monkeypatch.setattr("random.random", lambda: coming.pop() if coming else 0.5)
    return coming


def moving(shop, *moves, kind=ORDERS, integration="int_1"):
    shop.emulator.plan_sync("org_1", integration, kind, moves=list(moves), takes=None if moves else 1)


def durations(pacing, kind=ORDERS):
    """Everything that was learned of a kind, once."""
    rows = json.loads(pacing.to_json())["learned"]
    return [duration for scope, _, of, learned in rows if (scope, of) == ("category", kind) for duration in learned]


async def teach(shop, seconds=30.0, times=8, **options):
    for _ in range(times):
        moving(shop, (seconds, None))
        await shop.org.sync("int_1", ORDERS, poll=POLL, **options)


def reads_after(shop, began):
    return [sent.at - began for sent in shop.transport.sent if sent.method == "GET" and sent.at > began]


async def synced(shop, seconds, integration="int_1"):
    """Sync once; return the instants of its reads and when the news was seen."""
    moving(shop, *([] if seconds is None else [(seconds, None)]), integration=integration)
    began = asyncio.get_running_loop().time()
    result = await shop.org.sync(integration, ORDERS, poll=POLL)
    return reads_after(shop, began), result


class TestWhatIsLearned:
    @pytest.mark.parametrize("seconds", [0.5, 2.0, 30.0, 200.0])
    async def test_durations_are_learned_as_well_as_reads_can_tell(self, seconds):
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}) as shop:
            await teach(shop, seconds, times=1)
        (learned,) = durations(pacing)
        # In the middle between the last read without news and the first with it.
        assert abs(learned - seconds) <= max(0.5, 0.25 * seconds)

    async def test_a_run_teaches_too(self):
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}, integrations=20) as shop:
            for number in range(1, 21):
                moving(shop, (30.0, None), integration=f"int_{number}")
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=POLL) as run:
                assert len([result async for result in run]) == 20
        assert len(durations(pacing)) == 20
        assert {abs(duration - 30) < 8 for duration in durations(pacing)} == {True}

    async def test_each_kind_is_learned_by_itself(self):
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}) as shop:
            moving(shop, (3.0, None))
            moving(shop, (40.0, None), kind=PRODUCTS)
            await shop.org.sync("int_1", ORDERS, PRODUCTS, poll=POLL)
        assert durations(pacing, ORDERS) == [pytest.approx(3, rel=0.25)]
        assert durations(pacing, PRODUCTS) == [pytest.approx(40, rel=0.25)]

    async def test_only_the_first_of_several_steps_is_a_duration(self):
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}) as shop:
            moving(shop, (3.0, None), (9.0, None), (14.0, None))
            result = await shop.org.sync("int_1", ORDERS, poll=attrs.evolve(POLL, settle=10))
        assert len(result[ORDERS].steps) == 3
        assert durations(pacing) == [pytest.approx(3, rel=0.25)]

    async def test_what_a_probe_confirms_is_learned_too(self):
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing, "probes": None}) as shop:
            moving(shop, (30.0, None), kind=SERVICES, integration="int_3")
            await shop.org.sync("int_3", SERVICES, poll=POLL)
        assert durations(pacing, SERVICES) == [pytest.approx(30, rel=0.25)]

    async def test_a_read_that_failed_widens_what_is_known_and_no_more(self):
        pacing = LearnedPacing()
        # The reads of 15.2 and 22.8 fail, so the news of 20 came between 10.1 and 34.2.
        faults = FaultPlan(routes={"integration"}, script=[*[None] * 7, 500, 500])
        async with open_shop(client={"pacing": pacing}, faults=faults) as shop:
            moving(shop, (20.0, None))
            await shop.org.sync("int_1", ORDERS, poll=POLL)
        assert durations(pacing) == [pytest.approx((10.125 + 34.17) / 2, abs=0.01)]

    async def test_the_connector_is_learned_where_the_payload_names_it(self):
        async def with_connector(request, send):
            response = await send(request)
            if request.method != "GET":
                return response
            body = json.loads(response.body)
            body["data"]["connector_id"] = "shopify"
            return attrs.evolve(response, body=json.dumps(body).encode())

        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}, step_in=with_connector) as shop:
            await teach(shop, 3.0, times=1)
        scopes = [(scope, name) for scope, name, *_ in json.loads(pacing.to_json())["learned"]]
        assert scopes == [("connector", "shopify"), ("category", "shop")]


class TestWhatTeachesNothing:
    @pytest.fixture
    def pacing(self):
        pacing = LearnedPacing()
        yield pacing
        assert durations(pacing) == []

    async def test_a_quiet_sync(self, pacing):
        async with open_shop(client={"pacing": pacing}) as shop:
            moving(shop)
            assert (await shop.org.sync("int_1", ORDERS, poll=POLL))[ORDERS].state is Outcome.QUIET

    async def test_one_that_was_running_and_was_joined(self, pacing):
        async with open_shop(client={"pacing": pacing}, conflict_while_running=True) as shop:
            moving(shop, (10.0, None))
            await shop.org.integrations.sync_orders("int_1")
            assert (await shop.org.sync("int_1", ORDERS, poll=POLL))[ORDERS].state is Outcome.ADVANCED

    async def test_one_that_may_not_have_arrived(self, pacing):
        faults = FaultPlan(routes={"sync_orders"}, script=["drop_after"])
        async with open_shop(client={"pacing": pacing}, faults=faults) as shop:
            moving(shop, (10.0, None))
            assert (await shop.org.sync("int_1", ORDERS, poll=POLL))[ORDERS].state is Outcome.ADVANCED

    async def test_a_resumed_one(self, pacing):
        async with open_shop(client={"pacing": pacing}) as shop:
            moving(shop, (10.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=POLL)
            await job.fire()
            assert (await AsyncSyncJob.resume(shop.client, job.token))[ORDERS].state is Outcome.ADVANCED

    async def test_one_that_nobody_looked_at_when_it_was_due(self, pacing):
        async with open_shop(client={"pacing": pacing}) as shop:
            moving(shop, (10.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=POLL)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4):
                    await job
            await asyncio.sleep(100)
            assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_one_that_was_fired_long_before_it_was_awaited(self, pacing):
        async with open_shop(client={"pacing": pacing}) as shop:
            moving(shop, (10.0, None))
            job = shop.org.sync_job("int_1", ORDERS, poll=POLL)
            await job.fire()
            await asyncio.sleep(100)
            assert (await job)[ORDERS].state is Outcome.ADVANCED

    async def test_a_kind_without_a_watermark(self, pacing):
        async with open_shop(client={"pacing": pacing}) as shop:
            await shop.org.sync("int_1", STOCKS, poll=POLL)


async def test_two_that_share_a_sync_teach_one_duration():
    pacing = LearnedPacing()
    async with open_shop(client={"pacing": pacing}) as shop:
        moving(shop, (30.0, None))
        async with asyncio.TaskGroup() as group:
            group.create_task(shop.org.sync("int_1", ORDERS, poll=POLL))
            await asyncio.sleep(8)
            group.create_task(shop.org.sync("int_1", ORDERS, poll=POLL))
    assert durations(pacing) == [pytest.approx(30, rel=0.25)]


async def test_one_whose_events_are_read_without_delay_is_measured():
    pacing = LearnedPacing()
    async with open_shop(client={"pacing": pacing}) as shop:
        moving(shop, (30.0, None))
        events = [event async for event in shop.org.sync_job("int_1", ORDERS, poll=POLL).events()]
    assert len([event for event in events if isinstance(event, ReadMade)]) == 9
    assert durations(pacing) == [pytest.approx(30, rel=0.25)]


class TestWhatItIsGoodFor:
    async def test_afterwards_there_are_fewer_reads_and_no_later_news(self):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            before, first = await synced(shop, 30.0)
            await teach(shop)
            after, result = await synced(shop, 30.0)
        assert (len(before), first[ORDERS].seen_at) == (9, pytest.approx(34.17, abs=0.01))
        assert len(after) <= 6
        assert result[ORDERS].seen_at <= first[ORDERS].seen_at

    async def test_a_sync_that_finds_nothing_is_called_quiet_sooner(self):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            before, first = await synced(shop, None)
            await teach(shop)
            after, result = await synced(shop, None)
        assert (first[ORDERS].state, first.elapsed) == (Outcome.QUIET, 300)
        assert result[ORDERS].state is Outcome.QUIET
        # Twice the longest one known, and not less than a quarter of the deadline.
        assert 75 <= result.elapsed < 90
        assert len(after) < len(before)

    async def test_one_in_sixteen_is_watched_for_the_whole_window(self, draws):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            await teach(shop)
            draws.append(0.01)
            _, result = await synced(shop, None)
        assert (result[ORDERS].state, result.elapsed) == (Outcome.QUIET, 300)

    async def test_a_surprisingly_long_sync_is_seen_until_the_window_ends(self):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            await teach(shop)
            reads, result = await synced(shop, 70.0)
        assert result[ORDERS].state is Outcome.ADVANCED
        assert len(reads) < 15

    async def test_a_post_in_doubt_keeps_the_whole_window(self):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            await teach(shop)
            shop.emulator.set_faults(FaultPlan(routes={"sync_orders"}, script=["drop_before"]))
            result = await shop.org.sync("int_1", ORDERS, poll=POLL)
        assert (result[ORDERS].state, result.elapsed) == (Outcome.AMBIGUOUS, 300)

    async def test_too_little_is_nothing(self):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            before, _ = await synced(shop, 30.0)
            await teach(shop, times=6)
            after, _ = await synced(shop, 30.0)
        assert after == pytest.approx(before)

    @pytest.mark.parametrize("targets", [["org_1"], [SyncTarget("org_1", ["int_1"])]], ids=["listed", "named"])
    async def test_a_run_follows_it_too(self, targets):
        async with open_shop(client={"pacing": LearnedPacing()}, integrations=1) as shop:
            await teach(shop)
            moving(shop, (30.0, None))
            began = asyncio.get_running_loop().time()
            async with shop.client.sync_many(targets, kinds={ORDERS}, poll=POLL) as run:
                (result,) = [result async for result in run]
            assert len(reads_after(shop, began)) <= 6
        assert result[ORDERS].state is Outcome.ADVANCED

    async def test_what_a_hint_brought_is_followed_by_what_was_expected(self):
        async with open_shop(client={"pacing": LearnedPacing()}) as shop:
            await teach(shop)
            usual, _ = await synced(shop, 30.0)
            asyncio.get_running_loop().call_later(usual[0] - 1, shop.org.hint, "int_1")
            hinted, _ = await synced(shop, 30.0)
        assert hinted[0] == pytest.approx(usual[0] - 1)
        assert hinted[1] <= usual[0] + 1e-6


class TestKeeping:
    async def test_clients_of_one_process_share_it(self):
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}) as shop:
            before, _ = await synced(shop, 30.0)
            async with shop.connect(pacing=pacing) as other:
                for _ in range(8):
                    moving(shop, (30.0, None))
                    await other.organization("org_1").sync("int_1", ORDERS, poll=POLL)
            after, _ = await synced(shop, 30.0)
        assert len(durations(pacing)) == 10
        assert len(after) < len(before)

    async def test_it_can_be_saved_and_loaded(self, tmp_path):
        file = Path(tmp_path) / "pacing.json"
        pacing = LearnedPacing()
        async with open_shop(client={"pacing": pacing}) as shop:
            await teach(shop)
            file.write_text(pacing.to_json(), encoding="utf-8")
            after, _ = await synced(shop, 30.0)
        async with open_shop(client={"pacing": LearnedPacing.from_json(file.read_text(encoding="utf-8"))}) as shop:
            reloaded, _ = await synced(shop, 30.0)
        assert reloaded == pytest.approx(after)

    async def test_without_it_nothing_is_learned_and_an_empty_one_changes_nothing(self):
        sent = []
        for options in ({}, {"pacing": None}, {"pacing": LearnedPacing()}):
            async with open_shop(client=options) as shop:
                began = asyncio.get_running_loop().time()
                await teach(shop, times=7)
                sent.append([(one.at - began, one.method, one.path) for one in shop.transport.sent])
        for other in sent[1:]:
            assert [at for at, *_ in other] == pytest.approx([at for at, *_ in sent[0]])
            assert [one[1:] for one in other] == [one[1:] for one in sent[0]]

    async def test_without_it_every_sync_is_read_alike(self):
        async with open_shop() as shop:
            before, _ = await synced(shop, 30.0)
            await teach(shop, times=10)
            after, _ = await synced(shop, 30.0)
        assert after == pytest.approx(before)

    @pytest.mark.parametrize("pacing", [True, LearnedPacing, "{}"], ids=repr)
    def test_what_is_no_pacing_is_refused(self, pacing):
        with pytest.raises(ConfigurationError, match="pacing must be a LearnedPacing"):
            PackCloudClient(token="...", pacing=pacing)

    async def test_a_client_from_the_environment_takes_it_too(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", "...")
        pacing = LearnedPacing()
        assert PackCloudClient.from_env(pacing=pacing).watch_of("org_1").pacing is pacing
        assert PackCloudClient.from_env().watch_of("org_1").pacing is None
