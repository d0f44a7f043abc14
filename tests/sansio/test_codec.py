from contextlib import suppress

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.codec import decode, decode_items, encode
from packcloud_async._sansio.envelope import Content, unwrap
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import (
    Integration,
    IntegrationAction,
    IntegrationCategory,
    ServiceType,
    ShippingService,
    SyncKind,
)

from .payloads import action, integration, json_values, shipping_service, texts, without


def test_an_integration_is_read():
    shop = decode(Integration, integration(carrier={"code": "x"}))
    assert shop == Integration(
        id="int_1",
        name="My Online Store Shopify",
        category=IntegrationCategory.SHOP,
        order_sync_enabled=True,
        order_sync_updated_at="2026-01-01T10:00:00Z",
        product_sync_enabled=True,
        product_sync_updated_at=None,
        stock_sync_enabled=False,
        created_at="2025-03-01T09:00:00Z",
        updated_at="2025-12-24T16:30:00Z",
        extra={"carrier": {"code": "x"}},
    )


def test_a_shipping_service_is_read():
    service = decode(ShippingService, shipping_service())
    assert (service.type, service.label_types) == (ServiceType.DELIVERY, ("pdf", "zpl_200"))


def test_an_action_is_read():
    read = decode(IntegrationAction, action())
    assert (read.key, read.fields, read.id, read.absent) == ("test_connection", ({"key": "since"},), None, {"id"})


def test_a_field_that_was_not_sent_is_absent_and_not_null():
    shop = decode(Integration, without(integration(), "order_sync_updated_at"))
    assert shop.absent == {"order_sync_updated_at"}
    assert dict(shop.watermarks) == {SyncKind.PRODUCTS: None}


@pytest.mark.parametrize(
    ("model", "payload", "category"),
    [
        pytest.param(Integration, integration(category="marketplace"), "marketplace", id="unknown"),
        pytest.param(Integration, integration(category="shipping"), IntegrationCategory.SHIPPING, id="known"),
        pytest.param(Integration, integration(category=""), "", id="empty"),
    ],
)
def test_enums_are_open(model, payload, category):
    read = decode(model, payload).category
    assert (read, type(read)) == (category, type(category))


@pytest.mark.parametrize(
    ("model", "payload", "complaint"),
    [
        pytest.param(Integration, integration(name=None), "expected a string, got null @ $.name", id="null name"),
        pytest.param(Integration, integration(id=7), "expected a string, got an integer @ $.id", id="number as id"),
        pytest.param(Integration, integration(id=1.5), "expected a string, got a number @ $.id", id="float as id"),
        pytest.param(
            Integration,
            integration(order_sync_enabled="no"),
            "expected a boolean, got a string @ $.order_sync_enabled",
            id="word as boolean",
        ),
        pytest.param(
            Integration,
            integration(stock_sync_enabled=1),
            "expected a boolean, got an integer @ $.stock_sync_enabled",
            id="1 as boolean",
        ),
        pytest.param(
            Integration, integration(category=None), "expected a string, got null @ $.category", id="null category"
        ),
        pytest.param(
            Integration, integration(category=True), "expected a string, got a boolean @ $.category", id="true category"
        ),
        pytest.param(
            Integration,
            integration(order_sync_updated_at=1767225600),
            "expected a string or null, got an integer @ $.order_sync_updated_at",
            id="number as watermark",
        ),
        pytest.param(Integration, without(integration(), "name"), "required field missing @ $.name", id="missing"),
        pytest.param(Integration, {}, "required field missing @ $.id", id="empty"),
        pytest.param(Integration, [], "expected an object, got a list @ $", id="list"),
        pytest.param(Integration, "int_1", "expected an object, got a string @ $", id="text"),
        pytest.param(Integration, None, "expected an object, got null @ $", id="null"),
        pytest.param(
            ShippingService,
            shipping_service(label_types="pdf"),
            "expected a list, got a string @ $.label_types",
            id="text as list",
        ),
        pytest.param(
            ShippingService,
            shipping_service(label_types={}),
            "expected a list, got an object @ $.label_types",
            id="object as list",
        ),
        pytest.param(
            ShippingService,
            shipping_service(label_types=["pdf", None]),
            "expected a string, got null @ $.label_types[1]",
            id="null in a list",
        ),
        pytest.param(
            IntegrationAction,
            action(fields=[{}, {}, 3]),
            "expected an object, got an integer @ $.fields[2]",
            id="number in a list of objects",
        ),
        pytest.param(IntegrationAction, action(fields=None), "expected a list, got null @ $.fields", id="null list"),
    ],
)
def test_a_wrong_type_is_refused_and_its_place_is_named(model, payload, complaint):
    with pytest.raises(InvalidResponse) as caught:
        decode(model, payload)
    assert str(caught.value) == complaint
    assert caught.value.path == complaint.rpartition(" @ ")[2]


def test_the_place_of_a_wrong_item_is_named():
    items = [integration(), integration(), integration(), integration(name=5)]
    with pytest.raises(InvalidResponse, match=r"^expected a string, got an integer @ \$\.data\[3\]\.name$"):
        decode_items(Integration, unwrap({"data": items}))


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        pytest.param({"data": {}}, r"expected a list, got an object @ \$\.data$", id="object"),
        pytest.param({"data": None}, r"expected a list, got null @ \$\.data$", id="null"),
        pytest.param("x", r"expected a list, got a string @ \$$", id="bare text"),
        pytest.param([None], r"expected an object, got null @ \$\[0\]$", id="bare list of nulls"),
    ],
)
def test_what_is_no_list_of_objects_is_refused(document, complaint):
    with pytest.raises(InvalidResponse, match=complaint):
        decode_items(Integration, unwrap(document))


