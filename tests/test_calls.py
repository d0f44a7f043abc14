"""The calls: against the emulator on a real port, over several pages, and byte by byte where an id is odd."""

import asyncio
from contextlib import asynccontextmanager

import attrs
import pytest

from packcloud_async import (
    UNSET,
    BadRequest,
    ConfigurationError,
    Integration,
    IntegrationCategory,
    InvalidResponse,
    NotFound,
    PackCloudClient,
    RetryPolicy,
    Routes,
    ServerError,
    ServiceType,
    SyncKind,
    Unauthorized,
    ValidationFailed,
)
from packcloud_async.emulator import Emulator, FaultPlan

from .support.misbehaving_server import answer, answering, misbehaving
from .support.scripted_transport import ScriptedTransport, says

TOKEN = "s3cret-t0ken"
BASE = "https://api.pack.cloud"
LIST = f"{BASE}/v1/organizations/org_1/integrations"
INTEGRATION = {
    "id": "int_1",
    "name": "Shop",
    "category": "shop",
    "order_sync_enabled": True,
    "order_sync_updated_at": "2026-01-01T10:00:00Z",
    "product_sync_enabled": True,
    "product_sync_updated_at": None,
    "stock_sync_enabled": False,
    "created_at": "2025-01-01T00:00:00Z",
    "updated_at": "2025-01-01T00:00:00Z",
}


@asynccontextmanager
async def served(**options):
    """A served emulator, a client on it and the organization org_1."""
    emulator = Emulator(**options)
    retry = RetryPolicy(attempts=3, first=0)
    async with (
        emulator.serve() as address,
        PackCloudClient(token=emulator.token, base_url=address.base_url, retry=retry) as client,
    ):
        yield emulator, client, client.organization("org_1")


