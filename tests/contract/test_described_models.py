"""docs/openapi.yaml against the models, the bodies and the way answers are read: both take the same values."""

import inspect
from typing import Any, get_args

import attrs
import pytest

from packcloud_async import models
from packcloud_async._sansio import codec, json_text
from packcloud_async._sansio.wire import Response
from packcloud_async.calls import Integrations
from packcloud_async.emulator.forms import CREATE, UPDATE, complaints
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import (
    Integration,
    IntegrationAction,
    IntegrationSettings,
    Page,
    ShippingService,
    SyncAccepted,
)

from ..sansio.payloads import action, integration, read, shipping_service
from .described_calls import CALLS, OPERATIONS
from .description import DESCRIPTION, faults_of, schema_in, schema_of

SHOP = integration()
SERVICE = shipping_service()
ACTION = action(id=None)
MODELS = {"Integration": (Integration, SHOP), "ShippingService": (ShippingService, SERVICE)} | {
    "IntegrationAction": (IntegrationAction, ACTION)
}
FORMS = {"NewIntegration": CREATE, "IntegrationChanges": UPDATE}
VALID_FORM = {"NewIntegration": {"name": "N", "connector_id": "c"}, "IntegrationChanges": {}}
VALUES: list[Any] = [None, True, False, 7, 7.5, "text", [], ["text"], [7], [None], [{}], {}, {"key": 1}]


class TestModels:
    def test_every_model_is_held_against_the_description(self):
        known = {value for value in vars(models).values() if isinstance(value, type) and attrs.has(value)}
        assert known == {model for model, _ in MODELS.values()} | {IntegrationSettings, Page, SyncAccepted}

    @pytest.mark.parametrize("name", MODELS)
    def test_every_field_is_a_property_and_no_other(self, name):
        model, example = MODELS[name]
        fields = attrs.fields_dict(model).keys() - {"extra", "absent"}
        assert DESCRIPTION["components"]["schemas"][name]["properties"].keys() == fields
        assert example.keys() == fields
        assert faults_of(schema_of(name), example) == []

    @pytest.mark.parametrize("name", MODELS)
    def test_a_field_without_a_default_is_required_and_no_other(self, name):
        model, _ = MODELS[name]
        wanted = {field.name for field in attrs.fields(model) if field.default is attrs.NOTHING}
        assert set(DESCRIPTION["components"]["schemas"][name].get("required", ())) == wanted

    @pytest.mark.parametrize("name", MODELS)
    def test_null_is_allowed_where_the_model_has_none(self, name):
        model, _ = MODELS[name]
        for name_of_field, node in DESCRIPTION["components"]["schemas"][name]["properties"].items():
            has_none = type(None) in get_args(attrs.fields_dict(model)[name_of_field].type)
            assert (faults_of(node, None) == []) == has_none, name_of_field

    @pytest.mark.parametrize(
        ("name", "field"),
        [(name, field) for name, (_, example) in MODELS.items() for field in example],
    )
    def test_description_and_codec_take_the_same_values(self, name, field):
        model, example = MODELS[name]
        for value in VALUES:
            document = {**example, field: value}
            assert (faults_of(schema_of(name), document) == []) == is_decoded(model, document), value
        without = {key: value for key, value in example.items() if key != field}
        assert (faults_of(schema_of(name), without) == []) == is_decoded(model, without)


