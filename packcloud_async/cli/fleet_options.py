"""What several commands of ``packcloud fleet`` take."""

from typing import Final

import click

from packcloud_async.cli.parameters import Seconds

_LEAST: Final = 3.0


def _long_enough(context: click.Context, parameter: click.Parameter, seconds: float) -> float:
    """Refuse a silence that a worker with something to do may well keep."""
    if seconds < _LEAST:
        raise click.BadParameter(f"must be at least {_LEAST:g} seconds", context, parameter)
    return seconds


database_option: Final = click.option(
    "--database",
    envvar="PACKCLOUD_DATABASE",
    show_envvar=True,
    required=True,
    metavar="URL",
    help="The PostgreSQL of the fleet. What stands on a command line others can read: put a password elsewhere.",
)
run_argument: Final = click.argument("run_id", metavar="RUN")
silent_for_option: Final = click.option(
    "--silent-for",
    type=Seconds(),
    callback=_long_enough,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="A worker without a sign of life for so long, at least 3, counts as dead; give the same to all.",
)
