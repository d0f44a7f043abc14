"""The browser of the tests goes nowhere but to this machine."""

import asyncio
from pathlib import Path

import pytest
from yarl import URL

from packcloud_async.emulator import Emulator

from .browser import PROGRAM, opened

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: Debian has it in the package chromium"),
]


async def test_it_finds_no_machine_by_its_name(tmp_path: Path) -> None:
    async with Emulator().serve(page=True) as served, asyncio.timeout(60), opened(served.base_url, tmp_path) as tab:
        assert await tab.evaluate("location.hostname") == "127.0.0.1"
        told = await tab.ask("Page.navigate", url=str(URL(served.base_url).with_host("localhost")))
        assert told.get("errorText") == "net::ERR_NAME_NOT_RESOLVED"
