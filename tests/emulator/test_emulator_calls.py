"""What the emulated API answers, without faults and without a loop."""

from typing import Any

import pytest

from packcloud_async.emulator import PATHS
from packcloud_async.errors import ConfigurationError

SERVICES = "/v1/organizations/org_1/shipping-services"
NEW = {"name": "My Online Store", "connector_id": "shopify"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 200),
        ("GET", "int_1", 200),
        ("GET", "int%5F1", 200),
        ("GET", "int_1/actions", 200),
        ("POST", "int_1/actions/test_connection", 200),
        ("POST", "int_3/actions/test_connection", 200),
        ("POST", "int_3/actions/reimport_orders", 404),
        ("GET", "int_1/settings", 200),
        ("POST", "int_1/orders/sync", 202),
        ("POST", "int_1/shipping-services/sync", 202),
        ("GET", SERVICES, 200),
        ("GET", "int_9", 404),
        ("POST", "int_9/orders/sync", 404),
        ("GET", "int_1%2Factions", 404),
        ("GET", "int_1/", 404),
        ("GET", "/", 404),
        ("GET", "/v2/organizations/org_1/integrations", 404),
    ],
)
def test_status_of_a_call(asked: Any, method: str, path: str, status: int) -> None:
    assert asked().status(method, path) == status


@pytest.mark.parametrize("organization", ["org_0", "org_4", "org_01", "org_", "1", "org_²", "org_1234567890", "ORG_1"])
def test_an_organization_that_is_not_there(asked: Any, organization: str) -> None:
    assert asked(organizations=3).status("GET", f"/v1/organizations/{organization}/integrations") == 404


