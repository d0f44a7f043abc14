import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async import errors
from packcloud_async._sansio import answers, endpoints
from packcloud_async._sansio.answers import Answer, ReadFailure
from packcloud_async._sansio.endpoints import Repeat
from packcloud_async._sansio.wire import Damage, Response
from packcloud_async.errors import (
    ApiError,
    ConfigurationError,
    InvalidResponse,
    PackCloudError,
    RateLimited,
    TransportError,
    ValidationFailed,
)
from packcloud_async.models import (
    UNSET,
    Integration,
    IntegrationSettings,
    ServiceType,
    SyncAccepted,
    SyncKind,
)
from packcloud_async.policies import UNCONFIRMED_ROUTES, Routes

from .payloads import (
    CALLS,
    CREDENTIAL,
    NOW,
    ROUTES,
    action,
    answer,
    integration,
    json_values,
    read,
    shipping_service,
)

SAFE_CALL = CALLS["get"]
POST_CALL = CALLS["sync_orders"]


# What is sent


def test_a_request_carries_the_credential_and_who_sends_it():
    request = endpoints.build_request(CALLS["get"], "https://api.pack.cloud", CREDENTIAL, "test/1")
    assert request.url == "https://api.pack.cloud/v1/organizations/org_1/integrations/int_1"
    assert request.headers == {"Accept": "application/json", "User-Agent": "test/1", **CREDENTIAL}
    assert (request.method, request.body) == ("GET", None)


def test_a_request_with_a_body_says_that_it_is_json():
    request = endpoints.build_request(CALLS["execute_action"], "https://api.pack.cloud", {}, "test/1")
    assert (request.headers["Content-Type"], request.body) == ("application/json", b"{}")


def test_an_absolute_target_replaces_the_base_url():
    call = endpoints.Call("x", "GET", "https://api.pack.cloud/v1/x?cursor=s3cret", Repeat.SAFE, bool)
    assert endpoints.build_request(call, "https://api.pack.cloud/v1", {}, "").url == call.target
    assert call.path == "/v1/x"
    assert "s3cret" not in repr(call)


@pytest.mark.parametrize(
    ("name", "repeat"),
    [
        *[(name, Repeat.SAFE) for name in ("list", "get", "update", "delete", "actions", "settings")],
        ("shipping_services", Repeat.SAFE),
        *[(name, Repeat.IF_NOT_SENT) for name in ("create", "execute_action", "sync_orders", "any_request")],
    ],
)
def test_only_a_post_must_not_be_repeated(name, repeat):
    assert CALLS[name].repeat is repeat


@pytest.mark.parametrize("method", ["GET", "head", "Options", "PUT", "DELETE"])
def test_any_request_may_be_repeated_where_the_method_says_so(method):
    call = endpoints.any_request(method, "/v1/x", None, UNSET)
    assert (call.method, call.repeat) == (method.upper(), Repeat.SAFE)


@pytest.mark.parametrize("method", ["POST", "patch", "PURGE"])
def test_any_other_request_may_not_be_repeated(method):
    assert endpoints.any_request(method, "/v1/x", None, UNSET).repeat is Repeat.IF_NOT_SENT


ODD_IDS = {
    "slash": "a/b",
    "backslash": "a\\b",
    "dots inside": "../../etc",
    "question mark": "a?b=c",
    "fragment": "a#b",
    "percent": "%2e%2e%2f",
    "line break": "a\r\nX: y",
    "nul": "\x00",
    "line separator": "a\u2028b",
    "no-break space": "\u00a0",
    "full-width slash": "a\uff0fb",
    "host": "//evil.example/@",
    "braces": "{organizationId}",
    "umlaut": "ü",
}
WITH_ORGANIZATION = {
    "list": lambda odd: endpoints.list_integrations(ROUTES, odd),
    "create": lambda odd: endpoints.create_integration(ROUTES, odd, name="x", connector_id="y", settings=UNSET),
    "shipping_services": lambda odd: endpoints.list_shipping_services(
        ROUTES, odd, integration_id=None, enabled=None, type=None, carrier_code=None
    ),
}
WITH_INTEGRATION = {
    "get": endpoints.get_integration,
    "update": lambda *ids: endpoints.update_integration(*ids, {}),
    "delete": endpoints.delete_integration,
    "actions": endpoints.list_actions,
    "settings": endpoints.get_settings,
    "execute_action": lambda *ids: endpoints.execute_action(*ids, "run", None),
    **{f"sync_{kind.value}": (lambda *ids, kind=kind: endpoints.sync(*ids, kind)) for kind in SyncKind},
}
TAKING_AN_ID = {
    **WITH_ORGANIZATION,
    **{
        f"{name}, organization": (lambda odd, build=build: build(ROUTES, odd, "int_1"))
        for name, build in WITH_INTEGRATION.items()
    },
    **{
        f"{name}, integration": (lambda odd, build=build: build(ROUTES, "org_1", odd))
        for name, build in WITH_INTEGRATION.items()
    },
    "execute_action, action": lambda odd: endpoints.execute_action(ROUTES, "org_1", "int_1", odd, None),
}


