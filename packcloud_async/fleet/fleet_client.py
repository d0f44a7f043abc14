"""FleetClient: the client of a worker, whose requests take their turns with those of all other workers."""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeVar

from attrs import define, field

from packcloud_async._io.pipeline import CallObserver
from packcloud_async._io.tasks import until_done
from packcloud_async._io.telling import Telling
from packcloud_async._sansio.budget import BudgetState
from packcloud_async._sansio.endpoints import Call
from packcloud_async._sansio.retry_details import RetryDetails
from packcloud_async.errors import ApiError, LedgerError, PackCloudError, RateLimited
from packcloud_async.firing import JobClient
from packcloud_async.fleet.budget import SharedBudget
from packcloud_async.models import SyncKind
from packcloud_async.policies import Routes
from packcloud_async.probes import Probe
from packcloud_async.watch import Watch

T = TypeVar("T")

SHORTEST_PAUSE: Final = 1.0
"""Seconds that all keep quiet after a refusal that names none."""
TURNS_AT_MOST: Final = 4
"""So many turns are taken for one request. A worker that is always late leaves so many places free for its own."""


@define(eq=False)
class FleetClient:
    """The client of a worker as one look, or one firing, sees it.

    ``broken`` is why a turn could not be asked for, None so far. What jobs were told since is no answer of the server.
    """

    client: JobClient
    shared: SharedBudget
    broken: LedgerError | None = field(default=None, init=False)

    @property
    def routes(self) -> Routes:
        return self.client.routes

    @property
    def base_url(self) -> str:
        return self.client.base_url

    @property
    def probes(self) -> Mapping[SyncKind, Probe]:
        return self.client.probes

    @property
    def budget(self) -> BudgetState:
        return self.client.budget

    @property
    def telling(self) -> Telling | None:
        return self.client.telling

    def watch_of(self, organization_id: str) -> Watch:
        return self.client.watch_of(organization_id)

    async def call(self, call: Call[T], *, observer: CallObserver | None = None, once: bool = False) -> T:
        """Send a call, each attempt when it is this worker's turn; a refusal makes all others wait as well."""
        watching = _Watching(self, observer)
        try:
            return await self.client.call(call, observer=watching, once=once)
        except PackCloudError as error:
            watching.refused_by(error)
            raise
        finally:
            await watching.until_told()


@define(eq=False)
class _Watching:
    """Waits for the turn of each attempt, and tells all workers of refusals at once."""

    client: FleetClient
    inner: CallObserver | None
    # Ended before the call is: it owns them.
    _told: "tuple[asyncio.Task[None], ...]" = ()

    async def leaving(self) -> None:
        try:
            good_until = await self.client.shared.turn()
        except LedgerError as error:
            self.client.broken = error
            raise
        if self.inner is not None:
            await self.inner.leaving()
        await self._in_time(good_until)

    async def _in_time(self, good_until: float) -> None:
        """Take another turn for what is late: it would leave together with those whose turn it is now."""
        clock = asyncio.get_running_loop().time
        for _ in range(TURNS_AT_MOST - 1):
            if clock() <= good_until:
                return
            try:
                good_until = await self.client.shared.another()
            except LedgerError:
                # It has had a turn and is recorded as sent: nobody else has one meanwhile.
                return

    def harmless(self) -> None:
        if self.inner is not None:
            self.inner.harmless()

    def retrying(self, details: RetryDetails) -> None:
        self.refused_by(details.error)
        if self.inner is not None:
            self.inner.retrying(details)

    def refused_by(self, error: PackCloudError) -> None:
        """Let everybody wait if this is a refusal."""
        wish = error.retry_after if isinstance(error, ApiError) else None
        if isinstance(error, RateLimited) or (isinstance(error, ApiError) and error.status == 503 and wish is not None):
            pause = self.client.shared.pause(SHORTEST_PAUSE if wish is None else wish)
            self._told = (*self._told, asyncio.get_running_loop().create_task(pause, name="pause the fleet"))

    async def until_told(self) -> None:
        """Wait until all know; a database that is away is told of by whatever is written next."""
        if self._told:
            await until_done(*self._told)
        for told in self._told:
            # Looked at, or the loop would complain of it.
            if not told.cancelled():
                told.exception()
