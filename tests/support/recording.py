"""A transport that notes what passes through it, and lets a test step in."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from attrs import define, field, frozen

from packcloud_async import Request, Response, Transport


@frozen
class Sent:
    """One request: the loop's time when it left, its method and its path below ``/v1/organizations/``."""

    at: float
    method: str
    path: str


StepIn = Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]


@define
class RecordingTransport:
    """Passes everything on; ``step_in(request, send)`` may answer in place of the inner transport."""

    inner: Transport
    step_in: StepIn | None = None
    sent: list[Sent] = field(factory=list)

    async def send(self, request: Request) -> Response:
        path = urlsplit(request.url).path.removeprefix("/v1/organizations/")
        self.sent.append(Sent(asyncio.get_running_loop().time(), request.method, path))
        if self.step_in is not None:
            return await self.step_in(request, self.inner.send)
        return await self.inner.send(request)

    async def aclose(self) -> None:
        await self.inner.aclose()

    def count(self, method: str, ending: str = "") -> int:
        return len(self.times(method, ending))

    def times(self, method: str, ending: str = "") -> list[float]:
        return [sent.at for sent in self.sent if sent.method == method and sent.path.endswith(ending)]
