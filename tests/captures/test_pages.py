"""Pages in a browser: their pictures can be made anew, and those that are kept are small and shown."""

import re
import struct
from pathlib import Path

import pytest

from docs.captures import pages

from ..support.browser import PROGRAM

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "docs" / "pictures").glob("*.png"))
LARGEST = 200_000


def size_of(png):
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.sockets
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium: Debian has it in the package chromium")
@pytest.mark.parametrize("name", pages.PAGES)
async def test_a_page_is_drawn(tmp_path, name):
    png = await pages.picture_of(name, tmp_path / "profile")
    width, height = size_of(png)
    assert width == pages.PAGES[name].width
    assert 500 < height <= pages.PAGES[name].highest
    assert len(png) < LARGEST


def test_the_pictures_of_pages_are_found():
    assert [path.stem for path in FILES] == sorted(pages.PAGES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_of_a_page_is_small_and_shown_with_words_for_those_who_do_not_see_it(path):
    shown = [
        words
        for page in (ROOT / "docs").glob("*.md")
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        if (page.parent / target).resolve() == path
    ]
    assert size_of(path.read_bytes()) > (0, 0)
    assert path.stat().st_size < LARGEST
    assert shown
    assert all(len(words) > 20 for words in shown)
