"""Integrations, actions and settings as tables."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from rich import box
from rich.table import Table

from packcloud_async._sansio import codec
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.cli.console import console_for_tables, in_utc, safe, write_json
from packcloud_async.cli.masking import masked
from packcloud_async.models import Integration, IntegrationAction


def show(model: Integration, *, as_json: bool) -> None:
    """Write one integration, every field of it."""
    fields = masked(codec.encode(model))
    if as_json:
        write_json(fields)
    elif isinstance(fields, Mapping):
        show_fields(fields)


def show_fields(fields: Mapping[str, JsonValue]) -> None:
    """Write names and values, one pair on a line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in fields.items():
        table.add_row(safe(name), safe(_readable(value)))
    console_for_tables().print(table)


def integration_table(integrations: Iterable[Integration]) -> Table:
    """List integrations, with when the last change at the shop was seen."""
    table = _table("ID", "Name", "Category", "Orders (UTC)", "Products (UTC)")
    for integration in integrations:
        table.add_row(
            safe(integration.id),
            safe(integration.name),
            safe(str(integration.category)),
            safe(_moment(integration.order_sync_updated_at, integration.order_sync_time)),
            safe(_moment(integration.product_sync_updated_at, integration.product_sync_time)),
        )
    return table


def action_table(actions: Iterable[IntegrationAction]) -> Table:
    """List actions by the name that run-action takes."""
    table = _table("Action", "Name", "Fields")
    for action in actions:
        fields = ", ".join(str(field.get("key", "?")) for field in action.fields)
        table.add_row(safe(action.key or "-"), safe(action.name or "-"), safe(fields or "-"))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _moment(text: str | None, time: datetime | None) -> str:
    if time is None:
        return text or "-"
    return in_utc(time, "%Y-%m-%d %H:%M")


def _readable(value: JsonValue) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
