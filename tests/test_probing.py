"""Probes as jobs and runs use them: what has no watermark is confirmed all the same, in few requests."""

import asyncio
import json

import attrs
import pytest
from attrs import define, field

from packcloud_async import (
    AsyncSyncJob,
    BaselineRead,
    ConfigurationError,
    Forbidden,
    InvalidResponse,
    NotFound,
    Outcome,
    PackCloudClient,
    RetryPolicy,
    ServerError,
    SyncError,
    SyncKind,
    SyncTarget,
    TransportError,
    Unauthorized,
)
from packcloud_async.emulator import FaultPlan, SyncTimes
from packcloud_async.probes import read_path
from packcloud_async.shipping_probe import ShippingServicesProbe

from .support.shop import STEADY, open_shop

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
# In the emulator int_3 ships, and offers two services.
BUILT_IN = {"probes": None}
LIST = "/shipping-services"


@define
class Told:
    """A probe of a test: it shows what it is told to, or raises it, and notes when it was asked about whom."""

    shows: dict = field(factory=dict)
    raises: BaseException | None = None
    takes: float = 0.0
    asked: list = field(factory=list)

    async def read(self, caller, organization_id, integration_ids):
        self.asked.append((asyncio.get_running_loop().time(), sorted(integration_ids)))
        await asyncio.sleep(self.takes)
        if self.raises is not None:
            raise self.raises
        return {name: self.shows.get(name, "same") for name in integration_ids}


def moving(shop, *moves, kind=SERVICES, integration="int_3"):
    shop.emulator.plan_sync("org_1", integration, kind, moves=list(moves), takes=None if moves else 1)


def with_probe(probe, kind=STOCKS, **client):
    return {"probes": {kind: probe}, **client}


def at(seconds, act, *arguments):
    asyncio.get_running_loop().call_later(seconds, act, *arguments)


