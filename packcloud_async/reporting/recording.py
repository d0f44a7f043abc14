"""Recording: the hook that a report of a run is made from."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from attrs import define, field

from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.request_events import RunBegun
from packcloud_async._sansio.sync_events import HookEvent
from packcloud_async.reporting.folding import Folding
from packcloud_async.reporting.story import Story


@define(eq=False)
class Recording:
    """A hook that keeps the story of the latest bulk run of a client; it is for one run at a time.

    ``planned`` is how many organizations it is given, ``budget`` how the client stands with its request budget.
    """

    planned: int | None = None
    budget: Callable[[], BudgetState] | None = None
    _folding: Folding | None = field(default=None, init=False)

    def __call__(self, event: HookEvent) -> None:
        """Take note of an event; a run that begins takes the place of the last one."""
        now = asyncio.get_running_loop().time()
        if isinstance(event, RunBegun):
            self._folding = Folding(datetime.now(UTC), now, event.kinds, event.resumed, self.planned)
        elif self._folding is not None:
            self._folding.add(event, now, self.budget)

    def story(self) -> Story | None:
        """Tell the run so far; None when none was begun."""
        return None if self._folding is None else self._folding.story(asyncio.get_running_loop().time())
