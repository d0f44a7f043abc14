"""LearnedPacing: how long the last syncs took, by connector and by category.

What is kept are the durations themselves, a few dozen for each key: their quantiles are exact, follow a drift, and
can be written down. Version 1 of the text::

    {"version": 1, "worst": 4.0, "samples": 64, "max_keys": 1024,
     "learned": [["connector", "shopify", "orders", [31.2, 28.0]], ["category", "shop", "orders", [31.2, 28.0]]]}

The rows stand in the order in which they were last learned, the durations of a row too; the newest are last.
"""

import json
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, Final, Literal, Self, TypeAlias, cast

from attrs import define, field

from packcloud_async._sansio.pacing import Expectation
from packcloud_async._sansio.values import equal, shown
from packcloud_async.errors import ConfigurationError
from packcloud_async.models import SyncKind
from packcloud_async.policies import check_instance, check_whole

VERSION: Final = 1

ENOUGH: Final = 8
"""How many durations of a key must be known before anything is expected of the next one."""

Scope: TypeAlias = Literal["connector", "category"]
Key: TypeAlias = tuple[Scope, str, SyncKind]


def _check_worst(_: Any, attribute: Any, value: object) -> None:
    if not _is_duration(value) or cast("float", value) < 1:
        raise ConfigurationError(f"LearnedPacing.{attribute.name} must be a number of at least 1, not {value!r}")


def _check_samples(_: Any, attribute: Any, value: int) -> None:
    check_whole(f"LearnedPacing.{attribute.name}", value, ENOUGH)
    if value > sys.maxsize:
        raise ConfigurationError(f"LearnedPacing.{attribute.name} must be at most {sys.maxsize}, not {value!r}")


def _check_keys(_: Any, attribute: Any, value: int) -> None:
    check_whole(f"LearnedPacing.{attribute.name}", value, 2)