class TestShippingServices:
    async def test_a_sync_that_changes_them_advances(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (4.0, None))
            result = await shop.org.sync("int_3", SERVICES, poll=STEADY)
        outcome = result[SERVICES]
        assert outcome.state is Outcome.ADVANCED
        # The first sync of a carrier finds one more service.
        assert (outcome.before[:11], outcome.after[:11], outcome.seen_at) == ("services:2:", "services:3:", 4.5)
        assert shop.transport.times("GET", LIST) == pytest.approx([0, 1, 2, 3, 4.5])
        # The baseline, and a look whether it is still there before the news is told.
        assert shop.transport.times("GET", "int_3") == pytest.approx([0, 4.5])
        assert result.timeline[-1].watermarks[SERVICES] == outcome.after

    async def test_a_sync_that_changes_nothing_is_quiet(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop)
            result = await shop.org.sync("int_3", SERVICES, poll=STEADY)
        assert (result[SERVICES].state, result.elapsed) == (Outcome.QUIET, 60)
        assert shop.transport.times("GET", "int_3") == [0]

    async def test_one_without_services_is_quiet_too(self):
        async with open_shop(client=BUILT_IN) as shop:
            outcome = (await shop.org.sync("int_1", SERVICES, poll=STEADY))[SERVICES]
        assert (outcome.state, outcome.before[:11]) == (Outcome.QUIET, "services:0:")

    @pytest.mark.parametrize("targets", [["org_1"], [SyncTarget("org_1", [f"int_{n}" for n in range(1, 5)])]], ids=repr)
    async def test_a_run_confirms_them(self, targets):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (4.0, None))
            async with shop.client.sync_many(targets, kinds={SERVICES}, poll=STEADY) as run:
                states = {result.integration_id: result[SERVICES].state async for result in run}
        assert states == {**dict.fromkeys(["int_1", "int_2", "int_4"], Outcome.QUIET), "int_3": Outcome.ADVANCED}

    async def test_reads_are_shared_by_the_organization(self):
        async with open_shop(client=BUILT_IN, integrations=60) as shop:
            for number in range(3, 61, 5):
                moving(shop, (2.5, None), integration=f"int_{number}")
            async with shop.client.sync_many(["org_1"], kinds={SERVICES}, poll=STEADY) as run:
                results = [result async for result in run]
        assert sum(result[SERVICES].state is Outcome.ADVANCED for result in results) == 12
        # One page shows all services; when twelve have changed there are 36, on two, which takes a second look.
        assert shop.transport.times("GET", LIST)[:6] == pytest.approx([0, 1, 2, 3, 3, 3])
        # Whether the twelve are still there, three pages of the list tell.
        assert shop.transport.times("GET", "/integrations") == pytest.approx([0, 0, 0, 3, 3, 3])
        assert not any("/integrations/" in sent.path for sent in shop.transport.sent if sent.method == "GET")

    async def test_two_jobs_of_one_organization_share_them(self):
        async with open_shop(client=BUILT_IN, integrations=8) as shop:
            for integration in ("int_3", "int_8"):
                moving(shop, (2.5, None), integration=integration)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(shop.org.sync(name, SERVICES, poll=STEADY)) for name in ("int_3", "int_8")]
        assert {task.result()[SERVICES].state for task in tasks} == {Outcome.ADVANCED}
        # Each its own baseline, then one list for both.
        assert shop.transport.times("GET", LIST) == pytest.approx([0, 0, 1, 2, 3])

    async def test_one_that_joins_shares_the_baseline_of_the_first(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (4.0, None))
            async with asyncio.TaskGroup() as group:
                first = group.create_task(shop.org.sync("int_3", SERVICES, poll=STEADY))
                await asyncio.sleep(2.5)
                second = group.create_task(shop.org.sync("int_3", SERVICES, poll=STEADY))
        assert shop.transport.count("POST") == 1
        one, other = first.result()[SERVICES], second.result()[SERVICES]
        assert (one.state, one.before, one.after) == (other.state, other.before, other.after)

    async def test_kinds_with_and_without_a_watermark_go_side_by_side(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (1.5, None), kind=ORDERS)
            moving(shop, (4.0, None))
            result = await shop.org.sync("int_3", ORDERS, SERVICES, STOCKS, poll=STEADY)
        assert {kind: outcome.state for kind, outcome in result.kinds.items()} == {
            ORDERS: Outcome.ADVANCED,
            SERVICES: Outcome.ADVANCED,
            STOCKS: Outcome.UNOBSERVABLE,
        }
        assert [result[kind].seen_at for kind in (ORDERS, SERVICES)] == [2, 4.5]
        # What is known of the orders is not read again for them.
        assert shop.transport.times("GET", "int_3") == pytest.approx([0, 1, 2, 4.5])

    async def test_settling_keeps_every_step(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (1.5, None), (4.0, None), (7.0, None))
            result = await shop.org.sync("int_3", SERVICES, poll=attrs.evolve(STEADY, settle=6))
        assert result[SERVICES].state is Outcome.ADVANCED
        assert len(result[SERVICES].steps) == 3
        assert result.elapsed == pytest.approx(result[SERVICES].steps[-1].seen_at + 6)

    async def test_a_hint_makes_the_probe_look_too(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (10.5, None))
            at(11, shop.org.hint, "int_3")
            outcome = (await shop.org.sync("int_3", SERVICES, poll=STEADY))[SERVICES]
        assert outcome.seen_at == 11

    @pytest.mark.parametrize(
        ("fault", "moves", "state"),
        [("drop_after", [(4.0, None)], Outcome.ADVANCED), ("drop_before", [], Outcome.AMBIGUOUS)],
    )
    async def test_a_post_in_doubt_is_told_from_them(self, fault, moves, state):
        faults = FaultPlan(routes={"sync_shipping_services"}, script=[fault])
        async with open_shop(client=BUILT_IN, faults=faults) as shop:
            moving(shop, *moves)
            outcome = (await shop.org.sync("int_3", SERVICES, poll=STEADY))[SERVICES]
        assert (outcome.state, type(outcome.error)) == (state, TransportError)

    async def test_the_default_can_be_switched_off(self):
        async with open_shop(client={"probes": {}}) as shop:
            result = await shop.org.sync("int_3", SERVICES, poll=STEADY)
            async with shop.client.sync_many(["org_1"], kinds={SERVICES}, poll=STEADY) as run:
                states = {bulk[SERVICES].state async for bulk in run}
        assert (result[SERVICES].state, result.elapsed, states) == (Outcome.UNOBSERVABLE, 0, {Outcome.UNOBSERVABLE})
        assert shop.transport.count("GET", LIST) == 0
        assert shop.transport.count("GET") == 2

    async def test_a_watermark_that_the_payload_carries_is_what_counts(self):
        async with open_shop(client=BUILT_IN, extra_watermarks=[SERVICES]) as shop:
            moving(shop, (4.0, None))
            result = await shop.org.sync("int_3", SERVICES, poll=STEADY)
            async with shop.client.sync_many(["org_1"], kinds={SERVICES}, poll=STEADY) as run:
                assert {bulk[SERVICES].state async for bulk in run} == {Outcome.ADVANCED}
        assert result[SERVICES].state is Outcome.ADVANCED
        assert shop.transport.count("GET", LIST) == 0


