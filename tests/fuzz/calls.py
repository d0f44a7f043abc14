"""Every call of the package, found in the module that defines them, so that a new one cannot be forgotten."""

import inspect
from typing import get_origin, get_type_hints

from packcloud_async import Routes, SyncKind
from packcloud_async._sansio import endpoints

# What a parameter of this name is given. A call with a parameter that is not here fails the tests until it is.
GIVEN = {
    "routes": Routes(),
    "organization_id": "org_1",
    "integration_id": "int_1",
    "name": "Shop",
    "connector_id": "shopify",
    "settings": {"api_key": "k3y-of-the-shop"},
    "changes": {"name": "Shop"},
    "action": "test_connection",
    "payload": {"since": "2026-01-01"},
    "kind": SyncKind.ORDERS,
    "enabled": None,
    "type": None,
    "carrier_code": None,
    "method": "POST",
    "path": "/v1/else",
    "query": None,
    "with_trade": True,
    "json": {"a": "b"},
}


def makers():
    """Name -> function of every public function of the module that makes a call."""
    return {
        name: function
        for name, function in inspect.getmembers(endpoints, inspect.isfunction)
        if function.__module__ == endpoints.__name__
        and not name.startswith("_")
        and get_origin(get_type_hints(function)["return"]) is endpoints.Call
    }


def call_of(maker):
    """Make the call with values of the right types."""
    return maker(**{name: GIVEN[name] for name in inspect.signature(maker).parameters})


CALLS = {name: call_of(maker) for name, maker in sorted(makers().items())}
