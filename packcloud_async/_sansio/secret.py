"""Values that must not be printed, and errors without the frames that hold them.

1. A traceback may show the locals of every frame, so that a secret travels inside a :class:`Secret`, which neither a
   repr nor a printer that walks through containers can look into.
2. Frames that need the plain value (those of aiohttp, those that decode a body) end where it is needed: an error that
   comes through them leaves them behind.
"""

from collections.abc import Iterator
from typing import Any, Generic, TypeVar, cast

from attrs import field, frozen

from packcloud_async._sansio.values import equal, hashed

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)


@frozen(repr=False)
class Secret(Generic[T]):
    """Holds one value that nothing prints; equal to another one with an equal value.

    Neither a text nor a container, so that what walks through texts and containers stops here.

    >>> Secret("s3cret")
    Secret(...)
    """

    _value: T = field(repr=False)

    __eq__, __hash__ = equal, hashed

    def __repr__(self) -> str:
        return "Secret(...)"

    def reveal(self) -> T:
        """Return the value; not to be kept in a variable of a frame that an error can pass."""
        return self._value


def secret(value: T | Secret[T]) -> Secret[T]:
    """Return the value as a :class:`Secret`, which it may be already."""
    return cast("Secret[T]", value) if isinstance(value, Secret) else Secret(value)


def revealed(value: T | Secret[T]) -> T:
    """Return what a :class:`Secret` holds, anything else as it is."""
    return cast("Secret[T]", value).reveal() if isinstance(value, Secret) else value


def without_frames(error: E) -> E:
    """Take the frames an error came through out of it and of what it is chained to; types and texts stay.

    What was handled when it was raised goes altogether, if a traceback would not show it anyway.
    """
    for link in _chain(error):
        link.__traceback__ = None
        if link.__suppress_context__:
            link.__context__ = None
    return error


def _chain(error: BaseException) -> Iterator[BaseException]:
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        waiting += [link.__cause__, link.__context__, *getattr(link, "exceptions", ())]
        yield link
