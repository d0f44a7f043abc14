"""A transport without network that answers from a list."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from attrs import define, field, frozen

from packcloud_async import Request, Response

Answer: TypeAlias = int | Response | Exception | Callable[[Request], Awaitable[Response]]


@frozen
class Sent:
    """A request and the loop's time when it left."""

    at: float
    request: Request


@define
class ScriptedTransport:
    """One answer for each request, the last for all further ones: a response, a bare status, an exception to
    raise, or a coroutine function of the request.
    """

    answers: list[Answer]
    sent: list[Sent] = field(factory=list[Sent], init=False)
    closings: int = field(default=0, init=False)

    async def send(self, request: Request) -> Response:
        answer = self.answers[min(len(self.sent), len(self.answers) - 1)]
        self.sent.append(Sent(asyncio.get_running_loop().time(), request))
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return Response(answer)
        return answer if isinstance(answer, Response) else await answer(request)

    async def aclose(self) -> None:
        self.closings += 1

    @property
    def times(self) -> list[float]:
        return [sent.at for sent in self.sent]

    @property
    def urls(self) -> list[str]:
        return [sent.request.url for sent in self.sent]

    @property
    def headers(self) -> list[Mapping[str, str]]:
        return [sent.request.headers for sent in self.sent]


def says(status: int = 200, body: Any = b"", **headers: str) -> Response:
    """Return a response; ``retry_after=`` becomes ``retry-after``. A body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