@pytest.mark.parametrize(
    ("route", "wrong", "allowed"),
    [
        ("integrations", "PUT", "GET, POST"),
        ("integration", "POST", "GET, PUT, DELETE"),
        ("actions", "POST", "GET"),
        ("execute_action", "GET", "POST"),
        ("settings", "PUT", "GET"),
        ("sync_orders", "GET", "POST"),
        ("sync_products", "GET", "POST"),
        ("sync_stocks", "GET", "POST"),
        ("sync_shipping_services", "GET", "POST"),
        ("shipping_services", "DELETE", "GET"),
    ],
)
def test_a_wrong_method_names_the_right_ones(asked: Any, route: str, wrong: str, allowed: str) -> None:
    path = PATHS[route].format(organizationId="org_1", integrationId="int_1", action="test_connection")
    response = asked().response(wrong, path)
    assert (response.status, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("authorization", ["", "Bearer other", "secret-token", "Basic secret-token"])
def test_a_wrong_credential_is_unauthorized(asked: Any, authorization: str) -> None:
    emulated = asked()
    emulated.authorization = authorization
    assert emulated.status("GET") == 401


def test_the_token_can_change(asked: Any) -> None:
    emulated = asked()
    emulated.state.set_token("other")
    assert emulated.status("GET") == 401


def test_every_answer_has_its_date_and_its_own_request_id(asked: Any) -> None:
    emulated = asked()
    first, second = emulated.response("GET", now=0.0), emulated.response("GET", now=61.5)
    assert (first.headers["x-request-id"], second.headers["x-request-id"]) == ("req_1", "req_2")
    assert second.headers["date"] == "Thu, 01 Jan 2026 00:01:01 GMT"


def test_the_seed_decides_everything(asked: Any) -> None:
    other = "/v1/organizations/org_2/integrations"
    forth, back = asked(seed=1), asked(seed=1)
    assert [forth.data("GET"), forth.data("GET", other)] == [back.data("GET", other), back.data("GET")][::-1]
    assert asked(seed=2).data("GET") != forth.data("GET")


def test_shops_have_a_past_and_some_were_never_synced(asked: Any) -> None:
    marks = [item["order_sync_updated_at"] for item in asked(integrations=100, per_page=100).data("GET")]
    past = [mark for mark in marks if mark is not None]
    assert 20 < len(past) < 80
    assert all("2025-10-02" < mark < "2026-01-01" for mark in past)


class TestWriting:
    def test_a_created_integration_can_be_read(self, asked: Any) -> None:
        emulated = asked()
        created = emulated.data("POST", now=7.0, body=NEW)
        assert emulated.data("GET", "int_5", 7.0) == created
        assert created["category"] == "shop"
        assert created["order_sync_updated_at"] is None
        assert created["created_at"] == created["updated_at"] == "2026-01-01T00:00:07Z"

    @pytest.mark.parametrize(
        ("connector", "category"), [("dhl", "shipping"), ("mollie", "payment"), ("home-made", "shop")]
    )
    def test_the_connector_decides_the_category(self, asked: Any, connector: str, category: str) -> None:
        assert asked().data("POST", body={**NEW, "connector_id": connector})["category"] == category

    def test_settings_are_kept_and_not_answered_by_create(self, asked: Any) -> None:
        emulated = asked()
        assert "settings" not in emulated.data("POST", body={**NEW, "settings": {"api_key": "k"}})
        assert emulated.data("GET", "int_5/settings") == {"api_key": "k"}
        emulated.data("PUT", "int_5", body={"settings": {"api_key": "other"}})
        assert emulated.data("GET", "int_5/settings") == {"api_key": "other"}

    def test_an_update_changes_only_what_was_sent(self, asked: Any) -> None:
        emulated = asked()
        before = emulated.data("GET", "int_1")
        after = emulated.data("PUT", "int_1", 5.0, body={"stock_sync_enabled": True, "unknown": 1})
        assert after == {**before, "stock_sync_enabled": True, "updated_at": "2026-01-01T00:00:05Z"}

    def test_a_deleted_integration_is_gone_and_its_id_is_not_used_again(self, asked: Any) -> None:
        emulated = asked()
        response = emulated.response("DELETE", "int_4")
        assert (response.status, response.body) == (204, b"")
        assert emulated.status("GET", "int_4") == 404
        assert emulated.data("POST", body=NEW)["id"] == "int_5"

    @pytest.mark.parametrize(
        ("method", "path", "body", "errors"),
        [
            ("POST", "", None, {"name", "connector_id"}),
            ("POST", "", b"{", {"name", "connector_id"}),
            ("POST", "", [], {"name", "connector_id"}),
            ("POST", "", {**NEW, "name": ""}, {"name"}),
            ("POST", "", {**NEW, "name": None}, {"name"}),
            ("POST", "", {**NEW, "name": 1}, {"name"}),
            ("POST", "", {**NEW, "name": "x" * 256}, {"name"}),
            ("POST", "", {**NEW, "settings": []}, {"settings"}),
            ("PUT", "int_1", {"name": ""}, {"name"}),
            ("PUT", "int_1", {"settings": None}, {"settings"}),
            ("PUT", "int_1", {"order_sync_enabled": "yes", "product_sync_enabled": 1, "stock_sync_enabled": None}, 3),
        ],
    )
    def test_a_bad_body_is_refused_by_field(
        self, asked: Any, method: str, path: str, body: Any, errors: set[str] | int
    ) -> None:
        response = asked().response(method, path, body=body)
        answer = response.json()
        assert response.status == 422
        assert errors in (set(answer["errors"]), len(answer["errors"]))

    @pytest.mark.parametrize(("method", "path"), [("PUT", "int_1"), ("POST", "int_1/actions/test_connection")])
    @pytest.mark.parametrize("body", [b"{", b"\xff", b" ", b"null", [], ["text"], "text", 1])
    def test_a_body_that_is_no_object_is_refused(self, asked: Any, method: str, path: str, body: Any) -> None:
        emulated = asked()
        before = emulated.data("GET", "int_1")
        assert emulated.status(method, path, 5.0, body=body) == 400
        assert emulated.data("GET", "int_1", 5.0) == before

    @pytest.mark.parametrize(("method", "path"), [("PUT", "int_1"), ("POST", "int_1/actions/test_connection")])
    @pytest.mark.parametrize("body", [None, b"", {}])
    def test_no_body_is_a_form_without_fields(self, asked: Any, method: str, path: str, body: Any) -> None:
        assert asked().status(method, path, body=body) == 200

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({**NEW, "name": ""}, "The name field is required."),
            ({}, "The name field is required. (and 1 more error)"),
            ({"settings": 1}, "The name field is required. (and 2 more errors)"),
        ],
    )
    def test_the_message_counts_the_errors(self, asked: Any, body: Any, message: str) -> None:
        assert asked().response("POST", body=body).json()["message"] == message


