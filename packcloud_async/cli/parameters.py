"""Arguments and options that several commands share."""

import math
from collections.abc import Mapping
from typing import BinaryIO, cast

import click

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async.errors import InvalidResponse

organization_argument = click.argument("organization", metavar="ORG")
integration_argument = click.argument("integration_id", metavar="ID")
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, and nothing else.")


def finite(context: click.Context, parameter: click.Parameter, seconds: float) -> float:
    """Refuse what only a computer calls a number."""
    if not math.isfinite(seconds):
        raise click.BadParameter(f"'{seconds}' is not a number of seconds.", context, parameter)
    return seconds


def json_object(
    context: click.Context, parameter: click.Parameter, file: BinaryIO | None
) -> Mapping[str, JsonValue] | None:
    """Read the JSON object in a file; no message quotes it, it may hold secrets."""
    if file is None:
        return None
    try:
        # Closed here: of a command that is refused, click closes nothing. What stands for stdin stays open.
        with file:
            document = json_text.parse(file.read())
    except InvalidResponse:
        raise click.BadParameter("the file is not JSON", context, parameter) from None
    if not isinstance(document, dict):
        raise click.BadParameter("the file must hold one JSON object", context, parameter)
    return cast("Mapping[str, JsonValue]", document)
