"""How long a server keeps an idle connection, when it says so."""

import math
import re

MARGIN = 1.0
"""Seconds that a connection is given up earlier than the server does, for what is on its way at that moment."""

_TIMEOUT = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?([0-9]{1,9})(?![0-9.])", re.IGNORECASE)


def idle_seconds(keep_alive: str | None) -> float:
    """Return for how many seconds after an answer its connection may carry another request.

    ``keep_alive`` is the header of that name, ``timeout=5, max=100`` (RFC 2068, 19.7.1.1). Infinite when the server
    said nothing that can be read; 0 means not at all.
    """
    found = _TIMEOUT.search(keep_alive or "")
    return math.inf if found is None else max(0.0, float(found[1]) - MARGIN)
