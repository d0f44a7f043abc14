"""What probes read, and syncs that were running already, from one look to the next and from one worker to another."""

import pytest
from attrs import define, field

from packcloud_async import Outcome, PollPolicy, SyncKind
from packcloud_async.fleet import Fleet
from packcloud_async.shipping_probe import ShippingServicesProbe

from .conftest import until, until_none

pytestmark = pytest.mark.sockets

ORDERS, PRODUCTS, STOCKS, SERVICES = SyncKind
STEADY = PollPolicy(first=0.2, growth=1.2, ceiling=0.4, deadline=2)


@define
class Told:
    """A probe that shows what it is told to."""

    shows: dict = field(factory=dict)
    asked: list = field(factory=list)

    async def read(self, caller, organization_id, integration_ids):
        self.asked.append(sorted(integration_ids))
        return {name: self.shows.get(name, "same") for name in integration_ids}


async def test_each_part_of_a_job_goes_on_by_itself_in_whatever_worker(make_yard):
    yard, probe = make_yard(organizations=1, integrations=3), Told()
    # int_3 ships.
    yard.emulator.plan_sync("org_1", "int_3", ORDERS, moves=[(0.1, None)])
    for integration in ("int_1", "int_2"):
        yard.emulator.plan_sync("org_1", integration, ORDERS, moves=[])
    yard.emulator.plan_sync("org_1", "int_3", SERVICES, moves=[(1.2, None)], takes=1.2)

    def client():
        return yard.client(probes={STOCKS: probe, SERVICES: ShippingServicesProbe()})

    async with Fleet(yard.dsn, client) as first, Fleet(yard.dsn, client) as second:
        run_id = await first.submit(["org_1"], kinds={ORDERS, STOCKS, SERVICES}, poll=STEADY)
        async with yard.working(first):
            await until_none(
                yard, "SELECT WHERE NOT EXISTS (SELECT FROM packcloud_job WHERE token LIKE '%%advanced%%')"
            )
        # What comes later is seen by a worker that never asked for the baselines.
        probe.shows["int_2"] = "other"
        looked = len(probe.asked)
        async with yard.working(second):
            results = {one.integration_id: one for one in await yard.results_of(second, run_id)}
    told = {name: {kind.value: outcome.state for kind, outcome in one.kinds.items()} for name, one in results.items()}
    advanced, quiet = Outcome.ADVANCED, Outcome.QUIET
    assert told == {
        "int_1": {"orders": quiet, "stocks": quiet, "shipping_services": quiet},
        "int_2": {"orders": quiet, "stocks": advanced, "shipping_services": quiet},
        "int_3": {"orders": advanced, "stocks": quiet, "shipping_services": advanced},
    }
    assert (results["int_2"][STOCKS].before, results["int_2"][STOCKS].after) == ("same", "other")
    # Of each look that was due, all three in one question while all three were open.
    assert probe.asked[0] == ["int_1", "int_2", "int_3"]
    assert ["int_1", "int_2", "int_3"] in probe.asked[looked : looked + 2]
    assert yard.emulator.counters.duplicate_posts == 0


async def test_a_worker_without_the_probe_says_what_is_missing_and_ends_nothing_else(make_yard):
    yard, probe = make_yard(organizations=1, integrations=1), Told()
    yard.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(0.8, None)])
    async with Fleet(yard.dsn, lambda: yard.client(probes={STOCKS: probe})) as first:
        run_id = await first.submit(["org_1"], kinds={ORDERS, STOCKS}, poll=STEADY)
        async with yard.working(first):
            await until(lambda: len(yard.emulator.books.runs) == 2)
            await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
    fleet = await yard.fleet()
    async with yard.working(fleet):
        (result,) = await yard.results_of(fleet, run_id)
    assert (result[ORDERS].state, result[STOCKS].state) == (Outcome.ADVANCED, Outcome.UNREAD)
    assert "ConfigurationError" in str(result[STOCKS].error)


@pytest.mark.parametrize(("on_conflict", "ends"), [("watch", Outcome.ADVANCED), ("reject", Outcome.REJECTED)])
async def test_a_sync_that_was_running_already_means_what_its_own_run_asked_for(make_yard, on_conflict, ends):
    yard = make_yard(organizations=1, integrations=2, conflict_while_running=True)
    yard.emulator.plan_sync("org_1", "int_1", ORDERS, moves=[(1.5, None)])
    yard.emulator.plan_sync("org_1", "int_2", ORDERS, moves=[(0.1, None)])
    fleet, other = await yard.fleet(), await yard.fleet()
    async with yard.client() as client:
        await client.organization("org_1").integrations.sync_orders("int_1")
    asked = {"kinds": {ORDERS}, "poll": STEADY, "on_conflict": on_conflict}
    run_id = await fleet.submit(["org_1"], **asked)
    async with yard.working(fleet):
        await until(lambda: len(yard.emulator.books.runs) == 2)
        await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
        # It finds what the first one has fired, by a token, and asks for the other thing.
        later = await fleet.submit(["org_1"], **{**asked, "on_conflict": "reject"})
        await until_none(yard, "SELECT FROM packcloud_target WHERE schedule IS NULL")
    async with yard.working(other):
        results = {one.integration_id: one for one in await yard.results_of(other, run_id)}
        afterwards = {one.integration_id: one for one in await yard.results_of(other, later)}
    assert results["int_1"][ORDERS].state is ends
    assert "Conflict 409" in str(results["int_1"][ORDERS].error) or ends is Outcome.ADVANCED
    assert results["int_2"][ORDERS].state is Outcome.ADVANCED
    assert afterwards["int_1"][ORDERS].state is Outcome.REJECTED
    # The one by hand, that of int_2, and what the later run may have sent for int_2 once its window was over.
    assert len(yard.emulator.books.runs) <= 3
    assert await yard.query("SELECT FROM packcloud_target WHERE look_at IS NOT NULL") == []
