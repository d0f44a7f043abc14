"""Nearly right answers, read straight by someone who was taught the right ones: the general way's value, or nothing."""

import json

import pytest
from hypothesis import given, settings

from packcloud_async import Integration, IntegrationAction, InvalidResponse, ShippingService
from packcloud_async._sansio import codec, json_text
from packcloud_async._sansio.building import plan_of
from packcloud_async._sansio.envelope import unwrap
from packcloud_async._sansio.straight import Straight

from .near_valid import ACTIONS, INTEGRATIONS, SERVICES, enveloped, every_one_change, nearly, written
from .oracle import plain, same

pytest.importorskip("msgspec", reason="without the extra speed nothing is read straight")

# The last form has an id beside its data, and is no envelope; the first is bare, and a field "data" may be one around.
SHAPES = {
    "page of integrations": (Integration, True, enveloped([*INTEGRATIONS])[1:-1]),
    "one integration": (Integration, False, enveloped(INTEGRATIONS[1])[:-1]),
    "page of services": (ShippingService, True, enveloped([*SERVICES])[:-1]),
    "list of actions": (IntegrationAction, True, enveloped([*ACTIONS])[:-1]),
}


def generally(model, body, *, many):
    document = json_text.parse(body)
    content = unwrap(document)
    return codec.decode_content(model, content, many=many), content


def what_comes_of(read):
    try:
        found = read()
    except InvalidResponse as error:
        return str(error)
    if found is None:
        return None
    models, content = found
    told = [plain(model) for model in models]
    for one in told:
        # In any order, and each with the order of what is in it.
        one["extra"] = sorted(one["extra"].items(), key=lambda item: item[0])
    return told, content.next, content.prev, content.per_page


def taught(model, document, *, many):
    straight = Straight(plan_of(model), many)
    read = json_text.parse(written(document).encode())
    straight.learn(read, unwrap(read))
    return straight


def check(model, straight, body, *, many):
    """Compare the two ways; return whether the straight one gave a value."""
    found = what_comes_of(lambda: straight.read(body))
    expected = what_comes_of(lambda: generally(model, body, many=many))
    assert found is None or same(found, expected), (body, found, expected)
    return found is not None


@pytest.mark.parametrize(("model", "many", "documents"), SHAPES.values(), ids=SHAPES)
def test_any_one_change_is_read_as_on_the_general_way_or_not_at_all(model, many, documents):
    for document in documents:
        straight = taught(model, document, many=many)
        assert straight.read(json.dumps(document).encode()) is not None
        verdicts = {check(model, straight, body, many=many) for body in set(every_one_change(document))}
        assert verdicts == {True, False}


@pytest.mark.parametrize(("model", "many", "documents"), SHAPES.values(), ids=SHAPES)
def test_any_few_changes_are_read_as_on_the_general_way_or_not_at_all(model, many, documents):
    everyone = [taught(model, document, many=many) for document in documents]

    @settings(max_examples=100)
    @given(nearly(documents, most_changes=4))
    def each(body):
        for straight in everyone:
            check(model, straight, body, many=many)

    each()
