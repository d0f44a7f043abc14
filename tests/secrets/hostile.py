"""A server that writes back what it received, in every place and form, and every call to meet it with."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from attrs import define, field

from packcloud_async import PackCloudClient, Request, Response

from ..io.connecting import INTEGRATION
from ..support.scripted_transport import says
from . import canaries

Shape = Callable[[str], str]
Place = Callable[[str, Request], Response]


@define
class HostileTransport:
    """Answers every request with its own secrets, written by ``shape`` and put in a ``place``."""

    shape: Shape
    place: Place
    sent: list[Request] = field(factory=list, init=False)

    async def send(self, request: Request) -> Response:
        self.sent.append(request)
        told = " , ".join(self.shape(secret) for secret in secrets_of(request))
        return self.place(told, request)

    async def aclose(self) -> None:
        pass


def secrets_of(request: Request) -> Iterator[str]:
    """The canaries in a request, as a server reads them."""
    for name, value in request.headers.items():
        if name in {"Authorization", "X-Api-Key"}:
            yield value
            yield value.removeprefix("Bearer ")
    yield from _texts(json.loads(request.body or b"null"))
    yield from (value for name, value in parse_qsl(urlsplit(request.url).query) if name == "key")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(item)


def _linked(told: str, link: str) -> Response:
    return says(200, {"data": [INTEGRATION], "links": {"next": link}})


def _second_page_fails(told: str, request: Request) -> Response:
    if request.url.endswith("/integrations") or request.url.endswith("/shipping-services"):
        return _linked(told, f"/v1/{quote(told, safe='')}?cursor={quote(told, safe='')}")
    return says(500, {"message": told})


def _origin(request: Request) -> str:
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}"


PLACES: Mapping[str, Place] = {
    "message": lambda told, _: says(422, {"message": f"Invalid value {told} given"}),
    "complaint": lambda told, _: says(422, {"message": "No.", "errors": {"settings.shop": [f"{told}?"]}}),
    "name of a complaint": lambda told, _: says(422, {"message": "No.", "errors": {told: ["no"]}}),
    "leaf": lambda told, _: says(400, {"error": {"input": [{"got": told}]}}),
    "key": lambda told, _: says(400, {"error": {told: True}}),
    "text": lambda told, _: says(500, f"SQL error near '{told}'".encode("utf-8", "replace")),
    "html": lambda told, _: says(502, f"<html><pre>{told}</pre></html>".encode()),
    "cut JSON": lambda told, _: says(500, f'{{"message": "{told}'.encode()),
    "UTF-16": lambda told, _: says(500, told.encode("utf-16", "replace")),
    "request id": lambda told, _: says(400, b"", x_request_id=told),
    "Location": lambda told, request: says(302, b"", location=f"{_origin(request)}/{told}"),
    "Retry-After": lambda told, _: says(429, b"", retry_after=told),
    "Date and limits": lambda told, _: says(429, b"", date=told, ratelimit_remaining=told, ratelimit=told),
    "WWW-Authenticate": lambda told, _: says(401, {"message": told}, www_authenticate=f'Bearer error="{told}"'),
    "cookie and type": lambda told, _: says(404, told.encode(), set_cookie=f"a={told}", content_type=told),
    "2xx without JSON": lambda told, _: says(200, told.encode()),
    "2xx of wrong types": lambda told, _: says(200, {"data": {"id": 7, "name": told, "settings": {"key": told}}}),
    "2xx list of wrong types": lambda told, _: says(200, {"data": [{**INTEGRATION, "id": {told: told}}]}),
    "2xx of nothing known": lambda told, _: says(200, {told: [told, {told: told}]}),
    "2xx text": lambda told, _: says(200, [told]),
    "foreign next": lambda told, _: _linked(told, f"https://evil.example/{quote(told)}"),
    "unprintable next": lambda told, _: _linked(told, f"/v1/{told}\x1b "),
    "userinfo of next": lambda told, _: _linked(told, f"https://{quote(told, safe='')}@api.pack.cloud/v1"),
    "unreadable next": lambda told, _: _linked(told, f"https://[{told}"),
    "circle of next": lambda told, _: _linked(told, f"/v1/x?cursor={quote(told, safe='')}"),
    "page of next": _second_page_fails,
    "next of a wrong type": lambda told, _: says(200, {"data": [INTEGRATION], "links": {"next": [told]}}),
}


async def _all(listing: Any) -> list[Any]:
    return [item async for item in listing]


Act = Callable[[PackCloudClient], Awaitable[Any]]


def _integrations(client: PackCloudClient) -> Any:
    return client.organization("org_1").integrations


CALLS: Mapping[str, Act] = {
    "list": lambda client: _all(_integrations(client).list()),
    "get": lambda client: _integrations(client).get("int_1"),
    "create": lambda client: _integrations(client).create(
        name="Shop", connector_id="shopify", settings=canaries.settings()
    ),
    "update": lambda client: _integrations(client).update(
        "int_1", settings=canaries.settings(), other={"secret": canaries.SETTING}
    ),
    "delete": lambda client: _integrations(client).delete("int_1"),
    "actions": lambda client: _integrations(client).actions("int_1"),
    "execute action": lambda client: _integrations(client).execute_action("int_1", "test", canaries.settings()),
    "settings": lambda client: _integrations(client).settings("int_1"),
    "sync orders": lambda client: _integrations(client).sync_orders("int_1"),
    "sync products": lambda client: _integrations(client).sync_products("int_1"),
    "sync stocks": lambda client: _integrations(client).sync_stocks("int_1"),
    "sync shipping services": lambda client: _integrations(client).sync_shipping_services("int_1"),
    "shipping services": lambda client: _all(client.organization("org_1").shipping_services.list(carrier_code="x")),
    "request": lambda client: client.request(
        "POST", "/v1/else", query={"key": canaries.QUERY}, json=[canaries.settings(), canaries.SETTING]
    ),
    "request without a body": lambda client: client.request("GET", "/v1/else", query={"key": canaries.QUERY}),
}