class TestBodies:
    @pytest.mark.parametrize(("name", "rules"), FORMS.items())
    def test_the_fields_are_those_the_emulator_knows(self, name, rules):
        schema = DESCRIPTION["components"]["schemas"][name]
        assert schema["properties"].keys() == rules.keys()
        assert set(schema.get("required", ())) == {field for field, rule in rules.items() if rule.required}

    @pytest.mark.parametrize(("name", "field"), [(name, field) for name, rules in FORMS.items() for field in rules])
    def test_description_and_emulator_refuse_the_same_values(self, name, field):
        for value in [*VALUES, "", "x" * 255, "x" * 256]:
            form = {**VALID_FORM[name], field: value}
            assert (faults_of(schema_of(name), form) == []) == (complaints(form, FORMS[name]) == {}), value

    @pytest.mark.parametrize("name", FORMS)
    def test_a_body_is_an_object(self, name):
        assert [value for value in VALUES if faults_of(schema_of(name), value) == []] in ([], [{}, {"key": 1}])

    def test_the_client_has_a_parameter_for_every_field(self):
        created = inspect.signature(Integrations.create).parameters.keys()
        updated = inspect.signature(Integrations.update).parameters.keys()
        assert created - {"self"} == FORMS["NewIntegration"].keys()
        # Whether an integration can change its connector is not known: the client sends it, nobody describes it.
        assert updated - {"self", "integration_id", "other", "connector_id"} == FORMS["IntegrationChanges"].keys()

    @pytest.mark.parametrize("name", ["Error", "ValidationError"])
    def test_an_error_says_what_is_wrong(self, name):
        fitting = [value for value in VALUES if faults_of(schema_of(name), {"message": value}) == []]
        assert fitting == ["text"]
        assert faults_of(schema_of(name), {}) != []

    def test_complaints_are_lists_by_field(self):
        schema, message = schema_of("ValidationError"), {"message": "m"}
        assert faults_of(schema, {**message, "errors": {"name": ["a", "b"]}}) == []
        for wrong in ([], "text", {"name": "text"}, {"name": [1]}):
            assert faults_of(schema, {**message, "errors": wrong}) != []


@pytest.mark.parametrize(
    ("field", "taken"),
    [
        ("key", ["text"]),
        ("title", ["text"]),
        ("data_type", [None, "text"]),
        ("type", ["text"]),
        ("default", [None, "text"]),
        ("options", [[], [{}]]),
    ],
)
def test_a_field_of_a_form_is_as_the_page_of_rule_types_prints_it(field, taken):
    assert [value for value in VALUES if faults_of(schema_of("FormField"), {field: value}) == []] == taken
    assert len(DESCRIPTION["components"]["schemas"]["FormField"]["properties"]) == 6


def is_decoded(model, document):
    try:
        codec.decode(model, document)
    except InvalidResponse:
        return False
    return True


def is_read(call, document):
    try:
        read(call, Response(200, {"content-type": "application/json"}, json_text.dump(document)))
    except InvalidResponse:
        return False
    return True


CARRIED: list[Any] = [*VALUES, SHOP, [SHOP], [SHOP, {}], SERVICE, [SERVICE], ACTION, [ACTION], [{"code": 1}]]
DOCUMENTS = [*CARRIED, *({"data": value} for value in CARRIED), *({"data": v, "more": 1} for v in CARRIED)]


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.method in {"GET", "PUT"}])
def test_description_and_client_read_the_same_answers(name):
    told = {status: node for status, node in OPERATIONS[name].answers.items() if status < "3"}
    (answer,) = told.values()
    verdicts = [
        (faults_of(schema_in(answer), document) == [], is_read(CALLS[name], document)) for document in DOCUMENTS
    ]
    differing = [document for document, (a, b) in zip(DOCUMENTS, verdicts, strict=True) if a != b]
    assert differing == []
    assert {a for a, _ in verdicts} == {True, False}


@pytest.mark.parametrize("wrapper", ["links", None])
@pytest.mark.parametrize("link", ["next", "prev"])
@pytest.mark.parametrize("name", ["listIntegrations", "listShippingServices"])
def test_description_and_client_read_the_same_links(name, link, wrapper):
    schema = schema_in(OPERATIONS[name].answers["200"])
    for value in VALUES:
        document = {"data": [], **({wrapper: {link: value}} if wrapper else {link: value})}
        assert (faults_of(schema, document) == []) == is_read(CALLS[name], document), value


@pytest.mark.parametrize("wrapper", ["meta", None])
@pytest.mark.parametrize("name", ["listIntegrations", "listShippingServices"])
def test_description_and_client_read_the_same_page_sizes(name, wrapper):
    schema = schema_in(OPERATIONS[name].answers["200"])
    # The pages print no null for per_page; the client takes one for "not said".
    for value in VALUES[1:]:
        document = {"data": [], **({wrapper: {"per_page": value}} if wrapper else {"per_page": value})}
        assert (faults_of(schema, document) == []) == is_read(CALLS[name], document), value
