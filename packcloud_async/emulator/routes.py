"""The paths the emulator answers, written on their own: they are not the client's."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import frozen

from packcloud_async.errors import ConfigurationError

_INTEGRATIONS = "/v1/organizations/{organizationId}/integrations"
_INTEGRATION = _INTEGRATIONS + "/{integrationId}"

PATHS: Final[Mapping[str, str]] = {
    "integrations": _INTEGRATIONS,
    "integration": _INTEGRATION,
    "actions": _INTEGRATION + "/actions",
    "execute_action": _INTEGRATION + "/actions/{action}",
    "settings": _INTEGRATION + "/settings",
    "sync_orders": _INTEGRATION + "/orders/sync",
    "sync_products": _INTEGRATION + "/products/sync",
    "sync_stocks": _INTEGRATION + "/stocks/sync",
    "sync_shipping_services": _INTEGRATION + "/shipping-services/sync",
    "shipping_services": "/v1/organizations/{organizationId}/shipping-services",
}
"""Route name -> path template; ``Emulator(paths=...)`` overrides some of them."""

SYNC_ROUTES: Final = frozenset({"sync_orders", "sync_products", "sync_stocks", "sync_shipping_services"})
"""Names of the four routes that start a sync."""

UNKNOWN_ROUTE: Final = "unknown"
"""What a path is counted under that no template matches."""


@frozen
class Match:
    """A path that was understood: the route's name and the decoded ids in the path."""

    route: str
    ids: Mapping[str, str]


def url_of(host: str, target: str) -> str | None:
    """Return the URL that a Host header and a request target mean; None when they mean none."""
    url = target if target.startswith(("http://", "https://")) else f"http://{host}{target}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    # A host with a slash, a question mark or a hash would move the path.
    return url if target is url or parts.netloc == host else None


class RouteTable:
    """Path templates, compiled; a template with fewer placeholders wins over one with more."""

    def __init__(self, overrides: Mapping[str, str]) -> None:
        paths = {**PATHS, **{name: _checked(name, template) for name, template in overrides.items()}}
        self._by_length: dict[int, list[tuple[str, list[str]]]] = {}
        for name, template in sorted(paths.items(), key=lambda item: item[1].count("{")):
            segments = template.split("/")
            self._by_length.setdefault(len(segments), []).append((name, segments))

    def match(self, path: str) -> Match | None:
        """Understand a percent-encoded path; a ``%2F`` stays inside its segment."""
        parts = [unquote(part) for part in path.split("/")]
        for name, segments in self._by_length.get(len(parts), ()):
            ids = _ids(segments, parts)
            if ids is not None:
                return Match(name, ids)
        return None


def _ids(segments: list[str], parts: list[str]) -> dict[str, str] | None:
    ids: dict[str, str] = {}
    for segment, part in zip(segments, parts, strict=True):
        if segment[:1] == "{":
            ids[segment[1:-1]] = part
        elif segment != part:
            return None
    return ids


def _checked(name: str, template: str) -> str:
    if name not in PATHS:
        raise ConfigurationError(f"paths names an unknown route {name!r}; known: {', '.join(PATHS)}")
    wanted = sorted(re.findall(r"\{\w+\}", PATHS[name]))
    whole = sorted(segment for segment in template.split("/") if "{" in segment or "}" in segment)
    if not template.startswith("/") or whole != wanted:
        raise ConfigurationError(
            f"paths[{name!r}] must begin with '/' and hold {', '.join(wanted)} as whole segments: {template!r}"
        )
    return template
