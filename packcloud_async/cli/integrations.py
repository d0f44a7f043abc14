"""packcloud integrations: what an organization is connected to. Changes are in ``integration_changes``."""

import click

from packcloud_async._sansio import codec
from packcloud_async.cli.console import console_for_tables, write_json
from packcloud_async.cli.flags import connecting
from packcloud_async.cli.integration_views import action_table, integration_table, show, show_fields
from packcloud_async.cli.masking import hidden, masked
from packcloud_async.cli.parameters import integration_argument, json_option, organization_argument
from packcloud_async.cli.running import run_with_client
from packcloud_async.client import PackCloudClient
from packcloud_async.models import Integration


@click.group()
def integrations() -> None:
    """Read and change the integrations of an organization.

    \b
    Examples:
      packcloud integrations list org_1
      packcloud integrations get org_1 int_4 --json
    """


@integrations.command("list")
@organization_argument
@json_option
@connecting
def list_all(*, organization: str, as_json: bool) -> None:
    """List every integration of ORG, and when its shop last changed.

    With --json, one object on each line.

    \b
    Example:
      packcloud integrations list org_1 --json | jq -r .id
    """

    async def read(client: PackCloudClient) -> list[Integration]:
        return [integration async for integration in client.organization(organization).integrations.list()]

    found = run_with_client(read)
    if not as_json:
        console_for_tables().print(integration_table(found))
        return
    for integration in found:
        write_json(masked(codec.encode(integration)))


@integrations.command()
@organization_argument
@integration_argument
@json_option
@connecting
def get(*, organization: str, integration_id: str, as_json: bool) -> None:
    """Show one integration.

    \b
    Example:
      packcloud integrations get org_1 int_4
    """
    found = run_with_client(lambda client: client.organization(organization).integrations.get(integration_id))
    show(found, as_json=as_json)


@integrations.command()
@organization_argument
@integration_argument
@json_option
@connecting
def actions(*, organization: str, integration_id: str, as_json: bool) -> None:
    """List what an integration can be told to do.

    With --json, one object on each line.

    \b
    Example:
      packcloud integrations actions org_1 int_4
    """
    found = run_with_client(lambda client: client.organization(organization).integrations.actions(integration_id))
    if not as_json:
        console_for_tables().print(action_table(found))
        return
    for action in found:
        write_json(masked(codec.encode(action)))


@integrations.command()
@organization_argument
@integration_argument
@click.option("--show-values", is_flag=True, help="Show the values too; some may be passwords.")
@json_option
@connecting
def settings(*, organization: str, integration_id: str, show_values: bool, as_json: bool) -> None:
    """Show the settings of an integration, without their values.

    \b
    Example:
      packcloud integrations settings org_1 int_4 --show-values
    """
    found = run_with_client(lambda client: client.organization(organization).integrations.settings(integration_id))
    fields = dict(found) if show_values else hidden(found)
    if as_json:
        write_json(fields)
    else:
        show_fields(fields)