class TestFailures:
    @pytest.mark.parametrize(
        ("fault", "error"), [(500, ServerError), (403, Forbidden), ("drop_before", TransportError)]
    )
    @pytest.mark.parametrize("in_a_run", [False, True])
    async def test_a_probe_that_fails_before_the_post_leaves_it_unobservable_and_says_why(self, fault, error, in_a_run):
        faults = FaultPlan(routes={"shipping_services"}, script=[fault] * 4)
        async with open_shop(client=BUILT_IN, faults=faults, integrations=1) as shop:
            if in_a_run:
                async with shop.client.sync_many(["org_1"], kinds={SERVICES}, poll=STEADY) as run:
                    (result,) = [result async for result in run]
            else:
                result = await shop.org.sync("int_1", SERVICES, poll=STEADY)
        assert (result[SERVICES].state, type(result[SERVICES].error)) == (Outcome.UNOBSERVABLE, error)
        assert not result.failed
        assert shop.transport.count("POST") == 1

    async def test_one_that_fails_for_a_while_does_not_end_the_watch(self):
        faults = FaultPlan(routes={"shipping_services"}, script=[None, 500, 500])
        async with open_shop(client=BUILT_IN, faults=faults) as shop:
            moving(shop, (1.5, None))
            result = await shop.org.sync("int_3", SERVICES, poll=STEADY)
        # Each of them is tried once: the next read comes anyway.
        assert result[SERVICES].seen_at == 3
        assert [type(sighting.error) for sighting in result.timeline] == [
            type(None),
            ServerError,
            ServerError,
            type(None),
        ]

    async def test_one_that_fails_at_the_deadline_is_unread_after_retries(self):
        async with open_shop(client=BUILT_IN | {"retry": RetryPolicy(attempts=3, first=0.5)}) as shop:
            moving(shop)
            at(59, shop.emulator.set_faults, FaultPlan(routes={"shipping_services"}, server_error=1))
            outcome = (await shop.org.sync("int_3", SERVICES, poll=STEADY))[SERVICES]
        assert (outcome.state, type(outcome.error)) == (Outcome.UNREAD, ServerError)
        assert len([sent for sent in shop.transport.times("GET", LIST) if sent >= 60]) == 3

    @pytest.mark.parametrize("kinds", [(SERVICES,), (ORDERS, SERVICES)], ids=str)
    async def test_a_lost_credential_ends_it_at_once(self, kinds):
        async with open_shop(client=BUILT_IN) as shop:
            at(0.5, shop.emulator.set_token, "another")
            result = await shop.org.sync("int_3", *kinds, poll=STEADY)
        assert {outcome.state for outcome in result.kinds.values()} == {Outcome.UNREAD}
        assert {type(outcome.error) for outcome in result.kinds.values()} == {Unauthorized}
        assert result.elapsed == 1

    async def test_a_list_that_is_closed_to_us_leaves_the_other_kinds_alone(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (30.0, None), kind=ORDERS)
            at(0.5, shop.emulator.set_faults, FaultPlan(routes={"shipping_services"}, script=[403] * 1000))
            result = await shop.org.sync("int_3", ORDERS, SERVICES, poll=STEADY)
        assert [result[kind].state for kind in (ORDERS, SERVICES)] == [Outcome.ADVANCED, Outcome.UNREAD]

    async def test_news_waits_until_the_integration_was_read(self):
        faults = FaultPlan(routes={"integration"}, script=[None, 500, "drop_before"])
        async with open_shop(client=BUILT_IN, faults=faults) as shop:
            moving(shop, (1.5, None))
            outcome = (await shop.org.sync("int_3", SERVICES, poll=STEADY))[SERVICES]
        assert (outcome.state, outcome.seen_at) == (Outcome.ADVANCED, 4.5)

    async def test_a_walk_of_the_list_puts_no_probe_off(self):
        async with open_shop(organizations=1, client=BUILT_IN) as shop:
            for name, seconds in (("int_1", 30.0), ("int_2", 30.0), ("int_3", 0.5), ("int_4", 30.0)):
                moving(shop, (seconds, None), kind=ORDERS, integration=name)
            moving(shop, (6.0, None))
            poll = attrs.evolve(STEADY, first=7)
            syncing = asyncio.create_task(shop.org.sync("int_3", SERVICES, poll=poll))
            async with shop.client.sync_many(["org_1"], kinds={ORDERS}, poll=STEADY) as run:
                async for _ in run:
                    pass
            outcome = (await syncing)[SERVICES]
        # The walks of 2, 3 and 4.5 show int_3 too, and nothing of its services; with that of 6.75 comes the probe.
        assert len(shop.transport.times("GET", "/integrations")) > 4
        assert (outcome.state, outcome.seen_at) == (Outcome.ADVANCED, 6.75)

    async def test_a_slow_probe_delays_no_other_read(self):
        probe = Told(takes=25)
        async with open_shop(client=with_probe(probe)) as shop:
            moving(shop, (30.0, None), kind=ORDERS, integration="int_1")
            async with asyncio.TaskGroup() as group:
                syncing = group.create_task(shop.org.sync("int_1", ORDERS, STOCKS, poll=STEADY))
                await asyncio.sleep(24)
                probe.takes = 0
                await asyncio.sleep(2)
                probe.takes = 50
        # The baseline took 25 seconds; the reads of the orders then come when they are due, 10.1, 15.2, 22.8, 32.8.
        assert syncing.result()[ORDERS].seen_at == pytest.approx(25 + 32.78, abs=0.01)


