"""Closing a client from where no event loop runs: on its own loop as long as there is one."""

import asyncio

from packcloud_async.client import PackCloudClient

PATIENCE = 30
"""Seconds for a loop of another thread to close it."""


def close(client: PackCloudClient) -> None:
    """Close a client on the loop it was used on, which may belong to another thread, or stand still, or be gone."""
    loop = client._pipeline.loop  # noqa: SLF001 - a user has no need of it  # pyright: ignore[reportPrivateUsage]
    if loop is None or loop.is_closed():
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(client.aclose())
    elif loop.is_running():
        asyncio.run_coroutine_threadsafe(client.aclose(), loop).result(PATIENCE)
    else:
        loop.run_until_complete(client.aclose())
