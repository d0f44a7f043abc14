"""Bodies of create and update: what a value must be, and the complaint when it is not."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.errors import InvalidResponse


@frozen
class Rule:
    """What one field must be."""

    kind: type
    required: bool = False


CREATE: Final[Mapping[str, Rule]] = {
    "name": Rule(str, required=True),
    "connector_id": Rule(str, required=True),
    "settings": Rule(dict),
}
"""The payload of create (4563bfbf8cb5c53f4846256adf82de0d)."""

UPDATE: Final[Mapping[str, Rule]] = {
    "name": Rule(str),
    "settings": Rule(dict),
    "order_sync_enabled": Rule(bool),
    "product_sync_enabled": Rule(bool),
    "stock_sync_enabled": Rule(bool),
}
"""What update takes, all optional: a guess, no public page shows it."""

_MAX_TEXT = 255
_WORDING = {str: "must be a string", bool: "must be true or false", dict: "must be an array"}


def read_form(body: bytes | None) -> dict[str, JsonValue] | None:
    """Return the fields of a body, none if there is no body; None when it is not a JSON object."""
    if not body:
        return {}
    try:
        document = json_text.parse(body)
    except InvalidResponse:
        return None
    return document if isinstance(document, dict) else None


def complaints(form: Mapping[str, JsonValue], rules: Mapping[str, Rule]) -> dict[str, list[str]]:
    """Return the complaints by field, empty when there are none; fields without a rule are ignored."""
    found = {name: _complaint(name, form, rule) for name, rule in rules.items()}
    return {name: [complaint] for name, complaint in found.items() if complaint is not None}


def _complaint(name: str, form: Mapping[str, JsonValue], rule: Rule) -> str | None:
    subject = f"The {name.replace('_', ' ')} field"
    value = form.get(name)
    if rule.required and value in ("", None):
        return f"{subject} is required."
    if name not in form:
        return None
    if type(value) is not rule.kind or value == "":
        return f"{subject} {_WORDING[rule.kind]}."
    if isinstance(value, str) and len(value) > _MAX_TEXT:
        return f"{subject} must not be greater than {_MAX_TEXT} characters."
    return None