class TestGone:
    @pytest.mark.parametrize("kinds", [(SERVICES,), (ORDERS, SERVICES)], ids=str)
    @pytest.mark.parametrize("deleted_at", [0.5, 5.0, 40.0])
    async def test_services_that_go_with_their_integration_are_no_news(self, kinds, deleted_at):
        async with open_shop(client=BUILT_IN) as shop:
            for kind in kinds:
                moving(shop, kind=kind)
            at(deleted_at, shop.emulator.delete, "org_1", "int_3")
            result = await shop.org.sync("int_3", *kinds, poll=STEADY)
        assert {outcome.state for outcome in result.kinds.values()} == {Outcome.GONE}
        assert {type(outcome.error) for outcome in result.kinds.values()} == {NotFound}
        assert {outcome.steps for outcome in result.kinds.values()} == {()}
        # It was looked up in the list before.
        assert shop.transport.count("GET", "/integrations") == 1

    async def test_a_probe_that_goes_on_does_not_begin_the_grace_anew(self):
        async with open_shop(client=with_probe(Told())) as shop:
            moving(shop, kind=ORDERS, integration="int_1")
            at(5, shop.emulator.delete, "org_1", "int_1")
            result = await shop.org.sync("int_1", ORDERS, STOCKS, poll=STEADY)
        assert {outcome.state for outcome in result.kinds.values()} == {Outcome.GONE}
        # Not found at 6.75, and again when the grace of ten seconds was over.
        assert result.elapsed == pytest.approx(16.75)

    async def test_many_that_are_gone_and_many_that_are_not(self):
        async with open_shop(client=BUILT_IN, integrations=60) as shop:
            ships = [f"int_{number}" for number in range(3, 61, 5)]
            for name in ships:
                moving(shop, (4.0, None), integration=name)
            for name in ships[:5]:
                at(2.5, shop.emulator.delete, "org_1", name)
            async with shop.client.sync_many([SyncTarget("org_1", ships)], kinds={SERVICES}, poll=STEADY) as run:
                states = {result.integration_id: result[SERVICES].state async for result in run}
        assert states == {
            **dict.fromkeys(ships[:5], Outcome.GONE),
            **dict.fromkeys(ships[5:], Outcome.ADVANCED),
        }

    async def test_one_that_was_unfound_once_and_then_found_begins_its_grace_anew(self):
        # The probe shows news at each of its reads; the integration is not found by the first look only.
        faults = FaultPlan(routes={"integration"}, script=[None, 404])
        async with open_shop(client=BUILT_IN, faults=faults) as shop:
            moving(shop, (1.5, None))
            outcome = (await shop.org.sync("int_3", SERVICES, poll=STEADY))[SERVICES]
        assert (outcome.state, outcome.seen_at) == (Outcome.ADVANCED, 3)


