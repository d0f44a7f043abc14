"""What a served emulator logs: its own failures whole, and of what a client got wrong nothing that the client sent."""

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

_NOT_HTTP: Final = "a request that breaks the rules of HTTP was answered with 400, and nothing was done"


class _NothingSent(logging.Filter):
    """Takes out what could not be parsed: aiohttp quotes it, and a credential may be in it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            record.msg, record.args, record.exc_info = _NOT_HTTP, (), None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


LOGGER: Final = logging.getLogger("aiohttp.server.packcloud_emulator")
LOGGER.addFilter(_NothingSent())
