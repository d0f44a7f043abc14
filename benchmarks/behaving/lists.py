"""A server of one list whose links go wrong, which the emulator's never do, and another host that counts who comes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import define, field

from benchmarks.measuring.answers import integration

PER_PAGE = 20
PAGES = 3


@define
class Lists:
    """What there is: ``strays`` are the requests with the token that the other host got, ``began_at`` the loop's time
    of the first request."""

    kind: str
    token: str
    base_url: str = ""
    elsewhere: str = ""
    strays: int = 0
    began_at: float | None = None
    _limited: set[int] = field(factory=set)

    @property
    def count(self) -> int:
        """How many integrations the list has."""
        return PER_PAGE * PAGES

    async def page(self, request: web.BaseRequest) -> web.Response:
        """Answer with the page that the cursor names, the first without one."""
        if self.began_at is None:
            self.began_at = asyncio.get_running_loop().time()
        number = int(request.query.get("cursor", "1"))
        if self.kind == "limited" and number == 2 and number not in self._limited:
            self._limited.add(number)
            return web.Response(status=429, headers={"retry-after": "1"}, text='{"message": "Too Many Requests"}')
        first = PER_PAGE * (number - 1)
        body = {
            "data": [integration(first + one) for one in range(1, PER_PAGE + 1)],
            "links": {"prev": None, "next": self._after(number, request.path)},
            "meta": {"per_page": PER_PAGE},
        }
        return web.Response(text=json.dumps(body), content_type="application/json")

    def _after(self, number: int, path: str) -> str | None:
        if self.kind == "back" and number == PAGES:
            return f"{self.base_url}{path}?cursor=1"
        if number == PAGES:
            return None
        host = self.elsewhere if self.kind == "elsewhere" else self.base_url
        return f"{host}{path}?cursor={number + 1}"

    async def stray(self, request: web.BaseRequest) -> web.Response:
        """Be the other host: count who brings the token, and answer as a host that wants more of it."""
        self.strays += self.token in request.headers.get("authorization", "")
        return await self.page(request)


@asynccontextmanager
async def serving_lists(kind: str, *, token: str) -> AsyncIterator[Lists]:
    """Serve both hosts on ports of loopback."""
    lists = Lists(kind, token)
    async with _served(lists.page) as base_url, _served(lists.stray) as elsewhere:
        lists.base_url, lists.elsewhere = base_url, elsewhere
        yield lists


@asynccontextmanager
async def _served(handler: object) -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
