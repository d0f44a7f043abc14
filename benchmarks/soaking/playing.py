"""One wave as it is played: where its server is, its clients, and what became of its jobs."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from benchmarks.soaking.plan import TIMEOUTS, Wave
from benchmarks.soaking.wire import Tap, WireLog
from packcloud_async import AsyncSyncJob, KindOutcome, PackCloudClient, SyncKind
from packcloud_async._io.transport import AiohttpTransport
from packcloud_async.client import DEFAULT_BODY_LIMIT


@frozen(repr=False)
class RenewedToken:
    """A token that the server takes again when it is renewed."""

    _token: str

    async def headers(self, *, refused: bool) -> Mapping[str, str]:
        """Return the header, a little different after a refusal."""
        renewed = {"X-Renewed": "yes"} if refused else {}
        return {"Authorization": f"Bearer {self._token}", **renewed}


@frozen
class Place:
    """Where the server of a wave is, and how it is entered."""

    base_url: str
    token: str


def open_client(place: Place, wave: Wave, log: WireLog, *, connections: int, renews: bool) -> PackCloudClient:
    """Open a client whose requests are noted."""
    tap = Tap(AiohttpTransport(TIMEOUTS, connections, DEFAULT_BODY_LIMIT), log)
    return PackCloudClient(
        auth=RenewedToken(place.token) if renews else None,
        token=None if renews else place.token,
        base_url=place.base_url,
        timeouts=TIMEOUTS,
        retry=wave.retry,
        max_connections=connections,
        transport=tap,
    )


def outcome_told(outcome: KindOutcome) -> dict[str, Any]:
    """Write an outcome as the judge reads it."""
    return {
        "state": outcome.state.value,
        "before": outcome.before,
        "after": outcome.after,
        "error": None if outcome.error is None else type(outcome.error).__name__,
    }


@define
class Playing:
    """One wave as it is played; ``large`` is a client that outlives the wave."""

    wave: Wave
    place: Place
    large: PackCloudClient
    log: WireLog
    folder: Path
    jobs: list[dict[str, Any]] = field(factory=list)

    def tell(
        self,
        scenario: str,
        organization: str,
        integration: str | None,
        outcomes: Mapping[SyncKind, KindOutcome],
        *,
        began: float,
        error: BaseException | str | None = None,
        ended: float | None = None,
        cuts: Sequence[tuple[float, float]] = (),
    ) -> None:
        """Write down what became of a job."""
        self.jobs.append(
            {
                "scenario": scenario,
                "organization": organization,
                "integration": integration,
                "kinds": self.wave.kinds,
                "began": began,
                "ended": now() if ended is None else ended,
                "outcomes": {kind.value: outcome_told(outcome) for kind, outcome in outcomes.items()},
                "error": error if isinstance(error, str | None) else type(error).__name__,
                "cuts": list(cuts),
            }
        )

    def job(self, client: PackCloudClient, organization: str, integration: str) -> AsyncSyncJob:
        """Make a job of this wave."""
        return AsyncSyncJob(client, organization, integration, kinds=self.wave.kinds, poll=self.wave.poll)

    @property
    def integrations(self) -> list[str]:
        """The ids of the integrations of every organization."""
        return [f"int_{number}" for number in range(1, self.wave.integrations + 1)]

    @asynccontextmanager
    async def small(self, draw: random.Random) -> AsyncIterator[PackCloudClient]:
        """Open a client for a few jobs."""
        client = open_client(
            self.place, self.wave, self.log, connections=draw.choice([1, 2, 5]), renews=draw.random() < 0.5
        )
        async with client:
            yield client


def now() -> float:
    """Return the loop's time."""
    return asyncio.get_running_loop().time()
