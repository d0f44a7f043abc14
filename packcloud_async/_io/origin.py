"""Origin: a place requests go to, with what is the same in all of them worked out and written once.

What is written is aiohttp's writing: its request makes the headers, and its writer puts them on paper.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.http import StreamWriter
from attrs import define, field, frozen
from multidict import CIMultiDict
from yarl import URL


class _Connecting(aiohttp.ClientRequest):
    """What the connector is asked with, never sent; which connections will do is worked out once."""

    @cached_property
    def connection_key(self) -> ConnectionKey:  # pyright: ignore[reportIncompatibleMethodOverride]  # read, never set
        """What tells connections to this place from others."""
        return super().connection_key


@frozen(eq=False, repr=False)
class Heads:
    """What follows the first line of a request without a body, for the headers of one credential."""

    # Whoever prints objects of attrs field by field would print the credential.
    given: Mapping[str, str] = field(repr=False)
    _without_body: bytes = field(repr=False)
    _with_empty_body: bytes = field(repr=False)

    def of(self, method: str) -> bytes:
        """Return the bytes for a method; of some it is expected that they say how long their body is."""
        return self._without_body if method in aiohttp.ClientRequest.GET_METHODS else self._with_empty_body


@define(eq=False, repr=False)
class Origin:
    """Where requests go: all of their URLs begin with ``prefix``, whose last character is the first slash of a path."""

    prefix: str
    session: aiohttp.ClientSession
    loop: asyncio.AbstractEventLoop
    connecting: aiohttp.ClientRequest = field(init=False)
    _heads: Heads | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.connecting = _Connecting("GET", self._url, loop=self.loop, session=self.session)

    @property
    def _url(self) -> URL:
        return URL(self.prefix, encoded=True)

    def written(self, headers: Mapping[str, str]) -> Heads | None:
        """Return what was written last, if it was of these headers."""
        heads = self._heads
        return heads if heads is not None and heads.given == headers else None

    async def write(self, headers: Mapping[str, str]) -> Heads:
        """Write these headers and those that aiohttp adds."""
        # As the session does: of names that differ in case alone the last one counts.
        merged = CIMultiDict[str]()
        for name, value in headers.items():
            merged[name] = value
        heads = self._heads = Heads(headers, await self._lines("GET", merged), await self._lines("POST", merged))
        return heads

    async def _lines(self, method: str, headers: CIMultiDict[str]) -> bytes:
        request = aiohttp.ClientRequest(method, self._url, headers=headers, loop=self.loop, session=self.session)
        paper = _Paper()
        writer = StreamWriter(cast("Any", paper), self.loop)
        await writer.write_headers("", request.headers)
        writer.set_eof()
        return paper.written


def origin_of(url: str, session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop) -> Origin:
    """Return the place a URL leads to."""
    return Origin(url[: url.index("/", url.index("://") + 3) + 1], session, loop)


@define(eq=False, repr=False)
class _Paper:
    """What is written on: stands for a connection, and for its transport."""

    written: bytes = field(default=b"", repr=False)

    @property
    def transport(self) -> _Paper:
        return self

    def is_closing(self) -> bool:
        return False

    def write(self, content: bytes) -> None:
        self.written += content
