"""What is built by the generated functions is what cattrs would build, and no more."""

import copy
import json
import operator
import pickle
import sys

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio import building, explaining, json_builders, json_text
from packcloud_async._sansio.building import plan_of
from packcloud_async._sansio.codec import decode, decode_items, encode
from packcloud_async._sansio.envelope import Content, unwrap
from packcloud_async._sansio.json_builders import builder_of
from packcloud_async._sansio.straight import Straight
from packcloud_async._sansio.wire_form import NO_EXTRA
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import Integration, IntegrationAction, ShippingService

from .payloads import action, integration, json_values, shipping_service, texts, without

MODELS = {Integration: integration(), ShippingService: shipping_service(), IntegrationAction: action(id="act_1")}
BUILDERS = {model: builder_of(plan_of(model)) for model in MODELS}

# What may stand in any field, right or wrong, and nearly right above all.
values = json_values | st.sampled_from([None, True, False, 0, 1, "shop", "return", [], ["pdf"], ["pdf", None], [{}]])


@st.composite
def nearly_right(draw):
    model = draw(st.sampled_from(list(MODELS)))
    payload = MODELS[model]
    left_out = draw(st.sets(st.sampled_from(sorted(payload)), max_size=2))
    odd = draw(st.dictionaries(st.sampled_from(sorted(payload)) | texts, values, max_size=2))
    return model, without(payload, *left_out) | odd


def by_cattrs(model, payload):
    assert type(payload) is dict, "as the hook of the converter finds out"
    return explaining._explaining(model)(payload, model)


def what_comes_of(read):
    try:
        built = read()
    except Exception:  # noqa: BLE001 - any error is a refusal
        return None
    return type(built), built.absent, repr(attrs.astuple(attrs.evolve(built, absent=None), recurse=False))


@given(nearly_right() | st.tuples(st.sampled_from(list(MODELS)), json_values))
def test_a_builder_builds_what_cattrs_builds_and_refuses_what_it_refuses(drawn):
    model, payload = drawn
    expected = what_comes_of(lambda: by_cattrs(model, payload))
    assert what_comes_of(lambda: BUILDERS[model]([payload])[0]) == expected
    assert what_comes_of(lambda: BUILDERS[model]([payload] * 4)[3]) == expected


OPTIONAL = {Integration: "order_sync_updated_at", ShippingService: "label_types", IntegrationAction: "fields"}


def alone(builder, monkeypatch, model=Integration):
    """Make builders of which only one of the two ways can be gone."""
    closed = {"_builder_of_any", "_builder_of_alike"} - {builder}

    def refuse(items):
        raise TypeError

    monkeypatch.setattr(json_builders, *closed, lambda plan: refuse)
    return builder_of(plan_of(model))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@pytest.mark.parametrize("unknown", [0, 1, 16])
def test_many_that_are_alike_are_built_all_at_once(model, unknown, monkeypatch):
    build = alone("_builder_of_alike", monkeypatch, model)
    more = {f"field_{at}": [at] for at in range(unknown)}
    for left_out in [(), [OPTIONAL[model]]]:
        payload = without(MODELS[model] | more, *left_out)
        payloads = [payload, dict(reversed(payload.items())), dict(payload), payload]
        for _ in range(2):
            assert build(payloads) == tuple(by_cattrs(model, one) for one in payloads)
        assert len({id(one.absent) for one in build(payloads)}) == 1


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param([integration()] * 3, id="few"),
        pytest.param([integration()] * 4 + [integration(more=1)], id="one more name"),
        pytest.param([integration(a=1)] * 4 + [integration(b=1)], id="another name"),
        pytest.param([integration(**{f"field_{at}": 1 for at in range(17)})] * 4, id="many unknown names"),
        pytest.param([integration(**{"x" * 101: 1})] * 4, id="a long name"),
        pytest.param([without(integration(), "name")] * 4, id="a name lacks"),
        pytest.param([integration(name=None)] * 4, id="a wrong value"),
        pytest.param([None, *[integration()] * 3], id="no object at first"),
        pytest.param([*[integration()] * 3, [1] * 10], id="no object at last"),
        pytest.param([*[integration()] * 3, "0123456789"], id="a text as long"),
    ],
)
def test_what_is_not_alike_is_left_to_the_other_way(payloads, monkeypatch):
    with pytest.raises(TypeError):
        alone("_builder_of_alike", monkeypatch)(payloads)
    monkeypatch.undo()
    expected = what_comes_of_each(payloads)
    assert what_comes_of(lambda: BUILDERS[Integration](payloads)[-1]) == expected
    assert what_comes_of(lambda: alone("_builder_of_any", monkeypatch)(payloads)[-1]) == expected


