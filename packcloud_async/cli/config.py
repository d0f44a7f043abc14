"""packcloud config: what is in force for a command, and where each value comes from."""

import click
from rich import box
from rich.table import Table

from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.settings_file import Setting
from packcloud_async.cli.configuration import Configuration, configured
from packcloud_async.cli.console import WrappedPaths, console_for_tables, safe, write_json
from packcloud_async.cli.flags import connecting, deadline_option, rate_option
from packcloud_async.cli.masking import MASK
from packcloud_async.cli.parameters import json_option


@click.group()
def config() -> None:
    """Look at the configuration.

    \b
    Example:
      packcloud config show
    """


@config.command()
@deadline_option
@rate_option
@connecting
@json_option
def show(*, as_json: bool) -> None:
    """Show every setting in force and where it comes from; the token is never shown, nor read.

    Flags come before the environment, that before packcloud.toml in the working directory, or else in your
    configuration directory, and that before the defaults.

    \b
    Examples:
      packcloud config show
      packcloud config show --profile staging --rate 50/s
      packcloud config show --json | jq -r '.settings["poll.deadline"].from'

    \b
    Exit codes:
      0    the settings were shown
      2    something in them is unusable
    """
    found = configured()
    if as_json:
        write_json(_document(found))
        return
    console = console_for_tables()
    console.print(safe(_origin(found)))
    console.print(_table(found))


def _origin(found: Configuration) -> str:
    if found.file is None:
        return "No packcloud.toml was found."
    profile = "no profile" if found.profile is None else f"profile {found.profile}"
    return f"{found.file}, {profile}"


def _table(found: Configuration) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", overflow="fold")
    for key, setting in found.settings.values.items():
        value = _readable(_shown(key, setting))
        table.add_row(safe(key), WrappedPaths(value) if value.startswith("/") else safe(value), safe(setting.source))
    return table


def _document(found: Configuration) -> JsonValue:
    return {
        "file": None if found.file is None else str(found.file),
        "profile": found.profile,
        "settings": {
            key: {"value": _shown(key, setting), "from": setting.source}
            for key, setting in found.settings.values.items()
        },
    }


def _shown(key: str, setting: Setting) -> JsonValue:
    if key == "token":
        return None if setting.value is None else MASK
    value = setting.value
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _readable(value: JsonValue) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case _:
            return str(value)
