"""What the arguments of a command ask to be synced."""

from collections.abc import Sequence

import click

from packcloud_async.models import SyncKind
from packcloud_async.targets import SyncTarget


def chosen_kinds(kinds: Sequence[SyncKind], *, all_kinds: bool) -> Sequence[SyncKind]:
    """Return the kinds; refuse none, and both ways at once."""
    if kinds and all_kinds:
        raise click.UsageError("give --kind or --all-kinds, not both")
    if not kinds and not all_kinds:
        raise click.UsageError(f"say what to sync: --all-kinds, or --kind with one of {', '.join(SyncKind)}")
    return tuple(SyncKind) if all_kinds else tuple(dict.fromkeys(kinds))


def targets_of(
    organizations: Sequence[str], listed: Sequence[str] | None, integrations: Sequence[str]
) -> Sequence[SyncTarget]:
    """Return the organizations, each once; refuse none, and integrations of several."""
    if not organizations and listed is None:
        raise click.UsageError("Missing argument 'ORG...': name organizations, or give --organizations-from FILE")
    distinct = tuple(dict.fromkeys((*organizations, *(listed or ()))))
    if not distinct:
        raise click.UsageError("--organizations-from: there is no organization in it")
    if integrations and len(distinct) > 1:
        raise click.UsageError("--integration needs exactly one ORG: ids repeat from one organization to the next")
    return [SyncTarget(organization_id, integrations or None) for organization_id in distinct]
