"""packcloud sync: start syncs, watch them, say how each ended."""

from collections.abc import Sequence

import click

from packcloud_async.bulk import SyncTarget
from packcloud_async.cli.results import HumanLines, JsonLines, ResultWriter
from packcloud_async.cli.running import run_with_client
from packcloud_async.client import PackCloudClient
from packcloud_async.models import SyncKind
from packcloud_async.policies import PollPolicy, path_segment


class KindChoice(click.Choice[SyncKind]):
    """The kinds by their value; a hyphen does for an underscore."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        """Return the spelling that is compared."""
        return str(choice).casefold().replace("-", "_")


@click.command(short_help="Sync organizations, and say how each sync ended.")
@click.argument("organizations", metavar="ORG...", nargs=-1, required=True)
@click.option("--integration", "integrations", metavar="ID", multiple=True, help="Only this one; may be repeated.")
@click.option("--kind", "kinds", type=KindChoice(SyncKind), multiple=True, help="What to sync; may be repeated.")
@click.option("--all-kinds", is_flag=True, help="Sync all four kinds.")
@click.option(
    "--deadline",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=PollPolicy().deadline,
    show_default=True,
    help="How long to watch for a change.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object per integration, and nothing else.")
@click.pass_context
def sync(
    context: click.Context,
    *,
    organizations: Sequence[str],
    integrations: Sequence[str],
    kinds: Sequence[SyncKind],
    all_kinds: bool,
    deadline: float,
    as_json: bool,
) -> None:
    """Sync every integration of each ORG, and watch until the outcome of each kind is known.

    Results are written as they come. A failed one never stops the rest.

    \b
    Examples:
      packcloud sync org_1 org_2 --all-kinds
      packcloud sync org_1 --integration int_4 --kind orders --deadline 60
      packcloud sync org_1 --kind orders --json | jq .kinds.orders.state

    \b
    Exit codes:
      0    every kind is advanced, quiet or unobservable
      1    some failed, or could not be started (a wrong token, no network)
      2    the command or its configuration is wrong, nothing was sent
      130  interrupted with Ctrl-C; what was started goes on at the server
    """
    chosen = _chosen_kinds(kinds, all_kinds=all_kinds)
    targets = _targets(organizations, integrations)

    async def act(client: PackCloudClient) -> bool:
        poll = PollPolicy(deadline=deadline)
        return await _sync(client, targets, chosen, poll, JsonLines() if as_json else HumanLines())

    if not run_with_client(act, when_interrupted="Interrupted. The syncs that were started go on at the server."):
        context.exit(1)


async def _sync(
    client: PackCloudClient,
    targets: Sequence[SyncTarget],
    kinds: Sequence[SyncKind],
    poll: PollPolicy,
    writer: ResultWriter,
) -> bool:
    for target in targets:
        for id_ in (target.organization_id, *(target.integration_ids or ())):
            path_segment("an id", id_)
    with writer:
        async with client.sync_many(targets, kinds=kinds, poll=poll) as run:
            async for result in run:
                writer.write(result)
        writer.close(run.report)
    return run.report.failed == 0


def _chosen_kinds(kinds: Sequence[SyncKind], *, all_kinds: bool) -> Sequence[SyncKind]:
    if kinds and all_kinds:
        raise click.UsageError("give --kind or --all-kinds, not both")
    if not kinds and not all_kinds:
        raise click.UsageError(f"say what to sync: --all-kinds, or --kind with one of {', '.join(SyncKind)}")
    return tuple(SyncKind) if all_kinds else tuple(dict.fromkeys(kinds))


def _targets(organizations: Sequence[str], integrations: Sequence[str]) -> Sequence[SyncTarget]:
    distinct = tuple(dict.fromkeys(organizations))
    if integrations and len(distinct) > 1:
        raise click.UsageError("--integration needs exactly one ORG: ids repeat from one organization to the next")
    return [SyncTarget(organization_id, integrations or None) for organization_id in distinct]