@pytest.mark.sockets
class TestOnTheEmulator:
    async def test_list(self):
        async with served(integrations=7, per_page=3) as (emulator, _, org):
            listed = [integration async for integration in org.integrations.list()]
        assert [integration.id for integration in listed] == [f"int_{number}" for number in range(1, 8)]
        assert emulator.counters.by_route == {"integrations": 3}

    async def test_get(self):
        async with served() as (_, _, org):
            shop = await org.integrations.get("int_1")
        assert isinstance(shop, Integration)
        assert (shop.id, shop.category, shop.absent, shop.extra) == ("int_1", IntegrationCategory.SHOP, frozenset(), {})

    async def test_create(self):
        async with served() as (_, _, org):
            made = await org.integrations.create(name="Zürich", connector_id="con_1", settings={"key": "a/b"})
            assert await org.integrations.get(made.id) == made
            assert dict(await org.integrations.settings(made.id)) == {"key": "a/b"}
        assert (made.id, made.name) == ("int_5", "Zürich")

    async def test_create_without_settings_sends_none(self):
        transport = ScriptedTransport([says(201, {"data": INTEGRATION})])
        client = PackCloudClient(token=TOKEN, transport=transport)
        await client.organization("org_1").integrations.create(name="N", connector_id="c")
        assert transport.sent[0].request.body == b'{"name":"N","connector_id":"c"}'

    async def test_update_changes_only_what_is_given(self):
        async with served() as (_, _, org):
            before = await org.integrations.get("int_1")
            await org.integrations.update("int_1", name="New", stock_sync_enabled=not before.stock_sync_enabled)
            after = await org.integrations.get("int_1")
        expected = attrs.evolve(
            before, name="New", stock_sync_enabled=not before.stock_sync_enabled, updated_at=after.updated_at
        )
        assert after == expected

    @pytest.mark.parametrize(
        ("changes", "body"),
        [
            ({}, b"{}"),
            ({"name": UNSET}, b"{}"),
            ({"settings": None}, b'{"settings":null}'),
            ({"order_sync_enabled": False, "product_sync_enabled": True, "stock_sync_enabled": False}, None),
            ({"connector_id": "con_2", "other": {"note": "x", "name": "other"}}, None),
        ],
        ids=["nothing", "unset", "null", "flags", "others"],
    )
    async def test_what_update_sends(self, changes, body):
        transport = ScriptedTransport([says(200, {"data": INTEGRATION})])
        client = PackCloudClient(token=TOKEN, transport=transport)
        await client.organization("org_1").integrations.update("int_1", **changes)
        request = transport.sent[0].request
        assert request.method == "PUT"
        if body is not None:
            assert request.body == body
        elif "other" in changes:
            assert request.body == b'{"connector_id":"con_2","note":"x","name":"other"}'
        else:
            expected = b'{"order_sync_enabled":false,"product_sync_enabled":true,"stock_sync_enabled":false}'
            assert request.body == expected

    async def test_delete(self):
        async with served() as (_, _, org):
            assert await org.integrations.delete("int_2") is None
            with pytest.raises(NotFound):
                await org.integrations.get("int_2")
            with pytest.raises(NotFound):
                await org.integrations.delete("int_2")

    async def test_delete_whose_answer_is_lost(self):
        faults = FaultPlan(methods={"DELETE"}, script=["drop_after"])
        async with served(faults=faults) as (emulator, _, org):
            assert await org.integrations.delete("int_2") is None
        assert emulator.counters.by_method == {"DELETE": 2}

    async def test_actions(self):
        async with served() as (_, _, org):
            actions = await org.integrations.actions("int_1")
        assert [action.key for action in actions] == ["reimport_orders", "test_connection"]
        assert actions[0].fields[0]["key"] == "since"

    async def test_execute_action(self):
        async with served() as (_, _, org):
            assert await org.integrations.execute_action("int_1", "test_connection") == {"code": "test_connection"}
            told = await org.integrations.execute_action("int_1", "reimport_orders", {"since": "2026-01-01"})
            assert told == {"code": "reimport_orders"}
            with pytest.raises(NotFound, match=r"override Routes\.execute_action"):
                await org.integrations.execute_action("int_1", "unheard_of")

    async def test_settings(self):
        async with served() as (_, _, org):
            settings = await org.integrations.settings("int_1")
        assert len(settings) > 0
        assert all(str(value) not in repr(settings) for value in settings.values())

    @pytest.mark.parametrize("kind", SyncKind)
    async def test_syncs(self, kind):
        async with served() as (emulator, _, org):
            accepted = await getattr(org.integrations, f"sync_{kind.value}")("int_3")
        assert (accepted.kind, accepted.status, accepted.body) == (kind, 202, None)
        assert [(run.integration_id, run.kind) for run in emulator.books.runs] == [("int_3", kind)]

    async def test_a_sync_whose_answer_is_lost_is_not_sent_again(self):
        async with served(faults=FaultPlan(script=["drop_after"])) as (emulator, _, org):
            with pytest.raises(Exception, match="closed the connection") as caught:
                await org.integrations.sync_orders("int_1")
        assert caught.value.maybe_sent
        assert (len(emulator.books.runs), emulator.counters.duplicate_posts) == (1, 0)

    async def test_shipping_services(self):
        async with served(per_page=1) as (emulator, _, org):
            services = [service async for service in org.shipping_services.list()]
        assert [(service.id, service.integration_id) for service in services] == [
            ("svc_1", "int_3"),
            ("svc_2", "int_3"),
        ]
        assert emulator.counters.by_route == {"shipping_services": 2}

    @pytest.mark.parametrize(
        ("filters", "holds"),
        [
            ({"integration_id": "int_3"}, lambda service: service.integration_id == "int_3"),
            ({"enabled": True}, lambda service: service.enabled),
            ({"enabled": False}, lambda service: not service.enabled),
            ({"type": "return"}, lambda service: service.type is ServiceType.RETURN),
            ({"type": ServiceType.DELIVERY, "enabled": True}, lambda service: service.type is ServiceType.DELIVERY),
        ],
        ids=["integration", "enabled", "disabled", "type", "two"],
    )
    async def test_shipping_services_filtered(self, filters, holds):
        async with served(integrations=12) as (_, _, org):
            every = [service async for service in org.shipping_services.list()]
            some = [service async for service in org.shipping_services.list(**filters)]
        enabled = filters.get("enabled")
        assert some == [one for one in every if holds(one) and enabled in (None, one.enabled)]
        assert 0 < len(some) < len(every)

    async def test_shipping_services_of_a_carrier_nobody_has(self):
        async with served() as (_, _, org):
            assert [one async for one in org.shipping_services.list(carrier_code="none such")] == []

    @pytest.mark.parametrize("form", ["wrapped", "root_paging", "bare"])
    async def test_every_form_of_an_answer_is_understood(self, form):
        async with served(faults=FaultPlan(envelope=form), per_page=3) as (_, _, org):
            listed = [integration.id async for integration in org.integrations.list()]
            assert listed == ["int_1", "int_2", "int_3", "int_4"]
            assert (await org.integrations.get("int_1")).id == "int_1"
            assert len(await org.integrations.actions("int_1")) == 2
            assert await org.integrations.execute_action("int_1", "test_connection") == {"code": "test_connection"}

    async def test_relative_links_are_followed(self):
        async with served(faults=FaultPlan(relative_links=True), per_page=1) as (_, _, org):
            assert len([integration async for integration in org.integrations.list()]) == 4

    async def test_other_paths(self):
        paths = {"sync_orders": "/v2/{organizationId}/{integrationId}/go"}
        async with served(paths=paths) as (emulator, client, _):
            async with PackCloudClient(
                token=emulator.token, base_url=client.base_url, routes=Routes(**paths)
            ) as elsewhere:
                await elsewhere.organization("org_1").integrations.sync_orders("int_1")
        assert emulator.counters.by_route == {"sync_orders": 1}


