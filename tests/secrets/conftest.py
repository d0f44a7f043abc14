import asyncio
import logging

import pytest
from attrs import define, field

from packcloud_async import BearerToken, HeaderAuth

from . import canaries, showing


@define
class Search:
    """Collects all that is shown; at the end of the test none of it may hold a canary."""

    shown: list[canaries.Seen] = field(factory=list)
    types: set[str] = field(factory=set)
    logged: list[logging.LogRecord] = field(factory=list)

    def value(self, where, value):
        self.types.add(type(value).__name__)
        self.shown += showing.values(where, value)

    def error(self, where, error, *, but=()):
        self.types.add(type(error).__name__)
        self.shown += showing.errors(where, error, but=but)

    def text(self, where, text):
        self.shown.append(canaries.Seen(where, text))

    def files(self, where, folder):
        for file in folder.iterdir():
            self.text(f"{where}: {file.name}", file.read_bytes())

    def finish(self):
        self.shown += showing.records("log", self.logged)
        assert self.shown, "nothing was searched"
        assert canaries.leaks(self.shown) == []


class _Collecting(logging.Handler):
    def __init__(self, records):
        super().__init__(logging.DEBUG)
        self.records = records

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def search():
    """A search that includes every log record at DEBUG of every logger, asyncio's own in debug mode too."""
    found = Search()
    handler, root = _Collecting(found.logged), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)
    found.finish()


@pytest.fixture
async def everything_is_slow():
    """asyncio writes a record of every callback, with its arguments."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    yield
    loop.set_debug(False)


AUTHS = {
    "token": lambda: {"token": canaries.TOKEN},
    "bearer": lambda: {"auth": BearerToken(canaries.TOKEN)},
    "header": lambda: {"auth": HeaderAuth("X-Api-Key", canaries.HEADER)},
}


@pytest.fixture(params=AUTHS)
def auth(request):
    return AUTHS[request.param]()
