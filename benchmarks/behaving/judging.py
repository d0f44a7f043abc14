"""Whether what the caller was told is so: what was said, held against the books of the server. Pure."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from attrs import frozen

from benchmarks.behaving.loop import Told

GONE = frozenset({404, 410})
"""An integration that was there is gone, says such a status."""


class Verdict(StrEnum):
    """What the words are worth."""

    TRUE = "true"
    OPEN = "open"
    """It cannot be told from them whether a sync runs, or what became of it."""
    UNTRUE = "untrue"
    NOTHING = "no end"
    """Nothing was said in time."""


@frozen(kw_only=True)
class Truth:
    """What the books say at the moment the caller was told.

    ``posts`` are those that arrived, ``started`` those that the server accepted, for whatever integration. ``moved`` is
    whether one of these moved something of the integration that was asked for, ``gone`` whether that is gone, ``count``
    how many integrations the list has, None when no list was asked for.
    """

    posts: int = 0
    started: int = 0
    moved: bool = False
    gone: bool = False
    count: int | None = None


@frozen(kw_only=True)
class Played:
    """One scene with one caller: ``told`` is None when nothing was said in time.

    ``seconds`` are from the first request to the word. ``leaked`` names the places in which the token stood, ``strays``
    counts the requests with the token that another host got.
    """

    told: Told | None
    truth: Truth
    seconds: float
    leaked: tuple[str, ...] = ()
    strays: int = 0

    @property
    def verdict(self) -> Verdict:
        """Say what the words are worth."""
        return Verdict.NOTHING if self.told is None else verdict(self.told, self.truth)


def verdict(told: Told, truth: Truth) -> Verdict:
    """Hold the words against the books.

    A status is the server's own word, which is true when nothing was started, or when the integration is gone and it
    says so. Raised after a sync was started, it leaves open what became of that, as does every error that says nothing
    of what the server did. Of a list an error says that it is not whole, which is so.
    """
    if truth.count is not None:
        return _so(told.says != "listed" or told.count == truth.count)
    word, _, number = told.says.partition(" ")
    if word == "status":
        return _of_status(int(number), truth)
    if told.says == "error":
        return Verdict.OPEN
    return _so(_SO[told.says](truth))


_SO: Mapping[str, Callable[[Truth], bool]] = {
    "moved": lambda truth: truth.moved,
    "not moved": lambda truth: truth.started > 0 and not truth.moved,
    "refused": lambda truth: truth.started == 0,
    "in doubt": lambda truth: not truth.moved,
    "gone": lambda truth: truth.gone,
    "started, not readable": lambda truth: truth.started > 0,
}
"""When the words of somebody who knows more than an error are so."""


def _of_status(status: int, truth: Truth) -> Verdict:
    if truth.started == 0:
        return Verdict.TRUE
    return Verdict.TRUE if status in GONE and truth.gone else Verdict.OPEN


def _so(is_so: bool) -> Verdict:
    return Verdict.TRUE if is_so else Verdict.UNTRUE
