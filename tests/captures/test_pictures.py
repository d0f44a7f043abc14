"""The pictures of the command line show what it writes today, and nothing that a page would have to load."""

import re
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("pyte", reason="what draws a terminal, from the extra test")

from docs.captures.__main__ import PICTURES
from docs.captures.drawing import drawn, text_of
from docs.captures.playing import pictures_of
from docs.captures.scenes import SCENES

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / ".ci" / "requirements.txt").read_text(encoding="utf-8")
FILES = sorted(PICTURES.glob("*.svg"))
RENEW = "python -m docs.captures"


def pinned(package):
    return re.search(rf"^{package}==(\S+)", LOCK, re.MULTILINE)[1]


OTHERS = [f"{name} {version(name)}" for name in ("click", "pyte", "rich") if version(name) != pinned(name)]


@pytest.mark.skipif(bool(OTHERS), reason=f"the pictures are made with what .ci/requirements.txt pins, not {OTHERS}")
@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_still_looks_like_its_pictures(scene, tmp_path):
    for name, svg in pictures_of(scene, tmp_path).items():
        shown = text_of((PICTURES / f"{name}.svg").read_text(encoding="utf-8"))
        assert text_of(svg) == shown, f"docs/pictures/{name}.svg is of another day: {RENEW} {scene} makes it anew"


def test_every_picture_has_its_scene():
    assert sorted(path.stem for path in FILES) == sorted(name for scene in SCENES.values() for name in scene.pictures)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_loads_nothing_and_runs_nothing(path):
    svg = path.read_text(encoding="utf-8")
    elements = {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in ET.fromstring(svg).iter()}
    assert elements <= {"svg", "style", "g", "rect", "circle", "text"}
    without_words = re.sub(r">[^<]*</text>", "></text>", svg)
    assert re.findall(r"(?i)url\(|@import|@font-face|href|\bon\w+=|<!|javascript:", without_words) == []
    assert re.findall(r"\w+://[^\s<\"]+", without_words) == ["http://www.w3.org/2000/svg"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_names_no_place_and_no_secret_of_the_machine(path):
    text = "\n".join(text_of(path.read_text(encoding="utf-8")))
    assert re.findall(r"/(?:tmp|home|root|usr|var)\b|emulator-token|api_key", text) == []
    assert str(ROOT) not in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_picture_is_small_and_shown_on_a_page_with_words_for_those_who_do_not_see_it(path):
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    shown = [
        words
        for page in pages
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
        if (page.parent / target).resolve() == path
    ]
    assert shown
    assert all(len(words) > 20 for words in shown)
    assert path.stat().st_size < 40_000


def test_what_is_written_is_what_is_read_back():
    from rich.text import Text

    lines = [Text("$ echo <&>"), Text(""), Text("  a  ") + Text("bold", style="bold red") + Text("  b")]
    assert text_of(drawn(lines, columns=40, name="it")) == ["$ echo <&>", "", "  a  bold  b"]
