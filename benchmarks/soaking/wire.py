"""What the clients of a wave sent and got, noted where it leaves and arrives."""

import asyncio
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from packcloud_async import Request, Response, Transport, TransportError

UNSENT, LOST, CUT = "unsent", "lost", "cut"
"""A request certainly never left; its answer was lost; its sender was cancelled."""


@define
class WireLog:
    """Instants are those of the loop's clock.

    ``sent`` are the sync POSTs as [path, sent at, done at, status or what else became of it, whether the answer said
    when to come back]. ``received`` are the answers that arrived whole, request number -> [sent at, done at].
    """

    sent: list[list[Any]] = field(factory=list)
    received: dict[int, list[float]] = field(factory=dict)
    requests: int = 0


@define(eq=False)
class Tap:
    """A transport that notes what passes; ``log`` may be replaced between waves."""

    inner: Transport
    log: WireLog

    async def send(self, request: Request) -> Response:
        """Pass a request on."""
        log, sent_at = self.log, _now()
        log.requests += 1
        try:
            response = await self.inner.send(request)
        except BaseException as error:
            self._note(log, request, sent_at, _became(error))
            raise
        self._note(log, request, sent_at, response.status, comes_back="retry-after" in response.headers)
        if response.damage is None:
            log.received[_number(response.headers)] = [sent_at, _now()]
        return response

    def _note(
        self, log: WireLog, request: Request, sent_at: float, became: int | str, *, comes_back: bool = False
    ) -> None:
        if request.method == "POST":
            path = "/" + request.url.split("/", 3)[3]
            log.sent.append([path, sent_at, _now(), became, comes_back])

    async def aclose(self) -> None:
        """Close it."""
        await self.inner.aclose()


def _became(error: BaseException) -> str:
    if isinstance(error, TransportError):
        return LOST if error.maybe_sent else UNSENT
    return CUT


def _number(headers: Mapping[str, str]) -> int:
    return int(headers.get("x-request-id", "req_0").removeprefix("req_"))


def _now() -> float:
    return asyncio.get_running_loop().time()
