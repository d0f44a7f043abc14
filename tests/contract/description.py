"""``docs/openapi.yaml``, read: its operations, and what it finds wrong with a request or an answer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from attrs import frozen
from jsonschema import Draft202012Validator

FILE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
DESCRIPTION: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
JSON = "application/json"


@frozen
class Operation:
    """One method of one path; ``node`` and ``path_item`` are as written, references and all."""

    path: str
    method: str
    node: Mapping[str, Any]
    path_item: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.node["operationId"]

    @property
    def route(self) -> str:
        return self.path_item["x-route"]

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return [resolve(node) for node in (*self.path_item.get("parameters", ()), *self.node.get("parameters", ()))]

    @property
    def answers(self) -> dict[str, dict[str, Any]]:
        """Status, or a class of them such as 5XX, and what it carries."""
        return {status: resolve(node) for status, node in self.node["responses"].items()}

    def faults_of_request(self, query: Mapping[str, str], body: Any) -> list[str]:
        """What does not fit; ``body`` None is no body."""
        known = {node["name"]: node["schema"] for node in self.parameters if node["in"] == "query"}
        faults = [f"query {name} is not described" for name in query.keys() - known.keys()]
        for name, text in query.items():
            faults += faults_of(known.get(name, True), {"true": True, "false": False}.get(text, text))
        described = self.node.get("requestBody")
        if body is not None:
            return [*faults, *(faults_of(schema_in(described), body) if described else ["a body is not described"])]
        return [*faults, "a body is due"] if described and described["required"] else faults

    def faults_of_answer(self, status: int, headers: Mapping[str, str], body: Any) -> list[str]:
        """What does not fit; ``headers`` in lower case, ``body`` None is no body."""
        answers = self.answers
        described = answers.get(str(status)) or answers.get(f"{status // 100}XX")
        if described is None:
            return [f"status {status} is not described"]
        faults = [
            f"header {name} is due"
            for name, node in described.get("headers", {}).items()
            if resolve(node).get("required") and name.lower() not in headers
        ]
        if (body is None) == ("content" in described):
            return [*faults, "a body is due" if body is None else "a body is not described"]
        if body is not None and headers.get("content-type") != JSON:
            faults.append(f"content type is {headers.get('content-type')}")
        return faults if body is None else [*faults, *faults_of(schema_in(described), body)]


def operations() -> list[Operation]:
    return [
        Operation(path, method, node, item)
        for path, item in DESCRIPTION["paths"].items()
        for method, node in item.items()
        if method in METHODS
    ]


def operation_at(method: str, path: str) -> Operation | None:
    """The operation that a percent-encoded path means; literal segments win over placeholders."""
    segments = path.split("/")
    fitting = [
        operation
        for operation in operations()
        if operation.method == method.lower() and _fits(operation.path.split("/"), segments)
    ]
    return min(fitting, key=lambda operation: operation.path.count("{"), default=None)


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        target: Any = DESCRIPTION
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        node = target
    return node


def schema_in(body: Mapping[str, Any]) -> Any:
    assert set(body["content"]) == {JSON}
    return body["content"][JSON]["schema"]


def schema_of(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def faults_of(schema: Any, value: Any) -> list[str]:
    """What a schema of the description finds wrong with a value."""
    if schema is True:
        return []
    validator = Draft202012Validator({**schema, "components": DESCRIPTION["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def nodes(node: Any = DESCRIPTION, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the description and the place where it is written."""
    if isinstance(node, dict):
        yield place, node
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from nodes(inner, f"{place}/{key}")


def _fits(template: list[str], segments: list[str]) -> bool:
    return len(template) == len(segments) and all(
        (part.startswith("{") and given != "") or part == given for part, given in zip(template, segments, strict=True)
    )
