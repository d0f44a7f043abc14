"""Probes: the shipping services of many integrations in few requests, and no change that was none."""

import asyncio
import math
import re
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async import (
    ConfigurationError,
    PackCloudClient,
    Page,
    RetryPolicy,
    Routes,
    ServerError,
    ShippingService,
    SyncKind,
    TransportError,
    Unauthorized,
)
from packcloud_async._sansio.fingerprints import services_fingerprint
from packcloud_async.emulator import FaultPlan
from packcloud_async.probes import Probe
from packcloud_async.shipping_probe import ShippingServicesProbe

from .support.jumping_loop import JumpingLoop
from .support.scripted_transport import ScriptedTransport, says
from .support.shop import open_shop

SERVICES = SyncKind.SHIPPING_SERVICES
# In the emulator's seed every fifth integration, from int_3 on, ships, and offers two services.
SHIPPING = [f"int_{number}" for number in range(3, 61, 5)]
NOTHING = services_fingerprint([])


@define
class Probing:
    """An open shop and one probe; ``lists`` notes which list each request read, None for the whole one."""

    shop: object
    lists: list
    probe: Probe

    async def read(self, *names, organization="org_1"):
        """Read, and return what was found and how many filtered and whole pages it took."""
        self.lists.clear()
        found = await self.probe.read(self.shop.client, organization, names)
        return found, len([name for name in self.lists if name]), self.lists.count(None)

    async def change(self, *names):
        """Let a sync change the services of these, now."""
        for name in names:
            self.shop.emulator.plan_sync("org_1", name, SERVICES, moves=[(0.0, None)])
            await self.shop.org.integrations.sync_shipping_services(name)
        await asyncio.sleep(1)


@asynccontextmanager
async def probing(*, probe=None, **emulator):
    lists = []

    async def note(request, send):
        url = urlsplit(request.url)
        if url.path.endswith("/shipping-services") and request.method == "GET":
            lists.append(parse_qs(url.query).get("filter[integration_id]", [None])[0])
        return await send(request)

    async with open_shop(step_in=note, integrations=60, **emulator) as shop:
        yield Probing(shop, lists, probe or ShippingServicesProbe())


class TestWhatIsFound:
    async def test_a_fingerprint_stays_until_a_sync_changes_something(self):
        async with probing() as probing_:
            before, *_ = await probing_.read("int_3")
            again, *_ = await probing_.read("int_3")
            await probing_.change("int_3")
            after, *_ = await probing_.read("int_3")
        assert again == before
        assert before["int_3"].startswith("services:2:")
        # The first sync of a carrier finds one more service.
        assert after["int_3"].startswith("services:3:")

    async def test_a_service_that_was_only_updated_is_a_change(self):
        async with probing() as probing_:
            await probing_.change("int_3")
            before, *_ = await probing_.read("int_3")
            await probing_.change("int_3")
            after, *_ = await probing_.read("int_3")
        assert [one["int_3"][:11] for one in (before, after)] == ["services:3:"] * 2
        assert before != after

    @pytest.mark.parametrize("per_page", [1, 2, 7, 25])
    async def test_a_sync_of_one_is_no_change_of_the_others(self, per_page):
        async with probing(per_page=per_page) as probing_:
            before, *_ = await probing_.read(*SHIPPING)
            await probing_.change("int_8")
            after, *_ = await probing_.read(*SHIPPING)
        assert {name for name in SHIPPING if before[name] != after[name]} == {"int_8"}

    @pytest.mark.parametrize("per_page", [1, 2, 7, 25])
    async def test_one_reads_the_same_as_many(self, per_page):
        async with probing(per_page=per_page) as probing_:
            together, *_ = await probing_.read(*SHIPPING)
            singly = [(await probing_.read(name))[0] for name in SHIPPING]
        assert [dict(one) for one in singly] == [{name: together[name]} for name in SHIPPING]

    async def test_one_without_services_has_a_fingerprint_too(self):
        async with probing() as probing_:
            assert await probing_.read("int_1") == ({"int_1": NOTHING}, 1, 0)
            many, *_ = await probing_.read("int_1", "int_2", "int_3", "never heard of")
        assert [name for name, text in many.items() if text == NOTHING] == ["int_1", "int_2", "never heard of"]

    async def test_only_what_was_asked_for_is_told(self):
        async with probing() as probing_:
            found, *_ = await probing_.read("int_3", "int_8", "int_3")
            assert sorted(found) == ["int_3", "int_8"]
            assert await probing_.read() == ({}, 0, 0)