@pytest.mark.sockets
class TestRequest:
    """``client.request``, for calls that have no method yet."""

    async def test_get_with_a_query(self):
        async with served() as (_, client, _):
            path = "/v1/organizations/org_1/shipping-services"
            answer = await client.request("get", path, query={"filter[type]": "return"})
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/json"
        assert type(answer.headers) is dict
        assert {service["type"] for service in answer.json()["data"]} == {"return"}

    async def test_post_with_json(self):
        async with served() as (_, client, _):
            path = "/v1/organizations/org_1/integrations"
            answer = await client.request("POST", path, json={"name": "N", "connector_id": "c"})
        assert (answer.status, answer.json()["data"]["id"]) == (201, "int_5")

    @pytest.mark.parametrize(
        ("method", "path", "error", "status"),
        [
            ("GET", "/v1/organizations/org_9/integrations", NotFound, 404),
            ("GET", "/nowhere", NotFound, 404),
            ("POST", "/v1/organizations/org_1/integrations", ValidationFailed, 422),
            ("GET", "/v1/organizations/org_1/shipping-services", BadRequest, 400),
        ],
    )
    async def test_refusals_are_the_usual_errors(self, method, path, error, status):
        query = {"filter[odd]": "1"} if status == 400 else None
        async with served() as (_, client, _):
            with pytest.raises(error) as caught:
                await client.request(method, path, query=query)
        assert (caught.value.status, caught.value.method, caught.value.path) == (status, method, path)
        assert caught.value.request_id == "req_1"

    async def test_it_is_tried_again_like_the_calls_of_its_kind(self):
        async with served(faults=FaultPlan(script=[500, 503])) as (emulator, client, _):
            assert (await client.request("GET", "/v1/organizations/org_1/integrations/int_1")).status == 200
            emulator.set_faults(FaultPlan(script=[500]))
            with pytest.raises(ServerError):
                await client.request("POST", "/v1/organizations/org_1/integrations/int_1/orders/sync")
        assert emulator.counters.by_method == {"GET": 3, "POST": 1}

    async def test_the_wrong_token(self):
        async with served() as (emulator, client, _):
            emulator.set_token("another")
            with pytest.raises(Unauthorized):
                await client.request("GET", "/v1/organizations/org_1/integrations/int_1")
        assert emulator.counters.total == 1

    async def test_head_has_no_body(self):
        async with misbehaving(answering(answer(200, content_length="99"))) as server:
            async with PackCloudClient(token=TOKEN, base_url=server.base_url) as client:
                for _ in range(2):
                    assert (await client.request("HEAD", "/v1")).body == b""
        assert server.accepted == 1

    async def test_what_arrives(self):
        async with misbehaving(answering(answer(200))) as server:
            async with PackCloudClient(token=TOKEN, base_url=f"{server.base_url}/prefix/") as client:
                await client.request("PATCH", "/v1/a%2Fb", query={"a b": "c&d=é", "e": ""}, json=None)
        (received,) = server.received
        assert (received.method, received.target) == ("PATCH", "/prefix/v1/a%2Fb?a+b=c%26d%3D%C3%A9&e=")
        assert received.body == b"null"
        assert received.headers["content-type"] == "application/json"

    @pytest.mark.parametrize(
        "path", ["v1", "//x.invalid/v1", "https://x.invalid/v1", "/v1?a=b", "/v1#a", "/a/../b", "/a/%2e%2E/b", "/a b"]
    )
    async def test_a_path_that_is_none_is_refused_before_anything_is_sent(self, path):
        async with PackCloudClient(token=TOKEN) as client:
            with pytest.raises(ConfigurationError, match="path must"):
                await client.request("GET", path)
        assert client.requests_sent == 0


