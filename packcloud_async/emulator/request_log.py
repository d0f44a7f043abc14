"""The latest requests and what became of them, for somebody who watches; no header, query or body is in it."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Final
from urllib.parse import urlsplit

from attrs import define, field, frozen

from packcloud_async._sansio.redaction import credentials_in, quotable
from packcloud_async._sansio.wire import Request
from packcloud_async.emulator.faults import Fate, Reply

LENGTH: Final = 200
"""How many requests are kept."""
_LONGEST_PATH = 200


@frozen
class Logged:
    """A request that arrived at emulator second ``at``.

    ``number`` counts up. ``status`` is None when no answer was sent, ``fault`` what went wrong on purpose, None for
    nothing. ``takes`` is the seconds from the request to the end of its answer.
    """

    number: int
    at: float
    method: str
    path: str
    status: int | None
    fault: str | None
    takes: float


@define
class RequestLog:
    """The latest requests, oldest first."""

    _latest: deque[Callable[[], Logged]] = field(
        factory=lambda: deque[Callable[[], Logged]](maxlen=LENGTH), init=False, repr=False
    )
    _count: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Logged]:
        return (logged() for logged in tuple(self._latest))

    def enter(self, request: Request, reply: Reply, now: float, *, token: str) -> None:
        """Write a request down; a credential that stands in its path is taken out."""
        self._count += 1
        # Looking for credentials takes longer than answering: few requests are ever looked at.
        self._latest.append(cache(partial(_logged, self._count, request, reply, now, token)))


def _logged(number: int, request: Request, reply: Reply, now: float, token: str) -> Logged:
    secrets = [token, *_credentials_of(request)]
    return Logged(
        number=number,
        at=now,
        method=quotable(request.method, secrets),
        path=_cut(quotable(urlsplit(request.url).path, secrets)),
        status=reply.response.status if reply.response is not None else None,
        fault=_told(reply),
        takes=reply.delay + reply.lasts,
    )


def _credentials_of(request: Request) -> Sequence[str]:
    headers = [value for name, value in request.headers.items() if name.lower() == "authorization"]
    return [part for header in headers for part in credentials_in(header)]


def _cut(path: str) -> str:
    return path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH - 1]}…"


def _told(reply: Reply) -> str | None:
    if reply.fault is not None:
        return str(reply.fault)
    return None if reply.fate is Fate.DELIVER else reply.fate.name.lower()
