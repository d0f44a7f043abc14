"""Asks the auth object for a credential, and says what is wrong without quoting one.

What an auth object raises stays the cause, with its own text and frames: they are the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeAlias

from attrs import define, field

from packcloud_async._io.tasks import is_being_cancelled
from packcloud_async._sansio.secret import Secret
from packcloud_async.auth import Auth, BearerToken, HeaderAuth, header_complaint
from packcloud_async.errors import ClientStateError, ConfigurationError, PackCloudError, TransportError

_NEVER_CHANGING = frozenset({BearerToken, HeaderAuth})

Credential: TypeAlias = Secret[Mapping[str, str]]


@define(eq=False, repr=False)
class Credentials:
    """The credential of one client; used by any number of tasks at once."""

    auth: Auth
    _renewing: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    fixed: Credential | None = field(default=None, init=False)
    """The one that never changes, once it was asked for; None while the auth object has to be asked."""
    _latest: Credential | None = field(default=None, init=False)
    _renewal: tuple[Credential, Credential] | None = field(default=None, init=False)

    def current(self) -> Coroutine[Any, Any, Credential]:
        """Return the headers to send, to be awaited."""
        return self._credential(refused=False)

    async def renewed(self, refused: Credential) -> Credential:
        """Ask for another credential once, however many requests were refused with the same one."""
        async with self._renewing:
            if self._renewal is not None and self._renewal[0] == refused:
                return self._renewal[1]
            fresh = await self._credential(refused=True)
            # What is still the same may be another one next time.
            self._renewal = (refused, fresh) if fresh != refused else None
            return fresh

    async def _credential(self, *, refused: bool) -> Credential:
        try:
            headers: Credential = Secret(dict(await self.auth.headers(refused=refused)))
        except (ConfigurationError, ClientStateError):
            raise
        except asyncio.CancelledError as error:
            if is_being_cancelled():
                raise
            raise TransportError("what the auth object awaited was cancelled", maybe_sent=False) from error
        except PackCloudError as error:
            # An auth object that uses a client of its own: what its request did says nothing about this one.
            raise TransportError(f"the auth object could not give a credential: {error}", maybe_sent=False) from error
        except Exception as error:
            # The text of a foreign error may hold the very secret it failed to fetch.
            sentence = f"the auth object could not give a credential: {type(error).__name__}"
            raise TransportError(sentence, maybe_sent=False) from error
        if self._latest is not None and headers == self._latest:
            return self._latest
        if complaint := _complaint(headers):
            raise ConfigurationError(complaint)
        self._latest = headers
        if type(self.auth) in _NEVER_CHANGING:
            self.fixed = headers
        return headers


def _complaint(headers: Credential) -> str | None:
    for name, value in headers.reveal().items():
        if complaint := header_complaint(name):
            return f"a header name of the auth object {complaint}"
        if complaint := header_complaint(value):
            return f"a header value of the auth object {complaint}"
    return None
