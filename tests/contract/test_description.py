"""docs/openapi.yaml against the routes, the calls and the emulator's routes: what is in it, what is marked."""

import re
from pathlib import Path

import attrs
import pytest
from jsonschema import Draft202012Validator

from packcloud_async import PackCloudClient, models
from packcloud_async._sansio import json_text
from packcloud_async.emulator import PATHS
from packcloud_async.emulator.calls import HANDLERS
from packcloud_async.models import IntegrationCategory, ServiceType
from packcloud_async.policies import UNCONFIRMED_ROUTES

from ..sansio.payloads import ROUTES
from .described_calls import CALLS, OPERATIONS
from .description import DESCRIPTION, METHODS, faults_of, nodes, operation_at, operations, resolve, schema_in, schema_of


def is_marked(node):
    return node.get("x-unconfirmed") is True


def test_it_is_valid_openapi():
    validator = pytest.importorskip("openapi_spec_validator", reason="openapi-spec-validator is in the extra contract")
    validator.OpenAPIV31SpecValidator(DESCRIPTION).validate()


@pytest.mark.parametrize("name", DESCRIPTION["components"]["schemas"])
def test_a_schema_is_valid_and_used(name):
    Draft202012Validator.check_schema(DESCRIPTION["components"]["schemas"][name])
    assert any(node.get("$ref") == schema_of(name)["$ref"] for _, node in nodes())


class TestPaths:
    def test_every_default_path_is_there_and_no_other(self):
        described = {item["x-route"]: path for path, item in DESCRIPTION["paths"].items()}
        assert described == attrs.asdict(ROUTES)
        assert len(described) == len(DESCRIPTION["paths"])

    def test_every_call_is_there_and_no_other(self):
        assert CALLS.keys() == OPERATIONS.keys()
        for name, call in CALLS.items():
            assert operation_at(call.method, call.path) == OPERATIONS[name]
            assert call.route == OPERATIONS[name].route

    def test_the_server_is_the_one_the_client_asks(self):
        assert [server["url"] for server in DESCRIPTION["servers"]] == [PackCloudClient(token="t").base_url]

    @pytest.mark.parametrize("name", CALLS)
    def test_what_a_call_sends_is_described(self, name):
        call = CALLS[name]
        query = dict(item.split("=") for item in call.target.partition("?")[2].split("&") if item)
        query = {key.replace("%5B", "[").replace("%5D", "]"): value for key, value in query.items()}
        body = None if call.body is None else json_text.parse(call.body)
        assert OPERATIONS[name].faults_of_request(query, body) == []

    def test_every_filter_of_the_call_is_described_and_no_other(self):
        described = {node["name"] for node in OPERATIONS["listShippingServices"].parameters if node["in"] == "query"}
        sent = set(re.findall(r"filter%5B(\w+)%5D", CALLS["listShippingServices"].target))
        assert described - {"cursor"} == {f"filter[{name}]" for name in sent}

    @pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
    def test_every_placeholder_has_its_parameter(self, operation):
        described = [node["name"] for node in operation.parameters if node["in"] == "path"]
        assert described == re.findall(r"\{(\w+)\}", operation.path)

    def test_the_emulator_answers_the_same_paths_and_methods(self):
        described = {(item["x-route"], path) for path, item in DESCRIPTION["paths"].items()}
        assert described == set(PATHS.items())
        answered = {(route, method.lower()) for route, methods in HANDLERS.items() for method in methods}
        assert {(operation.route, operation.method) for operation in operations()} == answered

    def test_what_success_may_look_like(self):
        told = {operation.id: {status for status in operation.answers if status < "3"} for operation in operations()}
        assert {name: statuses for name, statuses in told.items() if statuses != {"200"}} == {
            "createIntegration": {"201"},
            "deleteIntegration": {"200", "204"},
            "executeIntegrationAction": {"200", "204"},
            "syncOrders": {"200", "202", "204"},
            "syncProducts": {"200", "202", "204"},
            "syncShippingServices": {"200", "202", "204"},
            "syncStocks": {"200", "202", "204"},
        }

    @pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
    def test_every_error_that_can_come_is_described_and_no_other(self, operation):
        errors = {"401", "403", "404", "405", "410", "429", "5XX"}
        if "requestBody" in operation.node:
            errors.add("422")
        # A body of a new integration that is not an object lacks what is required: that is a 422.
        if operation.id in {
            "updateIntegration",
            "executeIntegrationAction",
            "listIntegrations",
            "listShippingServices",
        }:
            errors.add("400")
        if operation.id.startswith("sync"):
            errors.add("409")
        assert {status for status in operation.answers if status >= "4"} == errors


