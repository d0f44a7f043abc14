"""How a request proves who sends it."""

import re
from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

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


@frozen
class BearerToken:
    """``Authorization: Bearer <token>``, the scheme assumed by default: no public page shows one.

    >>> BearerToken("s3cret")
    BearerToken(...)
    """

    _token: str

    def __attrs_post_init__(self) -> None:
        check_header_value("token", self._token)

    def __repr__(self) -> str:
        return "BearerToken(...)"

    async def headers(self, *, refused: bool) -> Mapping[str, str]:  # noqa: ARG002 - it has no other to give
        """Return the one header."""
        return {"Authorization": f"Bearer {self._token}"}


@frozen
class HeaderAuth:
    """One fixed header of any name, for a gateway or another scheme.

    >>> HeaderAuth("X-Api-Key", "s3cret")
    HeaderAuth('X-Api-Key', ...)
    """

    _name: str
    _value: str

    def __attrs_post_init__(self) -> None:
        _check_header_name(self._name)
        check_header_value("header value", self._value)

    def __repr__(self) -> str:
        return f"HeaderAuth({self._name!r}, ...)"

    async def headers(self, *, refused: bool) -> Mapping[str, str]:  # noqa: ARG002 - it has no other to give
        """Return the one header."""
        return {self._name: self._value}


def _check_header_name(name: object) -> None:
    if not isinstance(name, str) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise ConfigurationError(f"header name must be letters, digits and dashes such as X-Api-Key, not {name!r}")


def check_header_value(name: str, value: object) -> None:
    """Refuse what cannot stand in a header, without quoting it."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a non-empty text")
    if not value.isascii() or not value.isprintable() or value != value.strip():
        raise ConfigurationError(f"{name} holds a space at an end, a line break or a character outside ASCII")
