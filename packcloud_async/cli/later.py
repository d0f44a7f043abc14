"""Commands that are imported when they are used: the help of ``packcloud`` needs a line of each and no more."""

from collections.abc import Mapping
from importlib import import_module

import click
from attrs import frozen


@frozen
class Later:
    """A command that is not imported yet: ``module`` and its name there, and its line in the help of the group."""

    module: str
    name: str
    short_help: str

    def command(self) -> click.Command:
        """Import it."""
        found = getattr(import_module(self.module), self.name)
        assert isinstance(found, click.Command)
        return found


class LaterGroup(click.Group):
    """A group whose commands are ``later``, in the order in which its help shows them."""

    later: Mapping[str, Later]

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of its commands."""
        return list(self.later)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import a command; None if there is no such one."""
        found = self.later.get(cmd_name)
        return None if found is None else found.command()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the names and lines of its commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.short_help) for name, one in self.later.items()])
