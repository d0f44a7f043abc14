"""Instants of a file of emulator data, and values that move."""

from datetime import datetime

from packcloud_async.emulator.dates import second_of
from packcloud_async.emulator.places import Place
from packcloud_async.emulator.sync_runs import Move, Track, Value


def track_of(place: Place | None, planned: Place | None, *, otherwise: Value = None) -> Track:
    """Read a value and the moves that are planned for it; None when they are not there."""
    track = Track(otherwise if place is None else _value(place))
    for move in moves_of(planned):
        track.add(move)
    return track


def moves_of(place: Place | None) -> tuple[Move, ...]:
    """Read a list of ``[seconds, value]``, none when it is not there."""
    pairs = () if place is None else map(pair_of, place.items())
    return tuple(Move(at, None if value is None else _value(value)) for at, value in pairs)


def pair_of(place: Place) -> tuple[float, Place | None]:
    """Read ``[seconds, value]``; a value that is null is as one that is not there, TOML has no null."""
    items = place.items()
    if len(items) not in {1, 2}:
        raise place.refusal("must be [seconds, value]")
    return items[0].seconds(), next((item for item in items[1:] if item.value is not None), None)


def _value(place: Place) -> int | str:
    """Read a watermark; the usual form of an instant is one, anything else stays a text."""
    text = text_of(place)
    second = second_of(text)
    return text if second is None else second


def instant_of(place: Place | None, otherwise: int) -> int:
    """Read an instant as seconds since the epoch."""
    if place is None:
        return otherwise
    second = second_of(text_of(place))
    if second is None:
        raise place.refusal("must be an instant such as 2026-01-01T00:00:00Z")
    return second


def text_of(place: Place) -> str:
    """Read a watermark as it is sent."""
    # TOML has instants of its own.
    if isinstance(place.value, datetime):
        return place.value.isoformat().replace("+00:00", "Z")
    return place.text(may_be_empty=True)
