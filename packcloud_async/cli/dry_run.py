"""packcloud sync --dry-run: reads what there is to sync, and says what would be started. It sends no POST."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import define, frozen

from packcloud_async._sansio.counting import counted
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.cli.console import clean, console_for_prose, safe, write_json
from packcloud_async.cli.failures import complain, reason_of
from packcloud_async.cli.results import error_as_json
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import PackCloudError
from packcloud_async.models import SyncKind
from packcloud_async.targets import SyncTarget

AT_ONCE: Final = 20


@frozen
class Planned:
    """What would be started; ``integration_id`` None and an error when nobody knows."""

    organization_id: str
    integration_id: str | None
    error: PackCloudError | None = None


@define
class Plan:
    """How much would be started."""

    organizations: int = 0
    integrations: int = 0
    failed: int = 0

    def add(self, found: Sequence[Planned]) -> None:
        """Count what was found of one organization."""
        started = sum(planned.error is None for planned in found)
        self.organizations += started > 0
        self.integrations += started
        self.failed += len(found) - started


async def dry_run(
    client: PackCloudClient, targets: Sequence[SyncTarget], kinds: Sequence[SyncKind], *, as_json: bool
) -> bool:
    """Write what a run of these targets would start; return whether all of it could be read."""
    plan, console = Plan(), console_for_prose()
    async for found in _planned(client, targets):
        plan.add(found)
        for planned in found:
            if as_json:
                write_json(_as_json(planned, kinds))
            elif planned.error is None:
                console.print(safe(f"{_place(planned)}  {', '.join(kinds)}"), soft_wrap=True)
            if planned.error is not None:
                complain(f"{_place(planned)}: {reason_of(planned.error)}")
    if not as_json:
        console.print(_in_numbers(plan, len(kinds)))
    return plan.failed == 0


async def _planned(client: PackCloudClient, targets: Sequence[SyncTarget]) -> AsyncIterator[Sequence[Planned]]:
    """Read organizations, some at once, and give them in their order."""
    rest = iter(targets)
    while batch := list(islice(rest, AT_ONCE)):
        for found in await _read_all(client, batch):
            yield found


async def _read_all(client: PackCloudClient, batch: Sequence[SyncTarget]) -> Sequence[Sequence[Planned]]:
    async with asyncio.TaskGroup() as group:
        reads = [group.create_task(_read(client, target)) for target in batch]
    return [read.result() for read in reads]


async def _read(client: PackCloudClient, target: SyncTarget) -> Sequence[Planned]:
    integrations = client.organization(target.organization_id).integrations
    if target.integration_ids is not None:
        return [await _read_one(client, target.organization_id, id_) for id_ in target.integration_ids]
    try:
        # A list that shifts while it is read may show one integration twice.
        ids = dict.fromkeys([integration.id async for integration in integrations.list()])
    except PackCloudError as error:
        return [Planned(target.organization_id, None, error)]
    return [Planned(target.organization_id, id_) for id_ in ids]


async def _read_one(client: PackCloudClient, organization_id: str, integration_id: str) -> Planned:
    try:
        await client.organization(organization_id).integrations.get(integration_id)
    except PackCloudError as error:
        return Planned(organization_id, integration_id, error)
    return Planned(organization_id, integration_id)


def _in_numbers(plan: Plan, kinds: int) -> str:
    failed = f"; {plan.failed} could not be read" if plan.failed else ""
    return (
        f"Would start {counted(plan.integrations * kinds, 'sync')} of {counted(plan.integrations, 'integration')} "
        f"of {counted(plan.organizations, 'organization')}{failed}. Nothing was started."
    )


def _as_json(planned: Planned, kinds: Sequence[SyncKind]) -> JsonValue:
    return {
        "organization": planned.organization_id,
        "integration": planned.integration_id,
        "kinds": [] if planned.error is not None else [kind.value for kind in kinds],
        "error": error_as_json(planned.error),
    }


def _place(planned: Planned) -> str:
    return clean("/".join(_ids(planned)))


def _ids(planned: Planned) -> Iterator[str]:
    yield planned.organization_id
    if planned.integration_id is not None:
        yield planned.integration_id