class TestOnesOwn:
    async def test_a_probe_for_stocks_confirms_them(self):
        probe = Told()
        async with open_shop(client=with_probe(probe)) as shop:
            at(4, probe.shows.update, {"int_1": "another"})
            result = await shop.org.sync("int_1", STOCKS, poll=STEADY)
        outcome = result[STOCKS]
        assert (outcome.state, outcome.before, outcome.after, outcome.seen_at) == (
            Outcome.ADVANCED,
            "same",
            "another",
            4.5,
        )
        assert probe.asked == [(at_, ["int_1"]) for at_ in (0, 1, 2, 3, 4.5)]

    async def test_what_is_due_together_is_asked_together(self):
        probe = Told()
        async with open_shop(client=with_probe(probe)) as shop:
            async with shop.client.sync_many(["org_1"], kinds={STOCKS}, poll=STEADY) as run:
                states = {result[STOCKS].state async for result in run}
        assert states == {Outcome.QUIET}
        assert {tuple(names) for _, names in probe.asked} == {("int_1", "int_2", "int_3", "int_4")}
        # Before the POST, at 11 ages, and at the deadline.
        assert len(probe.asked) == 13

    async def test_requests_of_a_probe_are_requests_of_the_client(self):
        class Reading:
            async def read(self, caller, organization_id, integration_ids):
                body = (await read_path(caller, f"/v1/organizations/{organization_id}/shipping-services")).json()
                return dict.fromkeys(integration_ids, f"{len(body['data'])} services")

        async with open_shop(client=with_probe(Reading())) as shop:
            shop.emulator.plan_sync("org_1", "int_3", SERVICES, moves=[(4.0, None)])
            await shop.org.integrations.sync_shipping_services("int_3")
            outcome = (await shop.org.sync("int_1", STOCKS, poll=STEADY))[STOCKS]
            assert shop.client.requests_sent == len(shop.transport.sent)
        assert (outcome.before, outcome.after) == ("2 services", "3 services")

    @pytest.mark.parametrize("kind", [STOCKS, "stocks"])
    async def test_kinds_may_be_texts(self, kind):
        async with open_shop(client=with_probe(Told(), kind)) as shop:
            assert (await shop.org.sync("int_1", STOCKS, poll=STEADY))[STOCKS].state is Outcome.QUIET

    @pytest.mark.parametrize(
        "probes", [5, "stocks", [STOCKS], {"stock": Told()}, {None: Told()}, {STOCKS: None}, {STOCKS: Told}], ids=repr
    )
    def test_what_is_no_probe_is_refused(self, probes):
        with pytest.raises(ConfigurationError, match="probes must map kinds to probes"):
            PackCloudClient(token="...", probes=probes)

    async def test_a_client_from_the_environment_takes_them_too(self, monkeypatch):
        monkeypatch.setenv("PACKCLOUD_TOKEN", "...")
        probe = Told()
        assert PackCloudClient.from_env(probes={STOCKS: probe}).probes == {STOCKS: probe}
        assert [type(one) for one in PackCloudClient.from_env().probes.values()] == [ShippingServicesProbe]

    async def test_an_integration_it_does_not_show_is_unread(self):
        class LeavingOut:
            async def read(self, caller, organization_id, integration_ids):
                began = asyncio.get_running_loop().time() < 1
                return {name: "same" for name in integration_ids if name != "int_1" or began}

        async with open_shop(client=with_probe(LeavingOut())) as shop:
            async with shop.client.sync_many(["org_1"], kinds={STOCKS}, poll=STEADY) as run:
                outcomes = {result.integration_id: result[STOCKS] async for result in run}
        assert (outcomes["int_1"].state, type(outcomes["int_1"].error)) == (Outcome.UNREAD, InvalidResponse)
        assert {outcomes[name].state for name in ("int_2", "int_3", "int_4")} == {Outcome.QUIET}


