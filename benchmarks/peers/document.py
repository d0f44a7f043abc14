"""docs/openapi.yaml in the form that generators make typed clients of.

The document says what may be sent: an integration in ``data`` or alone, a category that is one of three texts or any
other. Of such alternatives one generator makes a page whose items have no type, the other makes no page at all, and
both are slower by trying. So each is reduced to the one form the server sends, which is the kindest to them.
"""

import copy
from collections.abc import Mapping
from typing import Any

from benchmarks.results import ROOT

FILE = ROOT / "docs" / "openapi.yaml"


def described() -> dict[str, Any]:
    """Return the document as it is."""
    import yaml  # noqa: PLC0415 - only who makes clients needs it

    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def for_generators(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without alternatives, without inherited fields and without lists of anything."""
    schemas = document["components"]["schemas"]
    reduced: dict[str, Any] = _reduced(copy.deepcopy(dict(document)), schemas)
    return reduced


def _reduced(node: Any, schemas: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_reduced(one, schemas) for one in node]
    if not isinstance(node, dict):
        return node
    if node.get("schema") is True:
        node = {**node, "schema": {}}
    for name in ("anyOf", "allOf"):
        if name in node:
            others = {key: value for key, value in node.items() if key not in {name, "not"}}
            chosen = [_form(node[name])] if name == "anyOf" else node[name]
            node = _merged(*(_resolved(one, schemas) for one in chosen), others)
            return _reduced(node, schemas)
    if node.get("type") == "array":
        node = {"items": {}, **node}
    return {key: _reduced(value, schemas) for key, value in node.items()}


def _form(alternatives: list[Any]) -> Any:
    """Return the alternative that is any text, else the first, which is the one in ``data``."""
    return next((one for one in alternatives if one == {"type": "string"}), alternatives[0])


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return schema if reference is None else schemas[reference.rpartition("/")[2]]


def _merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(merged.get(key), dict) and isinstance(value, dict)
            merged[key] = _merged(merged[key], value) if both else value
    return merged
