"""packcloud emulator: a small Pack.cloud on a loopback port, until Ctrl-C."""

import asyncio
from contextlib import AsyncExitStack

import click

from packcloud_async.cli.console import console_for_prose
from packcloud_async.cli.failures import Misconfigured
from packcloud_async.cli.running import run
from packcloud_async.emulator import Emulator


@click.command(short_help="Serve an emulated Pack.cloud on a loopback port.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", default=0, help="0, the default, takes a free one.")
@click.option(
    "--organizations", type=click.IntRange(1), metavar="N", default=3, show_default=True, help="org_1, org_2, ..."
)
@click.option(
    "--integrations", type=click.IntRange(1), metavar="N", default=4, show_default=True, help="int_1, ... in each."
)
@click.option(
    "--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True, help="Another seed, other shops."
)
def emulator(*, port: int, organizations: int, integrations: int, seed: int) -> None:
    """Serve a small Pack.cloud on a loopback port until Ctrl-C, to try things out.

    It prints the two variables that point every other command at it.

    \b
    Example:
      packcloud emulator --port 8080 --organizations 10
    """
    world = Emulator(organizations=organizations, integrations=integrations, seed=seed)
    run(_serve(world, port), when_interrupted="Stopped.")


async def _serve(world: Emulator, port: int) -> None:
    async with AsyncExitStack() as stack:
        try:
            served = await stack.enter_async_context(world.serve(port=port))
        except OSError as error:
            raise Misconfigured(f"port {port} cannot be used: {error.strerror or error}") from error
        _introduce(world, served.base_url)
        await asyncio.Event().wait()


def _introduce(world: Emulator, base_url: str) -> None:
    console = console_for_prose()
    ids = world.organization_ids
    span = ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}"
    console.print(f"Serving an emulated Pack.cloud with {span} until Ctrl-C.")
    console.print("Paste this into another terminal to use it:\n")
    console.print(f"  export PACKCLOUD_BASE_URL={base_url}", soft_wrap=True)
    console.print(f"  export PACKCLOUD_TOKEN={world.token}\n", soft_wrap=True)
    console.print("and then, for example: packcloud sync org_1 --all-kinds --deadline 20")