def test_no_message_quotes_a_value():
    with pytest.raises(InvalidResponse) as caught:
        decode(Integration, integration(order_sync_enabled="hush!", id=["hush!"], secret="hush!"))
    assert "hush!" not in str(caught.value)


def test_an_error_of_the_model_itself_is_named_by_its_class():
    @frozen
    class Picky:
        name: str

        def __attrs_post_init__(self):
            raise ZeroDivisionError("hush!")

    with pytest.raises(InvalidResponse, match=r"^unreadable value \(ZeroDivisionError\) @ \$$"):
        decode(Picky, {"name": "x"})


def test_a_type_that_json_does_not_know_is_named_by_its_class():
    with pytest.raises(InvalidResponse, match=r"^expected a string, got bytes @ \$\.id$"):
        decode(Integration, integration(id=b"int_1"))


LINK = "https://api.pack.cloud/v1/x?cursor=2"


@pytest.mark.parametrize(
    ("document", "content"),
    [
        pytest.param([1], Content([1], "$"), id="bare list"),
        pytest.param({"name": 1}, Content({"name": 1}, "$"), id="bare object"),
        pytest.param("x", Content("x", "$"), id="bare text"),
        pytest.param({"data": [1]}, Content([1], "$.data"), id="wrapped list"),
        pytest.param({"data": {"id": 1}}, Content({"id": 1}, "$.data"), id="wrapped object"),
        pytest.param({"data": None}, Content(None, "$.data"), id="wrapped null"),
        pytest.param({"id": 1, "data": 2}, Content({"id": 1, "data": 2}, "$"), id="object with a field data"),
        pytest.param(
            {"data": [], "links": {"next": LINK, "prev": None}, "meta": {"per_page": 25}},
            Content([], "$.data", next=LINK, per_page=25),
            id="links and meta",
        ),
        pytest.param(
            {"data": [], "next": LINK, "prev": LINK, "per_page": 0},
            Content([], "$.data", next=LINK, prev=LINK, per_page=0),
            id="at the root",
        ),
        pytest.param(
            {"data": [], "links": {"prev": None}, "next": LINK, "meta": [], "per_page": 5},
            Content([], "$.data", next=LINK, per_page=5),
            id="some in links, the rest at the root",
        ),
        pytest.param(
            {"data": [], "links": {"next": None}, "next": LINK}, Content([], "$.data"), id="links before the root"
        ),
        pytest.param({"data": [], "links": None, "meta": None}, Content([], "$.data"), id="null links"),
    ],
)
def test_the_envelope_is_taken_off(document, content):
    assert unwrap(document) == content


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        pytest.param({"links": {"next": 7}}, "expected a string or null, got an integer @ $.links.next", id="next"),
        pytest.param({"prev": []}, "expected a string or null, got a list @ $.prev", id="prev"),
        pytest.param(
            {"meta": {"per_page": "25"}}, "expected an integer or null, got a string @ $.meta.per_page", id="per_page"
        ),
        pytest.param({"per_page": True}, "expected an integer or null, got a boolean @ $.per_page", id="true"),
    ],
)
def test_a_wrong_paging_field_is_refused(document, complaint):
    with pytest.raises(InvalidResponse) as caught:
        unwrap({"data": [], **document})
    assert str(caught.value) == complaint


def payloads_of(factory, optional, names):
    """Payloads with any optional field left out, and any fields the model does not know."""
    unknown = st.dictionaries(texts.filter(lambda name: name not in names), json_values, max_size=3)
    return st.builds(
        lambda left_out, extra: without(factory(), *left_out) | extra, st.sets(st.sampled_from(optional)), unknown
    )


integrations = payloads_of(
    integration, ["order_sync_updated_at", "product_sync_updated_at"], integration()
) | st.builds(integration, category=texts, name=texts, order_sync_updated_at=st.none() | texts)
services = payloads_of(shipping_service, ["label_types"], shipping_service())
actions = payloads_of(action, ["code", "name", "fields"], {**action(), "id": ""}) | st.builds(
    action, id=texts, fields=st.lists(st.dictionaries(texts, json_values))
)


def reads_of(model, payloads):
    return st.tuples(st.just(model), payloads)


@given(reads_of(Integration, integrations) | reads_of(ShippingService, services) | reads_of(IntegrationAction, actions))
def test_a_round_trip_changes_nothing(drawn):
    model, payload = drawn
    read = decode(model, payload)
    assert encode(read) == payload
    assert decode(model, encode(read)) == read


def test_fields_named_like_our_own_are_only_unknown_fields():
    payload = integration(extra={"a": 1}, absent=["id"])
    assert decode(Integration, payload).extra == {"extra": {"a": 1}, "absent": ["id"]}
    assert encode(decode(Integration, payload)) == payload


@given(st.sampled_from([Integration, ShippingService, IntegrationAction]), json_values)
def test_any_json_is_a_model_or_an_invalid_response(model, value):
    with suppress(InvalidResponse):
        assert isinstance(decode(model, value), model)
