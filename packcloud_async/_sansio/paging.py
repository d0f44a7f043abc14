"""Following ``next``: an opaque link that may be absolute, and that must not lead away from the API.

Lists print ``next`` as "link to next page" and no page parameter at all (api pages
3166c04fcc6ce879df8647a3800b0d50 and others), so the link is all there is.
"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import attrs
from attrs import define, field

from packcloud_async._sansio.endpoints import Call, name_of
from packcloud_async._sansio.secret import without_frames
from packcloud_async.errors import InvalidResponse
from packcloud_async.models import Page

T = TypeVar("T")

DEFAULT_MAX_PAGES = 10_000


@define(eq=False, repr=False)
class PageTrail:
    """The pages of one walk: gives the call for the next page, and refuses a link that leads away or in a circle."""

    base_url: str
    max_pages: int = DEFAULT_MAX_PAGES
    _seen: set[str] = field(factory=set[str], init=False, repr=False)
    _pages: int = field(default=0, init=False)

    def after(self, call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
        """Return the call for the page after this one, None at the end; raise :class:`InvalidResponse`."""
        try:
            return self._following(call, page)
        except InvalidResponse as error:
            error.call = name_of(call)
            # A link may echo the credential, and the frames that looked at it hold it.
            raise without_frames(error) from None

    def _following(self, call: Call[Page[T]], page: Page[T]) -> Call[Page[T]] | None:
        self._pages += 1
        self._seen.add(self._absolute(call))
        if page.next is None:
            return None
        url = link_on_origin(page.next, current=self._absolute(call))
        if url in self._seen:
            raise InvalidResponse("the next link leads to a page that was already read", path="$.links.next")
        if self._pages >= self.max_pages:
            from packcloud_async._sansio.counting import counted  # noqa: PLC0415 - few meet this error

            raise InvalidResponse(f"more than {counted(self.max_pages, 'page')}", path="$.links.next")
        return attrs.evolve(call, target=url, named_path=call.path)

    def _absolute(self, call: Call[Any]) -> str:
        return call.target if "://" in call.target.partition("?")[0] else self.base_url + call.target


def link_on_origin(link: str, *, current: str) -> str:
    """Resolve a link against the current URL; refuse any other scheme, host or port.

    The result is rebuilt from the current origin and the link's path and query, so that two readings of an odd
    URL cannot differ on the host.
    """
    if not link.isprintable() or any(character in link for character in "\\ "):
        raise InvalidResponse("the next link holds characters a URL cannot hold", path="$.links.next")
    here = urlsplit(current)
    try:
        there = urlsplit(urljoin(current, link))
        same = _origin(there) == _origin(here) and "@" not in there.netloc
    except ValueError:
        same = False
        there = here
    if not same:
        raise InvalidResponse(
            "the next link leads to another scheme, host or port, where the credential must not go",
            path="$.links.next",
        )
    path = quote(there.path or "/", safe=_PATH_CHARACTERS)
    query = quote(there.query, safe=_PATH_CHARACTERS + "?[]")
    return f"{here.scheme}://{here.netloc}{path}" + (f"?{query}" if query else "")


_PATH_CHARACTERS = "/%:@!$&'()*+,;=-._~"


def _origin(url: Any) -> tuple[str, str | None, int | None]:
    return url.scheme, url.hostname, url.port or {"http": 80, "https": 443}.get(url.scheme)
