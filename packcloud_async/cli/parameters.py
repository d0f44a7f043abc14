"""Arguments and options that several commands share."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click
from click.shell_completion import CompletionItem

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.quantities import read_duration
from packcloud_async.cli.organization_lists import LARGEST_LIST, read_organizations
from packcloud_async.errors import ConfigurationError, InvalidResponse
from packcloud_async.models import SyncKind

if TYPE_CHECKING:
    KindsType = click.ParamType[Sequence[SyncKind]]
    DurationType = click.ParamType[float]
else:
    # Older releases of click that will do have no generic one.
    KindsType = DurationType = click.ParamType

organization_argument = click.argument("organization", metavar="ORG")
integration_argument = click.argument("integration_id", metavar="ID")
json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, and nothing else.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Write failures on stderr, and nothing else.")


def json_object(
    context: click.Context, parameter: click.Parameter, file: BinaryIO | None
) -> Mapping[str, JsonValue] | None:
    """Read the JSON object in a file; no message quotes it, it may hold secrets."""
    if file is None:
        return None
    try:
        document = json_text.parse(_content(context, parameter, file))
    except InvalidResponse:
        raise click.BadParameter("the file is not JSON", context, parameter) from None
    if not isinstance(document, dict):
        raise click.BadParameter("the file must hold one JSON object", context, parameter)
    return cast("Mapping[str, JsonValue]", document)


class BinaryFile(click.File):
    """A file that is read, or standard input by a hyphen, if there is one."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open it."""
        try:
            return super().convert(value, param, ctx)
        except RuntimeError:
            self.fail("standard input is closed", param, ctx)


def _content(context: click.Context, parameter: click.Parameter, file: BinaryIO, most: int = -1) -> bytes:
    try:
        # Closed here: of a command that is refused, click closes nothing. What stands for stdin stays open.
        with file:
            return file.read(most)
    except OSError as error:
        raise click.BadParameter(f"it cannot be read: {error.strerror or error}", context, parameter) from None


class _KindChoice(click.Choice[SyncKind]):
    """The kinds by their value; a hyphen does for an underscore."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        """Return the spelling that is compared."""
        return str(choice).casefold().replace("-", "_")


class Kinds(KindsType):
    """Kinds, with a comma between them."""

    name = "kinds"
    _choice = _KindChoice(SyncKind)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Show what there is to choose from."""
        return self._choice.get_metavar(param, ctx)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Sequence[SyncKind]:
        """Return the kinds."""
        return tuple(self._choice.convert(part.strip(), param, ctx) for part in str(value).split(","))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete the last of them."""
        before, comma, last = incomplete.rpartition(",")
        found = self._choice.shell_complete(ctx, param, last)
        return [CompletionItem(f"{before}{comma}{item.value}") for item in found]


class Duration(DurationType):
    """A span of time such as 90, 5m or 1h, in seconds; zero is none."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        try:
            seconds = read_duration(str(value))
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)
        if not seconds:
            self.fail("must be longer than nothing", param, ctx)
        return seconds


class Seconds(DurationType):
    """A number of seconds, or a span of time with its unit; ``above``: it is longer than nothing."""

    name = "seconds"

    def __init__(self, *, above: bool = False) -> None:
        self._above = above

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        seconds = _seconds_in(str(value))
        # Some of what a computer calls a number is none.
        if seconds is None or not math.isfinite(seconds) or seconds < 0:
            self.fail(f"'{value}' is not a number of seconds, nor a time such as 90s or 5m.", param, ctx)
        if self._above and not seconds:
            self.fail("must be longer than nothing", param, ctx)
        return seconds


def _seconds_in(text: str) -> float | None:
    for read in (float, read_duration):
        with suppress(ValueError):
            return read(text)
    return None


def organizations_in(context: click.Context, parameter: click.Parameter, file: BinaryIO | None) -> Sequence[str] | None:
    """Read the organizations in a file; None for no file."""
    if file is None:
        return None
    try:
        content = _content(context, parameter, file, LARGEST_LIST + 1)
        return read_organizations(content, str(getattr(file, "name", "-")))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), context, parameter) from None
