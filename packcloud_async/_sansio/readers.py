"""What the body of a good answer holds: one reader for each form of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Generic, TypeVar, cast

from attrs import evolve, frozen

from packcloud_async._sansio import codec, json_text
from packcloud_async._sansio.building import plan_of
from packcloud_async._sansio.envelope import Content, Paging, unwrap
from packcloud_async._sansio.glimpse import Glimpse, Glimpses
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.straight import Straight
from packcloud_async._sansio.wire import Damage, Headers, Response
from packcloud_async.errors import InvalidResponse, TransportError
from packcloud_async.models import IntegrationSettings, Page

T = TypeVar("T")


def one(model: type[T]) -> Callable[[Response], T]:
    """Read one model, enveloped or bare."""
    return _models(cast("Any", model), many=False).one


def all_of(model: type[T]) -> Callable[[Response], tuple[T, ...]]:
    """Read a list of models that has no further pages."""
    return _models(cast("Any", model), many=True).items


def page_of(model: type[T]) -> Callable[[Response], Page[T]]:
    """Read one page of a list of models."""
    return _models(cast("Any", model), many=True).page


def glimpse(*, with_trade: bool) -> Callable[[Response], Glimpse]:
    """Read one integration as a poll sees it."""
    return _glimpses(many=False, with_trade=with_trade).one


def page_of_glimpses(*, with_trade: bool) -> Callable[[Response], Page[Glimpse]]:
    """Read one page of integrations as a poll sees them."""
    return _glimpses(many=True, with_trade=with_trade).page


@frozen(eq=False, repr=False)
class _Reading(Generic[T]):
    """What bodies hold that are read by one function: items, of which there may be one, and what stands around them.

    ``read_straight`` is asked first, and gives None for what it does not know, be it that a body is missing.
    """

    read_straight: Callable[[bytes], tuple[tuple[T, ...], Paging] | None]
    read_generally: Callable[[bytes], tuple[tuple[T, ...], Content]]

    def page(self, response: Response) -> Page[T]:
        found = self.read_straight(response.body) if response.damage is None else None
        if found is not None:
            return Page(found[0], *found[1])
        items, content = self.read_generally(_body(response))
        return Page(items, content.next, content.prev, content.per_page)

    def items(self, response: Response) -> tuple[T, ...]:
        found = self.read_straight(response.body) if response.damage is None else None
        return (self.read_generally(_body(response)) if found is None else found)[0]

    def one(self, response: Response) -> T:
        return self.items(response)[0]


@cache
def _models(model: Any, *, many: bool) -> _Reading[Any]:
    plan = plan_of(model)
    assert plan is not None
    straight = Straight[Any](plan, many)

    def read_generally(body: bytes) -> tuple[tuple[Any, ...], Content]:
        document = json_text.parse(body)
        content = unwrap(document)
        items = codec.decode_content(model, content, many=many)
        straight.learn(document, content)
        return items, content

    return _Reading(straight.read, read_generally)


@cache
def _glimpses(*, many: bool, with_trade: bool) -> _Reading[Glimpse]:
    glimpses = Glimpses(many, with_trade)
    return _Reading(glimpses.read_straight, glimpses.read_generally)


def _body(response: Response) -> bytes:
    body = whole(response).body
    if not body.strip():
        raise InvalidResponse(f"empty body in an answer {response.status} that needs one")
    return body


def settings(response: Response) -> IntegrationSettings:
    """Read settings, whose names are unknown."""
    value = _without_wrapper(json_text.parse(_body(response)))
    # PHP writes an empty map as an empty list.
    if value == []:
        return IntegrationSettings({})
    if not isinstance(value, Mapping):
        raise InvalidResponse("expected an object")
    return IntegrationSettings(value)


def any_json(response: Response) -> JsonValue:
    """Return what an answer of unknown form says, None when it has no body."""
    return _without_wrapper(response.json()) if whole(response).body.strip() else None


def json_or_none(response: Response) -> JsonValue:
    """Return what an answer says whose body is of no consequence, None when it cannot be read."""
    try:
        return any_json(response)
    except (InvalidResponse, TransportError):
        return None


def _without_wrapper(document: JsonValue) -> JsonValue:
    """Take a wrapper off only when it holds nothing else: a setting may be called ``data``."""
    return document["data"] if isinstance(document, Mapping) and set(document) == {"data"} else document


def plain(response: Response) -> Response:
    """Return an answer as a value of its own, with a plain table of its headers."""
    headers = whole(response).headers
    return evolve(response, headers=dict(headers)) if isinstance(headers, Headers) else response


def whole(response: Response) -> Response:
    """Return an answer as it is; raise when its body did not arrive whole."""
    if response.damage is Damage.TOO_LARGE:
        raise InvalidResponse(Damage.TOO_LARGE.value)
    if response.damage is not None:
        raise TransportError(response.damage.value, maybe_sent=True)
    return response
