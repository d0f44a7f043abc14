"""Silences: how long the server may be silent while an answer is expected, mostly without a timer of its own.

aiohttp's read timeout sets and drops two timers at least for each request. Nearly all answers are there in no time: the
requests of the last moment share one timer here, and only who waits longer than that gets the timer of aiohttp, for
the rest. What began to arrive and then stopped within that moment is given up by at most as much too soon.
"""

from aiohttp.client_proto import ResponseHandler
from attrs import define, field

from packcloud_async._io.deadlines import Deadlines

LONGEST_MOMENT = 1.0
SHARE = 0.1
"""The moment is this share of the whole time, at most ``LONGEST_MOMENT`` seconds."""


@define(eq=False, repr=False)
class Silences:
    """The connections on which something is expected; after ``seconds`` without a byte their reads fail."""

    seconds: float | None
    _moment: float = field(init=False)
    _since: Deadlines[ResponseHandler] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._moment = 0.0 if self.seconds is None else min(LONGEST_MOMENT, SHARE * self.seconds)
        self._since = Deadlines(None if self.seconds is None else self._moment, self._hand_over)

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, protocol: ResponseHandler, now: float) -> None:
        """Tell that an answer is expected from now on, by the loop's clock; once more begins its time anew."""
        self._since.begin(protocol, now)

    def end(self, protocol: ResponseHandler) -> None:
        """Tell that nothing is expected any more."""
        self._since.end(protocol)

    def close(self) -> None:
        """Expect nothing on any connection."""
        self._since.close()

    def _hand_over(self, protocol: ResponseHandler) -> None:
        assert self.seconds is not None
        protocol.read_timeout = self.seconds - self._moment
        protocol.start_timeout()
        # What arrives from now on begins the whole time anew.
        protocol.read_timeout = self.seconds