class TestMarks:
    def test_a_path_is_marked_exactly_when_no_page_shows_it(self):
        marked = {item["x-route"] for item in DESCRIPTION["paths"].values() if is_marked(item)}
        assert marked == UNCONFIRMED_ROUTES

    def test_a_mark_is_true_and_says_why_in_a_sentence(self):
        marked = {place: node for place, node in nodes() if {"x-unconfirmed", "x-why"} & node.keys()}
        assert len(marked) > 50
        for place, node in marked.items():
            assert node.get("x-unconfirmed") is True, place
            assert re.fullmatch(r"[A-Z].{20,}\.", node.get("x-why", "")), place

    @pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
    def test_every_status_is_marked(self, operation):
        assert {status for status, node in operation.answers.items() if not is_marked(node)} == set()

    @pytest.mark.parametrize("kind", ["headers", "responses", "securitySchemes"])
    def test_no_header_error_or_scheme_is_confirmed(self, kind):
        assert all(is_marked(node) for node in DESCRIPTION["components"][kind].values())

    @pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
    def test_headers_are_written_once(self, operation):
        for node in operation.answers.values():
            assert all("$ref" in header for header in node.get("headers", {}).values())

    @pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
    def test_every_envelope_is_marked(self, operation):
        for node in operation.answers.values():
            schema = schema_in(node) if "content" in node else True
            assert schema is True or is_marked(resolve(schema))

    def test_the_paging_parameter_is_marked(self):
        assert is_marked(DESCRIPTION["components"]["parameters"]["cursor"])

    @pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
    def test_a_call_without_a_mark_names_its_page(self, operation):
        confirmed = not is_marked(operation.path_item) and not is_marked(operation.node)
        assert confirmed == ("externalDocs" in operation.node)

    def test_the_pages_named_are_those_the_package_names(self):
        package = Path(models.__file__).parent
        source = "".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
        pages = [node["url"].rpartition("/")[2] for _, node in nodes() if "pack.cloud/docs" in node.get("url", "")]
        assert len(pages) == 3
        assert all(page in source for page in pages)


class TestSchemasAreOpen:
    def test_no_object_forbids_further_fields(self):
        for place, node in nodes():
            assert node.get("additionalProperties", True) is not False, place
            assert node.get("unevaluatedProperties", True) is not False, place

    def test_no_enum_forbids_further_values(self):
        open_enums = {place.rpartition("/anyOf/0")[0] for place, node in nodes() if "enum" in node}
        assert len(open_enums) == 3
        for place, node in nodes():
            if place in open_enums:
                assert node["anyOf"][1:] == [{"type": "string"}], place

    @pytest.mark.parametrize(
        ("name", "enum"), [("IntegrationCategory", IntegrationCategory), ("ServiceType", ServiceType)]
    )
    def test_the_known_values_are_those_of_the_package(self, name, enum):
        known, _ = DESCRIPTION["components"]["schemas"][name]["anyOf"]
        assert known["enum"] == [member.value for member in enum]
        assert faults_of(schema_of(name), "brand new") == []


def test_only_known_methods_are_described():
    keys = {key for item in DESCRIPTION["paths"].values() for key in item}
    assert keys - METHODS == {"parameters", "x-route", "x-unconfirmed", "x-why"}
