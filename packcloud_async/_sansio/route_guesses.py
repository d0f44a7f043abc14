"""Where the paths that no public page shows are likely to be, and paths that cannot exist to hold them against.

All of them are guesses, from the title of each call and the styles of path the vendor's other pages show.
"""

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from packcloud_async.policies import Routes

MADE_UP: Final = "packcloud-doctor-no-such-path"
"""A segment that no server has a path for."""

READ_ROUTES: Final = ("shipping_services", "actions", "settings")
"""Those a GET should read."""
POST_ROUTES: Final = ("execute_action", "sync_orders", "sync_products", "sync_stocks", "sync_shipping_services")
"""Those that take a POST, and should refuse a GET."""

_SYNC_FORMS: Final = (
    "{many}/sync",
    "sync-{many}",
    "sync/{many}",
    "{many}-sync",
    "{one}-sync",
    "{one}/sync",
    "syncs/{many}",
    "sync/{one}",
    "sync-{one}",
    "{many}/synchronize",
)
_NOUNS: Final = {
    "sync_orders": ("orders",),
    "sync_products": ("products",),
    "sync_stocks": ("stocks", "product-stocks"),
    "sync_shipping_services": ("shipping-services",),
}
_OTHERS: Final = {
    "actions": ("actions", "action", "available-actions", "integration-actions"),
    "execute_action": (
        "actions/{action}",
        "actions/{action}/execute",
        "actions/execute/{action}",
        "action/{action}",
        "execute-action/{action}",
    ),
    "settings": ("settings", "setting", "configuration", "config", "integration-settings"),
}


def guesses(routes: Routes, route: str) -> tuple[str, ...]:
    """Return likely templates of a route beside the one it has, the likeliest first; none for a confirmed route."""
    found = dict.fromkeys(f"{routes.integration}/{tail}" for tail in _tails(route))
    return tuple(template for template in found if template != getattr(routes, route))


def _tails(route: str) -> Iterator[str]:
    yield from _OTHERS.get(route, ())
    for form in _SYNC_FORMS:
        for noun in _NOUNS.get(route, ()):
            yield form.format(many=noun, one=noun.removesuffix("s"))


def beside(template: str) -> str:
    """Return the template of a path that cannot exist beside this one: its last fixed segment is made up.

    >>> beside("/integrations/{integrationId}/actions/{action}")
    '/integrations/{integrationId}/packcloud-doctor-no-such-path/{action}'
    """
    segments = template.split("/")
    # The first one is empty: a path begins with a slash.
    last = max(place for place, segment in enumerate(segments) if "{" not in segment)
    return "/".join([*segments[:last], MADE_UP, *segments[last + 1 :]]) if last else f"{template}/{MADE_UP}"


def nowhere(routes: Routes) -> str:
    """Return the template of a path that cannot exist below an integration."""
    return f"{routes.integration}/{MADE_UP}"


def path_of(
    routes: Routes, route: str, template: str, *, organization_id: str, integration_id: str, action: str
) -> str:
    """Fill the template of a route as a call would."""
    chosen = evolve(routes, **{route: template})
    return chosen.path(route, organizationId=organization_id, integrationId=integration_id, action=action)
