"""A headless Chromium, spoken to by its DevTools protocol; Debian's package is ``chromium``."""

import asyncio
import itertools
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
from attrs import define, field

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    # Whatever of the browser's own wants to go out all the same finds nobody.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)


@define
class Tab:
    """One page; ``complaints`` are what its console, its exceptions and its security policy told."""

    _socket: aiohttp.ClientWebSocketResponse
    complaints: list[str] = field(factory=list)
    requested: list[str] = field(factory=list)
    _numbers: Any = field(factory=lambda: itertools.count(1))

    async def ask(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            # Not receive_json(), which mistakes the type of a message while coverage is measured.
            received = await self._socket.receive()
            assert isinstance(received.data, str), "the browser has gone"
            message = json.loads(received.data)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._hear(message.get("method"), message.get("params"))

    async def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page, by the browser and not by its content security policy."""
        result = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true; the caller's time limit ends it."""
        while not await self.evaluate(expression):  # noqa: ASYNC110 - a page tells nobody
            await asyncio.sleep(0.02)

    async def until_it_complains(self) -> None:
        """Wait until there is a complaint; the caller's time limit ends it."""
        while not self.complaints:
            await self.evaluate("0")

    def _hear(self, method: str | None, told: Any) -> None:
        match method:
            case "Runtime.exceptionThrown":
                self.complaints.append(told["exceptionDetails"].get("exception", {}).get("description", "exception"))
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(told["args"]))
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requested.append(told["request"]["url"])
            case _:
                pass


@asynccontextmanager
async def opened(url: str, profile: Path) -> AsyncIterator[Tab]:
    """Open a page in a browser of its own, which ends with the block."""
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *_FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.TaskGroup() as group:
        try:
            address = await _address_told_on(process.stderr)
            # What is not read would fill the pipe; it ends with the process.
            group.create_task(process.stderr.read())
            async with aiohttp.ClientSession() as session, _tab_of(session, address) as tab:
                for domain in ("Runtime", "Log", "Network", "Page"):
                    await tab.ask(f"{domain}.enable")
                await tab.ask("Page.navigate", url=url)
                await tab.until("document.readyState === 'complete'")
                yield tab
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _address_told_on(stderr: asyncio.StreamReader) -> str:
    while told := await stderr.readline():
        if found := re.search(rb"ws://([\w.:]+)/", told):
            return found[1].decode()
    raise AssertionError("the browser ended before it listened")


@asynccontextmanager
async def _tab_of(session: aiohttp.ClientSession, address: str) -> AsyncIterator[Tab]:
    async with session.get(f"http://{address}/json") as response:
        (page,) = [item for item in await response.json() if item["type"] == "page"]
    async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
        yield Tab(socket)
