"""What the body of a good answer holds: one reader for each form of it."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from packcloud_async._sansio import codec
from packcloud_async._sansio.envelope import Content, unwrap
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.wire import Damage, Response
from packcloud_async.errors import InvalidResponse, TransportError
from packcloud_async.models import IntegrationSettings, Page

T = TypeVar("T")


def one(model: type[T]) -> Callable[[Response], T]:
    """Read one model, enveloped or bare."""

    def read(response: Response) -> T:
        content = _content(response)
        return codec.decode(model, content.value, content.path)

    return read


def all_of(model: type[T]) -> Callable[[Response], tuple[T, ...]]:
    """Read a list of models that has no further pages."""

    def read(response: Response) -> tuple[T, ...]:
        return codec.decode_items(model, _content(response))

    return read


def page_of(model: type[T]) -> Callable[[Response], Page[T]]:
    """Read one page of a list of models."""

    def read(response: Response) -> Page[T]:
        content = _content(response)
        items = codec.decode_items(model, content)
        return Page(items=items, next=content.next, prev=content.prev, per_page=content.per_page)

    return read


def _content(response: Response) -> Content:
    if not whole(response).body.strip():
        raise InvalidResponse(f"empty body in an answer {response.status} that needs one")
    return unwrap(response.json())


def settings(response: Response) -> IntegrationSettings:
    """Read settings, whose names are unknown."""
    if not whole(response).body.strip():
        raise InvalidResponse(f"empty body in an answer {response.status} that needs one")
    value = _without_wrapper(response.json())
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


def whole(response: Response) -> Response:
    """Return an answer as it is; raise when its body did not arrive whole."""
    if response.damage is Damage.TOO_LARGE:
        raise InvalidResponse(Damage.TOO_LARGE.value)
    if response.damage is not None:
        raise TransportError(response.damage.value, maybe_sent=True)
    return response