ODD_IDS = {
    "a/b": "a%2Fb",
    "a?b=c": "a%3Fb%3Dc",
    "a#b": "a%23b",
    "../../admin": "..%2F..%2Fadmin",
    "..a": "..a",
    "%2e%2e": "%252e%252e",
    "%2F": "%252F",
    "a b+c": "a%20b%2Bc",
    "a\r\nX-Header: b": "a%0D%0AX-Header%3A%20b",
    "a\x00": "a%00",
    "a\\b": "a%5Cb",
    "é漢": "%C3%A9%E6%BC%A2",
    ";@:&=$,": "%3B%40%3A%26%3D%24%2C",
}
IMPOSSIBLE_IDS = ["", ".", "..", "\ud800", None, 7]

ONE = "/v1/organizations/{0}/integrations/{1}"
CALLS_WITH_IDS = {
    "list": ("/v1/organizations/{0}/integrations", lambda org, odd: anext(aiter(org.integrations.list()), None)),
    "get": (ONE, lambda org, odd: org.integrations.get(odd)),
    "create": (
        "/v1/organizations/{0}/integrations",
        lambda org, odd: org.integrations.create(name="n", connector_id="c"),
    ),
    "update": (ONE, lambda org, odd: org.integrations.update(odd, name="n")),
    "delete": (ONE, lambda org, odd: org.integrations.delete(odd)),
    "actions": (f"{ONE}/actions", lambda org, odd: org.integrations.actions(odd)),
    "execute_action": (f"{ONE}/actions/{{1}}", lambda org, odd: org.integrations.execute_action(odd, odd)),
    "settings": (f"{ONE}/settings", lambda org, odd: org.integrations.settings(odd)),
    "sync_orders": (f"{ONE}/orders/sync", lambda org, odd: org.integrations.sync_orders(odd)),
    "sync_products": (f"{ONE}/products/sync", lambda org, odd: org.integrations.sync_products(odd)),
    "sync_stocks": (f"{ONE}/stocks/sync", lambda org, odd: org.integrations.sync_stocks(odd)),
    "sync_shipping_services": (
        f"{ONE}/shipping-services/sync",
        lambda org, odd: org.integrations.sync_shipping_services(odd),
    ),
    "shipping_services": (
        "/v1/organizations/{0}/shipping-services?filter%5Bintegration_id%5D={2}",
        lambda org, odd: anext(aiter(org.shipping_services.list(integration_id=odd)), None),
    ),
}
NEEDS_NO_INTEGRATION = {"list", "create", "shipping_services"}


@pytest.mark.sockets
@pytest.mark.parametrize("name", CALLS_WITH_IDS)
async def test_an_odd_id_stays_in_its_segment(name):
    """As the server receives it, not as some URL object prints it."""
    path, call = CALLS_WITH_IDS[name]
    async with misbehaving(answering(answer(418))) as server:
        async with PackCloudClient(token=TOKEN, base_url=server.base_url) as client:
            for odd in ODD_IDS:
                with pytest.raises(Exception, match="418"):
                    await call(client.organization(odd), odd)
    in_query = [encoded.replace("%20", "+") for encoded in ODD_IDS.values()]
    assert server.targets == [
        path.format(encoded, encoded, queried) for encoded, queried in zip(ODD_IDS.values(), in_query, strict=True)
    ]
    assert all("x-header" not in received.headers for received in server.received)


