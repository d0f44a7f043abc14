"""What one request may cost, counted: a change after which it needs more fails here, on any machine.

Each number is what was counted when the line was written, with a little room: not every release of Python counts alike.
"""

import asyncio
import gc
import sys
from collections import Counter
from pathlib import Path

import pytest

import packcloud_async
from packcloud_async import PackCloudClient, Response, Timeouts
from packcloud_async._io.origin import Origin
from packcloud_async._io.transport import AiohttpTransport
from packcloud_async._sansio import readers

from .io.connecting import INTEGRATION
from .support.counting import Counting
from .support.misbehaving_server import answer, misbehaving

pytestmark = pytest.mark.own_interpreter

PACKAGE = str(Path(packcloud_async.__file__).parent)
PAGE = {"data": [{**INTEGRATION, "id": f"int_{n}"} for n in range(25)], "links": {"next": None}}
REQUESTS = 200


class Always:
    """Answers every request with the same, in memory."""

    def __init__(self, document):
        self._body = answer(200, document).partition(b"\r\n\r\n")[2]

    async def send(self, request):
        return Response(200, {"content-type": "application/json"}, self._body)

    async def aclose(self):
        pass


async def get_one(client):
    await client.organization("org_1").integrations.get("int_1")


async def get_page(client):
    assert len([integration async for integration in client.organization("org_1").integrations.list()]) == 25


async def sync(client):
    await client.organization("org_1").integrations.sync_orders("int_1")


async def calls_of(act, client, *, times=20):
    """Return how many functions of the package are entered for one of them; coroutines count each time they go on."""
    counts = Counter()

    def profile(frame, event, _):
        code = frame.f_code
        if event == "call" and (code.co_filename.startswith((PACKAGE, "<attrs generated", "<cattrs generated", "<"))):
            counts[code.co_qualname] += 1

    for _ in range(5):
        await act(client)
    sys.setprofile(profile)
    try:
        for _ in range(times):
            await act(client)
    finally:
        sys.setprofile(None)
    return counts, sum(counts.values()) / times


@pytest.fixture
def readers_that_saw_nothing():
    """What readers know of names is the process's, and so are the lessons other tests used up."""
    readers._models.cache_clear()


@pytest.mark.usefixtures("readers_that_saw_nothing")
@pytest.mark.parametrize(
    ("act", "document", "most"),
    [(get_one, {"data": INTEGRATION}, 78), (get_page, PAGE, 117), (sync, {}, 80)],
    ids=["one", "page of 25", "sync"],
)
async def test_so_many_functions_are_entered(act, document, most):
    async with PackCloudClient(token="t", transport=Always(document)) as client:
        counts, each = await calls_of(act, client)
    assert each <= most, counts.most_common(12)


class CountingLoop(Counting, asyncio.SelectorEventLoop):
    """Counts the timers, the tasks and the callbacks it is asked for."""


async def answering_all(connection):
    while True:
        await connection.request()
        await connection.send(answer(200, {"data": INTEGRATION}))


@pytest.mark.sockets
def test_a_request_needs_no_task_and_no_timer_and_leaves_no_garbage():
    """Two timers for all that is under way, whatever the limits; aiohttp's own would be three for each request."""

    async def play():
        loop = asyncio.get_running_loop()
        async with misbehaving(answering_all) as server:
            async with PackCloudClient(token="t", base_url=server.base_url, timeouts=Timeouts()) as client:
                for _ in range(5):
                    await get_one(client)
                gc.collect()
                gc.disable()
                try:
                    loop.counts.clear()
                    for _ in range(REQUESTS):
                        await get_one(client)
                    return dict(loop.counts), gc.collect()
                finally:
                    gc.enable()

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        counts, garbage = runner.run(play())
    assert counts.get("tasks", 0) == 0
    assert counts.get("timers", 0) <= 5
    # The task wakes, and so does the server's, which lives on the same loop.
    assert counts["callbacks"] <= 4 * REQUESTS
    assert garbage < REQUESTS


async def test_a_request_asks_for_its_loop_once():
    """Asking is a call of the system on Python 3.11."""
    asked = 0

    def profile(frame, event, called):
        nonlocal asked
        asked += event == "c_call" and called is asyncio.get_running_loop

    async with PackCloudClient(token="t", transport=Always({"data": INTEGRATION})) as client:
        await get_one(client)
        sys.setprofile(profile)
        try:
            await get_one(client)
        finally:
            sys.setprofile(None)
    assert asked == 1


@pytest.mark.sockets
async def test_a_good_answer_makes_no_table_of_its_headers_and_its_request_no_second_head(monkeypatch):
    responses, heads = [], []
    send, write = AiohttpTransport.send, Origin.write

    async def kept(self, request):
        responses.append(await send(self, request))
        return responses[-1]

    async def counted(self, headers):
        heads.append(await write(self, headers))
        return heads[-1]

    monkeypatch.setattr(AiohttpTransport, "send", kept)
    monkeypatch.setattr(Origin, "write", counted)
    async with misbehaving(answering_all) as server:
        async with PackCloudClient(token="t", base_url=server.base_url) as client:
            for _ in range(3):
                await get_one(client)
    assert [response.headers._table for response in responses] == [None] * 3
    assert len(heads) == 1
