"""Rates and durations as a person writes them: ``50/s``, ``600/min``, ``90``, ``5m``."""

import re
from typing import Final

from attrs import frozen

from packcloud_async.errors import ConfigurationError

NO_LIMIT: Final = "none"
"""How None is written where there is no other way to write it."""
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
_RATE = re.compile(rf"({_NUMBER})(?:/({_NUMBER})?(s|sec|m|min|h|d))?", re.ASCII).fullmatch
_DURATION = re.compile(rf"({_NUMBER})(s|sec|m|min|h|d)?", re.ASCII).fullmatch


@frozen
class Rate:
    """So many requests in so many seconds."""

    requests: float
    per: float


def read_rate(text: str) -> Rate:
    """Read ``50/s``, ``600/min`` or ``10/2s``; a number alone is per second.

    >>> read_rate("600/min")
    Rate(requests=600.0, per=60.0)
    """
    found = _RATE(text.strip())
    if found is None or not float(found[1]) or (found[2] and not float(found[2])):
        raise ConfigurationError(f"must be a rate such as 50/s, 600/min or 10/2s, not {text!r}")
    return Rate(float(found[1]), float(found[2] or 1) * _SECONDS[found[3] or "s"])


def read_duration(text: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``5m``, ``1.5h`` or ``1d``.

    >>> read_duration("5m")
    300.0
    """
    found = _DURATION(text.strip())
    if found is None:
        raise ConfigurationError(f"must be a time such as 90s, 5m or 1h, not {text!r}")
    return float(found[1]) * _SECONDS[found[2] or "s"]
