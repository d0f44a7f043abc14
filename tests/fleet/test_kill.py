"""A fleet in processes of its own, whose workers are killed at random instants, and whose database restarts."""

import random

import pytest

from packcloud_async import PollPolicy, SyncKind
from packcloud_async.emulator import FaultPlan

from ..support.fleet_runs import Plan, run_fleet
from .conftest import QUICK_SYNCS

pytestmark = pytest.mark.sockets


async def test_nothing_is_lost_and_nothing_repeated_whoever_is_killed(postgres):
    plan = Plan(
        workers=3,
        organizations=16,
        integrations=3,
        kinds=(SyncKind.ORDERS, SyncKind.STOCKS),
        poll=PollPolicy(first=0.3, growth=1.5, ceiling=1, deadline=2),
        sync_times=QUICK_SYNCS,
        faults=FaultPlan(latency=0.05, latency_spread=0.2),
        rate=50,
        kills=3,
        within=120,
    )
    found = await run_fleet(postgres.database("fleet"), plan, random.Random(7), restart=postgres.restart)
    assert found.wrong == []
    assert found.jobs == 48
    # Some leave late, on a machine that is busy.
    assert found.fullest_second <= 50 * 1.15
