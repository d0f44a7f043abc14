"""An emulator on a loopback port, served by a thread: for tests of any kind, with or without an event loop."""

import asyncio
import threading
from collections.abc import Coroutine, Generator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager

from attrs import frozen

from packcloud_async.emulator import Emulator


@frozen
class ServedEmulator:
    """An emulator that is being served; ``base_url`` is what a client takes, without a slash at the end."""

    base_url: str
    emulator: Emulator

    @property
    def token(self) -> str:
        """The token a client must send."""
        return self.emulator.token

    @property
    def environment(self) -> Mapping[str, str]:
        """What ``PackCloudClient.from_env()`` and the command line read, for ``monkeypatch.setenv``."""
        return {"PACKCLOUD_BASE_URL": self.base_url, "PACKCLOUD_TOKEN": self.token}


@contextmanager
def serving(emulator: Emulator, *, port: int = 0) -> Generator[ServedEmulator]:
    """Serve an emulator on a loopback address while the ``with`` block runs, on real time; port 0 takes a free one.

    A thread of its own does it, so that tests without an event loop, and those that block theirs, are answered too.
    Use the emulator's ``transport()`` before or after the block, not inside: two threads would move it at once. Raises
    :class:`OSError` on entering when nobody can listen on the port.
    """
    # Made and closed out here, so that the block can always tell the thread to end, whatever interrupts it.
    loop, over, base_url = asyncio.SelectorEventLoop(), asyncio.Event(), Future[str]()
    thread = threading.Thread(
        target=_run, args=(loop, _until_over(emulator, port, over, base_url)), name="packcloud-emulator", daemon=True
    )
    thread.start()
    try:
        yield ServedEmulator(base_url.result(), emulator)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def _run(loop: asyncio.AbstractEventLoop, main: Coroutine[object, None, None]) -> None:
    loop.run_until_complete(main)
    loop.run_until_complete(loop.shutdown_asyncgens())


async def _until_over(emulator: Emulator, port: int, over: asyncio.Event, base_url: Future[str]) -> None:
    try:
        async with emulator.serve(port=port) as served:
            base_url.set_result(served.base_url)
            await over.wait()
    except BaseException as error:
        if base_url.done():
            raise
        base_url.set_exception(error)
