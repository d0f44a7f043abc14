"""The proof of the ledger: real processes are killed in real runs, and nothing is lost, repeated or wrong."""

import os
import random

import pytest

from .support.killing import INTEGRATIONS, ORGANIZATIONS_OF_A_RUN, Found, kill_runs

pytestmark = [pytest.mark.sockets, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]
KILLS = 30
KILLS_UNDER_FAULTS = 10
AT_ONCE = 6


def assert_nothing_is_wrong(tally):
    assert tally.failed == []
    assert (tally.verdict.lost, tally.verdict.repeated, tally.verdict.wrong) == ([], [], [])


async def test_whenever_a_run_is_killed_nothing_is_lost_nothing_repeated_and_every_outcome_is_true(tmp_path):
    tally = await kill_runs(tmp_path, random.Random(1), kills=KILLS, at_once=AT_ONCE)
    assert_nothing_is_wrong(tally)
    assert tally.verdict.jobs == tally.runs * ORGANIZATIONS_OF_A_RUN * INTEGRATIONS
    # Without faults, each POST arrived once, or not at all if its process was killed just before.
    assert tally.posts == tally.accepted <= tally.verdict.kinds
    assert tally.kills >= KILLS
    for found in (Found.LISTING, Found.PLANNED, Found.SENT, Found.WATCHED):
        assert tally.found[found] >= 2, tally.found


async def test_the_same_holds_when_connections_break_and_requests_fail_as_well(tmp_path):
    tally = await kill_runs(tmp_path, random.Random(2), kills=KILLS_UNDER_FAULTS, at_once=AT_ONCE, rough=True)
    assert_nothing_is_wrong(tally)
    assert tally.kills >= KILLS_UNDER_FAULTS
