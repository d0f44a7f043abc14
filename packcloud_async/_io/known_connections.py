"""KnownConnections: no request goes on a kept connection that the server has already given up.

1. A kept connection is looked at when it is about to be used again. Does anything lie there unread, then it is the
   server's goodbye, or an answer that nobody asked for: the connection is closed unused, and the request goes on
   another one. Nothing was written, so this holds for a POST too, and counts as no retry.
2. A server that says how long it keeps an idle connection is believed: the connection is not used beyond that.
3. A goodbye that is still on its way cannot be seen. A request that crosses it may have been read.
"""

import asyncio
import math
import select
import socket
import sys
from collections.abc import Callable
from functools import partial

from aiohttp.client_proto import ResponseHandler
from attrs import define, field

from packcloud_async._sansio.keep_alive import idle_seconds


@define(eq=False, repr=False)
class _Known:
    """A connection that was used: until when it may be again, by the loop's clock, and how to look at it."""

    usable_until: float = math.inf
    has_unread: Callable[[], object] | None = None


@define(eq=False, repr=False)
class KnownConnections:
    """The connections of one session."""

    _known: dict[ResponseHandler, _Known] = field(factory=dict[ResponseHandler, _Known], init=False)

    def is_good(self, protocol: ResponseHandler) -> bool:
        """Whether a connection that is about to be used is still good; one that was never used is."""
        known = self._known.get(protocol)
        if known is None:
            if getattr(protocol, "_payload", None) is None:
                # What TLS sends of its own accord after its handshake would count as unread.
                self._add(protocol)
                return True
            # A session of the caller's may have had others to use it.
            known = self._add(protocol)
        if known.usable_until < math.inf and asyncio.get_running_loop().time() > known.usable_until:
            return False
        if protocol.should_close:
            return False
        if known.has_unread is None:
            known.has_unread = _looking_at(protocol)
        return not known.has_unread()

    def answered(self, protocol: ResponseHandler, keep_alive: str | None) -> None:
        """Tell what an answer on a connection said in its header ``Keep-Alive``."""
        if (known := self._known.get(protocol)) is not None:
            now = asyncio.get_running_loop().time()
            known.usable_until = now + idle_seconds(keep_alive)

    def forget_all(self) -> None:
        """Forget every connection."""
        self._known.clear()

    def _add(self, protocol: ResponseHandler) -> _Known:
        for gone in [other for other in self._known if other.transport is None]:
            del self._known[gone]
        known = self._known[protocol] = _Known()
        return known


def _looking_at(protocol: ResponseHandler) -> Callable[[], object]:
    """Return what tells whether the system holds something that the loop has not read: bytes, the end, an error."""
    transport = protocol.transport
    own: socket.socket | None = None if transport is None else transport.get_extra_info("socket")
    descriptor = -1 if own is None else own.fileno()
    if descriptor < 0:
        return lambda: False
    if sys.platform == "win32":
        return lambda: bool(select.select([descriptor], [], [], 0)[0])
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    return partial(waiting.poll, 0)
