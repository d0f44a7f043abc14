"""Runs the asynchronous part of a command, and turns how it ends into what a command line says."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from packcloud_async.cli.failures import Interrupted, failure_of
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import PackCloudError

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], *, when_interrupted: str = "Interrupted.") -> T:
    """Run to the end; raises a :class:`click.ClickException` for an error of the library and for Ctrl-C."""
    try:
        # Not asyncio.run, which unsets the event loop of a program that calls main() itself.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            return runner.run(main)
    except KeyboardInterrupt:
        raise Interrupted(when_interrupted) from None
    except PackCloudError as error:
        raise failure_of(error) from error


def run_with_client(act: Callable[[PackCloudClient], Awaitable[T]], *, when_interrupted: str = "Interrupted.") -> T:
    """Run something with the client the environment describes, closed afterwards."""

    async def main() -> T:
        async with PackCloudClient.from_env() as client:
            return await act(client)

    return run(main(), when_interrupted=when_interrupted)
