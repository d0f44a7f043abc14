"""What a poll reads of integrations: the same with and without msgspec, and nothing but ids and watermarks."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packcloud_async._sansio import codec, endpoints, explaining, json_text
from packcloud_async._sansio.glimpse import GeneralGlimpse, Glimpses
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import Integration, SyncKind

from .payloads import ROUTES, answer, integration, json_values, read, texts, without

LINK = "https://api.pack.cloud/v1/x?cursor=2"
PAGE = {
    "data": [integration(), without(integration(id="int_2", stock_sync_updated_at=None), "order_sync_updated_at")],
    "links": {"next": LINK},
    "meta": {"per_page": 25},
}
POLL_PAGE = endpoints.poll_integrations(ROUTES, "org_1", with_trade=False)
POLL_ONE = endpoints.poll_integration(ROUTES, "org_1", "int_1", with_trade=False)


def marks(glimpse):
    return glimpse.id, dict(glimpse.watermarks)


def test_a_poll_of_a_page_sees_ids_watermarks_and_paging(decoder):
    page = read(POLL_PAGE, answer(PAGE))
    assert list(map(marks, page.items)) == [
        ("int_1", {SyncKind.ORDERS: "2026-01-01T10:00:00Z", SyncKind.PRODUCTS: None}),
        ("int_2", {SyncKind.PRODUCTS: None, SyncKind.STOCKS: None}),
    ]
    assert (page.next, page.prev, page.per_page) == (LINK, None, 25)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({"data": integration()}, id="enveloped"),
        pytest.param(integration(), id="bare"),
        pytest.param(integration(data=integration(id="int_9")), id="bare, with a field data"),
    ],
)
def test_a_poll_of_one_sees_its_watermarks(decoder, document):
    seen = marks(read(POLL_ONE, answer(document)))
    assert seen == ("int_1", {SyncKind.ORDERS: "2026-01-01T10:00:00Z", SyncKind.PRODUCTS: None})


def test_a_bare_list_is_polled_too(decoder):
    page = read(POLL_PAGE, answer(PAGE["data"]))
    assert ([glimpse.id for glimpse in page.items], page.next) == (["int_1", "int_2"], None)


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"name": None}, id="null name"),
        pytest.param({"category": 7, "order_sync_enabled": "no", "created_at": []}, id="wrong types"),
        pytest.param({"connector": {"deep": [1.5, {}]}}, id="unknown fields"),
        pytest.param({"name": "Caf\u00e9 \U0001f600"}, id="letters of any script"),
    ],
)
def test_a_poll_does_not_mind_what_it_does_not_read(decoder, odd):
    assert marks(read(POLL_ONE, answer({"data": integration(**odd)}))) == marks(
        codec.decode(Integration, integration())
    )
    document = json.dumps({"data": integration(**odd)}, ensure_ascii=False).encode()
    assert Glimpses(many=False, with_trade=False).read(document)[0][0].id == "int_1"


@pytest.mark.parametrize("number", [b"1e999", b"-1E400", b"9" * 5_000])
def test_a_number_that_nothing_holds_may_stand_beside_what_is_read(decoder, number):
    body = json.dumps({"data": [integration(status="@")]}).encode().replace(b'"@"', number)
    assert [glimpse.id for glimpse in Glimpses(many=True, with_trade=False).read(body)[0]] == ["int_1"]
    with pytest.raises(InvalidResponse, match="body is not JSON"):
        json_text.parse(body)
    wrong = json.dumps({"data": [integration(id="@")]}).encode().replace(b'"@"', number)
    with pytest.raises(InvalidResponse, match=r"expected a string, got a(n integer| number) @ \$\.data\[0\]\.id"):
        Glimpses(many=True, with_trade=False).read(wrong)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        pytest.param({"data": [{}]}, "required field missing @ $.data[0].id", id="no id"),
        pytest.param({"data": [integration(id=7)]}, "expected a string, got an integer @ $.data[0].id", id="id"),
        pytest.param(
            {"data": [integration(), integration(product_sync_updated_at=1)]},
            "expected a string or null, got an integer @ $.data[1].product_sync_updated_at",
            id="watermark",
        ),
        pytest.param({"data": [None]}, "expected an object, got null @ $.data[0]", id="null"),
        pytest.param({"data": {}}, "expected a list, got an object @ $.data", id="no list"),
        pytest.param(
            PAGE | {"links": {"next": 7}}, "expected a string or null, got an integer @ $.links.next", id="paging"
        ),
    ],
)
def test_what_a_poll_reads_is_as_strict_as_ever(decoder, document, complaint):
    with pytest.raises(InvalidResponse) as caught:
        read(POLL_PAGE, answer(document))
    assert caught.value.path == complaint.rpartition(" @ ")[2]
    assert str(caught.value).endswith(complaint)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate"),
        pytest.param(rb'"\ud800"', id="half of a pair"),
        pytest.param(b"[" * 600 + b"]" * 600, id="deep"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"01", id="leading zero"),
        pytest.param(b"[1,]", id="comma"),
        pytest.param(b'"\x01"', id="control character"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_no_json_is_refused_where_nothing_is_read(decoder, value):
    body = json.dumps(PAGE).encode().replace(b'"shop"', value)
    with pytest.raises(InvalidResponse, match="body is not JSON"):
        Glimpses(many=True, with_trade=False).read(body)


def test_an_undocumented_watermark_that_is_no_text_is_none(decoder):
    shop = integration(stock_sync_updated_at=7, shipping_service_sync_updated_at="now")
    assert SyncKind.STOCKS not in read(POLL_ONE, answer(shop)).watermarks
    assert read(POLL_ONE, answer(shop)).watermarks[SyncKind.SHIPPING_SERVICES] == "now"


@pytest.mark.parametrize("other", [None, "now", 7, "not sent"])
def test_of_two_watermarks_that_were_sent_the_others_are_no_part_of(decoder, other):
    fields = {} if other == "not sent" else {"stock_sync_updated_at": other, "shipping_service_sync_updated_at": other}
    shop = integration(order_sync_updated_at="a", product_sync_updated_at="b", **fields)
    others = {SyncKind.STOCKS: other, SyncKind.SHIPPING_SERVICES: other} if other in (None, "now") else {}
    seen = dict(read(POLL_ONE, answer(shop)).watermarks)
    assert seen == {SyncKind.ORDERS: "a", SyncKind.PRODUCTS: "b", **others}


@pytest.mark.parametrize(
    ("fields", "trade"),
    [
        pytest.param({"connector_id": "shopify"}, ("shopify", "shop"), id="both"),
        pytest.param({}, (None, "shop"), id="no connector"),
        pytest.param({"connector_id": 7, "category": None}, (None, None), id="no texts"),
    ],
)
def test_who_learns_is_told_connector_and_category(decoder, fields, trade):
    for call in (
        endpoints.poll_integrations(ROUTES, "org_1", with_trade=True),
        endpoints.poll_integration(ROUTES, "org_1", "int_1", with_trade=True),
    ):
        shop = integration(**fields)
        value = read(call, answer({"data": [shop]} if call.route == "integrations" else {"data": shop}))
        (glimpse,) = getattr(value, "items", (value,))
        assert glimpse.trade == dict(zip(("connector_id", "category"), trade, strict=True))


def test_the_repr_shows_nothing_that_is_not_known(decoder):
    glimpse = read(POLL_ONE, answer(integration(stock_sync_updated_at={"a": "hush!"}, secret="hush!")))
    assert "int_1" in repr(glimpse)
    assert "hush!" not in repr(glimpse)


def test_a_poll_builds_no_model_and_no_values_beside_what_it_reads(monkeypatch):
    pytest.importorskip("msgspec", reason="without the extra speed the whole document is parsed")
    for name in ("parse", "parse_leniently"):
        monkeypatch.setattr(json_text, name, None)
    monkeypatch.setattr(explaining, "_converter", None)
    page = read(POLL_PAGE, answer(PAGE))
    assert [type(glimpse).__name__ for glimpse in page.items] == ["StraightGlimpse"] * 2
    assert not hasattr(page.items[0], "name")


nearly_right = st.builds(
    lambda payload, left_out, odd: without(payload, *left_out) | odd,
    st.sampled_from([integration(), integration(connector_id="shopify", stock_sync_updated_at=None), {"id": "int_2"}]),
    st.sets(st.sampled_from(sorted(integration())), max_size=2),
    st.dictionaries(st.sampled_from([*integration(), "stock_sync_updated_at"]) | texts, json_values, max_size=2),
)
documents = nearly_right.map(lambda one: {"data": one}) | st.builds(
    lambda items, around: {"data": items, **around},
    st.lists(nearly_right, max_size=3),
    st.dictionaries(st.sampled_from(["links", "meta", "next", "id"]), json_values, max_size=2),
)


def what_comes_of(read):
    try:
        found, content = read()
    except InvalidResponse as error:
        return str(error)
    return [(*marks(one), dict(one.trade)) for one in found], content.next, content.prev, content.per_page


@given(documents | nearly_right | st.lists(nearly_right, max_size=3), st.booleans())
@example(PAGE, True)
def test_the_two_ways_see_the_same(document, many):
    body, glimpses = json.dumps(document).encode(), Glimpses(many, with_trade=True)
    expected = what_comes_of(lambda: glimpses.read_generally(body))
    assert what_comes_of(lambda: glimpses.read(body)) == expected


def test_a_general_glimpse_is_built_without_cattrs(monkeypatch):
    monkeypatch.setattr(explaining, "_explaining", None)
    assert codec.decode(GeneralGlimpse, integration()).id == "int_1"