@pytest.mark.parametrize("build", TAKING_AN_ID.values(), ids=TAKING_AN_ID)
@pytest.mark.parametrize("odd", ODD_IDS.values(), ids=ODD_IDS)
def test_an_id_stays_in_its_path_segment(build, odd):
    plain, target = build("plain").target, build(odd).target
    assert target.isascii()
    assert target.isprintable()
    assert [unquote(segment) for segment in target.split("/")] == [
        odd if segment == "plain" else segment for segment in plain.split("/")
    ]
    assert urlsplit(target).query == urlsplit(target).fragment == ""


@pytest.mark.parametrize("build", TAKING_AN_ID.values(), ids=TAKING_AN_ID)
@pytest.mark.parametrize("bad", ["", ".", "..", "\ud800", None, 7], ids=repr)
def test_an_id_that_cannot_be_a_segment_is_refused(build, bad):
    with pytest.raises(ConfigurationError, match=re.escape(repr(bad))):
        build(bad)


def body_of(call):
    return json.loads(call.body)


def test_create_sends_what_was_given():
    call = endpoints.create_integration(
        ROUTES, "org_1", name="Shop", connector_id="shopify", settings=IntegrationSettings({"url": "x"})
    )
    assert body_of(call) == {"name": "Shop", "connector_id": "shopify", "settings": {"url": "x"}}
    call = endpoints.create_integration(ROUTES, "org_1", name="Shop", connector_id="shopify", settings=UNSET)
    assert body_of(call) == {"name": "Shop", "connector_id": "shopify"}


def test_update_sends_only_what_was_given_and_none_as_null():
    changes = endpoints.given_only(name="New", connector_id=UNSET, settings=None, stock_sync_enabled=False)
    call = endpoints.update_integration(ROUTES, "org_1", "int_1", changes)
    assert (call.method, body_of(call)) == ("PUT", {"name": "New", "settings": None, "stock_sync_enabled": False})


def test_an_action_without_a_payload_has_no_body():
    assert endpoints.execute_action(ROUTES, "org_1", "int_1", "run", None).body is None
    assert endpoints.execute_action(ROUTES, "org_1", "int_1", "run", {}).body == b"{}"


@pytest.mark.parametrize(
    ("filters", "query"),
    [
        pytest.param({}, {}, id="none"),
        pytest.param({"enabled": True}, {"filter[enabled]": "true"}, id="true"),
        pytest.param({"enabled": False}, {"filter[enabled]": "false"}, id="false"),
        pytest.param({"type": ServiceType.RETURN}, {"filter[type]": "return"}, id="enum"),
        pytest.param(
            {"integration_id": "a&b=c", "carrier_code": ""},
            {"filter[integration_id]": "a&b=c", "filter[carrier_code]": ""},
            id="odd values",
        ),
    ],
)
def test_filters_of_shipping_services(filters, query):
    every = {"integration_id": None, "enabled": None, "type": None, "carrier_code": None}
    call = endpoints.list_shipping_services(ROUTES, "org_1", **every | filters)
    assert dict(parse_qsl(urlsplit(call.target).query, keep_blank_values=True)) == query
    assert ("?" in call.target) is bool(query)


