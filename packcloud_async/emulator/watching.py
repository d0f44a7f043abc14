"""What a page about the emulator shows at one moment, as JSON: no settings, no credential, and never too much."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from attrs import asdict

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.emulator.books import SyncRun
from packcloud_async.emulator.dates import written
from packcloud_async.emulator.shops import Integration, Organization, View
from packcloud_async.emulator.state import State
from packcloud_async.models import SyncKind

MOST_ORGANIZATIONS: Final = 20
MOST_INTEGRATIONS: Final = 25
"""Of one organization."""
MOST_RUNNING: Final = 50
_LATEST_RUNS = 10_000


def moment(state: State, now: float, *, organization: str | None = None) -> JsonValue:
    """Return what there is at second ``now``; ``organization`` None shows the first ones, else only that one."""
    there = state.organizations
    ids = [organization] if organization is not None else list(islice(there.ids, MOST_ORGANIZATIONS))
    found = [(name, one) for name in ids if (one := there.find(name)) is not None]
    running = list(islice(_running(state, now), MOST_RUNNING + 1))
    counters = state.counters
    return {
        "now": round(now, 3),
        "called": written(int(now)),
        "kinds": [kind.value for kind in SyncKind if kind in state.world.watermarks],
        "requests_ever": counters.total,
        "accepted_ever": len(state.books.runs),
        "duplicate_posts": counters.duplicate_posts,
        "faults": dict(counters.faults),
        "organizations": [_organization(name, one, now) for name, one in found],
        "more_organizations": len(there) - len(ids) if organization is None else 0,
        "running": [_run(run) for run in running[:MOST_RUNNING]],
        "more_running": len(running) > MOST_RUNNING,
        "requests": [asdict(logged) for logged in reversed(list(state.requests or ()))],
    }


def _running(state: State, now: float) -> Iterator[SyncRun]:
    # A run of a hundred thousand syncs is looked through once a second, but not all of it.
    latest = islice(reversed(state.books.runs), _LATEST_RUNS)
    return (run for run in latest if run.accepted_at <= now < run.ends_at)


def _run(run: SyncRun) -> JsonValue:
    return {
        "organization": run.organization_id,
        "integration": run.integration_id,
        "kind": run.kind.value,
        "accepted_at": round(run.accepted_at, 3),
        "ends_at": round(run.ends_at, 3),
    }


def _organization(name: str, organization: Organization, now: float) -> JsonValue:
    integrations = list(islice(organization.integrations.values(), MOST_INTEGRATIONS))
    return {
        "id": name,
        "integrations": [_integration(integration, now) for integration in integrations],
        "more_integrations": len(organization.integrations) - len(integrations),
    }


def _integration(integration: Integration, now: float) -> JsonValue:
    shown = integration.as_json(View(now))
    return {
        "id": integration.id,
        "name": integration.name,
        "category": integration.category.value,
        "watermarks": {kind.value: shown[kind.watermark_field] for kind in integration.watermarks},
    }