class TestRequests:
    async def test_one_is_read_by_a_filtered_list(self):
        async with probing() as probing_:
            assert (await probing_.read("int_3"))[1:] == (1, 0)

    async def test_many_share_a_list_of_one_page(self):
        async with probing() as probing_:
            assert (await probing_.read(*SHIPPING))[1:] == (0, 1)
            assert (await probing_.read("int_3", "int_8"))[1:] == (0, 1)

    async def test_a_list_of_several_pages_is_read_twice_at_first_and_then_once(self):
        async with probing(per_page=10) as probing_:
            assert (await probing_.read(*SHIPPING))[1:] == (0, 3 + 3)
            assert (await probing_.read(*SHIPPING))[1:] == (0, 3)
            assert (await probing_.read(*SHIPPING[:4]))[1:] == (0, 3)
            assert (await probing_.read(*SHIPPING[:3]))[1:] == (3, 0)

    async def test_a_change_in_a_list_of_several_pages_is_confirmed(self):
        async with probing(per_page=10) as probing_:
            await probing_.read(*SHIPPING)
            await probing_.change("int_8", "int_13")
            assert (await probing_.read(*SHIPPING))[1:] == (2, 3)
            await probing_.change(*SHIPPING)
            assert (await probing_.read(*SHIPPING))[1:] == (0, 4 + 4)

    async def test_a_list_longer_than_it_is_worth_is_given_up_and_not_begun_again(self):
        async with probing(per_page=2) as probing_:
            # Twelve filtered lists of one page each, or twelve pages of all.
            assert (await probing_.read(*SHIPPING))[1:] == (12, 11)
            assert (await probing_.read(*SHIPPING))[1:] == (12, 0)
            assert (await probing_.read(*SHIPPING[:5]))[1:] == (5, 0)

    async def test_a_given_up_list_is_worth_another_look_when_more_is_asked_for(self):
        async with probing(per_page=5) as probing_:
            assert (await probing_.read(*SHIPPING[:4]))[1:] == (4, 3)
            assert (await probing_.read(*SHIPPING[:4]))[1:] == (4, 0)
            await probing_.read(*SHIPPING)
            assert (await probing_.read(*SHIPPING))[1:] == (0, 5)

    async def test_how_long_filtered_lists_are_counts(self):
        async with probing(per_page=1) as probing_:
            assert (await probing_.read("int_3"))[1:] == (2, 0)
            assert (await probing_.read("int_8"))[1:] == (2, 0)
            # Four requests for both alone: three pages of the whole list are worth a look.
            assert (await probing_.read("int_3", "int_8"))[1:] == (4, 3)
            assert (await probing_.read("int_3", "int_8"))[1:] == (4, 0)

    async def test_a_list_that_became_longer_than_it_is_worth_is_left(self):
        async with probing(per_page=24) as probing_:
            assert (await probing_.read("int_3", "int_8"))[1:] == (0, 1)
            await probing_.change("int_3")
            assert (await probing_.read("int_3", "int_8"))[1:] == (2, 1)
            assert (await probing_.read("int_3", "int_8"))[1:] == (2, 0)

    async def test_filtered_lists_are_read_side_by_side(self):
        async with probing(per_page=2, faults=FaultPlan(latency=1.0)) as probing_:
            probing_.probe = ShippingServicesProbe()
            await probing_.read(*SHIPPING)
            began = asyncio.get_running_loop().time()
            await probing_.read(*SHIPPING)
            assert asyncio.get_running_loop().time() - began == pytest.approx(1.0)

    async def test_organizations_and_servers_are_told_apart(self):
        async with probing(per_page=10) as one, probing(per_page=5, probe=one.probe) as other:
            assert (await one.read(*SHIPPING))[1:] == (0, 6)
            other.shop.client._pipeline.base_url = "https://elsewhere.example"
            assert (await other.read(*SHIPPING))[1:] == (0, 10)
            assert (await one.read(*SHIPPING, organization="org_2"))[1:] == (0, 6)
            assert (await one.read(*SHIPPING))[1:] == (0, 3)

    async def test_what_is_forgotten_costs_requests_and_nothing_else(self):
        async with probing(per_page=10, probe=ShippingServicesProbe(organizations=2)) as probing_:
            before, *_ = await probing_.read(*SHIPPING)
            for organization in ("org_2", "org_1", "org_3"):
                await probing_.read(*SHIPPING, organization=organization)
            assert len(probing_.probe._shelves) == 2
            assert await probing_.read(*SHIPPING) == (before, 0, 3)
            assert (await probing_.read(*SHIPPING, organization="org_2"))[2] == 6


class TestFailures:
    @pytest.mark.parametrize("names", [["int_3"], SHIPPING], ids=["filtered", "whole"])
    @pytest.mark.parametrize(
        ("fault", "kind"), [(401, Unauthorized), (500, ServerError), ("drop_before", TransportError)]
    )
    async def test_errors_are_raised_as_they_are(self, fault, kind, names):
        async with probing(client={"retry": RetryPolicy(attempts=1)}) as probing_:
            probing_.shop.emulator.set_faults(FaultPlan(script=[fault] * 2))
            with pytest.raises(kind) as raised:
                await probing_.read(*names)
            assert not isinstance(raised.value.__context__, BaseExceptionGroup)
            probing_.shop.emulator.set_faults(FaultPlan())
            assert len((await probing_.read(*names))[0]) == len(names)

    async def test_one_of_many_that_fails_is_raised_and_leaves_nothing_under_way(self):
        async with probing(per_page=2, client={"retry": RetryPolicy(attempts=1)}) as probing_:
            await probing_.read(*SHIPPING)
            probing_.shop.emulator.set_faults(FaultPlan(script=[None, None, 503, 500], latency=1))
            with pytest.raises(ServerError):
                await probing_.read(*SHIPPING)

    async def test_cancelling_leaves_nothing_under_way(self):
        async with probing(faults=FaultPlan(latency=9)) as probing_:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await probing_.read("int_3")

    @pytest.mark.parametrize("organizations", [0, -1, 1.5, None, True])
    def test_a_memory_of_no_size_is_refused(self, organizations):
        with pytest.raises(ConfigurationError, match="ShippingServicesProbe.organizations must be a whole number"):
            ShippingServicesProbe(organizations=organizations)

    async def test_an_id_that_cannot_be_sent_is_refused(self):
        async with probing() as probing_:
            with pytest.raises(ConfigurationError):
                await probing_.read("\ud800")


