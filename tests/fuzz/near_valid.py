"""Answers that are almost right: right ones with a few things changed, written so that anything can be in them."""

import json

from attrs import frozen
from hypothesis import strategies as st

from tests.sansio.payloads import action, integration, shipping_service


@frozen
class Raw:
    """A piece of a document, written as it stands."""

    text: str


@frozen
class Pairs:
    """An object as a list of (name, value): a name may come twice."""

    items: tuple


ODD_VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    1.0,
    25.0,
    "",
    "1",
    "true",
    "null",
    "shop",
    "Shop",
    "shop ",
    "delivery",
    "marketplace",
    "2026-01-01",
    "2026-13-45T99:99:99Z",
    "x" * 5_000,
    "\x00",
    "\u202e\U0001f600",
    [],
    [None],
    ["pdf", 1],
    [{}],
    {},
    {"id": "int_9"},
    {"data": []},
    {"data": {"data": None}},
    Raw("NaN"),
    Raw("-Infinity"),
    Raw("1e999"),
    Raw("1E400"),
    Raw("-0"),
    Raw("-0.0"),
    Raw("1e5"),
    Raw("9007199254740993.0"),
    Raw("18446744073709551616"),
    Raw("9" * 401),
    Raw("9" * 4_301),
    Raw('"\\ud800"'),
    Raw('"\\udc00\\ud800"'),
    Raw('"\\ud83d\\ude00"'),
    Raw('"\\u0000"'),
    Raw('"\\u0069nt_1"'),
    Raw("'x'"),
    Raw("tru"),
    Raw("01"),
    Raw("undefined"),
    Raw("[" * 600 + "]" * 600),
    Raw('{"a":' * 300 + "1" + "}" * 300),
    Raw("[1,]"),
    Raw("/* */ 1"),
]
ODD_NAMES = [
    "id",
    "data",
    "extra",
    "absent",
    "links",
    "meta",
    "next",
    "",
    "ID",
    "name ",
    "__class__",
    "stock_sync_updated_at",
]


def written(value):
    """Write a document."""
    match value:
        case Raw():
            return value.text
        case Pairs():
            return "{" + ",".join(f"{json.dumps(name)}: {written(item)}" for name, item in value.items) + "}"
        case dict():
            return written(Pairs(tuple(value.items())))
        case list():
            return "[" + ", ".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and len(value) % 2 == 0)


def places(value, path=()):
    """Yield every place in a document."""
    yield path
    if isinstance(value, dict):
        value = Pairs(tuple(value.items()))
    if isinstance(value, Pairs):
        for number, (_, item) in enumerate(value.items):
            yield from places(item, (*path, number))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from places(item, (*path, number))


def changed(value, path, change):
    """Return the document with ``change(item)`` in one place: a list of what stands there now, each (name, item)."""
    if not path:
        (_, item), *_ = change(None, value) or [(None, None)]
        return item
    number, *rest = path
    if isinstance(value, dict):
        value = Pairs(tuple(value.items()))
    inside = list(value.items) if isinstance(value, Pairs) else [(None, item) for item in value]
    name, item = inside[number]
    inside[number : number + 1] = change(name, item) if not rest else [(name, changed(item, rest, change))]
    return Pairs(tuple(inside)) if isinstance(value, Pairs) else [item for _, item in inside]


CHANGES = {
    "delete": lambda odd, other: lambda name, item: [],
    "replace": lambda odd, other: lambda name, item: [(name, odd)],
    "the same name again": lambda odd, other: lambda name, item: [(name, item), (name, odd)],
    "the same name before": lambda odd, other: lambda name, item: [(name, odd), (name, item)],
    "a name beside": lambda odd, other: lambda name, item: [(name, item), (None if name is None else other, odd)],
    "rename": lambda odd, other: lambda name, item: [(None if name is None else other, item)],
    "into a list": lambda odd, other: lambda name, item: [(name, [item])],
    "into an object": lambda odd, other: lambda name, item: [(name, {other: item})],
    "into an envelope": lambda odd, other: lambda name, item: [(name, {"data": item})],
    "twice": lambda odd, other: lambda name, item: [(name, item), (name, item)],
}


@st.composite
def nearly(draw, documents, *, most_changes=3):
    """Bytes of a document with a few changes, and now and then one in the text itself."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, most_changes))):
        place = draw(st.sampled_from(list(places(document))))
        make = CHANGES[draw(st.sampled_from([*sorted(CHANGES), "replace", "replace"]))]
        document = changed(document, place, make(draw(st.sampled_from(ODD_VALUES)), draw(st.sampled_from(ODD_NAMES))))
    body = written(document).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 19)):
        return body
    cut = draw(st.integers(0, len(body)))
    return (
        body[:cut]
        + draw(st.sampled_from([b"", b"\x00", b"\xff", b"\xef\xbb\xbf", b" ", b",", b"}", b'"']))
        + body[cut:]
    )


def every_one_change(document):
    """Bytes of the document with every odd value in every place, and every other change of every place."""
    for place in places(document):
        for odd in ODD_VALUES:
            yield written(changed(document, place, CHANGES["replace"](odd, ""))).encode()
        for name, make in CHANGES.items():
            for other in ODD_NAMES if "name" in name else ODD_NAMES[:2]:
                yield written(changed(document, place, make(ODD_VALUES[len(place)], other))).encode()


LINK = "https://api.pack.cloud/v1/x?cursor=2"


def enveloped(*values):
    """The forms in which an answer may carry a value."""
    return [
        form
        for value in values
        for form in (
            value,
            {"data": value},
            {"data": value, "links": {"next": LINK, "prev": None}, "meta": {"per_page": 25}},
            {"data": value, "next": LINK, "prev": None, "per_page": 25},
            {"data": value, "links": {"next": None}, "next": LINK, "meta": [], "per_page": 2},
            {"data": value, "id": "int_9"},
        )
    ]


INTEGRATIONS = (
    integration(category="marketplace", stock_sync_updated_at=None, data=integration(id="int_9")),
    {name: value for name, value in integration().items() if not name.endswith("sync_updated_at")},
)
SERVICES = (shipping_service(), {**shipping_service(default_label_type=None, type="pickup"), "label_types": []})
ACTIONS = (action(), {"id": "act_1"}, {})

RIGHT = {
    "list_integrations": enveloped([], [integration(), *INTEGRATIONS[1:]]),
    "poll_integrations": enveloped([], [integration(connector_id="con_1"), *INTEGRATIONS[1:], {"id": "int_2"}]),
    "poll_integration": [*enveloped(integration(connector_id=None)), *INTEGRATIONS, {"id": "int_2"}],
    "create_integration": [*enveloped(integration()), *INTEGRATIONS],
    "get_integration": [*enveloped(integration()), *INTEGRATIONS],
    "update_integration": [*enveloped(integration()), *INTEGRATIONS],
    "delete_integration": [{}],
    "list_actions": enveloped([], [*ACTIONS]),
    "execute_action": enveloped({"code": "x"}, None, [1]),
    "get_settings": enveloped({"api_key": "x", "nested": {"a": [1]}}, {}, []),
    "sync": enveloped({"job": "1"}),
    "list_shipping_services": enveloped([], [*SERVICES]),
    "any_request": enveloped({"a": 1}),
}
"""What each call is answered when all is well."""
