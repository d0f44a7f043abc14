"""packcloud completion: what a shell needs to complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

from packcloud_async.cli.failures import Misconfigured

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Write the completion of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Write what SHELL needs to complete commands, options and profiles.

    \b
    Examples:
      packcloud completion bash \\
        > ~/.local/share/bash-completion/completions/packcloud
      packcloud completion zsh > ~/.zfunc/_packcloud
      packcloud completion fish > ~/.config/fish/completions/packcloud.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise Misconfigured(f"there is no completion for {shell}")
    click.echo(found(context.find_root().command, {}, "packcloud", "_PACKCLOUD_COMPLETE").source())
