"""What an answer means, written down a second time from the API's pages and the design, without the package's code.

Every call has an entry in ``ANSWERS``: a function of the answer that returns the plain form of the value which the
call must give, or a :class:`Verdict`. ``plain`` brings what the package gave into the same form, types and all.
"""

from enum import Enum

from attrs import field, frozen

from packcloud_async import Integration, IntegrationAction, IntegrationSettings, Page, ShippingService, SyncAccepted
from packcloud_async._sansio.wire import Damage, Response

from . import reference_json


class Verdict(Enum):
    REFUSED = "the answer is not what the API promises"
    CUT_OFF = "the answer did not arrive whole"


REFUSED, CUT_OFF = Verdict


def text(value):
    return type(value) is str


def flag(value):
    return type(value) is bool


def text_or_null(value):
    return value is None or text(value)


def texts(value):
    return type(value) is list and all(text(item) for item in value)


def objects(value):
    return type(value) is list and all(type(item) is dict for item in value)


@frozen
class Shape:
    """The fields of one model: name -> what holds of a value; ``optional`` gives what stands for one not sent.

    ``words`` are the values of a field that become members of an enum.
    """

    required: dict
    optional: dict
    words: dict = field(factory=dict)
    any_number = False

    @property
    def names(self):
        return [*self.required, *self.optional]

    def read(self, value):
        if type(value) is not dict or any(name not in value for name in self.required):
            return REFUSED
        holds = self.required | {name: check for name, (check, _) in self.optional.items()}
        if not all(holds[name](value[name]) for name in self.names if name in value):
            return REFUSED
        return {
            "fields": {name: self._field(name, value) for name in self.names},
            "extra": {name: item for name, item in value.items() if name not in holds},
            "absent": sorted(name for name in self.optional if name not in value),
        }

    def _field(self, name, value):
        if name not in value:
            return self.optional[name][1]
        return ("known", value[name]) if value[name] in self.words.get(name, ()) else value[name]


INTEGRATION = Shape(
    required={
        "id": text,
        "category": text,
        "name": text,
        "order_sync_enabled": flag,
        "product_sync_enabled": flag,
        "stock_sync_enabled": flag,
        "created_at": text,
        "updated_at": text,
    },
    optional={
        "order_sync_updated_at": (text_or_null, None),
        "product_sync_updated_at": (text_or_null, None),
    },
    words={"category": ["payment", "shop", "shipping"]},
)
SERVICE = Shape(
    required={
        "id": text,
        "integration_id": text,
        "name": text,
        "default_label_type": text_or_null,
        "enabled": flag,
        "type": text,
        "created_at": text,
        "updated_at": text,
    },
    optional={"label_types": (texts, [])},
    words={"type": ["delivery", "return"]},
)
ACTION = Shape(
    required={},
    optional={
        "code": (text_or_null, None),
        "name": (text_or_null, None),
        "id": (text_or_null, None),
        "fields": (objects, []),
    },
)


class Glimpse:
    """What a poll sees: one text that must be there, and watermarks, two of which must be text or null."""

    any_number = True

    def read(self, value):
        if type(value) is not dict or not text(value.get("id")):
            return REFUSED
        if not all(text_or_null(value.get(f"{kind}_sync_updated_at")) for kind in ("order", "product")):
            return REFUSED
        names = {kind: f"{kind.removesuffix('s')}_sync_updated_at" for kind in KINDS}
        return {
            "id": value["id"],
            "watermarks": {kind: value[name] for kind, name in names.items() if text_or_null(value.get(name, 0))},
            "trade": [value[name] if text(value.get(name)) else None for name in ("connector_id", "category")],
        }


KINDS = ("orders", "products", "stocks", "shipping_services")
SHAPES = {Integration: INTEGRATION, ShippingService: SERVICE, IntegrationAction: ACTION}


def document_of(response, *, any_number=False):
    """The JSON value of a body, ``REFUSED`` if it is none, ``CUT_OFF`` if the body is not whole."""
    if response.damage is Damage.TOO_LARGE:
        return REFUSED
    if response.damage is not None:
        return CUT_OFF
    try:
        return reference_json.read(response.body, any_number=any_number)
    except reference_json.NotJson:
        return REFUSED


def unwrapped(document):
    """What an envelope holds, and its paging; ``REFUSED`` when the paging is of a wrong type."""
    if type(document) is not dict or "data" not in document or "id" in document:
        return document, (None, None, None)
    paging = tuple(
        _paging(document, wrapper, name, kind)
        for wrapper, name, kind in (("links", "next", str), ("links", "prev", str), ("meta", "per_page", int))
    )
    return (REFUSED, paging) if REFUSED in paging else (document["data"], paging)


