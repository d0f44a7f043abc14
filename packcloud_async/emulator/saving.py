"""Contents as a document that reading them again understands; settings are in it, credentials are not."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from attrs import asdict

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.emulator.books import SyncRun
from packcloud_async.emulator.contents import Contents
from packcloud_async.emulator.dates import WatermarkFormat
from packcloud_async.emulator.population import Organizations
from packcloud_async.emulator.reading import VERSION
from packcloud_async.emulator.shops import Integration, Service, View
from packcloud_async.emulator.sync_runs import PlannedRun, Track, on_the_wire
from packcloud_async.models import SyncKind

_Written: TypeAlias = dict[str, JsonValue]


def document_of(contents: Contents) -> _Written:
    """Write everything down."""
    world = contents.world
    return {
        "version": VERSION,
        "clock": contents.clock,
        "seed": world.seed,
        "per_page": world.per_page,
        "conflict_while_running": world.conflict_while_running,
        "watermarks": [kind.value for kind in SyncKind if kind in world.watermarks],
        "generated": {"organizations": world.organizations, "integrations": world.integrations},
        "sync_times": asdict(world.sync_times),
        "paths": contents.paths,
        "organizations": [_organization(name, contents) for name in contents.organizations],
        "syncs": [_run(run) for run in contents.runs],
    }


def _organization(organization_id: str, contents: Contents) -> _Written:
    organization = contents.organizations[organization_id]
    owned = [(service, owner) for owner in organization.integrations.values() for service in owner.services]
    return {
        "id": organization_id,
        "integrations": [
            _integration(organization_id, integration, contents) for integration in organization.integrations.values()
        ],
        "shipping_services": [
            _service(service, owner, contents.clock) for service, owner in sorted(owned, key=lambda one: one[0].number)
        ],
        "integrations_ever": organization.integrations_ever,
        "services_ever": organization.services_ever,
    }


def _integration(organization_id: str, integration: Integration, contents: Contents) -> _Written:
    marks = {kind.watermark_field: track for kind, track in integration.watermarks.items()}
    plans = {kind: contents.plans.get((organization_id, integration.id, kind), ()) for kind in SyncKind}
    return {
        **integration.as_json(View(contents.clock)),
        "connector_id": integration.connector_id,
        "settings": Organizations(contents.world).settings(organization_id, integration),
        **_moves(marks, contents.clock),
        **_some("planned", [_planned(kind, planned) for kind in SyncKind for planned in plans[kind]]),
    }


def _service(service: Service, owner: Integration, now: float) -> _Written:
    shown = service.as_json(owner.id, View(now))
    return {
        **{name: value for name, value in shown.items() if name != "default_label_type"},
        "carrier_code": service.carrier_code,
        "born_at": service.born_at,
        **_moves({"updated_at": service.updated}, now),
    }


def _moves(tracks: Mapping[str, Track], now: float) -> _Written:
    """Write the moves to come; those that are over show in the values."""
    to_come = {name: track.to_come(now) for name, track in tracks.items()}
    return _some("moves", {name: _steps(moves) for name, moves in to_come.items() if moves})


def _steps(moves: Sequence[tuple[float, int | str | None]]) -> list[JsonValue]:
    return [[at, on_the_wire(value, WatermarkFormat.PLAIN)] for at, value in moves]


def _some(name: str, value: Any) -> _Written:
    return {name: value} if value else {}


def _planned(kind: SyncKind, planned: PlannedRun) -> _Written:
    return {
        "kind": kind.value,
        "moves": [list(step) for step in planned.steps],
        "takes": planned.takes,
        "goes_back": planned.goes_back,
    }


def _run(run: SyncRun) -> _Written:
    return {
        "organization_id": run.organization_id,
        "integration_id": run.integration_id,
        "kind": run.kind.value,
        "accepted_at": run.accepted_at,
        "ends_at": run.ends_at,
        **_some("moves", [list(move) for move in run.moves]),
    }
