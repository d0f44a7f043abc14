"""Settings may hold passwords: their names are shown, their values only on request."""

from collections.abc import Mapping

from packcloud_async._sansio.json_text import JsonValue

MASK = "***"


def hidden(settings: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Keep the names of settings and hide every value."""
    return dict.fromkeys(settings, MASK)


def masked(value: JsonValue) -> JsonValue:
    """Hide the values of everything called ``settings``, however deep.

    >>> masked({"id": "int_1", "links": [{"settings": {"api_key": "s3cret"}}]})
    {'id': 'int_1', 'links': [{'settings': {'api_key': '***'}}]}
    """
    if isinstance(value, Mapping):
        return {name: _of_settings(item) if _is_settings(name) else masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


def _is_settings(name: str) -> bool:
    return "settings" in name.casefold()


def _of_settings(value: JsonValue) -> JsonValue:
    return hidden(value) if isinstance(value, Mapping) else MASK