class TestPaging:
    def walk(self, emulated: Any, start: str, direction: str = "next") -> list[list[str]]:
        pages: list[list[str]] = []
        link: str | None = start
        while link is not None:
            document = emulated.response("GET", link).json()
            pages.append([item["id"] for item in document["data"]])
            link = document["links"][direction]
        return pages

    @pytest.mark.parametrize(("count", "pages"), [(0, [0]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
    def test_next_leads_through_everything_once(self, asked: Any, count: int, pages: list[int]) -> None:
        walked = self.walk(asked(integrations=count, per_page=3), "")
        assert [len(page) for page in walked] == pages
        assert [item for page in walked for item in page] == [f"int_{number}" for number in range(1, count + 1)]

    def test_prev_leads_back(self, asked: Any) -> None:
        emulated = asked(integrations=7, per_page=3)
        second = emulated.response("GET").json()["links"]["next"]
        third = emulated.response("GET", second).json()["links"]["next"]
        assert self.walk(emulated, third, "prev") == [
            ["int_7"],
            ["int_4", "int_5", "int_6"],
            ["int_1", "int_2", "int_3"],
        ]

    def test_a_page_is_not_disturbed_by_a_deletion_before_it(self, asked: Any) -> None:
        emulated = asked(integrations=5, per_page=2)
        link = emulated.response("GET").json()["links"]["next"]
        emulated.state.delete("org_1", "int_1")
        assert self.walk(emulated, link) == [["int_3", "int_4"], ["int_5"]]

    def test_a_page_whose_items_are_gone_is_empty(self, asked: Any) -> None:
        emulated = asked(integrations=3, per_page=2)
        link = emulated.response("GET").json()["links"]["next"]
        emulated.state.delete("org_1", "int_3")
        assert emulated.response("GET", link).json()["links"] == {"prev": None, "next": None}

    def test_the_next_link_keeps_the_filter(self, asked: Any) -> None:
        emulated = asked(integrations=13, per_page=2)
        start = f"https://api.pack.cloud{SERVICES}?filter[type]=delivery"
        assert [len(page) for page in self.walk(emulated, start)] == [2, 1]

    @pytest.mark.parametrize("cursor", ["", "2", "page2", "é", "YWZ0ZXI6Mg", "YWZ0ZXI6MjowMDAw", "YWZ0ZXI6eDp5"])
    def test_a_cursor_cannot_be_made_up(self, asked: Any, cursor: str) -> None:
        assert asked(per_page=2).status("GET", query={"cursor": cursor}) == 400

    def test_a_cursor_works_only_on_its_own_list(self, asked: Any) -> None:
        emulated = asked(per_page=2)
        link = emulated.response("GET").json()["links"]["next"]
        assert emulated.status("GET", link.replace("org_1", "org_2")) == 400


class TestShippingServices:
    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ({}, 4),
            ({"filter[integration_id]": "int_3"}, 2),
            ({"filter[integration_id]": "int_3,int_8"}, 4),
            ({"filter[integration_id]": "int_1"}, 0),
            ({"filter[enabled]": "true"}, 3),
            ({"filter[enabled]": "0"}, 1),
            ({"filter[enabled]": "perhaps"}, 0),
            ({"filter[type]": "return"}, 2),
            ({"filter[type]": "return", "filter[integration_id]": "int_3"}, 1),
            ({"filter[carrier_code]": "postnl,dhl,dpd"}, 4),
            ({"filter[carrier_code]": "nobody"}, 0),
            ({"sort": "name"}, 4),
        ],
    )
    def test_filters(self, asked: Any, query: dict[str, str], count: int) -> None:
        assert len(asked(integrations=8).data("GET", SERVICES, query=query)) == count

    def test_a_filter_the_api_does_not_have_is_refused(self, asked: Any) -> None:
        assert asked().status("GET", SERVICES, query={"filter[name]": "x"}) == 400

    def test_the_services_of_a_deleted_integration_are_gone(self, asked: Any) -> None:
        emulated = asked()
        emulated.state.delete("org_1", "int_3")
        assert emulated.data("GET", SERVICES) == []


class TestPaths:
    def test_a_path_can_be_overridden(self, asked: Any) -> None:
        template = "/v1/organizations/{organizationId}/integrations/{integrationId}/sync-orders"
        emulated = asked(paths={"sync_orders": template})
        assert emulated.status("POST", "int_1/sync-orders") == 202
        assert emulated.status("POST", "int_1/orders/sync") == 404

    def test_a_fixed_segment_wins_over_a_placeholder(self, asked: Any) -> None:
        below = "/v1/organizations/{organizationId}/integrations/{integrationId}"
        emulated = asked(paths={"execute_action": f"{below}/{{action}}", "sync_orders": f"{below}/sync"})
        assert emulated.status("POST", "int_1/sync") == 202
        assert emulated.status("POST", "int_1/test_connection") == 200

    @pytest.mark.parametrize(
        ("name", "template"),
        [
            ("nothing", "/v1/{organizationId}"),
            ("integrations", "v1/{organizationId}"),
            ("integrations", "/v1/integrations"),
            ("integrations", "/v1/{organizationId}/{other}"),
            ("integrations", "/v1/org-{organizationId}"),
        ],
    )
    def test_an_unusable_path_is_refused(self, asked: Any, name: str, template: str) -> None:
        with pytest.raises(ConfigurationError, match="paths"):
            asked(paths={name: template})


@pytest.mark.parametrize(
    "world",
    [
        {"organizations": -1},
        {"integrations": 1.5},
        {"seed": True},
        {"per_page": 0},
    ],
)
def test_an_unusable_world_is_refused(asked: Any, world: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"World.{next(iter(world))} must be a whole number from"):
        asked(**world)


def test_counters_tell_calls_by_route_and_method(asked: Any) -> None:
    emulated = asked()
    for method, path in [("GET", ""), ("POST", ""), ("GET", "int_1"), ("GET", "/nowhere")]:
        emulated.reply(method, path)
    assert emulated.counters.total == 4
    assert emulated.counters.by_method == {"GET": 3, "POST": 1}
    assert emulated.counters.by_route == {"integrations": 2, "integration": 1, "unknown": 1}
    assert emulated.counters.calls["POST", "integrations"] == 1


def test_the_fullest_second_is_wherever_it_began(asked: Any) -> None:
    emulated = asked()
    for at in (0.0, 0.9, 1.5, 1.8, 1.89, 1.91, 2.7, 5.0):
        emulated.reply("GET", "", at)
    # Those from 0.9 to 1.89, or those from 1.8 to 2.7.
    assert emulated.counters.fullest_second == 4


def test_nothing_printable_holds_a_secret(asked: Any) -> None:
    emulated = asked()
    emulated.data("POST", body={**NEW, "settings": {"api_key": "s3cret"}})
    organization = emulated.state._calls.organizations.find("org_1")
    printed = repr([organization, vars(emulated.state), emulated.reply("GET", "int_5/settings")])
    printed = printed.replace(repr(emulated.state._token), "")  # the one place that must hold it
    assert "s3cret" not in printed
    assert "secret-token" not in printed
