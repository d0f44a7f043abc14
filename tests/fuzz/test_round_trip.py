"""What a model was read from is what it gives back: unknown fields, unknown words, null and absent included."""

import inspect

import attrs
import pytest
from hypothesis import given, settings

from packcloud_async import Integration, IntegrationAction, ShippingService, models

from .near_valid import ACTIONS, INTEGRATIONS, SERVICES, every_one_change, nearly
from .oracle import SHAPES
from .targets import TARGETS

# The targets of these names hold what is read against the tables, and what is written against what was read.
DOCUMENTS = {
    Integration: ("integration", INTEGRATIONS),
    ShippingService: ("shipping_service", SERVICES),
    IntegrationAction: ("action", ACTIONS),
}


def test_every_model_of_a_payload_has_tables_and_is_tried():
    of_a_payload = {
        kind
        for _, kind in inspect.getmembers(models, inspect.isclass)
        if attrs.has(kind) and "extra" in attrs.fields_dict(kind)
    }
    assert of_a_payload == set(SHAPES) == set(DOCUMENTS)
    for kind, shape in SHAPES.items():
        assert set(shape.names) == set(attrs.fields_dict(kind)) - {"extra", "absent"}


@pytest.mark.parametrize(("name", "documents"), DOCUMENTS.values(), ids=[name for name, _ in DOCUMENTS.values()])
def test_any_one_change_comes_back_as_it_was(name, documents, decoder):
    for body in {body for document in documents for body in every_one_change(document)}:
        TARGETS[name](body)


@pytest.mark.parametrize(("name", "documents"), DOCUMENTS.values(), ids=[name for name, _ in DOCUMENTS.values()])
def test_any_few_changes_come_back_as_they_were(name, documents):
    @settings(max_examples=300)
    @given(nearly(documents, most_changes=5))
    def check(body):
        TARGETS[name](body)

    check()
