"""What a sync does over time: when it ends, and which values its watermark takes."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from attrs import field, frozen

from packcloud_async.emulator.checks import number, probability, whole
from packcloud_async.emulator.dates import WatermarkFormat, written
from packcloud_async.emulator.draws import Draws
from packcloud_async.errors import ConfigurationError

Value: TypeAlias = int | str | None
"""What a watermark holds: seconds since the epoch, or a text that is sent as it is, or null."""


class Distribution(StrEnum):
    """How the durations of syncs are spread."""

    LOG_NORMAL = "log_normal"
    """Half take longer than ``median``, one in six longer than ``median + spread``, a few much longer."""
    UNIFORM = "uniform"
    """Evenly from ``median - spread`` to ``median + spread``."""


@frozen
class PlannedRun:
    """A sync before it starts: its steps as (seconds after the POST, value), and when it ends, seconds after the POST.

    The value None is one the emulator makes up; with ``goes_back`` one that is older than what is there.
    """

    steps: tuple[tuple[float, str | None], ...]
    takes: float = field(validator=number(0))
    goes_back: bool = False

    def __attrs_post_init__(self) -> None:
        if any(not 0 <= after <= self.takes for after, _ in self.steps):
            raise ConfigurationError("the moves of a sync must lie between its POST and its end")


# The enum itself would take an object as type checkers see it, and anything at all as an editor shows it.
def _distribution(value: Distribution | str) -> Distribution:
    return Distribution(value)


@frozen(kw_only=True)
class SyncTimes:
    """How long syncs take and what they find; ``median`` and ``spread`` are seconds.

    By default every sync moves its watermark once, at its end. ``finds_nothing`` is the probability that it
    never moves, ``several_steps`` that it moves ``steps`` times at even distances, the last time at its end, and
    ``goes_back`` that it moves to an older time, as when a shop corrects its clock.
    """

    median: float = field(default=5.0, validator=number(0))
    spread: float = field(default=2.0, validator=number(0))
    distribution: Distribution = field(default=Distribution.LOG_NORMAL, converter=_distribution)
    finds_nothing: float = field(default=0.0, validator=probability)
    several_steps: float = field(default=0.0, validator=probability)
    steps: int = field(default=3, validator=whole(2))
    goes_back: float = field(default=0.0, validator=probability)

    def __attrs_post_init__(self) -> None:
        if self.distribution is Distribution.UNIFORM and self.spread > self.median:
            raise ConfigurationError("SyncTimes.spread must not be above the median of a uniform distribution")

    def draw(self, draws: Draws, *names: object) -> PlannedRun:
        """Plan the sync that the names name."""
        nothing, several, even, back = draws.eight("sync", *names)[:4]
        takes = self._duration(even, draws, names)
        if nothing < self.finds_nothing:
            return PlannedRun((), takes)
        count = self.steps if several < self.several_steps else 1
        steps = tuple((min(takes, takes * step / count), None) for step in range(1, count + 1))
        return PlannedRun(steps, takes, goes_back=back < self.goes_back)

    def _duration(self, even: float, draws: Draws, names: tuple[object, ...]) -> float:
        if self.distribution is Distribution.UNIFORM:
            return self.median + self.spread * (2 * even - 1)
        if not self.median:
            return 0.0
        return self.median * math.exp(math.log1p(self.spread / self.median) * draws.normal("duration", *names))


class Move(NamedTuple):
    """One step of a watermark: from the second ``at`` on it reads ``value``."""

    at: float
    value: Value


_moment = itemgetter(0)


class Track:
    """One value over time, a function of ``now``: no task has to move it."""

    __slots__ = ("_first", "_moves")

    def __init__(self, value: Value) -> None:
        self._first = value
        self._moves: Sequence[Move] = ()

    def value(self, now: float, *, stale: bool = False) -> Value:
        """Return what holds now, or what held before the latest move if ``stale`` and there was one."""
        made = bisect_right(self._moves, now, key=_moment) - (1 if stale else 0)
        return self._moves[made - 1].value if made > 0 else self._first

    def add(self, move: Move) -> None:
        """Plan a move, at any time."""
        self._moves = sorted([*self._moves, move], key=_moment)

    def to_come(self, now: float) -> Sequence[Move]:
        """Return the moves that are planned for after ``now``."""
        return self._moves[bisect_right(self._moves, now, key=_moment) :]

    def has_held(self, value: Value) -> bool:
        """Whether the value is one of the past or of the planned future."""
        return value == self._first or any(move.value == value for move in self._moves)


def move_tracks(tracks: Iterable[Track], planned: PlannedRun, now: float) -> tuple[Move, ...]:
    """Plan the moves of a sync accepted now on every track alike, and return them.

    A made-up value is the second of the move, or the first later one the tracks never held, so that no two
    moves look the same. One that goes back is older than what the tracks hold.
    """
    tracks = list(tracks)
    moves: list[Move] = []
    for after, text in planned.steps if tracks else ():
        move = Move(now + after, text if text is not None else _made_up(now + after, tracks, planned.goes_back))
        for track in tracks:
            track.add(move)
        moves.append(move)
    return tuple(moves)


def _made_up(at: float, tracks: list[Track], goes_back: bool) -> int:
    if not goes_back:
        return _fresh_second(int(at), tracks, step=1)
    held = [value for track in tracks if isinstance(value := track.value(at), int)]
    return _fresh_second(min(held, default=int(at)) - _CORRECTION, tracks, step=-1)


_CORRECTION = 3_600


def _fresh_second(second: int, tracks: list[Track], *, step: int) -> int:
    while any(track.has_held(second) for track in tracks):
        second += step
    return second


def on_the_wire(value: Value, style: WatermarkFormat) -> str | None:
    """Write a value as an answer carries it."""
    return written(value, style) if isinstance(value, int) else value
