"""What several commands of ``packcloud fleet`` take."""

from typing import Final

import click

database_option: Final = click.option(
    "--database",
    envvar="PACKCLOUD_DATABASE",
    show_envvar=True,
    required=True,
    metavar="URL",
    help="The PostgreSQL of the fleet. What stands on a command line others can read: put a password elsewhere.",
)
run_argument: Final = click.argument("run_id", metavar="RUN")
