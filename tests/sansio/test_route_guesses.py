"""Where paths are likely to be, and paths that cannot exist."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packcloud_async._sansio.route_guesses import MADE_UP, POST_ROUTES, READ_ROUTES, beside, guesses, nowhere, path_of
from packcloud_async.policies import UNCONFIRMED_ROUTES, Routes

ITEM = Routes().integration
IDS = {"organization_id": "org_1", "integration_id": "int/1", "action": "go"}


def test_every_unconfirmed_route_is_looked_at():
    assert UNCONFIRMED_ROUTES - {"integration"} <= {*READ_ROUTES, *POST_ROUTES}


@pytest.mark.parametrize("route", [*READ_ROUTES, *POST_ROUTES])
def test_guesses_are_templates_of_the_route_other_than_its_own_and_each_once(route):
    found = guesses(Routes(), route)
    assert len(set(found)) == len(found)
    assert getattr(Routes(), route) not in found
    assert bool(found) is (route != "shipping_services")
    for template in found:
        assert attrs.evolve(Routes(), **{route: template}) != Routes()


@pytest.mark.parametrize(
    ("route", "tail"),
    [
        ("sync_orders", "sync/orders"),
        ("sync_orders", "order-sync"),
        ("sync_orders", "sync-orders"),
        ("sync_orders", "syncs/orders"),
        ("sync_stocks", "product-stocks/sync"),
        ("sync_shipping_services", "sync-shipping-services"),
        ("settings", "configuration"),
        ("execute_action", "actions/{action}/execute"),
    ],
)
def test_likely_paths_are_among_them(route, tail):
    assert f"{ITEM}/{tail}" in guesses(Routes(), route)


def test_they_follow_the_path_of_an_integration_and_hold_the_default_when_that_was_overridden():
    routes = Routes(integration="/v2/o/{organizationId}/i/{integrationId}", settings=f"{ITEM}/configuration")
    assert guesses(routes, "settings")[0] == "/v2/o/{organizationId}/i/{integrationId}/settings"


@pytest.mark.parametrize(
    ("template", "made_up"),
    [
        (f"{ITEM}/orders/sync", f"{ITEM}/orders/{MADE_UP}"),
        (f"{ITEM}/actions/{{action}}", f"{ITEM}/{MADE_UP}/{{action}}"),
        ("/{organizationId}/x{integrationId}", f"/{{organizationId}}/x{{integrationId}}/{MADE_UP}"),
    ],
)
def test_what_cannot_exist_beside_a_path_differs_in_its_last_fixed_segment(template, made_up):
    assert beside(template) == made_up


def test_a_path_is_filled_as_a_call_would():
    assert path_of(Routes(), "sync_orders", f"{ITEM}/sync-orders", **IDS) == (
        "/v1/organizations/org_1/integrations/int%2F1/sync-orders"
    )
    assert path_of(Routes(), "execute_action", f"{ITEM}/do/{{action}}", **IDS).endswith("/do/go")
    assert path_of(Routes(), "settings", nowhere(Routes()), **IDS).endswith(f"/int%2F1/{MADE_UP}")


@given(st.sampled_from([*READ_ROUTES, *POST_ROUTES]), st.integers(0, 30))
def test_what_cannot_exist_is_a_template_of_the_same_route(route, place):
    templates = [getattr(Routes(), route), *guesses(Routes(), route)]
    made_up = beside(templates[place % len(templates)])
    assert made_up not in templates
    assert MADE_UP in path_of(Routes(), route, made_up, **IDS)
