"""Runs the asynchronous part of a command, and turns how it ends into what a command line says."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar, cast

from packcloud_async._io.telling import Hook
from packcloud_async.cli.configuration import Configuration, configured
from packcloud_async.cli.doubt import IN_DOUBT, INTERRUPTED_IN_DOUBT, Doubt
from packcloud_async.cli.failures import Interrupted, Terminated, failure_of, log_on_stderr
from packcloud_async.cli.flags import flags_in_force
from packcloud_async.cli.interrupts import Interrupts, heeding
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import PackCloudError

T = TypeVar("T")
_ENDS: Final = {signal.SIGINT: Interrupted, signal.SIGTERM: Terminated}


def run(main: Coroutine[Any, Any, T], *, when_interrupted: str = "Interrupted.", doubt: Doubt | None = None) -> T:
    """Run to the end; raises a :class:`click.ClickException` for an error of the library, for Ctrl-C and SIGTERM.

    ``doubt`` is about what it changes, None when it changes nothing.
    """

    def told() -> str:
        return INTERRUPTED_IN_DOUBT if doubt is not None and doubt.while_under_way else when_interrupted

    interrupts = Interrupts(told)
    try:
        with heeding(interrupts), log_on_stderr(is_wanted=flags_in_force().verbose):
            return _run(main, interrupts)
    except KeyboardInterrupt:
        # From a handler of the caller's own.
        raise Interrupted(told()) from None
    except asyncio.CancelledError:
        if interrupts.came is None:
            raise
        raise _ENDS[interrupts.came](told()) from None
    except OSError as error:
        if interrupts.came is None:
            raise
        # An output that takes no more, met on the way out.
        raise _ENDS[interrupts.came](told()) from error
    except PackCloudError as error:
        raise failure_of(error, hint=IN_DOUBT if doubt is not None and doubt.after(error) else None) from error


def run_with_client(
    act: Callable[[PackCloudClient], Awaitable[T]],
    *,
    when_interrupted: str = "Interrupted.",
    configuration: Configuration | None = None,
    hooks: Sequence[Hook] = (),
) -> T:
    """Run something with the client that is configured, closed afterwards; ``configuration`` None finds it here."""
    found = configured() if configuration is None else configuration
    # Read before the loop runs: a keyring may ask the user, and Ctrl-C is to reach that question.
    token = found.token()

    async def main() -> T:
        async with found.client(token, hooks=hooks) as client:
            return await act(client)

    return run(main(), when_interrupted=when_interrupted)


def run_change(act: Callable[[PackCloudClient], Awaitable[T]]) -> T:
    """Run one call that changes something; how it ends says so when the server may have done it all the same."""
    doubt, found = Doubt(), configured()
    token = found.token()

    async def main() -> T:
        async with found.client(token, on_retry=doubt.retrying) as client:
            doubt.concerns(client)
            return await act(client)

    return run(main(), doubt=doubt)


def _run(main: Coroutine[Any, Any, T], interrupts: Interrupts) -> T:
    async def heeded() -> T:
        interrupts.meant_for(cast("asyncio.Task[Any]", asyncio.current_task()))
        return await main

    # Not asyncio.run, which unsets the event loop of a program that calls main() itself.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            return runner.run(heeded())
        finally:
            interrupts.over()