def test_any_request_sends_query_and_json():
    call = endpoints.any_request("post", "/v1/a%20b", {"filter[a]": "b c"}, None)
    assert (call.method, call.target, call.body) == ("POST", "/v1/a%20b?filter%5Ba%5D=b+c", b"null")
    assert endpoints.any_request("GET", "/v1/x", {}, UNSET).target == "/v1/x"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("", "/v1", id="no method"),
        pytest.param("GET /x HTTP/1.1\r\nX:", "/v1", id="method with a line break"),
        pytest.param("GÉT", "/v1", id="method outside ASCII"),
        pytest.param("GET", "", id="no path"),
        pytest.param("GET", "v1/x", id="relative"),
        pytest.param("GET", "//evil.example/x", id="a host"),
        pytest.param("GET", "https://evil.example/x", id="a URL"),
        pytest.param("GET", "/\\evil.example", id="backslash"),
        pytest.param("GET", "/v1/x?a=b", id="query"),
        pytest.param("GET", "/v1/x#a", id="fragment"),
        pytest.param("GET", "/v1/a b", id="space"),
        pytest.param("GET", "/v1/a\nb", id="line break"),
        pytest.param("GET", "/v1/é", id="outside ASCII"),
        pytest.param("GET", "/v1/../x", id="dots"),
        pytest.param("GET", "/v1/%2E%2e/x", id="encoded dots"),
        pytest.param("GET", "/v1/.", id="one dot"),
    ],
)
def test_any_request_refuses_what_could_go_elsewhere(method, path):
    with pytest.raises(ConfigurationError, match=r"^(method|path) must"):
        endpoints.any_request(method, path, None, UNSET)


@pytest.mark.parametrize("method", ["CONNECT", "trace", "GETT", "X", "opt\u0131ons", "GET ", None, b"GET"])
def test_a_method_that_is_none_or_must_not_be_sent_is_refused_with_the_way_out(method):
    complaint = f"method must be one of GET, .*, PATCH, DELETE, PURGE, not {method!r}; any other needs a session of"
    with pytest.raises(ConfigurationError, match=f"^{complaint} your own$"):
        endpoints.any_request(method, "/v1", None, UNSET)


def deep():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [float("nan"), object(), b"x", "\ud800", deep()], ids=["NaN", "object", "bytes", "surrogate", "deep"]
)
def test_values_that_are_no_json_are_refused(value):
    with pytest.raises(ConfigurationError, match=r"^the values given cannot be sent as JSON: \w+$"):
        endpoints.any_request("POST", "/v1/x", None, {"a": value})


def test_a_query_that_cannot_be_sent_is_refused():
    with pytest.raises(ConfigurationError, match="query"):
        endpoints.any_request("GET", "/v1/x", {"a": "\ud800"}, UNSET)


# What an answer means


def test_every_call_reads_its_answer():
    page = {"data": [integration()], "links": {"next": "/n", "prev": "/p"}, "meta": {"per_page": 2}}
    listed = read(CALLS["list"], answer(page))
    assert ([item.id for item in listed.items], listed.next, listed.prev, listed.per_page) == (["int_1"], "/n", "/p", 2)
    assert read(CALLS["get"], answer(integration())) == read(CALLS["get"], answer({"data": integration()}))
    assert isinstance(read(CALLS["create"], answer({"data": integration()}, 201)), Integration)
    assert isinstance(read(CALLS["update"], answer({"data": integration()})), Integration)
    assert [item.key for item in read(CALLS["actions"], answer([action()]))] == ["test_connection"]
    assert read(CALLS["shipping_services"], answer([shipping_service()])).items[0].id == "svc_1"
    assert read(CALLS["settings"], answer({"data": {"a": 1}})) == IntegrationSettings({"a": 1})


@pytest.mark.parametrize("response", [Response(204), Response(200, body=b"<html>"), answer({"data": None})])
def test_a_delete_needs_no_body(response):
    assert read(CALLS["delete"], response) is None


def test_a_delete_of_what_is_gone_has_a_value():
    assert CALLS["delete"].when_gone() is None
    assert CALLS["get"].when_gone is None


@pytest.mark.parametrize("empty", [[], {"data": []}, {"data": {}}, {}], ids=json.dumps)
def test_empty_settings_may_be_a_list(empty):
    assert read(CALLS["settings"], answer(empty)) == IntegrationSettings({})


@pytest.mark.parametrize("odd", [None, "x", [1], {"data": "x"}, {"data": None}], ids=json.dumps)
def test_settings_must_be_an_object(odd):
    with pytest.raises(InvalidResponse, match="expected an object"):
        read(CALLS["settings"], answer(odd))


