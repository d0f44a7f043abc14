import asyncio

import pytest

from packcloud_async import Request, Response

from .scripted_transport import ScriptedTransport, says

REQUEST = Request("GET", "https://api.pack.cloud/v1")


async def test_answers_come_in_order_and_the_last_stays():
    async def echo(request):
        await asyncio.sleep(5)
        return Response(299, body=request.url.encode())

    transport = ScriptedTransport([503, LookupError("scripted"), echo, says(201, {"id": 1}, retry_after="7")])
    assert await transport.send(REQUEST) == Response(503)
    with pytest.raises(LookupError, match="scripted"):
        await transport.send(REQUEST)
    assert (await transport.send(REQUEST)).body == b"https://api.pack.cloud/v1"
    for _ in range(2):
        assert await transport.send(REQUEST) == Response(201, {"retry-after": "7"}, b'{"id": 1}')
    assert transport.times == [0, 0, 0, 5, 5]
    assert transport.urls == [REQUEST.url] * 5
