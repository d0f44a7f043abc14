"""Every link of every page, as it is read in the repository and on the site: its file, its anchor, its host."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("markdown_it", reason="pages are read with what rich and the extra docs bring")

from .support.page_links import DEEPEST_IN_DOCS, anchors_of, headings_of, links_of

ROOT = Path(__file__).parents[1]
HOSTS = {
    "keepachangelog.com",
    "pack.cloud",
    "procrastinate.readthedocs.io",
    "schemathesis.readthedocs.io",
    "semver.org",
    "vcrpy.readthedocs.io",
}
"""The only hosts that a page may lead to. Whether they answer, ``sphinx-build -b linkcheck`` asks: CONTRIBUTING.md."""
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for folder in ("docs", "benchmarks", "examples") for page in sorted((ROOT / folder).rglob("*.md"))),
    *sorted((ROOT / "examples").glob("*.ipynb")),
]


def text_of(page):
    if page.suffix != ".ipynb":
        return page.read_text(encoding="utf-8")
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def is_in_docs(page):
    return page.parent == ROOT / "docs"


def wrong_with(page, link):
    if link.is_outside:
        host = re.fullmatch(r"https://([^/]+)(/.*)?", link.target)
        return None if host and host[1] in HOSTS else "must be https, on a host that this test knows"
    target = (page.parent / link.path).resolve() if link.path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return "is not there"
    if is_in_docs(page) and target.suffix == ".md" and not is_in_docs(target):
        return "is no page of the site"
    if link.anchor and target.suffix == ".md":
        anchors = anchors_of(text_of(target))
        if is_in_docs(target):
            anchors &= anchors_of(text_of(target), deepest=DEEPEST_IN_DOCS)
        return None if link.anchor in anchors else f"has none of {sorted(anchors)}"
    return "no anchor is known there" if link.anchor else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page):
    links = links_of(text_of(page))
    assert {link.target: wrong for link in links if (wrong := wrong_with(page, link))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_has_one_title_and_no_level_left_out(page):
    levels = [heading.level for heading in headings_of(text_of(page))]
    if text_of(page).startswith("```{include}"):
        return
    assert levels[0] == 1
    assert levels.count(1) == 1 or page.suffix == ".ipynb"
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels


def test_the_pages_and_their_links_are_found():
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md"} <= names
    assert {"docs/index.md", "docs/faq.md", "examples/look_around.ipynb"} <= names
    targets = {link.target for page in PAGES for link in links_of(text_of(page))}
    assert {"docs/index.md", "budget.md#the-retry-budget", "plots/budget.svg", "https://pack.cloud"} <= targets


def test_every_page_of_the_site_is_in_its_table_of_contents():
    index = text_of(ROOT / "docs" / "index.md")
    listed = [line for block in re.findall(r"```{toctree}\n(.*?)```", index, flags=re.DOTALL) for line in block.split()]
    pages = [page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index"]
    assert sorted(set(pages) - set(listed)) == []
    assert len([line for line in listed if line in pages]) == len(pages)


def test_the_front_page_leads_to_every_page_by_a_link_that_is_one_outside_the_site_too():
    led_to = {link.path for link in links_of(text_of(ROOT / "docs" / "index.md"))}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - led_to == {"index.md"}


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ("[a](docs/no.md)", "is not there"),
        ("![a](docs/plots/no.svg)", "is not there"),
        ('<img src="docs/no.png">', "is not there"),
        ("[a](docs/budget.md#no)", "has none of"),
        ("[a][b]\n\n[b]: docs/no.md", "is not there"),
        ("[a](/etc/passwd)", "is not there"),
        ("[a](http://pack.cloud)", "must be https"),
        ("[a](https://elsewhere.example/)", "must be https"),
        ("[a](//elsewhere.example/)", "must be https"),
        ("[a](mailto:a@b.example)", "must be https"),
        ("[a](#no)", "has none of"),
    ],
)
def test_a_link_that_is_wrong_is_found(page, wrong):
    (link,) = links_of(page)
    assert (wrong_with(ROOT / "README.md", link) or "").startswith(wrong)


def test_code_holds_no_links():
    assert links_of("`[a](b)`\n\n```text\n[a](b)\n```\n") == []


def test_anchors_are_those_that_github_and_the_site_make():
    text = "# What can't be known?\n\n## `RateLimit(50)` & more\n\n## Twice\n\n## Twice\n\n#### Deep\n"
    assert anchors_of(text) == {"what-cant-be-known", "ratelimit50--more", "twice", "twice-1", "deep"}
    assert "deep" not in anchors_of(text, deepest=DEEPEST_IN_DOCS)
