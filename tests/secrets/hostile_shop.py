"""A Pack.cloud whose every text is one hostile text, on a loopback port in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from attrs import define

from ..support.misbehaving_server import Connection, Received, answer, misbehaving


@define
class HostileShop:
    """Says ``text`` wherever it can; ``refuses`` names the endings of paths that it answers with an error."""

    text: str = ""
    refuses: tuple[str, ...] = ()
    base_url: str = ""

    async def play(self, connection: Connection) -> None:
        while True:
            await connection.send(self._answer(await connection.request()))

    def _answer(self, asked: Received) -> bytes:
        path = asked.target.partition("?")[0]
        if path.endswith(self.refuses):
            told = {"message": self.text, "errors": {self.text: [self.text]}}
            return answer(422, told, x_request_id=quoted_header(self.text))
        if asked.method == "DELETE":
            return answer(204)
        if asked.method == "POST":
            is_creation = path.endswith("/integrations")
            return answer(201 if is_creation else 202, {"data": self._integration() if is_creation else self._told()})
        content = self._content(path)
        return answer(200, {"data": content, **({"links": {"next": None}} if isinstance(content, list) else {})})

    def _content(self, path: str) -> Any:
        if path.endswith("/integrations"):
            return [self._integration()]
        if path.endswith("/actions"):
            form = {"key": self.text, self.text: self.text}
            return [{"code": self.text, "name": self.text, "fields": [form], self.text: self.text}]
        if path.endswith("/settings"):
            return self._told()
        if path.endswith("/shipping-services"):
            return []
        return self._integration()

    def _told(self) -> dict[str, Any]:
        return {self.text: self.text, "deep": {self.text: [self.text]}}

    def _integration(self) -> dict[str, Any]:
        text = self.text
        known = dict.fromkeys(("id", "name", "category", "order_sync_updated_at", "product_sync_updated_at"), text)
        switches = dict.fromkeys(("order_sync_enabled", "product_sync_enabled", "stock_sync_enabled"), True)
        return {**known, **switches, "created_at": text, "updated_at": text, text: text, "more": {text: [text]}}


def quoted_header(text: str) -> str:
    """As much of a text as a header can carry."""
    return "".join(c for c in text if c not in "\r\n\0").encode("utf-8", "replace").decode("latin-1")


@contextlib.contextmanager
def served(shop: HostileShop) -> Iterator[HostileShop]:
    """Serve it until the block is left, where commands of this process and of others reach it."""
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async with misbehaving(shop.play) as server:
            shop.base_url = server.base_url
            loops.append(asyncio.get_running_loop())
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(10)
    try:
        yield shop
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(10)