class TestFaultsOfAProbe:
    async def test_before_the_post_nothing_is_sent(self):
        async with open_shop(client=with_probe(Told(raises=ZeroDivisionError()))) as shop:
            with pytest.raises(ZeroDivisionError):
                await shop.org.sync("int_1", STOCKS, poll=STEADY)
        assert shop.transport.count("POST") == 0

    @pytest.mark.parametrize("kinds", [(STOCKS,), (ORDERS, STOCKS)], ids=str)
    async def test_while_it_is_watched_it_ends_the_jobs_that_use_it_and_no_other(self, kinds):
        probe = Told()
        async with open_shop(client=with_probe(probe), sync_times=SyncTimes(median=20, spread=0)) as shop:
            at(2.5, setattr, probe, "raises", ZeroDivisionError("a fault in a probe"))
            jobs = [shop.org.sync_job(name, *kinds, poll=STEADY) for name in ("int_1", "int_2")]
            tasks = [asyncio.create_task(run(job)) for job in jobs]
            others = [asyncio.create_task(shop.org.sync(name, PRODUCTS, poll=STEADY)) for name in ("int_1", "int_3")]
            async with asyncio.timeout(100):
                await asyncio.wait(tasks + others)
            assert [str(task.exception()) for task in tasks] == ["a fault in a probe"] * 2
            assert {task.result()[PRODUCTS].state for task in others} == {Outcome.ADVANCED}
            # Mended, the job can be awaited again.
            probe.raises = None
            async with asyncio.timeout(100):
                assert (await jobs[0])[STOCKS].state is Outcome.QUIET
        assert shop.transport.count("POST", "stocks/sync") == 2

    async def test_in_a_run_it_is_a_result_with_an_error(self):
        probe = Told()
        async with open_shop(client=with_probe(probe)) as shop:
            at(2.5, setattr, probe, "raises", ZeroDivisionError("a fault in a probe"))
            targets = [SyncTarget("org_1", ["int_1"], [ORDERS, STOCKS]), SyncTarget("org_1", ["int_2"], [PRODUCTS])]
            async with asyncio.timeout(200), shop.client.sync_many(targets, poll=STEADY) as run_:
                results = {result.integration_id: result async for result in run_}
        assert isinstance(results["int_1"].error, SyncError)
        assert "ZeroDivisionError" in str(results["int_1"].error)
        assert results["int_2"][PRODUCTS].state is Outcome.ADVANCED

    @pytest.mark.parametrize("shown", [None, "text", 5, {"int_1": 5}, {"int_1": None}, ["int_1"]], ids=repr)
    @pytest.mark.parametrize("from_", [0, 1])
    async def test_what_is_no_text_is_a_clear_error(self, shown, from_):
        class Wrong:
            async def read(self, caller, organization_id, integration_ids):
                return shown if asyncio.get_running_loop().time() >= from_ else {"int_1": "same"}

        async with open_shop(client=with_probe(Wrong())) as shop:
            with pytest.raises(TypeError, match=r"^Wrong.read\(\) must return texts by integration id, not"):
                await shop.org.sync("int_1", STOCKS, poll=STEADY)
        assert shop.transport.count("POST") == from_


