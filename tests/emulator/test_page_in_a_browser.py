"""The page of an emulator, as a real browser shows it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path

import aiohttp
import pytest

from packcloud_async import PackCloudClient, SyncKind
from packcloud_async.emulator import Emulator, FaultPlan

from ..support.browser import PROGRAM, Tab, opened

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: Debian has it in the package chromium"),
]
OWN = "document.title = 'owned'"
HOSTILE = [
    f'<img src=x onerror="{OWN}">',
    f"</td></script><script>{OWN}</script>",
    f"<svg/onload={OWN}>",
    f"javascript:{OWN}",
    "&lt;b&gt; &amp; <!--",
    "a\u202eb",
    "__proto__",
    "x" * 255,
]
PATIENCE = 30


@pytest.fixture
def emulator(tmp_path: Path) -> Emulator:
    shops = [{"id": f"i{number}", "name": name} for number, name in enumerate(HOSTILE)]
    path = tmp_path / "hostile.json"
    ids = [HOSTILE[0], "plain"]
    path.write_text(
        json.dumps({"organizations": [{"id": name, "integrations": shops} for name in ids]}), encoding="utf-8"
    )
    return Emulator.from_file(path, faults=FaultPlan(routes={"sync_stocks"}, script=[503]))


@pytest.fixture
async def base_url(emulator: Emulator) -> AsyncIterator[str]:
    async with emulator.serve(page=True) as served:
        yield served.base_url


@pytest.fixture
async def tab(base_url: str, tmp_path: Path) -> AsyncIterator[Tab]:
    async with asyncio.timeout(PATIENCE), opened(f"{base_url}/", tmp_path / "profile") as tab:
        await tab.until("document.querySelector('#organizations td') !== null")
        yield tab


def column(table: str, number: int) -> str:
    return f"[...document.querySelectorAll('#{table} tbody tr')].map(row => row.children[{number}].textContent)"


async def test_hostile_names_are_text(tab: Tab) -> None:
    assert await tab.evaluate(column("organizations", 2)) == HOSTILE * 2
    assert await tab.evaluate("document.title") == "Emulated Pack.cloud"
    assert await tab.evaluate("document.querySelectorAll('img, svg, b, td script').length") == 0
    assert tab.complaints == []


async def test_what_happens_shows_as_it_happens(tab: Tab, emulator: Emulator, base_url: str) -> None:
    assert await tab.evaluate(column("running", 0)) == ["none"]
    emulator.plan_sync("plain", "i4", SyncKind.ORDERS, moves=[(0.0, "moved <b>")], takes=600.0)
    headers = {"Authorization": f"Bearer {emulator.token}"}
    async with aiohttp.ClientSession(base_url, headers=headers) as session:
        for kind in ("orders", "stocks"):
            async with session.post(f"/v1/organizations/plain/integrations/i4/{kind}/sync?token=s3cret"):
                pass
    await tab.until("document.querySelectorAll('#requests tbody .number').length >= 4")
    assert await tab.evaluate(column("running", 1)) == ["i4"]
    assert await tab.evaluate(column("requests", 4)) == ["503", "202"]
    assert await tab.evaluate(column("requests", 5)) == ["503", ""]
    await tab.until("document.getElementById('status').textContent.includes('; 2 requests;')")
    status = await tab.evaluate("document.getElementById('status').textContent")
    assert status.endswith("; 2 requests; 1 sync accepted (0 of them again); faults: 503 1 time")
    assert "moved <b>" in await tab.evaluate(column("organizations", 4))
    shown = await tab.evaluate("document.documentElement.outerHTML")
    assert not [secret for secret in ("s3cret", emulator.token) if secret in shown]
    assert tab.complaints == []


async def test_what_is_left_out_is_told_and_how_far_a_sync_is(tmp_path: Path) -> None:
    emulator = Emulator(organizations=22, integrations=26)
    kinds = (SyncKind.ORDERS, SyncKind.PRODUCTS)
    async with PackCloudClient(token=emulator.token, transport=emulator.transport()) as client:
        shop = client.organization("org_1").integrations
        for number, kind in product(range(1, 27), kinds):
            emulator.plan_sync("org_1", f"int_{number}", kind, moves=[], takes=1e6)
            await (shop.sync_orders if kind is SyncKind.ORDERS else shop.sync_products)(f"int_{number}")
    emulator.save(tmp_path / "state.json")
    document = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    (tmp_path / "state.json").write_text(json.dumps({**document, "clock": 250_000.0}), encoding="utf-8")
    later = Emulator.from_file(tmp_path / "state.json")
    async with (
        asyncio.timeout(PATIENCE),
        later.serve(page=True) as served,
        opened(f"{served.base_url}/", tmp_path / "profile") as tab,
    ):
        await tab.until("document.querySelector('#organizations td') !== null")
        notes = "[...document.querySelectorAll('td.note')].map(note => note.textContent)"
        assert await tab.evaluate(notes) == ["and more", "none yet", *["and 1 more"] * 20, "and 2 more organizations"]
        bars = "[...document.querySelectorAll('progress')].map(bar => bar.position.toFixed(2))"
        assert await tab.evaluate(bars) == ["0.25"] * 50
        assert tab.complaints == []


async def test_it_asks_for_nothing_but_its_own_files(tab: Tab, base_url: str) -> None:
    asked = {url for url in tab.requested if not url.startswith("data:")}
    wanted = {f"{base_url}/{name}" for name in ("", "_emulator/page.css", "_emulator/page.js", "_emulator/now.json")}
    assert asked == wanted


INSERTED = f"""
document.body.insertAdjacentHTML('beforeend', {HOSTILE[0]!r});
document.body.append(Object.assign(document.createElement('script'), {{textContent: {OWN!r}}}));
"""


async def test_the_policy_holds_what_would_get_in_all_the_same(tab: Tab) -> None:
    await tab.evaluate(INSERTED)
    await tab.until_it_complains()
    assert await tab.evaluate("document.title") == "Emulated Pack.cloud"
    assert {"Content Security Policy" in told for told in tab.complaints} == {True}


async def test_an_emulator_that_is_gone_is_told(emulator: Emulator, tmp_path: Path) -> None:
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as serving:
        served = await serving.enter_async_context(emulator.serve(page=True))
        async with opened(f"{served.base_url}/?organization=plain", tmp_path / "profile") as tab:
            await tab.until("document.querySelector('#organizations td') !== null")
            assert await tab.evaluate(column("organizations", 0)) == ["plain"] * len(HOSTILE)
            await serving.aclose()
            await tab.until("document.getElementById('status').className === 'lost'")