def what_comes_of_each(payloads):
    """What cattrs makes of the last, if it makes something of every one."""
    found = [
        what_comes_of(lambda one=one: by_cattrs(Integration, one)) if type(one) is dict else None for one in payloads
    ]
    return None if None in found else found[-1]


def test_the_names_of_one_server_do_not_stay_when_another_is_read():
    for names in ({"a": 1}, {"b": 2}, {}, {"c": 3, "a": 4}):
        for many in (1, 4):
            payloads = [integration(**names)] * many
            assert [encode(one) for one in BUILDERS[Integration](payloads)] == payloads


@pytest.mark.parametrize("many", [1, 4])
@pytest.mark.parametrize("names", [["x" * 10_000], [f"name {number}" for number in range(17)]], ids=["long", "many"])
def test_no_names_that_are_long_or_many_are_kept(names, many):
    payload = integration() | dict.fromkeys(names)
    before = [sys.getrefcount(name) for name in names]
    BUILDERS[Integration]([payload] * many)
    assert [sys.getrefcount(name) for name in names] == before


def test_a_model_of_one_field_is_built_too():
    model = kind_of(TEXT)
    assert builder_of(plan_of(model))([{"value": "x"}] * 4) == (model(value="x", absent=frozenset()),) * 4


def test_objects_of_one_list_may_differ_in_their_names():
    payloads = [
        integration(),
        integration(a=1),
        integration(b=2),
        without(integration(), "order_sync_updated_at"),
        dict(reversed(integration(a=3).items())),
        integration(),
    ]
    built = BUILDERS[Integration](payloads)
    assert [encode(one) for one in built] == payloads
    assert built == tuple(by_cattrs(Integration, payload) for payload in payloads)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_was_built_is_a_frozen_value_like_any_other(model):
    (built,) = BUILDERS[model]((MODELS[model] | {"more": [1]},))
    same = copy.deepcopy(built)
    assert (type(built), same, hash(same)) == (model, built, hash(built))
    assert pickle.loads(pickle.dumps(built)) == attrs.evolve(built) == built
    assert repr(built) == repr(same)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        built.id = "other"
    with pytest.raises(AttributeError):
        built.anything = "else"


def test_no_two_share_what_could_be_changed():
    first, second = BUILDERS[Integration]([integration(colour="red"), integration(colour="red")])
    assert first.extra == second.extra == {"colour": "red"}
    assert first.extra is not second.extra


CHANGES = {
    "set": lambda extra: operator.setitem(extra, "a", 1),
    "delete": lambda extra: operator.delitem(extra, "a"),
    "merge": lambda extra: operator.ior(extra, {"a": 1}),
    "update": lambda extra: extra.update(a=1),
    "setdefault": lambda extra: extra.setdefault("a", 1),
    "pop": lambda extra: extra.pop("a", None),
    "popitem": lambda extra: extra.popitem(),
    "clear": lambda extra: extra.clear(),
}


def ways_to_no_extra():
    """Every way to a model without unknown fields."""
    body, more = json.dumps({"data": [integration()]}).encode(), json.dumps({"data": [integration(more=1)]}).encode()
    for learned in (body, more) if json_text.is_fast() else ():
        straight, document = Straight(plan_of(Integration), True), json.loads(learned)
        straight.learn(document, unwrap(document))
        (read,), _ = straight.read(body)
        yield read
    yield from BUILDERS[Integration]([integration(more=1), integration()])[1:]
    yield decode(Integration, integration())
    yield explaining._explaining(Integration)(integration(), None)
    yield Integration(**integration())


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_all_without_unknown_fields_share_what_cannot_be_changed(change):
    for model in ways_to_no_extra():
        assert model.extra is NO_EXTRA
        with pytest.raises(TypeError, match="^this extra cannot be changed"):
            change(model.extra)
        assert model.extra == {}


def test_every_way_to_change_a_dict_is_refused():
    # Whoever reads it is not in the way.
    reading = {"copy", "fromkeys", "get", "items", "keys", "values", "__or__", "__ror__"}
    named = {name for name in dir(dict) if not name.startswith("__")} | {"__setitem__", "__delitem__", "__ior__"}
    own = vars(type(NO_EXTRA))
    assert {name for name in named - reading if name not in own} == set()