@pytest.mark.parametrize(
    ("response", "body"),
    [
        pytest.param(Response(202), None, id="no body"),
        pytest.param(Response(200, body=b" \n"), None, id="white space"),
        pytest.param(answer({"data": {"job": "7"}}), {"job": "7"}, id="only a wrapper"),
        pytest.param(answer({"data": [], "job": "7"}), {"data": [], "job": "7"}, id="more than a wrapper"),
        pytest.param(answer({"data": [], "next": 7}), {"data": [], "next": 7}, id="an odd wrapper"),
        pytest.param(answer("queued"), "queued", id="a text"),
    ],
)
def test_the_answer_of_a_sync_or_an_action_is_given_as_it_is(response, body):
    assert read(CALLS["sync_orders"], response) == SyncAccepted(SyncKind.ORDERS, response.status, body)
    assert read(CALLS["sync_orders"], response).body == body
    assert read(CALLS["execute_action"], response) == body


@pytest.mark.parametrize(
    ("damage", "error"),
    [(Damage.TRUNCATED, TransportError), (Damage.STALLED, TransportError), (Damage.TOO_LARGE, InvalidResponse)],
)
def test_a_damaged_answer_is_an_acceptance_of_a_sync_and_an_error_of_an_action(damage, error):
    response = Response(200, body=b'{"job": ', damage=damage)
    assert read(CALLS["sync_orders"], response) == SyncAccepted(SyncKind.ORDERS, 200)
    with pytest.raises(error):
        read(CALLS["execute_action"], response)


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        ({"data": {"shop": "x"}}, {"shop": "x"}),
        ({"data": "x", "shop": "y"}, {"data": "x", "shop": "y"}),
        ({"data": {"a": 1}, "shop": "y"}, {"data": {"a": 1}, "shop": "y"}),
    ],
)
def test_a_setting_may_be_called_data(body, settings):
    assert read(CALLS["settings"], answer(body)) == settings


@pytest.mark.parametrize("status", [400, 404, 422, 500])
@pytest.mark.parametrize(
    "body", [b'{"webshop_user": "CANARY"}', b'{"errors": {"user": ["CANARY"]}, "message": "CANARY"}', b"CANARY"]
)
def test_an_error_of_the_settings_is_never_quoted(status, body):
    with pytest.raises(ApiError) as caught:
        read(CALLS["settings"], Response(status, body=body))
    assert "CANARY" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


def test_a_sync_is_accepted_whatever_the_body():
    assert read(CALLS["sync_stocks"], Response(200, body=b"<html>")) == SyncAccepted(SyncKind.STOCKS, 200)
    with pytest.raises(InvalidResponse):
        read(CALLS["execute_action"], Response(200, body=b"<html>"))


NEEDING_A_BODY = ["list", "get", "create", "update", "actions", "settings", "shipping_services"]


@pytest.mark.parametrize("name", NEEDING_A_BODY)
def test_an_empty_body_where_one_is_needed_is_refused(name):
    with pytest.raises(InvalidResponse, match=r"^empty body in an answer 204 that needs one @ \$$"):
        read(CALLS[name], Response(204))


@pytest.mark.parametrize("name", [*NEEDING_A_BODY, "execute_action"])
def test_an_answer_that_makes_no_sense_names_its_call(name):
    call = CALLS[name]
    with pytest.raises(InvalidResponse) as caught:
        read(call, Response(200, body=b"<html>"))
    assert caught.value.call == f"{call.method} {call.path}"
    assert "?" not in caught.value.call


@pytest.mark.parametrize("name", [*NEEDING_A_BODY, "any_request"])
def test_a_damaged_body_where_one_is_needed_is_refused(name):
    for damage in (Damage.TRUNCATED, Damage.STALLED):
        with pytest.raises(TransportError, match=damage.value) as caught:
            read(CALLS[name], Response(200, body=b"[]", damage=damage))
        assert caught.value.maybe_sent
    with pytest.raises(InvalidResponse, match="larger than the limit"):
        read(CALLS[name], Response(200, body=b"[]", damage=Damage.TOO_LARGE))


def test_any_request_gives_the_whole_response():
    response = Response(201, {"location": "/x"}, b"<xml>")
    assert read(CALLS["any_request"], response) is response


@given(st.sampled_from(sorted(CALLS)), json_values, st.sampled_from([200, 202, 422, 500]))
def test_any_json_ends_in_a_value_or_an_error_of_this_package(name, value, status):
    for body in (value, {"data": value}, {"data": [value], "links": value, "meta": value}, {"errors": value}):
        with suppress(ApiError, InvalidResponse, TransportError):
            read(CALLS[name], answer(body, status))


