"""Questions without side effects: a GET that is answered whatever the status, and what was learned by it."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from packcloud_async._sansio import readers
from packcloud_async._sansio.answers import retry_after
from packcloud_async._sansio.endpoints import Call, Repeat
from packcloud_async._sansio.values import equal, hashed, shown
from packcloud_async._sansio.wire import Damage, Response

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds; a server that asks for a longer pause is asked nothing more."""
_TIMES: Final = 2
_LONGEST_REASON: Final = 400
"""It names what was asked for, and why there was no answer."""
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@frozen(slots=False)
class Inquiry(Call[T]):
    """A call for which no status is an error."""

    reads_refusals: ClassVar[bool] = True

    __repr__, __eq__, __hash__ = shown, equal, hashed


@frozen(kw_only=True)
class Answered:
    """What came back; ``allow`` is what the header of that name lists, None without it.

    ``body`` is None when it was not kept, as that of settings never is, nor one that ``is_too_large``. ``elapsed`` is
    seconds, without the wait for a turn. ``received_at`` is the wall clock.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    is_too_large: bool = False
    elapsed: float = 0.0
    received_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    __repr__, __eq__, __hash__ = shown, equal, hashed

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def allow(self) -> frozenset[str] | None:
        """The methods the server says it takes there, None when it says nothing."""
        text = self.headers.get("allow")
        return None if text is None else frozenset(re.findall(r"[A-Z]+", text.upper())) & _METHODS

    @property
    def says_json(self) -> bool:
        """Whether a body, if there is one, is said to be JSON; nothing said counts as yes."""
        return "json" in self.headers.get("content-type", "json").lower()


@frozen
class Silence:
    """There was no answer, or nothing was asked; ``reason`` is a phrase.

    ``was_asked`` is False when no request was made for it.
    """

    reason: str
    was_asked: bool = True

    __repr__, __eq__, __hash__ = shown, equal, hashed


Answer: TypeAlias = Answered | Silence

_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


def inquiry(target: str, *, keeps_body: bool, named_path: str | None = None) -> Inquiry[Response]:
    """Ask with a GET what a path answers; ``target`` and ``named_path`` are those of a :class:`Call`."""
    read = _with_body if keeps_body else _without_body
    return Inquiry("doctor", "GET", target, Repeat.SAFE, read, quotable=False, named_path=named_path)


def asks_again(answer: Answer, *, asked: int) -> bool:
    """Whether the same question should be asked once more after ``asked`` times."""
    return isinstance(answer, Answered) and answer.status in _PASSING and asked < _TIMES and _pause(answer) <= PATIENCE


def reason_to_stop(answers: Sequence[Answer]) -> str | None:
    """Say why nothing more should be asked after these answers; None when there is no reason."""
    latest = answers[-_TIMES:]
    if any(isinstance(answer, Answered) and _pause(answer) > PATIENCE for answer in latest):
        return "the server asked for a long pause"
    if len(latest) == _TIMES and all(isinstance(answer, Silence) for answer in latest):
        return "the server does not answer any more"
    return None


def told(answer: Answer) -> str:
    """Say what was answered, as the end of a sentence; nothing of it is in the server's words."""
    if isinstance(answer, Silence):
        reason = shortened(answer.reason, _LONGEST_REASON)
        return f"gave no answer ({reason})" if answer.was_asked else f"was not asked ({reason})"
    if answer.is_success and answer.is_too_large:
        return f"answered {answer.status}, and {Damage.TOO_LARGE.value}"
    if answer.status != 405:
        return f"answered {answer.status}"
    allowed = ", ".join(sorted(answer.allow)) if answer.allow else "nothing" if answer.allow is not None else "not said"
    return f"answered 405 (Allow: {allowed})"


def shortened(text: str, most: int = 60) -> str:
    """Return a text that may be the server's, an id for example, with no more than so many characters.

    >>> shortened("int_" + "0" * 100 + "42", most=12)
    'int_00...042'
    """
    if len(text) <= most:
        return text
    # What went wrong stands at the end of a reason, behind the path.
    end = (most - 3) // 3
    return f"{text[: most - 3 - end]}...{text[-end:]}"


def _pause(answer: Answered) -> float:
    wish = retry_after(answer.headers, answer.received_at) if answer.status in {429, 503} else None
    return wish or 0.0


def _with_body(response: Response) -> Response:
    if response.damage is not Damage.TOO_LARGE:
        return readers.plain(response)
    # Its status and its headers tell something all the same.
    return evolve(_without_body(response), damage=response.damage)


def _without_body(response: Response) -> Response:
    # What may be settings goes no further than this, and how much of it arrived does not matter.
    return readers.plain(evolve(response, body=b"", damage=None))
