"""The moments of a command at which something is done to its terminal."""

from typing import Final

from attrs import frozen

CTRL_C: Final = b"\x03"


@frozen
class Moment:
    """At second ``at`` of a command its terminal is drawn as ``picture``, or ``key`` is pressed on it."""

    at: float
    picture: str = ""
    key: bytes = b""


def marker(moment: Moment) -> bytes:
    """Return what stands in the bytes of a terminal at a moment: the title of a window, which draws nothing."""
    return b"\x1b]2;%s\x07" % (b"key" if moment.key else moment.picture.encode())