damaged_integrations = st.builds(
    lambda name, value: integration(**{name: value}), st.sampled_from(sorted(integration())), json_values
)


@given(damaged_integrations, damaged_integrations)
def test_any_damage_of_an_integration_ends_in_a_value_or_an_invalid_response(one, other):
    with suppress(InvalidResponse):
        assert isinstance(read(CALLS["get"], answer({"data": one})), Integration)
    with suppress(InvalidResponse):
        assert len(read(CALLS["list"], answer({"data": [one, other]})).items) == 2


@given(st.sampled_from(sorted(CALLS)), st.binary(max_size=60), st.integers(100, 600))
def test_any_bytes_end_in_a_value_or_an_error_of_this_package(name, body, status):
    with suppress(ApiError, InvalidResponse, TransportError):
        read(CALLS[name], Response(status, body=body))


# Errors


def error_of(status, body=b"", call=SAFE_CALL, credential=CREDENTIAL, **headers):
    response = Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    with pytest.raises(ApiError) as caught:
        read(call, response, credential)
    return caught.value


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (100, "ApiError"),
        (302, "ApiError"),
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (402, "ApiError"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (405, "ApiError"),
        (408, "ApiError"),
        (409, "Conflict"),
        (410, "EndpointGone"),
        (422, "ValidationFailed"),
        (429, "RateLimited"),
        (499, "ApiError"),
        (500, "ServerError"),
        (503, "ServerError"),
        (599, "ServerError"),
        (999, "ServerError"),
    ],
)
def test_a_status_has_its_error(status, kind):
    assert type(error_of(status)) is getattr(errors, kind)


def test_an_error_says_what_happened():
    error = error_of(429, b'{"message": "Slow down."}', x_request_id="req_7", retry_after="3")
    assert isinstance(error, RateLimited)
    assert (error.status, error.method, error.path) == (429, "GET", "/v1/organizations/org_1/integrations/int_1")
    assert (error.excerpt, error.request_id, error.retry_after) == ("Slow down.", "req_7", 3.0)
    assert str(error) == (
        "GET /v1/organizations/org_1/integrations/int_1: 429 Too Many Requests (request req_7): Slow down."
    )


def test_a_refused_value_is_named():
    error = error_of(422, b'{"message": "No.", "errors": {"name": ["Too long."]}}')
    assert isinstance(error, ValidationFailed)
    assert error.field_errors == {"name": ("Too long.",)}


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"x_request_id": " "}, None, id="blank"),
        pytest.param({"x_request_id": "\x00"}, None, id="control characters only"),
        pytest.param({"x_correlation_id": "c"}, "c", id="correlation"),
        pytest.param({"request_id": "r", "x_correlation_id": "c"}, "r", id="first of two"),
        pytest.param({"x_request_id": "a\x1b[31mb"}, "a [31mb", id="terminal escape"),
        pytest.param({"x_request_id": "x" * 200}, "x" * 100, id="long"),
        pytest.param({"x_request_id": "for t0ken-of-a-shop"}, "for ***", id="the credential"),
    ],
)
def test_the_name_of_the_request(headers, request_id):
    assert error_of(500, **headers).request_id == request_id


@pytest.mark.parametrize("route", sorted(UNCONFIRMED_ROUTES))
@pytest.mark.parametrize("status", [404, 405, 410])
def test_an_unconfirmed_path_that_is_not_there_is_explained(route, status):
    call = next(call for call in CALLS.values() if call.route == route)
    # Where a wrong id is by far the likelier reason, the path is not blamed.
    explained = (status, route) != (404, "integration")
    assert (f"override Routes.{route}]" in str(error_of(status, call=call))) is explained


def test_other_errors_have_no_hint():
    assert "Routes" not in str(error_of(404, call=CALLS["list"]))
    assert "Routes" not in str(error_of(404, call=CALLS["any_request"]))
    assert "Routes" not in str(error_of(500, call=CALLS["get"]))
    assert "redirect" not in str(error_of(400)) + str(error_of(199))


@pytest.mark.parametrize("status", [300, 301, 304, 308, 399])
def test_a_redirect_is_explained(status):
    assert str(error_of(status)).endswith("[redirects are not followed; check the base URL]")


