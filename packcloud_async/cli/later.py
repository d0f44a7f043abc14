"""Commands that are imported when they are used: the help of ``packcloud`` needs a line of each and no more."""

from collections.abc import Callable, Mapping

import click
from attrs import frozen


@frozen
class Later:
    """A command that is not imported yet: what imports it, and its line in the help of the group."""

    command: Callable[[], click.Command]
    short_help: str


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


def _completion() -> click.Command:
    from packcloud_async.cli.completion import completion  # noqa: PLC0415 - when it is used

    return completion


def _config() -> click.Command:
    from packcloud_async.cli.config import config  # noqa: PLC0415 - when it is used

    return config


def _demo() -> click.Command:
    from packcloud_async.cli.demo import demo  # noqa: PLC0415 - when it is used

    return demo


def _doctor() -> click.Command:
    from packcloud_async.cli.doctor import doctor  # noqa: PLC0415 - when it is used

    return doctor


def _emulator() -> click.Command:
    from packcloud_async.cli.emulator import emulator  # noqa: PLC0415 - when it is used

    return emulator


def _fleet() -> click.Command:
    from packcloud_async.cli.fleet import fleet  # noqa: PLC0415 - when it is used

    return fleet


def _integrations() -> click.Command:
    # With those that change something.
    from packcloud_async.cli.integration_changes import integrations  # noqa: PLC0415 - when it is used

    return integrations


def _ledger() -> click.Command:
    from packcloud_async.cli.ledger import ledger  # noqa: PLC0415 - when it is used

    return ledger


def _report() -> click.Command:
    from packcloud_async.cli.report import report  # noqa: PLC0415 - when it is used

    return report


def _resume() -> click.Command:
    from packcloud_async.cli.resume import resume  # noqa: PLC0415 - when it is used

    return resume


def _sync() -> click.Command:
    from packcloud_async.cli.sync import sync  # noqa: PLC0415 - when it is used

    return sync


COMMANDS: Mapping[str, Later] = {
    "completion": Later(_completion, "Write the completion of a shell."),
    "config": Later(_config, "Look at the configuration."),
    "demo": Later(_demo, "Sync emulated organizations, and check the outcomes."),
    "doctor": Later(_doctor, "Find out which paths of the API are right, with GETs alone."),
    "emulator": Later(_emulator, "Serve an emulated Pack.cloud on a loopback port."),
    "fleet": Later(_fleet, "Have many workers carry out runs, in a PostgreSQL database."),
    "integrations": Later(_integrations, "Read and change the integrations of an organization."),
    "ledger": Later(_ledger, "Look into the ledger of a bulk run."),
    "report": Later(_report, "Make a page of pictures from the ledger of a run."),
    "resume": Later(_resume, "Go on with a run of sync that was interrupted or killed."),
    "sync": Later(_sync, "Sync organizations, and say how each sync ended."),
}
