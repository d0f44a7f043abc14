"""How a request proves who sends it."""

import re
from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen

from packcloud_async._sansio.secret import Secret, revealed, secret
from packcloud_async._sansio.values import equal, hashed
from packcloud_async.errors import ConfigurationError


class Auth(Protocol):
    """Anything that gives the headers of a credential; one object may serve many requests at once."""

    async def headers(self, *, refused: bool) -> Mapping[str, str]:
        """Return the headers to send; ``refused`` is True when the server just answered 401 to the last ones.

        Asked before every attempt, so keep what is still good; asked once more with ``refused=True`` after
        a 401, once for all requests that were refused with the same headers, and each of them is sent again if
        the headers came back different.
        """
        ...


@frozen(init=False)
class BearerToken:
    """``Authorization: Bearer <token>``, the scheme assumed by default: no public page shows one.

    >>> BearerToken("s3cret")
    BearerToken(...)
    """

    _token: Secret[str] = field(repr=False)

    __eq__, __hash__ = equal, hashed

    def __init__(self, token: str | Secret[str]) -> None:
        token = secret(token)  # or a traceback with locals would show it
        check_header_value("token", token)
        object.__setattr__(self, "_token", token)

    def __repr__(self) -> str:
        return "BearerToken(...)"

    async def headers(self, *, refused: bool) -> Mapping[str, str]:  # noqa: ARG002 - it has no other to give
        """Return the one header."""
        return {"Authorization": f"Bearer {self._token.reveal()}"}


@frozen(init=False)
class HeaderAuth:
    """One fixed header of any name, for a gateway or another scheme.

    >>> HeaderAuth("X-Api-Key", "s3cret")
    HeaderAuth('X-Api-Key', ...)
    """

    _name: str
    _value: Secret[str] = field(repr=False)

    __eq__, __hash__ = equal, hashed

    def __init__(self, name: str, value: str | Secret[str]) -> None:
        value = secret(value)
        # Before the checks: a traceback of a refusal may show this object, which must have what its repr shows.
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_value", value)
        _check_header_name(name)
        check_header_value("header value", value)

    def __repr__(self) -> str:
        return f"HeaderAuth({self._name!r}, ...)"

    async def headers(self, *, refused: bool) -> Mapping[str, str]:  # noqa: ARG002 - it has no other to give
        """Return the one header."""
        return {self._name: self._value.reveal()}


def _check_header_name(name: object) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ConfigurationError(f"header name must be letters, digits and dashes such as X-Api-Key, not {name!r}")


def check_header_value(name: str, value: object) -> None:
    """Refuse what cannot stand in a header, without quoting it; a :class:`Secret` is looked into."""
    value = secret(value)
    if complaint := header_complaint(value):
        raise ConfigurationError(f"{name} {complaint}")


def header_complaint(value: object) -> str | None:
    """Say what keeps a value from standing in a header, None when nothing does; raises nothing."""
    text = revealed(value)
    if not isinstance(text, str) or not text.strip():
        return "must be a non-empty text"
    if not text.isascii() or not text.isprintable() or text != text.strip():
        return "holds a space at an end, a line break or a character outside ASCII"
    return None