@pytest.mark.parametrize("impossible", IMPOSSIBLE_IDS, ids=ascii)
@pytest.mark.parametrize("name", sorted(CALLS_WITH_IDS.keys() - NEEDS_NO_INTEGRATION))
async def test_an_impossible_id_is_refused_before_anything_is_sent(name, impossible):
    _, call = CALLS_WITH_IDS[name]
    transport = ScriptedTransport([418])
    client = PackCloudClient(token=TOKEN, transport=transport)
    with pytest.raises(ConfigurationError):
        await call(client.organization("org_1"), impossible)
    with pytest.raises(ConfigurationError):
        client.organization(impossible)
    assert transport.sent == []


def page(*names, next=None, **paging):  # noqa: A002 - the API's word
    items = [{**INTEGRATION, "id": name} for name in names]
    return says(200, {"data": items, "links": {"prev": None, "next": next}, "meta": paging})


def listing(*pages, **options):
    transport = ScriptedTransport(list(pages))
    client = PackCloudClient(token=TOKEN, transport=transport, retry=RetryPolicy(attempts=1))
    return transport, client.organization("org_1").integrations.list(**options)


async def ids_of(listing):
    return [integration.id async for integration in listing]


class TestLists:
    async def test_pages_are_followed(self):
        transport, shops = listing(page("a", "b", next=f"{LIST}?page=2"), page("c", next="?page=3"), page())
        assert await ids_of(shops) == ["a", "b", "c"]
        assert transport.urls == [LIST, f"{LIST}?page=2", f"{LIST}?page=3"]
        assert [headers["Authorization"] for headers in transport.headers] == [f"Bearer {TOKEN}"] * 3

    async def test_whole_pages(self):
        _, shops = listing(page("a", next="?page=2", per_page=25), page("b", per_page=25))
        pages = [page async for page in shops.pages()]
        assert [[item.id for item in page.items] for page in pages] == [["a"], ["b"]]
        assert [(page.next, page.per_page) for page in pages] == [("?page=2", 25), (None, 25)]

    async def test_an_empty_page_is_not_the_end(self):
        _, shops = listing(page(next="?page=2"), page("a"))
        assert await ids_of(shops) == ["a"]

    async def test_each_iteration_starts_anew(self):
        transport, shops = listing(page("a", next="?page=2"), page("b"), page("c"))
        assert await ids_of(shops) == ["a", "b"]
        assert await ids_of(shops) == ["c"]
        assert transport.urls == [LIST, f"{LIST}?page=2", LIST]

    async def test_no_page_is_read_before_it_is_needed(self):
        transport, shops = listing(page("a", "b", next="?page=2"), page("c"))
        assert transport.sent == []
        async for shop in shops:
            assert shop.id == "a"
            break
        await asyncio.sleep(0)
        assert transport.urls == [LIST]

    @pytest.mark.parametrize("failing", [1, 2])
    async def test_a_page_that_fails_raises_after_what_came_before(self, failing):
        pages = [page("a", next="?page=2"), page("b")]
        pages[failing - 1] = 404
        _, shops = listing(*pages)
        seen = []

        async def walk():
            async for shop in shops:
                seen.append(shop.id)

        with pytest.raises(NotFound):
            await walk()
        assert seen == ["a"][: failing - 1]

    async def test_only_the_page_that_failed_is_tried_again(self):
        transport = ScriptedTransport([page("a", next="?page=2"), 503, page("b")])
        client = PackCloudClient(token=TOKEN, transport=transport)
        assert await ids_of(client.organization("org_1").integrations.list()) == ["a", "b"]
        assert transport.urls == [LIST, f"{LIST}?page=2", f"{LIST}?page=2"]

    @pytest.mark.parametrize(
        "link",
        [
            "https://evil.invalid/v1/organizations/org_1/integrations?page=2",
            "//evil.invalid/v1",
            "http://api.pack.cloud/v1",
            "https://api.pack.cloud:8443/v1",
            "https://api.pack.cloud.evil.invalid/v1",
            "https://api.pack.cloud@evil.invalid/v1",
            "https://user:pass@api.pack.cloud/v1",
            "https:\\\\evil.invalid\\v1",
            "/\\evil.invalid/v1",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://[::1/v1",
            "/v1?page=2\r\nX-Header: 1",
        ],
    )
    async def test_a_link_that_leads_away_is_refused(self, link):
        transport, shops = listing(page("a", next=link), page("b"))
        with pytest.raises(InvalidResponse) as caught:
            await ids_of(shops)
        assert caught.value.path == "$.links.next"
        assert transport.urls == [LIST]

    @pytest.mark.parametrize(
        ("link", "url"),
        [
            ("?page=2", f"{LIST}?page=2"),
            ("/v2/shops?page=2", f"{BASE}/v2/shops?page=2"),
            ("https://API.pack.cloud:443/v1/x?cursor=a%2Fb%3D", f"{BASE}/v1/x?cursor=a%2Fb%3D"),
            ("//api.pack.cloud/v1/x", f"{BASE}/v1/x"),
            ("?filter[type]=a&page=2", f"{LIST}?filter[type]=a&page=2"),
            ("?name=Zürich", f"{LIST}?name=Z%C3%BCrich"),
        ],
        ids=["query", "path", "port and case", "no scheme", "brackets", "not encoded"],
    )
    async def test_a_link_on_the_same_origin_is_followed_as_it_is(self, link, url):
        transport, shops = listing(page("a", next=link), page("b"))
        assert await ids_of(shops) == ["a", "b"]
        assert transport.urls == [LIST, url]

    @pytest.mark.parametrize("links", [[LIST], ["?page=2", LIST], ["?page=2", "?page=3", "?page=2"], [""]])
    async def test_a_loop_is_refused(self, links):
        transport, shops = listing(*(page("a", next=link) for link in links))
        with pytest.raises(InvalidResponse, match="already read"):
            await ids_of(shops)
        assert len(transport.sent) == len(links)

    async def test_the_last_page_that_is_allowed(self):
        _, shops = listing(page("a", next="?page=2"), page("b", next="?page=3"), page("c"), max_pages=3)
        assert await ids_of(shops) == ["a", "b", "c"]

    async def test_more_pages_than_allowed_are_refused(self):
        pages = [page(f"int_{number}", next=f"?page={number + 1}") for number in range(1, 9)]
        transport, shops = listing(*pages, max_pages=3)
        with pytest.raises(InvalidResponse, match="more than 3 pages"):
            await ids_of(shops)
        assert len(transport.sent) == 3

    @pytest.mark.parametrize("body", [{"data": {}}, {"data": [7]}, {}, [[]], 7, {"data": [], "links": {"next": 7}}])
    async def test_what_is_no_list_is_refused(self, body):
        _, shops = listing(says(200, body))
        with pytest.raises(InvalidResponse):
            await ids_of(shops)


