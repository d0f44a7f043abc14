"""What an emulator holds at one moment, apart from what it was asked."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from attrs import frozen

from packcloud_async.emulator.books import SyncRun
from packcloud_async.emulator.shops import Organization, World
from packcloud_async.emulator.sync_runs import PlannedRun
from packcloud_async.models import SyncKind

PlanKey: TypeAlias = tuple[str, str, SyncKind]
"""Organization, integration and kind."""


@frozen(kw_only=True)
class Contents:
    """Everything that is needed to go on from emulator second ``clock``.

    ``organizations`` are those that do not follow from the seed of ``world`` any more, or never did. ``plans`` are the
    syncs to come that are fixed already, ``runs`` those that were accepted. ``paths`` are overridden
    templates.
    """

    world: World
    clock: float = 0.0
    paths: Mapping[str, str] = {}
    organizations: Mapping[str, Organization] = {}
    plans: Mapping[PlanKey, Sequence[PlannedRun]] = {}
    runs: Sequence[SyncRun] = ()