async def run(job):
    return await job


class TestResuming:
    @pytest.fixture
    async def fired(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (10.0, None))
            job = shop.org.sync_job("int_3", SERVICES, poll=STEADY)
            await job.fire()
            yield shop, job.token

    async def test_with_the_probe_it_goes_on(self, fired):
        shop, token = fired
        async with shop.connect(probes=None) as client:
            outcome = (await AsyncSyncJob.resume(client, token))[SERVICES]
        assert (outcome.state, outcome.before[:11], outcome.after[:11]) == (
            Outcome.ADVANCED,
            "services:2:",
            "services:3:",
        )
        assert json.loads(token)["kinds"]["shipping_services"]["probed"] is True

    @pytest.mark.parametrize("deadline", [60, None])
    async def test_without_the_probe_it_ends_at_once_and_says_why(self, fired, deadline):
        shop, token = fired
        sent = len(shop.transport.sent)
        async with shop.connect() as client:
            poll = attrs.evolve(STEADY, deadline=deadline)
            async with asyncio.timeout(1):
                outcome = (await AsyncSyncJob.resume(client, token, poll=poll))[SERVICES]
        assert outcome.state is Outcome.UNREAD
        assert isinstance(outcome.error, ConfigurationError)
        assert "no probe for shipping_services" in str(outcome.error)
        assert len(shop.transport.sent) == sent

    async def test_without_the_probe_the_other_kinds_go_on(self):
        async with open_shop(client=BUILT_IN) as shop:
            moving(shop, (10.0, None), kind=ORDERS)
            job = shop.org.sync_job("int_3", ORDERS, SERVICES, poll=STEADY)
            await job.fire()
            async with shop.connect() as client:
                result = await AsyncSyncJob.resume(client, job.token)
        assert [result[kind].state for kind in (ORDERS, SERVICES)] == [Outcome.ADVANCED, Outcome.UNREAD]

    async def test_a_job_whose_probe_failed_before_the_post_is_not_probed_later(self):
        faults = FaultPlan(routes={"shipping_services"}, script=[500] * 4)
        plans = [faults, FaultPlan(routes={"sync_shipping_services"}, latency=1)]
        async with open_shop(client=BUILT_IN, faults=plans) as shop:
            job = shop.org.sync_job("int_3", SERVICES, poll=STEADY)
            assert isinstance(await anext(job.events()), BaselineRead)
            # In a task of its own: early releases of 3.11 leave a task whose task group failed marked as cancelled.
            firing = asyncio.create_task(job.fire())
            await asyncio.sleep(0.5)
            firing.cancel()
            await asyncio.wait([firing])
            result = await AsyncSyncJob.resume(shop.client, job.token)
        assert result[SERVICES].state is Outcome.AMBIGUOUS
        assert shop.transport.count("POST") == 1