@pytest.mark.parametrize(
    ("credential", "told"),
    [
        pytest.param({"Authorization": "Bearer s3cret-1"}, "Bearer s3cret-1", id="whole value"),
        pytest.param({"Authorization": "Bearer s3cret-1"}, "s3cret-1", id="without its scheme"),
        pytest.param({"X-Api-Key": "s3cret-1"}, "s3cret-1", id="own header"),
        pytest.param({"X-Auth": "id=7 s3cret-1 v=1"}, "s3cret-1", id="part of a value"),
    ],
)
def test_the_credential_is_in_no_error(credential, told):
    body = json.dumps({"message": f"bad {told}", "errors": {told: [f"{told}?"]}}).encode()
    error = error_of(422, body, credential=credential, x_request_id=told)
    assert "s3cret" not in "".join([str(error), repr(error), error.excerpt, str(vars(error))])


SECRETS = {"password": 'p"ss\\w/rd-é', "nested": [{"pin": 839201}, "abcd"], "overlapping": "cdef-token", "short": "zq"}


@pytest.mark.parametrize(
    "call",
    [
        endpoints.create_integration(ROUTES, "org_1", name="Shop", connector_id="shopify", settings=SECRETS),
        endpoints.update_integration(ROUTES, "org_1", "int_1", {"settings": SECRETS}),
        endpoints.update_integration(ROUTES, "org_1", "int_1", {"other": SECRETS}),
        endpoints.execute_action(ROUTES, "org_1", "int_1", "run", {"name": "abcd", **SECRETS}),
        endpoints.any_request("POST", "/v1/x", None, [SECRETS]),
    ],
    ids=["create", "update", "update of another field", "action", "any request"],
)
@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "p\\"ss\\\\w/rd-\\u00e9 and 839201 and abcdef-token and zq"}',
        b'{"echo": ["p\\"ss\\\\w\\/rd-\\u00e9", 839201, "abcdef-token", {"zq": "zq"}]}',
        b'{"errors": {"settings.password": ["p\\"ss\\\\w/rd-\\u00e9 is wrong", "839201", "abcdef-token", "zq"]}}',
        'wrong: p"ss\\w/rd-é 839201 abcdef-token zq'.encode(),
        b'{"cut": "p\\"ss\\\\w/rd-\\u00e9 839201 abcdef-token zq',
    ],
    ids=["message", "echo", "complaints", "text", "cut JSON"],
)
def test_values_that_were_sent_are_in_no_error(decoder, call, body):
    error = error_of(422, body, call=call)
    told = "".join([str(error), repr(error), error.excerpt, str(vars(error))])
    assert not re.search(r"w\\*/rd|rd-|839201|abcd|ef-token|\bzq\b", told)


def test_names_that_were_sent_may_be_quoted():
    error = error_of(422, b'{"message": "Shop and shopify do not fit"}', call=CALLS["create"])
    assert error.excerpt == "Shop and shopify do not fit"


# What an error means for the next step


def api_error(status, retry_after=None):
    return ApiError.kind_for(status)(status=status, method="GET", path="/x", retry_after=retry_after)


NOT_SENT = TransportError("refused", maybe_sent=False)
MAYBE_SENT = TransportError("timed out", maybe_sent=True)
UNTRUSTED = TransportError("certificate", maybe_sent=False, repeatable=False)
ERRORS = {
    "not sent": NOT_SENT,
    "maybe sent": MAYBE_SENT,
    "untrusted": UNTRUSTED,
    "invalid": InvalidResponse("x"),
    "configuration": ConfigurationError("x"),
    "503 later": api_error(503, 1.0),
    "503 now": api_error(503, 0.0),
    **{str(status): api_error(status) for status in (100, 300, 301, 303, 304, 307, 308)},
    **{str(status): api_error(status) for status in (400, 401, 403, 404, 405, 408, 409, 410, 422, 425, 429, 451)},
    **{str(status): api_error(status) for status in (500, 501, 502, 503, 504, 507, 520, 599)},
}
REPEATABLE_WHEN_SAFE = {"not sent", "maybe sent", "503 later", "503 now"} | {
    str(status) for status in (408, 425, 429, 500, 502, 503, 504)
}
REPEATABLE_POST = {"not sent", "429", "503 later", "503 now"}
ACTED_IN_SILENCE = (100, 300, 301, 303, 304, 408, 500, 502, 503, 504, 507, 520, 599)
MAY_HAVE_ACTED = {"maybe sent", "invalid"} | {str(status) for status in ACTED_IN_SILENCE}


