"""Every public coroutine is cancelled everywhere: nothing is left, nothing is repeated, and the client goes on."""

import asyncio
import os
import random
import tempfile
from pathlib import Path

import pytest

from ..support.cancelling import When, sweep_instants, sweep_moments, sweep_twice
from ..support.debugged import DebuggedLoop
from ..support.moments import MomentLoop
from .scenarios import SCENARIOS
from .stage import in_memory, over_sockets, play


def in_a_loop_of_its_own(make, scenario, canceller, opening, folder):
    random.seed(1)
    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(play(scenario, canceller, opening, folder))


@pytest.fixture
def folder(tmp_path):
    """Thousands of ledgers are made: where the system keeps a folder in memory, none of them waits for a disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield Path(made)


def by_name(scenarios):
    return pytest.mark.parametrize("scenario", scenarios, ids=lambda scenario: scenario.name.replace(" ", "-"))


IN_MEMORY = [scenario for scenario in SCENARIOS if scenario.in_memory]
OVER_SOCKETS = [scenario for scenario in SCENARIOS if scenario.over_sockets]


@by_name(IN_MEMORY)
@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_cancelled_at_every_await_point_and_again_on_the_way_out(scenario, when, folder):
    for canceller in sweep_twice(when):
        in_a_loop_of_its_own(MomentLoop, scenario, canceller, in_memory, folder)


@by_name(IN_MEMORY)
def test_cancelled_between_any_two_things_the_loop_does(scenario, folder):
    for canceller in sweep_moments(every=scenario.every):
        in_a_loop_of_its_own(MomentLoop, scenario, canceller, in_memory, folder)


@by_name(IN_MEMORY)
def test_a_timeout_that_expires_at_any_instant_is_a_timeout_error(scenario, folder):
    for canceller in sweep_instants():
        in_a_loop_of_its_own(MomentLoop, scenario, canceller, in_memory, folder)


@pytest.mark.sockets
@by_name(OVER_SOCKETS)
@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_cancelled_at_every_await_point_over_sockets(scenario, when, folder):
    for canceller in sweep_twice(when):
        in_a_loop_of_its_own(DebuggedLoop, scenario, canceller, over_sockets, folder)