@define(kw_only=True)
class LearnedPacing:
    """Remembers how long syncs took, so that the next one is read when its news is likely.

    Give one to :class:`~packcloud_async.PackCloudClient` as ``pacing=``; clients of one process may share it. It
    knows durations by (connector, kind) and, for a connector of which fewer than eight are known, by
    (category, kind).

    ``worst``: a ratio; a job that follows what was learned is never worse than the geometric rule of its
    :class:`~packcloud_async.PollPolicy` by more than this, in reads or in the delay of its news, and is never called
    quiet before ``deadline / worst``. 1 learns, but changes nothing. ``samples``: how many durations are kept for
    each key. ``max_keys``: how many connectors and categories, times kinds, are kept; beyond that the one that was
    not learned for the longest time is forgotten.
    """

    worst: float = field(default=4.0, validator=_check_worst)
    samples: int = field(default=64, validator=_check_samples)
    max_keys: int = field(default=1024, validator=_check_keys)
    _learned: dict[Key, deque[float]] = field(factory=dict, init=False, repr=False)
    _expected: dict[Key, Expectation] = field(factory=dict, init=False, repr=False, eq=False)

    __repr__, __eq__ = shown, equal

    def learn(
        self, *, connector_id: str | None, category: str | None, kind: SyncKind, not_yet: float, seen: float
    ) -> None:
        """Tell that the news of a sync came between two reads, in seconds since its POST was answered.

        ``not_yet`` is the last read without it (0 if there was none), ``seen`` the first one with it. The middle is
        recorded: ``seen`` would take every late read for a long sync, and make the next one late as well. Tell only
        of syncs that were watched from their own POST: one that was joined, or whose watch was interrupted, says
        nothing about durations. None is an integration whose connector or category is not known.

        Raises :class:`ConfigurationError` when ``not_yet`` lies after ``seen``, or one of them is no duration.
        """
        if not _is_duration(not_yet) or not _is_duration(seen) or not_yet > seen:
            raise ConfigurationError(f"news comes between two ages, not between {not_yet!r} and {seen!r} seconds")
        duration = not_yet + (seen - not_yet) / 2
        for key in _keys(connector_id, category, kind):
            self._keep(key, duration)
        while len(self._learned) > self.max_keys:
            forgotten = next(iter(self._learned))
            del self._learned[forgotten]
            self._expected.pop(forgotten, None)

    def expect(self, *, connector_id: str | None, category: str | None, kind: SyncKind) -> Expectation | None:
        """Return what is expected of the next sync; None if too little is known."""
        for key in _keys(connector_id, category, kind):
            if (expected := self._expectation_of(key)) is not None:
                return expected
        return None

    def _expectation_of(self, key: Key) -> Expectation | None:
        # All integrations of a list ask before anything more is learned, and sorting is most of the answer.
        expected = self._expected.get(key)
        if expected is None or expected.worst != self.worst:
            known = sorted(self._learned.get(key, ()))
            if len(known) < ENOUGH:
                return None
            tenth = len(known) // 10
            expected = Expectation(low=known[tenth], high=known[-1 - tenth], tail=known[-1], worst=self.worst)
            self._expected[key] = expected
        return expected

    def to_json(self) -> str:
        """Return all that was learned, and the options, as a JSON text without any secret in it."""
        return json.dumps(
            {
                "version": VERSION,
                "worst": self.worst,
                "samples": self.samples,
                "max_keys": self.max_keys,
                "learned": [[*key, list(durations)] for key, durations in self._learned.items()],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote; raise :class:`ConfigurationError` that says what is wrong."""
        try:
            document = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            raise ConfigurationError("this is no learned pacing: it is not JSON; pass the text of to_json()") from None
        if not isinstance(document, dict) or "version" not in document:
            raise ConfigurationError("this is no learned pacing: it has no version; pass the text of to_json()")
        fields = cast("dict[str, Any]", document)
        version = fields.pop("version")
        if type(version) is not int or version != VERSION:
            raise ConfigurationError(
                f"learned pacing of version {version!r:.20}; this release reads version {VERSION}: "
                "load it with the release of packcloud_async that wrote it, or begin anew"
            )
        try:
            return cls._read(**fields)
        except (TypeError, ValueError, OverflowError):
            raise ConfigurationError("damaged learned pacing: use the text exactly as it was saved") from None

    @classmethod
    def _read(cls, *, learned: Any, worst: Any, samples: Any, max_keys: Any) -> Self:
        pacing = cls(worst=worst, samples=samples, max_keys=max_keys)
        rows = [_row(values) for values in _list(learned)]
        for key, durations in rows:
            pacing._learned[key] = deque(durations, maxlen=samples)
        if len(rows) > max_keys or len(pacing._learned) < len(rows) or any(len(row[1]) > samples for row in rows):
            raise ValueError("rows")
        return pacing

    def _keep(self, key: Key, duration: float) -> None:
        known = self._learned.pop(key, None)
        if known is None or known.maxlen != self.samples:
            known = deque(known or (), maxlen=self.samples)
        known.append(duration)
        # Those that were learned last stand last.
        self._learned[key] = known
        self._expected.pop(key, None)


def _keys(connector_id: str | None, category: str | None, kind: SyncKind) -> Iterator[Key]:
    """The best known first."""
    check_instance("connector_id", connector_id, str)
    check_instance("category", category, str)
    if connector_id is not None:
        yield "connector", str(connector_id), kind
    if category is not None:
        yield "category", str(category), kind


def _row(values: Any) -> tuple[Key, list[float]]:
    scope, name, kind, durations = _list(values)
    if scope not in ("connector", "category") or not isinstance(name, str) or not _list(durations):
        raise ValueError("row")
    if not all(_is_duration(duration) for duration in durations):
        raise ValueError("durations")
    return (scope, name, SyncKind(kind)), [float(duration) for duration in durations]


def _list(value: Any) -> Any:
    # A text can be iterated over too.
    if type(value) is not list:
        raise TypeError(value)
    return cast("Any", value)


def _is_duration(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= sys.float_info.max
