"""The server of one cell: it answers well, but for the requests that the fault of the cell is for."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, field, frozen

from packcloud_async import PackCloudClient, RetryDetails, RetryPolicy

from ..support.misbehaving_server import Connection, MisbehavingServer, Received
from .calls import CallClass, Ending, KindOfCall
from .faults import Door, Fault, Good
from .good_answers import good_answer

SOMETHING = "/v1/organizations/org_1/integrations/int_1"
TOKEN = "s3cret-t0ken"
RETRY = RetryPolicy(attempts=2, first=0, retry_after_ceiling=1.2, budget=None)
"""Two attempts tell whether a request is repeated; nothing waits but for what a server asks."""


@frozen(kw_only=True)
class Seen:
    """What became of one cell: the ending of the call, how many faulted requests the server read, how many ``arrived``
    in all, of the method and after the lead-in, and whether the next call went over the connection of the last one;
    None when there was no connection. ``waits`` are those before each retry, in seconds, as told to ``on_retry``;
    ``paused``: whether the call took as long as the server asked.
    """

    ending: Ending
    read: int
    arrived: int
    reused: bool | None
    waits: list[float]
    paused: bool


@define(eq=False)
class Stage:
    """Plays the fault after the lead-in of the call until it is healed."""

    fault: Fault
    call: KindOfCall
    server: MisbehavingServer = field(init=False)
    healed: bool = field(default=False, init=False)
    synced: bool = field(default=False, init=False)
    answered: int = field(default=0, init=False)
    read: int = field(default=0, init=False)
    waits: list[float] = field(factory=list[float], init=False)
    hit: list[int] = field(factory=list[int], init=False)
    """The connections the fault was played on."""
    was_between: asyncio.Event = field(factory=asyncio.Event, init=False)
    _door_is_set: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.server = MisbehavingServer((self._play,))

    @property
    def lead_in(self) -> int:
        return self.call.lead_in + self.fault.warm

    @property
    def is_on(self) -> bool:
        return not self.healed and self.fault.between is None and self.answered >= self.lead_in

    def retried(self, details: RetryDetails) -> None:
        self.waits.append(details.wait)

    async def open(self) -> None:
        await self.server.listen(tls=_made(self.fault.tls))
        if self.is_on:
            await self._set_door()

    async def heal(self) -> None:
        self.healed = True
        if self._door_is_set:
            self._door_is_set = False
            await self.server.listen(tls=_made(self.fault.tls))

    async def _set_door(self) -> None:
        self._door_is_set = self.fault.door is not Door.OPEN
        match self.fault.door:
            case Door.SHUT:
                self.server.deafen()
            case Door.OTHER:
                await self.server.listen(tls=_made(self.fault.other_tls))
            case Door.OPEN:
                pass

    async def _play(self, connection: Connection) -> None:
        while True:
            if self.is_on and not self.fault.reads:
                self._met(connection)
                await self.fault.play(connection, None)
                return
            request = await connection.request()
            if self._is_for(request):
                self.read += 1
                self._met(connection)
                if not await self.fault.play(connection, self._good(request)):
                    return
            elif not await self._answer(connection, request):
                return

    def _is_for(self, request: Received) -> bool:
        return self.is_on and self.fault.reads and request.method == self.call.method

    def _met(self, connection: Connection) -> None:
        self.hit.append(connection.number)
        self.healed = self.healed or self.call.is_once

    async def _answer(self, connection: Connection, request: Received) -> bool:
        good = self._good(request)
        self.answered += 1
        closes = self.is_on and (self.fault.door is not Door.OPEN or not self.fault.reads)
        if closes:
            await self._set_door()
        await connection.send(good.whole(**({"connection": "close"} if closes else {})))
        if self.fault.between is not None and self.answered == (1 if self.fault.idle else self.lead_in):
            self._met(connection)
            goes_on = await self.fault.between(connection, good)
            self.was_between.set()
            return goes_on
        return not closes

    def _good(self, request: Received) -> Good:
        self.synced = self.synced or request.target.endswith("/sync")
        moved = self.synced and self.call.belongs_to is not CallClass.JOB
        status, document = good_answer(
            request.method, request.target, synced=moved, list_goes_on=self.call.lead_in == 1
        )
        return Good(status, document, request)


@asynccontextmanager
async def staged(fault: Fault, call: KindOfCall) -> AsyncIterator[tuple[Stage, PackCloudClient]]:
    """A stage and a client on it, with a connection that is as warm as it must be."""
    stage = Stage(fault, call)
    await stage.open()
    async with contextlib.AsyncExitStack() as resources:
        resources.push_async_callback(stage.server.end)
        options: dict[str, Any] = {"token": TOKEN, "timeouts": fault.timeouts, **fault.options()}
        if fault.session is not None:
            session = await resources.enter_async_context(fault.session(lambda: stage.is_on))
            options["session"] = session
        base_url = f"{'https' if fault.tls else 'http'}://{fault.host}:{stage.server.port}"
        client = PackCloudClient(base_url=base_url, allow_insecure=True, retry=RETRY, on_retry=stage.retried, **options)
        await resources.enter_async_context(client)
        if fault.stranger:
            async with options["session"].get(base_url + SOMETHING) as answered:
                await answered.read()
        elif fault.warm:
            await client.request("GET", SOMETHING)
        yield stage, client


async def see(fault: Fault, call: KindOfCall) -> Seen:
    """Make one call against one fault, and one more when it is over."""
    async with asyncio.timeout(fault.within), staged(fault, call) as (stage, client):
        if fault.idle:
            await stage.was_between.wait()
            await asyncio.sleep(0.01)
        began = asyncio.get_running_loop().time()
        ending = await call.run(client, stage.heal)
        took = asyncio.get_running_loop().time() - began
        await stage.heal()
        before = len(stage.server.received)
        await client.request("GET", SOMETHING)
        return Seen(
            ending=ending,
            read=stage.read,
            arrived=_arrived(stage),
            reused=_reused(stage, before),
            waits=stage.waits,
            paused=fault.wish is not None and took >= fault.wish,
        )


def _arrived(stage: Stage) -> int:
    # The next call is over by now and is a GET: what was written twice may be read late.
    methods = [request.method for request in stage.server.received[stage.lead_in :]]
    return methods.count(stage.call.method) - (stage.call.method == "GET")


def _reused(stage: Stage, before: int) -> bool | None:
    if not stage.hit or stage.fault.door is not Door.OPEN:
        return None
    if stage.fault.between is not None:
        following = 1 if stage.fault.idle else stage.lead_in
    else:
        # The next request of a watch comes by itself.
        following = stage.lead_in + stage.read if stage.call.is_once else before
    return stage.server.received[following].connection == stage.hit[-1]


def _made(context: Callable[[], ssl.SSLContext] | None) -> ssl.SSLContext | None:
    return None if context is None else context()
