"""The page of a report, as a real browser shows it: drawn, quiet on its console, and asking for nothing."""

import asyncio
import base64
import struct
import zlib
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from packcloud_async.reporting.digest import digest
from packcloud_async.reporting.page import Drawing, page_of
from packcloud_async.reporting.story import State, shown_id

from ..support.browser import PROGRAM, opened
from .stories import job, large, story, unstarted
from .test_page import HOSTILE, hostile_story

charts = pytest.importorskip("packcloud_async.reporting.charts", reason="plotly draws the pictures: the extra report")

pytestmark = [
    pytest.mark.sockets,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium: Debian has it in the package chromium"),
]
PATIENCE = 90
DRAWN = "document.documentElement?.dataset.drawn === 'all'"
PICTURES = ["outcomes", "timeline", "requests", "delays", "slowest", "failed"]
ALL = "[...document.querySelectorAll('.picture')]"
TICKS = "[...document.querySelectorAll('#timeline .ytick text')]"
SEEN = {(47, 158, 107), (201, 162, 39), (214, 69, 69), (111, 143, 196)}
"""The colours of what advanced, was quiet, was rejected and could not be observed."""
TOLD = "document.getElementById('told').textContent"


@asynccontextmanager
async def shown(told, folder):
    """Open the page of a story, and wait until all of it is drawn."""
    path = Path(folder) / "run.html"
    path.write_bytes(page_of(told, Drawing(charts.program(), charts.checked)))
    async with asyncio.timeout(PATIENCE), opened(path.as_uri(), Path(folder) / "profile") as tab:
        await tab.until(DRAWN)
        yield tab
        assert tab.complaints == []
        assert [url for url in tab.requested if not url.startswith("data:")] == [path.as_uri()]


def small():
    """Twelve syncs of three jobs, the first of which failed in one kind, and an organization that failed whole."""
    states = [State.ADVANCED, State.QUIET, State.UNOBSERVABLE, State.QUIET]
    return story(
        [
            job("org_1", "int_1", State.REJECTED, *states[1:]),
            job("org_1", "int_2", *states, began=2.0),
            job("org_1", "int_3", *states, began=3.0, took=9.0),
            unstarted(),
        ]
    )


async def point_at(tab, selector, down):
    """Move the mouse over a picture: in the middle across, and so much of its plot down."""
    box = await tab.evaluate(
        f"(() => {{ const plot = document.querySelector('{selector} .nsewdrag');"
        "plot.scrollIntoView({block: 'center'}); const box = plot.getBoundingClientRect();"
        "return [box.x, box.y, box.width, box.height]; })()"
    )
    x, y, width, height = box
    for nudge in (-3, 0):
        place = {"x": x + width / 2 + nudge, "y": y + height * down}
        await tab.ask("Input.dispatchMouseEvent", type="mouseMoved", **place)


async def pointed_until(tab, selector, down, expression):
    """Point at it until that is true: a browser that is busy may lose a move of the mouse."""
    while not await tab.evaluate(expression):
        await point_at(tab, selector, down)
        await asyncio.sleep(0.1)


async def press(tab, key, times=1):
    for _ in range(times):
        for kind in ("keyDown", "keyUp"):
            await tab.ask("Input.dispatchKeyEvent", type=kind, key=key)


async def test_every_picture_is_drawn_and_a_row_tells_of_itself(tmp_path):
    async with shown(small(), tmp_path) as tab:
        assert await tab.evaluate("[...document.querySelectorAll('.picture')].map(one => one.id)") == PICTURES
        assert min(await tab.evaluate(f"{ALL}.map(one => one.querySelectorAll('.trace, .fills').length)")) > 0
        names = await tab.evaluate(f"{TICKS}.map(one => one.textContent.trim())")
        assert names[:3] == ["org_9", "org_1/int_1  orders", "products"]
        assert len(names) == 13
        assert await tab.evaluate("document.getElementById('rows').hidden")
        assert not SEEN - await colours_of(tab, "timeline")
        await pointed_rows_and_keys(tab)
        await a_reason_leads_to_its_jobs(tab)
        await dark_or_light(tab)


