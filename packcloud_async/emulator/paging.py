"""Pages of a list, by cursors that say where a page begins and that no client can make up."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from attrs import frozen

from packcloud_async.emulator.draws import Draws


class Numbered(Protocol):
    """Anything with a place in a list that stays its own when others come and go."""

    @property
    def number(self) -> int:
        """The place, ascending."""
        ...


T = TypeVar("T", bound=Numbered)


@frozen
class Cut(Generic[T]):
    """One page; the cursors are None at the ends."""

    items: Sequence[T]
    next: str | None = None
    prev: str | None = None


@frozen
class Cursors:
    """Writes and reads the cursors of one list; ``scope`` keeps them from working on another."""

    _draws: Draws
    _scope: str

    def cut(self, items: Sequence[T], *, cursor: str | None, per_page: int) -> Cut[T] | None:
        """Return the page a cursor points at, the first for None; None when the cursor is not one of ours."""
        numbers = [item.number for item in items]
        start, end = 0, per_page
        if cursor is not None:
            place = self._read(cursor)
            if place is None:
                return None
            side, number = place
            if side == "after":
                start = bisect_right(numbers, number)
                end = start + per_page
            else:
                end = bisect_left(numbers, number)
                start = max(end - per_page, 0)
        page = items[start:end]
        return Cut(
            page,
            next=self._write("after", page[-1].number) if page and end < len(items) else None,
            prev=self._write("before", page[0].number) if page and start > 0 else None,
        )

    def _write(self, side: str, number: int) -> str:
        place = f"{side}:{number}"
        sealed = f"{place}:{self._draws.hexadecimal('cursor', self._scope, place)}"
        return urlsafe_b64encode(sealed.encode()).decode().rstrip("=")

    def _read(self, cursor: str) -> tuple[str, int] | None:
        try:
            sealed = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            side, number, _ = sealed.split(":")
            place = side, int(number)
        except ValueError:
            return None
        return place if self._write(*place) == cursor else None
