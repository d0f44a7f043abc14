"""What goes over the wire, as plain values."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import final

from attrs import field, frozen

from packcloud_async._sansio import json_text
from packcloud_async._sansio.json_text import JsonValue
from packcloud_async._sansio.values import equal, hashed, shown


class Damage(Enum):
    """Why a body is not whole although the status line and headers are."""

    TRUNCATED = "the connection ended in the middle of the body"
    STALLED = "the body stopped arriving"
    LATE = "the body did not arrive in time"
    TOO_LARGE = "the body is larger than the limit"


def _size_of(body: bytes | None) -> str:
    from packcloud_async._sansio.counting import counted  # noqa: PLC0415 - few look at a body

    return f"<{counted(len(body or b''), 'byte')}>"


def _names_only(headers: Mapping[str, str]) -> str:
    return f"<{', '.join(headers)}>"


class Link(str):
    """A URL that the server wrote on the origin of the API: what is behind the origin may echo the credential."""

    __slots__ = ()


def _without_query(url: str) -> str:
    if isinstance(url, Link):
        scheme, _, rest = url.partition("://")
        return repr(f"{scheme}://{rest.partition('/')[0]}/...")
    return repr(url.partition("?")[0])


@final
class Headers(Mapping[str, str]):
    """The headers of an answer by lower-case names, of which nobody asks for any in most answers.

    ``given`` finds names in whatever case they are written. The table of lower-case names is made when it is needed.
    """

    __slots__ = ("_given", "_table")

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self._table: dict[str, str] | None = None

    def has_any(self, names: Iterable[str]) -> bool:
        """Whether one of these is there."""
        given = self._given
        for name in names:  # noqa: SIM110 - any() with a generator costs three times as much, for each answer
            if name in given:
                return True
        return False

    def __getitem__(self, name: str) -> str:
        return self._names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return _names_only(self)

    @property
    def _names(self) -> dict[str, str]:
        if self._table is None:
            self._table = {name.lower(): value for name, value in self._given.items()}
        return self._table


@frozen
class Request:
    """One HTTP request: ``url`` is absolute and percent-encoded; ``body`` is None when there is none."""

    method: str
    url: str = field(repr=_without_query)
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=_names_only)
    body: bytes | None = field(default=None, repr=_size_of)

    __repr__, __eq__, __hash__ = shown, equal, hashed


@frozen
class Response:
    """One HTTP answer: header names are lower case; ``damage`` is None when the body is whole."""

    status: int
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=_names_only)
    body: bytes = field(default=b"", repr=_size_of)
    damage: Damage | None = None

    __repr__, __eq__, __hash__ = shown, equal, hashed

    def json(self) -> JsonValue:
        """Parse the body; raise :class:`~packcloud_async.InvalidResponse` when it is not JSON."""
        return json_text.parse(self.body)