def test_a_copy_of_what_is_shared_is_an_ordinary_dict():
    for copied in (copy.copy(NO_EXTRA), copy.deepcopy(NO_EXTRA), pickle.loads(pickle.dumps(NO_EXTRA)), NO_EXTRA | {}):
        assert (type(copied), copied) == (dict, {})
    model = Integration(**integration())
    assert attrs.asdict(model)["extra"] == {}
    assert json.dumps(model.extra) == repr(model.extra) == "{}"
    assert attrs.evolve(model, name="Other").extra is model.extra


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_is_right_is_built_without_cattrs(model, monkeypatch):
    monkeypatch.setattr(explaining, "_explaining", None)
    assert decode(model, MODELS[model]) == decode_items(model, Content([MODELS[model]], "$"))[0]


def kind_of(field, *, bases=(object,), weakref_slot=False, **body):
    fields = {
        "value": field,
        "extra": attrs.field(type=dict, factory=dict),
        "absent": attrs.field(type=frozenset, default=frozenset()),
    }
    return attrs.make_class(
        "Model", fields, bases, class_body=body, frozen=True, slots=True, weakref_slot=weakref_slot, kw_only=True
    )


def test_nothing_that_was_received_is_in_what_is_compiled(monkeypatch):
    pytest.importorskip("msgspec", reason="only with the extra speed are names learned")
    sources = []

    def spy(source, *rest):
        sources.append(source)
        return compile(source, *rest)

    monkeypatch.setattr(building, "compile", spy, raising=False)
    name, plan = "__import__('os').abort()", plan_of(Integration)
    builder_of(plan)([integration(**{name: "hush!"})])
    straight = Straight(plan, True)
    document = {"data": [integration(**{name: "hush!"})], name: 1}
    straight.learn(document, unwrap(document))
    assert straight.read(json.dumps(document).encode())[0][0].extra == {name: "hush!"}
    assert len(sources) == 2
    assert not any(word in source for source in sources for word in ("__import__", "abort", "hush"))


TEXT = attrs.field(type=str)


def test_the_smallest_class_that_is_no_more_than_its_fields():
    assert [field.name for field in plan_of(kind_of(TEXT)).fields] == ["value"]


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(kind_of(attrs.field(type=str, validator=attrs.validators.max_len(3))), id="validator"),
        pytest.param(kind_of(attrs.field(type=str, converter=str)), id="converter"),
        pytest.param(kind_of(attrs.field(type=str, factory=str)), id="default that is made"),
        pytest.param(kind_of(TEXT, __attrs_post_init__=lambda self: None), id="completed after construction"),
        pytest.param(kind_of(TEXT, weakref_slot=True), id="weak references"),
        pytest.param(kind_of(TEXT, bases=(Exception,)), id="a base"),
        pytest.param(attrs.make_class("Model", {"value": TEXT}, slots=True, weakref_slot=False), id="nothing kept"),
        pytest.param(kind_of(attrs.field(type=int)), id="number"),
        pytest.param(kind_of(attrs.field(type=str | int)), id="text or number"),
        pytest.param(kind_of(attrs.field(type=tuple[str, str])), id="two texts"),
        pytest.param(kind_of(attrs.field(type=tuple[str, ...] | None)), id="texts or null"),
        pytest.param(kind_of(attrs.field(type=tuple[int, ...])), id="numbers"),
        pytest.param(kind_of(attrs.field(type=list[str])), id="list"),
    ],
)
def test_a_class_that_is_more_than_its_fields_is_left_to_its_constructor(model):
    assert plan_of(model) is None


def test_a_class_that_is_left_to_its_constructor_is_read_all_the_same():
    short = attrs.field(type=str, validator=attrs.validators.max_len(3), default="xyz")
    model = kind_of(short)
    read = decode(model, {"value": "abc", "colour": "red"})
    assert (read.value, read.extra, read.absent) == ("abc", {"colour": "red"}, frozenset())
    assert decode_items(model, Content([{}], "$")) == (model(absent={"value"}),)
    with pytest.raises(InvalidResponse, match=r"^unreadable value \(ValueError\) @ \$$"):
        decode(model, {"value": "abcd"})


def test_who_reads_another_form_in_another_thread_is_not_in_the_way():
    build = builder_of(plan_of(Integration))
    given = integration(more=1)
    other = dict(reversed(given.items()))

    class MeanwhileAnother(dict):
        def __len__(self):
            build([other] * 4)
            return super().__len__()

    assert build([given, MeanwhileAnother(given), given, given]) == (decode(Integration, given),) * 4
