"""A Pack.cloud that keeps next to nothing: one number for each sync that will find something.

The emulator keeps books of everything, which is right for checking and wrong where the memory or the seconds of the
client are measured beside it in the same process. This answers the three calls a bulk run makes, for one page after the
other, with the watermarks of orders and products. `tests/test_benchmarks.py` holds it against the emulator.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from packcloud_async import Request, Response, SyncKind

Key: TypeAlias = tuple[str, str, SyncKind]

BEFORE = "2026-01-01T00:00:00.000000Z"
AFTER = "2026-01-01T00:00:01.000000Z"

_KINDS = {"orders": SyncKind.ORDERS, "products": SyncKind.PRODUCTS}
_OK = {"content-type": "application/json"}
_ACCEPTED = Response(202, {}, b"")


class LeanServer:
    """Organizations ``org_1`` and so on; ``integrations_of`` says how many integrations one has.

    ``takes`` is how many seconds a sync takes until its watermark moves, None if it finds nothing. ``latency`` is in
    seconds; a request acts when it arrives, at its beginning, and its answer comes after the latency.
    """

    def __init__(
        self,
        *,
        integrations_of: Callable[[str], int],
        takes: Callable[[Key], float | None],
        per_page: int = 25,
        latency: float = 0.05,
    ) -> None:
        self._integrations_of = integrations_of
        self._takes = takes
        self._per_page = per_page
        self._latency = latency
        self._moves_at: dict[Key, float] = {}
        self.counts: Counter[str] = Counter()

    async def send(self, request: Request) -> Response:
        """Answer one request."""
        response = self.answer(request, asyncio.get_running_loop().time())
        await asyncio.sleep(self._latency)
        return response

    async def aclose(self) -> None:
        """Do nothing: nothing is open."""

    def forget(self, organization_id: str, integration_id: str) -> None:
        """Drop what is kept of an integration whose syncs are over."""
        for kind in _KINDS.values():
            self._moves_at.pop((organization_id, integration_id, kind), None)

    @property
    def moving(self) -> int:
        """How many watermarks moved, or are going to."""
        return len(self._moves_at)

    def moved_at(self, key: Key) -> float | None:
        """Return the instant the watermark moves, None if it does not."""
        return self._moves_at.get(key)

    @property
    def moves(self) -> Mapping[Key, float]:
        """The instants of all watermarks that moved, or are going to."""
        return self._moves_at

    def answer(self, request: Request, now: float) -> Response:
        """Return the answer to a request that acts at this instant."""
        path, _, query = request.url.partition("?")
        organization_id, *rest = path.split("/")[5:]
        if request.method == "POST":
            self.counts["posts"] += 1
            self._start((organization_id, rest[1], _KINDS[rest[2]]), now)
            return _ACCEPTED
        if len(rest) == 1:
            self.counts["lists"] += 1
            return self._page(path, organization_id, int(query.removeprefix("cursor=") or 0), now)
        self.counts["singles"] += 1
        body = f'{{"data":{self._integration(organization_id, rest[1], now)}}}'
        return Response(200, _OK, body.encode())

    def _start(self, key: Key, now: float) -> None:
        takes = self._takes(key)
        if takes is not None:
            self._moves_at[key] = now + takes

    def _page(self, path: str, organization_id: str, first: int, now: float) -> Response:
        count = self._integrations_of(organization_id)
        end = min(first + self._per_page, count)
        items = ",".join(self._integration(organization_id, f"int_{n + 1}", now) for n in range(first, end))
        following = f'"{path}?cursor={end}"' if end < count else "null"
        body = f'{{"data":[{items}],"links":{{"prev":null,"next":{following}}},"meta":{{"per_page":{self._per_page}}}}}'
        return Response(200, _OK, body.encode())

    def _integration(self, organization_id: str, integration_id: str, now: float) -> str:
        orders, products = (self._watermark((organization_id, integration_id, kind), now) for kind in _KINDS.values())
        return (
            f'{{"id":"{integration_id}","category":"shop","name":"Shop {integration_id}","order_sync_enabled":true,'
            f'"product_sync_enabled":true,"stock_sync_enabled":false,"created_at":"{BEFORE}","updated_at":"{BEFORE}",'
            f'"order_sync_updated_at":"{orders}","product_sync_updated_at":"{products}"}}'
        )

    def _watermark(self, key: Key, now: float) -> str:
        moves_at = self._moves_at.get(key)
        return AFTER if moves_at is not None and moves_at <= now else BEFORE
