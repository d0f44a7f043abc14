"""Holds a built site to itself: every local target is there, and nothing is loaded from another host."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from attrs import define, field

_LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "embed": "src",
    "object": "data",
}
_OF_A_STYLE = re.compile(r"""url\(\s*['"]?([^'")]+)|@import\s+['"]([^'"]+)""")


@define
class Page(HTMLParser):
    """What a page of HTML has: ids, what it leads to and what it loads by itself."""

    ids: set[str] = field(factory=set[str])
    leads_to: list[str] = field(factory=list[str])
    loads: list[str] = field(factory=list[str])
    _in_style: bool = False

    def __attrs_pre_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        self._in_style = tag == "style"
        self.loads += of_a_style(values.get("style", ""))
        self.loads += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]
        if tag == "a" or (tag == "link" and values.get("rel") in {"next", "prev", "search", "index", "canonical"}):
            self.leads_to += [values["href"]] if "href" in values else []
        elif tag == "link":
            self.loads.append(values.get("href", ""))
        elif values.get(_LOADED.get(tag, "")):
            self.loads.append(values[_LOADED[tag]])

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.loads += of_a_style(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False


def of_a_style(text: str) -> list[str]:
    """Return what a style sheet loads."""
    return ["".join(pair) for pair in _OF_A_STYLE.findall(text)]


@cache
def read(path: Path) -> Page:
    """Read one page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def hosts_led_to(site: Path) -> set[str]:
    """Return the hosts that the links of all pages lead to."""
    targets = {target for path in site.rglob("*.html") for target in read(path).leads_to}
    return {host for target in targets if (host := urlsplit(target).netloc)}


def complaints(site: Path) -> list[str]:
    """Say what is wrong: targets that are not there, and what comes from elsewhere."""
    found: list[str] = []
    for path in sorted(site.rglob("*.html")):
        page = read(path)
        found += [f"{path.name} loads {target}" for target in page.loads if _is_elsewhere(target)]
        local = [target for target in (*page.leads_to, *page.loads) if not _has_scheme(target)]
        found += [f"{path.name}: {target} {wrong}" for target in local if (wrong := _missing(site, path, target))]
    for path in sorted(site.rglob("*.css")):
        targets = of_a_style(path.read_text(encoding="utf-8"))
        found += [f"{path.name} loads {target}" for target in targets if _is_elsewhere(target)]
        local = [target for target in targets if not _has_scheme(target)]
        found += [f"{path.name}: {target} {wrong}" for target in local if (wrong := _missing(site, path, target))]
    return found


def _has_scheme(target: str) -> bool:
    return bool(urlsplit(target).scheme or urlsplit(target).netloc)


def _is_elsewhere(target: str) -> bool:
    return _has_scheme(target) and urlsplit(target).scheme != "data"


def _missing(site: Path, page: Path, target: str) -> str | None:
    parts = urlsplit(target)
    file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not file.is_relative_to(site.resolve()):
        return "leads out of the site"
    if not file.is_file():
        return "is not there"
    if parts.fragment and file.suffix == ".html" and unquote(parts.fragment) not in read(file).ids:
        return "has no such anchor"
    return None
