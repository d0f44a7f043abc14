"""What one wave of a soak is: a world, its faults, and who does what in it, all from a seed and a number."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from attrs import frozen

from packcloud_async import PollPolicy, RetryPolicy, SyncKind, Timeouts
from packcloud_async.emulator import SYNC_ROUTES, Emulator, Envelope, FaultPlan, SyncTimes, WatermarkFormat

SCENARIOS: Final[Mapping[str, int]] = {
    "bulk": 8,
    "ledger": 6,
    "single": 2,
    "cut off": 4,
    "small clients": 3,
    "pairs": 2,
    "again": 2,
}
"""What is done with an organization -> how many of each round of them it is done with."""

TWICE: Final = frozenset({"pairs", "again"})
"""Those in which an integration may be synced twice."""

TIMEOUTS: Final = Timeouts(connect=3, read=1.5, total=3)
SILENCE: Final = 2.0
"""Longer than a client waits for the next byte, shorter than a wave."""

POST_STATUSES: Final = (401, 403, 404, 408, 409, 422, 500, 501, 502, 504)
READ_STATUSES: Final = (401, 403, 404, 408, 410, 425, 500, 502, 504)
_FINAL: Final = frozenset({401, 403, 410, "delete"})
_ANYWHERE: Final = (
    "refuse",
    "drop_before",
    "drop_after",
    "rate_limited",
    "server_error",
    "truncate",
    "bad_json",
    "silent_before",
    "silent_after",
    "reset",
    "slow",
    "empty",
    "bad_shape",
)
_ISO = (WatermarkFormat.PLAIN, WatermarkFormat.FRACTION, WatermarkFormat.OFFSET, WatermarkFormat.NO_ZONE)


@frozen(kw_only=True)
class Wave:
    """One wave. ``shares`` are the organizations of each scenario; ``level`` is the highest chance of any fault."""

    seed: int
    number: int
    level: float
    organizations: int
    integrations: int
    per_page: int
    conflicts: bool
    kinds: tuple[SyncKind, ...]
    times: SyncTimes
    faults: tuple[FaultPlan, ...]
    poll: PollPolicy
    retry: RetryPolicy
    shares: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, seed: int, number: int, *, jobs: int = 200) -> Self:
        """Draw a wave of about so many jobs; the same seed and number give the same wave."""
        draw = random.Random(f"{seed}/{number}")
        integrations = draw.choice([1, 2, 3, 5, 8, 12])
        organizations = max(len(SCENARIOS), jobs // integrations)
        level = draw.choice([0.0, 0.01, 0.02, 0.04, 0.06])
        faults = _faults(draw, level)
        deadline = draw.uniform(1.5, 3.5)
        return cls(
            seed=seed,
            number=number,
            level=level,
            organizations=organizations,
            integrations=integrations,
            per_page=draw.choice([3, 10, 25]),
            conflicts=draw.random() < 0.3,
            kinds=_kinds(draw),
            times=SyncTimes(
                # Some syncs end only after nobody watches any more.
                median=draw.uniform(0.1, 0.7 * deadline),
                spread=draw.uniform(0.1, 1.0),
                finds_nothing=draw.choice([0, 0.2, 0.5]),
                several_steps=draw.choice([0, 0.3]),
                goes_back=draw.choice([0, 0.2]),
            ),
            faults=faults,
            poll=PollPolicy(
                first=draw.uniform(0.1, 0.4),
                growth=1.5,
                ceiling=0.8,
                deadline=round(deadline, 2),
                settle=draw.choice([0, 0, 0.5]),
                jitter=0.2,
                gone_after=0.6,
            ),
            retry=RetryPolicy(attempts=draw.randint(1, 5), first=0.05, ceiling=0.4),
            # A lagging replica makes news of what an earlier sync of the same integration did: see docs/outcomes.md.
            shares=_shares(organizations, twice=not any(plan.stale for plan in faults)),
        )

    def emulator(self) -> Emulator:
        """Build the server of this wave."""
        return Emulator(
            organizations=self.organizations,
            integrations=self.integrations,
            seed=random.Random(f"{self.seed}/{self.number}/world").randrange(1_000_000),
            per_page=self.per_page,
            faults=self.faults,
            sync_times=self.times,
            conflict_while_running=self.conflicts,
            keep_log=True,
        )

    def draw(self, name: str) -> random.Random:
        """Return the draws of one part of the wave."""
        return random.Random(f"{self.seed}/{self.number}/{name}")


def _kinds(draw: random.Random) -> tuple[SyncKind, ...]:
    if draw.random() < 0.5:
        return tuple(SyncKind)
    return tuple(kind for kind in SyncKind if draw.random() < 0.6) or (SyncKind.ORDERS,)


def _shares(organizations: int, *, twice: bool) -> Mapping[str, Sequence[str]]:
    names = [name for name, parts in SCENARIOS.items() for _ in range(parts) if twice or name not in TWICE]
    # One of each first, so that a small world has all of them.
    names = [*dict.fromkeys(names), *names]
    shares: dict[str, list[str]] = {name: [] for name in SCENARIOS}
    for number in range(organizations):
        shares[names[number % len(names)]].append(f"org_{number + 1}")
    return shares


def _faults(draw: random.Random, level: float) -> tuple[FaultPlan, ...]:
    same_format = draw.choice([None, *WatermarkFormat])
    # A server that acted and says "come back later" would make anybody repeat a POST.
    acted = draw.random() < 0.3
    common: dict[str, Any] = {
        "latency": draw.choice([0, 0, 0.02]),
        "latency_spread": draw.choice([0, 0.05, 0.2]),
        "silence": SILENCE,
        "slowness": draw.uniform(0.1, 1.0),
        "retry_after": draw.choice([0, 0, 1, None]),
        "retry_after_as_date": draw.random() < 0.3,
        "server_error_burst": draw.choice([1, 1, 4]),
        "server_error_acted": acted,
        "server_error_status": draw.choice([500, 502, 503, 504]),
        "server_error_retry_after": None if acted else draw.choice([None, 0]),
        "envelope": draw.choice(list(Envelope)),
        "relative_links": draw.random() < 0.3,
    }
    lags = draw.random() < 0.4

    def plan(routes: frozenset[str] | None, names: Sequence[str], statuses: Sequence[int]) -> FaultPlan:
        return FaultPlan(
            routes=routes,
            watermark_format=same_format or draw.choice(_ISO),
            statuses=_chances(draw, statuses, level / 3),
            **_chances(draw, names, level),
            **common,
        )

    read = (*_ANYWHERE, *(["stale"] if lags else []))
    statuses = tuple(s for s in POST_STATUSES if s != 501 or not acted)
    return (
        plan(SYNC_ROUTES, (*_ANYWHERE, "delete"), statuses),
        plan(frozenset({"integration"}), (*read, "delete"), READ_STATUSES),
        plan(None, read, READ_STATUSES),
    )


def _chances(draw: random.Random, names: Sequence[Any], most: float) -> dict[Any, float]:
    """Draw a chance for each of a part of these; what ends a job for good, or slows all of a client, is rarer."""
    drawn = {name: draw.uniform(0, most / 4 if name in _FINAL or name == "rate_limited" else most) for name in names}
    return {name: round(chance, 5) for name, chance in drawn.items() if draw.random() < 0.6}
