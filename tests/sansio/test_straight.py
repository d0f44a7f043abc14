"""Bytes that become models at once become the same models as on the general way, or go that way."""

import gc
import json
import logging
import weakref

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packcloud_async._sansio import codec, endpoints, json_text, readers
from packcloud_async._sansio.building import plan_of
from packcloud_async._sansio.envelope import unwrap
from packcloud_async._sansio.straight import LESSON, MOST_LESSONS, MOST_NAMES, Straight
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import Integration, IntegrationAction, ShippingService

from .payloads import ROUTES, action, answer, integration, json_values, read, shipping_service, texts, without

pytest.importorskip("msgspec", reason="without the extra speed nothing is read straight")

LINK = "https://api.pack.cloud/v1/x?cursor=2"
MODELS = {Integration: integration(), ShippingService: shipping_service(), IntegrationAction: action(id="act_1")}


def taught(model, *documents, many=True):
    straight = Straight(plan_of(model), many)
    for document in documents:
        straight.learn(document, unwrap(document))
    return straight


def written(document):
    return json.dumps(document).encode()


def generally(model, document, *, many=True):
    content = unwrap(document)
    if many:
        return codec.decode_items(model, content), content
    return (codec.decode(model, content.value, content.path),), content


def seen(found):
    """What was read, with all types, and the unknown fields in any order."""
    models, content = found
    plain = [
        (
            repr(attrs.astuple(attrs.evolve(one, extra={}, absent=None), recurse=False)),
            sorted(one.absent),
            {name: repr(value) for name, value in one.extra.items()},
        )
        for one in models
    ]
    return [type(one) for one in models], plain, content.next, content.prev, content.per_page


PAGE = {"data": [integration(status="on", connector={"id": 1})], "links": {"next": LINK}, "meta": {"per_page": 25}}
FORMS = {
    "page": PAGE,
    "bare list": PAGE["data"],
    "paging at the root": {"data": PAGE["data"], "next": LINK, "prev": None, "per_page": 7, "total": 1},
    "data alone": {"data": PAGE["data"]},
    "no fields but our own": {"data": [integration()]},
}


@pytest.mark.parametrize("document", FORMS.values(), ids=FORMS)
def test_a_list_is_read_straight_once_its_names_were_seen(document):
    straight = taught(Integration)
    assert straight.read(written(document)) is None
    straight.learn(document, unwrap(document))
    assert seen(straight.read(written(document))) == seen(generally(Integration, document))


@pytest.mark.parametrize("document", [{"data": integration(a=1)}, integration(data=1), integration()])
def test_one_is_read_straight_once_its_names_were_seen(document):
    straight = taught(Integration, document, many=False)
    found = straight.read(written(document))
    if "data" in document and "id" in document:
        assert found is None, "it may be an envelope the next time"
    else:
        assert seen(found) == seen(generally(Integration, document, many=False))


@pytest.mark.parametrize(
    ("model", "left_out"),
    [(Integration, ["order_sync_updated_at"]), (ShippingService, ["label_types"]), (IntegrationAction, ["id", "code"])],
    ids=["integration", "service", "action"],
)
def test_what_was_not_sent_is_absent_and_what_is_not_sent_now_is_not_extra(model, left_out):
    whole = MODELS[model] | {"more": 1, "still_more": [2]}
    straight = taught(model, {"data": [whole]})
    document = {"data": [without(whole, *left_out), without(whole, "more"), whole, MODELS[model]]}
    found = straight.read(written(document))
    assert seen(found) == seen(generally(model, document))
    lacking, like_it, *_ = straight.read(written({"data": [without(whole, *left_out)] * 2}))[0]
    assert lacking.absent == set(left_out)
    assert lacking.absent is like_it.absent


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(written({"data": [integration(name=None)]}), id="wrong type"),
        pytest.param(written({"data": [without(integration(), "id")]}), id="missing"),
        pytest.param(written({"data": [integration(colour="red")]}), id="new name"),
        pytest.param(written({"data": [integration()], "warning": 1}), id="new name around"),
        pytest.param(written({"data": [integration()], "id": 1}), id="no envelope"),
        pytest.param(written({"data": integration()}), id="no list"),
        pytest.param(written([integration()]), id="bare"),
        pytest.param(written({"data": [integration(category=None)]}), id="no word"),
        pytest.param(b'{"data": [' + written(integration(status=1)).replace(b"1}", b"1e999}") + b"]}", id="infinite"),
        pytest.param(written({"data": [integration(status="x")]}).replace(b'"x"', b'"\xff"'), id="no UTF-8"),
        pytest.param(
            written({"data": [integration(status=["@"])]}).replace(b'"@"', b"[" * 600 + b"]" * 600), id="deep"
        ),
        pytest.param(written({"data": []})[:-1], id="cut"),
        pytest.param(written({"data": []}) + b"{", id="more"),
        pytest.param(b"", id="empty"),
    ],
)
def test_nothing_is_said_of_what_is_not_as_it_was(body):
    assert taught(Integration, PAGE).read(body) is None


