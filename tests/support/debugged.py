"""asyncio's debug mode at the price of none.

On is what finds faults: calls from another thread, callbacks that are none, coroutines as callbacks. Off is the
traceback of where each handle, future and coroutine was made, which makes the suite three times as slow: for a look
at one test, ``PYTHONASYNCIODEBUG=1`` and a plain loop show it.
"""

import asyncio
import math
from typing import Any


class DebuggedLoop(asyncio.SelectorEventLoop):
    """The standard loop, checking what it is asked to do."""

    def __init__(self, selector: Any = None) -> None:
        super().__init__(selector)
        # By the wall clock, which other processes slow down as well; tests/concurrency counts CPU time.
        self.slow_callback_duration = math.inf

    def set_debug(self, enabled: bool) -> None:
        """Leave it on, whatever a runner wants."""
        super().set_debug(True)

    def get_debug(self) -> bool:
        """Whether futures and handles are to keep a traceback; the loop itself does not ask."""
        return False

    def _set_coroutine_origin_tracking(self, enabled: Any) -> None:
        """Keep no traceback of coroutines either."""
