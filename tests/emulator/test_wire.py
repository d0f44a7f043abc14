"""The emulator against the golden files of tests/wire."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from packcloud_async._sansio.wire import Request
from packcloud_async.emulator import Emulator, FaultPlan

CASES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.parent.glob("wire/*.json")
}
NULLABLE = {
    "order_sync_updated_at",
    "product_sync_updated_at",
    "prev",
    "next",
    "default_label_type",
    "default",
}

# What the emulator must be for a case, when it is not a default Emulator().
ARRANGED: dict[str, dict[str, Any]] = {
    "integrations-list-first-page": {"per_page": 2},
    "integrations-list-relative-next": {"per_page": 2, "faults": FaultPlan(relative_links=True)},
    "integrations-list-root-paging": {"per_page": 2, "faults": FaultPlan(envelope="root_paging")},
    "integrations-list-bare": {"faults": FaultPlan(envelope="bare")},
    "integration-get-bare": {"faults": FaultPlan(envelope="bare")},
    "error-409": {"conflict_while_running": True},
    "error-429": {"faults": FaultPlan(script=[429])},
    "error-503": {"faults": FaultPlan(script=[503])},
}


def shape(value: Any, name: str = "") -> Any:
    """The keys and JSON types of a value; a list is the different shapes of its items."""
    if name in NULLABLE and (value is None or isinstance(value, str)):
        return "string or null"
    if isinstance(value, dict):
        return {key: shape(item, key) for key, item in value.items()}
    if isinstance(value, list):
        shapes = {json.dumps(shape(item), sort_keys=True) for item in value}
        return sorted(shapes)
    return type(value).__name__


@pytest.mark.parametrize("case", sorted(CASES))
async def test_the_emulator_answers_like_the_golden_file(case: str) -> None:
    asked, expected = CASES[case]["request"], CASES[case]["response"]
    emulator = Emulator(**ARRANGED.get(case, {}))
    transport = emulator.transport()
    url = f"https://api.pack.cloud{asked['path']}?{urlencode(asked['query'])}".rstrip("?")
    token = "wrong" if case == "error-401" else emulator.token
    body = None if asked["body"] is None else json.dumps(asked["body"]).encode()
    request = Request(asked["method"], url, {"Authorization": f"Bearer {token}"}, body)
    if case == "error-409":
        await transport.send(request)

    response = await transport.send(request)

    assert response.status == expected["status"]
    assert response.headers.items() >= expected["headers"].items()
    if expected["body"] is None:
        assert response.body == b""
    else:
        assert shape(response.json()) == shape(expected["body"])


def test_every_call_has_a_golden_file() -> None:
    answered = {
        (case["request"]["method"], case["request"]["path"])
        for case in CASES.values()
        if case["response"]["status"] < 300
    }
    assert len(answered) == 13


@pytest.mark.parametrize("case", sorted(CASES))
def test_a_golden_file_names_its_source(case: str) -> None:
    assert set(CASES[case]) == {"source", "request", "response"}
    assert any(mark in CASES[case]["source"] for mark in ("SEEN", "INFERRED", "UNKNOWN"))
