"""The site as it was built: whole in itself, quiet in a browser, and fetching nothing from anywhere.

It is built by the step "docs" of .ci/run: ``sphinx-build -q -W --keep-going -b html docs build/docs``.
"""

import asyncio
import zlib
from pathlib import Path

import pytest

from .support import browser
from .support.built_site import complaints, hosts_led_to
from .test_links import HOSTS
from .test_reference import ENTRIES

ROOT = Path(__file__).parents[1]
SITE = ROOT / "build" / "docs"
SOURCES = [*(ROOT / "docs").rglob("*"), *ROOT.glob("*.md"), *(ROOT / "packcloud_async").rglob("*.py")]
CREDITS = {"github.com", "pradyunsg.me", "www.sphinx-doc.org"}
"""Who made what the site is made with; the theme names them at the foot of each page."""


@pytest.fixture
def site():
    inventory = SITE / "objects.inv"
    newest = max(source.stat().st_mtime for source in SOURCES if source.is_file())
    if not inventory.exists() or inventory.stat().st_mtime < newest:
        pytest.skip("the site is not built, or older than its sources; see the step docs in .ci/run")
    return SITE


def test_everything_it_leads_to_is_there_and_nothing_comes_from_elsewhere(site):
    assert len(list(site.glob("*.html"))) >= 30
    assert complaints(site) == []


def test_its_links_lead_to_hosts_that_are_known(site):
    assert hosts_led_to(site) - HOSTS <= CREDITS


def test_every_public_name_has_a_place_that_can_be_linked_to(site):
    inventory = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    names = {line.split()[0] for line in zlib.decompress(inventory).decode().splitlines() if " py:" in line}
    assert set(ENTRIES) - names == set()


@pytest.mark.sockets
@pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium to look at it with")
async def test_a_browser_finds_nothing_to_complain_about_and_fetches_nothing_from_elsewhere(site, tmp_path):
    async with asyncio.timeout(60), browser.opened((site / "index.html").as_uri(), tmp_path) as tab:
        for page in ("tutorial.html", "what-happens-when.html", "search.html"):
            await tab.ask("Page.navigate", url=(site / page).as_uri())
            await tab.until(f"location.pathname.endsWith({page!r}) && document.readyState === 'complete'")
        assert tab.complaints == []
        assert len(tab.requested) >= 10
        assert [url for url in tab.requested if not url.startswith((site.as_uri(), "data:"))] == []


@pytest.mark.parametrize(
    ("html", "wrong"),
    [
        ('<a href="other.html#there">', []),
        ('<img src="data:image/png;base64,AA==">', []),
        ('<a href="https://pack.cloud/">', []),
        ('<a href="no.html">', ["page.html: no.html is not there"]),
        ('<img src="no.png">', ["page.html: no.png is not there"]),
        ('<a href="other.html#no">', ["page.html: other.html#no has no such anchor"]),
        ('<a href="#no">', ["page.html: #no has no such anchor"]),
        ('<a href="../secret.html">', ["page.html: ../secret.html leads out of the site"]),
        ('<script src="https://cdn.example/a.js"></script>', ["page.html loads https://cdn.example/a.js"]),
        ('<script src="//cdn.example/a.js"></script>', ["page.html loads //cdn.example/a.js"]),
        ('<link rel="stylesheet" href="https://cdn.example/a.css">', ["page.html loads https://cdn.example/a.css"]),
        ('<img src="other.html" srcset="https://cdn.example/2.png 2x">', ["page.html loads https://cdn.example/2.png"]),
        ('<p style="background: url(https://cdn.example/a.png)">', ["page.html loads https://cdn.example/a.png"]),
        ("<style>@import 'https://cdn.example/a.css';</style>", ["page.html loads https://cdn.example/a.css"]),
    ],
)
def test_what_is_wrong_is_found(tmp_path, html, wrong):
    (tmp_path / "secret.html").touch()
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "page.html").write_text(html)
    (folder / "other.html").write_text('<h1 id="there">There</h1>')
    assert complaints(folder) == wrong


def test_what_is_wrong_in_a_style_sheet_is_found(tmp_path):
    (tmp_path / "a.css").write_text(
        "body { background: url('https://cdn.example/a.png') } p { background: url(b.png) }"
    )
    assert complaints(tmp_path) == ["a.css loads https://cdn.example/a.png", "a.css: b.png is not there"]
