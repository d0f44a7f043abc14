"""The logger ``packcloud_async``, and how it is written: what its handlers and filters raise breaks nothing."""

import logging
from contextlib import suppress

logger = logging.getLogger("packcloud_async")

_NOWHERE = logging.NullHandler()


def write(
    level: int, message: str, *args: object, exc_info: bool = False, extra: dict[str, object] | None = None
) -> None:
    """Write a record; where that fails say so on stderr, as the handlers of the standard library do."""
    try:
        logger.log(level, message, *args, exc_info=exc_info, extra=extra, stacklevel=2)
    except Exception:  # noqa: BLE001 - a log that cannot be written never breaks what it tells of
        with suppress(Exception):
            # A stderr that is closed raises what that one does not expect.
            _NOWHERE.handleError(logging.makeLogRecord({"msg": message, "args": args}))