def nested(levels):
    return [] if levels == 1 else [nested(levels - 1)]


@pytest.mark.parametrize(
    ("model", "spoil"),
    [
        pytest.param(Integration, lambda page, deep: page["data"][7].update(status=deep), id="in a model"),
        pytest.param(
            IntegrationAction, lambda page, deep: page["data"][7].update(fields=[{"a": deep}]), id="in fields"
        ),
        pytest.param(Integration, lambda page, deep: page.update(meta=deep), id="around"),
    ],
)
def test_depth_is_looked_at_where_any_value_may_stand(model, spoil):
    page = {"data": [MODELS[model] | {"status": [[]]} for _ in range(300)], "meta": {}}
    straight = taught(model, page)
    assert seen(straight.read(written(page))) == seen(generally(model, page))
    spoil(page, nested(400))
    assert seen(straight.read(written(page))) == seen(generally(model, page))
    spoil(page, nested(500))
    assert straight.read(written(page)) is None
    with pytest.raises(InvalidResponse, match="NestedTooDeep"):
        json_text.parse(written(page))


def test_a_large_answer_is_read_straight_whatever_the_limit_of_the_interpreter(monkeypatch):
    page = {"data": [integration(status=[[]]) for _ in range(300)]}
    straight = taught(Integration, page)
    monkeypatch.setattr("sys.getrecursionlimit", lambda: 1_000_000)
    assert seen(straight.read(written(page))) == seen(generally(Integration, page))


def test_wrong_paging_is_told_by_its_place():
    straight = taught(Integration, PAGE)
    with pytest.raises(InvalidResponse, match=r"^expected a string or null, got an integer @ \$\.links\.next$"):
        straight.read(written(PAGE | {"links": {"next": 7}}))


def test_names_add_up():
    straight = taught(Integration, {"data": [integration(a=1)]}, {"data": [integration(b=1)], "meta": None})
    document = {"data": [integration(a=1, b=2), integration(b=3), integration()]}
    assert seen(straight.read(written(document))) == seen(generally(Integration, document))


def test_the_latest_form_is_the_one_that_is_read():
    straight = taught(Integration, PAGE, PAGE["data"])
    assert straight.read(written(PAGE)) is None
    assert seen(straight.read(written(PAGE["data"]))) == seen(generally(Integration, PAGE["data"]))


def test_what_is_known_is_not_learned_again():
    straight = taught(Integration, PAGE)
    way = straight._way
    straight.learn(PAGE, unwrap(PAGE))
    assert straight._way is way


@pytest.mark.parametrize(
    "name", [pytest.param('a"b', id="quote"), "a\\b", "a\nb", pytest.param("x" * 101, id="long"), "\u202e"], ids=ascii
)
def test_a_name_that_no_class_can_have_is_not_learned_and_ends_nothing(name):
    odd = {"data": [integration(**{name: 1})]}
    straight = taught(Integration, odd)
    assert straight._way is None
    straight = taught(Integration, PAGE, odd, odd, odd)
    assert seen(straight.read(written(PAGE))) == seen(generally(Integration, PAGE))
    assert straight.read(written(odd)) is None


def many_names(prefix):
    return {"data": [integration(**{f"{prefix}_{at}": at for at in range(MOST_NAMES)})]}


def test_what_does_not_fit_to_what_is_known_makes_a_new_beginning():
    first, second = many_names("field"), many_names("other")
    straight = taught(Integration, first, second)
    assert straight.read(written(first)) is None
    assert seen(straight.read(written(second))) == seen(generally(Integration, second))


def test_one_odd_answer_does_not_end_what_serves_and_a_second_in_a_row_does():
    good, odd = many_names("field"), many_names("other")
    straight = taught(Integration, good)
    for _ in range(3):
        assert straight.read(written(good)) is not None
        straight.learn(odd, unwrap(odd))
        assert straight.read(written(odd)) is None
    # One was a lesson, three would have been.
    assert straight._credit // LESSON == MOST_LESSONS - 4
    straight.learn(odd, unwrap(odd))
    assert straight.read(written(odd)) is not None


def new_name(at, *, models=1):
    return {"data": [integration(**{f"field_{at}": at})] * models}


