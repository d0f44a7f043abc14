"""An emulator and a client on it, in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen

from packcloud_async import Organization, PackCloudClient, PollPolicy
from packcloud_async.emulator import Emulator

from .recording import RecordingTransport, StepIn

STEADY = PollPolicy(first=1, growth=1.5, ceiling=10, deadline=60, jitter=0, gone_after=10)
"""Reads at known instants: no jitter."""


@frozen
class Shop:
    emulator: Emulator
    client: PackCloudClient
    transport: RecordingTransport

    @property
    def org(self) -> Organization:
        return self.client.organization("org_1")

    def connect(self, **options: Any) -> PackCloudClient:
        """A second client of the same emulator, as another process would have."""
        options = {"probes": {}, **options}
        return PackCloudClient(token=self.emulator.token, transport=self.emulator.transport(), **options)


@asynccontextmanager
async def open_shop(*, step_in: StepIn | None = None, client: Any = None, **emulator: Any) -> AsyncIterator[Shop]:
    server = Emulator(**emulator)
    transport = RecordingTransport(server.transport(), step_in)
    # Without probes unless a test is about them: they would add reads to what most tests count.
    options = {"probes": {}, **(client or {})}
    async with PackCloudClient(token=server.token, transport=transport, **options) as packcloud:
        yield Shop(server, packcloud, transport)


async def slow_to_cancel(request, send):
    """Step in as a transport that takes three seconds to give up when it is cancelled."""
    try:
        return await send(request)
    except asyncio.CancelledError:
        await asyncio.sleep(3)
        raise