class TestTheProbeOfTheDocumentation:
    """The class that docs/probes.md shows, as it stands there."""

    def products_probe(self):
        page = (Path(__file__).parent.parent / "docs" / "probes.md").read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
        names = {}
        exec(code, names)
        return names["ProductsProbe"]({("org/1", "int_1"): ["p/1", "p_2"], ("org/1", "int_2"): []})

    async def test_it_reads_the_products_it_knows(self):
        def product(updated_at):
            return says(body={"data": {"integration_updated_at": None, "updated_at": updated_at}})

        transport = ScriptedTransport(
            [product("1"), product("1"), product("1"), product("1"), product("1"), product("2")]
        )
        async with PackCloudClient(token="...", transport=transport) as client:
            probe = self.products_probe()
            first, same, other = [await probe.read(client, "org/1", ["int_1", "int_2"]) for _ in range(3)]
        assert first == same
        assert (first["int_1"] != other["int_1"], first["int_2"] == other["int_2"]) == (True, True)
        assert [len(text) for text in first.values()] == [29, 29]
        assert [urlsplit(url).path for url in transport.urls[:2]] == [
            "/v1/organizations/org%2F1/integration-products/p%2F1",
            "/v1/organizations/org%2F1/integration-products/p_2",
        ]


@define
class MovingLists:
    """A caller whose lists come in pages by number, so that what moves between two requests is missed or seen twice.

    The whole list has its own order from ``moves_at`` requests on, and only for as long as ``moved`` is not None;
    filtered lists stand still, because nothing of these integrations changes.
    """

    owned: dict
    per_page: int
    moved: list | None = None
    moves_at: int = 0
    requests: int = 0
    base_url: str = "https://api.example"
    routes: Routes = field(factory=Routes)

    async def call(self, call, *, observer=None, once=False):
        asked = {name: values[0] for name, values in parse_qs(urlsplit(call.target).query).items()}
        owner, start = asked.get("filter[integration_id]"), int(asked.get("start", "0"))
        names = [name for name in self.owned if owner in (None, self.owned[name])]
        if owner is None and self.moved is not None and self.requests >= self.moves_at:
            names = [name for name in self.moved if name in self.owned]
        self.requests += 1
        end = start + self.per_page
        following = urlencode({**asked, "start": end}) if end < len(names) else None
        items = tuple(service(name, self.owned[name]) for name in names[start:end])
        return Page(items, next=following and f"?{following}")


def service(name, owner):
    return ShippingService(
        id=name,
        integration_id=owner,
        name="",
        default_label_type=None,
        enabled=True,
        type="delivery",
        created_at="2025-01-01",
        updated_at="2026-01-01",
    )


def run(coroutine):
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(coroutine)


OWNERS = [f"int_{number}" for number in range(6)]
NAMES = [f"svc_{number:02}" for number in range(18)]
owners_of = st.lists(st.sampled_from(OWNERS), min_size=1, max_size=len(NAMES))
reads = st.lists(st.lists(st.sampled_from(OWNERS), min_size=1), min_size=1, max_size=5)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(owners_of, st.integers(1, 9), reads, st.data())
def test_what_moves_while_it_is_read_fakes_no_change(owners, per_page, reads, data):
    """During each read the whole list may move once, as one that is sorted by time does when others change."""

    async def main():
        owned = dict(zip(NAMES, owners, strict=False))
        services = [service(name, owner) for name, owner in owned.items()]
        truth = {one: services_fingerprint(own for own in services if own.integration_id == one) for one in OWNERS}
        caller, probe = MovingLists(owned, per_page), ShippingServicesProbe()
        for wanted in reads:
            cut = data.draw(st.integers(0, len(NAMES)), label="moved to the front")
            began, caller.moved = caller.requests, NAMES[cut:] + NAMES[:cut]
            caller.moves_at = began + data.draw(st.integers(1, 12), label="requests before that")
            assert await probe.read(caller, "org_1", wanted) == {name: truth[name] for name in wanted}
            caller.moved = None
            singles = sum(max(1, math.ceil(owners.count(name) / per_page)) for name in set(wanted))
            assert caller.requests - began < 3 * singles

    run(main())