def _paging(document, wrapper, name, kind):
    holder = document.get(wrapper)
    value = holder[name] if type(holder) is dict and name in holder else document.get(name)
    return value if value is None or type(value) is kind else REFUSED


def one(shape):
    def answer(response):
        document = document_of(response, any_number=shape.any_number)
        if isinstance(document, Verdict):
            return document
        value, _ = unwrapped(document)
        return shape.read(value)

    return answer


def many(shape):
    def answer(response):
        document = document_of(response)
        if isinstance(document, Verdict):
            return document
        value, _ = unwrapped(document)
        return _items(shape, value)

    return answer


def page(shape):
    def answer(response):
        document = document_of(response, any_number=shape.any_number)
        if isinstance(document, Verdict):
            return document
        value, paging = unwrapped(document)
        items = _items(shape, value)
        return items if isinstance(items, Verdict) else {"items": items, "paging": paging}

    return answer


def _items(shape, value):
    if type(value) is not list:
        return REFUSED
    items = [shape.read(item) for item in value]
    return REFUSED if REFUSED in items else items


def _bare(document):
    return document["data"] if type(document) is dict and list(document) == ["data"] else document


def settings(response):
    document = document_of(response)
    if isinstance(document, Verdict):
        return document
    value = _bare(document)
    if value == [] and type(value) is list:
        return {"settings": {}}
    return {"settings": value} if type(value) is dict else REFUSED


def any_json(response):
    if response.damage is None and not response.body.strip():
        return None
    document = document_of(response)
    return document if isinstance(document, Verdict) else _bare(document)


def accepted(response):
    told = any_json(response)
    return {"accepted": response.status, "body": told if not isinstance(told, Verdict) else None}


def nothing(_):
    return None


def whole(response):
    if response.damage is not None:
        return REFUSED if response.damage is Damage.TOO_LARGE else CUT_OFF
    return _seen(response)


def _seen(response):
    return {"response": (response.status, response.headers, response.body)}


ANSWERS = {
    "list_integrations": page(INTEGRATION),
    "create_integration": one(INTEGRATION),
    "get_integration": one(INTEGRATION),
    "update_integration": one(INTEGRATION),
    "delete_integration": nothing,
    "list_actions": many(ACTION),
    "poll_integrations": page(Glimpse()),
    "poll_integration": one(Glimpse()),
    "execute_action": any_json,
    "get_settings": settings,
    "sync": accepted,
    "list_shipping_services": page(SERVICE),
    "any_request": whole,
}

ERRORS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "EndpointGone",
    422: "ValidationFailed",
    429: "RateLimited",
}


def error_of(status):
    """The name of the error class of a status outside 200 to 299."""
    return "ServerError" if status >= 500 else ERRORS.get(status, "ApiError")


def plain(value):
    """The plain form of what the package gave."""
    if type(value) in SHAPES:
        fields = {name: _plain_field(getattr(value, name)) for name in SHAPES[type(value)].names}
        return {"fields": fields, "extra": value.extra, "absent": sorted(value.absent)}
    if isinstance(value, Page):
        return {"items": [plain(item) for item in value.items], "paging": (value.next, value.prev, value.per_page)}
    if isinstance(value, SyncAccepted):
        return {"accepted": value.status, "body": value.body}
    if isinstance(value, IntegrationSettings):
        return {"settings": value.values_by_name}
    if isinstance(value, Response):
        return _seen(value)
    if hasattr(value, "trade"):
        marks = {kind.value: mark for kind, mark in value.watermarks.items()}
        return {"id": value.id, "watermarks": marks, "trade": [value.trade["connector_id"], value.trade["category"]]}
    return [plain(item) for item in value] if isinstance(value, tuple) else value


def _plain_field(value):
    if isinstance(value, Enum):
        return ("known", value.value)
    return list(value) if isinstance(value, tuple) else value


def same(one, other):
    """Whether two plain values are equal, with the types of everything in them and the sign of zero.

    The fields that a model does not know come in any order.
    """
    return repr(_in_order(one)) == repr(_in_order(other))


def _in_order(value):
    if isinstance(value, list):
        return [_model_in_order(item) for item in value]
    if isinstance(value, dict) and set(value) == {"items", "paging"}:
        return {**value, "items": _in_order(value["items"])}
    return _model_in_order(value)


def _model_in_order(value):
    if isinstance(value, dict) and set(value) == {"fields", "extra", "absent"}:
        return {**value, "extra": dict(sorted(value["extra"].items()))}
    return value