@pytest.mark.sockets
async def test_nothing_arrives_where_a_foreign_link_leads():
    async with misbehaving(answering(answer(200, {"data": []}))) as elsewhere:
        first = answer(200, {"data": [INTEGRATION], "links": {"next": f"{elsewhere.base_url}/v1"}})
        async with misbehaving(answering(first)) as server:
            async with PackCloudClient(token=TOKEN, base_url=server.base_url) as client:
                with pytest.raises(InvalidResponse, match="another scheme, host or port"):
                    await ids_of(client.organization("org_1").integrations.list())
    assert (elsewhere.accepted, len(server.received)) == (0, 1)


@pytest.mark.sockets
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
async def test_links_below_a_path_prefix(absolute):
    async def play(connection):
        for number in (2, 3, None):
            received = await connection.request()
            path = received.target.partition("?")[0]
            start = f"{connection.server.base_url}{path}" if absolute else path
            link = number and f"{start}?page={number}"
            await connection.send(answer(200, {"data": [INTEGRATION], "links": {"next": link}}))

    async with misbehaving(play) as server:
        async with PackCloudClient(token=TOKEN, base_url=f"{server.base_url}/gate/way/") as client:
            assert await ids_of(client.organization("org_1").integrations.list()) == ["int_1"] * 3
    path = "/gate/way/v1/organizations/org_1/integrations"
    assert server.targets == [path, f"{path}?page=2", f"{path}?page=3"]
