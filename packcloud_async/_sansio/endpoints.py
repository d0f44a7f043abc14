"""What each call sends, and how its answer is read.

A :class:`Call` is a plain value; drivers send it and hand the answer to ``answers.read_answer``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, IntEnum
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from attrs import Factory, evolve, field, frozen

from packcloud_async._sansio import json_text, readers
from packcloud_async._sansio.glimpse import Glimpse
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.redaction import leaves_of
from packcloud_async._sansio.secret import Secret, secret
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire import Link, Request, Response
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import (
    Integration,
    IntegrationAction,
    IntegrationSettings,
    Page,
    ShippingService,
    SyncAccepted,
    SyncKind,
    Unset,
)
from packcloud_async.policies import Routes

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
MaybeSecret: TypeAlias = T | Secret[T]


class Repeat(Enum):
    """Whether a request may be sent a second time."""

    SAFE = "sending it twice is the same as once"
    IF_NOT_SENT = "only when the first one certainly did nothing"


class Urgency(IntEnum):
    """Who goes first where requests wait for their turn; the lower number does."""

    ACT = 0
    """What starts or changes something, above all the POST of a sync."""
    READ = 1
    """A read somebody waits for."""
    LISTING = 2
    """The first listing of an organization in a bulk run: nothing of it is under way yet."""


def _urgency(call: Call[Any]) -> Urgency:
    return Urgency.READ if call.method in {"GET", "HEAD", "OPTIONS"} else Urgency.ACT


# Without slots: attrs then fills a frozen instance at half the cost, and there is one for each request.
@frozen(slots=False)
class Call(Generic[T_co]):
    """One call, ready to send: ``target`` is a path below the base URL, or an absolute URL on its origin.

    ``secrets`` are texts of the body that no message may quote. ``when_gone`` gives the value of a call
    whose goal is reached when the resource is not there any more; None for all others. ``quotable`` is False when
    no message may quote anything of an answer. ``urgency`` follows from the method unless it is given.
    A call for a page that a link of the server led to keeps the path of the first page as ``named_path``.
    """

    reads_refusals: ClassVar[bool] = False
    """Whether ``read`` is given every answer, whatever its status, so that no status is an error."""

    operation: str
    method: str
    target: str = field(repr=False)
    repeat: Repeat
    read: Callable[[Response], T_co] = field(repr=False)
    route: str | None = field(default=None, repr=False)
    body: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    when_gone: Callable[[], T_co] | None = field(default=None, repr=False)
    quotable: bool = field(default=True, repr=False)
    urgency: Urgency = field(default=Factory(_urgency, takes_self=True), repr=False)
    named_path: str | None = field(default=None, repr=False, eq=False)

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def path(self) -> str:
        """What messages call it: the target without origin and query, unless it was the server that wrote it."""
        return urlsplit(self.target).path if self.named_path is None else self.named_path


def list_integrations(routes: Routes, organization_id: str) -> Call[Page[Integration]]:
    """Call 1 of the document, "Get list of integrations"."""
    path = routes.path("integrations", organizationId=organization_id)
    return _get("integrations.list", path, readers.page_of(Integration), route="integrations")


def poll_integrations(routes: Routes, organization_id: str, *, with_trade: bool) -> Call[Page[Glimpse]]:
    """Call 1 again, for a watch: ids and watermarks alone, and what learning needs if it is ``with_trade``."""
    path = routes.path("integrations", organizationId=organization_id)
    return _get("integrations.list", path, readers.page_of_glimpses(with_trade=with_trade), route="integrations")


def create_integration(
    routes: Routes,
    organization_id: str,
    *,
    name: str,
    connector_id: str,
    settings: MaybeSecret[Mapping[str, JsonValue] | Unset],
) -> Call[Integration]:
    """Call 2, "Create integration" (4563bfbf8cb5c53f4846256adf82de0d)."""
    settings = secret(settings)
    path = routes.path("integrations", organizationId=organization_id)
    given = Secret[Mapping[str, JsonValue]](
        given_only(name=name, connector_id=connector_id, settings=cast("JsonValue | Unset", settings.reveal()))
    )
    return _send("integrations.create", "POST", path, given, readers.one(Integration), route="integrations")


def get_integration(routes: Routes, organization_id: str, integration_id: str) -> Call[Integration]:
    """Call 3, "Get integration by id"."""
    path = _integration_path(routes, "integration", organization_id, integration_id)
    return _get("integrations.get", path, readers.one(Integration), route="integration")


def poll_integration(routes: Routes, organization_id: str, integration_id: str, *, with_trade: bool) -> Call[Glimpse]:
    """Call 3 again, for a watch."""
    path = _integration_path(routes, "integration", organization_id, integration_id)
    return _get("integrations.get", path, readers.glimpse(with_trade=with_trade), route="integration")


def update_integration(
    routes: Routes, organization_id: str, integration_id: str, changes: MaybeSecret[Mapping[str, JsonValue]]
) -> Call[Integration]:
    """Call 4, "Update integration": only the given fields are sent."""
    changes = secret(changes)
    path = _integration_path(routes, "integration", organization_id, integration_id)
    return _send("integrations.update", "PUT", path, changes, readers.one(Integration), route="integration")


def delete_integration(routes: Routes, organization_id: str, integration_id: str) -> Call[None]:
    """Call 5, "Delete integration"."""
    path = _integration_path(routes, "integration", organization_id, integration_id)
    return Call("integrations.delete", "DELETE", path, Repeat.SAFE, _nothing, route="integration", when_gone=_no_value)


def list_actions(routes: Routes, organization_id: str, integration_id: str) -> Call[tuple[IntegrationAction, ...]]:
    """Call 6, "Get integration actions by id"."""
    path = _integration_path(routes, "actions", organization_id, integration_id)
    return _get("integrations.actions", path, readers.all_of(IntegrationAction), route="actions")


def execute_action(
    routes: Routes,
    organization_id: str,
    integration_id: str,
    action: str,
    payload: MaybeSecret[Mapping[str, JsonValue] | None],
) -> Call[JsonValue]:
    """Call 7, "Execute integration action": what it answers is unknown, so its JSON is given as it is."""
    payload = secret(payload)
    path = routes.path("execute_action", organizationId=organization_id, integrationId=integration_id, action=action)
    if payload.reveal() is None:
        return Call(
            "integrations.execute_action", "POST", path, Repeat.IF_NOT_SENT, readers.any_json, route="execute_action"
        )
    content = Secret(payload.reveal() or {})
    return _send("integrations.execute_action", "POST", path, content, readers.any_json, route="execute_action")


def get_settings(routes: Routes, organization_id: str, integration_id: str) -> Call[IntegrationSettings]:
    """Call 10, "Get settings for integration"."""
    path = _integration_path(routes, "settings", organization_id, integration_id)
    # Its errors are not quoted: they may show any setting, under any name.
    return evolve(_get("integrations.settings", path, readers.settings, route="settings"), quotable=False)


def sync(routes: Routes, organization_id: str, integration_id: str, kind: SyncKind) -> Call[SyncAccepted]:
    """Calls 8, 9, 11 and 12: start a sync. Any 2xx is acceptance, whatever its body."""
    operation, route, read = _SYNCS[kind]
    path = _integration_path(routes, route, organization_id, integration_id)
    return Call(operation, "POST", path, Repeat.IF_NOT_SENT, read, route=route, urgency=Urgency.ACT)


def _accepted(kind: SyncKind) -> Callable[[Response], SyncAccepted]:
    def read(response: Response) -> SyncAccepted:
        return SyncAccepted(kind, response.status, readers.json_or_none(response))

    return read


_SYNCS: Final = {kind: (f"integrations.sync_{kind.value}", f"sync_{kind.value}", _accepted(kind)) for kind in SyncKind}


def list_shipping_services(
    routes: Routes,
    organization_id: str,
    *,
    integration_id: str | None,
    enabled: bool | None,
    type: str | None,  # noqa: A002 - the API's word
    carrier_code: str | None,
) -> Call[Page[ShippingService]]:
    """Get shipping services (1b3ab34db413955c32bbfa109803bd46); None leaves a filter out."""
    filters = {
        "integration_id": integration_id,
        # How a boolean is written in a filter is not shown; Laravel reads true/false and 1/0 alike.
        "enabled": None if enabled is None else str(enabled).lower(),
        "type": type,
        "carrier_code": carrier_code,
    }
    path = routes.path("shipping_services", organizationId=organization_id)
    given = {f"filter[{name}]": value for name, value in filters.items() if value is not None}
    target = _with_query(path, Secret(given))
    return _get("shipping_services.list", target, readers.page_of(ShippingService), route="shipping_services")


def any_request(
    method: str, path: str, query: MaybeSecret[Mapping[str, str] | None], json: MaybeSecret[JsonValue | Unset]
) -> Call[Response]:
    """The escape hatch: a call this package has no method for."""
    query, json = secret(query), secret(json)
    verb = _checked_method(method)
    _check_relative_path(path)
    target = _with_query(path, Secret(query.reveal() or {}))
    repeat = Repeat.SAFE if verb in {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"} else Repeat.IF_NOT_SENT
    if isinstance(json.reveal(), Unset):
        return Call("request", verb, target, repeat, readers.plain, secrets=_values_of(query))
    content = cast("Secret[JsonValue]", json)
    return Call(
        "request",
        verb,
        target,
        repeat,
        readers.plain,
        body=_body(content),
        secrets=(*_values_of(query), *leaves_of(content.reveal())),
    )


def given_only(**values: JsonValue | Unset) -> dict[str, JsonValue]:
    """Drop what was not given; None stays and is sent as null."""
    return {name: value for name, value in values.items() if not isinstance(value, Unset)}


def build_request(call: Call[Any], base_url: str, credential: Mapping[str, str], user_agent: str) -> Request:
    """Put a call and a credential together."""
    headers = {"Accept": "application/json", "User-Agent": user_agent, **credential}
    target, body = call.target, call.body
    if body is not None:
        headers["Content-Type"] = "application/json"
    # A path begins with a slash, a URL with its scheme.
    return Request(call.method, base_url + target if target.startswith("/") else Link(target), headers, body)


def name_of(call: Call[Any]) -> str:
    """Return what messages call it, with its method."""
    return f"{call.method} {call.path}"


_LONG_ENOUGH_TO_BE_SECRET = 4


def _values_of(query: Secret[Mapping[str, str] | None]) -> tuple[str, ...]:
    # A shorter one, a number or a flag would be taken out of every word it is part of.
    return tuple(
        value
        for value in (query.reveal() or {}).values()
        if len(value) >= _LONG_ENOUGH_TO_BE_SECRET and not value.isdigit() and value.lower() not in {"true", "false"}
    )


def _integration_path(routes: Routes, route: str, organization_id: str, integration_id: str) -> str:
    return routes.path(route, organizationId=organization_id, integrationId=integration_id)


def _get(operation: str, target: str, read: Callable[[Response], T], *, route: str) -> Call[T]:
    return Call(operation, "GET", target, Repeat.SAFE, read, route=route, urgency=Urgency.READ)


def _send(
    operation: str,
    method: str,
    path: str,
    content: Secret[Mapping[str, JsonValue]],
    read: Callable[[Response], T],
    *,
    route: str,
) -> Call[T]:
    repeat = Repeat.SAFE if method == "PUT" else Repeat.IF_NOT_SENT
    # What goes into settings, an action or an undocumented field may be a password; names may be quoted.
    public = frozenset({"name", "connector_id"} if operation != "integrations.execute_action" else ())
    return Call(
        operation,
        method,
        path,
        repeat,
        read,
        route=route,
        body=_body(content),
        secrets=tuple(_leaves_but(public, content.reveal())),
    )


def _leaves_but(public: frozenset[str], content: Mapping[str, JsonValue]) -> Iterator[str]:
    return leaves_of({name: value for name, value in content.items() if name not in public})


def _with_query(path: str, query: Secret[Mapping[str, str]]) -> str:
    try:
        return f"{path}?{urlencode(query.reveal())}" if query.reveal() else path
    except UnicodeEncodeError:
        failure = ConfigurationError("the query holds characters that cannot be sent")
    # Outside the except block: what failed there holds the query.
    raise failure


def _body(content: Secret[Any]) -> bytes:
    try:
        return json_text.dump(content.reveal())
    except (TypeError, ValueError, RecursionError) as error:
        failure = ConfigurationError(f"the values given cannot be sent as JSON: {type(error).__name__}")
    raise failure


def _checked_method(method: object) -> str:
    verb = method.upper() if isinstance(method, str) and method.isascii() else ""
    if verb not in _METHODS:
        # CONNECT makes a tunnel of the connection, and TRACE has the credential sent back.
        raise ConfigurationError(
            f"method must be one of {', '.join(_METHODS)}, not {method!r}; any other needs a session of your own"
        )
    return verb


_METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE")


def _check_relative_path(path: str) -> None:
    plain = path.isascii() and path.isprintable() and not any(c in path for c in "?#\\ ")
    if not plain or not path.startswith("/") or path.startswith("//"):
        raise ConfigurationError(
            f"path must begin with one '/', be percent-encoded and hold no query (use query=): {path!r}"
        )
    if {".", ".."} & set(path.replace("%2e", ".").replace("%2E", ".").split("/")):
        raise ConfigurationError(f"path must not hold '.' or '..' segments: {path!r}")


def _nothing(_: Response) -> None:
    return None


def _no_value() -> None:
    return None
