"""What the arguments of a command ask to be synced."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, TypeVar

import click
from attrs import frozen

from packcloud_async.cli.parameters import BinaryFile, Kinds, organizations_in
from packcloud_async.models import SyncKind
from packcloud_async.targets import SyncTarget

T = TypeVar("T")

_OPTIONS: Final = (
    click.argument("organizations", metavar="ORG...", nargs=-1),
    click.option(
        "--organizations-from",
        "listed",
        type=BinaryFile(),
        callback=organizations_in,
        metavar="FILE",
        help="Also those in FILE, one on each line; - is standard input.",
    ),
    click.option("--integration", "integrations", metavar="ID", multiple=True, help="Only this one; may be repeated."),
    click.option(
        "--kind", "--kinds", "kinds", type=Kinds(), multiple=True, help="What to sync; may be repeated, or with commas."
    ),
    click.option("--all-kinds", is_flag=True, help="Sync all four kinds."),
)


@frozen(kw_only=True)
class Asked:
    """What is to be synced."""

    targets: Sequence[SyncTarget]
    kinds: Sequence[SyncKind]


def asking_for_syncs(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command the arguments that say what is to be synced, which it takes as ``asked``."""

    @wraps(command)
    def read(
        *arguments: Any,
        organizations: Sequence[str],
        listed: Sequence[str] | None,
        integrations: Sequence[str],
        kinds: Sequence[Sequence[SyncKind]],
        all_kinds: bool,
        **options: Any,
    ) -> T:
        targets = _targets_of(organizations, listed, integrations)
        chosen = _chosen_kinds([kind for group in kinds for kind in group], all_kinds=all_kinds)
        return command(*arguments, asked=Asked(targets=targets, kinds=chosen), **options)

    for option in reversed(_OPTIONS):
        read = option(read)
    return read


def _chosen_kinds(kinds: Sequence[SyncKind], *, all_kinds: bool) -> Sequence[SyncKind]:
    """Return the kinds; refuse none, and both ways at once."""
    if kinds and all_kinds:
        raise click.UsageError("give --kind or --all-kinds, not both")
    if not kinds and not all_kinds:
        raise click.UsageError(f"say what to sync: --all-kinds, or --kind with one of {', '.join(SyncKind)}")
    return tuple(SyncKind) if all_kinds else tuple(dict.fromkeys(kinds))


def _targets_of(
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