async def pointed_rows_and_keys(tab):
    await pointed_until(tab, "#timeline", 5.5 / 13, f"{TOLD}.startsWith('org_1/int_2')")
    assert (await tab.evaluate(TOLD)).startswith("org_1/int_2 \u00b7 from 2.0 s \u00b7 orders advanced after 20.0 s")
    await pointed_until(tab, "#timeline", 1.5 / 13, f"{TOLD}.startsWith('org_1/int_1')")
    assert (
        await tab.evaluate(TOLD)
        == "org_1/int_1 \u00b7 from 0.000 s \u00b7 orders rejected after 20.0 s: ServerError 503"
    )
    await tab.evaluate("document.getElementById('timeline').focus()")
    await press(tab, "ArrowDown")
    assert "org_1/int_1 \u00b7 from 0.000 s \u00b7 products" in await tab.evaluate(TOLD)
    await press(tab, "End")
    assert "org_1/int_3" in await tab.evaluate(TOLD)
    await press(tab, "Home")
    assert await tab.evaluate(TOLD) == "org_9 \u00b7 from 1.0 s to 1.5 s \u00b7 NotFound 404"


async def a_reason_leads_to_its_jobs(tab):
    found = "[...document.getElementById('found').rows].map(row => row.cells[0].textContent)"
    assert await tab.evaluate(found) == ["org_9", "org_1"]
    await tab.evaluate("document.querySelectorAll('.find')[1].click()")
    assert await tab.evaluate(found) == ["org_1"]


async def dark_or_light(tab):
    inks = []
    for scheme in ("light", "dark"):
        await tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        inks.append(
            await tab.evaluate(
                "[getComputedStyle(document.body).backgroundColor,"
                "getComputedStyle(document.querySelector('#outcomes .xtick text')).fill]"
            )
        )
    assert inks == [["rgb(255, 255, 255)", "rgb(29, 36, 48)"], ["rgb(20, 24, 30)", "rgb(228, 232, 238)"]]


async def colours_of(tab, picture):
    box = await tab.evaluate(
        f"(() => {{ const {{x, y}} = document.getElementById('{picture}').getBoundingClientRect();"
        "return {x: x + scrollX + 150, y: y + scrollY, width: 60, height: 300, scale: 1}; })()"
    )
    taken = await tab.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=box)
    return colours_in(base64.b64decode(taken["data"]))


INSERTED = """
document.body.insertAdjacentHTML('beforeend', '<img src="data:," onerror="document.title = \\'owned\\'">');
document.body.append(Object.assign(document.createElement('script'), {textContent: "document.title = 'owned'"}));
setTimeout("document.title = 'owned'");
fetch('http://127.0.0.1:9/').catch(() => { window.refused = true; });
"""


async def test_hostile_texts_are_text_and_the_policy_holds_what_would_get_in_all_the_same(tmp_path):
    async with shown(hostile_story(), tmp_path) as tab:
        foreign = "'main img, main b, main a[href], main iframe, main script, .ytick tspan[style]'"
        assert await tab.evaluate(f"document.querySelectorAll({foreign}).length") == 0
        ids = await tab.evaluate("[...document.querySelectorAll('#found tr')].map(row => row.children[0].textContent)")
        assert set(ids) == {shown_id(text) for text in HOSTILE}
        ticks = await tab.evaluate(f"{TICKS}.map(one => one.textContent).join()")
        assert "<img src=x" in ticks
        assert "&lt;b&gt; &amp; <!--" in ticks
        assert tab.complaints == []
        await tab.evaluate(INSERTED)
        await tab.until("window.refused")
        await tab.until_it_complains()
        assert await tab.evaluate("document.title") == "Pack.cloud bulk run"
        assert {"Content Security Policy" in told for told in tab.complaints} == {True}
        assert len(tab.complaints) >= 4
        tab.complaints.clear()