@pytest.mark.parametrize("name", ERRORS)
def test_what_may_be_repeated(name):
    assert answers.may_repeat(SAFE_CALL, ERRORS[name]) is (name in REPEATABLE_WHEN_SAFE)
    assert answers.may_repeat(POST_CALL, ERRORS[name]) is (name in REPEATABLE_POST)


@pytest.mark.parametrize("name", ERRORS)
def test_what_may_have_acted(name):
    assert answers.may_have_acted(ERRORS[name]) is (name in MAY_HAVE_ACTED)


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_repeated_has_not_acted(name):
    assert not (answers.may_repeat(POST_CALL, ERRORS[name]) and answers.may_have_acted(ERRORS[name]))


@pytest.mark.parametrize("name", ERRORS)
def test_what_a_failed_sync_tells(name):
    expected = Answer.IN_DOUBT if name in MAY_HAVE_ACTED else Answer.REFUSED
    assert answers.answer_of(ERRORS[name]) is (Answer.RUNNING if name == "409" else expected)


@pytest.mark.parametrize("name", ERRORS)
def test_what_a_failed_read_tells(name):
    told = {
        "404": ReadFailure.UNFOUND,
        "410": ReadFailure.REMOVED,
        "401": ReadFailure.NO_ACCESS,
        "403": ReadFailure.NO_ACCESS,
    }
    assert answers.read_failure(ERRORS[name]) is told.get(name, ReadFailure.PASSING)


@pytest.mark.parametrize("name", ERRORS)
def test_a_failed_list_tells_less_of_one_integration(name):
    expected = ReadFailure.NO_ACCESS if name == "401" else ReadFailure.PASSING
    assert answers.list_failure(ERRORS[name]) is expected


def test_an_error_of_no_kind_tells_nothing():
    assert answers.may_have_acted(PackCloudError("x")) is False
    assert answers.may_repeat(SAFE_CALL, PackCloudError("x")) is False


# Retry-After


def http_date(instant):
    return format_datetime(instant, usegmt=True)


SERVER_NOW = datetime(2030, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({}, None, id="missing"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({"retry-after": "0"}, 0.0, id="zero"),
        pytest.param({"retry-after": " 120 "}, 120.0, id="seconds"),
        pytest.param({"retry-after": "000000000000007"}, 7.0, id="leading zeros"),
        pytest.param({"retry-after": "9" * 15}, 1e9, id="huge"),
        pytest.param({"retry-after": "9" * 5000}, 1e9, id="beyond a float"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "1.5"}, None, id="fraction"),
        pytest.param({"retry-after": "soon"}, None, id="a word"),
        pytest.param({"retry-after": "٣"}, None, id="other digits"),
        pytest.param({"retry-after": "Wed, 99 Foo 2026 99:99:99 GMT"}, None, id="no date"),
        pytest.param({"retry-after": http_date(NOW + timedelta(seconds=90))}, 90.0, id="date by our clock"),
        pytest.param({"retry-after": http_date(NOW - timedelta(days=1))}, 0.0, id="past date"),
        pytest.param(
            {"retry-after": http_date(SERVER_NOW + timedelta(seconds=30)), "date": http_date(SERVER_NOW)},
            30.0,
            id="date by the server's clock",
        ),
        pytest.param(
            {"retry-after": http_date(NOW + timedelta(seconds=30)), "date": "yesterday"}, 30.0, id="unreadable Date"
        ),
        pytest.param({"retry-after": "Thu, 01 Jan 2026 12:00:10 -0000"}, 10.0, id="date without a zone"),
    ],
)
def test_retry_after(headers, seconds):
    assert answers.retry_after(headers, NOW) == seconds


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_retry_after_is_a_wish_or_none(text, date):
    wish = answers.retry_after({"retry-after": text, "date": date}, NOW)
    assert wish is None or 0 <= wish <= 1e12


def test_an_overridden_route_is_used():
    routes = Routes(sync_orders="/v2/{organizationId}/{integrationId}/go")
    assert endpoints.sync(routes, "o", "i", SyncKind.ORDERS).target == "/v2/o/i/go"


@pytest.mark.parametrize(
    ("status", "failure"),
    [(401, ReadFailure.NO_ACCESS), (403, ReadFailure.PASSING), (404, ReadFailure.PASSING), (500, ReadFailure.PASSING)],
)
def test_a_list_that_fails_says_less_than_a_read_of_one(status, failure):
    assert answers.list_failure(error_of(status)) is failure
