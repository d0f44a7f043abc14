import copy
import pickle
from datetime import UTC, datetime
from types import MappingProxyType

import attrs
import pytest

from packcloud_async.models import (
    UNSET,
    Integration,
    IntegrationAction,
    IntegrationCategory,
    IntegrationSettings,
    Page,
    ServiceType,
    ShippingService,
    SyncAccepted,
    SyncKind,
    Unset,
)


def integration(**changes):
    return Integration(
        **{
            "id": "int_1",
            "name": "Shop",
            "category": IntegrationCategory.SHOP,
            "order_sync_enabled": True,
            "order_sync_updated_at": "2026-01-01T10:00:00Z",
            "product_sync_enabled": False,
            "product_sync_updated_at": None,
            "stock_sync_enabled": False,
            "created_at": "2025-03-01T09:00:00+01:00",
            "updated_at": "2025-12-24 16:30:00",
            **changes,
        }
    )


SERVICE = ShippingService(
    id="svc_1",
    integration_id="int_3",
    name="PostNL",
    default_label_type=None,
    enabled=True,
    type=ServiceType.DELIVERY,
    created_at="",
    updated_at="",
)
VALUES = {
    "Integration": integration(extra={"a": ["hush!"]}, absent=frozenset({"x"})),
    "IntegrationAction": IntegrationAction(code="run", fields=({"key": "hush!"},), extra={"b": {"c": "hush!"}}),
    "IntegrationSettings": IntegrationSettings({"api_key": "hush!"}),
    "ShippingService": SERVICE,
    "Page": Page((SERVICE,), next="/x", per_page=2),
    "SyncAccepted": SyncAccepted(SyncKind.ORDERS, 202, {"job": "hush!"}),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_model_is_a_frozen_value(value):
    same = copy.deepcopy(value)
    assert (same == value, hash(same) == hash(value)) == (True, True)
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, "other")
    with pytest.raises(AttributeError):
        value.anything = "else"


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_repr_shows_what_was_received_and_is_not_known(value):
    assert "hush!" not in repr(value)


def test_the_repr_of_an_integration_is_short():
    assert repr(integration(extra={"b": 1, "a": 2})) == (
        "Integration(id='int_1', name='Shop', category=<IntegrationCategory.SHOP: 'shop'>, "
        "order_sync_updated_at='2026-01-01T10:00:00Z', product_sync_updated_at=None, extra=<a, b>)"
    )


def test_the_repr_of_an_action_counts_its_fields():
    assert repr(IntegrationAction(code="run", fields=({}, {}))) == (
        "IntegrationAction(code='run', name=None, id=None, fields=<2>, extra=<>)"
    )


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        pytest.param({}, "IntegrationSettings(<>)", id="empty"),
        pytest.param({"url": "hush!", "api_key": 7}, "IntegrationSettings(<api_key, url>)", id="keys only"),
        pytest.param({"a": {"b": {"c": "hush!"}}}, "IntegrationSettings(<a>)", id="nested"),
        pytest.param({"a\x1b[2J\u202e": 1}, r"IntegrationSettings(<'a\x1b[2J\u202e'>)", id="terminal escapes"),
    ],
)
def test_the_repr_of_settings_shows_keys_only(settings, shown):
    assert repr(IntegrationSettings(settings)) == str(IntegrationSettings(settings)) == shown


