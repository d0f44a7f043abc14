"""What a page in Markdown links to, and which anchors it has, as GitHub and the documentation build them."""

import re
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from attrs import define, field, frozen
from markdown_it import MarkdownIt
from markdown_it.token import Token

DEEPEST_IN_DOCS = 3
"""``myst_heading_anchors`` of docs/conf.py: deeper headings have no anchor there."""


@frozen
class Link:
    """A target as it is written: an address, or a path and an anchor, both of which may be empty."""

    target: str

    @property
    def is_outside(self) -> bool:
        """Whether it leads to another host, by whatever scheme."""
        return bool(urlsplit(self.target).scheme) or self.target.startswith("//")

    @property
    def path(self) -> str:
        """The file it leads to, from where the page is; empty for the page itself."""
        return unquote(urlsplit(self.target).path)

    @property
    def anchor(self) -> str:
        """The place on that page; empty for its beginning."""
        return unquote(urlsplit(self.target).fragment)


@frozen
class Heading:
    """A heading, by its level from 1 on and its text."""

    level: int
    text: str


@define
class _Tags(HTMLParser):
    """Takes targets out of HTML that stands in Markdown."""

    found: list[str] = field(factory=list[str])

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"href", "src", "srcset"} and value]


def links_of(text: str) -> list[Link]:
    """Return every link and image of a page, also those in its HTML."""
    return [Link(target) for token in _tokens(text) for target in _targets(token)]


def headings_of(text: str) -> list[Heading]:
    """Return the headings of a page in order."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return [
        Heading(int(opening.tag[1:]), "".join(part.content for part in inline.children or []))
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    ]


def anchors_of(text: str, *, deepest: int = 6) -> set[str]:
    """Return the anchors of a page's headings down to a level: lower case, hyphens, a number from the second on."""
    seen: Counter[str] = Counter()
    anchors: set[str] = set()
    for heading in headings_of(text):
        slug = re.sub(r"[^\w\- ]", "", heading.text.strip().lower()).replace(" ", "-")
        if heading.level <= deepest:
            anchors.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return anchors


def _tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        yield token
        yield from token.children or []


def _targets(token: Token) -> list[str]:
    match token.type:
        case "link_open":
            return [str(token.attrs["href"])]
        case "image":
            return [str(token.attrs["src"])]
        case "html_block" | "html_inline":
            tags = _Tags()
            tags.feed(token.content)
            return tags.found
        case _:
            return []
