"""The options of every command that talks to a server; what they say is kept with the context of the command."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from attrs import frozen
from click.shell_completion import CompletionItem

from packcloud_async._sansio.quantities import NO_LIMIT, read_rate
from packcloud_async.cli.parameters import Seconds
from packcloud_async.errors import ConfigurationError

if TYPE_CHECKING:
    TextType = click.ParamType[str]
else:
    # Older releases of click that will do have no generic one.
    TextType = click.ParamType

C = TypeVar("C", bound=Callable[..., Any])
_KEY: Final = "packcloud_async.flags"
_SOURCE_KEY: Final = "packcloud_async.source"


@frozen(kw_only=True)
class Flags:
    """What the flags of the command say, None for what they do not; ``deadline`` is in seconds, or ``none``."""

    config: str | None = None
    profile: str | None = None
    base_url: str | None = None
    routes: str | None = None
    rate: str | None = None
    deadline: float | str | None = None
    verbose: bool = False


def flags_in_force() -> Flags:
    """Return the flags of the command that runs; outside of any command there are none."""
    context = click.get_current_context(silent=True)
    return Flags() if context is None else Flags(**context.meta.get(_KEY, {}))


def remember_token(source: str) -> None:
    """Keep where the token of the command that runs comes from."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_SOURCE_KEY] = source


def token_source() -> str:
    """Return where the token of the command that runs comes from, for who has to look after it."""
    context = click.get_current_context(silent=True)
    return "PACKCLOUD_TOKEN" if context is None else str(context.meta.get(_SOURCE_KEY, "PACKCLOUD_TOKEN"))


def remember(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Keep what a flag says; a subcommand's own word counts more than that of the group."""
    if value is not None and parameter.name is not None:
        context.meta.setdefault(_KEY, {})[parameter.name] = value
    return value


class Rate(TextType):
    """A rate such as 50/s, kept as it was written."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what is no rate."""
        try:
            read_rate(value)
        except ConfigurationError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Profile(TextType):
    """The name of a profile; a shell completes those of the file."""

    name = "profile"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's signature
        """Return the names that begin so."""
        # Not at the top: it imports this module.
        from packcloud_async.cli.configuration import profile_names  # noqa: PLC0415 - as said above

        flags = Flags(**ctx.meta.get(_KEY, {}))
        return [CompletionItem(name) for name in profile_names(flags) if name.startswith(incomplete)]


_FILE: Final = click.Path(dir_okay=False)


def _option(*names: str, **attributes: Any) -> Callable[[C], C]:
    return click.option(*names, expose_value=False, callback=remember, **attributes)


verbose_option: Final = _option(
    "-v", "--verbose", is_flag=True, default=None, help="Log on stderr what the library does."
)
_CONFIGURED: Final = (
    _option("--config", type=_FILE, metavar="FILE", help="The configuration, in place of packcloud.toml."),
    _option("--profile", type=Profile(), metavar="NAME", help="Which profile of the configuration."),
)
_OPTIONS: Final = (
    *_CONFIGURED,
    _option("--base-url", metavar="URL", help="Another address than https://api.pack.cloud."),
    _option("--routes", type=_FILE, metavar="FILE", help="A TOML file that overrides paths of the API."),
    verbose_option,
)
rate_option: Final = _option("--rate", type=Rate(), metavar="RATE", help="At most so many requests: 50/s, 600/min.")


class Deadline(Seconds):
    """How long to watch; ``none`` for no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds, or ``none``."""
        return value if value == NO_LIMIT else super().convert(value, param, ctx)


deadline_option: Final = _option(
    "--deadline",
    type=Deadline(),
    metavar="TIME",
    help="How long to watch for a change, such as 300, 5m or none; 300 unless it is configured.",
)


def connecting(command: C) -> C:
    """Give a command the options that say where it connects, and how."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def configured_by(command: C) -> C:
    """Give a command that sends nothing itself the options that say which configuration counts."""
    for option in reversed((*_CONFIGURED, verbose_option)):
        command = option(command)
    return command
