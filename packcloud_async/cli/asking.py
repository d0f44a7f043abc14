"""Asks a service questions, one after the other, with GETs and nothing else."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from packcloud_async._sansio.inquiries import Answer, Answered, Silence, asks_again, inquiry, reason_to_stop
from packcloud_async.client import PackCloudClient
from packcloud_async.errors import InvalidResponse, TransportError


class Asking:
    """The questions put to the service of a client; the same one is asked once.

    ``deadline`` is seconds from now after which nothing is asked any more. ``on_answer`` is called after each answer.
    """

    def __init__(self, client: PackCloudClient, *, deadline: float, on_answer: Callable[[], None]) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + deadline
        self._on_answer = on_answer
        self._known: dict[str, Answer] = {}
        self._asked: list[Answer] = []

    @property
    def answered(self) -> Sequence[Answered]:
        """Every answer so far, in the order they came."""
        return [answer for answer in self._asked if isinstance(answer, Answered)]

    async def ask(self, target: str, *, keeps_body: bool = False, named_path: str | None = None) -> Answer:
        """Send a GET and say what was answered; the target is a path, or a URL on the origin of the client."""
        if target not in self._known:
            self._known[target] = await self._ask(target, keeps_body=keeps_body, named_path=named_path)
        return self._known[target]

    async def _ask(self, target: str, *, keeps_body: bool, named_path: str | None) -> Answer:
        if (reason := reason_to_stop(self._asked)) is not None:
            return Silence(reason, was_asked=False)
        times = 0
        while True:
            if self._loop.time() >= self._ends_at:
                return self._asked[-1] if times else Silence("the time was up", was_asked=False)
            answer = await self._once(target, keeps_body=keeps_body, named_path=named_path)
            times += 1
            self._asked.append(answer)
            self._on_answer()
            if not asks_again(answer, asked=times):
                return answer

    async def _once(self, target: str, *, keeps_body: bool, named_path: str | None) -> Answer:
        began, waited, sent = self._loop.time(), self._client.budget.waited, self._client.requests_sent
        try:
            async with asyncio.timeout_at(self._ends_at):
                response = await self._client.call(inquiry(target, keeps_body=keeps_body, named_path=named_path))
        except TimeoutError:
            if self._client.requests_sent == sent:
                return Silence("a limit left no turn before the time was up", was_asked=False)
            return Silence("the time was up")
        except (TransportError, InvalidResponse) as error:
            return Silence(str(error))
        return Answered(
            status=response.status,
            headers=response.headers,
            body=response.body if keeps_body and response.damage is None else None,
            is_too_large=response.damage is not None,
            elapsed=self._loop.time() - began - (self._client.budget.waited - waited),
            received_at=datetime.now(UTC),
        )