async def test_ten_thousand_jobs_are_few_nodes_and_all_of_them_are_found(tmp_path):
    told = large()
    window = "document.getElementById('window').textContent"
    async with shown(told, tmp_path) as tab:
        assert await tab.evaluate("document.querySelectorAll('#timeline *').length") < 600
        assert await tab.evaluate("document.querySelectorAll('*').length") < 20_000
        assert await tab.evaluate(window) == "Rows 1 to 200 of 10,000."
        await tab.evaluate("document.getElementById('later').click()")
        assert await tab.evaluate(window) == "Rows 201 to 400 of 10,000."
        await pointed_until(tab, "#timeline", 100.5 / 200, f"{TOLD}.includes(' from ')")
        job_300 = digest(told).jobs[300]
        assert (await tab.evaluate(TOLD)).startswith(f"{job_300.organization_id}/{job_300.integration_id} ")
        await tab.ask("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
        await tab.evaluate("document.getElementById('all').click()")
        assert await tab.evaluate(window) == "Rows 1 to 10,000 of 10,000."
        assert 20 < await tab.evaluate(f"{TICKS}.length") <= 44
        await tab.evaluate("document.getElementById('organization').value = 'org_777'")
        await tab.evaluate("document.querySelector('#find button').click()")
        assert (await tab.evaluate(TOLD)).startswith("org_777/")
        failed = len(digest(told).failed)
        count = "document.getElementById('count').textContent"
        assert await tab.evaluate(count) == f"The first 200 of {failed:,} that fit, of 10,000."
        await tab.evaluate("for (let n = 0; n < 100; n++) document.getElementById('more').click()")
        assert await tab.evaluate("document.getElementById('found').rows.length") == failed
        await tab.evaluate("document.getElementById('text').value = 'org_777 int_3'")
        await tab.evaluate("document.getElementById('state').value = 'any'")
        await tab.evaluate("document.getElementById('state').dispatchEvent(new Event('change'))")
        found = await tab.evaluate("[...document.getElementById('found').rows].map(row => row.cells[1].textContent)")
        assert found == ["int_3"]


async def test_without_scripts_the_sentences_and_tables_are_there(tmp_path):
    path = tmp_path / "run.html"
    path.write_bytes(page_of(small(), Drawing("", charts.checked)))
    async with asyncio.timeout(PATIENCE), opened("about:blank", tmp_path / "profile") as tab:
        await tab.ask("Emulation.setScriptExecutionDisabled", value=True)
        await tab.ask("Page.navigate", url=path.as_uri())
        # What the browser is asked to evaluate is no script of the page.
        await tab.until(f"location.href === '{path.as_uri()}' && document.readyState === 'complete'")
        found = await tab.evaluate("document.documentElement.outerHTML")
        assert await tab.evaluate("document.documentElement.dataset.drawn") is None
        assert "The pictures need JavaScript." in found
        assert "orders: 2 advanced, 1 rejected; products: 3 quiet" in found
        assert '<tbody id="found"></tbody>' in found


def colours_in(png):
    """The colours of a PNG of eight bits a channel, without interlacing."""
    at, packed, shape = 8, b"", None
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        if name == b"IHDR":
            shape = struct.unpack(">IIBB", content[:10])
        packed += content if name == b"IDAT" else b""
        at += length + 12
    width, height, depth, kind = shape
    assert (depth, kind) in {(8, 2), (8, 6)}
    channels = 3 if kind == 2 else 4
    lines, before, colours = zlib.decompress(packed), bytearray(width * channels), set()
    for row in range(height):
        start = row * (width * channels + 1)
        how, line = lines[start], bytearray(lines[start + 1 : start + 1 + width * channels])
        for x, value in enumerate(line):
            left = line[x - channels] if x >= channels else 0
            up, corner = before[x], before[x - channels] if x >= channels else 0
            line[x] = (value + (0, left, up, (left + up) // 2, paeth(left, up, corner))[how]) % 256
        before = line
        colours |= {tuple(line[x : x + 3]) for x in range(0, len(line), channels)}
    return colours


def paeth(left, up, corner):
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
