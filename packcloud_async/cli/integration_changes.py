"""The commands of ``packcloud integrations`` that change something."""

from collections.abc import Mapping

import click

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.cli.console import clean, console_for_prose, safe, write_json, write_pretty
from packcloud_async.cli.flags import connecting
from packcloud_async.cli.integration_views import show
from packcloud_async.cli.integrations import integrations
from packcloud_async.cli.masking import masked
from packcloud_async.cli.parameters import (
    BinaryFile,
    integration_argument,
    json_object,
    json_option,
    organization_argument,
)
from packcloud_async.cli.running import run_change, run_with_client
from packcloud_async.models import UNSET

__all__ = ["integrations"]

_settings_option = click.option(
    "--settings",
    type=BinaryFile(),
    callback=json_object,
    help="A file with a JSON object, or - for stdin: secrets have no place on a command line.",
)


@click.command()
@organization_argument
@click.option("--name", required=True)
@click.option("--connector-id", required=True, help="What it connects to.")
@_settings_option
@json_option
@connecting
def create(
    *, organization: str, name: str, connector_id: str, settings: Mapping[str, JsonValue] | None, as_json: bool
) -> None:
    """Create an integration in ORG.

    \b
    Example:
      packcloud integrations create org_1 --name "My shop" \\
          --connector-id shopify --settings settings.json
    """
    created = run_change(
        lambda client: client.organization(organization).integrations.create(
            name=name, connector_id=connector_id, settings=UNSET if settings is None else settings
        )
    )
    show(created, as_json=as_json)


@click.command()
@organization_argument
@integration_argument
@click.option("--name")
@_settings_option
@click.option("--order-sync/--no-order-sync", default=None, help="Sync orders.")
@click.option("--product-sync/--no-product-sync", default=None, help="Sync products.")
@click.option("--stock-sync/--no-stock-sync", default=None, help="Sync stocks.")
@json_option
@connecting
def update(
    *,
    organization: str,
    integration_id: str,
    name: str | None,
    settings: Mapping[str, JsonValue] | None,
    order_sync: bool | None,
    product_sync: bool | None,
    stock_sync: bool | None,
    as_json: bool,
) -> None:
    """Change an integration: only what is given is sent.

    \b
    Example:
      packcloud integrations update org_1 int_4 --no-order-sync
    """
    if all(given is None for given in (name, settings, order_sync, product_sync, stock_sync)):
        raise click.UsageError("say what to change: --name, --settings, or a switch such as --no-order-sync")
    updated = run_change(
        lambda client: client.organization(organization).integrations.update(
            integration_id,
            name=UNSET if name is None else name,
            settings=UNSET if settings is None else settings,
            order_sync_enabled=UNSET if order_sync is None else order_sync,
            product_sync_enabled=UNSET if product_sync is None else product_sync,
            stock_sync_enabled=UNSET if stock_sync is None else stock_sync,
        )
    )
    show(updated, as_json=as_json)


@click.command()
@organization_argument
@integration_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@connecting
@click.pass_context
def delete(context: click.Context, *, organization: str, integration_id: str, yes: bool) -> None:
    """Delete an integration for good; asks first.

    \b
    Example:
      packcloud integrations delete org_1 int_4
    """
    place = clean(f"{organization}/{integration_id}")
    # Asked between two event loops: inside one, Ctrl-C would not reach the question.
    if not yes and not _is_meant(organization, integration_id, place):
        click.echo("Nothing was deleted.", err=True)
        context.exit(1)
    run_change(lambda client: client.organization(organization).integrations.delete(integration_id))
    console_for_prose().print(f"Deleted {place}.", soft_wrap=True)


def _is_meant(organization: str, integration_id: str, place: str) -> bool:
    found = run_with_client(lambda client: client.organization(organization).integrations.get(integration_id))
    return click.confirm(f"Delete {place}, {clean(found.name)!r}?", err=True)


@click.command("run-action", short_help="Tell an integration to do something.")
@organization_argument
@integration_argument
@click.argument("action", metavar="ACTION")
@click.option("--payload", type=BinaryFile(), callback=json_object, help="A file with a JSON object, or -.")
@json_option
@connecting
def run_action(
    *,
    organization: str,
    integration_id: str,
    action: str,
    payload: Mapping[str, JsonValue] | None,
    as_json: bool,
) -> None:
    """Tell an integration to do something; "integrations actions" lists what it can.

    \b
    Example:
      packcloud integrations run-action org_1 int_4 test_connection
    """
    answer = masked(
        run_change(
            lambda client: client.organization(organization).integrations.execute_action(
                integration_id, action, payload
            )
        )
    )
    if as_json:
        write_json(answer)
        return
    console = console_for_prose()
    console.print(safe(f"The server accepted {action}."), soft_wrap=True)
    if answer is not None:
        write_pretty(console, answer)


for one in (create, update, delete, run_action):
    integrations.add_command(one)