def test_lessons_are_paid_for_by_what_is_read_the_general_way():
    straight = taught(Integration, *map(new_name, range(MOST_LESSONS)))
    assert straight.read(written(new_name(MOST_LESSONS - 1))) is not None
    for _ in range(LESSON // 1_000 - 1):
        late = new_name("late", models=1_000)
        straight.learn(late, unwrap(late))
        assert straight.read(written(late)) is None
    assert straight.read(written(new_name(0))) is not None, "what is known goes on to serve"
    straight.learn(late, unwrap(late))
    assert seen(straight.read(written(late))) == seen(generally(Integration, late))


def test_no_more_lessons_are_saved_than_there_were_at_first():
    straight = taught(Integration, *[new_name("a", models=1_000)] * (2 * LESSON // 1_000))
    assert straight._credit == MOST_LESSONS * LESSON


def test_a_change_of_the_way_is_told_without_names(caplog):
    with caplog.at_level(logging.DEBUG, logger="packcloud_async"):
        taught(Integration, PAGE, PAGE, {"data": [integration(hush=1)]})
    assert caplog.messages == [
        f"Integration is read straight, with 4 names beside its own; {MOST_LESSONS - 1} lessons left",
        f"Integration is read straight, with 5 names beside its own; {MOST_LESSONS - 2} lessons left",
    ]


def test_what_is_forgotten_is_gone():
    straight = taught(Integration, many_names("field"))
    body = written({"data": []})
    forgotten = weakref.ref(type(straight._way.decode(body)))
    assert forgotten() is not None
    document = many_names("other")
    straight.learn(document, unwrap(document))
    gc.collect()
    assert forgotten() is None


def test_nothing_is_straight_without_msgspec(monkeypatch):
    straight = taught(Integration, PAGE)
    monkeypatch.setattr(json_text, "_decode", json_text.parse_with_standard_library)
    assert straight.read(written(PAGE)) is None
    assert taught(Integration, PAGE)._way is None


@pytest.mark.parametrize(
    ("make", "document"),
    [
        pytest.param(lambda: endpoints.list_integrations(ROUTES, "o"), PAGE, id="page"),
        pytest.param(lambda: endpoints.get_integration(ROUTES, "o", "i"), {"data": integration(more=1)}, id="one"),
        pytest.param(lambda: endpoints.list_actions(ROUTES, "o", "i"), {"data": [action()]}, id="list"),
    ],
)
def test_a_call_reads_its_second_answer_straight(make, document, monkeypatch):
    readers._models.cache_clear()
    first = read(make(), answer(document))
    monkeypatch.setattr(json_text, "parse", None)
    assert read(make(), answer(document)) == first


nearly_right = st.builds(
    lambda payload, left_out, odd: without(payload, *left_out) | odd,
    st.just(integration()),
    st.sets(st.sampled_from(["order_sync_updated_at", "product_sync_updated_at", "name"]), max_size=1),
    st.dictionaries(st.sampled_from([*integration(), "status", "connector"]) | texts, json_values, max_size=2),
)
documents = st.builds(
    lambda items, around: {"data": items, **around},
    st.lists(nearly_right, max_size=3),
    st.dictionaries(st.sampled_from(["links", "meta", "next", "id"]), json_values, max_size=2),
)


def what_comes_of(read):
    try:
        found = read()
    except InvalidResponse as error:
        return str(error)
    return None if found is None else seen(found)


@given(documents, documents)
def test_it_is_the_same_as_on_the_general_way_or_nothing(first, second):
    expected = [
        what_comes_of(lambda document=document: generally(Integration, document)) for document in (first, second)
    ]
    straight = taught(Integration, PAGE if isinstance(expected[0], str) else first)
    for document, wanted in zip((first, second), expected, strict=True):
        assert what_comes_of(lambda document=document: straight.read(written(document))) in (None, wanted)


odd_servers = st.one_of(
    st.integers(0, 99).map(new_name),
    st.sampled_from(["a", "b", "c"]).map(many_names),
    st.just(PAGE["data"]),
    st.just({"data": [integration(**{'a"b': 1})]}),
    st.just({"data": []}),
)


@settings(max_examples=50)
@given(st.lists(odd_servers, max_size=40), st.lists(odd_servers, max_size=5))
def test_whatever_was_read_before_lessons_are_few_and_a_good_server_is_read_straight_again(before, between):
    straight, lessons, models = taught(Integration), 0, 0

    def reads(document):
        nonlocal lessons, models
        if straight.read(written(document)) is not None:
            return True
        way = straight._way
        straight.learn(document, unwrap(document))
        lessons += straight._way is not way
        models += len(unwrap(document).value)
        return False

    for document in before:
        reads(document)
    # So many that they are few enough to be read straight wherever the stack is not guarded, as within Hypothesis.
    good = {"data": [integration(status="connected")] * 400, "links": {"next": None}}
    # One lesson if the odd is what served last, and one to learn.
    assert sum(not reads(good) for _ in range(20)) <= 2 * LESSON // 400
    for document in between:
        reads(document)
        assert reads(good) or reads(good) or straight._credit < LESSON
    assert lessons <= MOST_LESSONS + models / LESSON
    assert len(straight._way.names.unknown) + len(straight._way.names.around) <= MOST_NAMES