def test_settings_are_a_mapping():
    settings = IntegrationSettings({"url": "x", "api_key": None})
    assert dict(settings) == {"url": "x", "api_key": None}
    assert (len(settings), "url" in settings, settings.get("other", 7)) == (2, True, 7)
    with pytest.raises(KeyError):
        settings["other"]
    with pytest.raises(TypeError):
        settings["url"] = "y"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (SyncKind.ORDERS, "order_sync_updated_at"),
        (SyncKind.PRODUCTS, "product_sync_updated_at"),
        (SyncKind.STOCKS, "stock_sync_updated_at"),
        (SyncKind.SHIPPING_SERVICES, "shipping_service_sync_updated_at"),
    ],
)
def test_every_kind_has_its_watermark_field(kind, field):
    assert kind.watermark_field == field


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        pytest.param({}, {SyncKind.ORDERS: "2026-01-01T10:00:00Z", SyncKind.PRODUCTS: None}, id="the two documented"),
        pytest.param(
            {"absent": frozenset({"order_sync_updated_at", "product_sync_updated_at"})}, {}, id="none was sent"
        ),
        pytest.param(
            {
                "absent": frozenset({"order_sync_updated_at"}),
                "extra": {"stock_sync_updated_at": None, "shipping_service_sync_updated_at": "now"},
            },
            {SyncKind.PRODUCTS: None, SyncKind.STOCKS: None, SyncKind.SHIPPING_SERVICES: "now"},
            id="undocumented ones that were sent",
        ),
        pytest.param(
            {"extra": {"stock_sync_updated_at": 7}},
            {SyncKind.ORDERS: "2026-01-01T10:00:00Z", SyncKind.PRODUCTS: None},
            id="a number is no watermark",
        ),
    ],
)
def test_a_kind_is_watchable_when_its_field_was_sent(changes, marks):
    assert integration(**changes).watermarks == marks


def test_times_are_read_beside_the_text():
    shop = integration(product_sync_updated_at="never")
    assert shop.order_sync_time == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert shop.product_sync_time is None
    assert integration().product_sync_time is None
    assert shop.created_time == datetime(2025, 3, 1, 8, tzinfo=UTC)
    assert shop.updated_time == datetime(2025, 12, 24, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "key"),
    [
        pytest.param(IntegrationAction(code="run", id="7"), "run", id="code"),
        pytest.param(IntegrationAction(id="7"), "7", id="id"),
        pytest.param(IntegrationAction(code="", id="7"), "", id="empty code"),
        pytest.param(IntegrationAction(name="Run"), None, id="neither"),
    ],
)
def test_an_action_is_named_by_its_code_or_its_id(action, key):
    assert action.key == key


def test_unset_is_one_value_apart_from_none():
    assert repr(UNSET) == "UNSET"
    assert pickle.loads(pickle.dumps(UNSET)) is UNSET
    assert list(Unset) == [UNSET]


def test_enums_are_texts():
    assert [str(kind) for kind in SyncKind] == ["orders", "products", "stocks", "shipping_services"]
    assert IntegrationCategory.SHOP == "shop"


def test_settings_may_be_any_mapping():
    assert IntegrationSettings(MappingProxyType({"a": 1})) == IntegrationSettings({"a": 1})


def test_settings_compare_like_any_mapping_and_can_be_hashed():
    settings = IntegrationSettings({"a": 1})
    assert settings == {"a": 1} == settings
    assert settings != {"a": 2}
    assert hash(settings) == hash(IntegrationSettings({"a": 1}))


def test_the_wire_form_holds_what_was_received_and_nothing_else():
    shop = integration(extra={"carrier": {"code": "x"}}, absent=frozenset({"product_sync_updated_at"}))
    assert shop.to_wire() == {
        "id": "int_1",
        "name": "Shop",
        "category": "shop",
        "order_sync_enabled": True,
        "order_sync_updated_at": "2026-01-01T10:00:00Z",
        "product_sync_enabled": False,
        "stock_sync_enabled": False,
        "created_at": "2025-03-01T09:00:00+01:00",
        "updated_at": "2025-12-24 16:30:00",
        "carrier": {"code": "x"},
    }
    assert type(shop.to_wire()["category"]) is str


def test_the_wire_form_of_a_copy_holds_what_the_copy_was_given():
    received = integration(absent=frozenset({"order_sync_updated_at", "product_sync_updated_at"}))
    shop = attrs.evolve(received, product_sync_updated_at="2026-01-02T10:00:00Z", order_sync_updated_at=None)
    assert shop.to_wire()["product_sync_updated_at"] == "2026-01-02T10:00:00Z"
    assert "order_sync_updated_at" not in shop.to_wire()


def test_lists_are_lists_in_the_wire_form():
    assert attrs.evolve(SERVICE, label_types=("pdf",)).to_wire()["label_types"] == ["pdf"]
    assert IntegrationAction(code="run", fields=({"key": "a"},), absent=frozenset({"id"})).to_wire() == {
        "code": "run",
        "name": None,
        "fields": [{"key": "a"}],
    }
