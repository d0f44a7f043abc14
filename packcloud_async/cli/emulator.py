"""packcloud emulator: a small Pack.cloud on a loopback port, until Ctrl-C."""

import asyncio
import shlex
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click
from click.core import ParameterSource

from packcloud_async.cli.console import clean, console_for_prose
from packcloud_async.cli.emulator_state import SavedState
from packcloud_async.cli.failures import Misconfigured, failure_of
from packcloud_async.cli.running import run
from packcloud_async.emulator import Emulator, plans_from
from packcloud_async.emulator.shops import MOST
from packcloud_async.errors import ConfigurationError

_SAID_BY_A_FILE = ("organizations", "integrations", "seed")


@click.command(short_help="Serve an emulated Pack.cloud on a loopback port.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", default=0, help="0, the default, takes a free one.")
@click.option(
    "--organizations", type=click.IntRange(1, MOST), metavar="N", default=3, show_default=True, help="org_1, org_2, ..."
)
@click.option(
    "--integrations",
    type=click.IntRange(1, MOST),
    metavar="N",
    default=4,
    show_default=True,
    help="int_1, ... in each.",
)
@click.option(
    "--seed", type=click.IntRange(0), metavar="N", default=0, show_default=True, help="Another seed, other shops."
)
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE", help="A .toml or .json file that says what there is."
)
@click.option(
    "--fault", "faults", multiple=True, metavar="FAULT", help="What goes wrong, and how often; may be given again."
)
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the state there, at the end and on a signal."
)
@click.option("--force", is_flag=True, help="With --save: replace another file than that of --data.")
@click.pass_context
def emulator(
    context: click.Context,
    *,
    port: int,
    organizations: int,
    integrations: int,
    seed: int,
    data: Path | None,
    faults: Sequence[str],
    save: Path | None,
    force: bool,
) -> None:
    """Serve a small Pack.cloud on a loopback port until Ctrl-C, to try things out, or to test in any language.

    It prints the two variables that point every other command at it, and the address of a page that shows what
    happens.

    A FAULT is [METHOD ]ROUTES:WHAT[:HOW_OFTEN], such as sync_orders:503:0.1 (one in ten), "GET *:drop_after:x2" (the
    first two of each call that reads) or *:latency:0.1-0.5 (seconds). docs/emulator.md has all of them, and what a
    file of data may say.

    With --save the state is also written on the signal USR1, and the signal TERM ends it in good order. --data goes on
    with what was saved.

    \b
    Examples:
      packcloud emulator --port 8080 --organizations 10
      packcloud emulator --fault 'sync_*:503:0.1' --fault '*:latency:0.2'
      packcloud emulator --data shops.toml
      packcloud emulator --data state.json --save state.json
    """
    given = [name for name in _SAID_BY_A_FILE if context.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if data is not None and given:
        raise click.UsageError(f"--{given[0]} is said by the file of --data: give one of them, not both.")
    try:
        plans = plans_from(faults)
        world = (
            Emulator(organizations=organizations, integrations=integrations, seed=seed, faults=plans)
            if data is None
            else Emulator.from_file(data, faults=plans)
        )
    except ConfigurationError as error:
        raise failure_of(error) from error
    saved = None if save is None else SavedState(world, save)
    if saved is not None and (objection := saved.objection(may_replace=save if force else data)) is not None:
        raise Misconfigured(objection)
    run(_serve(world, port, saved), when_interrupted="Stopped.")


async def _serve(world: Emulator, port: int, saved: SavedState | None) -> None:
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        if saved is not None:
            # Before the server, so that it is closed when the state is written.
            stack.enter_context(saved.kept(stop))
        try:
            served = await stack.enter_async_context(world.serve(port=port, page=True))
        except OSError as error:
            if saved is not None:
                saved.give_up()
            raise Misconfigured(f"port {port} cannot be used: {error.strerror or error}") from error
        _introduce(world, served.base_url)
        if saved is not None:
            saved.introduce()
        await stop.wait()


def _introduce(world: Emulator, base_url: str) -> None:
    console = console_for_prose()
    ids = world.organization_ids
    first, last = (clean(ids[0]), clean(ids[-1])) if ids else ("no organizations", "")
    span = f"{first} to {last}" if len(ids) > 1 else first
    console.print(f"Serving an emulated Pack.cloud with {span} until Ctrl-C.", soft_wrap=True)
    console.print(f"What happens shows at {base_url}/", soft_wrap=True)
    console.print("Paste this into another terminal to use it:\n")
    console.print(f"  export PACKCLOUD_BASE_URL={base_url}", soft_wrap=True)
    console.print(f"  export PACKCLOUD_TOKEN={world.token}\n", soft_wrap=True)
    if ids:
        command = f"packcloud sync {shlex.quote(first)} --all-kinds --deadline 20"
        console.print(f"and then, for example: {command}", soft_wrap=True)
